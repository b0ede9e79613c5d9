"""LlamaIndex's `QdrantVectorStore`: local, in memory or on a server; dense, sparse, hybrid.

It takes UUIDs for ids only, `delete_nodes()` deletes everything, empty filters return everything,
and a keyword replaces the filters (version 0.10.4). So the native client is called.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llama_index.core.schema import BaseNode, MetadataMode, TextNode
from llama_index.core.vector_stores.types import VectorStoreQueryResult
from llama_index.core.vector_stores.utils import node_to_metadata_dict

from llama_index_piirag.node_stores.base import NodeStore, Record, Search, node_of
from piirag.erasure import ErasureTarget
from piirag.erasure.targets.qdrant import QdrantTarget
from piirag.erasure.targets.qdrant_points import ID_KEY, item_id, node_text, point_id
from piirag.errors import ConfigurationError, InvalidInputError, UnsupportedStoreError
from piirag.tenancy import Scope, TenantTags
from piirag.tenancy.languages.qdrant import QdrantLanguage, as_filter, search_params

# As many as the wrapper itself writes at once: a server takes 32 MB.
_AT_ONCE = 64
_PAGE = 500


class QdrantNodeStore(NodeStore):
    """Qdrant filters while it searches, so a result is always full.

    Its ids are numbers and UUIDs, so an item's own id is kept in its metadata, and the point's is
    made of it. The payload is the wrapper's, text within the node included.
    """

    kind = "qdrant"
    language = QdrantLanguage()
    expires = True
    modes = frozenset({"default", "sparse", "hybrid"})
    search_keywords = frozenset({"search_params"})
    flat = False

    @classmethod
    def serves(cls, store: Any) -> bool:
        """Whether this is a Qdrant with a collection."""
        return super().serves(store) and hasattr(store, "dense_vector_name")

    def check(self) -> None:
        """Look for a client that is not asynchronous, and for shards chosen by hand.

        Raises:
            UnsupportedStoreError: There is none of the first, or there are some of the second.
        """
        if self.store.client is None:
            raise UnsupportedStoreError("a Qdrant store needs a client besides the async one")
        if self.store._shard_key_selector_fn is not None:
            raise UnsupportedStoreError("Qdrant's custom sharding is not supported")

    @property
    def _client(self) -> Any:
        return self.store.client

    @property
    def name(self) -> str:
        """The name of the collection."""
        return str(self.store.collection_name)

    def where(self, scope: Scope) -> Any:
        """A scope as Qdrant's `Filter`."""
        return as_filter(super().where(scope))

    def _is_there(self) -> bool:
        """Whether the collection has been made yet; the wrapper makes it when it first writes."""
        if not self.store._collection_initialized:
            if not self._client.collection_exists(self.name):
                return False
            self.store._collection_initialized = True
        if self.store._legacy_vector_format is None:
            # Finds out what the vectors are called.
            self.store._detect_vector_format(self.name)
        return True

    # Reading

    def rows(
        self,
        scope: Scope,
        ids: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> Iterator[Record]:
        """Items within a scope. See `NodeStore.rows`."""
        where = _among(self.where(scope), ids)
        left = limit
        offset: Any = None
        while self._is_there() and (left is None or left > 0):
            points, offset = self._client.scroll(
                self.name,
                scroll_filter=where,
                limit=_PAGE if left is None else min(left, _PAGE),
                offset=offset,
                with_payload=True,
                with_vectors=False,
            )
            yield from (self._record(point) for point in points)
            left = None if left is None else left - len(points)
            if offset is None:
                return

    def nearest(self, search: Search, scope: Scope) -> list[Record]:
        """The nearest items; also by words, or by both. See `NodeStore.nearest`."""
        if search.mode != "default":
            self._check_mode(search)
        where = _among(self.where(scope), search.ids)
        if not self._is_there():
            return []
        if search.mode == "sparse":
            return self._by_words(search, where)
        near = self._query(
            search, where, search.vector, self.store.dense_vector_name, search.k, search.vectors
        )
        return near if search.mode == "default" else self._fused(search, near, where)

    def _check_mode(self, search: Search) -> None:
        if not self.store.enable_hybrid:
            raise ConfigurationError("this mode needs a QdrantVectorStore with enable_hybrid=True")
        if not search.text:
            raise InvalidInputError("this mode needs a question")
        if search.mode == "hybrid" and not search.vector:
            raise InvalidInputError("this mode needs a vector besides the question")

    def _by_words(self, search: Search, where: Any) -> list[Record]:
        from qdrant_client import models

        indices, values = self.store._sparse_query_fn([search.text])
        sparse = models.SparseVector(indices=indices[0], values=values[0])
        most = search.options.get("sparse_top_k") or search.k
        return self._query(search, where, sparse, self.store.sparse_vector_name, most, False)

    def _fused(self, search: Search, near: list[Record], where: Any) -> list[Record]:
        """By vector and by words, joined by the wrapper's own function."""
        words = self._by_words(search, where)
        records = {record.id: record for record in [*words, *near]}
        alpha = search.options.get("alpha")
        found = self.store._hybrid_fusion_fn(
            _result(near),
            _result(words),
            alpha=0.5 if alpha is None else alpha,
            top_k=search.options.get("hybrid_top_k") or search.k,
        )
        return [
            _with_similarity(records[id], score)
            for id, score in zip(found.ids or [], found.similarities or [], strict=True)
        ]

    def _query(
        self, search: Search, where: Any, query: Any, using: str, limit: int, vectors: bool
    ) -> list[Record]:
        given = search.options.get("search_params")
        found = self._client.query_points(
            self.name,
            query=query,
            using=using,
            query_filter=where,
            search_params=None if given is None else search_params(given),
            limit=limit,
            with_payload=True,
            with_vectors=vectors,
        )
        return [self._record(point) for point in found.points]

    def count(self, scope: Scope) -> int:
        """How many items are within a scope."""
        where = self.where(scope)
        if not self._is_there():
            return 0
        return int(self._client.count(self.name, count_filter=where, exact=True).count)

    def _record(self, point: Any) -> Record:
        metadata = dict(point.payload or {})
        id = item_id(point.id, metadata)
        metadata.pop(ID_KEY, None)
        text = node_text(metadata)
        if text is None:
            text = metadata.get(self.store.text_key or "text")
        vector = getattr(point, "vector", None)
        if isinstance(vector, Mapping):
            vector = vector.get(self.store.dense_vector_name)
        return Record(id, text, metadata, vector, getattr(point, "score", None))

    # Writing

    def write(self, records: list[Record]) -> None:
        """Write items. See `NodeStore.write`."""
        if not self._is_there():
            self.store._create_collection(self.name, len(records[0].embedding or ()))
            self._is_there()
        for start in range(0, len(records), _AT_ONCE):
            part = records[start : start + _AT_ONCE]
            self._client.upsert(self.name, points=self._points(part), wait=True)

    def _points(self, records: list[Record]) -> list[Any]:
        from qdrant_client import models

        nodes = [node_of(record) for record in records]
        words: list[Any] = [None] * len(records)
        if self.store.enable_hybrid:
            texts = [node.get_content(metadata_mode=MetadataMode.EMBED) for node in nodes]
            words = [
                models.SparseVector(indices=indices, values=values)
                for indices, values in zip(*self.store._sparse_doc_fn(texts), strict=True)
            ]
        return [
            models.PointStruct(
                id=point_id(record.id),
                vector={
                    self.store.dense_vector_name: list(record.embedding or ()),
                    **({self.store.sparse_vector_name: sparse} if sparse is not None else {}),
                },
                payload=self._payload(record, node),
            )
            for record, node, sparse in zip(records, nodes, words, strict=True)
        ]

    def _payload(self, record: Record, node: BaseNode) -> dict[str, Any]:
        metadata = dict(record.metadata or {})
        if "_node_content" in metadata:
            whole = node_to_metadata_dict(node, remove_text=False, flat_metadata=False)
            metadata["_node_content"] = whole["_node_content"]
        else:
            metadata[self.store.text_key or "text"] = record.text or ""
        return {**metadata, ID_KEY: record.id}

    def remove(self, ids: list[str]) -> None:
        """Delete by id. See `NodeStore.remove`."""
        from qdrant_client import models

        if self._is_there():
            selector = models.PointIdsList(points=[point_id(id) for id in ids])
            self._client.delete(self.name, points_selector=selector, wait=True)

    def remove_where(self, scope: Scope) -> None:
        """Delete what is within a scope; at once where Qdrant is a server."""
        from qdrant_client import models

        selector = models.FilterSelector(filter=self.where(scope))
        if self._is_there():
            self._client.delete(self.name, points_selector=selector, wait=True)

    def target(self, tags: TenantTags) -> ErasureTarget:
        """The collection."""
        text = self.store.text_key or "text"
        return QdrantTarget(
            self._client, self.name, tags, text_keys=(text, "page_content"), may_be_missing=True
        )


def _among(where: Any, ids: Sequence[str] | None) -> Any:
    """A filter, narrowed to ids."""
    if ids is None:
        return where
    from qdrant_client import models

    some = models.HasIdCondition(has_id=[point_id(id) for id in ids])
    return models.Filter(must=[where, some])


def _result(records: list[Record]) -> VectorStoreQueryResult:
    """Records in the form that the wrapper's fusion takes; it looks at ids and scores only."""
    return VectorStoreQueryResult(
        nodes=[TextNode(id_=record.id, text="") for record in records],
        similarities=[record.similarity or 0.0 for record in records],
        ids=[record.id for record in records],
    )


def _with_similarity(record: Record, similarity: float) -> Record:
    return Record(record.id, record.text, record.metadata, record.embedding, similarity)
