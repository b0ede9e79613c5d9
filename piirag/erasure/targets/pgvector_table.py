"""A table of vectors in Postgres, whoever made it: reading, searching, writing and deleting."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from piirag.erasure.targets.pgvector_runner import Row, Runner, runner_of
from piirag.errors import InvalidInputError, UnsupportedStoreError
from piirag.tenancy.languages.pgvector import PGVectorLanguage
from piirag.tenancy.languages.pgvector_sql import Sql, as_json, joined, name, sql, value

_PAGE = 1000
_TEXTS = frozenset({"text", "varchar"})
_VECTORS = frozenset({"vector", "halfvec"})

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HALF = re.compile("[\ud800-\udfff]")

DISTANCES = {
    "cosine": sql("<=>"),
    "l2": sql("<->"),
    "inner": sql("<#>"),
}
"""Name of a distance -> pgvector's operator; that of the inner product is its negative."""


@dataclass(frozen=True, repr=False)
class Found:
    """A row of a table.

    Args:
        id: Its id, as text.
        text: Its text.
        metadata: From the JSON column and the columns of their own; without those that are null.
        vector: Its vector, where it was asked for.
        distance: From what was searched for, or its rank among texts.
    """

    id: str
    text: str | None
    metadata: dict[str, Any] = field(default_factory=dict)
    vector: list[float] | None = None
    distance: float | None = None

    def __repr__(self) -> str:
        return f"Found({len(self.text or '')} characters)"


