"""Running statements on Postgres by whatever means there are: SQLAlchemy's engines or psycopg."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from piirag.errors import ConfigurationError, MissingDependencyError, PiiragError, StoreError
from piirag.tenancy.languages.pgvector_sql import Sql, Value, render, sql, value

Row = tuple[Any, ...]
T = TypeVar("T")
_CONNECT_SECONDS = 30
_LOCK_TIMEOUT = "30s"

_Execute = Callable[[Sql], list[Row]]


class Runner(ABC):
    """Runs statements, each call in a transaction of its own.

    Args:
        where: Something hashable that names the database, without a password.
    """

    def __init__(self, where: tuple[str, ...]) -> None:
        self.where = where

    def rows(self, *statements: Sql) -> list[Row]:
        """Run statements in one transaction; the rows of the last one.

        Raises:
            StoreError: One failed, and none had an effect.
        """
        return _withheld(lambda: self._run(statements))

    def outside(self, statement: Sql) -> None:
        """Run a statement that may not be in a transaction, such as ``VACUUM``.

        Raises:
            StoreError: It failed, or waited 30 seconds for a lock.
        """

        def work(execute: _Execute) -> None:
            # The connection may go back into a pool, so it must be left as it was.
            [(before,)] = execute(sql("SELECT current_setting('lock_timeout')"))
            execute(_lock_timeout(_LOCK_TIMEOUT))
            try:
                execute(statement)
            finally:
                execute(_lock_timeout(str(before)))

        _withheld(lambda: self._run_outside(work))

    @abstractmethod
    def _run(self, statements: Sequence[Sql]) -> list[Row]: ...

    @abstractmethod
    def _run_outside(self, work: Callable[[_Execute], None]) -> None: ...

    def __repr__(self) -> str:
        return type(self).__name__


def _lock_timeout(setting: str) -> Sql:
    return sql("SELECT set_config('lock_timeout', {}, false)", value(setting, "text"))


def _withheld(work: Callable[[], T]) -> T:
    try:
        return work()
    except PiiragError:
        raise
    except Exception as error:  # noqa: BLE001 - drivers quote statements and rows in any of them
        kind = type(getattr(error, "orig", None) or error)
        failed = f"{kind.__module__}.{kind.__qualname__}"
    raise StoreError("Postgres", failed)


class PsycopgRunner(Runner):
    """By psycopg 3.

    Args:
        database: A connection string or URL; a `psycopg.Connection` that is in no transaction,
            used by one thread at a time; or a `psycopg_pool.ConnectionPool`.

    Raises:
        MissingDependencyError: `psycopg` is not installed.
        ConfigurationError: Something else.
    """

    def __init__(self, database: Any) -> None:
        try:
            from psycopg import Connection
        except ImportError:
            raise MissingDependencyError("psycopg", "pgvector") from None
        self._database = database
        if isinstance(database, Connection):
            found: dict[str, Any] = dict(database.info.get_parameters())
        elif isinstance(database, str):
            found = _parsed(database)
        elif hasattr(database, "getconn") and hasattr(database, "conninfo"):
            found = _parsed(database.conninfo)
        else:
            raise ConfigurationError("a connection string, connection or pool of psycopg is needed")
        super().__init__(tuple(str(found.get(key, "")) for key in ("host", "port", "dbname")))

    @contextlib.contextmanager
    def _connection(self) -> Iterator[Any]:
        if isinstance(self._database, str):
            import psycopg

            with psycopg.connect(
                self._database, autocommit=True, connect_timeout=_CONNECT_SECONDS
            ) as connection:
                yield connection
        elif hasattr(self._database, "getconn"):
            with self._database.connection() as connection:
                yield connection
        else:
            if self._database.info.transaction_status:
                raise ConfigurationError("the connection is in a transaction; end it first")
            yield self._database

    def _run(self, statements: Sequence[Sql]) -> list[Row]:
        with self._connection() as connection, connection.transaction():
            return self._all(connection, statements)

    def _run_outside(self, work: Callable[[_Execute], None]) -> None:
        with self._connection() as connection:
            before = connection.autocommit
            connection.autocommit = True
            try:
                work(lambda statement: self._all(connection, [statement]))
            finally:
                connection.autocommit = before

    @staticmethod
    def _all(connection: Any, statements: Sequence[Sql]) -> list[Row]:
        from psycopg.rows import tuple_row

        found: list[Row] = []
        with connection.cursor(row_factory=tuple_row) as cursor:
            for statement in statements:
                places = ["%s"] * len(statement.values)
                # Without values, psycopg takes a percent sign for itself.
                text = render(statement, places, ("%", "%%")) if places else statement.texts[0]
                cursor.execute(text, statement.values or None)
                found = cursor.fetchall() if cursor.description else []
        return found


def _parsed(given: Any) -> dict[str, Any]:
    """The parameters in a connection string; psycopg's own errors quote it, passwords too."""
    from psycopg import Error
    from psycopg.conninfo import conninfo_to_dict

    found: dict[str, Any] | None = None
    try:
        found = dict(conninfo_to_dict(given))
    except (Error, TypeError, ValueError):
        found = None
    if found is None:
        raise ConfigurationError("psycopg cannot read the connection string")
    return found


