"""A vault back end in one SQLite file, mode 0600."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from piirag.errors import UserErasedError, VaultError
from piirag.vault.protocol import Entry, UserRecord

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS users (
    tag TEXT PRIMARY KEY, wrapped_key BLOB, erased_at REAL, version INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS entries (
    tag TEXT NOT NULL, token TEXT NOT NULL, blob BLOB NOT NULL, known INTEGER NOT NULL,
    PRIMARY KEY (tag, token)) WITHOUT ROWID;
"""
_VARIABLES = 500


class SQLiteBackend:
    """Keeps entries in a SQLite file that several processes may share.

    Deleted pages are overwritten (`secure_delete`), and an erasure truncates the write-ahead log
    and vacuums, so that ciphertext does not linger in the file. The data key is gone in any case.

    Args:
        path: The file; its folder must exist.

    Raises:
        VaultError: The file cannot be created, opened or read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.RLock()
        reason = ""
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            os.close(handle)
            if os.name == "posix":
                os.chmod(self.path, 0o600)
            self._db = sqlite3.connect(
                self.path, timeout=30, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA secure_delete=ON")
            self._db.executescript(_SCHEMA)
        except OSError as error:
            reason = error.strerror or type(error).__name__
        except sqlite3.Error as error:
            reason = type(error).__name__
        if reason:
            raise VaultError(f"cannot open the vault file: {reason}")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        reason = ""
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                except BaseException:
                    self._db.execute("ROLLBACK")
                    raise
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                reason = type(error).__name__
        if reason:
            raise VaultError(f"the vault file cannot be written: {reason}")

    def _rows(self, sql: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        reason = ""
        with self._lock:
            try:
                return self._db.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                reason = type(error).__name__
        raise VaultError(f"the vault file cannot be read: {reason}")

    def meta(self, name: str, value: bytes) -> bytes:
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (name, value))
            row = db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return bytes(row[0])

    def user(self, tag: str) -> UserRecord | None:
        rows = self._rows("SELECT wrapped_key, erased_at, version FROM users WHERE tag = ?", (tag,))
        return UserRecord(*rows[0]) if rows else None

    def create_user(self, tag: str, wrapped_key: bytes) -> UserRecord:
        with self._transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO users (tag, wrapped_key) VALUES (?, ?)", (tag, wrapped_key)
            )
            row = db.execute(
                "SELECT wrapped_key, erased_at, version FROM users WHERE tag = ?", (tag,)
            ).fetchone()
        return UserRecord(*row)

    def put(self, tag: str, wrapped_key: bytes, entries: Sequence[Entry]) -> dict[str, bytes]:
        with self._transaction() as db:
            row = db.execute(
                "SELECT erased_at, wrapped_key, version FROM users WHERE tag = ?", (tag,)
            ).fetchone()
            if row is None or row[0] is not None or row[1] != wrapped_key:
                raise UserErasedError
            version = row[2] + 1
            rows = [(tag, e.token, e.blob) for e in entries]
            db.executemany("INSERT OR IGNORE INTO entries VALUES (?, ?, ?, 0)", rows)
            names = [(version, tag, e.token) for e in entries if e.known]
            changed = db.executemany(
                "UPDATE entries SET known = ? WHERE tag = ? AND token = ? AND known = 0", names
            ).rowcount
            if names and changed > 0:
                db.execute("UPDATE users SET version = version + 1 WHERE tag = ?", (tag,))
        return self.get(tag, [e.token for e in entries])

    def get(self, tag: str, tokens: Sequence[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for k in range(0, len(tokens), _VARIABLES):
            part = tokens[k : k + _VARIABLES]
            marks = ",".join("?" * len(part))
            sql = f"SELECT token, blob FROM entries WHERE tag = ? AND token IN ({marks})"
            for token, blob in self._rows(sql, (tag, *part)):
                found[str(token)] = bytes(blob)
        return found

    def entries(self, tag: str, *, known_since: int | None = None) -> Iterator[Entry]:
        # `known` is the version of the user at which a value became known; 0 for never.
        sql = "SELECT token, blob, known FROM entries WHERE tag = ? AND known > ?"
        since = -1 if known_since is None else known_since
        for token, blob, flag in self._rows(sql, (tag, since)):
            yield Entry(str(token), bytes(blob), bool(flag))

    def count(self, tag: str) -> int:
        rows = self._rows("SELECT count(*) FROM entries WHERE tag = ?", (tag,))
        return int(rows[0][0])

    def erase(self, tag: str, erased_at: float) -> int:
        with self._transaction() as db:
            gone = db.execute("DELETE FROM entries WHERE tag = ?", (tag,)).rowcount
            db.execute(
                "INSERT INTO users (tag, wrapped_key, erased_at, version) VALUES (?, NULL, ?, 1)"
                " ON CONFLICT (tag) DO UPDATE SET wrapped_key = NULL,"
                " erased_at = coalesce(erased_at, excluded.erased_at), version = version + 1",
                (tag, erased_at),
            )
        with self._lock, contextlib.suppress(sqlite3.Error):
            # Best effort: another process that reads at this moment keeps the log alive.
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return gone

    def tombstone(self, tag: str, erased_at: float) -> None:
        with self._transaction() as db:
            db.execute(
                "INSERT INTO users (tag, erased_at) VALUES (?, ?) ON CONFLICT (tag) DO UPDATE"
                " SET erased_at = coalesce(erased_at, excluded.erased_at)",
                (tag, erased_at),
            )

    def reinstate(self, tag: str) -> bool:
        with self._transaction() as db:
            row = db.execute("SELECT erased_at FROM users WHERE tag = ?", (tag,)).fetchone()
            if row is None or row[0] is None:
                return False
            db.execute("DELETE FROM users WHERE tag = ? AND wrapped_key IS NULL", (tag,))
            db.execute("UPDATE users SET erased_at = NULL WHERE tag = ?", (tag,))
        return True

    def close(self) -> None:
        with self._lock:
            self._db.close()