class PGTable:
    """A table whose rows are items: id, text, vector, and metadata in JSON or columns.

    Args:
        database: A connection string or URL, a psycopg `Connection` or `ConnectionPool`, or a
            SQLAlchemy `Engine`.
        table: Its name.
        schema: Name of its schema; None for the first on the search path that has it.
        id: Column of the id.
        text: Column of the text.
        vector: Column of the vector.
        metadata: Column of the metadata, JSON or JSONB; None where they have none.
        columns: Columns that hold metadata of the same name.
        key: Column of the primary key, where that is another than `id`.
        part: Which rows of the table are meant; None for all. Made by piirag.
        part_name: What to call them; holds no personal data.

    Raises:
        ConfigurationError: No database that is known.
        InvalidInputError: An unusable name.
    """

    def __init__(
        self,
        database: Any,
        table: str,
        *,
        schema: str | None = None,
        id: str = "id",
        text: str = "text",
        vector: str = "embedding",
        metadata: str | None = "metadata",
        columns: Sequence[str] = (),
        key: str | None = None,
        part: Sql | None = None,
        part_name: str = "",
    ) -> None:
        self.runner: Runner = runner_of(database)
        self.table = table
        self.name = part_name or table
        self.sql = name(table) if schema is None else name(schema, table)
        self.part = part
        self.id = name(id)
        self.text = name(text)
        self.vector = name(vector)
        self.key = self.id if key is None else name(key)
        self.metadata = None if metadata is None else name(metadata)
        self.columns = {column: name(column) for column in columns}
        self._id, self._vector, self._key, self._metadata = id, vector, key or id, metadata
        self._text = text
        self.identity = (*self.runner.where, schema or "", table, part_name)
        self.language = PGVectorLanguage(self._lookup, self._same)

    # What it is made of

    @cached_property
    def types(self) -> dict[str, str]:
        """Column -> the name of its type, read from the database once.

        Raises:
            StoreError: There is no such table, or no database.
        """
        rows = self.runner.rows(
            sql(
                "SELECT a.attname, t.typname FROM pg_attribute a JOIN pg_type t"
                " ON t.oid = a.atttypid WHERE a.attrelid = {} AND a.attnum > 0"
                " AND NOT a.attisdropped",
                value(self.sql.texts[0], "regclass"),
            )
        )
        return {str(column): str(type) for column, type in rows}

    @property
    def id_column(self) -> str:
        """The name of the column of ids."""
        return self._id

    @property
    def ids_are_text(self) -> bool:
        """Whether any string may be an id.

        Raises:
            UnsupportedStoreError: Ids are neither strings nor UUIDs.
        """
        found = self._type(self._id, _TEXTS | {"uuid"}, "an id column of type text or uuid")
        return found != "uuid"

    def _type(self, column: str, known: frozenset[str], wanted: str) -> str:
        found = self.types.get(column)
        if found not in known:
            raise UnsupportedStoreError(f"a table in Postgres needs {wanted}")
        return found

    def _json(self) -> Sql | None:
        """The metadata as JSONB."""
        if self.metadata is None or self._metadata is None:
            return None
        known = frozenset({"json", "jsonb"})
        found = self._type(self._metadata, known, "metadata of type json or jsonb")
        return self.metadata if found == "jsonb" else sql("CAST({} AS jsonb)", self.metadata)

    def _lookup(self, key: str) -> Sql:
        if key in self.columns:
            return sql("to_jsonb({})", self.columns[key])
        whole = self._json()
        if whole is None:
            raise InvalidInputError("this table has no column for a metadata key, and none of JSON")
        return sql("({} -> {})", whole, value(key, "text"))

    def _same(self, key: str, wanted: Any) -> Sql | None:
        if key in self.columns:
            if isinstance(wanted, str) and self.types.get(key) in _TEXTS:
                return sql("{} = {}", self.columns[key], value(wanted, "text"))
            return None
        if self.metadata is None or self.types.get(str(self._metadata)) != "jsonb":
            return None
        return sql("{} @> {}", self.metadata, as_json({key: wanted}))

    def ids(self, ids: Sequence[str]) -> Sql:
        """The condition that the id is one of these."""
        type = "text[]" if self.ids_are_text else "uuid[]"
        return sql("{} = ANY({})", self.id, value(list(ids), type))

    def possible(self, ids: Sequence[str]) -> list[str]:
        """Those of some ids that the column can hold: another one is no error, and of no row."""
        if self.ids_are_text:
            return [id for id in ids if "\x00" not in id and not _HALF.search(id)]
        return [id for id in ids if _UUID.fullmatch(id)]

    def row(
        self, id: str, text: str, metadata: Mapping[str, Any], vector: Sequence[float] | None
    ) -> dict[str, Any]:
        """An item as a row: column -> value; without a vector where none is given.

        Raises:
            InvalidInputError: A metadata key has no column, and there is none of JSON.
        """
        held = {key: item for key, item in metadata.items() if key not in self.columns}
        if held and self._metadata is None:
            raise InvalidInputError("this table has no column for a metadata key, and none of JSON")
        row: dict[str, Any] = {key: metadata.get(key) for key in self.columns}
        if self._metadata is not None:
            row[self._metadata] = held
        row |= {self._id: id, self._text: text}
        return row if vector is None else row | {self._vector: list(vector)}

    def where(self, *conditions: Sql | None, whole: bool = False) -> Sql:
        """``WHERE`` the row is of this part, or of any, and all conditions hold."""
        given = [None if whole else self.part, *conditions]
        all_of = [sql("({})", condition) for condition in given if condition is not None]
        return sql(" WHERE {}", joined(" AND ", all_of)) if all_of else sql("")

    # Reading

    def _select(self, *more: Sql) -> Sql:
        held = [sql("CAST({} AS text)", column) for column in (self.id, self.text)]
        held.append(
            sql("NULL") if self.metadata is None else sql("CAST({} AS text)", self.metadata)
        )
        pairs = [part for key, c in self.columns.items() for part in (value(key, "text"), c)]
        held.append(
            sql("CAST(jsonb_build_object({}) AS text)", joined(", ", pairs))
            if pairs
            else sql("NULL")
        )
        return sql("SELECT {} FROM {}", joined(", ", [*held, *more]), self.sql)

    def rows(self, condition: Sql | None, limit: int | None = None) -> list[Found]:
        """Rows, at most so many, in no order."""
        statement = self._select() + self.where(condition)
        if limit is not None:
            statement += sql(" LIMIT {}", value(limit, "bigint"))
        return [_found(row) for row in self.runner.rows(statement)]

    def pages(
        self, condition: Sql | None, *, vectors: bool = False, whole: bool = False
    ) -> Iterator[Found]:
        """Every row, read page by page in the order of the primary key.

        Args:
            condition: Which rows.
            vectors: Whether vectors are needed.
            whole: Also rows of other parts of the table.
        """
        type = Sql((self._type(self._key, _TEXTS | _KEYS, "a primary key of a plain type"),))
        last: Sql | None = None
        key = sql("CAST({} AS text)", self.key)
        more = [key, self._vector_text()] if vectors else [key]
        while True:
            statement = self._select(*more) + self.where(condition, last, whole=whole)
            statement += sql(" ORDER BY {} LIMIT {}", self.key, value(_PAGE, "bigint"))
            rows = self.runner.rows(statement)
            for row in rows:
                yield _found(row, vector=row[5] if vectors else None)
            if len(rows) < _PAGE:
                return
            given = value(str(rows[-1][4]), "text")
            last = sql("{} > CAST({} AS {})", self.key, given, type)

    def count(self, condition: Sql | None) -> int:
        """How many rows there are."""
        statement = sql("SELECT count(*) FROM {}", self.sql) + self.where(condition)
        return int(self.runner.rows(statement)[0][0])

    # Searching

    def _vector_text(self) -> Sql:
        return sql("CAST({} AS text)", self.vector)

    def _as_vector(self, vector: Sequence[float]) -> Sql:
        type = self._type(self._vector, _VECTORS, "vectors of type vector or halfvec")
        return value("[" + ",".join(repr(float(number)) for number in vector) + "]", type)

    def nearest(
        self,
        vector: Sequence[float],
        k: int,
        condition: Sql | None,
        *,
        distance: str = "cosine",
        vectors: bool = False,
    ) -> list[Found]:
        """The rows nearest to a vector, among all that fit the condition.

        An approximate index is not used: it finds some 40 rows of everybody first, and those of
        one user among them are too few (pgvector before 0.8 finds no more; later ones stop
        somewhere). What is compared is what fits the condition.

        Args:
            vector: Near to what.
            k: At most so many.
            condition: Which rows.
            distance: One of `DISTANCES`.
            vectors: Whether vectors are needed.
        """
        far = sql("({} {} {})", self.vector, DISTANCES[distance], self._as_vector(vector))
        more = [far, self._vector_text()] if vectors else [far]
        statement = self._select(*more) + self.where(condition)
        # An index serves the bare expression only.
        statement += sql(" ORDER BY {} + 0, {} LIMIT {}", far, self.key, value(k, "bigint"))
        return [
            _found(row, distance=row[4], vector=row[5] if vectors else None)
            for row in self.runner.rows(statement)
        ]

    def ranked(
        self, tokens: Sql, query: Sql, k: int, condition: Sql | None, rank: str
    ) -> list[Found]:
        """The rows whose texts fit a full-text query best.

        Args:
            tokens: The tsvector.
            query: The tsquery.
            k: At most so many.
            condition: Which rows.
            rank: ``"ts_rank"`` or ``"ts_rank_cd"``.
        """
        fits = sql("{} @@ {}", tokens, query)
        score = sql("{}({}, {})", Sql((rank,)), tokens, query)
        statement = self._select(score) + self.where(condition, fits)
        statement += sql(" ORDER BY 5 DESC, {} LIMIT {}", self.key, value(k, "bigint"))
        return [_found(row, distance=row[4]) for row in self.runner.rows(statement)]

    # Deleting

    def delete(self, condition: Sql, *then: Sql) -> list[Row]:
        """Delete the rows that fit, at once.

        Args:
            condition: Which rows.
            *then: Statements to run in the same transaction.

        Returns:
            The rows that the last of these gives.
        """
        gone = sql("DELETE FROM {}", self.sql) + self.where(condition)
        return self.runner.rows(gone, *then)

    def until(self, key: str, moment: float, tag: str) -> Sql:
        """The condition that there is a number under a metadata key that is at most this, and a
        text under the key `tag`, which names a user.

        Its first part is what an index on the key serves, see `index_until`; JSON orders texts
        and null below numbers, which the second part leaves out.
        """
        most = as_json(moment)
        found = self._lookup(key)
        named = sql("jsonb_typeof({}) = 'string'", self._lookup(tag))
        return sql("{} <= {} AND jsonb_typeof({}) = 'number' AND {}", found, most, found, named)

    def without(self, key: str, tag: str) -> Sql:
        """The condition that there is a text under the key `tag`, and no number under `key`."""
        return sql(
            "jsonb_typeof({}) = 'string' AND jsonb_typeof({}) IS DISTINCT FROM 'number'",
            *(self._lookup(tag), self._lookup(key)),
        )

    def index_until(self, key: str) -> None:
        """Create an index that finds the rows of `until`, where there is none.

        Raises:
            UnsupportedStoreError: Metadata are not in a column of type jsonb.
        """
        if self.metadata is None or self.types.get(str(self._metadata)) != "jsonb":
            raise UnsupportedStoreError("an index on a metadata key needs metadata of type jsonb")
        index = name(f"ix_{self.table}_{key}"[:63])
        # An expression in an index holds no parameters; the key is quoted as a literal.
        literal = Sql(("'" + key.replace("'", "''") + "'",))
        self.runner.rows(
            sql(
                "CREATE INDEX IF NOT EXISTS {} ON {} (({} -> CAST({} AS text)))",
                *(index, self.sql, self.metadata, literal),
            )
        )

    def delete_counted(self, condition: Sql) -> int:
        """Delete the rows that fit, at once; how many."""
        deleted = sql("DELETE FROM {}", self.sql) + self.where(condition) + sql(" RETURNING 1")
        counted = sql("WITH gone AS ({}) SELECT count(*) FROM gone", deleted)
        return int(self.runner.rows(counted)[0][0])

    def __repr__(self) -> str:
        return f"PGTable({self.name!r})"


_KEYS = frozenset({"uuid", "int2", "int4", "int8"})


def _found(row: Row, *, distance: Any = None, vector: Any = None) -> Found:
    metadata: dict[str, Any] = json.loads(row[2]) if row[2] is not None else {}
    if not isinstance(metadata, Mapping):
        metadata = {}
    if row[3] is not None:
        own = json.loads(row[3])
        metadata = {**metadata, **{key: held for key, held in own.items() if held is not None}}
    return Found(
        str(row[0]),
        row[1],
        metadata,
        None if vector is None else [float(number) for number in json.loads(vector)],
        None if distance is None else float(distance),
    )
