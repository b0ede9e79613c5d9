"""Ingestion: nothing raw in docstore, cache, vector store, traces or files."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.node_parser import (
    HierarchicalNodeParser,
    SentenceSplitter,
    SentenceWindowNodeParser,
)
from llama_index.core.schema import BaseNode, Document, TextNode, TransformComponent
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.vector_stores.chroma import ChromaVectorStore

from llama_index_piirag import PIIIngestionPipeline, PIINodeScrubber, TenantVectorStore
from piirag import Scrubber
from piirag.errors import ConfigurationError, TenancyError, UserErasedError
from support.canary import Canaries, capture_logs
from support.llama_fakes import HashedEmbedding, traced

from .conftest import KNOWN_FROM, PLANTED


def make(
    scrubber: Scrubber, store: Any = None, docstore: Any = None, user_id: str = "u1", **kwargs: Any
) -> PIIIngestionPipeline:
    kwargs.setdefault(
        "transformations", [SentenceSplitter(chunk_size=60, chunk_overlap=0), HashedEmbedding()]
    )
    return PIIIngestionPipeline(
        scrubber,
        user_id=user_id,
        known_from=KNOWN_FROM,
        vector_store=store,
        docstore=docstore,
        **kwargs,
    )


@pytest.mark.parametrize("parser", ["sentences", "windows", "hierarchy"])
def test_L8_L9_L10_no_planted_value_in_any_file(
    parser: str,
    scrubber: Scrubber,
    store: TenantVectorStore,
    documents: list[Document],
    canaries: Canaries,
    tmp_path: Path,
    chroma_path: Path,
) -> None:
    splitter: TransformComponent = {
        "sentences": SentenceSplitter(chunk_size=60, chunk_overlap=0),
        "windows": SentenceWindowNodeParser.from_defaults(window_size=2),
        "hierarchy": HierarchicalNodeParser.from_defaults(chunk_sizes=[256, 60], chunk_overlap=0),
    }[parser]
    embedding = HashedEmbedding()
    pipeline = make(scrubber, store, SimpleDocumentStore(), transformations=[splitter, embedding])
    with capture_logs() as logs, traced() as trace:
        nodes = pipeline.run(documents=documents)
    pipeline.persist(str(tmp_path / "pipeline"))
    assert (tmp_path / "pipeline" / "docstore.json").stat().st_size > 500
    assert (tmp_path / "pipeline" / "llama_cache").stat().st_size > 500
    if parser == "windows":
        assert all("window" in node.metadata for node in nodes)
    assert "kettle" in (tmp_path / "pipeline" / "llama_cache").read_text()

    assert canaries.scan_files(tmp_path) == []
    assert any(path.name == "chroma.sqlite3" for path in chroma_path.iterdir())
    assert canaries.scan_text("\n".join(embedding.seen)) == []
    assert canaries.scan_object([node.to_dict() for node in nodes]) == []
    assert canaries.scan_object(trace.kept) == []
    assert canaries.scan_records(logs.records) == []


def test_L8_the_scan_would_find_what_a_plain_pipeline_keeps(
    scrubber: Scrubber, documents: list[Document], canaries: Canaries, tmp_path: Path
) -> None:
    pipeline = IngestionPipeline(
        transformations=[
            PIINodeScrubber(scrubber, user_id="u1", known_from=KNOWN_FROM),
            SentenceSplitter(),
        ],
        docstore=SimpleDocumentStore(),
        docstore_strategy=DocstoreStrategy.DUPLICATES_ONLY,
    )
    pipeline.run(documents=documents)
    pipeline.persist(str(tmp_path / "plain"))
    hits = canaries.scan_files(tmp_path / "plain")
    assert {hit.index for hit in hits} >= {0, 2, 3, 4, 6, 7}
    assert {hit.place for hit in hits} == {"docstore.json"}


async def test_L8_async_runs_store_nothing_raw(
    scrubber: Scrubber,
    store: TenantVectorStore,
    documents: list[Document],
    canaries: Canaries,
    tmp_path: Path,
) -> None:
    pipeline = make(scrubber, store, SimpleDocumentStore())
    with traced() as trace:
        nodes = await pipeline.arun(documents=documents)
    pipeline.persist(str(tmp_path / "pipeline"))
    assert canaries.scan_files(tmp_path) == []
    assert canaries.scan_object(trace.kept) == []
    assert len(store.for_user("u1").get_nodes()) == len(nodes) > 2


def test_L8_documents_of_the_constructor_and_of_readers(
    scrubber: Scrubber, documents: list[Document], canaries: Canaries
) -> None:
    docstore = SimpleDocumentStore()
    pipeline = make(
        scrubber,
        None,
        docstore,
        documents=documents[:1],
        docstore_strategy=DocstoreStrategy.DUPLICATES_ONLY,
    )
    assert canaries.scan_object([d.to_dict() for d in pipeline.documents or []]) == []
    pipeline.run()
    assert list(docstore.docs) and canaries.scan_object(docstore.to_dict()) == []
    # Assigned later, behind the constructor's back.
    pipeline.documents = documents
    pipeline.run()
    assert len(docstore.docs) == 2
    assert canaries.scan_object(docstore.to_dict()) == []


def test_unchanged_documents_are_skipped_and_changed_ones_replaced(
    scrubber: Scrubber, store: TenantVectorStore, documents: list[Document]
) -> None:
    docstore = SimpleDocumentStore()
    pipeline = make(scrubber, store, docstore)
    first = pipeline.run(documents=copy.deepcopy(documents))
    assert len(first) > 2
    assert pipeline.run(documents=copy.deepcopy(documents)) == []
    changed = copy.deepcopy(documents)
    changed[1].set_content("Barnabus Trelawny wants a samovar.")
    again = pipeline.run(documents=changed)
    assert {node.ref_doc_id for node in again} == {"u1:note-2"}
    view = store.for_user("u1")
    texts = [n.get_content() for n in view.get_nodes() if n.ref_doc_id == "note-2"]
    assert len(texts) == 1 and "samovar" in texts[0]


def test_the_cache_is_hit_on_a_second_run(scrubber: Scrubber, documents: list[Document]) -> None:
    embedding = HashedEmbedding()
    pipeline = make(scrubber, transformations=[SentenceSplitter(), embedding])
    first = pipeline.run(documents=copy.deepcopy(documents))
    asked = len(embedding.seen)
    assert asked
    second = pipeline.run(documents=copy.deepcopy(documents))
    assert len(embedding.seen) == asked
    assert [n.node_id for n in first] == [n.node_id for n in second]


def test_L12_T2_users_share_a_cache_and_a_docstore_without_meeting(
    scrubber: Scrubber, store: TenantVectorStore
) -> None:
    docstore = SimpleDocumentStore()
    harmless = Document(id_="doc", text="The kettle is blue.")
    first = make(scrubber, store, docstore)
    second = make(scrubber, store, docstore, user_id="u2", cache=first.cache)
    assert len(first.run(documents=[harmless])) == 1
    found = second.run(documents=[harmless])
    assert [node.node_id.split(":")[0] for node in found] == ["u2"]
    assert set(docstore.docs) == {"u1:doc", "u2:doc"}
    for user in ("u1", "u2"):
        nodes = store.for_user(user).get_nodes()
        assert [(node.ref_doc_id, node.metadata) for node in nodes] == [("doc", {})]


def test_what_a_step_brings_in_is_scrubbed_before_it_is_cached(
    scrubber: Scrubber, documents: list[Document], canaries: Canaries, tmp_path: Path
) -> None:
    class Extractor(TransformComponent):
        def __call__(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[BaseNode]:
            for node in nodes:
                node.metadata["title"] = f"On {PLANTED[0]}"
            return list(nodes)

    pipeline = make(scrubber, transformations=[SentenceSplitter(), Extractor()])
    nodes = pipeline.run(documents=documents)
    pipeline.persist(str(tmp_path / "pipeline"))
    assert all(node.metadata["title"].startswith("On [PERSON ") for node in nodes)
    assert canaries.scan_files(tmp_path / "pipeline") == []


def test_a_plain_vector_store_gets_tagged_nodes(
    scrubber: Scrubber, collection: Any, store: TenantVectorStore, documents: list[Document]
) -> None:
    make(scrubber, ChromaVectorStore(chroma_collection=collection)).run(documents=documents)
    written = collection.get()
    assert all(id.startswith("u1:") for id in written["ids"])
    assert {metadata["user_id"] for metadata in written["metadatas"]} == {"u1"}
    nodes = store.for_user("u1").get_nodes()
    assert len(nodes) == len(written["ids"])
    assert "note-2" in {node.ref_doc_id for node in nodes}
    assert store.for_user("u2").get_nodes() == []


def test_T2_a_strategy_that_deletes_other_users_documents_is_refused(
    scrubber: Scrubber, store: TenantVectorStore
) -> None:
    with pytest.raises(TenancyError):
        make(
            scrubber,
            store,
            SimpleDocumentStore(),
            docstore_strategy=DocstoreStrategy.UPSERTS_AND_DELETE,
        )
    pipeline = make(scrubber, store, SimpleDocumentStore())
    pipeline.docstore_strategy = DocstoreStrategy.UPSERTS_AND_DELETE
    with pytest.raises(TenancyError):
        pipeline.run(documents=[])


def test_T2_another_users_store_is_refused(scrubber: Scrubber, store: TenantVectorStore) -> None:
    with pytest.raises(TenancyError):
        make(scrubber, store.for_user("u2"))
    make(scrubber, store.for_user("u1"))


def test_worker_processes_are_refused(scrubber: Scrubber) -> None:
    with pytest.raises(ConfigurationError):
        make(scrubber).run(documents=[], num_workers=2)


def test_E6_an_erased_user_cannot_be_ingested(
    scrubber: Scrubber, store: TenantVectorStore, collection: Any, documents: list[Document]
) -> None:
    pipeline = make(scrubber, store, SimpleDocumentStore())
    scrubber.vault.tombstone("u1")
    with pytest.raises(UserErasedError):
        pipeline.run(documents=documents)
    assert collection.count() == 0


def test_a_value_cut_by_a_splitter_was_replaced_before(
    scrubber: Scrubber, canaries: Canaries
) -> None:
    class Cutter(TransformComponent):
        def __call__(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[BaseNode]:
            text = nodes[0].get_content()
            half = text.index("@") if "@" in text else len(text) // 2
            return [TextNode(text=text[:half]), TextNode(text=text[half:])]

    nodes = make(scrubber, transformations=[Cutter()]).run(
        documents=[Document(text=f"Write to {PLANTED[2]} today")]
    )
    joined = "".join(node.get_content() for node in nodes)
    assert "@" not in joined and "brightmail" not in joined
    assert joined.endswith(" today")
