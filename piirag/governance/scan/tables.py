"""Tables of a database as something to scan, row by row, counted column by column."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

from piirag.errors import ConfigurationError, MissingDependencyError
from piirag.governance.scan.formats import KEYS
from piirag.governance.scan.record import Number, Record, Skipped, guarded, is_vector, of_row

_ROWS = 500
# A search index over another table, which shows the rows of that one.
_OF_ANOTHER = re.compile(
    r"CREATE\s+VIRTUAL\s+TABLE\b[^(]*\bUSING\s+fts[0-9]\s*\(.*\bcontent\s*=\s*['\"]?(\w+)",
    re.IGNORECASE | re.DOTALL,
)
_SYSTEM = frozenset("information_schema INFORMATION_SCHEMA mysql performance_schema sys".split())


class Tables:
    """The tables of a SQLite file, or of a database with a SQLAlchemy URL. Nothing is written.

    Args:
        database: A path of a SQLite file, or a URL such as ``postgresql+psycopg://host/name``.
        only: Names of tables, ``schema.table`` outside of the default schema; all if None.

    Raises:
        ConfigurationError: No such file, or a URL that SQLAlchemy cannot read.
        MissingDependencyError: A URL, and SQLAlchemy is not installed.
    """

    def __init__(self, database: str | Path, *, only: Sequence[str] | None = None) -> None:
        self._only = None if only is None else frozenset(only)
        self._engine: Any = None
        self._path = Path(database)
        self.total: int | None = None
        self.done = 0
        if "://" in str(database):
            self._engine = _engine(str(database))
        elif not self._path.is_file():
            raise ConfigurationError("the database is not there")

    def names(self) -> frozenset[str] | None:
        """The tables that there are; None where that cannot be told."""
        try:
            if self._engine is None:
                with closing(_opened(self._path)) as database:
                    return frozenset(_sqlite_tables(database))
            import sqlalchemy

            return frozenset(name for name, _ in _tables(sqlalchemy.inspect(self._engine)))
        except Exception:  # noqa: BLE001 - a driver's words quote the URL; reading tells of it
            return None

    def records(self) -> Iterator[Record | Skipped]:
        """Every row. What cannot be read is told and does not end it."""
        known = self.names() if self._only is not None else None
        if known is not None and self._only is not None and self._only - known:
            yield Skipped("database", "a table that was named is not there", failed=True)
        read = self._rows() if self._engine is not None else self._sqlite()
        for record in guarded("database", read):
            self.done += isinstance(record, Record)
            yield record

    def _sqlite(self) -> Iterator[Record | Skipped]:
        return sqlite_records("", self._path, only=self._only)

    def _rows(self) -> Iterator[Record | Skipped]:
        import sqlalchemy

        failed = ""
        tables: list[tuple[str, Any]] = []
        try:
            tables = [*_tables(sqlalchemy.inspect(self._engine))]
        except Exception as error:  # noqa: BLE001 - a driver's words quote the URL
            failed = type(error).__name__
        if failed:
            yield Skipped("database", f"cannot be read ({failed})", failed=True)
        for name, table in tables:
            if self._only is not None and name not in self._only:
                continue
            try:
                with self._engine.connect().execution_options(
                    stream_results=True, yield_per=_ROWS
                ) as connection:
                    rows = connection.execute(
                        sqlalchemy.select(sqlalchemy.text("*")).select_from(table)
                    )
                    yield from _records(name, "table", list(rows.keys()), rows)
            except Exception as error:  # noqa: BLE001 - as above
                failed = type(error).__name__
            if failed:
                yield Skipped(name, f"reading stopped ({failed})", whole=False, failed=True)
                failed = ""
        self._engine.dispose()


def _tables(inspector: Any) -> Iterator[tuple[str, Any]]:
    """Every table of every schema that is not the system's; those of the default by bare name."""
    import sqlalchemy

    default = inspector.default_schema_name
    for schema in inspector.get_schema_names():
        if schema in _SYSTEM or schema.startswith("pg_"):
            continue
        for name in sorted(inspector.get_table_names(schema=schema)):
            told = name if schema == default else f"{schema}.{name}"
            yield told, sqlalchemy.table(name, schema=schema)


