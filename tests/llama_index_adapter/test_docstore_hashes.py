"""Hashes of documents in a user's view of a docstore: what de-duplication goes by."""

from __future__ import annotations

import asyncio

import pytest
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import Document, NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.vector_stores.simple import SimpleVectorStore

from llama_index_piirag import TenantIndex, UserIndex, delete_user
from piirag import MemoryVault, Scrubber
from piirag.errors import UserErasedError
from support.llama_fakes import HashedEmbedding

MAIL = "ottoline@brightmail.com"


@pytest.fixture
def docstore() -> SimpleDocumentStore:
    return SimpleDocumentStore()


@pytest.fixture
def shared(docstore: SimpleDocumentStore) -> TenantIndex:
    return TenantIndex(
        SimpleVectorStore(),
        scrubber=Scrubber(vault=MemoryVault()),
        embed_model=HashedEmbedding(),
        docstore=docstore,
    )


def ingested(user: UserIndex, strategy: DocstoreStrategy, text: str) -> int:
    pipeline = IngestionPipeline(
        transformations=[SentenceSplitter(), HashedEmbedding()],
        docstore=user.docstore,
        docstore_strategy=strategy,
        vector_store=None if strategy is DocstoreStrategy.DUPLICATES_ONLY else user.vector_store,
    )
    return len(pipeline.run(documents=[Document(id_="contract", text=text)]))


def test_a_user_who_was_never_seen(shared: TenantIndex) -> None:
    view = shared.for_user("brand_new").docstore
    view.set_document_hash("x", "h")
    assert view.get_document_hash("x") == "h"
    other = shared.for_user("another").docstore
    asyncio.run(other.aset_document_hashes({"x": "h"}))
    assert other.get_all_document_hashes() == {"h": "x"}


def test_an_erased_user_is_refused(shared: TenantIndex, docstore: SimpleDocumentStore) -> None:
    view = shared.for_user("alice").docstore
    view.set_document_hash("x", "h")
    delete_user("alice", targets=[shared])
    with pytest.raises(UserErasedError):
        view.set_document_hash("x", "h")
    assert docstore.get_all_document_hashes() == {}


def test_an_erasure_that_comes_between_leaves_no_hash(
    shared: TenantIndex, docstore: SimpleDocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = shared.for_user("brand_new").docstore
    write = docstore.set_document_hashes

    def raced(hashes: dict[str, str]) -> None:
        delete_user("brand_new", targets=[shared])
        write(hashes)

    monkeypatch.setattr(docstore, "set_document_hashes", raced)
    with pytest.raises(UserErasedError):
        view.set_document_hash("x", "h")
    assert docstore.get_all_document_hashes() == {}


@pytest.mark.parametrize(
    "strategy", [DocstoreStrategy.DUPLICATES_ONLY, DocstoreStrategy.UPSERTS], ids=str
)
def test_a_pipeline_leaves_out_what_was_ingested(
    shared: TenantIndex, strategy: DocstoreStrategy
) -> None:
    alice, bob = shared.for_user("alice"), shared.for_user("bob")
    text = f"Terms for {MAIL} apply."
    assert [ingested(alice, strategy, text) for _ in range(2)] == [1, 0]
    # The same document of another user is another document, before and after.
    assert [ingested(bob, strategy, text) for _ in range(2)] == [1, 0]
    assert [ingested(alice, strategy, text), ingested(alice, strategy, "New terms.")] == [0, 1]
    assert MAIL not in str(shared.for_user("alice").docstore.docs)


def test_one_hash_of_two_users(shared: TenantIndex, docstore: SimpleDocumentStore) -> None:
    alice, bob = shared.for_user("alice").docstore, shared.for_user("bob").docstore
    for view in (alice, bob):
        view.set_document_hash("doc", "H")
    for view in (alice, bob):
        assert view.get_all_document_hashes() == {"H": "doc"}
        assert view.get_document_hash("doc") == "H"
    delete_user("alice", targets=[shared])
    assert bob.get_all_document_hashes() == {"H": "doc"}
    assert list(docstore.get_all_document_hashes().values()) == ["bob:doc"]


def test_what_is_recorded_of_a_node_stays(shared: TenantIndex) -> None:
    view = shared.for_user("alice").docstore
    source = {NodeRelationship.SOURCE: RelatedNodeInfo(node_id="d")}
    view.add_documents([TextNode(id_=n, text=n, relationships=source) for n in ("a", "b")])
    view.delete_document("a")
    record = view.get_ref_doc_info("d")
    assert record is not None and record.node_ids == ["b"]
