"""Of several retention runs at once, one works: by a file on one host, by Postgres on many."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import Any, Protocol

from piirag.errors import ConfigurationError, MissingDependencyError, RetentionError


class RunLock(Protocol):
    """Held for the time of one run. It ends with the process that holds it, however that ends."""

    def acquire(self) -> bool:
        """Take it, without waiting; whether it was taken."""
        ...

    def release(self) -> None:
        """Give it back."""
        ...


class ThreadLock:
    """For the threads of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def acquire(self) -> bool:
        return self._lock.acquire(blocking=False)

    def release(self) -> None:
        self._lock.release()


class FileLock:
    """For the processes of one host. The file stays, empty; the system forgets the lock with the
    process.

    Args:
        path: The file; its folder must exist.

    Raises:
        MissingDependencyError: A system without `fcntl`.
    """

    def __init__(self, path: str | Path) -> None:
        try:
            import fcntl
        except ImportError:
            fcntl = None  # type: ignore[assignment]
        if fcntl is None:
            raise MissingDependencyError("fcntl, which only POSIX systems have,", "postgres")
        self._fcntl: Any = fcntl
        self._path = Path(path)
        self._handle: int | None = None
        self._own = threading.Lock()

    def acquire(self) -> bool:
        """Take it, without waiting; whether it was taken.

        Raises:
            RetentionError: The file cannot be opened.
        """
        reason = ""
        with self._own:
            if self._handle is not None:
                return False
            try:
                handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as error:
                reason = type(error).__name__
            else:
                try:
                    self._fcntl.flock(handle, self._fcntl.LOCK_EX | self._fcntl.LOCK_NB)
                except OSError:
                    os.close(handle)
                    return False
                self._handle = handle
                return True
        raise RetentionError(f"the lock file of retention runs cannot be opened: {reason}")

    def release(self) -> None:
        """Give it back."""
        with self._own:
            if self._handle is not None:
                os.close(self._handle)
                self._handle = None


class PostgresLock:
    """For processes on any host, by an advisory lock of a Postgres database.

    Args:
        database: A connection string or URL.
        name: Which runs exclude each other.

    Raises:
        MissingDependencyError: `psycopg` is not installed.
        ConfigurationError: No name.
    """

    def __init__(self, database: str, *, name: str = "piirag-retention") -> None:
        try:
            import psycopg
        except ImportError:
            psycopg = None  # type: ignore[assignment]
        if psycopg is None:
            raise MissingDependencyError("psycopg", "postgres")
        if not name:
            raise ConfigurationError("a lock needs a name")
        self._psycopg = psycopg
        self._database = database
        self._name = name
        self._connection: Any = None
        self._own = threading.Lock()

    def acquire(self) -> bool:
        """Take it, without waiting; whether it was taken.

        Raises:
            RetentionError: The database cannot be reached.
        """
        reason = ""
        with self._own:
            if self._connection is not None:
                return False
            try:
                connection = self._psycopg.connect(
                    self._database, autocommit=True, connect_timeout=30
                )
                query = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
                [(taken,)] = connection.execute(query, (self._name,)).fetchall()
                if not taken:
                    connection.close()
                    return False
                self._connection = connection
                return True
            except self._psycopg.Error as error:
                reason = type(error).__name__
        raise RetentionError(f"the lock of retention runs cannot be taken: {reason}")

    def release(self) -> None:
        """Give it back: the lock ends with the connection."""
        with self._own:
            if self._connection is not None:
                with contextlib.suppress(self._psycopg.Error):
                    self._connection.close()
                self._connection = None
