"""The tables of the Postgres back end, and creating them."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from piirag.errors import ConfigurationError

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,40}")
TABLES = ("meta", "users", "entries", "sessions")

# Text is compared byte by byte: no locale's rules, which an upgrade may change, and no folding.
_CREATE = """
CREATE SCHEMA IF NOT EXISTS {schema};
CREATE TABLE IF NOT EXISTS {meta} (name text COLLATE "C" PRIMARY KEY, value bytea NOT NULL);
CREATE TABLE IF NOT EXISTS {users} (
    tag text COLLATE "C" PRIMARY KEY, wrapped_key bytea, erased_at double precision,
    version bigint NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS {entries} (
    tag text COLLATE "C" NOT NULL, token text COLLATE "C" NOT NULL, blob bytea NOT NULL,
    known bigint NOT NULL DEFAULT 0, idx bytea, PRIMARY KEY (tag, token));
CREATE UNIQUE INDEX IF NOT EXISTS {entries_idx} ON {entries} (tag, idx) WHERE idx IS NOT NULL;
CREATE INDEX IF NOT EXISTS {entries_known} ON {entries} (tag, known) WHERE known > 0;
CREATE TABLE IF NOT EXISTS {sessions} (
    tag text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL, blob bytea NOT NULL,
    expires_at double precision NOT NULL, PRIMARY KEY (tag, key));
CREATE INDEX IF NOT EXISTS {sessions_expire} ON {sessions} (expires_at);
"""


class Schema:
    """The names of the tables, and statements with these names put in.

    Args:
        schema: The schema they live in.
        prefix: What their names begin with; may be empty.

    Raises:
        ConfigurationError: Names that would need quoting.
    """

    def __init__(self, schema: str, prefix: str) -> None:
        from psycopg import sql
        from psycopg.rows import tuple_row

        self._tuple_row = tuple_row
        if not _NAME.fullmatch(schema) or (prefix and not _NAME.fullmatch(prefix)):
            raise ConfigurationError(
                "schema and prefix have at most 41 lower-case letters, digits and _, and do not "
                "begin with a digit"
            )
        self._sql = sql
        self._names: dict[str, Any] = {
            name: sql.Identifier(schema, prefix + name) for name in TABLES
        }
        for name in ("entries_idx", "entries_known", "sessions_expire"):
            self._names[name] = sql.Identifier(prefix + name)
        self._names["schema"] = sql.Identifier(schema)
        self._places = [f"{schema}.{prefix}{name}" for name in TABLES]
        # One number for one set of tables, for the lock that is held while they are created.
        digest = hashlib.sha256("|".join(["piirag", schema, prefix]).encode()).digest()
        self._lock = int.from_bytes(digest[:8], "big", signed=True)

    def statement(self, text: str) -> Any:
        """A statement with table names in place of ``{users}`` and its like."""
        return self._sql.SQL(text).format(**self._names)

    def create(self, connection: Any) -> None:
        """Create what is missing; processes that start at once wait for each other.

        Where all tables are there, nothing is changed and no right to create is needed.
        """
        with connection.transaction():
            if self._complete(connection):
                return
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (self._lock,))
            connection.execute(self.statement(_CREATE))

    def _complete(self, connection: Any) -> bool:
        query = "SELECT bool_and(to_regclass(name) IS NOT NULL) FROM unnest(%s::text[]) AS name"
        # The application's pool may give rows of another kind.
        with connection.cursor(row_factory=self._tuple_row) as cursor:
            return bool(cursor.execute(query, (self._places,)).fetchone()[0])
