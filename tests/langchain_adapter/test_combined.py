"""T12: retrievers made of several, with a part that is not the user's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_classic.retrievers import (
    ContextualCompressionRetriever,
    EnsembleRetriever,
    MergerRetriever,
    MultiQueryRetriever,
    ParentDocumentRetriever,
    TimeWeightedVectorStoreRetriever,
)
from langchain_classic.retrievers.document_compressors import DocumentCompressorPipeline
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models import FakeListLLM
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.stores import InMemoryStore
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_text_splitters import CharacterTextSplitter

from langchain_piirag import PIIRetriever, TenantVectorStore, UserVectorStore
from piirag import MemoryVault, Scrubber
from piirag.errors import InvalidInputError, TenancyError

MAIL = "ottoline@brightmail.com"
Make = Callable[[list[Any]], BaseRetriever]


def ensemble(legs: list[Any]) -> BaseRetriever:
    return EnsembleRetriever(retrievers=legs, weights=[1 / len(legs)] * len(legs))


def merged(legs: list[Any]) -> BaseRetriever:
    return MergerRetriever(retrievers=legs)


def many_questions(legs: list[Any]) -> BaseRetriever:
    model = FakeListLLM(responses=["tea\nkettles"] * 9)
    return MultiQueryRetriever.from_llm(ensemble(legs), model)


def compressed(legs: list[Any]) -> BaseRetriever:
    return ContextualCompressionRetriever(
        base_retriever=ensemble(legs), base_compressor=DocumentCompressorPipeline(transformers=[])
    )


COMBINED = [ensemble, merged, many_questions, compressed]


class Listed(BaseRetriever):
    """Returns documents of its own."""

    documents: list[Document]

    def _get_relevant_documents(self, query: str, **kwargs: Any) -> list[Document]:
        return self.documents


@pytest.fixture
def raw() -> InMemoryVectorStore:
    return InMemoryVectorStore(DeterministicFakeEmbedding(size=8))


@pytest.fixture
def tenants(raw: InMemoryVectorStore) -> TenantVectorStore:
    tenants = TenantVectorStore(raw, scrubber=Scrubber(vault=MemoryVault()))
    for user in ("alice", "bob"):
        tenants.for_user(user).add_texts([f"tea for {MAIL}", "kettles"], ids=[f"{user}-1", "2"])
    return tenants


@pytest.fixture
def alice(tenants: TenantVectorStore) -> UserVectorStore:
    return tenants.for_user("alice")


@pytest.mark.parametrize("make", COMBINED)
def test_T12_of_ones_own_retrievers(alice: UserVectorStore, make: Make) -> None:
    legs = [
        alice.as_retriever(),
        alice.as_retriever(search_type="mmr", search_kwargs={"k": 2}),
        PIIRetriever(
            alice.as_retriever(), scrubber=alice._binding.chunks.scrubber, user_id="alice"
        ),
    ]
    retriever = alice.combined(make(legs))
    for found in (retriever.invoke(MAIL), asyncio.run(retriever.ainvoke(MAIL))):
        assert {document.id for document in found} == {"alice-1", "2"}
        assert MAIL not in str(found)
    assert "alice" not in repr(retriever)


@pytest.mark.parametrize("make", COMBINED)
@pytest.mark.parametrize("kind", ["unfiltered", "another's", "of a list", "a function", "options"])
def test_T12_one_part_that_is_not_ones_own(
    alice: UserVectorStore,
    tenants: TenantVectorStore,
    raw: InMemoryVectorStore,
    make: Make,
    kind: str,
) -> None:
    loose: Any = {
        "unfiltered": raw.as_retriever(),
        "another's": tenants.for_user("bob").as_retriever(),
        "of a list": Listed(documents=[]),
        "a function": RunnableLambda(lambda q: []),
        "options": raw.as_retriever().with_config(tags=["x"]),
    }[kind]
    if make is merged and not isinstance(loose, BaseRetriever):
        make = ensemble  # that takes what is no retriever
    made = make([alice.as_retriever(), loose])
    with pytest.raises(TenancyError):
        alice.combined(made)


def test_T2_T12_a_part_that_is_put_in_later(
    alice: UserVectorStore, raw: InMemoryVectorStore
) -> None:
    inner = MergerRetriever(retrievers=[alice.as_retriever()])
    retriever = alice.combined(inner)
    assert len(retriever.invoke("tea")) == 2
    inner.retrievers.append(raw.as_retriever())
    with pytest.raises(TenancyError):
        retriever.invoke("tea")


def test_a_document_that_bears_a_tag_came_by_another_way(alice: UserVectorStore) -> None:
    class Beside(BaseRetriever):
        """Has a view, and asks something else."""

        store: UserVectorStore

        def _get_relevant_documents(self, query: str, **kwargs: Any) -> list[Document]:
            return [Document(page_content="of bob", metadata={"user_id": "bob"})]

    with pytest.raises(TenancyError):
        alice.combined(Beside(store=alice)).invoke("tea")


@pytest.mark.parametrize("own", [True, False])
def test_T11_parents(
    tenants: TenantVectorStore, alice: UserVectorStore, tmp_path: Path, own: bool
) -> None:
    parents = InMemoryStore()
    retriever = ParentDocumentRetriever(
        vectorstore=alice,
        docstore=alice.docstore(parents) if own else parents,
        child_splitter=CharacterTextSplitter(chunk_size=40, chunk_overlap=0),
    )
    if not own:
        with pytest.raises(TenancyError):
            alice.combined(retriever)
        return
    retriever.add_documents([Document(page_content="a long letter")])
    assert [d.page_content for d in alice.combined(retriever).invoke("letter")] == ["a long letter"]


def test_what_is_no_retriever(alice: UserVectorStore) -> None:
    for wrong in (None, alice, "x"):
        with pytest.raises(InvalidInputError):
            alice.combined(wrong)  # type: ignore[arg-type]


class Nested(BaseRetriever):
    """Asks whatever it finds in its groups."""

    groups: Any
    own: Any

    def _get_relevant_documents(self, query: str, **kwargs: Any) -> list[Document]:
        return self.own.invoke(query)  # type: ignore[no-any-return]


def deep(item: Any, depth: int) -> Any:
    return [deep(item, depth - 1)] if depth else item


@pytest.mark.parametrize(
    "wrap",
    [
        lambda x: [[x]],
        lambda x: {"a": [{"b": (x,)}]},
        lambda x: deep(x, 9),
        lambda x: {1: {2: [x]}}.values(),
    ],
)
def test_T12_a_part_in_nested_lists_and_mappings(
    alice: UserVectorStore, tenants: TenantVectorStore, raw: InMemoryVectorStore, wrap: Any
) -> None:
    own = alice.as_retriever()
    for loose in (tenants.for_user("bob").as_retriever(), raw.as_retriever(), raw):
        with pytest.raises(TenancyError):
            alice.combined(Nested(groups=wrap(loose), own=own))
    assert alice.combined(Nested(groups=wrap(own), own=own)).invoke("tea")


def test_T12_what_is_nested_too_deeply_cannot_be_told(alice: UserVectorStore) -> None:
    loop: list[Any] = []
    loop.append(loop)
    for groups in (deep(alice.as_retriever(), 40), loop):
        with pytest.raises(TenancyError):
            alice.combined(Nested(groups=groups, own=alice.as_retriever()))


def test_T12_documents_that_a_retriever_holds(
    alice: UserVectorStore, tenants: TenantVectorStore
) -> None:
    view = tenants.for_user("bob")
    for metadata in ({}, {"user_id": "alice"}, {"user_id": ["bob"]}):
        held = [Document(page_content="private", metadata=metadata)]
        with pytest.raises(TenancyError):
            view.combined(TimeWeightedVectorStoreRetriever(vectorstore=view, memory_stream=held))
        with pytest.raises(TenancyError):
            view.combined(Nested(groups={"x": [held]}, own=view.as_retriever()))
    inner = TimeWeightedVectorStoreRetriever(vectorstore=view)
    retriever = view.combined(inner)
    inner.memory_stream.append(Document(page_content="private", metadata={"user_id": "alice"}))
    with pytest.raises(TenancyError):
        retriever.invoke("tea")


@pytest.mark.parametrize("metadata", [{"user_id": "alice"}, {}])
def test_what_comes_beside_a_view_is_scrubbed(
    alice: UserVectorStore, metadata: dict[str, Any]
) -> None:
    class Beside(BaseRetriever):
        store: UserVectorStore

        def _get_relevant_documents(self, query: str, **kwargs: Any) -> list[Document]:
            return [Document(page_content=f"tea for {MAIL}", metadata={**metadata, "to": MAIL})]

    retriever = alice.combined(Beside(store=alice))
    for found in (retriever.invoke("tea"), asyncio.run(retriever.ainvoke("tea"))):
        assert len(found) == 1
        assert MAIL not in str(found)
        assert "user_id" not in found[0].metadata


def test_documents_with_the_users_own_tag_may_be_held(alice: UserVectorStore) -> None:
    held = [Document(page_content=f"tea for {MAIL}", metadata={"user_id": "alice"}, id="alice:7")]
    [found] = alice.combined(Listed(documents=held)).invoke("tea")
    assert (found.id, MAIL in found.page_content, found.metadata) == ("7", False, {})
