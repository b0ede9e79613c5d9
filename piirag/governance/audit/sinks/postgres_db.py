"""One connection to Postgres for the audit log: names of tables, transactions, a broken link."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from piirag.errors import AuditError, ConfigurationError, MissingDependencyError

_T = TypeVar("_T")
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,40}")
_CONNECT_SECONDS = 30

Execute = Callable[..., list[Any]]


class PostgresDatabase:
    """Runs work in transactions over one connection, which is made anew where it broke.

    Args:
        database: A connection string or URL.
        schema: The schema of the tables; created if missing.
        prefix: What the names of the tables begin with.
        tables: Names of tables, in the schema.
        others: Names of indexes and triggers, which have no schema.

    Raises:
        MissingDependencyError: `psycopg` is not installed.
        ConfigurationError: Unusable names.
    """

    def __init__(
        self,
        database: str,
        *,
        schema: str,
        prefix: str,
        tables: Iterable[str],
        others: Iterable[str] = (),
    ) -> None:
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
        self._pid = -1
        self._connection: Any = None
        # Connections of the parent: closing one here would end it there.
        self._foreign: list[Any] = []
        self._names: dict[str, Any] = {
            name: sql.Identifier(schema, prefix + name) for name in tables
        }
        self._names |= {name: sql.Identifier(prefix + name) for name in others}
        self._names["schema"] = sql.Identifier(schema)
        self._names |= {"blob": sql.SQL("bytea"), "real": sql.SQL("double precision")}
        self._composed: dict[str, Any] = {}

    def create(self, statements: Sequence[str | Callable[[Execute], None]]) -> None:
        """Create what is missing; processes that start at once wait for each other.

        Args:
            statements: Statements, and functions that are called in their place.

        Raises:
            AuditError: It cannot be created.
        """

        def work(execute: Execute) -> None:
            execute("SELECT pg_advisory_xact_lock(hashtext('piirag-audit'))")
            execute("CREATE SCHEMA IF NOT EXISTS {schema}")
            for statement in statements:
                if callable(statement):
                    statement(execute)
                else:
                    execute(statement)

        # Each statement has to see what was committed while it waited for the lock.
        self.run(work, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED")

    def run(self, work: Callable[[Execute], _T], *first: str) -> _T:
        """Work in one transaction.

        Args:
            work: What to do.
            first: Statements to begin with.

        Raises:
            AuditError: It failed; nothing was changed, unless the link broke at the very end.
        """
        import psycopg

        reason = ""
        if self._pid != os.getpid():
            self._pid, self._lock = os.getpid(), threading.RLock()
            self._foreign.append(self._connection)
            self._connection = None
        with self._lock:
            for attempt in range(2):
                begun = False
                try:
                    self._connect(psycopg)
                    with self._connection.transaction():
                        for statement in first:
                            self._execute(statement)
                        begun = True
                        return work(self._execute)
                except (psycopg.Error, OSError, UnicodeError) as error:
                    reason = type(error).__name__
                    broken = self._connection is not None and self._connection.broken
                    with contextlib.suppress(psycopg.Error):
                        if broken:
                            self._connection.close()
                    # A link that broke while it was idle, before anything was done over it.
                    if attempt or begun or not broken:
                        break
        raise AuditError(f"the audit log in Postgres cannot be reached or used: {reason}")

    def _connect(self, psycopg: Any) -> None:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._database, autocommit=True, connect_timeout=_CONNECT_SECONDS
            )

    def _execute(self, text: str, *values: Any) -> list[Any]:
        if text not in self._composed:
            self._composed[text] = self._sql.SQL(text.replace("?", "%s")).format(**self._names)
        cursor = self._connection.execute(self._composed[text], values or None)
        return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            if self._connection is not None and self._pid == os.getpid():
                self._connection.close()

    def __repr__(self) -> str:
        return "PostgresDatabase(...)"
