"""A user's view of a vector store that many share."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.schema import BaseNode, MetadataMode
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
    VectorStoreQueryResult,
)

from llama_index_piirag import erasure as _erasure  # noqa: F401 - registers its resolver
from llama_index_piirag.collection import Record, TenantCollection, check_count
from llama_index_piirag.node_stores import Search
from llama_index_piirag.records import from_record, to_record
from llama_index_piirag.scrubbing import (
    bare_id,
    embedded_text,
    scrub_nodes,
    scrub_nodes_again,
    without_scope,
)
from piirag.errors import (
    ConfigurationError,
    InvalidInputError,
    PIIBlockedError,
    TenancyError,
)
from piirag.governance.record_names import chunk_of
from piirag.governance.recorder import Recorder
from piirag.redaction.tokens import PSEUDONYM
from piirag.tenancy import TenantBinding
from piirag.tenancy.filters import Clause

_MMR = frozenset({"mmr_threshold", "mmr_prefetch_factor", "mmr_prefetch_k"})
_NUMBERS = frozenset({"sparse_top_k", "hybrid_top_k"})
_HYBRID = _NUMBERS | {"alpha"}


class UserVectorStore(BasePydanticVectorStore):
    """One user's view of a shared vector store; made by `TenantVectorStore.for_user`.

    Whatever is written is scrubbed and tagged; every read is filtered, and every node that comes
    back is checked once more. Filters of the caller narrow a search within the user's chunks and
    can never widen it. A question is embedded by whoever asks: `TenantIndex` scrubs it first, a
    plain `VectorStoreIndex` over this store does not.
    """

    stores_text: bool = True
    flat_metadata: bool = True

    _chunks: TenantCollection = PrivateAttr()
    _binding: TenantBinding = PrivateAttr()
    _embed_model: BaseEmbedding | None = PrivateAttr()
    _recorder: Recorder | None = PrivateAttr(default=None)

    def __init__(
        self,
        collection: TenantCollection,
        binding: TenantBinding,
        embed_model: BaseEmbedding | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        super().__init__(stores_text=True)
        self._recorder = recorder
        self._chunks = collection
        self._binding = binding
        self._embed_model = embed_model

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex serialises this class."""
        return "UserVectorStore"

    @property
    def client(self) -> None:
        """None: the collection itself would lead to other users' chunks."""
        return None

    @property
    def tag(self) -> str:
        """What names the user in the store."""
        return self._binding.tag

    @property
    def binding(self) -> TenantBinding:
        """The user."""
        return self._binding

    @property
    def collection(self) -> TenantCollection:
        """The user's part of the collection."""
        return self._chunks

    # Writing

    def add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """Scrub nodes and write them; one whose id is there already replaces it.

        Args:
            nodes: With embeddings. They may bear the user's tag already.
            **kwargs: None are known.

        Returns:
            The ids, as the other methods take them. An id that holds personal data is replaced by
            a keyed hash.

        Raises:
            InvalidInputError: No text nodes, no embedding, or metadata that the store
                cannot hold.
            PIIBlockedError: An embedding was made from text that was not scrubbed.
            TenancyError: A node names another user, or an unknown keyword.
            UserErasedError: The user was erased.
        """
        _refuse(kwargs)
        nodes = list(nodes)
        if any(isinstance(node, BaseNode) and node.embedding is None for node in nodes):
            raise InvalidInputError("a node has no embedding")
        began = time.perf_counter()
        clean = scrub_nodes(self._binding, nodes, stored=True)
        stale = [
            self._binding.scoped(bare)
            for node, after in zip(nodes, clean, strict=True)
            if self._binding.scoped(bare := bare_id(self._binding, node)) != after.id_
        ]
        self._embed_anew([node for node in clean if node.embedding is None])
        records = []
        for node in clean:
            text, metadata = to_record(node, flat=self._chunks.store.flat)
            records.append(Record(node.node_id, text, metadata, node.embedding))
        self._chunks.upsert(records, stale)
        if self._recorder is not None:
            self._note(self._recorder, nodes, clean, began)
        return [without_scope(self._binding, node.node_id) for node in clean]

    def _note(
        self,
        recorder: Recorder,
        nodes: Sequence[BaseNode],
        clean: Sequence[BaseNode],
        began: float,
    ) -> None:
        """Record what was written. What came in may have been scrubbed before it was embedded."""
        texts = [node.get_content(MetadataMode.NONE) for node in clean]
        before = (node.get_content(MetadataMode.NONE) for node in nodes)
        changed = sum(
            old != new or PSEUDONYM.search(new) is not None
            for old, new in zip(before, texts, strict=True)
        )
        chunks = [
            chunk_of(text, without_scope(self._binding, node.node_id), node.metadata)
            for text, node in zip(texts, clean, strict=True)
        ]
        recorder.ingested(chunks, changed=changed, user=self._binding.user_id, began=began)

    def _embed_anew(self, changed: list[BaseNode]) -> None:
        if not changed:
            return
        if self._embed_model is None:
            raise PIIBlockedError(
                "text that was embedded before it was scrubbed",
                {},
                "Put PIINodeScrubber before the embedding model, or use TenantIndex or "
                "PIIIngestionPipeline.",
            )
        vectors = self._embed_model.get_text_embedding_batch([embedded_text(n) for n in changed])
        for node, vector in zip(changed, vectors, strict=True):
            node.embedding = vector

    async def async_add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """Scrub nodes and write them. See `add`."""
        return await asyncio.to_thread(self.add, nodes, **kwargs)

    # Deleting

    def delete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """Delete the user's chunks of a document.

        Raises:
            InvalidInputError: No id.
            TenancyError: An unknown keyword.
        """
        _refuse(delete_kwargs)
        stored = self._chunks.stored_document_ids(ref_doc_id)
        self._chunks.delete_where(self._chunks.of_document(stored))

    async def adelete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """Delete the user's chunks of a document. See `delete`."""
        await asyncio.to_thread(self.delete, ref_doc_id, **delete_kwargs)

    def delete_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        **delete_kwargs: Any,
    ) -> None:
        """Delete chunks of the user by id, by filter, or those that fit both.

        Raises:
            InvalidInputError: Neither is given. To erase a user, call `delete_user`.
            TenancyError: A filter on the tenant key, or an unknown keyword.
        """
        _refuse(delete_kwargs)
        where = self._chunks.filters.where(filters)
        if node_ids is not None:
            self._chunks.delete_ids(self._chunks.stored_ids(node_ids), where)
        elif filters is not None and filters.filters:
            self._chunks.delete_where(where)
        else:
            raise InvalidInputError(
                "delete_nodes needs ids or filters; to erase a user, call delete_user"
            )

    async def adelete_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        **delete_kwargs: Any,
    ) -> None:
        """Delete chunks of the user. See `delete_nodes`."""
        await asyncio.to_thread(self.delete_nodes, node_ids, filters, **delete_kwargs)

    def clear(self) -> None:
        """Delete all chunks of this user, and nobody else's.

        This is no erasure: the values stay in the vault, and nothing is read back.
        """
        self._chunks.delete_where(self._chunks.filters.where(None))

    async def aclear(self) -> None:
        """Delete all chunks of this user. See `clear`."""
        await asyncio.to_thread(self.clear)

    # Reading

    def get_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        **kwargs: Any,
    ) -> list[BaseNode]:
        """Chunks of the user: all, those with given ids, or those that fit filters.

        Raises:
            TenancyError: A filter on the tenant key, or an unknown keyword.
            InvalidInputError: A filter that the store cannot carry out.
        """
        _refuse(kwargs)
        where = self._chunks.filters.where(filters)
        ids = None if node_ids is None else self._chunks.stored_ids(node_ids)
        return self._outward(self._chunks.get(where, ids))

    async def aget_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        **kwargs: Any,
    ) -> list[BaseNode]:
        """Chunks of the user. See `get_nodes`."""
        return await asyncio.to_thread(self.get_nodes, node_ids, filters, **kwargs)

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """The user's chunks nearest to a vector, or any of them where there is no vector.

        Args:
            query: Mode ``default``, ``mmr``, or another that the store's part in
                `llama_index_piirag.node_stores` knows; `filters`, `doc_ids` and `node_ids` narrow
                it.
            **kwargs: In mode ``mmr``: ``mmr_threshold``, ``mmr_prefetch_factor`` or
                ``mmr_prefetch_k``. In others, what the store's part knows.

        Returns:
            Nodes with ids as the caller knows them; similarities as the store's own wrapper gives
            them (``exp(-distance)`` for Chroma).

        Raises:
            TenancyError: A filter on the tenant key, an unknown keyword, or a chunk of another
                user in what the store returned.
            InvalidInputError: A filter that the store cannot carry out, or no usable vector.
            ConfigurationError: Another query mode, or a number of items that is none.
        """
        mmr = query.mode == VectorStoreQueryMode.MMR
        mode, modes = VectorStoreQueryMode(query.mode).value, self._chunks.store.modes | {"mmr"}
        if mode not in modes:
            raise ConfigurationError(f"query modes of this store: {', '.join(sorted(modes))}")
        _refuse(kwargs, _MMR if mmr else self._chunks.store.search_keywords)
        clauses: list[Clause] = []
        if query.doc_ids:
            stored = [s for id in query.doc_ids for s in self._chunks.stored_document_ids(id)]
            clauses.append({"document_id": {"$in": stored}})
        scope = self._chunks.filters.where(query.filters, *clauses)
        ids = self._chunks.stored_ids(query.node_ids) if query.node_ids else None
        k = query.similarity_top_k
        vector = _vector(query.query_embedding)
        if not vector and mode in {"default", "mmr"}:
            found = self._chunks.get(scope, ids, k)
        elif mmr:
            options = {"mmr_threshold": query.mmr_threshold, **kwargs}
            found = self._chunks.search_mmr(Search(vector, k), scope, ids, options)
        else:
            found = self._chunks.search(self._search(query, vector, mode, kwargs), scope, ids)
        nodes = self._outward(found)
        similarities = [record.similarity for record in found]
        return VectorStoreQueryResult(
            nodes=nodes,
            ids=[node.node_id for node in nodes],
            similarities=None
            if None in similarities
            else [value for value in similarities if value is not None],
        )

    def _search(
        self, query: VectorStoreQuery, vector: list[float], mode: str, kwargs: dict[str, Any]
    ) -> Search:
        text = None
        if mode != "default" and query.query_str is not None:
            text = self._binding.chunks.question(query.query_str)
        given = {name: getattr(query, name) for name in _HYBRID if mode != "default"}
        given = {name: value for name, value in given.items() if value is not None}
        for name in given.keys() & _NUMBERS:
            check_count(given[name], name)
        options = {**given, **kwargs}
        return Search(vector, query.similarity_top_k, None, mode, text, options=options)

    async def aquery(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """The user's chunks nearest to a vector. See `query`."""
        return await asyncio.to_thread(self.query, query, **kwargs)

    def _outward(self, found: Sequence[Record]) -> list[BaseNode]:
        """Check each record, name it as the caller knows it, and scrub it once more."""
        nodes = [from_record(self._binding, r.id, r.text, r.metadata) for r in found]
        return scrub_nodes_again(self._binding, nodes)

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return []


def _refuse(kwargs: Mapping[str, Any], allowed: frozenset[str] = frozenset()) -> None:
    unknown = sorted(set(kwargs) - allowed)
    if unknown:
        raise TenancyError(
            f"unknown keywords {', '.join(unknown)}: a store that ignores one would return every "
            "user's chunks"
        )


def _vector(embedding: Any) -> list[float]:
    """A vector as a plain list; an empty one where there is none.

    Raises:
        InvalidInputError: Something else than finite numbers.
    """
    if embedding is None:
        return []
    try:
        vector = [float(value) for value in embedding]
    except (TypeError, ValueError, OverflowError):
        vector = [math.nan]
    if not all(map(math.isfinite, vector)):
        raise InvalidInputError("an embedding is a list of finite numbers")
    return vector
