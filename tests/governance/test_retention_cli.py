"""`piirag retention run` and `show`, and the runner that a `piirag.toml` describes."""

from __future__ import annotations

import json
import sqlite3
import stat
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from langchain_piirag import ChatHistories, SQLHistoryStore
from piirag import MasterKey, Scrubber, SQLiteVault
from piirag.cli import app
from piirag.erasure import COMPLETE
from piirag.erasure.journal_sqlite import SQLiteJournal
from piirag.governance.retention import CallableRetention, FileLock, RetentionRunner
from piirag.redaction.mapping import RedactionMapping
from support.canary import Canaries

RUN = CliRunner()
DAY = 86_400.0
SECRET = "ottoline@brightmail.com"


class Place:
    """A folder with everything that is kept for a time, each a bit of it over."""

    def __init__(self, folder: Path) -> None:
        import chromadb

        self.folder = folder
        now = time.time()
        key = MasterKey.generate()
        key.to_file(folder / "master.key")
        vault = SQLiteVault(folder / "vault.db", key)
        mapping = RedactionMapping()
        mapping.add("[EMAIL_ADDRESS_1]", SECRET, "EMAIL_ADDRESS")
        vault.sessions.put(mapping, user_id="alice", session_id="over", ttl=1e-6)
        vault.sessions.put(mapping, user_id="alice", session_id="waits", ttl=600)
        journal = SQLiteJournal(folder / "erasure.db")
        sql = "UPDATE {erasures} SET finished = ? WHERE id = ?"
        for subject, finished in (("a", now - 3651 * DAY), ("b", now)):
            id = journal.begin(subject, b"", physical=False, since=0).id
            journal.acquire(id, "me", 60)
            journal.finish(id, "me", COMPLETE, "{}")
            journal._do(lambda db, f=finished, i=id: db.change(sql, f, i))
        journal.close()
        client = chromadb.PersistentClient(str(folder / "chroma"))
        chunks = client.create_collection("crm", embedding_function=None)
        ends: list[Any] = [{"expires_at": now - 1, "user_id": "alice"}, {"user_id": "alice"}]
        chunks.add(ids=["1", "2"], embeddings=[[1.0], [2.0]], metadatas=ends)
        self.chats = SQLHistoryStore(f"sqlite:///{folder}/chats.db")
        self.chats._add("owner", "s", [(now - 31 * DAY, "{}"), (now - DAY, "{}")])
        scrubber = Scrubber(vault=vault)
        self.histories = ChatHistories(self.chats, scrubber=scrubber)
        self.toml = folder / "piirag.toml"
        self.write('targets = ["our_app:targets"]\nreceipts = "receipts"\n')

    def write(self, retention: str, stores: str = "") -> None:
        self.toml.write_text(
            f'[vault]\npath = "vault.db"\nkey_file = "master.key"\n'
            f'[erasure]\nsigning_key = "signing.key"\n[retention]\n{retention}'
            f'[[stores]]\nkind = "chroma"\npath = "chroma"\ncollection = "crm"\n{stores}'
        )

    def run(self, *arguments: str) -> Any:
        return RUN.invoke(app, ["retention", *arguments, "--config", str(self.toml)])


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    place = Place(tmp_path)
    module = type(sys)("our_app")
    module.targets = lambda: [place.histories]  # type: ignore[attr-defined]
    module.histories = place.histories  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "our_app", module)
    return place


