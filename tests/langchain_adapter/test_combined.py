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
