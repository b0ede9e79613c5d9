"""LlamaIndex's `FaissMapVectorStore` and `FaissVectorStore`.

They hold vectors only, know no filters, and number a vector by how many there are, so that after
a deletion two nodes get one number (version 0.7.0). So texts and metadata go into a docstore, and
the index is called past the wrapper.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from llama_index.core.schema import BaseNode, MetadataMode
from llama_index.core.vector_stores.utils import node_to_metadata_dict

from llama_index_piirag.node_stores.base import NodeStore, Record, Search, node_of
from piirag.erasure import ErasureTarget
from piirag.erasure.targets.faiss import FaissTarget
from piirag.erasure.targets.faiss_index import best, check_index, vectors_at
from piirag.erasure.targets.faiss_items import LlamaIndexItems, metadata_of
from piirag.errors import ConfigurationError, InvalidInputError
from piirag.tenancy import Scope, TenantTags
from piirag.tenancy.filters import Clause, MetadataLanguage, matches


class FaissNodeStore(NodeStore):
    """Needs a docstore, and persists with it: `persist` both to one folder.

    A `FaissVectorStore` over an empty index gets an `IndexIDMap2` around that index, without which
    nothing could be deleted from it.
    """

    kind = "faiss"
    language = MetadataLanguage()
    expires = True
    flat = False
    takes_docstore = True

    @classmethod
    def serves(cls, store: Any) -> bool:
        """Whether this has an index."""
        return super().serves(store) and hasattr(store, "_faiss_index")

    def check(self) -> None:
        """Look whether there is a docstore, and vectors can be read back."""
        if self.docstore is None:
            raise ConfigurationError(
                "LlamaIndex's FAISS stores hold vectors only; give TenantVectorStore a docstore"
            )
        check_index(self.store.client)
        self._items = LlamaIndexItems(self.store, self.docstore)
        # Metadata to filter by; reading every node for every question would be slow. Whatever is
        # found is read from the docstore and looked at again.
        self._metadata = metadata_of(self.docstore)
        self._metadata.update((id, _metadata(node)) for id, node in self.docstore.docs.items())

    def rows(
        self,
        scope: Scope,
        ids: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> Iterator[Record]:
        """Items within a scope. See `NodeStore.rows`."""
        clause = self.where(scope)
        with self._items.lock:
            within = self._within(scope, clause, ids)
        found = (self._record(id, clause) for id in within)
        return islice((record for record in found if record is not None), limit)

    def nearest(self, search: Search, scope: Scope) -> list[Record]:
        """The nearest items. See `NodeStore.nearest`."""
        index = self.store.client
        if len(search.vector) != index.d:
            raise InvalidInputError("a vector of another length than those of the index")
        clause = self.where(scope)
        with self._items.lock:
            places = self._items.places(self._within(scope, clause, search.ids))
            index = self.store.client
            ids, vectors = list(places), vectors_at(index, list(places.values()))
        order, distances = best(index, vectors, search.vector, len(ids))
        found: list[Record] = []
        for at, distance in zip(order, distances, strict=True):
            vector = vectors[at].tolist() if search.vectors else None
            record = self._record(ids[at], clause, vector, float(distance))
            found += [] if record is None else [record]
            if len(found) == search.k:
                break
        return found

    def write(self, records: list[Record]) -> None:
        """Write items. See `NodeStore.write`."""
        import numpy as np

        ids = [record.id for record in records]
        lengths = {len(record.embedding or ()) for record in records}
        if lengths != {self.store.client.d}:
            raise InvalidInputError("a vector of another length than those of the index")
        vectors = np.array([record.embedding for record in records], dtype=np.float32)
        nodes = [node_of(record) for record in records]
        with self._items.lock:
            self.remove(ids)
            # Nodes first: a vector without one could not be told whose it is.
            self.docstore.add_documents(nodes, allow_update=True)
            self._items.add(ids, vectors)
            self._metadata.update((node.node_id, _metadata(node)) for node in nodes)

    def remove(self, ids: list[str]) -> None:
        """Delete by id. See `NodeStore.remove`."""
        with self._items.lock:
            self._items.remove(ids)

    def target(self, tags: TenantTags) -> ErasureTarget:
        """Index and docstore. A folder they are persisted to needs a `FaissTarget` of its own."""
        return FaissTarget(self.store, tags, docstore=self.docstore)

    def _within(self, scope: Scope, clause: Clause, ids: Sequence[str] | None) -> list[str]:
        within = []
        for id in list(self._metadata) if ids is None else ids:
            metadata = self._metadata.get(id)
            tag = None if metadata is None else metadata.get(scope.key)
            # Looked at first: nearly everything is somebody else's.
            if metadata and type(tag) is str and tag in scope.tags and matches(clause, metadata):
                within.append(id)
        return within

    def _record(
        self,
        id: str,
        clause: Clause,
        vector: list[float] | None = None,
        similarity: float | None = None,
    ) -> Record | None:
        node = self.docstore.get_document(id, raise_error=False)
        if node is None:
            # Deleted past this object; its vector is left.
            self.remove([id])
            return None
        if not matches(clause, _metadata(node)):
            return None
        text = node.get_content(metadata_mode=MetadataMode.NONE)
        whole = node_to_metadata_dict(node, remove_text=True, flat_metadata=False)
        return Record(id, text, whole, vector, similarity)


def _metadata(node: BaseNode) -> dict[str, Any]:
    """A node's metadata as `node_to_metadata_dict` makes them, without its content."""
    document = node.ref_doc_id or "None"
    names = dict.fromkeys(("document_id", "doc_id", "ref_doc_id"), document)
    return {**node.metadata, **names}
