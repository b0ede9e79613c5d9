"""The tables of LangChain's `SQLiteVec`: rows with text, metadata and vector, and a vector index.

The wrapper writes a table of rows, and by a trigger a table `..._vec` of the extension `vec0`. It
knows no filters and no deletion, numbers items by row, and its vector search takes 4,096 results at
most (langchain-community 0.4.2, sqlite-vec 0.1.9). So the user's rows are picked first and compared
one by one; the id of an item is kept in its metadata.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from piirag.errors import ConfigurationError, InvalidInputError, UnsupportedStoreError
from piirag.tenancy.languages.sqlite_vec import Condition, SQLiteLanguage, is_plain

ID_KEY = "_piirag_id"
"""Metadata key of an item's id. What was written without piirag has none."""

LANGUAGE = SQLiteLanguage("rows.metadata")

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_LENGTH = re.compile(r"text_embedding\s+float\[(\d+)\]", re.IGNORECASE)
_ROW = re.compile(r"row-(-?[0-9]{1,18})")
_ID = f"json_extract(rows.metadata, '$.{ID_KEY}')"
_PAGE = 500
# Connections cannot be told apart for good: they take no weak references.
_lock = threading.RLock()


@dataclass(frozen=True, repr=False)
class VecRow:
    """A row of the table."""

    id: str
    text: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    vector: Sequence[float] | None = None
    distance: float | None = None

    def __repr__(self) -> str:
        return f"VecRow({len(self.text)} characters)"


