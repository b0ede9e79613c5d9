"""LlamaIndex's own `SimpleVectorStore`, in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from llama_index.core.schema import MetadataMode

from llama_index_piirag.node_stores.base import NodeStore, Record, Search
from piirag.erasure import ErasureTarget
from piirag.erasure.targets.in_memory import TEXT_KEY, InMemoryTarget
from piirag.tenancy import Scope, TenantTags
from piirag.tenancy.filters import MetadataLanguage, matches


class SimpleNodeStore(NodeStore):
    """The store holds no texts; they are put beside the metadata, where `persist` takes them along.

    What LlamaIndex wrote by itself has its text in a docstore: give that one.
    """

    kind = "simple"
    language = MetadataLanguage()
    expires = True
    flat = False
    takes_docstore = True

    @classmethod
    def serves(cls, store: Any) -> bool:
        """Whether this has the tables of a simple store."""
        return super().serves(store) and hasattr(getattr(store, "data", None), "metadata_dict")

    @property
    def _data(self) -> Any:
        return self.store.data

    def rows(
        self,
        scope: Scope,
        ids: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> Iterator[Record]:
        """Items within a scope. See `NodeStore.rows`."""
        found = (self._record(id, metadata) for id, metadata in self._within(scope, ids))
        return islice(found, limit)

    def nearest(self, search: Search, scope: Scope) -> list[Record]:
        """The items of highest cosine similarity. See `NodeStore.nearest`."""
        import numpy as np

        vectors = self._data.embedding_dict
        within = [(id, m) for id, m in self._within(scope, search.ids) if id in vectors]
        if not within:
            return []
        table = np.array([vectors[id] for id, _ in within], dtype=float)
        asked = np.array(search.vector, dtype=float)
        lengths = np.linalg.norm(table, axis=1) * np.linalg.norm(asked)
        similarities = np.divide(
            table @ asked, lengths, out=np.zeros(len(table)), where=lengths > 0
        )
        best = np.argsort(-similarities, kind="stable")[: search.k]
        return [
            self._record(*within[at], similarity=float(similarities[at]), vectors=search.vectors)
            for at in best
        ]

    def write(self, records: list[Record]) -> None:
        """Write items. See `NodeStore.write`."""
        for record in records:
            metadata = dict(record.metadata or {})
            self._data.embedding_dict[record.id] = list(record.embedding or ())
            self._data.text_id_to_ref_doc_id[record.id] = metadata.get("ref_doc_id", "None")
            self._data.metadata_dict[record.id] = {**metadata, TEXT_KEY: record.text or ""}

    def remove(self, ids: list[str]) -> None:
        """Delete by id. See `NodeStore.remove`."""
        for id in ids:
            self._data.embedding_dict.pop(id, None)
            self._data.text_id_to_ref_doc_id.pop(id, None)
            self._data.metadata_dict.pop(id, None)

    def target(self, tags: TenantTags) -> ErasureTarget:
        """The tables. A file they are persisted to needs an `InMemoryTarget` of its own."""
        return InMemoryTarget(self.store, tags)

    def _within(
        self, scope: Scope, ids: Sequence[str] | None
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        clause = self.where(scope)
        table = self._data.metadata_dict
        some = list(table) if ids is None else ids
        for id in some:
            metadata = table.get(id)
            if metadata is not None and matches(clause, metadata):
                yield id, metadata

    def _record(
        self,
        id: str,
        metadata: dict[str, Any],
        *,
        similarity: float | None = None,
        vectors: bool = False,
    ) -> Record:
        own = {key: value for key, value in metadata.items() if key != TEXT_KEY}
        text = metadata.get(TEXT_KEY)
        if text is None and self.docstore is not None:
            node = self.docstore.get_document(id, raise_error=False)
            text = None if node is None else node.get_content(metadata_mode=MetadataMode.NONE)
        vector = self._data.embedding_dict.get(id) if vectors else None
        return Record(id, text, own, vector, similarity)
