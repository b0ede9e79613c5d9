"""T12: retrievers made of several, with a part that is not the user's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core import SummaryIndex, VectorStoreIndex
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.llms import MockLLM
from llama_index.core.retrievers import (
    AutoMergingRetriever,
    QueryFusionRetriever,
    RecursiveRetriever,
)
from llama_index.core.schema import IndexNode, NodeWithScore, TextNode
from llama_index.core.storage import StorageContext
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.vector_stores.simple import SimpleVectorStore

from llama_index_piirag import TenantIndex, UserIndex
from piirag import MemoryVault, Scrubber
from piirag.errors import InvalidInputError, TenancyError
from support.llama_fakes import HashedEmbedding

MAIL = "ottoline@brightmail.com"
Make = Callable[[UserIndex, list[Any]], BaseRetriever]


def fusion(index: UserIndex, legs: list[Any]) -> BaseRetriever:
    return QueryFusionRetriever(
        legs, llm=MockLLM(), num_queries=1, similarity_top_k=9, use_async=False
    )


def recursive(index: UserIndex, legs: list[Any]) -> BaseRetriever:
    return RecursiveRetriever("root", {"root": legs[0], **dict(enumerate(legs[1:]))})  # type: ignore[dict-item]


def merging(index: UserIndex, legs: list[Any]) -> BaseRetriever:
    return AutoMergingRetriever(fusion(index, legs), index.storage_context)  # type: ignore[arg-type]


COMBINED = [fusion, recursive, merging]


@pytest.fixture
def vectors() -> SimpleVectorStore:
    return SimpleVectorStore()


@pytest.fixture
def tenants(vectors: SimpleVectorStore) -> TenantIndex:
    index = TenantIndex(
        vectors,
        scrubber=Scrubber(vault=MemoryVault()),
        embed_model=HashedEmbedding(),
        docstore=SimpleDocumentStore(),
    )
    for user in ("alice", "bob"):
        index.for_user(user).insert_nodes(
            [TextNode(id_=f"{user}-1", text=f"tea for {MAIL}"), TextNode(id_="2", text="kettles")]
        )
    return index


@pytest.fixture
def alice(tenants: TenantIndex) -> UserIndex:
    return tenants.for_user("alice")


@pytest.mark.parametrize("make", COMBINED)
def test_T12_of_ones_own_retrievers(alice: UserIndex, make: Make) -> None:
    legs = [alice.as_retriever(), alice.as_retriever(vector_store_query_mode="mmr")]
    retriever = alice.combined(make(alice, legs))
    for found in (retriever.retrieve(MAIL), asyncio.run(retriever.aretrieve(MAIL))):
        assert {item.node.node_id for item in found} == {"alice-1", "2"}
        assert MAIL not in str(found)
    assert "alice" not in repr(retriever)


def loose_parts(tenants: TenantIndex, vectors: SimpleVectorStore) -> dict[str, Any]:
    class Listed(BaseRetriever):
        def _retrieve(self, query_bundle: Any) -> list[NodeWithScore]:
            return []

    context = StorageContext.from_defaults(vector_store=vectors)
    raw = VectorStoreIndex([], storage_context=context, embed_model=HashedEmbedding())
    return {
        "unfiltered": raw.as_retriever(),
        "another's": tenants.for_user("bob").as_retriever(),
        "of a list": Listed(),
        "summary": SummaryIndex([TextNode(text="x")]).as_retriever(),
    }


@pytest.mark.parametrize("make", COMBINED)
@pytest.mark.parametrize("kind", ["unfiltered", "another's", "of a list", "summary"])
def test_T10_T12_one_part_that_is_not_ones_own(
    alice: UserIndex, tenants: TenantIndex, vectors: SimpleVectorStore, make: Make, kind: str
) -> None:
    made = make(alice, [alice.as_retriever(), loose_parts(tenants, vectors)[kind]])
    with pytest.raises(TenancyError):
        alice.combined(made)


def test_T11_another_docstore_or_engine(alice: UserIndex, tenants: TenantIndex) -> None:
    base = alice.as_retriever()
    shared = StorageContext.from_defaults(docstore=SimpleDocumentStore())
    bobs = tenants.for_user("bob")
    for context in (shared, bobs.storage_context):
        with pytest.raises(TenancyError):
            alice.combined(AutoMergingRetriever(base, context))  # type: ignore[arg-type]
    engines = {"engine": bobs.as_query_engine(MockLLM())}
    with pytest.raises(TenancyError):
        alice.combined(RecursiveRetriever("root", {"root": base}, query_engine_dict=engines))
    own = {"engine": alice.as_query_engine(MockLLM())}
    alice.combined(RecursiveRetriever("root", {"root": base}, query_engine_dict=own))


def test_T2_T12_a_part_that_is_put_in_later(
    alice: UserIndex, tenants: TenantIndex, vectors: SimpleVectorStore
) -> None:
    inner: Any = fusion(alice, [alice.as_retriever()])
    retriever = alice.combined(inner)
    assert len(retriever.retrieve("tea")) == 2
    inner._retrievers.append(loose_parts(tenants, vectors)["unfiltered"])
    with pytest.raises(TenancyError):
        retriever.retrieve("tea")


def test_a_node_that_bears_a_tag_came_by_another_way(alice: UserIndex) -> None:
    theirs: Any = {"x": TextNode(text="of bob", metadata={"user_id": "bob"})}
    alice.insert_nodes([IndexNode(text="leads on", index_id="x")])
    leg = alice.as_retriever(similarity_top_k=9)
    with pytest.raises(TenancyError):
        alice.combined(RecursiveRetriever("root", {"root": leg}, node_dict=theirs)).retrieve("tea")


def test_what_is_no_retriever(alice: UserIndex) -> None:
    for wrong in (None, alice, "x"):
        with pytest.raises(InvalidInputError):
            alice.combined(wrong)  # type: ignore[arg-type]


class Nested(BaseRetriever):
    """Asks its own retriever, and returns what it was given besides."""

    def __init__(self, groups: Any, own: Any, more: Any = ()) -> None:
        self.groups, self.own, self.more = groups, own, lambda: list(more)
        super().__init__()

    def _retrieve(self, query_bundle: Any) -> list[NodeWithScore]:
        return [*self.own.retrieve(query_bundle), *self.more()]


def deep(item: Any, depth: int) -> Any:
    return [deep(item, depth - 1)] if depth else item


@pytest.mark.parametrize(
    "wrap", [lambda x: [[x]], lambda x: {"a": [{"b": (x,)}]}, lambda x: deep(x, 9)]
)
def test_T12_a_part_in_nested_lists_and_mappings(
    alice: UserIndex, tenants: TenantIndex, vectors: SimpleVectorStore, wrap: Any
) -> None:
    own = alice.as_retriever()
    for loose in (tenants.for_user("bob").as_retriever(), vectors, SimpleDocumentStore()):
        with pytest.raises(TenancyError):
            alice.combined(Nested(wrap(loose), own))
    assert alice.combined(Nested(wrap(own), own)).retrieve("tea")


def test_T12_what_is_nested_too_deeply_cannot_be_told(alice: UserIndex) -> None:
    loop: list[Any] = []
    loop.append(loop)
    for groups in (deep(alice.as_retriever(), 40), loop):
        with pytest.raises(TenancyError):
            alice.combined(Nested(groups, alice.as_retriever()))


@pytest.mark.parametrize("metadata", [{}, {"user_id": "bob"}, {"user_id": ["alice"]}])
def test_T12_nodes_that_a_retriever_holds(alice: UserIndex, metadata: dict[str, Any]) -> None:
    held = TextNode(text="private", metadata=metadata)
    own = alice.as_retriever()
    for groups in ([[held]], {"x": NodeWithScore(node=held)}):
        with pytest.raises(TenancyError):
            alice.combined(Nested(groups, own))
    nodes: Any = {"x": held}
    with pytest.raises(TenancyError):
        alice.combined(RecursiveRetriever("root", {"root": own}, node_dict=nodes))


def test_T12_what_an_index_node_leads_to(alice: UserIndex, tenants: TenantIndex) -> None:
    theirs = tenants.for_user("bob").as_retriever()
    held = IndexNode(text="on", index_id="x", obj=theirs, metadata={"user_id": "alice"})
    with pytest.raises(TenancyError):
        alice.combined(Nested([held], alice.as_retriever()))
    mine = held.model_copy(update={"obj": alice.as_retriever()})
    assert alice.combined(Nested([mine], alice.as_retriever())).retrieve("tea")


@pytest.mark.parametrize("metadata", [{"user_id": "alice"}, {}])
def test_what_comes_beside_a_view_is_scrubbed(alice: UserIndex, metadata: dict[str, Any]) -> None:
    node = TextNode(id_="alice:7", text=f"tea for {MAIL}", metadata={**metadata, "to": MAIL})
    own = alice.as_retriever()
    retriever = alice.combined(Nested([], own, [NodeWithScore(node=node, score=1.0)]))
    for found in (retriever.retrieve("tea"), asyncio.run(retriever.aretrieve("tea"))):
        assert len(found) == 3
        assert MAIL not in str(found)
        assert all("user_id" not in item.node.metadata for item in found)


def test_T12_what_comes_beside_a_view_and_is_anothers(alice: UserIndex) -> None:
    node = TextNode(text="private", metadata={"user_id": "bob"})
    retriever = alice.combined(Nested([], alice.as_retriever(), [NodeWithScore(node=node)]))
    with pytest.raises(TenancyError):
        retriever.retrieve("tea")
