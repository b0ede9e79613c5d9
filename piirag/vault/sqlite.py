"""A vault back end in one SQLite file, mode 0600."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from piirag.errors import UserErasedError
from piirag.vault.protocol import Entry, UserRecord
from piirag.vault.sqlite_file import open_database
from piirag.vault.winners import marked, newly_known, winners
from piirag.vault.withheld import withheld

_VARIABLES = 500
_PAGE = 500


def _errors() -> tuple[type[Exception], ...]:
    return sqlite3.Error, UnicodeError


_read = withheld("the vault file cannot be read", _errors)
_written = withheld("the vault file cannot be written", _errors)


class SQLiteBackend:
    """Keeps entries in a SQLite file that several processes may share.

    Deleted pages are overwritten (`secure_delete`), and an erasure truncates the write-ahead log
    and vacuums, so that ciphertext does not linger in the file. The data key is gone in any case.

    Args:
        path: The file; its folder must exist, unless `make_folder` is set.
        make_folder: Create missing folders on the way to it, mode 0700.

    Raises:
        VaultError: The file cannot be created, opened or read.
    """

    def __init__(self, path: str | Path, *, make_folder: bool = False) -> None:
        self.path = Path(path)
        self._lock = threading.RLock()
        self._db = open_database(self.path, make_folder=make_folder)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @_read
    def _rows(self, sql: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    @_written
    def meta(self, name: str, value: bytes) -> bytes:
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (name, value))
            row = db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return bytes(row[0])

    def read_meta(self, name: str) -> bytes | None:
        rows = self._rows("SELECT value FROM meta WHERE name = ?", (name,))
        return bytes(rows[0][0]) if rows else None

    def user(self, tag: str) -> UserRecord | None:
        rows = self._rows("SELECT wrapped_key, erased_at, version FROM users WHERE tag = ?", (tag,))
        return UserRecord(*rows[0]) if rows else None

    def tags(self) -> Iterator[str]:
        last = ""
        while True:
            sql = "SELECT tag FROM users WHERE tag > ? ORDER BY tag LIMIT ?"
            rows = self._rows(sql, (last, _PAGE))
            if not rows:
                return
            yield from (str(tag) for (tag,) in rows)
            last = rows[-1][0]

    @_written
    def create_user(self, tag: str, wrapped_key: bytes) -> UserRecord:
        with self._transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO users (tag, wrapped_key) VALUES (?, ?)", (tag, wrapped_key)
            )
            row = db.execute(
                "SELECT wrapped_key, erased_at, version FROM users WHERE tag = ?", (tag,)
            ).fetchone()
        return UserRecord(*row)

    @_written
    def rewrap(self, tag: str, old: bytes, new: bytes) -> bool:
        with self._transaction() as db:
            sql = "UPDATE users SET wrapped_key = ? WHERE tag = ? AND wrapped_key = ?"
            changed = db.execute(sql, (new, tag, old)).rowcount
        return changed == 1

    def _writable(self, db: sqlite3.Connection, tag: str, wrapped_key: bytes) -> int:
        """The version of a user; refuses one who was erased or has another key by now."""
        row = db.execute(
            "SELECT erased_at, wrapped_key, version FROM users WHERE tag = ?", (tag,)
        ).fetchone()
        if row is None or row[0] is not None or row[1] != wrapped_key:
            raise UserErasedError
        return int(row[2])

    @_written
    def put(self, tag: str, wrapped_key: bytes, entries: Sequence[Entry]) -> dict[str, Entry]:
        with self._transaction() as db:
            version = self._writable(db, tag, wrapped_key) + 1
            rows = [(tag, e.token, e.blob, e.index) for e in entries]
            db.executemany(
                "INSERT OR IGNORE INTO entries (tag, token, blob, known, idx)"
                " VALUES (?, ?, ?, 0, ?)",
                rows,
            )
            stored = self._where(tag, "token", [e.token for e in entries])
            stored += self._where(tag, "idx", [e.index for e in entries if e.index is not None])
            won = winners(entries, stored)
            news = newly_known(entries, won)
            if news:
                db.executemany(
                    "UPDATE entries SET known = ? WHERE tag = ? AND token = ?",
                    [(version, tag, token) for token in sorted(news)],
                )
                db.execute("UPDATE users SET version = ? WHERE tag = ?", (version, tag))
        return marked(won, news)

    def _where(self, tag: str, column: str, values: Sequence[object]) -> list[Entry]:
        found: list[Entry] = []
        for k in range(0, len(values), _VARIABLES):
            part = values[k : k + _VARIABLES]
            marks = ",".join("?" * len(part))
            sql = (
                "SELECT token, blob, known, idx FROM entries"
                f" WHERE tag = ? AND {column} IN ({marks})"
            )
            found += [_entry(row) for row in self._rows(sql, (tag, *part))]
        return found

    def get(self, tag: str, tokens: Sequence[str]) -> dict[str, bytes]:
        return {entry.token: entry.blob for entry in self._where(tag, "token", tokens)}

    def find(self, tag: str, indexes: Sequence[bytes]) -> dict[bytes, Entry]:
        found = self._where(tag, "idx", indexes)
        return {entry.index: entry for entry in found if entry.index is not None}

    def entries(self, tag: str, *, known_since: int | None = None) -> Iterator[Entry]:
        # `known` is the version of the user at which a value became known; 0 for never.
        sql = "SELECT token, blob, known, idx FROM entries WHERE tag = ? AND known > ?"
        since = -1 if known_since is None else known_since
        yield from (_entry(row) for row in self._rows(sql, (tag, since)))

    def count(self, tag: str) -> int:
        rows = self._rows("SELECT count(*) FROM entries WHERE tag = ?", (tag,))
        return int(rows[0][0])

    @_written
    def discard(self, tag: str, tokens: Sequence[str]) -> int:
        with self._transaction() as db:
            sql = "DELETE FROM entries WHERE tag = ? AND token = ?"
            gone = db.executemany(sql, [(tag, token) for token in dict.fromkeys(tokens)]).rowcount
        with self._lock, contextlib.suppress(sqlite3.Error):
            # The pages were overwritten; the log still has them. Best effort, as in `erase`.
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return max(0, gone)

    @_written
    def put_session(
        self, tag: str, wrapped_key: bytes, key: str, blob: bytes, *, expires_at: float, now: float
    ) -> bool:
        with self._transaction() as db:
            self._writable(db, tag, wrapped_key)
            stored = db.execute(
                "INSERT INTO sessions (tag, key, blob, expires_at) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (tag, key) DO UPDATE SET"
                " blob = excluded.blob, expires_at = excluded.expires_at WHERE expires_at <= ?",
                (tag, key, blob, expires_at, now),
            ).rowcount
        return stored == 1

    @_written
    def take_session(self, tag: str, key: str, now: float) -> bytes | None:
        with self._transaction() as db:
            row = db.execute(
                "SELECT blob, sessions.expires_at FROM sessions JOIN users USING (tag)"
                " WHERE tag = ? AND key = ? AND erased_at IS NULL",
                (tag, key),
            ).fetchone()
            if row is not None:
                db.execute("DELETE FROM sessions WHERE tag = ? AND key = ?", (tag, key))
        return bytes(row[0]) if row is not None and row[1] > now else None

    def count_sessions(self, tag: str, now: float) -> int:
        sql = "SELECT count(*) FROM sessions WHERE tag = ? AND expires_at > ?"
        return int(self._rows(sql, (tag, now))[0][0])

    @_written
    def purge_sessions(self, now: float) -> int:
        with self._transaction() as db:
            gone = db.execute("DELETE FROM sessions WHERE expires_at <= ?", (now,)).rowcount
        return gone

    def count_expired(self, now: float) -> int:
        sql = "SELECT count(*) FROM sessions WHERE expires_at <= ?"
        return int(self._rows(sql, (now,))[0][0])

    @_written
    def erase(self, tag: str, erased_at: float) -> int:
        with self._transaction() as db:
            gone = db.execute("DELETE FROM entries WHERE tag = ?", (tag,)).rowcount
            db.execute("DELETE FROM sessions WHERE tag = ?", (tag,))
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

    @_written
    def tombstone(self, tag: str, erased_at: float) -> None:
        with self._transaction() as db:
            db.execute(
                "INSERT INTO users (tag, erased_at) VALUES (?, ?) ON CONFLICT (tag) DO UPDATE"
                " SET erased_at = coalesce(erased_at, excluded.erased_at)",
                (tag, erased_at),
            )

    @_written
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


def _entry(row: tuple[Any, ...]) -> Entry:
    token, blob, known, index = row
    return Entry(str(token), bytes(blob), bool(known), None if index is None else bytes(index))
