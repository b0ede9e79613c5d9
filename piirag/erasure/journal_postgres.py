"""The journal in Postgres."""

from __future__ import annotations

import contextlib
import importlib.util
import re
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from piirag.erasure.journal_sql import SCHEMA, TABLES, SQLJournal, Statements
from piirag.errors import ConfigurationError, JournalError, MissingDependencyError

_T = TypeVar("_T")

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,40}")
_CONNECT_SECONDS = 30


class PostgresJournal(SQLJournal):
    """Keeps the journal in Postgres 12 or newer, shared by any number of processes and hosts.

    Leases go by the clock of the database. Wiped ids stay on its disk, sealed, until it reuses
    their space.

    Args:
        database: A connection string or URL.
        schema: The schema for the tables. It is created if missing.
        prefix: What the names of the tables begin with; may be empty.

    Raises:
        MissingDependencyError: `psycopg` is not installed.
        ConfigurationError: Unusable names.
        JournalError: The database cannot be reached, or the tables cannot be created.
    """

    def __init__(self, database: str, *, schema: str = "piirag", prefix: str = "erasure_") -> None:
        if importlib.util.find_spec("psycopg") is None:
            raise MissingDependencyError("psycopg", "postgres")
        if not _NAME.fullmatch(schema) or (prefix and not _NAME.fullmatch(prefix)):
            raise ConfigurationError(
                "schema and prefix have at most 41 lower-case letters, digits and _, and do not "
                "begin with a digit"
            )
        from psycopg import sql

        self._sql = sql
        self._database = database
        self._lock = threading.RLock()
        self._connection: Any = None
        self._names = {name: sql.Identifier(schema, prefix + name) for name in TABLES}
        for name in ("one_open", "by_subject", "by_end"):
            self._names[name] = sql.Identifier(prefix + name)
        self._types = {"blob": sql.SQL("bytea"), "real": sql.SQL("double precision")}
        self._create(schema)

    def _create(self, schema: str) -> None:
        def work(connection: Any) -> None:
            # Processes that start at once wait for each other.
            connection.execute("SELECT pg_advisory_xact_lock(hashtext('piirag-erasure-journal'))")
            name = self._sql.Identifier(schema)
            connection.execute(self._sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(name))
            for statement in SCHEMA:
                connection.execute(self._composed(statement))

        self._guarded(work)

    def _composed(self, text: str) -> Any:
        return self._sql.SQL(text.replace("?", "%s")).format(**self._names, **self._types)

    def _do(self, work: Callable[[Statements], _T]) -> _T:
        def inside(connection: Any) -> _T:
            connection.execute(self._composed("LOCK TABLE {erasures} IN SHARE ROW EXCLUSIVE MODE"))
            [[now]] = connection.execute(
                "SELECT extract(epoch FROM clock_timestamp())::float8"
            ).fetchall()

            def execute(text: str, values: Sequence[Any]) -> Any:
                return connection.execute(self._composed(text), values)

            return work(Statements(execute, now))

        return self._guarded(inside)

    def _guarded(self, work: Callable[[Any], _T]) -> _T:
        """Work in a transaction; a connection that broke is replaced by the next call."""
        import psycopg

        reason = ""
        with self._lock:
            try:
                if self._connection is None or self._connection.closed:
                    self._connection = psycopg.connect(
                        self._database, autocommit=True, connect_timeout=_CONNECT_SECONDS
                    )
                with self._connection.transaction():
                    return work(self._connection)
            except (psycopg.Error, OSError, UnicodeError) as error:
                reason = type(error).__name__
                with contextlib.suppress(psycopg.Error):
                    if self._connection is not None and self._connection.broken:
                        self._connection.close()
        raise JournalError(f"the journal in Postgres cannot be reached or used: {reason}")

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
