"""After the erasure: the suppression list and looking again. Threats E5, E9."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from piirag import MasterKey, MemoryVault, SQLiteVault
from piirag.erasure import ErasureService
from piirag.erasure.journal_sqlite import SQLiteJournal
from piirag.erasure.retry import NO_RETRY
from piirag.erasure.subjects import Subjects
from piirag.erasure.suppression import SuppressionList
from piirag.errors import ErasureError, InvalidUserIdError, UserErasedError, VaultKeyError
from piirag.vault import KeyRing
from support.erasure import RowsTarget
from support.subjects import Place

GONE = "alice_the_erased"
KEY = MasterKey.generate()


class Deployment:
    """One vault, one store, one journal in a folder."""

    def __init__(self, folder: Path, key: Any = KEY, **options: Any) -> None:
        self.folder = folder
        self.vault = SQLiteVault(folder / "vault.db", key)
        self.rows = RowsTarget(folder / "rows")
        self.journal = SQLiteJournal(folder / "erasure.db")
        self.service = ErasureService(
            [self.rows], vault=self.vault, journal=self.journal, retry=NO_RETRY, **options
        )

    def fill(self, *users: str) -> None:
        for user in users:
            self.vault.open(user).put([("t", {"v": user}, False)])
            self.rows.fill(user)

    def close(self) -> None:
        self.vault.close()
        self.journal.close()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


def restored(place: Path, backup: Path, *names: str) -> Deployment:
    for name in names:
        for old in place.glob(f"{name}*"):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        source = backup / name
        if source.is_dir():
            shutil.copytree(source, place / name)
        else:
            shutil.copy(source, place / name)
    return Deployment(place)


@pytest.mark.parametrize("journal_too", [False, True])
def test_E9_a_restore_from_backup_does_not_bring_users_back(
    place: Path, tmp_path: Path, journal_too: bool
) -> None:
    one = Deployment(place)
    one.fill(GONE, "bob", "never_erased")
    one.close()
    shutil.copytree(place, tmp_path / "backup")
    one = Deployment(place)
    one.service.delete_user(GONE)
    exported = tmp_path / "list"
    assert one.service.suppression.export_file(exported) == 1
    assert stat.S_IMODE(exported.stat().st_mode) == 0o600
    assert GONE not in exported.read_text()
    with pytest.raises(ErasureError, match="cannot be written"):
        one.service.suppression.export_file(exported)
    one.close()

    names = ["vault.db", "rows", *(["erasure.db"] if journal_too else [])]
    two = restored(place, tmp_path / "backup", *names)
    assert two.rows.read(GONE), "the backup holds the user"
    two.vault.open(GONE)
    if journal_too:
        assert len(two.service.suppression) == 0
        assert two.service.suppression.import_file(exported) == 1
    done = two.service.suppression.reapply(two.service)
    assert done.complete
    assert [r.deleted for r in done.receipts] == [6]
    assert not two.rows.read(GONE)
    with pytest.raises(UserErasedError):
        two.vault.open(GONE)
    assert two.rows.read("bob") and two.rows.read("never_erased")
    again = two.service.suppression.reapply(two.service)
    assert (again.receipts, again.absent, again.unmatched) == ((), 1, 0)
    two.close()


def test_E9_a_restored_vault_gets_its_tombstone_even_where_nothing_came_back(place: Path) -> None:
    one = Deployment(place)
    one.fill(GONE)
    one.service.delete_user(GONE)
    one.vault.reinstate(GONE)
    assert not one.vault.has_user(GONE)
    done = one.service.suppression.reapply(one.service)
    assert len(done.receipts) == 1
    assert one.vault.is_erased(GONE)


def test_with_hashes_only_the_list_needs_candidates(place: Path) -> None:
    one = Deployment(place, keep_ids=False)
    one.fill(GONE, "bob")
    one.service.delete_user(GONE)
    assert one.journal.suppressed()[0].sealed is None
    one.rows.fill(GONE)
    listed = one.service.suppression
    assert listed.reapply(one.service).unmatched == 1
    assert one.rows.read(GONE)
    done = listed.reapply(one.service, candidates=["bob", GONE, "somebody"])
    assert [r.deleted for r in done.receipts] == [5]
    assert one.rows.read("bob")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        '{"format": "piirag-suppression-list/1", "entries": 2}\n',
        '{"format": "other", "entries": 0}\n',
        '{"format": "piirag-suppression-list/1", "entries": 1}\n'
        '{"subject": "x", "sealed": null, "since": 1}\n',
        '{"format": "piirag-suppression-list/1", "entries": 1}\n[]\n',
        "[" * 50_000,
    ],
)
def test_a_list_that_is_cut_off_or_none_is_refused(place: Path, tmp_path: Path, text: str) -> None:
    one = Deployment(place)
    (tmp_path / "list").write_text(text)
    with pytest.raises(ErasureError):
        one.service.suppression.import_file(tmp_path / "list")
    assert len(one.service.suppression) == 0


def test_a_list_of_another_deployment_or_an_altered_one_is_refused(
    place: Path, tmp_path: Path
) -> None:
    one = Deployment(place)
    one.fill(GONE, "bob")
    one.service.delete_users([GONE, "bob"])
    one.service.suppression.export_file(tmp_path / "list")
    (tmp_path / "other").mkdir()
    other = Deployment(tmp_path / "other", MasterKey.generate())
    with pytest.raises(VaultKeyError):
        other.service.suppression.import_file(tmp_path / "list")
    assert len(other.service.suppression) == 0
    head, first, second = (tmp_path / "list").read_text().splitlines()
    a, b = json.loads(first), json.loads(second)
    a["sealed"], b["sealed"] = b["sealed"], a["sealed"]
    (tmp_path / "swapped").write_text("\n".join([head, json.dumps(a), json.dumps(b)]))
    with pytest.raises(VaultKeyError):
        one.service.suppression.import_file(tmp_path / "swapped")


def test_ids_are_sealed_anew_when_the_master_key_is_replaced(place: Path) -> None:
    one = Deployment(place)
    one.fill(GONE)
    one.service.delete_user(GONE)
    one.close()
    newer = MasterKey.generate()
    two = Deployment(place, KeyRing(newer, KEY))
    two.vault.rotate()
    assert two.service.suppression.reseal() == 1
    assert two.service.suppression.reseal() == 0
    two.close()
    three = Deployment(place, newer)
    three.rows.fill(GONE)
    [receipt] = three.service.suppression.reapply(three.service).receipts
    assert receipt.deleted == 5


def test_verify_tells_absent_present_in_files_and_unknown(place: Path, monkeypatch: Any) -> None:
    one = Deployment(place)
    one.fill(GONE, "bob")
    found = one.service.verify(GONE)
    assert (found.status, found.erased, found.refused) == ("present", None, False)
    one.service.delete_user(GONE)
    found = one.service.verify(GONE)
    assert found.status == "in files"
    assert found.targets[0].residue["rows.db"]["ids"] > 0
    assert found.erased is not None and found.refused and found.journal_clean
    assert GONE not in json.dumps(found.to_dict())
    one.rows.fill("carol")
    one.service.delete_user("carol", physical=True)
    found = one.service.verify(GONE, texts=[f"the text number 1 of {GONE} and nobody else"])
    assert found.status == "absent"
    assert found.absent
    one.rows.fill(GONE)
    assert one.service.verify(GONE).status == "present"

    def down(user_id: str) -> int:
        raise OSError

    monkeypatch.setattr(one.rows, "count", down)
    found = one.service.verify(GONE)
    assert (found.status, found.targets[0].error) == ("unknown", "builtins.OSError")


def test_verify_finds_a_text_in_the_bytes(place: Path) -> None:
    one = Deployment(place)
    one.fill("al")
    one.service.delete_user("al")
    found = one.service.verify("al", texts=["the text number 1 of al and nobody else"])
    assert found.targets[0].residue["rows.db"]["texts"] == 1
    assert found.status == "in files"
    assert "too short" in found.note


def test_verify_looks_for_keyed_tags_too(tmp_path: Path) -> None:
    pytest.importorskip("chromadb")
    vault = MemoryVault()
    place = Place("chroma", vault, tmp_path / "chroma", keyed=True)
    place.write(GONE, {"1": "a text of one user and nobody else"})
    place.write("bob", {"1": "a text of another user and nobody else"})
    service = ErasureService([place.target], vault=vault)
    assert service.delete_user(GONE).complete
    found = service.verify(GONE)
    assert found.status == "in files"
    assert any(kinds.get("ids") for kinds in found.targets[0].residue.values())
    place.target.reclaim(GONE)
    assert service.verify(GONE).absent


def test_verify_says_that_an_erasure_is_not_finished(place: Path, monkeypatch: Any) -> None:
    one = Deployment(place)
    one.fill(GONE)

    def down(user_id: str) -> None:
        raise OSError

    with monkeypatch.context() as patched:
        patched.setattr(one.rows, "delete", down)
        one.service.delete_user(GONE)
    found = one.service.verify(GONE)
    assert found.status == "present" and found.unfinished
    one.rows.delete(GONE)
    assert one.service.verify(GONE).status == "unknown", "the journal has not seen its end"
    with pytest.raises(InvalidUserIdError):
        one.service.verify("")


def test_subjects_without_a_vault_mean_nothing_elsewhere() -> None:
    one, two = Subjects(None), Subjects(None)
    assert one.subject(GONE) != two.subject(GONE)
    assert one.open(one.subject(GONE), one.seal(GONE)) == GONE
    moved = one._ring.wrap(b"bob", f"erasure|{one.subject(GONE)}")
    with pytest.raises(VaultKeyError):
        one.open(one.subject(GONE), moved)
    vault = MemoryVault()
    assert Subjects(vault).subject(GONE) == vault.receipt_subject(GONE)
    assert len(SuppressionList(ErasureService([vault]).journal, Subjects(vault))) == 0