class VecTable:
    """The rows of a table and their vectors.

    Args:
        connection: Of `sqlite3` or a module like it, with the extension sqlite-vec loaded. For use
            in several threads (LangChain's async methods do that), made with
            ``check_same_thread=False``.
        name: The table.

    Raises:
        UnsupportedStoreError: The table is not as the wrapper makes it, or the extension is not
            loaded.
    """

    def __init__(self, connection: Any, name: str) -> None:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise UnsupportedStoreError("the name of this SQLite table is no plain identifier")
        self.connection = connection
        self.name = name
        made = dict(self._all("SELECT name, sql FROM sqlite_master", ()))
        columns = {row[1] for row in self._all(f'PRAGMA table_info("{name}")', ())}
        length = _LENGTH.search(str(made.get(f"{name}_vec")))
        if not {"text", "metadata", "text_embedding"} <= columns or length is None:
            raise UnsupportedStoreError("these SQLite tables are not as SQLiteVec makes them")
        self.length = int(length[1])
        """How long vectors are."""
        try:
            self._all("SELECT vec_version()", ())
        except Exception:  # noqa: BLE001 - whatever module the connection is of
            raise UnsupportedStoreError("sqlite-vec is not loaded into this connection") from None
        self._index("UNIQUE", ID_KEY)

    def index(self, key: str) -> None:
        """Let the database find rows by a metadata key without reading all of them."""
        if is_plain(key):
            self._index("", key)

    def _index(self, unique: str, key: str) -> None:
        name = f"{self.name}_by_{key}"
        if not self._all("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)):
            with self._change() as cursor:
                cursor.execute(
                    f'CREATE {unique} INDEX IF NOT EXISTS "{name}" ON "{self.name}"'
                    f" (json_extract(metadata, '$.{key}'))"
                )

    # Reading

    def count(self, where: Condition | None) -> int:
        """How many rows fit a condition."""
        sql, values = self._where(where)
        return int(self._all(f"SELECT count(*) {sql}", values)[0][0])

    def rows(self, where: Condition | None, *, vectors: bool = False) -> Iterator[VecRow]:
        """Rows that fit a condition, read page by page."""
        sql, values = self._where(where)
        vector = "rows.text_embedding" if vectors else "NULL"
        last = -(2**63)
        while True:
            page = self._all(
                f"SELECT rows.rowid, rows.text, rows.metadata, {vector}, NULL {sql}"
                " AND rows.rowid > ? ORDER BY rows.rowid LIMIT ?",
                (*values, last, _PAGE),
            )
            yield from map(_row, page)
            if len(page) < _PAGE:
                return
            last = page[-1][0]

    def by_ids(self, ids: Sequence[str]) -> list[VecRow]:
        """Rows by id."""
        return list(self.rows(among(ids)))

    def nearest(self, vector: Sequence[float], k: int, where: Condition) -> list[VecRow]:
        """The nearest rows of those that fit a condition, nearest first, with their vectors.

        Raises:
            InvalidInputError: A vector of another length than those of the table.
        """
        sql, values = self._where(where)
        found = self._all(
            "SELECT rows.rowid, rows.text, rows.metadata, rows.text_embedding,"
            f" vec_distance_L2(rows.text_embedding, ?) AS distance {sql}"
            " AND rows.text_embedding IS NOT NULL ORDER BY distance, rows.rowid LIMIT ?",
            (self._packed(vector), *values, k),
        )
        return [_row(row) for row in found]

    # Writing

    def write(self, rows: Sequence[VecRow]) -> None:
        """Write rows; those that are there already are replaced in the same transaction.

        Raises:
            InvalidInputError: Metadata or vectors that the table cannot hold; nothing was written.
        """
        given = [
            (r.text, _json(r), self._packed(() if r.vector is None else r.vector)) for r in rows
        ]
        old = among([row.id for row in rows])
        with self._change() as cursor:
            self._delete(cursor, old)
            cursor.executemany(
                f'INSERT INTO "{self.name}" (text, metadata, text_embedding) VALUES (?, ?, ?)',
                given,
            )

    def change(self, rows: Sequence[VecRow]) -> None:
        """Put other texts and metadata, and vectors where they are given, into rows that are there.

        Raises:
            InvalidInputError: Metadata or vectors that the table cannot hold; nothing was changed.
        """
        given = [(row, None if row.vector is None else self._packed(row.vector)) for row in rows]
        with self._change() as cursor:
            for row, vector in given:
                self._change_one(cursor, row, vector)

    def _change_one(self, cursor: Any, row: VecRow, vector: bytes | None) -> None:
        sql, values = self._where(known_as([row.id]))
        cursor.execute(f"SELECT rows.rowid, rows.metadata {sql}", values)
        for number, stored in cursor.fetchall():
            held = json.loads(stored) if stored else {}
            named = isinstance(held, dict) and ID_KEY in held
            cursor.execute(
                f'UPDATE "{self.name}" SET text = ?, metadata = ? WHERE rowid = ?',
                (row.text, _json(row, named=named), number),
            )
            if vector is not None:
                cursor.execute(
                    f'UPDATE "{self.name}" SET text_embedding = ? WHERE rowid = ?', (vector, number)
                )
                # The wrapper's trigger tells the index of new rows only.
                cursor.execute(f'DELETE FROM "{self.name}_vec" WHERE rowid = ?', (number,))
                cursor.execute(
                    f'INSERT INTO "{self.name}_vec" (rowid, text_embedding) VALUES (?, ?)',
                    (number, vector),
                )

    def remove(self, where: Condition) -> None:
        """Delete the rows that fit a condition, and their vectors, in one transaction."""
        with self._change() as cursor:
            self._delete(cursor, where)

    def remove_orphans(self) -> None:
        """Delete vectors that belong to no row: what deletes from the first table only leaves."""
        numbers = self._orphans()
        if numbers:
            with self._change() as cursor:
                cursor.executemany(f'DELETE FROM "{self.name}_vec" WHERE rowid = ?', numbers)

    def _orphans(self) -> list[tuple[int]]:
        # Where sqlite-vec keeps the numbers of its rows: reading these takes a tenth of the time.
        kept = f"{self.name}_vec_rowids"
        there = self._all("SELECT 1 FROM sqlite_master WHERE name = ?", (kept,))
        vectors = kept if there else f"{self.name}_vec"
        return self._all(
            f'SELECT rowid FROM "{vectors}" EXCEPT SELECT rowid FROM "{self.name}"', ()
        )

    def _delete(self, cursor: Any, where: Condition) -> None:
        sql, values = self._where(where)
        cursor.execute(f"SELECT rows.rowid {sql}", values)
        numbers = [(row[0],) for row in cursor.fetchall()]
        cursor.executemany(f'DELETE FROM "{self.name}_vec" WHERE rowid = ?', numbers)
        cursor.executemany(f'DELETE FROM "{self.name}" WHERE rowid = ?', numbers)

    # The connection

    @contextmanager
    def _change(self) -> Iterator[Any]:
        """A transaction; where one is open already, a part of it, and then all of it ends."""
        with _lock, self._cursor() as cursor:
            cursor.execute("SAVEPOINT piirag")
            try:
                yield cursor
            except BaseException:
                cursor.execute("ROLLBACK TO piirag")
                cursor.execute("RELEASE piirag")
                raise
            cursor.execute("RELEASE piirag")
            self.connection.commit()

    def _all(self, sql: str, values: Sequence[Any]) -> list[Any]:
        with _lock, self._cursor() as cursor:
            found: list[Any] = cursor.execute(sql, values).fetchall()
            return found

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        try:
            cursor = self.connection.cursor()
        except Exception as error:
            if "thread" not in str(error):
                raise
            raise ConfigurationError(
                "this SQLite connection is for one thread only; make it with "
                "check_same_thread=False to use the store from others, or with await"
            ) from None
        # The wrapper wants rows by name.
        cursor.row_factory = None
        try:
            yield cursor
        finally:
            cursor.close()

    def run(self, sql: str) -> list[Any]:
        """Run a statement outside of any transaction, such as VACUUM."""
        with _lock:
            self.connection.commit()
            return self._all(sql, ())

    def _where(self, where: Condition | None) -> tuple[str, tuple[Any, ...]]:
        if where is None:
            return f'FROM "{self.name}" AS rows WHERE TRUE', ()
        return f'FROM "{self.name}" AS rows WHERE {where.sql}', where.parameters

    def _packed(self, vector: Sequence[float]) -> bytes:
        import numpy as np

        if len(vector) != self.length:
            raise InvalidInputError("a vector of another length than those of the table")
        return bytes(np.asarray(vector, dtype="<f4").tobytes())


def among(ids: Sequence[str]) -> Condition:
    """The rows with some ids, at least one."""
    marks = ", ".join("?" * len(ids))
    return Condition(f"{_ID} IN ({marks})", tuple(ids))


def known_as(ids: Sequence[str]) -> Condition:
    """The rows that are known by some ids, at least one: rows written without piirag too."""
    named = among(ids)
    numbers = [int(match[1]) for id in ids if (match := _ROW.fullmatch(id))]
    if not numbers:
        return named
    marks = ", ".join("?" * len(numbers))
    return Condition(
        f"({named.sql} OR ({_ID} IS NULL AND rows.rowid IN ({marks})))",
        (*named.parameters, *numbers),
    )


def _json(row: VecRow, *, named: bool = True) -> str:
    if ID_KEY in row.metadata or not all(type(key) is str for key in row.metadata):
        raise InvalidInputError(f"metadata keys are strings, and not {ID_KEY!r}")
    if "\x00" in row.id:
        # Where SQLite's JSON takes a string to end.
        raise InvalidInputError("SQLite cannot hold an id with NUL")
    try:
        own = {ID_KEY: row.id} if named else {}
        whole = json.dumps({**row.metadata, **own}, ensure_ascii=False, allow_nan=False)
        # Halves of surrogate pairs have no UTF-8.
        (whole + row.text).encode()
    except (TypeError, ValueError, RecursionError):
        raise InvalidInputError("SQLite cannot hold these texts or metadata") from None
    return whole


def _row(row: Sequence[Any]) -> VecRow:
    import numpy as np

    number, text, stored, vector, distance = row
    found = json.loads(stored) if stored else {}
    metadata = found if isinstance(found, dict) else {}
    id = metadata.pop(ID_KEY, None)
    floats = None if vector is None else np.frombuffer(vector, dtype="<f4").tolist()
    return VecRow(
        id if isinstance(id, str) else f"row-{number}", text or "", metadata, floats, distance
    )