def test_a_run_deletes_what_is_over_everywhere(place: Place) -> None:
    counted = place.run("run", "--dry-run", "--json")
    assert counted.exit_code == 0, counted.output
    over = {t["kind"]: t["over"] for t in json.loads(counted.stdout)["targets"]}
    assert over == {
        "vault sessions": 1,
        "receipts": 1,  # in the journal; the folder is not made for this
        "expired chunks": 1,
        "chunks": None,
        "conversations": 1,
    }
    done = place.run("run", "--json")
    assert done.exit_code == 0, done.output
    receipt = json.loads(done.stdout)
    deleted = {t["name"]: t["deleted"] for t in receipt["targets"] if t["deleted"]}
    assert deleted == {
        "vault sessions:SQLite": 1,
        "journal of erasures": 1,
        "chroma:crm": 1,
        "ChatHistories:SQLHistoryStore": 1,
    }
    assert receipt["deleted"] == 4
    assert place.chats.count("owner") == 1
    [file] = (place.folder / "receipts").glob("*.json")
    assert json.loads(file.read_text()) == receipt
    assert stat.S_IMODE((place.folder / "receipts").stat().st_mode) == 0o700
    assert not Canaries([SECRET, "alice"]).scan_bytes(file.read_bytes())
    again = place.run("run")
    assert (again.exit_code, again.stdout.splitlines()[0]) == (
        4,
        "retention complete: 0 items deleted",
    )


def test_the_receipt_is_checked_with_the_public_key(place: Place) -> None:
    place.run("run")
    [file] = (place.folder / "receipts").glob("*.json")
    key = RUN.invoke(app, ["public-key", "--config", str(place.toml)]).stdout.strip()
    good = RUN.invoke(app, ["verify-receipt", str(file), "--public-key", key])
    assert good.exit_code == 0, good.output
    assert "retention complete: 4 items deleted" in good.stdout
    file.write_text(file.read_text().replace('"deleted": 4', '"deleted": 5'))
    assert RUN.invoke(app, ["verify-receipt", str(file), "--public-key", key]).exit_code == 1


def test_show_says_what_is_kept_where(place: Place) -> None:
    place.write('conversations_days = 7\ntargets = ["our_app:histories"]\n')
    shown = place.run("show")
    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    assert "conversations: kept 7 days" in lines
    assert lines[lines.index("conversations: kept 7 days") + 1] == "- ChatHistories:SQLHistoryStore"
    assert "vault sessions: kept 15 minutes" in lines
    assert "chunks: kept for ever" in lines
    data = json.loads(place.run("show", "--json").stdout)
    assert data["periods"]["receipts"] == 3650 * DAY
    assert {"vault sessions", "receipts", "conversations"} <= {t["kind"] for t in data["targets"]}
    assert place.chats.count("owner") == 2, "nothing was deleted"


def test_what_is_down_is_told_and_keeps_nothing_else_from_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> Any:
        raise sqlite3.OperationalError(SECRET)

    module = sys.modules["our_app"]
    monkeypatch.setattr(module, "targets", broken)
    down = '[[stores]]\nkind = "chroma"\npath = "no such folder"\ncollection = "crm"\n'
    place.write('targets = ["our_app:targets", "our_app:histories"]\n', down)
    done = place.run("run", "--json")
    assert done.exit_code == 3, done.output
    receipt = json.loads(done.stdout)
    assert receipt["status"] == "partial"
    errors = {t["name"]: t["error"] for t in receipt["targets"] if t["error"]}
    assert errors == {
        "our_app:targets": "sqlite3.OperationalError",
        "chroma:crm": "builtins.FileNotFoundError",
    }
    assert receipt["deleted"] == 4
    assert not Canaries([SECRET]).scan_bytes(done.stdout.encode())


def test_a_vault_that_is_down_leaves_the_rest(place: Place) -> None:
    (place.folder / "vault.db").write_bytes(b"no database")
    for suffix in ("-wal", "-shm"):
        (place.folder / f"vault.db{suffix}").unlink(missing_ok=True)
    done = place.run("run", "--json")
    assert done.exit_code == 3, done.output
    receipt = json.loads(done.stdout)
    failed = {t["name"] for t in receipt["targets"] if t["error"]}
    assert failed == {"vault sessions", "stores, which need the vault"}
    assert receipt["deleted"] == 2


def test_a_run_beside_another_one_says_so(place: Place) -> None:
    lock = FileLock(place.folder / "piirag-retention.lock")
    assert lock.acquire()
    busy = place.run("run")
    assert (busy.exit_code, busy.stdout) == (
        3,
        "retention: another run is under way, nothing was done\n",
    )
    lock.release()
    assert place.run("run").exit_code == 0


