"""Drives `TenantVectorStore` through the suite of `piirag.testing.tenancy`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

from llama_index.core import VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.schema import BaseNode, MetadataMode, TextNode
from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
)

from llama_index_piirag.collection import Record
from llama_index_piirag.index import UserIndex
from llama_index_piirag.tenants import TenantVectorStore
from piirag.testing.tenancy import QUESTION, Item, ReadPath, TenancyDriver

_CALLS = "count nearest remove remove_where rows write".split()
_OPERATORS = {
    "$eq": FilterOperator.EQ,
    "$ne": FilterOperator.NE,
    "$gt": FilterOperator.GT,
    "$gte": FilterOperator.GTE,
    "$lt": FilterOperator.LT,
    "$lte": FilterOperator.LTE,
    "$in": FilterOperator.IN,
    "$nin": FilterOperator.NIN,
}


class LlamaIndexDriver(TenancyDriver):
    """A LlamaIndex vector store of any kind.

    Args:
        tenants: The store, tenant-bound.
        embed_model: Embeds texts and questions.
        more: Further read paths, such as a store's hybrid search.
        without: Names of paths that this store does not have.
    """

    framework = "llama_index"

    def __init__(
        self,
        tenants: TenantVectorStore,
        embed_model: BaseEmbedding,
        *,
        more: Sequence[ReadPath] = (),
        without: Sequence[str] = (),
    ) -> None:
        super().__init__(tenants)
        self._store = tenants._node_store
        self._embed_model = embed_model
        found = [*_paths(embed_model), *more]
        self._paths = [path for path in found if path.name not in without]

    @property
    def key(self) -> str:
        """Metadata key of the tenant's tag."""
        found: str = self.tenants.tags.key
        return found

    @property
    def known_keywords(self) -> frozenset[str]:
        """Keywords of LlamaIndex's queries and of this store's."""
        named = {"node_ids", "filters", "query", "mmr_threshold", "mmr_prefetch_k", "mode"}
        return self._store.search_keywords | named | {"mmr_prefetch_factor"}

    def paths(self) -> Sequence[ReadPath]:
        """Every way to read."""
        return self._paths

    def write(self, view: Any, items: Sequence[Item]) -> list[str]:
        """Write items."""
        written: list[str] = view.add([self._node(item) for item in items])
        return written

    def _node(self, item: Item) -> TextNode:
        return TextNode(
            id_=item.id,
            text=item.text,
            metadata=dict(item.metadata),
            embedding=self._embed_model.get_text_embedding(item.text),
            excluded_embed_metadata_keys=list(item.metadata),
        )

    def get(self, view: Any, ids: Sequence[str]) -> list[Item]:
        """Items by id."""
        return _items(view.get_nodes(list(ids)))

    def remove(self, view: Any, ids: Sequence[str]) -> None:
        """Delete by id."""
        view.delete_nodes(ids)

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """Within it, a call to the store fails the test."""

        def touched(*args: Any, **kwargs: Any) -> Any:
            raise AssertionError("the store was called")

        calls: dict[str, Any] = dict.fromkeys(_CALLS, touched)
        with mock.patch.multiple(self._store, **calls):
            yield

    def plant(self, id: str, text: str, metadata: Mapping[str, Any]) -> None:
        """Write an item past piirag."""
        vector = self._embed_model.get_text_embedding(text)
        self._store.write([Record(id, text, dict(metadata), vector)])


def to_filters(clause: Any) -> Any:
    """A filter in the form of a mapping as `MetadataFilters`, valid or not.

    What is no mapping is returned as it is; what LlamaIndex's models would refuse gets past them.
    """
    if clause is None or not isinstance(clause, Mapping):
        return clause
    parts = [_part(key, value) for key, value in clause.items()]
    return MetadataFilters.model_construct(filters=parts, condition=FilterCondition.AND)


def _part(key: Any, value: Any) -> Any:
    if key in {"$and", "$or"}:
        condition = FilterCondition.AND if key == "$and" else FilterCondition.OR
        inner = [to_filters(part) for part in value] if isinstance(value, list) else value
        return MetadataFilters.model_construct(filters=inner, condition=condition)
    if not isinstance(value, Mapping):
        return _one(key, FilterOperator.EQ, value)
    parts = [_one(key, _OPERATORS.get(op, op), item) for op, item in value.items()]
    return MetadataFilters.model_construct(filters=parts, condition=FilterCondition.AND)


