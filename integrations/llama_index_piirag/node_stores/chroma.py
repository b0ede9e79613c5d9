"""LlamaIndex's `ChromaVectorStore`, embedded or on a server.

It passes over an id that is there already when it adds, raises on `delete_nodes(filters=...)`, and
returns everything for empty filters (version 0.6.0). So the native collection is called.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llama_index_piirag.node_stores.base import NodeStore, Record, Search
from piirag.erasure import ErasureTarget
from piirag.erasure.targets.chroma import ChromaTarget
from piirag.tenancy import Scope, TenantTags
from piirag.tenancy.languages.chroma import ChromaLanguage


class ChromaNodeStore(NodeStore):
    """Chroma filters before it searches, so a result is always full."""

    kind = "chroma"
    language = ChromaLanguage()

    @classmethod
    def serves(cls, store: Any) -> bool:
        """Whether this is a Chroma with a collection."""
        return super().serves(store) and hasattr(store.client, "upsert")

    @property
    def _collection(self) -> Any:
        return self.store.client

    @property
    def name(self) -> str:
        """The name of the collection."""
        return str(self._collection.name)

    def rows(
        self,
        scope: Scope,
        ids: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> Iterator[Record]:
        """Items within a scope. See `NodeStore.rows`."""
        # `get(ids=[])` would return nothing in one version and everything in another.
        options: dict[str, Any] = {} if ids is None else {"ids": list(ids)}
        yield from _records(self._collection.get(where=self.where(scope), limit=limit, **options))

    def nearest(self, search: Search, scope: Scope) -> list[Record]:
        """The nearest items. See `NodeStore.nearest`."""
        parts = ["documents", "metadatas", "distances"]
        # Chroma raises on ids that are not there; these are.
        options: dict[str, Any] = {} if search.ids is None else {"ids": search.ids}
        found = self._collection.query(
            query_embeddings=[search.vector],
            n_results=search.k,
            where=self.where(scope),
            include=[*parts, "embeddings"] if search.vectors else parts,
            **options,
        )
        first = {
            key: value[0] if value is not None else None
            for key, value in found.items()
            if key in {"ids", "documents", "metadatas", "embeddings", "distances"}
        }
        return list(_records(first))

    def count(self, scope: Scope) -> int:
        """How many items are within a scope."""
        return len(self._collection.get(where=self.where(scope), include=[])["ids"])

    def write(self, records: list[Record]) -> None:
        """Write items. See `NodeStore.write`."""
        ids = [record.id for record in records]
        there = self._collection.get(ids=ids, include=["metadatas"])
        old = dict(zip(there["ids"], there["metadatas"], strict=True))
        self._collection.upsert(
            ids=ids,
            embeddings=[list(record.embedding or ()) for record in records],
            documents=[record.text or "" for record in records],
            # Chroma keeps keys that are not named; None removes them.
            metadatas=[
                {**dict.fromkeys(old.get(record.id) or {}), **(record.metadata or {})}
                for record in records
            ],
        )

    def remove(self, ids: list[str]) -> None:
        """Delete by id. See `NodeStore.remove`."""
        self._collection.delete(ids=ids)

    def remove_where(self, scope: Scope) -> None:
        """Delete what is within a scope, at once."""
        self._collection.delete(where=self.where(scope))

    def target(self, tags: TenantTags) -> ErasureTarget:
        """The collection."""
        return ChromaTarget(self._collection, tags)


def _records(found: Mapping[str, Any]) -> Iterator[Record]:
    def column(name: str) -> Any:
        values = found.get(name)
        return values if values is not None else [None] * len(found["ids"])

    columns = [column(name) for name in ("documents", "metadatas", "embeddings", "distances")]
    for id, text, metadata, embedding, distance in zip(found["ids"], *columns, strict=True):
        # Chroma returns an array, which has no truth value.
        vector = None if embedding is None else [float(value) for value in embedding]
        similarity = None if distance is None else math.exp(-distance)
        yield Record(id, text, metadata, vector, similarity)
