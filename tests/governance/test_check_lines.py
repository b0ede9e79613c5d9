"""The lines about configuration, files and journal."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from piirag import MasterKey, SQLiteVault
from piirag.config_file import read_toml
from piirag.erasure import ErasureService
from piirag.erasure.retry import Retry
from piirag.errors import ConfigurationError
from piirag.governance.check import FAIL, NOT_APPLICABLE, PASS, UNKNOWN, CheckConfig, Line, Report
from piirag.governance.check.config import load
from piirag.governance.check.erasure import erasure_lines
from piirag.governance.check.files import file_lines
from piirag.governance.check.parts import audit_lines, provider_lines, retention_lines
from piirag.governance.check.policy import policy_line
from piirag.governance.check.seen import MODEL, Seen
from piirag.governance.providers import ProviderPolicy
from support.erasure import RowsTarget

TOML = """
[vault]
path = "data/vault.db"
key_file = "keys/master.key"
[erasure]
journal = "journal/erasure.db"
signing_key = "keys/signing.key"
"""


class Place:
    """A deployment in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.toml = folder / "piirag.toml"
        for name in ("data", "keys", "journal", "rows"):
            (folder / name).mkdir()
        key = MasterKey.generate()
        key.to_file(folder / "keys/master.key")
        (folder / "keys/signing.key").touch(0o600)
        self.vault = SQLiteVault(folder / "data/vault.db", key)
        self.rows = RowsTarget(folder / "rows")
        self.write(TOML)

    def write(self, text: str) -> None:
        self.toml.write_text(text)

    def service(self, retry: Retry | None = None) -> ErasureService:
        journal = self.folder / "journal/erasure.db"
        return ErasureService([self.rows], vault=self.vault, journal=journal, retry=retry)

    def lines(self, kind: str) -> dict[str, Line]:
        data = read_toml(self.toml)
        found = file_lines(data, self.folder) if kind == "files" else erasure_lines(data, self.toml)
        return {line.id: line for line in found}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_key_apart_from_the_data_passes(place: Place) -> None:
    assert place.lines("files")["vault.key-apart"].status == PASS


@pytest.mark.parametrize(
    ("old", "new", "beside"),
    [
        ("keys/master.key", "data/master.key", "vault"),
        ("keys/signing.key", "journal/signing.key", "journal"),
        ("keys/master.key", "data/chroma/master.key", "store 1"),
    ],
)
def test_a_key_beside_the_data_fails(place: Place, old: str, new: str, beside: str) -> None:
    store = '[[stores]]\nkind = "chroma"\npath = "data/chroma"\ncollection = "c"\n'
    place.write(TOML.replace(old, new) + store)
    line = place.lines("files")["vault.key-apart"]
    assert line.status == FAIL and beside in str(line)


def test_a_link_does_not_hide_where_a_key_lies(place: Place) -> None:
    (place.folder / "apart").symlink_to(place.folder / "data")
    place.write(TOML.replace("keys/master.key", "apart/master.key"))
    assert place.lines("files")["vault.key-apart"].status == FAIL


def test_a_key_that_is_not_there_is_unknown(place: Place) -> None:
    (place.folder / "keys/master.key").unlink()
    assert place.lines("files")["vault.key-apart"].status == UNKNOWN


