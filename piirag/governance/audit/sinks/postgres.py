"""A chain of records in Postgres."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from piirag.governance.audit.chain import Head
from piirag.governance.audit.sinks.base import check_fsync
from piirag.governance.audit.sinks.postgres_db import PostgresDatabase
from piirag.governance.audit.sinks.sql import INDEXES, SCHEMA, TABLES, Execute, SQLSink
from piirag.governance.audit.tags import SCHEMA as TAG_SCHEMA
from piirag.governance.audit.tags import TABLES as TAG_TABLES
from piirag.governance.audit.tags import UserTags

_T = TypeVar("_T")
_APPEND_ONLY = (
    "CREATE OR REPLACE FUNCTION {refuse}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    " IF current_setting('piirag.audit_delete', true) = 'on' AND TG_OP = 'DELETE'"
    " THEN RETURN OLD; END IF;"
    " RAISE EXCEPTION 'the audit log is append-only'; END $$",
    "CREATE OR REPLACE TRIGGER {append_only_rows} BEFORE UPDATE OR DELETE ON {records}"
    " FOR EACH ROW EXECUTE FUNCTION {refuse}()",
    "CREATE OR REPLACE TRIGGER {append_only} BEFORE TRUNCATE ON {records}"
    " FOR EACH STATEMENT EXECUTE FUNCTION {refuse}()",
)
_TABLES = "SELECT to_regclass('{records}') IS NOT NULL OR to_regclass('{head}') IS NOT NULL"


class PostgresSink(SQLSink):
    """Appends records to a table in Postgres 14 or newer, shared by any number of hosts.

    Writers wait for each other at one row, so that there is one chain. Changing, deleting and
    truncating are refused by a trigger, which stops accidents; give the writers a role that owns
    no tables and has no right to delete, and the chain shows the rest.

    Args:
        database: A connection string or URL.
        schema: The schema for the tables. It is created if missing.
        prefix: What the names of the tables begin with; may be empty.
        fsync: ``"always"``: a record is on the server's disk when `append` returns. ``"second"``
            and ``"never"``: within a second (`synchronous_commit = off`); a server that loses
            power loses those of the last second, and a killed process or server none.

    Raises:
        MissingDependencyError: `psycopg` is not installed.
        ConfigurationError: Unusable names, or an unknown word.
        AuditError: The database cannot be reached.
    """

    name = "postgres"
    kind = "postgres"

    def __init__(
        self,
        database: str,
        *,
        schema: str = "piirag",
        prefix: str = "audit_",
        fsync: str = "second",
    ) -> None:
        super().__init__()
        lazy = check_fsync(fsync) != "always"
        self._first = ["SET LOCAL synchronous_commit TO off"] if lazy else []
        self._db = PostgresDatabase(
            database,
            schema=schema,
            prefix=prefix,
            tables=(*TABLES, "refuse"),
            others=(*INDEXES, "append_only", "append_only_rows"),
        )
        self.place = f"postgres {schema}.{prefix}"
        self._db.run(lambda execute: None)

    def _create(self) -> None:
        new = False

        def look(execute: Execute) -> None:
            nonlocal new
            new = not execute(_TABLES)[0][0]

        def begin(execute: Execute) -> None:
            if new:
                self._begin(execute)

        self._db.create([look, *SCHEMA, *_APPEND_ONLY, begin])

    def _is_there(self, execute: Execute) -> bool:
        return bool(execute("SELECT to_regclass('{head}') IS NOT NULL")[0][0])

    def _write(self, work: Callable[[Execute], _T]) -> _T:
        # Each statement has to see what was committed while it waited for the row.
        return self._db.run(work, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED", *self._first)

    def _read(self, work: Callable[[Execute], _T]) -> _T:
        return self._db.run(work, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")

    def _head(self, execute: Execute, *, locked: bool = False) -> Head | None:
        if locked:
            # Also where there is no row yet that could be locked.
            execute("SELECT pg_advisory_xact_lock('{head}'::regclass::oid::bigint)")
        return super()._head(execute)

    def _deleting(self, execute: Execute) -> None:
        execute("SELECT pg_advisory_xact_lock('{head}'::regclass::oid::bigint)")
        execute("SET LOCAL piirag.audit_delete TO 'on'")

    def close(self) -> None:
        """Close the connection."""
        self._db.close()


class PostgresTags(UserTags):
    """Keeps the secrets of tags in Postgres.

    A secret that is destroyed stays on the server's disk until it reuses the space
    (`VACUUM FULL`), and in write-ahead archives and backups.

    Args:
        database: A connection string or URL.
        schema: The schema for the tables.
        prefix: What the names of the tables begin with.
        **options: As for `UserTags`.
    """

    def __init__(
        self, database: str, *, schema: str = "piirag", prefix: str = "audit_", **options: Any
    ) -> None:
        super().__init__(**options)
        self._db = PostgresDatabase(database, schema=schema, prefix=prefix, tables=TAG_TABLES)
        self._db.create(TAG_SCHEMA)

    def _do(self, work: Callable[[Execute], _T]) -> _T:
        return self._db.run(work)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()
