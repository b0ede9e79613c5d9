"""The journal in a SQLite file, or in memory."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from piirag.erasure.journal_sql import SCHEMA, TABLES, SQLJournal, Statements
from piirag.errors import JournalError

_T = TypeVar("_T")

_NAMES = {name: name for name in (*TABLES, "one_open", "by_subject", "by_end")}
_BUSY_SECONDS = 30.0
_TRIES = 100


class SQLiteJournal(SQLJournal):
    """Keeps the journal in a SQLite file, mode 0600, that several processes may share.

    Every step is on the disk before the next one begins. Wiped ids are overwritten
    (`secure_delete`), and the write-ahead log is emptied when an erasure is complete.

    Args:
        path: The file; its folder must exist. It should not lie in a folder that is erased from.
        timeout: Seconds to wait for another process that is writing.

    Raises:
        JournalError: The file cannot be created, opened or read.
    """

    def __init__(self, path: str | Path, *, timeout: float = _BUSY_SECONDS) -> None:
        self.path: Path | None = Path(path)
        reason = ""
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            os.chmod(path, 0o600)
            self._open(str(path), timeout)
        except (OSError, sqlite3.Error, ValueError) as error:
            reason = type(error).__name__
        if reason:
            raise JournalError(f"cannot open the journal: {reason}")

    def _open(self, path: str, timeout: float) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(
            path, timeout=timeout, isolation_level=None, check_same_thread=False
        )
        try:
            self._use_wal()
            self._db.execute("PRAGMA secure_delete=ON")
            self._db.execute("PRAGMA synchronous=FULL")
            with self._transaction():
                for statement in SCHEMA:
                    self._db.execute(statement.format(**_NAMES, blob="BLOB", real="REAL"))
        except BaseException:
            self._db.close()
            raise

    def _use_wal(self) -> None:
        # While another process does the same, SQLite does not wait.
        for attempt in range(_TRIES):
            try:
                self._db.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError:
                if attempt == _TRIES - 1:
                    raise
                time.sleep(0.05)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _do(self, work: Callable[[Statements], _T]) -> _T:
        reason = ""
        try:
            with self._transaction():
                return work(
                    Statements(
                        lambda text, values: self._db.execute(text.format(**_NAMES), values),
                        time.time(),
                    )
                )
        except sqlite3.Error as error:
            reason = type(error).__name__
        raise JournalError(f"the journal cannot be read or written: {reason}")

    def finish(self, id: str, owner: str, status: str, receipt: str) -> None:
        super().finish(id, owner, status, receipt)
        with self._lock, contextlib.suppress(sqlite3.Error):
            # Best effort: another process that reads at this moment keeps the log alive.
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        with self._lock:
            self._db.close()


class MemoryJournal(SQLiteJournal):
    """A journal that lives as long as the process: an erasure can be repeated, not resumed."""

    durable = False

    def __init__(self) -> None:
        self.path = None
        self._open(":memory:", 0)