def _one(key: Any, operator: Any, value: Any) -> MetadataFilter:
    return MetadataFilter.model_construct(key=key, value=value, operator=operator)


def _items(nodes: Sequence[BaseNode]) -> list[Item]:
    none = MetadataMode.NONE
    return [Item(n.node_id, n.get_content(metadata_mode=none), n.metadata) for n in nodes]


def _paths(embed_model: BaseEmbedding) -> list[ReadPath]:
    vector = embed_model.get_query_embedding(QUESTION)
    mmr = VectorStoreQueryMode.MMR

    def ask(k: int, filters: Any, **options: Any) -> VectorStoreQuery:
        options = {"query_embedding": vector, **options}
        return VectorStoreQuery(similarity_top_k=k, filters=filters, **options)

    def plain(view: Any, k: int, filters: Any, **keywords: Any) -> Any:
        over = VectorStoreIndex.from_vector_store(view, embed_model=embed_model)
        retriever = over.as_retriever(
            similarity_top_k=k, filters=filters, vector_store_kwargs=keywords
        )
        return [found.node for found in retriever.retrieve(QUESTION)]

    def tenant(mode: str, view: Any, k: int, filters: Any, **keywords: Any) -> Any:
        retriever = UserIndex(view, embed_model, []).as_retriever(
            similarity_top_k=k,
            filters=filters,
            vector_store_query_mode=mode,
            vector_store_kwargs=keywords,
        )
        return [found.node for found in retriever.retrieve(QUESTION)]

    calls: dict[str, Callable[..., Any]] = {
        "query": lambda v, k, f, **w: v.query(ask(k, f), **w).nodes,
        "query_mmr": lambda v, k, f, **w: v.query(ask(k, f, mode=mmr), **w).nodes,
        "query_without_vector": lambda v, k, f, **w: (
            v.query(ask(k, f, query_embedding=None), **w).nodes
        ),
        "get_nodes": lambda v, k, f, **w: v.get_nodes(filters=f, **w)[:k],
        "retriever": plain,
        "tenant_retriever": lambda v, k, f, **w: tenant("default", v, k, f, **w),
        "tenant_retriever_mmr": lambda v, k, f, **w: tenant("mmr", v, k, f, **w),
        "aquery": lambda v, k, f, **w: _run(v.aquery(ask(k, f), **w)).nodes,
        "aquery_mmr": lambda v, k, f, **w: _run(v.aquery(ask(k, f, mode=mmr), **w)).nodes,
        "aget_nodes": lambda v, k, f, **w: _run(v.aget_nodes(filters=f, **w))[:k],
    }
    return [_path(name, call) for name, call in calls.items()]


def mode_paths(
    embed_model: BaseEmbedding, *modes: str, question: str = QUESTION, complete: bool = True
) -> list[ReadPath]:
    """Read paths for further query modes, to be passed as `more`.

    Args:
        embed_model: Embeds the question.
        *modes: Values of `VectorStoreQueryMode`, such as ``"hybrid"``.
        question: What is asked.
        complete: False for modes that search in texts and find only those that hold the question.
    """
    vector = embed_model.get_query_embedding(question)

    def asking(mode: str) -> Callable[..., Any]:
        def call(view: Any, k: int, filters: Any, **keywords: Any) -> Any:
            query = VectorStoreQuery(
                query_embedding=vector,
                query_str=question,
                similarity_top_k=k,
                filters=filters,
                mode=VectorStoreQueryMode(mode),
            )
            return view.query(query, **keywords).nodes

        return call

    return [_path(mode, asking(mode), complete) for mode in modes]


def _path(name: str, call: Callable[..., Any], complete: bool = True) -> ReadPath:
    def read(view: Any, k: int, filter: Any, keywords: Mapping[str, Any]) -> list[Item]:
        return _items(call(view, k, to_filters(filter), **keywords))

    return ReadPath(name, read, complete)


def _run(work: Any) -> Any:
    """The result of a coroutine; the suite has no loop of its own."""
    with asyncio.Runner() as runner:
        return runner.run(work)
