"""Retrievers made of several, of which every part has to be one user's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.indices.base import BaseIndex
from llama_index.core.schema import NodeWithScore, QueryBundle
from llama_index.core.storage import StorageContext
from llama_index.core.storage.docstore.types import BaseDocumentStore
from llama_index.core.vector_stores.types import BasePydanticVectorStore

from llama_index_piirag.docstore import UserDocstore
from llama_index_piirag.query_engine import TenantQueryEngine
from llama_index_piirag.retriever import TenantRetriever
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
    StorageContext,
)


class CombinedRetriever(TenantRetriever):
    """Wraps a fusion, or anything else made of retrievers; made by `UserIndex.combined`.

    It is as tight as its loosest part. So every retriever, query engine and docstore in it has to
    be one of this user's, when it is wrapped and each time it is asked; a retriever that holds
    none of these is refused too, since nobody can tell whose nodes it returns. The question is
    scrubbed before anything sees it.

    Args:
        retriever: Auto-merging, recursive, fusion, router or transform, over retrievers that
            `UserIndex.as_retriever` made.
        binding: The user.
        **kwargs: As for `BaseRetriever`: ``callback_manager``, ``verbose``.

    Raises:
        TenancyError: A part of it is not this user's; when asked, also a node that bears a tag.
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
        return self._checked(await super()._aretrieve(query_bundle))

    def _checked(self, found: Sequence[NodeWithScore]) -> list[NodeWithScore]:
        if any(self._binding.tags.key in item.node.metadata for item in found):
            # What comes through a view has lost it.
            raise TenancyError(
                "a retriever returned a node that did not come through this user's view; "
                "nothing was returned"
            )
        return list(found)

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
    inner = [] if depth > _DEEPEST or not isinstance(part, BaseRetriever) else list(_parts(part))
    if not inner:
        raise TenancyError(_NOT_OWN.format(type(part).__name__))
    for one in inner:
        check_own(one, binding, depth + 1)


def _parts(retriever: BaseRetriever) -> Iterator[Any]:
    """What a retriever reads from; models, prompts and nodes that it was given are none of it."""
    for value in vars(retriever).values():
        held: Any = [value]
        if isinstance(value, Mapping):
            held = value.values()
        elif isinstance(value, list | tuple):
            held = value
        for one in held:
            if isinstance(one, _READ_FROM):
                yield one
            elif isinstance(inner := getattr(one, "retriever", None), BaseRetriever):
                yield inner  # a tool of a router
