"""`piirag scan`: what it reads, prints and ends with."""

from __future__ import annotations

import json
import sqlite3
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from piirag import MasterKey, SQLiteVault
from piirag.cli import app
from piirag.governance.scan import ScanReport
from support.canary import Canaries
from support.erasure import RowsTarget

MAIL, PHONE = "kelda.zorvane@example.org", "+1 415 555 2671"
CANARIES = Canaries([MAIL, PHONE, "kelda"])
RUN = CliRunner()
CLEAN, FOUND, UNREAD, USAGE = 0, 3, 5, 2


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / f"{MAIL}.txt").write_text(f"Write to {MAIL} or call {PHONE}.")
    (tmp_path / "docs" / "clean.txt").write_text("Nothing is here.")
    return tmp_path


def run(*arguments: str) -> Any:
    return RUN.invoke(app, ["scan", *arguments])


def test_a_folder(folder: Path) -> None:
    done = run("docs", "--html", "report.html")
    assert done.exit_code == CLEAN, done.output
    assert "2 texts, 1 with personal data (50%)" in done.output
    assert "[EMAIL_ADDRESS].txt" in done.output
    page = folder / "report.html"
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert not CANARIES.scan_bytes(done.output.encode() + page.read_bytes())


def test_json_is_all_that_is_printed(folder: Path) -> None:
    done = run("docs", "--json")
    report = ScanReport.from_json(done.stdout)
    assert report.findings == {"EMAIL_ADDRESS": 1, "PHONE_NUMBER": 1}
    assert not CANARIES.scan_bytes(done.output.encode())
    assert MAIL in run("docs", "--json", "--show-values").stdout


def test_a_terminal_shows_how_far_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("docs", "--json").stderr == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    done = run("docs", "--json")
    assert "Files, 2 texts" in done.stderr
    assert ScanReport.from_json(done.stdout).texts == 2


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ("any", FOUND),
        ("0", FOUND),
        ("1", FOUND),
        ("2", CLEAN),
        ("EMAIL_ADDRESS", FOUND),
        ("credit_card, phone_number", FOUND),
        ("CREDIT_CARD,HEALTH", CLEAN),
        ("EMAIL_ADRESS", USAGE),
        ("-1", USAGE),
        (",", USAGE),
        ("²", USAGE),
        ("9" * 5000, USAGE),
    ],
)
def test_exit_codes(folder: Path, limit: str, code: int) -> None:
    assert run("docs", "--fail-on", limit).exit_code == code


def test_what_could_not_be_read_is_no_clean_end(folder: Path) -> None:
    (folder / "docs" / "broken.docx").write_bytes(b"PK")
    assert run("docs").exit_code == CLEAN
    assert run("docs", "--fail-on", "CREDIT_CARD").exit_code == UNREAD
    assert run("docs", "--fail-on", "EMAIL_ADDRESS").exit_code == FOUND


def test_wrong_usage(folder: Path) -> None:
    for name, table in (("crm.db", "a"), ("b.db", "b")):
        with sqlite3.connect(folder / name) as db:
            db.execute(f"CREATE TABLE {table} (x)")
        db.close()
    assert run("--table", "crm.db", "--table", "b.db", "--only", "a").exit_code == CLEAN
    for wrong in (
        [],
        ["none"],
        ["docs", "--sample", "0"],
        ["docs", "--sample", "x%"],
        ["docs", "--policy", "none.toml"],
        ["--table", "none.db"],
        ["--table", "env:NOT_SET"],
        ["--store", "crm"],
        ["docs", "--only", "a"],
        ["--table", "crm.db", "--only", "misspelt", "--fail-on", "any"],
        ["--table", "crm.db", "--table", "b.db", "--only", "a", "--only", "c"],
    ):
        done = run(*wrong)
        assert done.exit_code == USAGE, wrong
        assert "Traceback" not in done.output
        assert done.output.startswith("piirag: ")


def test_a_sample(folder: Path) -> None:
    for text, asked in (("1", 1), ("50%", 0.5), ("100%", None)):
        report = ScanReport.from_json(run("docs", "--json", "--sample", text).stdout)
        assert (report.sample and report.sample.asked) == asked


def test_the_policy_of_the_configuration_and_of_a_file(folder: Path) -> None:
    (folder / "piirag.toml").write_text('[policy]\nentities = ["PHONE_NUMBER"]\n')
    (folder / "mail.toml").write_text('[policy]\nentities = ["EMAIL_ADDRESS"]\n')
    found = json.loads(run("docs", "--json").stdout)
    assert found["findings"] == {"PHONE_NUMBER": 1}
    assert found["policy"]["entities"] == ["PHONE_NUMBER"]
    named = json.loads(run("docs", "--json", "--policy", "mail.toml").stdout)
    assert named["findings"] == {"EMAIL_ADDRESS": 1}


def test_tables(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with sqlite3.connect(folder / "crm.db") as db:
        db.execute("CREATE TABLE a (x)")
        db.execute("CREATE TABLE b (x)")
        db.execute("INSERT INTO a VALUES (?)", (MAIL,))
        db.execute("INSERT INTO b VALUES (?)", (PHONE,))
    db.close()
    monkeypatch.setenv("CRM", f"sqlite:///{folder / 'crm.db'}")
    for table in ("crm.db", f"sqlite:///{folder / 'crm.db'}", "env:CRM"):
        report = ScanReport.from_json(run("--table", table, "--only", "a", "--json").stdout)
        assert {s.name: dict(s.fields) for s in report.sources} == {
            "a": {"x": {"EMAIL_ADDRESS": 1}}
        }
    wrong = run("--table", "postgresql+psycopg://user:s3cret@127.0.0.1:1/db", "--fail-on", "any")
    assert wrong.exit_code == UNREAD
    assert "s3cret" not in wrong.output


def test_a_store_of_the_configuration(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = MasterKey.generate()
    key.to_file(folder / "master.key")
    SQLiteVault(folder / "vault.db", key).open("alice")
    chromadb = pytest.importorskip("chromadb")
    held = chromadb.EphemeralClient().get_or_create_collection("scan_cli", embedding_function=None)
    held.add(ids=["1"], documents=[f"call {PHONE}"], embeddings=[[0.0, 1.0]])
    module = type(sys)("our_store")
    module.targets = lambda: [held, RowsTarget(folder / "rows")]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "our_store", module)
    (folder / "piirag.toml").write_text(
        '[vault]\npath = "vault.db"\nkey_file = "master.key"\n'
        '[[stores]]\nkind = "python"\ntarget = "our_store:targets"\nname = "crm"\n'
    )
    report = ScanReport.from_json(run("--store", "crm", "--json").stdout)
    assert report.findings == {"PHONE_NUMBER": 1}
    unknown = run("--store", "none")
    assert unknown.exit_code == USAGE
    assert "no such store; there are: crm" in unknown.output
