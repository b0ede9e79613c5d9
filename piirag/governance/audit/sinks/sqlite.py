"""A chain of records in a SQLite file."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from piirag.errors import AuditError, ConfigurationError
from piirag.governance.audit.sinks.base import check_fsync
from piirag.governance.audit.sinks.flusher import Flusher
from piirag.governance.audit.sinks.sql import INDEXES, SCHEMA, TABLES, Execute, SQLSink

_T = TypeVar("_T")
_NAMES = {name: f"audit_{name}" for name in (*TABLES, *INDEXES)}
_NO_UPDATE = (
    "CREATE TRIGGER IF NOT EXISTS audit_append_only BEFORE UPDATE ON audit_records"
    " BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
)
_TRIES = 100


class SQLiteSink(SQLSink):
    """Appends records to a SQLite file, mode 0600, that several processes may share.

    A record is one transaction in the write-ahead log: a process that is killed leaves a whole
    record or none. Changing a row is refused by a trigger, which stops accidents; the chain shows
    what gets around it.

    Args:
        path: The file; its folder must exist.
        fsync: As for `JSONLinesSink`.
        timeout: Seconds to wait for another process that is writing.

    Raises:
        ConfigurationError: It cannot be opened, or an unknown word.
    """

    name = "sqlite"
    kind = "sqlite"

    def __init__(self, path: str | Path, *, fsync: str = "second", timeout: float = 30.0) -> None:
        super().__init__()
        self.path = Path(path)
        self._timeout = timeout
        self._fsync = check_fsync(fsync)
        self._flusher = Flusher(self._sync)
        self._pid = -1
        reason = ""
        try:
            self._connect()
        except (OSError, sqlite3.Error) as error:
            reason = type(error).__name__
        if reason:
            raise ConfigurationError(f"cannot open the audit log: {reason}")

    def _connect(self) -> None:
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        os.chmod(self.path, 0o600)
        self._pid, self._lock = os.getpid(), threading.RLock()
        self._db = sqlite3.connect(
            self.path, timeout=self._timeout, isolation_level=None, check_same_thread=False
        )
        for attempt in range(_TRIES):
            try:
                # While another process does the same, SQLite does not wait.
                self._db.execute("PRAGMA journal_mode=WAL")
                break
            except sqlite3.OperationalError:
                if attempt == _TRIES - 1:
                    raise
                time.sleep(0.02)
        self._db.execute("PRAGMA secure_delete=ON")
        synchronous = "FULL" if self._fsync == "always" else "NORMAL"
        self._db.execute(f"PRAGMA synchronous={synchronous}")

    def _create(self) -> None:
        def work(execute: Execute) -> None:
            tables = "SELECT 1 FROM sqlite_master WHERE name IN ('{records}', '{head}')"
            new = not execute(tables)
            for statement in SCHEMA:
                self._db.execute(statement.format(real="REAL", **_NAMES))
            self._db.execute(_NO_UPDATE)
            if new:
                self._begin(execute)

        self._in("BEGIN IMMEDIATE", work)

    def _is_there(self, execute: Execute) -> bool:
        return bool(execute("SELECT 1 FROM sqlite_master WHERE name = '{head}'"))

    def _write(self, work: Callable[[Execute], _T]) -> _T:
        result = self._in("BEGIN IMMEDIATE", work)
        if self._fsync == "second":
            self._flusher.wake()
        return result

    def _read(self, work: Callable[[Execute], _T]) -> _T:
        return self._in("BEGIN", work)

    def _in(self, begin: str, work: Callable[[Execute], _T]) -> _T:
        reason = ""
        try:
            if self._pid != os.getpid():
                self._connect()  # SQLite's connections must not be used in a child
            with self._lock:
                self._db.execute(begin)
                try:
                    result = work(self._execute)
                    self._db.execute("COMMIT")
                except BaseException:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    raise
                return result
        except (sqlite3.Error, OSError) as error:
            reason = type(error).__name__
        raise AuditError(f"the audit log cannot be read or written: {reason}")

    def _execute(self, text: str, *values: Any) -> list[Any]:
        return self._db.execute(text.format(**_NAMES), values).fetchall()

    def _deleting(self, execute: Execute) -> None:
        """Nothing: SQLite has no place to note that deleting is allowed."""

    def expire(self, before: float) -> int:
        count = super().expire(before)
        if count:
            with self._lock, contextlib.suppress(sqlite3.Error):
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return count

    def _sync(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            handle = os.open(f"{self.path}-wal", os.O_RDWR | os.O_CLOEXEC)
            try:
                os.fdatasync(handle)
            finally:
                os.close(handle)

    def close(self) -> None:
        """Close the file."""
        self._flusher.close()
        with self._lock:
            self._db.close()
