"""A LanceDB table in the schema that LangChain's and LlamaIndex's wrappers share.

Both write the columns `vector`, `id`, `text` and `metadata`, a struct; LlamaIndex `doc_id` besides.
A struct has the fields of the rows it was made from, and no others (measured with lancedb 0.40.0):

- a row with a further field is refused, so the field is added first;
- rows that are written without a field that others have make that field unreadable in the whole
  table until it is compacted, so every row is written with every field, and a table that something
  else has left in this state is compacted when it is read;
- a number with a fraction is cut where the field holds whole ones, so it is refused.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from piirag.erasure.targets.lancedb_metadata import (
    cast,
    field_of,
    fields_of,
    kind_of_type,
    takes,
)
from piirag.errors import ErasureError, InvalidInputError, UnsupportedStoreError
from piirag.tenancy.languages.lancedb import NAME, LanceDBLanguage, among

T = TypeVar("T")

_PAGE = 1000
_ATTEMPTS = 20
_METADATA = "metadata"
_UNREADABLE = "projection supplied fewer column indices"
_making = threading.Lock()


@dataclass(frozen=True, repr=False)
class LanceRow:
    """A row of a table."""

    id: str
    text: str | None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    vector: Sequence[float] | None = None
    document: str | None = None
    distance: float | None = None

    def __repr__(self) -> str:
        return f"LanceRow({len(self.text or '')} characters)"


class LanceItems:
    """The rows of a table; opened anew for every call, since a handle stays at its version.

    Args:
        connection: A `lancedb` connection to a folder or an object store.
        name: The table, which need not be there yet.
        id_key: The column of ids.
        text_key: The column of texts.
        vector_key: The column of vectors.
        document_key: The column of LlamaIndex's document ids, written where the table has it.

    Raises:
        UnsupportedStoreError: LanceDB's cloud, or a table without a struct of metadata.
    """

    def __init__(
        self,
        connection: Any,
        name: str,
        *,
        id_key: str = "id",
        text_key: str = "text",
        vector_key: str = "vector",
        document_key: str = "doc_id",
    ) -> None:
        if "remote" in type(connection).__module__ or not hasattr(connection, "uri"):
            raise UnsupportedStoreError("of LanceDB, tables in folders and object stores are known")
        self.connection = connection
        self.name = name
        self._id, self._text, self._vector = id_key, text_key, vector_key
        self._document = document_key
        for key in (id_key, text_key, vector_key, document_key):
            if not NAME.fullmatch(key):
                raise UnsupportedStoreError("a column of this LanceDB table has an unusable name")
        table = self.table()
        if table is not None:
            self._check(table.schema)

    def _check(self, schema: Any) -> None:
        import pyarrow as pa

        needed = {self._id, self._text, self._vector, _METADATA}
        if needed - set(schema.names) or not pa.types.is_struct(schema.field(_METADATA).type):
            raise UnsupportedStoreError(
                "this LanceDB table lacks a column for ids, texts, vectors or a struct of metadata"
            )

    @property
    def uri(self) -> str:
        """Where the database is."""
        return str(self.connection.uri)

    def table(self) -> Any:
        """The table as it is now; None where there is none yet."""
        try:
            return self.connection.open_table(self.name)
        except (ValueError, FileNotFoundError) as error:
            # Nothing else may pass for a table that is not there, and so for nothing found.
            if "was not found" in str(error):
                return None
            raise

    # Filters

    def fields(self) -> dict[str, str]:
        """Metadata key -> kind of its values; see `LanceDBLanguage`."""
        table = self.table()
        return {} if table is None else _kinds(table.schema)

    def language(self) -> LanceDBLanguage:
        """The language of filters on this table as it is now."""
        return LanceDBLanguage(self.fields())

    # Reading

    def count(self, where: str | None) -> int:
        """How many rows fit a filter."""
        return self._call(lambda table: int(table.count_rows(where)), 0)

    def rows(
        self, where: str | None, *, limit: int | None = None, vectors: bool = False
    ) -> Iterator[LanceRow]:
        """Rows that fit a filter."""
        seen: set[str] = set()
        for attempt in range(2):
            table = self.table()
            try:
                for row in () if table is None else self._rows(table, where, limit, vectors):
                    if limit is not None and len(seen) == limit:
                        return
                    if row.id not in seen:
                        seen.add(row.id)
                        yield row
                return
            except ValueError as error:
                if attempt or _UNREADABLE not in str(error):
                    raise
                table.optimize()

    def _rows(
        self, table: Any, where: str | None, limit: int | None, vectors: bool
    ) -> Iterator[LanceRow]:
        query = table.search().select(self._columns(vectors))
        query = query if where is None else query.where(where)
        query = query if limit is None else query.limit(limit)
        for batch in query.to_batches(_PAGE):
            yield from map(self._row, batch.to_pylist())

    def among_ids(self, ids: Sequence[str]) -> str:
        """SQL for the rows with some ids, at least one."""
        return among(self._id, ids)

    def nearest(
        self, vector: Sequence[float], k: int, where: str, *, vectors: bool = False
    ) -> list[LanceRow]:
        """The nearest rows of those that fit a filter, nearest first.

        Raises:
            InvalidInputError: A vector of another length than those of the table.
        """

        def search(table: Any) -> list[LanceRow]:
            self._check_length(table.schema, vector)
            query = table.search(list(vector), vector_column_name=self._vector)
            # Filtered first, and with as many parts of an index as it takes to fill the result.
            query = query.where(where, prefilter=True).limit(k).maximum_nprobes(0)
            found = query.select([*self._columns(vectors), "_distance"]).to_list()
            return [self._row(row) for row in found]

        none: list[LanceRow] = []
        return self._call(search, none)

    def _columns(self, vectors: bool) -> list[str]:
        return [self._id, self._text, _METADATA, *([self._vector] if vectors else [])]

    def _row(self, row: Mapping[str, Any]) -> LanceRow:
        held = row[_METADATA] or {}
        return LanceRow(
            row[self._id],
            row[self._text],
            {key: value for key, value in held.items() if value is not None},
            row.get(self._vector),
            distance=row.get("_distance"),
        )

    def _call(self, call: Callable[[Any], T], nothing: T) -> T:
        """Call something with the table; compact it once where that makes it readable."""
        table = self.table()
        if table is None:
            return nothing
        try:
            return call(table)
        except ValueError as error:
            if _UNREADABLE not in str(error):
                raise
        table.optimize()
        return call(self.connection.open_table(self.name))

    # Writing

    def write(self, rows: Sequence[LanceRow]) -> None:
        """Write rows; one whose id is there already is replaced, whole and at once.

        Raises:
            InvalidInputError: Metadata or vectors that the table cannot hold; nothing was written.
        """
        import pyarrow as pa

        table = self._ready(rows)
        schema = table.schema
        for row in rows:
            self._check_length(schema, _vector(row))
        values = [self._values(row, schema) for row in rows]
        try:
            batch = pa.Table.from_pylist(values, schema=_only(schema, values[0]))
        except (pa.ArrowException, OverflowError):
            raise InvalidInputError("LanceDB cannot hold these items") from None

        def merge(table: Any) -> None:
            merging = table.merge_insert(self._id).when_matched_update_all()
            merging.when_not_matched_insert_all().execute(batch)

        self._call(merge, None)

    def change(self, rows: Sequence[LanceRow]) -> None:
        """Put other texts and metadata, and vectors where they are given, into rows that are there.

        What the table has in further columns stays.

        Raises:
            InvalidInputError: Metadata or vectors that the table cannot hold; nothing was changed.
        """
        import pyarrow as pa

        if not rows or self.table() is None:
            return
        schema = self._ready(rows).schema
        new = {row.id: row for row in rows}
        for row in rows:
            if row.vector is not None:
                self._check_length(schema, row.vector)

        def change(table: Any) -> None:
            held = table.search().where(self.among_ids(list(new))).to_list()
            values = {old[self._id]: self._changed(old, new[old[self._id]], schema) for old in held}
            try:
                batch = pa.Table.from_pylist(list(values.values()), schema=schema)
            except (pa.ArrowException, OverflowError):
                raise InvalidInputError("LanceDB cannot hold these items") from None
            if values:
                table.merge_insert(self._id).when_matched_update_all().execute(batch)

        self._call(change, None)

    def _changed(self, old: Mapping[str, Any], row: LanceRow, schema: Any) -> dict[str, Any]:
        values = self._values(row, schema)
        if row.vector is None:
            values[self._vector] = old[self._vector]
        values.pop(self._document, None)
        return {**{name: old[name] for name in schema.names}, **values}

    def remove(self, where: str) -> None:
        """Delete the rows that fit a filter, at once."""
        self._call(lambda table: table.delete(where), None)

    def _ready(self, rows: Sequence[LanceRow]) -> Any:
        """The table with every field that rows have; made, where there is none."""
        import pyarrow as pa

        wanted = fields_of([row.metadata for row in rows])
        for _ in range(_ATTEMPTS):
            table = self.table() or self._made(len(_vector(rows[0])), wanted)
            held = _kinds(table.schema)
            for key, kind in wanted.items():
                if key in held and not takes(
                    held[key], kind, [row.metadata.get(key) for row in rows]
                ):
                    raise InvalidInputError(
                        "metadata of another kind than this LanceDB table has under the same key"
                    )
            new = [field_of(key, kind) for key, kind in wanted.items() if key not in held]
            if not new:
                return table
            # Where it fails another was quicker; or else the next attempt fails too.
            with contextlib.suppress(ValueError, RuntimeError, OSError):
                table.add_columns(pa.field(_METADATA, pa.struct(new)))
        raise ErasureError("LanceDB did not take new metadata keys; nothing was written")

    def _made(self, length: int, fields: Mapping[str, str]) -> Any:
        """The table, made unless it has been made meanwhile."""
        import pyarrow as pa

        schema = pa.schema(
            [
                pa.field(self._id, pa.string()),
                pa.field(self._document, pa.string()),
                pa.field(self._vector, pa.list_(pa.float32(), length)),
                pa.field(self._text, pa.string()),
                pa.field(_METADATA, pa.struct([field_of(*item) for item in fields.items()])),
            ]
        )
        with _making:
            there = self.table()
            if there is not None:
                return there
            try:
                made = self.connection.create_table(self.name, schema=schema)
            except (ValueError, RuntimeError, OSError):
                if (there := self.table()) is None:
                    raise
                return there
            if made.version > 1:
                # LanceDB lets two processes make one table, the second over the first.
                made.checkout(made.version - 1)
                made.restore()
            return self.table()

    def _values(self, row: LanceRow, schema: Any) -> dict[str, Any]:
        struct = schema.field(_METADATA).type
        values: dict[str, Any] = {
            self._id: row.id,
            self._vector: list(_vector(row)),
            self._text: row.text or "",
            _METADATA: {item.name: cast(row.metadata.get(item.name), item) for item in struct},
        }
        if self._document in schema.names:
            values[self._document] = row.document
        return values

    def _check_length(self, schema: Any, vector: Sequence[float]) -> None:
        length = getattr(schema.field(self._vector).type, "list_size", len(vector))
        if len(vector) != length:
            raise InvalidInputError("a vector of another length than those of the table")


def _vector(row: LanceRow) -> Sequence[float]:
    return () if row.vector is None else row.vector


def _kinds(schema: Any) -> dict[str, str]:
    return {item.name: kind_of_type(item.type) for item in schema.field(_METADATA).type}


def _only(schema: Any, values: Mapping[str, Any]) -> Any:
    import pyarrow as pa

    return pa.schema([item for item in schema if item.name in values])
