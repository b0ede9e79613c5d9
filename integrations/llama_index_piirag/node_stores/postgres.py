"""LlamaIndex's `PGVectorStore`.

It formats filters into SQL, takes numeric ids for numbers, adds a second row for an id that is
there already, and returns everything for empty filters (version 0.9.0). So SQL of our own is run
on its engine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from llama_index_piirag.node_stores.base import NodeStore, Record, Search
from piirag.erasure import ErasureTarget
from piirag.erasure.targets.pgvector import PGVectorTarget
from piirag.erasure.targets.pgvector_table import Found, PGTable
from piirag.erasure.targets.pgvector_wrappers import table_of
from piirag.erasure.targets.pgvector_write import check_storable, is_storable, replace
from piirag.errors import ConfigurationError, InvalidInputError, UnsupportedStoreError
from piirag.tenancy import Scope, TenantTags
from piirag.tenancy.languages.pgvector_sql import Sql, name, sql, value

_WORD = re.compile(r"\w+")
_TEXT_MODES = frozenset({"sparse", "text_search"})


class PostgresNodeStore(NodeStore):
    """All rows of the user are compared, so a result is always full.

    With ``hybrid_search=True``, modes ``sparse`` and ``text_search`` look for any word of the
    question, and ``hybrid`` gives what is nearest and then what else has such a word, as the
    wrapper does; it has no ``alpha``.
    """

    kind = "pgvector"
    expires = True
    modes = frozenset({"default", "hybrid"}) | _TEXT_MODES
    flat = False
    batch = 200

    def __init__(self, store: Any, docstore: Any = None) -> None:
        self.table: PGTable = table_of(store)
        super().__init__(store, docstore)

    @classmethod
    def serves(cls, store: Any) -> bool:
        """Whether this has a table in Postgres."""
        return super().serves(store) and hasattr(store, "_table_class")

    def check(self) -> None:
        """Look whether queries are not changed by the application.

        Raises:
            UnsupportedStoreError: They are: what the change narrows would be left out.
        """
        if self.store._customize_query_fn is not None:
            raise UnsupportedStoreError("a PGVectorStore with customize_query_fn is not supported")

    @property
    def name(self) -> str:
        """The name of the table."""
        return self.table.name

    def where(self, scope: Scope) -> Sql:
        """A scope as a condition in SQL."""
        return self.table.language.translate(scope.clause(expiry=True))

    # Reading

    def rows(
        self,
        scope: Scope,
        ids: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> Iterator[Record]:
        """Items within a scope. See `NodeStore.rows`."""
        condition = self.where(scope)
        if ids is not None:
            known = [id for id in ids if is_storable(id)]
            if not known:
                return
            condition = sql("({} AND {})", condition, self.table.ids(known))
            yield from map(_record, self.table.rows(condition, limit))
        elif limit is not None:
            yield from map(_record, self.table.rows(condition, limit))
        else:
            yield from map(_record, self.table.pages(condition))

    def nearest(self, search: Search, scope: Scope) -> list[Record]:
        """The nearest items. See `NodeStore.nearest`."""
        condition = self.where(scope)
        if search.ids is not None:
            condition = sql("({} AND {})", condition, self.table.ids(search.ids))
        if search.mode in _TEXT_MODES:
            return self._fitting(search, condition)
        if not search.vector:
            raise InvalidInputError("this search needs a query embedding")
        dense = self.table.nearest(search.vector, search.k, condition, vectors=search.vectors)
        found = [_record(row, similarity=1 - (row.distance or 0.0)) for row in dense]
        if search.mode != "hybrid":
            return found
        if search.options.get("alpha") is not None:
            raise InvalidInputError("a hybrid search in Postgres has no alpha")
        seen = {record.id for record in found}
        return found + [r for r in self._fitting(search, condition) if r.id not in seen]

    def _fitting(self, search: Search, condition: Sql) -> list[Record]:
        if not self.store.hybrid_search:
            raise ConfigurationError("searching in texts needs a PGVectorStore with hybrid_search")
        words = _WORD.findall(search.text or "")
        if not words:
            return []
        query = sql(
            "to_tsquery({}, {})",
            value(self.store.text_search_config, "regconfig"),
            value(" | ".join(words), "text"),
        )
        k = search.options.get("sparse_top_k") or search.k
        found = self.table.ranked(name("text_search_tsv"), query, k, condition, "ts_rank")
        return [_record(row, similarity=row.distance) for row in found]

    def count(self, scope: Scope) -> int:
        """How many items are within a scope."""
        return self.table.count(self.where(scope))

    # Writing

    def write(self, records: list[Record]) -> None:
        """Write items. See `NodeStore.write`.

        Raises:
            InvalidInputError: What Postgres cannot store.
        """
        rows = [
            {
                "node_id": record.id,
                "text": record.text or "",
                "metadata_": dict(record.metadata or {}),
                "embedding": [float(number) for number in record.embedding or ()],
            }
            for record in records
        ]
        check_storable(rows)
        replace(self.table, rows, id="node_id")

    def remove(self, ids: list[str]) -> None:
        """Delete by id. See `NodeStore.remove`."""
        if known := [id for id in ids if is_storable(id)]:
            self.table.delete(self.table.ids(known))

    def remove_where(self, scope: Scope) -> None:
        """Delete what is within a scope, at once."""
        self.table.delete(self.where(scope))

    # Erasing

    def target(self, tags: TenantTags) -> ErasureTarget:
        """The table."""
        return PGVectorTarget(self.table, tags)


def _record(row: Found, *, similarity: float | None = None) -> Record:
    return Record(row.id, row.text, row.metadata, row.vector, similarity)
