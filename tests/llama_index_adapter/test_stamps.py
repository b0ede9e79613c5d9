"""Stamps in LlamaIndex: on nodes, through pipelines and their caches, in stores of either kind."""

from __future__ import annotations

import time
from typing import Any

import pytest
from llama_index.core.ingestion import IngestionCache
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import Document, MetadataMode, TextNode
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.vector_stores import SimpleVectorStore

from llama_index_piirag import (
    PIIIngestionPipeline,
    PIINodePostprocessor,
    PIINodeScrubber,
    RedactedLLM,
    TenantIndex,
    TenantVectorStore,
)
from piirag import Scrubber
from piirag.errors import ConfigurationError
from piirag.governance.stamps import INGESTED_AT, LABEL, STAMP_KEYS, Stamp, stamps_of
from support.audit_records import audit_log, decisions, records
from support.canary import Canaries
from support.llama_fakes import FakeChatLLM, HashedEmbedding

MAIL = "cosima@nightmail.com"
TEXT = f"The contract with the other company is to be signed in May by {MAIL}."
SECRET = Stamp("importer", label="confidential", source_key="file_path")


def _index(scrubber: Scrubber, embedding: HashedEmbedding | None = None) -> TenantIndex:
    return TenantIndex(
        SimpleVectorStore(),
        scrubber=scrubber,
        embed_model=embedding or HashedEmbedding(),
        stamp=SECRET,
    )


def _document(**metadata: Any) -> Document:
    return Document(text=TEXT, id_="d1", metadata={"file_path": "/home/x/a.txt", **metadata})


def test_retrieved_nodes_bear_the_stamp_of_the_index() -> None:
    user = _index(Scrubber()).for_user("alice")
    user.insert(_document(piirag_label="public", piirag_writer=MAIL))
    [found] = user.as_retriever().retrieve("contract")
    told = stamps_of(found.node.metadata)
    assert told["source"].startswith("src-")
    assert told["ingested_at"] <= time.time()
    assert (told["writer"], told["label"]) == ("importer", "confidential")
    assert MAIL not in repr(found.node)


def test_stamps_are_neither_embedded_nor_shown_to_a_model() -> None:
    embedding = HashedEmbedding()
    user = _index(Scrubber(), embedding).for_user("alice")
    user.insert(_document())
    [found] = user.as_retriever().retrieve("contract")
    texts = [*embedding.seen, found.node.get_content(MetadataMode.LLM)]
    texts.append(found.node.get_content(MetadataMode.EMBED))
    assert len(texts) > 3
    assert "file_path" in texts[0], "other metadata are embedded"
    assert not any(key in text for key in STAMP_KEYS for text in texts)


def test_a_scrubbed_node_is_the_same_every_time() -> None:
    scrubber = Scrubber()
    scrub = PIINodeScrubber(scrubber, user_id="alice", stamp=SECRET)
    [one], [two] = scrub([_document()]), scrub([_document()])
    assert (one.hash, one.id_, one.metadata) == (two.hash, two.id_, two.metadata)
    [again] = scrub([one])
    assert (again.hash, again.metadata) == (one.hash, one.metadata)
    assert INGESTED_AT not in one.metadata
    assert one.metadata[LABEL] == "confidential"


@pytest.mark.parametrize("own_store", [False, True])
def test_a_pipeline_skips_what_is_unchanged_and_its_cache_keeps_labels(own_store: bool) -> None:
    scrubber = Scrubber()
    embedding = HashedEmbedding()
    store: Any = SimpleVectorStore()
    if own_store:
        store = TenantVectorStore(store, scrubber=scrubber, stamp=SECRET)
    pipeline = PIIIngestionPipeline(
        scrubber,
        user_id="alice",
        stamp=SECRET,
        transformations=[SentenceSplitter(chunk_size=64, chunk_overlap=0), embedding],
        docstore=SimpleDocumentStore(),
        cache=IngestionCache(),
        vector_store=store,
    )
    first = pipeline.run(documents=[_document()])
    assert {node.metadata[LABEL] for node in first} == {"confidential"}
    assert pipeline.run(documents=[_document()]) == [], "an unchanged document was taken as new"
    seen = len(embedding.seen)
    # Without a docstore nothing is skipped, and the nodes come from the cache.
    pipeline.docstore = None
    again = pipeline.run(documents=[_document()])
    assert len(embedding.seen) == seen
    assert [node.metadata for node in again] == [node.metadata for node in first]
    if own_store:
        [found] = store.for_user("alice").get_nodes()
        assert stamps_of(found.metadata)["ingested_at"] <= time.time()


