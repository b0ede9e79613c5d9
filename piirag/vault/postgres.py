"""A vault back end in Postgres."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from piirag.errors import ConfigurationError, MissingDependencyError, UserErasedError, VaultError
from piirag.vault.keyring import KeyRing
from piirag.vault.keys import MasterKey
from piirag.vault.postgres_schema import Schema
from piirag.vault.protocol import Entry, UserRecord
from piirag.vault.vault import Vault
from piirag.vault.winners import marked, newly_known, winners
from piirag.vault.withheld import withheld

_PAGE = 1000
_CONNECT_SECONDS = 30


def _errors() -> tuple[type[Exception], ...]:
    from psycopg import Error
    from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

    return Error, PoolClosed, PoolTimeout, TooManyRequests, UnicodeError, OSError


_guarded = withheld("the vault in Postgres cannot be reached or used", _errors)


# By the index on the time, then by the places of the rows: joined by their keys, the planner reads
# the whole table. An erasure may hold some of them, and is about to delete them itself.
_PURGE = (
    "DELETE FROM {sessions} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {sessions}"
    " WHERE expires_at <= %s LIMIT %s FOR UPDATE SKIP LOCKED))"
)
_PURGED_AT_ONCE = 10_000


class PostgresBackend:
    """Keeps entries in Postgres 12 or newer, shared by any number of processes.

    Writes of one user wait for each other at the user's row, erasures too; users do not wait for
    other users. Deleted rows, ciphertext and sealed data keys, stay on disk until Postgres reuses
    their space (`VACUUM FULL`), and in write-ahead archives.

    Args:
        database: A connection string or URL, or a `psycopg_pool.ConnectionPool`, which is then
            left open by `close`.
        schema: The schema for the tables. It is created if missing.
        prefix: What the names of the tables begin with; may be empty.
        max_connections: The size of the pool, where none is passed.

    Raises:
        MissingDependencyError: `psycopg` or `psycopg_pool` is not installed.
        ConfigurationError: Unusable names or database.
        VaultError: The database cannot be reached, or the tables cannot be created.
    """

    def __init__(
        self,
        database: str | Any,
        *,
        schema: str = "piirag",
        prefix: str = "vault_",
        max_connections: int = 8,
    ) -> None:
        for library in ("psycopg", "psycopg_pool"):
            if importlib.util.find_spec(library) is None:
                raise MissingDependencyError(library, "postgres")
        self._schema = Schema(schema, prefix)
        self._statements: dict[str, Any] = {}
        self._owned = isinstance(database, str)
        if self._owned:
            self._create(database)
            self._pool = _pool(database, max_connections)
        elif hasattr(database, "connection"):
            self._pool = database
            self._create_with(database.connection)
        else:
            raise ConfigurationError("database must be a connection string or a ConnectionPool")

    def _create(self, database: str) -> None:
        from psycopg import connect

        # Not by the pool, which would try again and again where the address is wrong.
        self._create_with(
            lambda: connect(database, autocommit=True, connect_timeout=_CONNECT_SECONDS)
        )

    @_guarded
    def _create_with(self, connect: Callable[[], AbstractContextManager[Any]]) -> None:
        with connect() as connection:
            self._schema.create(connection)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[_Transaction]:
        from psycopg.rows import tuple_row

        with (
            self._pool.connection() as connection,
            connection.transaction(),
            connection.cursor(row_factory=tuple_row) as cursor,
        ):
            # Each statement has to see what was committed while it waited for the user's row.
            cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
            yield _Transaction(self, cursor)

    @_guarded
    def _rows(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._transaction() as db:
            rows = db.rows(text, *values)
        return rows

    def statement(self, text: str) -> Any:
        """A statement with the names of the tables put in; kept, so that it is composed once."""
        if text not in self._statements:
            self._statements[text] = self._schema.statement(text)
        return self._statements[text]

    @_guarded
    def meta(self, name: str, value: bytes) -> bytes:
        with self._transaction() as db:
            db.run("INSERT INTO {meta} VALUES (%s, %s) ON CONFLICT DO NOTHING", name, value)
            rows = db.rows("SELECT value FROM {meta} WHERE name = %s", name)
        return bytes(rows[0][0])

    def read_meta(self, name: str) -> bytes | None:
        rows = self._rows("SELECT value FROM {meta} WHERE name = %s", name)
        return bytes(rows[0][0]) if rows else None

    def user(self, tag: str) -> UserRecord | None:
        rows = self._rows(_USER, tag)
        return _record(rows[0]) if rows else None

    def tags(self) -> Iterator[str]:
        last = ""
        while True:
            sql = "SELECT tag FROM {users} WHERE tag > %s ORDER BY tag LIMIT %s"
            rows = self._rows(sql, last, _PAGE)
            if not rows:
                return
            yield from (tag for (tag,) in rows)
            last = rows[-1][0]

    @_guarded
    def create_user(self, tag: str, wrapped_key: bytes) -> UserRecord:
        sql = "INSERT INTO {users} (tag, wrapped_key) VALUES (%s, %s) ON CONFLICT DO NOTHING"
        with self._transaction() as db:
            db.run(sql, tag, wrapped_key)
            rows = db.rows(_USER, tag)
        if not rows:
            raise VaultError("the vault in Postgres cannot be used: a user was not created")
        return _record(rows[0])

    @_guarded
    def rewrap(self, tag: str, old: bytes, new: bytes) -> bool:
        sql = "UPDATE {users} SET wrapped_key = %s WHERE tag = %s AND wrapped_key = %s"
        with self._transaction() as db:
            changed = db.run(sql, new, tag, old)
        return changed == 1

    @_guarded
    def put(self, tag: str, wrapped_key: bytes, entries: Sequence[Entry]) -> dict[str, Entry]:
        tokens = [e.token for e in entries]
        indexes = [e.index for e in entries]
        with self._transaction() as db:
            version = db.writable(tag, wrapped_key) + 1
            db.run(
                "INSERT INTO {entries} (tag, token, blob, idx)"
                " SELECT %s, * FROM unnest(%s::text[], %s::bytea[], %s::bytea[])"
                " ON CONFLICT DO NOTHING",
                *(tag, tokens, [e.blob for e in entries], indexes),
            )
            stored = db.rows(
                "SELECT token, blob, known, idx FROM {entries} WHERE tag = %s AND token = ANY(%s)"
                " UNION SELECT token, blob, known, idx FROM {entries}"
                " WHERE tag = %s AND idx = ANY(%s)",
                *(tag, tokens, tag, [index for index in indexes if index is not None]),
            )
            won = winners(entries, map(_entry, stored))
            news = newly_known(entries, won)
            if news:
                sql = "UPDATE {entries} SET known = %s WHERE tag = %s AND token = ANY(%s)"
                db.run(sql, version, tag, sorted(news))
                db.run("UPDATE {users} SET version = %s WHERE tag = %s", version, tag)
        return marked(won, news)

    def get(self, tag: str, tokens: Sequence[str]) -> dict[str, bytes]:
        sql = "SELECT token, blob FROM {entries} WHERE tag = %s AND token = ANY(%s)"
        return {token: bytes(blob) for token, blob in self._rows(sql, tag, list(tokens))}

    def find(self, tag: str, indexes: Sequence[bytes]) -> dict[bytes, Entry]:
        sql = "SELECT token, blob, known, idx FROM {entries} WHERE tag = %s AND idx = ANY(%s)"
        found = map(_entry, self._rows(sql, tag, list(indexes)))
        return {entry.index: entry for entry in found if entry.index is not None}

    def entries(self, tag: str, *, known_since: int | None = None) -> Iterator[Entry]:
        # `known` is the version of the user at which a value became known; 0 for never.
        since = -1 if known_since is None else known_since
        last = ""
        while True:
            rows = self._rows(
                "SELECT token, blob, known, idx FROM {entries}"
                " WHERE tag = %s AND token > %s AND known > %s ORDER BY token LIMIT %s",
                *(tag, last, since, _PAGE),
            )
            if not rows:
                return
            yield from map(_entry, rows)
            last = rows[-1][0]

    def count(self, tag: str) -> int:
        return int(self._rows("SELECT count(*) FROM {entries} WHERE tag = %s", tag)[0][0])

    @_guarded
    def discard(self, tag: str, tokens: Sequence[str]) -> int:
        with self._transaction() as db:
            sql = "DELETE FROM {entries} WHERE tag = %s AND token = ANY(%s)"
            gone = db.run(sql, tag, list(tokens))
        return gone

    @_guarded
    def put_session(
        self, tag: str, wrapped_key: bytes, key: str, blob: bytes, *, expires_at: float, now: float
    ) -> bool:
        with self._transaction() as db:
            db.writable(tag, wrapped_key)
            stored = db.run(
                "INSERT INTO {sessions} AS s (tag, key, blob, expires_at) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT (tag, key) DO UPDATE SET blob = excluded.blob,"
                " expires_at = excluded.expires_at WHERE s.expires_at <= %s",
                *(tag, key, blob, expires_at, now),
            )
        return stored == 1

    def take_session(self, tag: str, key: str, now: float) -> bytes | None:
        rows = self._rows(
            "DELETE FROM {sessions} WHERE tag = %s AND key = %s AND EXISTS"
            " (SELECT FROM {users} WHERE tag = %s AND erased_at IS NULL)"
            " RETURNING blob, expires_at",
            *(tag, key, tag),
        )
        return bytes(rows[0][0]) if rows and rows[0][1] > now else None

    def count_sessions(self, tag: str, now: float) -> int:
        sql = "SELECT count(*) FROM {sessions} WHERE tag = %s AND expires_at > %s"
        return int(self._rows(sql, tag, now)[0][0])

    @_guarded
    def purge_sessions(self, now: float) -> int:
        total = 0
        while True:
            with self._transaction() as db:
                gone = db.run(_PURGE, now, _PURGED_AT_ONCE)
            total += gone
            if gone < _PURGED_AT_ONCE:
                return total

    def count_expired(self, now: float) -> int:
        return int(self._rows("SELECT count(*) FROM {sessions} WHERE expires_at <= %s", now)[0][0])

    @_guarded
    def erase(self, tag: str, erased_at: float) -> int:
        with self._transaction() as db:
            # First the user's row: from here on no writer comes past it, and whoever came before
            # has committed and is seen by what follows.
            db.run(
                "INSERT INTO {users} AS u (tag, wrapped_key, erased_at, version)"
                " VALUES (%s, NULL, %s, 1) ON CONFLICT (tag) DO UPDATE SET wrapped_key = NULL,"
                " erased_at = coalesce(u.erased_at, excluded.erased_at), version = u.version + 1",
                *(tag, erased_at),
            )
            gone = db.run("DELETE FROM {entries} WHERE tag = %s", tag)
            db.run("DELETE FROM {sessions} WHERE tag = %s", tag)
        return gone

    @_guarded
    def tombstone(self, tag: str, erased_at: float) -> None:
        with self._transaction() as db:
            db.run(
                "INSERT INTO {users} AS u (tag, erased_at) VALUES (%s, %s) ON CONFLICT (tag)"
                " DO UPDATE SET erased_at = coalesce(u.erased_at, excluded.erased_at)",
                *(tag, erased_at),
            )

    @_guarded
    def reinstate(self, tag: str) -> bool:
        with self._transaction() as db:
            rows = db.rows(_USER + " FOR UPDATE", tag)
            if not rows or rows[0][1] is None:
                return False
            db.run("DELETE FROM {users} WHERE tag = %s AND wrapped_key IS NULL", tag)
            db.run("UPDATE {users} SET erased_at = NULL WHERE tag = %s", tag)
        return True

    def close(self) -> None:
        """Close the connections, unless the pool was passed in."""
        if self._owned:
            self._pool.close()

    def __repr__(self) -> str:
        return "PostgresBackend(...)"


class PostgresVault(Vault):
    """A vault in Postgres.

    Args:
        database: A connection string or URL, or a `psycopg_pool.ConnectionPool`.
        key: The master key; read from the environment variable `PIIRAG_MASTER_KEY` if None.
        schema: The schema for the tables. It is created if missing.
        prefix: What the names of the tables begin with; may be empty.
        max_connections: The size of the pool, where none is passed.

    Raises:
        MissingDependencyError: `psycopg` or `psycopg_pool` is not installed.
        ConfigurationError: Unusable names or database.
        VaultError: The database cannot be reached, or the tables cannot be created.
        VaultKeyError: No key, or not the one this vault was written under.
    """

    def __init__(
        self,
        database: str | Any,
        key: MasterKey | KeyRing | None = None,
        *,
        schema: str = "piirag",
        prefix: str = "vault_",
        max_connections: int = 8,
    ) -> None:
        key = key or MasterKey.from_env()
        backend = PostgresBackend(
            database, schema=schema, prefix=prefix, max_connections=max_connections
        )
        super().__init__(backend, key)


_USER = "SELECT wrapped_key, erased_at, version FROM {users} WHERE tag = %s"


class _Transaction:
    """Runs statements in one transaction."""

    def __init__(self, backend: PostgresBackend, cursor: Any) -> None:
        self._backend = backend
        self._cursor = cursor

    def run(self, text: str, *values: Any) -> int:
        """How many rows a statement changed."""
        return int(self._cursor.execute(self._backend.statement(text), values).rowcount)

    def rows(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows that a statement gives."""
        rows: list[tuple[Any, ...]] = self._cursor.execute(
            self._backend.statement(text), values
        ).fetchall()
        return rows

    def writable(self, tag: str, wrapped_key: bytes) -> int:
        """The version of a user, whose row stays locked; refuses one who was erased."""
        rows = self.rows(_USER + " FOR UPDATE", tag)
        if not rows or rows[0][1] is not None or rows[0][0] != wrapped_key:
            raise UserErasedError
        return int(rows[0][2])


def _pool(database: str, size: int) -> Any:
    from psycopg_pool import ConnectionPool

    return ConnectionPool(
        database, min_size=1, max_size=max(1, size), open=True, timeout=_CONNECT_SECONDS
    )


def _record(row: tuple[Any, ...]) -> UserRecord:
    wrapped, erased_at, version = row
    return UserRecord(None if wrapped is None else bytes(wrapped), erased_at, int(version))


def _entry(row: tuple[Any, ...]) -> Entry:
    token, blob, known, index = row
    return Entry(token, bytes(blob), bool(known), None if index is None else bytes(index))