def sqlite_records(
    name: str, path: Path, *, only: frozenset[str] | None = None
) -> Iterator[Record | Skipped]:
    """The rows of a SQLite file's tables.

    Args:
        name: The file, as the report calls it; its tables are named after it. Empty for tables
            by their own names.
        path: Where it lies.
        only: Names of tables; all of them if None.
    """
    reason = ""
    try:
        with closing(_opened(path)) as database:
            for table in _sqlite_tables(database):
                if only is not None and table not in only:
                    continue
                source = f"{name}: {table}" if name else table
                yield from _sqlite_table(source, database, table)
    except (sqlite3.Error, OSError) as error:
        reason = type(error).__name__
    if reason:
        yield Skipped(name or "database", f"cannot be read ({reason})", failed=True)


def _opened(path: Path) -> sqlite3.Connection:
    """A database to read. SQLite makes files beside one that has a log, even to read it."""
    with path.open("rb") as file:
        logs = file.read(19)[18:] == b"\2"
    # Without a log, nobody has it open, and nothing is missing in the file itself.
    pending = any(path.with_name(path.name + end).exists() for end in ("-wal", "-shm"))
    how = "immutable=1" if logs and not pending else "mode=ro"
    database = sqlite3.connect(f"{path.resolve().as_uri()}?{how}", uri=True)
    # What an application put in as text may be anything.
    database.text_factory = lambda data: data.decode("utf-8", "replace")
    return database


def _sqlite_tables(database: sqlite3.Connection) -> list[str]:
    """Names of tables, without those in which a search index keeps its rows a second time."""
    listed = (
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual')"
        if sqlite3.sqlite_version_info >= (3, 37)
        else "SELECT name FROM sqlite_master WHERE type = 'table'"
    )
    names = {name for (name,) in database.execute(listed).fetchall()}
    made = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
    of_another = {
        name for name, sql in made if (m := _OF_ANOTHER.match(sql or "")) and m[1] in names
    }
    names -= of_another
    return sorted(name for name in names if not name.startswith("sqlite_"))


def _sqlite_table(
    source: str, database: sqlite3.Connection, table: str
) -> Iterator[Record | Skipped]:
    quoted = table.replace('"', '""')
    reason = ""
    try:
        rows = database.execute(f'SELECT * FROM "{quoted}"')
        yield from _records(source, "table", [column[0] for column in rows.description], rows)
    except sqlite3.Error as error:
        # A virtual table whose extension is not loaded, say; the next one may be read.
        reason = type(error).__name__
    if reason:
        yield Skipped(source, f"reading stopped ({reason})", whole=False, failed=True)


def _records(
    source: str, kind: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> Iterator[Record | Skipped]:
    packed = False
    yield from of_row(source, kind, [(KEYS, "\n".join(columns))], names=True)
    for row in rows:
        cells = []
        for column, value in zip(columns, row, strict=True):
            if isinstance(value, bytes | bytearray | memoryview):
                text = _text_of(bytes(value))
                packed = packed or text is None
            else:
                text = _shown(value)
            if text is not None:
                cells.append((column, text))
        yield from of_row(source, kind, cells)
    if packed:
        yield Skipped(source, "binary values were not read", whole=False)


def _shown(value: Any) -> str | None:
    if value is None or isinstance(value, bool) or is_vector(value):
        return None
    return Number(value) if isinstance(value, int | float | Decimal) else str(value)


def _text_of(value: bytes) -> str | None:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _engine(url: str) -> Any:
    try:
        import sqlalchemy
    except ImportError:
        sqlalchemy = None  # type: ignore[assignment]
    if sqlalchemy is None:
        raise MissingDependencyError("SQLAlchemy", "sql")
    driver = ""
    try:
        return sqlalchemy.create_engine(url)
    except Exception as error:  # noqa: BLE001 - its words quote the URL, and with it a password
        driver = type(error).__name__
    raise ConfigurationError(f"the database URL cannot be used ({driver})")