class EngineRunner(Runner):
    """By a SQLAlchemy engine, of any driver.

    Args:
        engine: Gives the `Engine`.
        url: Its `URL`.
    """

    def __init__(self, engine: Callable[[], Any], url: Any) -> None:
        super().__init__(_where(url))
        self._engine = engine

    def _run(self, statements: Sequence[Sql]) -> list[Row]:
        with self._engine().begin() as connection:
            return _in_order(connection, statements)

    def _run_outside(self, work: Callable[[_Execute], None]) -> None:
        with self._engine().connect() as connection:
            own = connection.execution_options(isolation_level="AUTOCOMMIT")
            work(lambda statement: _in_order(own, [statement]))


class AsyncEngineRunner(Runner):
    """By a SQLAlchemy `AsyncEngine` whose loop runs in a thread of its own.

    Args:
        engine: LangChain's `PGEngine`.
    """

    def __init__(self, engine: Any) -> None:
        super().__init__(_where(engine._pool.url))
        self._engine = engine

    def _run(self, statements: Sequence[Sql]) -> list[Row]:
        async def work() -> list[Row]:
            async with self._engine._pool.begin() as connection:
                found: list[Row] = await connection.run_sync(_in_order, statements)
                return found

        return list(self._engine._run_as_sync(work()))

    def _run_outside(self, work: Callable[[_Execute], None]) -> None:
        async def all_of_it() -> None:
            async with self._engine._pool.connect() as connection:
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                await connection.run_sync(
                    lambda own: work(lambda statement: _in_order(own, [statement]))
                )

        self._engine._run_as_sync(all_of_it())


def _where(url: Any) -> tuple[str, ...]:
    host = url.host or url.query.get("host") or ""
    return (str(host), str(url.port or ""), str(url.database or ""))


def _in_order(connection: Any, statements: Sequence[Sql]) -> list[Row]:
    from sqlalchemy import text

    found: list[Row] = []
    for statement in statements:
        names = [f"p{at}" for at in range(len(statement.values))]
        written = render(statement, [f":{name}" for name in names], (":", "\\:"))
        given: dict[str, Value] = dict(zip(names, statement.values, strict=True))
        result = connection.execute(text(written), given)
        found = [tuple(row) for row in result] if result.returns_rows else []
    return found


def runner_of(database: Any) -> Runner:
    """What runs statements on a database.

    Args:
        database: A runner, a SQLAlchemy `Engine`, or what `PsycopgRunner` takes.

    Raises:
        MissingDependencyError: `psycopg` is needed and not installed.
        ConfigurationError: Something else.
    """
    if isinstance(database, Runner):
        return database
    if type(database).__module__.startswith("sqlalchemy.") and hasattr(database, "begin"):
        if not hasattr(database, "sync_engine"):
            return EngineRunner(lambda: database, database.url)
        raise ConfigurationError("an AsyncEngine belongs to a loop; a plain Engine is needed")
    return PsycopgRunner(database)
