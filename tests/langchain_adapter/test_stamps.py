"""Stamps in LangChain: on documents and stored chunks, and their labels in replies."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.indexing import InMemoryRecordManager, index
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.vectorstores import InMemoryVectorStore

from langchain_piirag import (
    PIIDocumentScrubber,
    PIIRetriever,
    RedactedChatModel,
    RedactedModel,
    TenantVectorStore,
)
from piirag import Scrubber
from piirag.errors import ConfigurationError, ProviderPolicyError
from piirag.governance.stamps import INGESTED_AT, STAMP_KEYS, Stamp, stamps_of
from support.langchain_fakes import EchoChat

TEXT = "The merger with the other company is to be signed in May by Jane Roe."
SECRET = Stamp("importer", label="confidential", source="board")


def _store(scrubber: Scrubber, stamp: Stamp | None = SECRET) -> TenantVectorStore:
    inner = InMemoryVectorStore(DeterministicFakeEmbedding(size=16))
    return TenantVectorStore(inner, scrubber=scrubber, stamp=stamp)


def test_retrieved_chunks_bear_the_stamp_of_the_store() -> None:
    view = _store(Scrubber()).for_user("alice")
    view.add_documents([Document(TEXT, metadata={"piirag_label": "public", "n": 1})], ids=["a"])
    for found in (view.similarity_search("x"), view.get_by_ids(["a"])):
        told = stamps_of(found[0].metadata)
        assert told.pop("ingested_at") > 0
        assert told == {"source": "board", "writer": "importer", "label": "confidential"}
        assert found[0].metadata["n"] == 1


def test_the_stamp_of_an_earlier_stage_stays_in_a_store_without_one() -> None:
    scrubber = Scrubber()
    documents = PIIDocumentScrubber(scrubber, user_id="alice", stamp=SECRET)
    view = _store(scrubber, None).for_user("alice")
    view.add_documents(list(documents.transform_documents([Document(TEXT)])))
    [found] = view.similarity_search("x")
    assert stamps_of(found.metadata)["label"] == "confidential"
    assert INGESTED_AT not in found.metadata


def test_shared_chunks_bear_their_stamp_for_every_reader() -> None:
    store = _store(Scrubber())
    store.shared().add_documents([Document(TEXT)])
    [found] = store.for_user("bob", shared=True).similarity_search("x")
    assert stamps_of(found.metadata)["label"] == "confidential"


def test_the_indexing_api_skips_what_it_has_seen() -> None:
    scrubber = Scrubber()
    view = _store(scrubber).for_user("alice")
    documents = PIIDocumentScrubber(scrubber, user_id="alice", stamp=SECRET)
    manager = InMemoryRecordManager("alice")
    manager.create_schema()

    def ingest() -> dict[str, Any]:
        clean = documents.transform_documents([Document(TEXT, metadata={"source": "/a"})])
        return dict(index(clean, manager, view, key_encoder="sha256"))

    assert ingest()["num_added"] == 1
    assert ingest() == {"num_added": 0, "num_updated": 0, "num_skipped": 1, "num_deleted": 0}


def test_a_search_can_be_narrowed_by_stamps() -> None:
    view = _store(Scrubber()).for_user("alice")
    view.add_documents([Document(TEXT)])
    found = view.similarity_search("x", filter={INGESTED_AT: {"$gte": 1_700_000_000}})
    assert len(found) == 1
    assert view.similarity_search("x", filter={INGESTED_AT: {"$lt": 1_700_000_000}}) == []
    assert len(view.similarity_search("x", filter={"piirag_label": "confidential"})) == 1
    assert view.similarity_search("x", filter={"piirag_label": "public"}) == []


def test_a_retriever_that_is_wrapped_keeps_the_stamps() -> None:
    scrubber = Scrubber()
    view = _store(scrubber).for_user("alice")
    view.add_documents([Document(TEXT)])
    wrapped = PIIRetriever(view.as_retriever(), scrubber=scrubber, user_id="alice")
    assert stamps_of(wrapped.invoke("x")[0].metadata)["label"] == "confidential"


def test_a_stamp_with_personal_data_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        _store(Scrubber(), Stamp("192.0.2.44"))
    with pytest.raises(ConfigurationError):
        PIIDocumentScrubber(Scrubber(), user_id="alice", stamp=Stamp("192.0.2.44"))
    with pytest.raises(ConfigurationError):
        RedactedModel(EchoChat(seen=[]), max_label="secret")


@pytest.mark.parametrize("kind", [RedactedModel, RedactedChatModel])
@pytest.mark.parametrize("streams", [False, True])
def test_a_reply_bears_the_highest_label_of_the_chunks_in_its_prompt(kind: Any, streams) -> None:
    scrubber = Scrubber()
    view = _store(scrubber).for_user("alice")
    view.add_documents([Document(TEXT)])
    [found] = view.similarity_search("x")
    model = kind(EchoChat(seen=[]), scrubber=scrubber, user_id="alice")

    def ask(prompt: Any) -> Any:
        if not streams:
            return model.invoke(prompt)
        first, *rest = model.stream(prompt)
        return first + rest

    def label(reply: Any) -> Any:
        return reply.response_metadata["piirag"].get("label")

    told = ask(f"Context: {found.page_content}\nWhen is it to be signed?")
    assert label(told) == "confidential"
    assert "Jane Roe" in told.text
    assert label(ask("An ordinary question")) is None
    # What was said from a labelled chunk goes on to bear the label.
    assert label(ask([told if not streams else AIMessage(**_of(told)), HumanMessage("And?")]))


def _of(chunk: Any) -> dict[str, Any]:
    return {"content": chunk.content, "response_metadata": chunk.response_metadata}


def test_the_label_travels_through_a_chain() -> None:
    scrubber = Scrubber()
    view = _store(scrubber).for_user("alice")
    view.add_documents([Document(TEXT)])
    model = RedactedModel(EchoChat(seen=[]), scrubber=scrubber, user_id="alice")
    join = RunnableLambda(lambda docs: "Use this:\n" + "\n".join(d.page_content for d in docs))
    reply = (view.as_retriever() | join | model).invoke("when?")
    assert reply.response_metadata["piirag"]["label"] == "confidential"


@pytest.mark.parametrize("way", ["invoke", "stream", "batch"])
def test_a_model_gets_nothing_above_its_label(way: str) -> None:
    scrubber = Scrubber()
    view = _store(scrubber).for_user("alice")
    view.add_documents([Document(TEXT)])
    [found] = view.similarity_search("x")
    inner = EchoChat(seen=[])
    model = RedactedModel(inner, scrubber=scrubber, user_id="alice", max_label="internal")
    call = {"invoke": model.invoke, "stream": lambda p: list(model.stream(p))}
    with pytest.raises(ProviderPolicyError, match="confidential"):
        (call.get(way) or (lambda p: model.batch([p])))(f"Context: {found.page_content}")
    assert inner.seen == []
    model.invoke("An ordinary question")
    assert len(inner.seen) == 1


def test_an_erased_user_leaves_no_labels() -> None:
    scrubber = Scrubber()
    view = _store(scrubber).for_user("alice")
    view.add_documents([Document(TEXT)])
    view.similarity_search("x")
    tag = scrubber.vault.tag("alice")
    assert scrubber.labels.knows(tag)
    scrubber.vault.forget("alice")
    assert not scrubber.labels.knows(tag)


def test_stamps_are_no_part_of_the_text_that_is_embedded() -> None:
    seen: list[str] = []

    class Spy(DeterministicFakeEmbedding):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            seen.extend(texts)
            return super().embed_documents(texts)

    store = TenantVectorStore(InMemoryVectorStore(Spy(size=8)), scrubber=Scrubber(), stamp=SECRET)
    store.for_user("alice").add_documents([Document(TEXT)])
    assert seen
    assert not any(key in text for key in STAMP_KEYS for text in seen)