def test_a_key_in_the_environment(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write(TOML.replace('key_file = "keys/master.key"', 'key_env = "OUR_KEY"'))
    monkeypatch.delenv("OUR_KEY", raising=False)
    assert place.lines("files")["vault.key-apart"].status == UNKNOWN
    monkeypatch.setenv("OUR_KEY", "x")
    assert place.lines("files")["vault.key-apart"].status == PASS


def test_files_that_others_may_read_fail(place: Place) -> None:
    place.service().journal.close()
    assert place.lines("files")["vault.modes"].status == PASS
    os.chmod(place.folder / "data/vault.db", 0o640)
    line = place.lines("files")["vault.modes"]
    assert line.status == FAIL and "vault has mode 0640" in str(line)
    os.chmod(place.folder / "data/vault.db", 0o600)
    (place.folder / "data/vault.db-wal").touch()
    os.chmod(place.folder / "data/vault.db-wal", 0o644)
    assert place.lines("files")["vault.modes"].status == FAIL


def test_without_a_vault_there_is_nothing_to_ask(tmp_path: Path) -> None:
    found = [*file_lines({}, tmp_path), *erasure_lines({}, tmp_path / "piirag.toml")]
    assert {line.status for line in found} == {NOT_APPLICABLE}


def test_an_erasure_that_was_read_back_passes(place: Place) -> None:
    before = place.lines("erasure")
    assert before["erasure.tested"].status == UNKNOWN
    assert not (place.folder / "journal/erasure.db").exists(), "nothing is created"
    place.rows.fill("alice_the_erased")
    service = place.service()
    service.delete_user("alice_the_erased")
    service.journal.close()
    after = place.lines("erasure")
    assert after["erasure.tested"].status == PASS, after
    assert after["erasure.suppression"].status == PASS
    assert "1 users are on it" in str(after["erasure.suppression"])
    assert "alice" not in " ".join(map(str, after.values()))


class Stuck(RowsTarget):
    """A target that cannot delete."""

    def delete(self, user_id: str) -> None:
        raise OSError


def test_an_erasure_that_is_not_finished_fails(place: Place) -> None:
    place.rows = Stuck(place.folder / "rows")
    place.rows.fill("alice_the_erased")
    service = place.service(Retry(attempts=1))
    service.delete_user("alice_the_erased")
    service.journal.close()
    line = place.lines("erasure")["erasure.tested"]
    assert line.status == FAIL and "resume-erasures" in str(line)


def test_a_suppression_list_under_another_key_fails(place: Place) -> None:
    place.rows.fill("alice_the_erased")
    service = place.service()
    service.delete_user("alice_the_erased")
    service.journal.close()
    place.vault.close()
    (place.folder / "data/vault.db").unlink()
    (place.folder / "keys/master.key").unlink()
    key = MasterKey.generate()
    key.to_file(place.folder / "keys/master.key")
    SQLiteVault(place.folder / "data/vault.db", key).close()
    line = place.lines("erasure")["erasure.suppression"]
    assert line.status == FAIL and "cannot be opened" in str(line)


def test_a_journal_that_is_no_journal_fails(place: Place) -> None:
    (place.folder / "journal/erasure.db").write_bytes(b"no database" * 100)
    assert {line.status for line in place.lines("erasure").values()} == {FAIL}


@pytest.mark.parametrize(
    ("table", "status", "why"),
    [
        ("", PASS, "second look"),
        ("[policy.thresholds]\nPHONE_NUMBER = 0.5", FAIL, "PHONE_NUMBER is never found"),
        ("[policy.thresholds]\nDEFAULT = 0.7", FAIL, "PHONE_NUMBER is never found"),
        ("[policy.thresholds]\nPERSON = 1.0", FAIL, "PERSON is never found"),
        ("[policy.thresholds]\nDATE_OF_BIRTH = 1.0", UNKNOWN, "DATE_OF_BIRTH is found only"),
        ('[policy.operators]\nLOCATION = "keep"', UNKNOWN, "operator of LOCATION is keep"),
        ('[policy.operators]\nPERSON = "keep"', FAIL, "operator of PERSON is keep"),
        ('[policy.operators]\nDEFAULT = "keep"', FAIL, "keep"),
        ('second_look = "off"', FAIL, "second_look is off"),
        ('replies = "allow"', UNKNOWN, "model's own"),
        ('model = "none"', UNKNOWN, "no model looks for names"),
        ('entities = ["EMAIL_ADDRESS"]', UNKNOWN, "entities leave out"),
    ],
)
def test_policies(table: str, status: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "piirag.toml"
    path.write_text(f"[policy]\n{table}\n")
    line = policy_line(read_toml(path), path)
    assert line.status == status and why in str(line)


def test_no_policy_table_is_the_default(tmp_path: Path) -> None:
    assert policy_line({}, tmp_path).status == PASS


class TestAuditLines:
    """Whether there is an audit log, and whether its chain holds."""

    def lines(self, folder: Path, table: str) -> dict[str, str]:
        path = folder / "piirag.toml"
        path.write_text(table)
        return {line.id: line.status for line in audit_lines(read_toml(path), path, [])}

    def test_none_fails(self, tmp_path: Path) -> None:
        assert self.lines(tmp_path, "")["audit.on"] == FAIL

    def test_a_log_without_a_key_fails(self, tmp_path: Path) -> None:
        found = self.lines(tmp_path, '[audit]\npath = "a.jsonl"\n')
        assert found == {"audit.on": FAIL, "audit.chain": UNKNOWN}

    @pytest.mark.parametrize("name", ["a.jsonl", "a.db"])
    def test_a_chain_that_holds_passes_and_an_altered_line_fails(
        self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from piirag.governance.audit import AuditConfig

        monkeypatch.setenv("AUDIT_KEY", "A" * 43 + "=")
        table = f'[audit]\npath = "{name}"\nkey_env = "AUDIT_KEY"\n'
        assert self.lines(tmp_path, table)["audit.chain"] == UNKNOWN
        with AuditConfig.from_file(tmp_path / "piirag.toml").open() as log:
            for _ in range(3):
                log.write({"event": "model_call", "outcome": "ok"})
        assert self.lines(tmp_path, table)["audit.chain"] == PASS
        if name == "a.jsonl":
            path = tmp_path / name
            path.write_bytes(path.read_bytes().replace(b'"ok"', b'"error"', 1))
        else:
            with sqlite3.connect(tmp_path / name) as db:
                removed = db.execute("DELETE FROM audit_records WHERE seq = 2").rowcount
            assert removed == 1
        assert self.lines(tmp_path, table)["audit.chain"] == FAIL

    @pytest.mark.parametrize("name", ["a.jsonl", "a.db"])
    @pytest.mark.parametrize("how", ["deleted", "wiped", "begun anew", "empty head"])
    def test_a_log_that_was_deleted_or_wiped_fails(
        self, name: str, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from piirag.governance.audit import AuditConfig

        monkeypatch.setenv("AUDIT_KEY", "A" * 43 + "=")
        table = f'[audit]\npath = "{name}"\nkey_env = "AUDIT_KEY"\n'
        self.lines(tmp_path, table)
        config = AuditConfig.from_file(tmp_path / "piirag.toml")
        config.open().close()
        # Nothing was written yet.
        assert self.lines(tmp_path, table)["audit.chain"] == UNKNOWN
        with config.open() as log:
            log.write({"event": "model_call", "outcome": "ok"})
        assert self.lines(tmp_path, table)["audit.chain"] == PASS
        if how == "deleted":
            (tmp_path / name).unlink()
        elif how == "empty head" and name == "a.jsonl":
            (tmp_path / name).write_bytes(b"")
            (tmp_path / f"{name}.head").write_bytes(b"")
        elif how == "empty head":
            with sqlite3.connect(tmp_path / name) as db:
                db.execute("DELETE FROM audit_records")
                db.execute("DELETE FROM audit_head")
        else:
            for path in tmp_path.glob(f"{name}*"):
                if ".tags" not in path.name:
                    path.unlink()
            if how == "begun anew":
                config.open().close()
        assert self.lines(tmp_path, table)["audit.chain"] == FAIL


@pytest.mark.parametrize(
    ("days", "status"), [((1,), PASS), ((9,), FAIL), ((1, -400), FAIL), ((-400,), FAIL)]
)
def test_a_sweep_that_is_still_to_come_was_none(
    days: tuple[int, ...], status: str, tmp_path: Path
) -> None:
    from piirag.governance.audit import AuditConfig, AuditRecord

    (tmp_path / "audit.key").write_text("A" * 43 + "=")
    (tmp_path / "audit.key").chmod(0o600)
    path = tmp_path / "piirag.toml"
    path.write_text(
        '[audit]\npath = "a.jsonl"\nkey_file = "audit.key"\n[retention]\nchunks_days = 30\n'
    )
    with AuditConfig.from_file(path).open() as log:
        for ago in days:
            log.write(AuditRecord("retention", outcome="ok", time=time.time() - ago * 86400))
    found = {line.id: line for line in retention_lines(read_toml(path), path)}
    assert found["retention.sweep"].status == status


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, PASS),
        ({"models": ["app:llm"]}, PASS),
        ({"allowed_regions": {"any"}}, UNKNOWN),
        ({"require_dpa": False}, UNKNOWN),
    ],
)
def test_a_wrapper_has_to_ask_the_policy_of_the_file(
    changed: dict[str, Any], status: str, tmp_path: Path
) -> None:
    path = tmp_path / "piirag.toml"
    path.write_text('[providers]\nallowed_regions = ["eu"]\n')
    asked = dataclasses.replace(ProviderPolicy.from_file(path), _verdicts={}, **changed)
    seen = [Seen(MODEL, "Model", "app:o", True, policies=(asked,))]
    found = {line.id: line for line in provider_lines(read_toml(path), path, seen, [])}
    assert found["providers.enforced"].status == status


class TestObjects:
    """Objects of the application, by name."""

    def names(self, *names: str) -> tuple[str, ...]:
        return tuple(names)

    def test_they_are_found_beside_the_configuration(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "their_app_1.py").write_text(
            "class A:\n    b = 3\nthing = A()\ndef make():\n    return 4\n"
            "def other(x):\n    return x\nraise_ = property\n"
        )
        named = self.names(
            "their_app_1:thing", "their_app_1:A.b", "their_app_1:make", "their_app_1:other"
        )
        found = load(named, tmp_path)
        assert found.failed == {}
        assert found.objects["their_app_1:A.b"] == 3
        assert found.objects["their_app_1:make"] == 4
        assert callable(found.objects["their_app_1:other"])
        import sys

        assert str(tmp_path) not in sys.path
        monkeypatch.delitem(sys.modules, "their_app_1")

    def test_what_cannot_be_loaded_is_told_by_type_only(self, tmp_path: Path) -> None:
        (tmp_path / "their_app_2.py").write_text("raise ValueError('Ottoline Vance')\n")
        found = load(("their_app_2:x", "no_such_app_3:y"), tmp_path)
        assert found.failed == {
            "their_app_2:x": "ValueError",
            "no_such_app_3:y": "ModuleNotFoundError",
        }

    @pytest.mark.parametrize(
        "names", ['"a"', '["a"]', '["a:"]', '[":b"]', '["a b:c"]', "[1]", '["os:system; x"]']
    )
    def test_wrong_names_are_refused(self, names: str, tmp_path: Path) -> None:
        path = tmp_path / "piirag.toml"
        path.write_text(f"[check]\nobjects = {names}\n")
        with pytest.raises(ConfigurationError, match="objects"):
            CheckConfig.from_file(path)

    def test_an_unknown_key_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "piirag.toml"
        path.write_text("[check]\nobject = []\n")
        with pytest.raises(ConfigurationError, match="did you mean"):
            CheckConfig.from_file(path)


@pytest.mark.parametrize(
    ("states", "passed", "strict"),
    [
        ((PASS, NOT_APPLICABLE), True, True),
        ((PASS, UNKNOWN), True, False),
        ((PASS, FAIL), False, False),
        ((), True, True),
    ],
)
def test_a_report_passes_where_no_line_fails(states: Any, passed: bool, strict: bool) -> None:
    report = Report(tuple(Line(str(i), "?", s) for i, s in enumerate(states)), "0")
    assert (report.passed(), report.passed(strict=True)) == (passed, strict)
    assert report.to_dict()["passed"] == passed
