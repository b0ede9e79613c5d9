"""Retrievers made of several, of which every part has to be one user's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence, Set, ValuesView
from typing import Any

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.indices.base import BaseIndex
from llama_index.core.schema import BaseNode, NodeWithScore, QueryBundle
from llama_index.core.storage import StorageContext
from llama_index.core.storage.docstore.types import BaseDocumentStore
from llama_index.core.vector_stores.types import BasePydanticVectorStore

from llama_index_piirag.docstore import UserDocstore, require_stored
from llama_index_piirag.query_engine import TenantQueryEngine
from llama_index_piirag.records import from_document
from llama_index_piirag.retriever import TenantRetriever
from llama_index_piirag.scrubbing import scrub_nodes_again
from llama_index_piirag.tracing import unspanned
from piirag.errors import InvalidInputError, TenancyError
from piirag.tenancy import TenantBinding

_DEEPEST = 12
_NOT_OWN = "a part of this retriever is not this user's: {}"
_READ_FROM = (
    BaseRetriever,
    BaseQueryEngine,
    BaseIndex,
    BaseDocumentStore,
    BasePydanticVectorStore,
    BaseNode,
    StorageContext,
)


class CombinedRetriever(TenantRetriever):
    """Wraps a fusion, or anything else made of retrievers; made by `UserIndex.combined`.

    It is as tight as its loosest part. So every retriever, query engine and docstore in it, in
    lists and mappings too, has to be one of this user's, when it is wrapped and each time it is
    asked; nodes that it holds itself have to bear the user's tag. A retriever that holds none of
    these is refused too, since nobody can tell whose nodes it returns. The question is scrubbed
    before anything sees it, and what is returned is scrubbed once more.

    What a retriever's code gets from elsewhere (a closure, a client of its own) cannot be seen.

    Args:
        retriever: Auto-merging, recursive, fusion, router or transform, over retrievers that
            `UserIndex.as_retriever` made.
        binding: The user.
        **kwargs: As for `BaseRetriever`: ``callback_manager``, ``verbose``.

    Raises:
        TenancyError: A part of it is not this user's; when asked, also a node that bears
            another's tag.
        InvalidInputError: No retriever.
    """

    def __init__(self, retriever: BaseRetriever, binding: TenantBinding, **kwargs: Any) -> None:
        if not isinstance(retriever, BaseRetriever):
            raise InvalidInputError(f"expected a retriever, not {type(retriever).__name__}")
        check_own(retriever, binding)
        super().__init__(retriever, binding, **kwargs)

    @unspanned
    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        check_own(self._retriever, self._binding)
        return self._checked(super()._retrieve(query_bundle))

    @unspanned
    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        check_own(self._retriever, self._binding)
        found = await super()._aretrieve(query_bundle)
        return await asyncio.to_thread(self._checked, found)

    def _checked(self, found: Sequence[NodeWithScore]) -> list[NodeWithScore]:
        """What was returned, as the user may see it.

        What comes through a view has lost its tag and is clean. The rest came by another way.
        """
        binding, kept = self._binding, []
        for item in found:
            if not isinstance(item, NodeWithScore):
                raise TenancyError("a retriever returned something that is no node")
            node = require_stored(item.node)
            if binding.tags.key in node.metadata:
                node = from_document(binding, node.node_id, node)
            if binding.is_live(node.metadata):
                kept.append((node, item.score))
        clean = scrub_nodes_again(binding, [node for node, _ in kept])
        return [
            NodeWithScore(node=node, score=score)
            for node, (_, score) in zip(clean, kept, strict=True)
        ]

    def __repr__(self) -> str:
        return f"CombinedRetriever({type(self._retriever).__name__})"


def check_own(part: Any, binding: TenantBinding, depth: int = 0) -> None:
    """Look whether everything that a retriever reads from is one user's.

    Raises:
        TenancyError: Something is not, or nobody can tell.
    """
    if isinstance(part, TenantRetriever | TenantQueryEngine | UserDocstore):
        own = part._binding
        if own.tag != binding.tag or own.chunks.scrubber.vault is not binding.chunks.scrubber.vault:
            raise TenancyError(_NOT_OWN.format("one of another user"))
        return
    if isinstance(part, StorageContext):
        # Retrievers look into its docstore only.
        check_own(part.docstore, binding, depth + 1)
        return
    if isinstance(part, BaseNode):
        if part.metadata.get(binding.tags.key) != binding.tag:
            raise TenancyError(_NOT_OWN.format("a node that does not bear the user's tag"))
        # LlamaIndex retrieves from the object of an index node in turn.
        inner = list(_within(getattr(part, "obj", None)))
    else:
        inner = list(_parts(part)) if isinstance(part, BaseRetriever) else []
        if not inner:
            raise TenancyError(_NOT_OWN.format(type(part).__name__))
    if depth > _DEEPEST:
        raise TenancyError(_NOT_OWN.format("something nested too deeply"))
    for one in inner:
        check_own(one, binding, depth + 1)


def _parts(retriever: BaseRetriever) -> Iterator[Any]:
    """What a retriever reads from; models and prompts are none of it."""
    for value in vars(retriever).values():
        yield from _within(value)


def _within(value: Any, depth: int = 0) -> Iterator[Any]:
    """What a field holds, in lists and mappings of any depth that can be looked through."""
    if isinstance(value, _READ_FROM):
        yield value
        return
    if isinstance(value, NodeWithScore):
        yield value.node
        return
    if isinstance(value, Mapping):
        value = value.values()
    elif isinstance(value, str | bytes | bytearray | range) or not isinstance(
        value, Sequence | Set | ValuesView
    ):
        if isinstance(inner := getattr(value, "retriever", None), BaseRetriever):
            yield inner  # a tool of a router
        return
    if depth > _DEEPEST:
        raise TenancyError(_NOT_OWN.format("something nested too deeply"))
    for one in value:
        yield from _within(one, depth + 1)
