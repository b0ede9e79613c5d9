"""LlamaIndex's `LanceDBVectorStore`, over a folder or an object store.

It writes ids into its filters between double quotes, which make names of columns of them: deleting
one document empties the table. It refuses metadata keys that the first node did not have, and
raises where nothing is found (version 0.6.0). So the table is called past it, in its schema.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from llama_index_piirag.node_stores.base import NodeStore, Record, Search
from piirag.erasure import ErasureTarget
from piirag.erasure.targets.lancedb import LanceDBTarget, lance_items
from piirag.erasure.targets.lancedb_table import LanceItems, LanceRow
from piirag.errors import UnsupportedStoreError
from piirag.tenancy import Scope, TenantTags
from piirag.tenancy.languages.lancedb import LanceDBLanguage


class LanceDBNodeStore(NodeStore):
    """A result is always full: rows are filtered before they are searched.

    Full-text and hybrid search are not offered: their scores weigh words by how often everybody's
    texts have them.
    """

    kind = "lancedb"
    language = LanceDBLanguage()
    expires = True

    @classmethod
    def serves(cls, store: Any) -> bool:
        """Whether this has a connection."""
        return super().serves(store) and hasattr(store, "_connection")

    def check(self) -> None:
        """Look whether the table is in a folder or an object store, and has all columns."""
        found = lance_items(self.store)
        if found is None:
            raise UnsupportedStoreError("this LanceDB has no table")
        self._rows: LanceItems = found

    @property
    def name(self) -> str:
        """The name of the table."""
        return self._rows.name

    def where(self, scope: Scope) -> str:
        """A scope as SQL. See `NodeStore.where`."""
        return self._rows.language().translate(scope.clause(expiry=True))

    def rows(
        self,
        scope: Scope,
        ids: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> Iterator[Record]:
        """Items within a scope. See `NodeStore.rows`."""
        return map(_record, self._rows.rows(self._narrowed(scope, ids), limit=limit))

    def nearest(self, search: Search, scope: Scope) -> list[Record]:
        """The nearest items. See `NodeStore.nearest`."""
        where = self._narrowed(scope, search.ids)
        found = self._rows.nearest(search.vector, search.k, where, vectors=search.vectors)
        return [_record(row) for row in found]

    def count(self, scope: Scope) -> int:
        """How many items are within a scope."""
        return self._rows.count(self.where(scope))

    def write(self, records: list[Record]) -> None:
        """Write items. See `NodeStore.write`."""
        self._rows.write([_row(record) for record in records])
        if self.store._table is None:
            # The wrapper looks for its table only once.
            self.store._table = self._rows.table()

    def remove(self, ids: list[str]) -> None:
        """Delete by id. See `NodeStore.remove`."""
        self._rows.remove(self._rows.among_ids(ids))

    def remove_where(self, scope: Scope) -> None:
        """Delete what is within a scope, at once."""
        self._rows.remove(self.where(scope))

    def target(self, tags: TenantTags) -> ErasureTarget:
        """The table."""
        return LanceDBTarget(self._rows, tags)

    def _narrowed(self, scope: Scope, ids: Sequence[str] | None) -> str:
        where = self.where(scope)
        return where if ids is None else f"{where} AND {self._rows.among_ids(ids)}"


def _row(record: Record) -> LanceRow:
    metadata = dict(record.metadata or {})
    document = metadata.get("ref_doc_id")
    return LanceRow(
        record.id,
        record.text,
        metadata,
        record.embedding,
        document if document != "None" else None,
    )


def _record(row: LanceRow) -> Record:
    similarity = None if row.distance is None else math.exp(-row.distance)
    return Record(row.id, row.text, row.metadata, row.vector, similarity)
