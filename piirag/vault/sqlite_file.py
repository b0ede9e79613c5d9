"""Opening a SQLite file that only its owner may read, and bringing its tables up to date."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from pathlib import Path

from piirag.errors import VaultError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS users (
    tag TEXT PRIMARY KEY, wrapped_key BLOB, erased_at REAL, version INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS entries (
    tag TEXT NOT NULL, token TEXT NOT NULL, blob BLOB NOT NULL, known INTEGER NOT NULL, idx BLOB,
    PRIMARY KEY (tag, token)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sessions (
    tag TEXT NOT NULL, key TEXT NOT NULL, blob BLOB NOT NULL, expires_at REAL NOT NULL,
    PRIMARY KEY (tag, key)) WITHOUT ROWID;
"""
_INDEXES = """
CREATE UNIQUE INDEX IF NOT EXISTS entries_idx ON entries (tag, idx) WHERE idx IS NOT NULL;
CREATE INDEX IF NOT EXISTS sessions_expire ON sessions (expires_at);
"""
_BUSY_SECONDS = 30
_TRIES = 100


def open_database(path: Path, *, make_folder: bool) -> sqlite3.Connection:
    """A connection to the file, which is created, mode 0600, where there is none.

    Args:
        path: The file.
        make_folder: Create missing folders on the way to it, mode 0700.

    Raises:
        VaultError: The file cannot be created, opened or read.
    """
    reason = ""
    try:
        if make_folder:
            _make_private_folder(path.parent)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        _make_private(path)
        return _connect(path)
    except OSError as error:
        reason = error.strerror or type(error).__name__
    except (sqlite3.Error, ValueError) as error:
        reason = type(error).__name__
    raise VaultError(f"cannot open the vault file: {reason}")


def _make_private_folder(folder: Path) -> None:
    # The mode that `mkdir(parents=True)` takes does not reach the parents it makes.
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for made in reversed(missing):
        made.mkdir(mode=0o700, exist_ok=True)


def _make_private(path: Path) -> None:
    """SQLite gives new side files the mode of the main file; old ones may be from before."""
    if os.name != "posix":
        return
    os.chmod(path, 0o600)
    for suffix in ("-wal", "-shm", "-journal"):
        with contextlib.suppress(FileNotFoundError):
            os.chmod(path.with_name(path.name + suffix), 0o600)


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        _use_wal(db)
        db.execute("PRAGMA secure_delete=ON")
        # One transaction, so that processes that start at once wait for each other.
        db.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA.split(";\n"):
            db.execute(statement)
        if "idx" not in {row[1] for row in db.execute("PRAGMA table_info(entries)")}:
            db.execute("ALTER TABLE entries ADD COLUMN idx BLOB")
        for statement in _INDEXES.split(";\n"):
            db.execute(statement)
        db.execute("COMMIT")
    except BaseException:
        db.close()
        raise
    return db


def _use_wal(db: sqlite3.Connection) -> None:
    """Switch to a write-ahead log; while another process does the same, SQLite does not wait."""
    for attempt in range(_TRIES):
        try:
            db.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if attempt == _TRIES - 1:
                raise
            time.sleep(0.05)