@pytest.mark.parametrize(
    "retention",
    [
        "conversations_days = 0\n",
        "conversation_days = 3\n",
        'targets = "our_app:targets"\n',
        'targets = ["our_app"]\n',
        'targets = [":targets"]\n',
        "physical = 1\n",
        "receipts = 3\n",
    ],
)
def test_a_wrong_table_ends_with_code_2(place: Place, retention: str) -> None:
    place.write(retention)
    done = place.run("run")
    assert done.exit_code == 2, done.output
    assert place.chats.count("owner") == 2


def test_a_journal_that_nobody_has_used_is_not_made(place: Place) -> None:
    for path in place.folder.glob("erasure.db*"):
        path.unlink()
    assert place.run("show").exit_code == 0
    assert not list(place.folder.glob("erasure.db*"))


def test_a_target_of_ones_own(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []
    target = CallableRetention(lambda b: given.append(b) or 2, kind="searches")
    monkeypatch.setattr(sys.modules["our_app"], "targets", target)
    place.write('others_days = {searches = 14}\ntargets = ["our_app:targets"]\n')
    runner = RetentionRunner.from_file(place.toml, clock=lambda: 1e9)
    assert runner.run().deleted >= 2
    runner.close()
    assert given == [1e9 - 14 * DAY]


@pytest.mark.parametrize("path", ["a/b/c", "master.key", "master.key/x"])
def test_a_folder_for_receipts_that_cannot_be_is_wrong_usage(place: Place, path: str) -> None:
    place.write(f'receipts = "{path}"\n')
    for arguments in (["run"], ["run", "--dry-run"]):
        done = place.run(*arguments)
        assert done.exit_code == 2, done.output
        assert "receipts" in done.output
    assert place.chats.count("owner") == 2


@pytest.mark.parametrize("arguments", [["run", "--dry-run"], ["show"]])
def test_looking_makes_no_files(place: Place, arguments: list[str]) -> None:
    before = {path.name for path in place.folder.iterdir()}
    done = place.run(*arguments)
    assert done.exit_code == 0, done.output
    assert {path.name for path in place.folder.iterdir()} - before == set()
    assert place.run("run").exit_code == 0
    assert {"signing.key", "receipts"} <= {path.name for path in place.folder.iterdir()}


@pytest.mark.parametrize("name", ["our_apps:targets", "our_app:target", "our_app.more:targets"])
def test_a_misspelt_target_is_wrong_usage(place: Place, name: str) -> None:
    place.write(f'targets = ["{name}"]\n')
    done = place.run("run")
    assert done.exit_code == 2, done.output


def test_a_missing_key_file_is_wrong_usage(place: Place) -> None:
    (place.folder / "master.key").unlink()
    done = place.run("run")
    assert done.exit_code == 2, done.output
    assert place.chats.count("owner") == 2


def test_a_function_that_exits_is_told_without_its_message(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exits() -> Any:
        raise SystemExit(SECRET)

    monkeypatch.setattr(sys.modules["our_app"], "targets", exits)
    done = place.run("run")
    assert done.exit_code == 3, done.output
    assert "builtins.SystemExit" in done.output
    assert not Canaries([SECRET]).scan_bytes(done.output.encode())


@pytest.mark.parametrize("table", ['[erasure]\njournal = "erasure.db"', '[[stores]]\nkind = "x"'])
def test_tables_that_need_the_vault_are_not_left_out(place: Place, table: str) -> None:
    place.toml.write_text(f'[retention]\ntargets = ["our_app:targets"]\n{table}\n')
    done = place.run("run")
    assert done.exit_code == 2, done.output
    assert "[vault]" in done.output
    assert place.chats.count("owner") == 2


def test_a_store_that_is_named_for_a_user_is_not_named(place: Place) -> None:
    more = '[[stores]]\nkind = "chroma"\npath = "chroma"\ncollection = "crm"\nname = "x:alice_2"\n'
    place.write('targets = ["our_app:targets"]\n', more)
    place.toml.write_text(
        place.toml.read_text().replace('collection = "crm"', 'collection = "n"', 1)
    )
    done = place.run("run")
    assert "x:(user)_2" in done.output, done.output
    assert "alice" not in done.output
