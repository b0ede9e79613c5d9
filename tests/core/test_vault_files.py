"""The SQLite file, its side files and folders: who may read them, and older forms. Threat P19."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from piirag import MasterKey, Scrubber, SQLiteVault
from piirag.errors import VaultError, VaultKeyError
from piirag.vault.protocol import Entry
from piirag.vault.sqlite import SQLiteBackend

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes are a matter of POSIX")

A = "aa" * 32
_OLD_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE users (
    tag TEXT PRIMARY KEY, wrapped_key BLOB, erased_at REAL, version INTEGER NOT NULL DEFAULT 0);
CREATE TABLE entries (
    tag TEXT NOT NULL, token TEXT NOT NULL, blob BLOB NOT NULL, known INTEGER NOT NULL,
    PRIMARY KEY (tag, token)) WITHOUT ROWID;
"""


@pytest.fixture(autouse=True)
def _open_to_all():
    """The default of most systems: without care, files are made readable by all."""
    before = os.umask(0o000)
    yield
    os.umask(before)


def _modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def test_P19_the_side_files_are_private_too(tmp_path) -> None:
    backend = SQLiteBackend(tmp_path / "v.db")
    backend.create_user(A, b"k")
    assert _modes(tmp_path) == {"v.db": 0o600, "v.db-wal": 0o600, "v.db-shm": 0o600}
    other = SQLiteBackend(tmp_path / "v.db")
    other.erase(A, 1.0)
    other.close()
    backend.create_user("bb" * 32, b"k")
    assert set(_modes(tmp_path).values()) == {0o600}
    backend.close()


def test_P19_side_files_left_by_a_crash_are_made_private(tmp_path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    backend = SQLiteBackend(source / "v.db")
    backend.create_user(A, b"k")
    # A copy of the files as they are now is what a crash would leave.
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for path in source.iterdir():
        (crashed / path.name).write_bytes(path.read_bytes())
        (crashed / path.name).chmod(0o666)
    backend.close()
    again = SQLiteBackend(crashed / "v.db")
    assert set(_modes(crashed).values()) == {0o600}
    assert again.user(A) is not None
    again.close()


def test_P19_folders_are_made_private_on_demand(tmp_path) -> None:
    path = tmp_path / "a" / "b" / "c" / "v.db"
    with pytest.raises(VaultError):
        SQLiteBackend(path)
    assert not (tmp_path / "a").exists()
    SQLiteVault(path, MasterKey.generate(), make_folder=True).close()
    for folder in list(path.parents)[:3]:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_folder_that_is_there_keeps_its_mode(tmp_path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o750)
    SQLiteBackend(folder / "v.db", make_folder=True).close()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o750


def test_without_a_key_no_file_is_made(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("PIIRAG_MASTER_KEY", raising=False)
    with pytest.raises(VaultKeyError):
        SQLiteVault(tmp_path / "v.db")
    assert list(tmp_path.iterdir()) == []


def test_a_file_from_before_indexes_and_sessions_is_brought_up_to_date(tmp_path) -> None:
    path = tmp_path / "v.db"
    with sqlite3.connect(path) as db:
        db.executescript(_OLD_SCHEMA)
        db.execute("INSERT INTO users (tag, wrapped_key) VALUES (?, ?)", (A, b"k"))
        db.execute("INSERT INTO entries VALUES (?, 't', ?, 1)", (A, b"1"))
    db.close()
    for _ in range(2):
        backend = SQLiteBackend(path)
        assert Entry("t", b"1", True) in list(backend.entries(A))
        won = backend.put(A, b"k", [Entry("s", b"2", index=b"i")])
        assert won == {"s": Entry("s", b"2", index=b"i")}
        assert backend.count_sessions(A, 0.0) == 0
        backend.close()


def test_what_sqlite_raises_does_not_travel_along(tmp_path) -> None:
    backend = SQLiteBackend(tmp_path / "v.db")
    backend.create_user(A, b"k")
    calls = [
        lambda: backend.put(A, b"k", [Entry("Jane\ud800", b"1")]),
        lambda: backend.get(A, ["Jane\ud800"]),
    ]
    for call in calls:
        with pytest.raises(VaultError) as caught:
            call()
        assert caught.value.__context__ is None
        assert "Jane" not in repr(vars(caught.value)) + str(caught.value)
    assert backend.count(A) == 0
    backend.close()
    with pytest.raises(VaultError) as caught:
        backend.create_user(A, b"k")
    assert caught.value.__context__ is None


def test_P20_no_byte_of_an_erased_session_or_index_stays_in_the_files(tmp_path) -> None:
    backend = SQLiteBackend(tmp_path / "v.db")
    backend.create_user(A, b"wrapped-key-bytes")
    backend.put(A, b"wrapped-key-bytes", [Entry("t", b"sealed-value-bytes", True, b"index-bytes!")])
    backend.put_session(
        A, b"wrapped-key-bytes", "s", b"sealed-session-bytes", expires_at=9e9, now=1.0
    )
    backend.rewrap(A, b"wrapped-key-bytes", b"rewrapped-key-bytes")
    needles = [b"wrapped-key", b"sealed-value", b"index-bytes", b"sealed-session"]
    before = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert all(needle in before for needle in needles)
    backend.erase(A, 1.0)
    after = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not any(needle in after for needle in needles)
    backend.close()


def test_a_scrubber_works_over_a_file_in_a_new_folder(tmp_path) -> None:
    vault = SQLiteVault(tmp_path / "new" / "v.db", MasterKey.generate(), make_folder=True)
    scrubber = Scrubber(vault=vault)
    token = scrubber.scrub("jane.roe@example.com", user_id="u").text
    assert scrubber.reveal(token, user_id="u") == "jane.roe@example.com"