def test_a_forged_stamp_is_dropped_wherever_a_node_passes() -> None:
    scrubber = Scrubber()
    forged = {LABEL: "public", "piirag_seal": "a" * 26, "piirag_source": MAIL}
    node = TextNode(text="some text", metadata={"a": 1, **forged})
    [clean] = PIINodeScrubber(scrubber, user_id="alice", tag=False)([node])
    assert clean.metadata == {"a": 1}
    from llama_index.core.schema import NodeWithScore

    post = PIINodePostprocessor(scrubber, user_id="alice")
    [seen] = post.postprocess_nodes([NodeWithScore(node=node, score=0.5)])
    assert seen.node.metadata == {"a": 1}


def test_what_langchain_wrote_is_read_with_its_stamp() -> None:
    from langchain_core.documents import Document as LangChainDocument
    from langchain_core.embeddings import DeterministicFakeEmbedding
    from langchain_core.vectorstores import InMemoryVectorStore

    import langchain_piirag

    # Between the two frameworks, a stamp is metadata under the same seal.
    scrubber = Scrubber()
    inner = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
    theirs = langchain_piirag.TenantVectorStore(inner, scrubber=scrubber, stamp=SECRET)
    view = theirs.for_user("alice")
    view.add_documents([LangChainDocument(TEXT)])
    [found] = view.similarity_search("x")
    node = TextNode(text=found.page_content, metadata=found.metadata)
    [clean] = PIINodeScrubber(scrubber, user_id="alice", tag=False)([node])
    assert clean.metadata == found.metadata
    assert set(STAMP_KEYS) & set(found.metadata) <= set(clean.excluded_llm_metadata_keys)


@pytest.mark.parametrize("way", ["complete", "stream_complete"])
def test_a_reply_bears_the_highest_label_of_the_chunks_in_its_prompt(way: str) -> None:
    scrubber = Scrubber()
    user = _index(scrubber).for_user("alice")
    user.insert(_document())
    [found] = user.as_retriever().retrieve("contract")
    model = RedactedLLM(FakeChatLLM(), scrubber=scrubber, user_id="alice")
    text = f"Context: {found.node.get_content()}\nWhen?"
    reply: Any = getattr(model, way)(text)
    last = reply if way == "complete" else list(reply)[-1]
    assert last.additional_kwargs["piirag"]["label"] == "confidential"
    assert "label" not in model.complete("An ordinary question").additional_kwargs["piirag"]
    theirs = RedactedLLM(FakeChatLLM(), scrubber=scrubber, user_id="bob")
    assert "label" not in theirs.complete(text).additional_kwargs["piirag"]


def test_wrong_set_ups_are_refused() -> None:
    scrubber = Scrubber()
    bad = Stamp("192.0.2.44")
    store = TenantVectorStore(SimpleVectorStore(), scrubber=scrubber)
    with pytest.raises(ConfigurationError):
        PIINodeScrubber(scrubber, user_id="alice", stamp=bad)
    with pytest.raises(ConfigurationError):
        TenantVectorStore(SimpleVectorStore(), scrubber=scrubber, stamp=bad)
    with pytest.raises(ConfigurationError):
        TenantIndex(store, scrubber=scrubber, embed_model=HashedEmbedding(), stamp=SECRET)


def test_a_write_is_recorded_with_its_labels_and_without_its_texts(tmp_path) -> None:
    log = audit_log(tmp_path)
    index = TenantIndex(
        SimpleVectorStore(),
        scrubber=Scrubber(),
        embed_model=HashedEmbedding(),
        stamp=SECRET,
        audit=log,
    )
    index.for_user("alice").insert(_document())
    [record] = records(log, "ingestion")
    assert record["user"] == log.user_tag("alice")
    assert record["label"] == "confidential"
    assert record["chunks"][0]["source"].startswith("src-")
    assert decisions(record) == [("redacted", "documents", {"DOCUMENTS": 1, "CHANGED": 1})]
    assert Canaries([MAIL]).scan_files(log.path.parent) == []
