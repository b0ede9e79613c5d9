"""Erasing a user from vector store, docstore and vault."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import Document, NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.vector_stores.chroma import ChromaVectorStore

from llama_index_piirag import (
    DocstoreTarget,
    PIIIngestionPipeline,
    PIINodeScrubber,
    TenantIndex,
    TenantVectorStore,
    delete_user,
)
from piirag import Scrubber
from piirag.erasure import as_targets
from piirag.errors import ConfigurationError, InvalidUserIdError, UserErasedError
from piirag.tenancy import TenantTags
from support.canary import Canaries
from support.llama_fakes import HashedEmbedding

from .conftest import KNOWN_FROM


def ingest(
    scrubber: Scrubber,
    store: TenantVectorStore,
    docstore: SimpleDocumentStore,
    documents: list[Document],
    *users: str,
) -> None:
    for user in users:
        PIIIngestionPipeline(
            scrubber,
            user_id=user,
            known_from=KNOWN_FROM,
            vector_store=store,
            docstore=docstore,
            transformations=[SentenceSplitter(chunk_size=60, chunk_overlap=0), HashedEmbedding()],
        ).run(documents=documents)


def ids_of(docstore: SimpleDocumentStore, user: str) -> list[str]:
    return [key for part in docstore.to_dict().values() for key in part if key.startswith(user)]


def test_E1_E4_a_user_is_erased_from_all_three(
    scrubber: Scrubber,
    store: TenantVectorStore,
    collection: Any,
    documents: list[Document],
) -> None:
    docstore = SimpleDocumentStore()
    ingest(scrubber, store, docstore, documents, "u1", "u2")
    other = collection.get(where={"user_id": "u2"})
    chunks = len(collection.get(where={"user_id": "u1"})["ids"])
    kept = ids_of(docstore, "u2")

    receipt = delete_user("u1", targets=[store, docstore, scrubber.vault])

    assert receipt.status == "complete"
    by_kind = {target.kind: target for target in receipt.targets}
    assert set(by_kind) == {"chroma", "docstore", "vault"}
    assert by_kind["chroma"].deleted == chunks > 2
    assert by_kind["docstore"].deleted == 2
    assert by_kind["vault"].deleted > 3
    assert all(target.verified_absent for target in receipt.targets)
    # What Chroma leaves in its files is told.
    assert by_kind["chroma"].residue
    assert "in memory" in by_kind["docstore"].note

    assert collection.get(where={"user_id": "u1"})["ids"] == []
    assert ids_of(docstore, "u1") == []
    assert collection.get(where={"user_id": "u2"}) == other
    assert ids_of(docstore, "u2") == kept
    assert len(store.for_user("u2").get_nodes()) == len(other["ids"])
    with pytest.raises(UserErasedError):
        ingest(scrubber, store, docstore, documents, "u1")
    # Run again, it changes nothing.
    again = delete_user("u1", targets=[store, docstore, scrubber.vault])
    assert again.complete and again.deleted == 0


def test_E4_an_index_names_its_targets(
    collection: Any, scrubber: Scrubber, documents: list[Document], tmp_path: Path
) -> None:
    docstore = SimpleDocumentStore()
    path = tmp_path / "docstore.json"
    index = TenantIndex(
        ChromaVectorStore(chroma_collection=collection),
        scrubber=scrubber,
        embed_model=HashedEmbedding(),
        known_from=KNOWN_FROM,
        docstore=docstore,
        docstore_path=str(path),
    )
    for user in ("u1", "u2"):
        index.for_user(user).insert_documents(documents)
    docstore.persist(str(path))
    receipt = delete_user("u1", targets=[index])
    assert [target.kind for target in receipt.targets] == ["chroma", "docstore", "vault"]
    assert receipt.status == "complete"
    assert receipt.targets[1].deleted > 2
    assert ids_of(docstore, "u1") == []
    assert "u1:" not in path.read_text()
    assert "u2:" in path.read_text()
    assert index.for_user("u1").vector_store.get_nodes() == []
    assert len(index.for_user("u2").vector_store.get_nodes()) > 0


def test_E4_a_persisted_docstore_is_written_again(
    scrubber: Scrubber, documents: list[Document], tmp_path: Path
) -> None:
    docstore = SimpleDocumentStore()
    for user in ("u1", "u2"):
        docstore.add_documents(PIINodeScrubber(scrubber, user_id=user)(documents))
    path = tmp_path / "docstore.json"
    docstore.persist(str(path))
    path.chmod(0o600)
    target = DocstoreTarget(docstore, persist_path=path)
    receipt = delete_user("u1", targets=[target, scrubber.vault])
    assert receipt.status == "complete"
    assert receipt.targets[0].note == ""
    loaded = SimpleDocumentStore.from_persist_path(str(path))
    assert ids_of(loaded, "u1") == []
    assert len(loaded.docs) == 2
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir() if "docstore" in p.name] == ["docstore.json"]


def test_E8_a_file_that_still_holds_the_user_counts(
    scrubber: Scrubber, documents: list[Document], tmp_path: Path
) -> None:
    """Deleted in memory, and the process died before the file was written."""
    docstore = SimpleDocumentStore()
    docstore.add_documents(PIINodeScrubber(scrubber, user_id="u1")(documents))
    path = tmp_path / "docstore.json"
    docstore.persist(str(path))
    DocstoreTarget(docstore).delete("u1")
    target = DocstoreTarget(docstore, persist_path=path)
    assert DocstoreTarget(docstore).count("u1") == 0
    assert target.count("u1") == 2
    assert delete_user("u1", targets=[target, scrubber.vault]).status == "complete"
    assert target.count("u1") == 0
    assert "kettle" not in path.read_text()


def test_E8_a_file_that_cannot_be_written_makes_the_receipt_partial(
    scrubber: Scrubber, documents: list[Document], tmp_path: Path
) -> None:
    docstore = SimpleDocumentStore()
    docstore.add_documents(PIINodeScrubber(scrubber, user_id="u1")(documents))
    target = DocstoreTarget(docstore, persist_path=tmp_path / "gone" / "docstore.json")
    receipt = delete_user("u1", targets=[target, scrubber.vault])
    assert receipt.status == "partial"
    assert receipt.targets[0].error == "builtins.FileNotFoundError"


def test_records_without_text_are_deleted_too(
    scrubber: Scrubber, documents: list[Document]
) -> None:
    scrub = PIINodeScrubber(scrubber, user_id="u1")
    docstore = SimpleDocumentStore()
    nodes = SentenceSplitter(chunk_size=60, chunk_overlap=0)(scrub(documents))
    docstore.add_documents(scrub(nodes), store_text=False)
    # Many with one hash: the list of hashes shows one at a time.
    docstore.set_document_hashes({f"u1:same-{n}": "one hash" for n in range(30)})
    docstore.set_document_hash("u10:other", "another hash")
    assert docstore.docs == {}
    target = DocstoreTarget(docstore)
    assert target.count("u1") > 2
    target.delete("u1")
    assert target.count("u1") == 0
    assert ids_of(docstore, "u1:") == []
    assert ids_of(docstore, "u10:") == ["u10:other"]


def test_a_record_that_nothing_belongs_to_is_deleted_too() -> None:
    docstore = SimpleDocumentStore()
    for user in ("u1", "u2"):
        record = {"node_ids": [], "metadata": {}}
        docstore._kvstore.put(f"{user}:doc", record, collection=docstore._ref_doc_collection)
    target = DocstoreTarget(docstore)
    assert target.count("u1") == 1
    target.delete("u1")
    assert list(docstore.get_all_ref_doc_info() or {}) == ["u2:doc"]


def test_other_users_nodes_survive_an_id_that_two_users_share() -> None:
    """Written without piirag: tags in metadata, but one document id for both."""
    docstore = SimpleDocumentStore()
    for user in ("u1", "u2"):
        source = RelatedNodeInfo(node_id="doc")
        node = TextNode(
            id_=f"n-{user}",
            text=user,
            metadata={"user_id": user},
            relationships={NodeRelationship.SOURCE: source},
        )
        docstore.add_documents([node])
    receipt = delete_user("u1", targets=[DocstoreTarget(docstore)])
    # The record of the document was first u1's, and lists u2's node: said, and left alone.
    assert receipt.status == "partial"
    assert receipt.targets[0].error == "piirag.errors.ErasureError"
    assert list(docstore.docs) == ["n-u2"]
    assert delete_user("u2", targets=[DocstoreTarget(docstore)]).complete


@pytest.mark.parametrize("user_id", [None, "", " ", 1, {"$ne": ""}])
def test_E16_no_user_deletes_nothing(
    scrubber: Scrubber,
    store: TenantVectorStore,
    collection: Any,
    documents: list[Document],
    user_id: Any,
) -> None:
    docstore = SimpleDocumentStore()
    ingest(scrubber, store, docstore, documents, "u1")
    before = collection.get(), ids_of(docstore, "")
    with pytest.raises(InvalidUserIdError):
        delete_user(user_id, targets=[store, docstore, scrubber.vault])
    assert (collection.get(), ids_of(docstore, "")) == before


def test_E5_E16_an_unknown_user(
    scrubber: Scrubber, store: TenantVectorStore, collection: Any, documents: list[Document]
) -> None:
    docstore = SimpleDocumentStore()
    ingest(scrubber, store, docstore, documents, "u1")
    before = collection.get(), ids_of(docstore, "")
    receipt = delete_user("u", targets=[store, docstore, scrubber.vault])
    assert receipt.status == "nothing found"
    assert receipt.deleted == 0
    assert (collection.get(), ids_of(docstore, "")) == before
    assert not scrubber.vault.is_erased("u")


def test_every_object_resolves(
    collection: Any, store: TenantVectorStore, index: TenantIndex, scrubber: Scrubber
) -> None:
    wrapper = ChromaVectorStore(chroma_collection=collection)
    kinds = {
        "wrapper": [t.kind for t in as_targets(wrapper)],
        "collection": [t.kind for t in as_targets(collection)],
        "docstore": [t.kind for t in as_targets(SimpleDocumentStore())],
        "store": [t.kind for t in as_targets(store)],
        "index": [t.kind for t in as_targets(index)],
    }
    assert kinds == {
        "wrapper": ["chroma"],
        "collection": ["chroma"],
        "docstore": ["docstore"],
        "store": ["chroma", "vault"],
        "index": ["chroma", "vault"],
    }
    with pytest.raises(ConfigurationError):
        as_targets(object())


def test_keyed_user_ids(collection: Any, scrubber: Scrubber, documents: list[Document]) -> None:
    docstore = SimpleDocumentStore()
    store = TenantVectorStore(
        ChromaVectorStore(chroma_collection=collection), scrubber=scrubber, keyed_user_ids=True
    )
    for user in ("ann@example.com", "bob@example.com"):
        PIIIngestionPipeline(
            scrubber,
            user_id=user,
            keyed_user_ids=True,
            known_from=KNOWN_FROM,
            vector_store=store,
            docstore=docstore,
            transformations=[SentenceSplitter(), HashedEmbedding()],
        ).run(documents=documents)
    stored = json.dumps(docstore.to_dict()) + str(collection.get())
    assert Canaries(["ann@example.com"]).scan_text(stored) == []
    tags = TenantTags(vault=scrubber.vault, keyed=True)
    targets = [store, DocstoreTarget(docstore, tags)]
    receipt = delete_user("ann@example.com", targets=targets)
    assert receipt.complete and receipt.targets[2].deleted == 2
    assert "ann@example.com" not in receipt.to_json()
    assert len(docstore.docs) == 2


def test_a_receipt_holds_no_personal_data(
    scrubber: Scrubber, store: TenantVectorStore, documents: list[Document], canaries: Canaries
) -> None:
    docstore = SimpleDocumentStore()
    ingest(scrubber, store, docstore, documents, "u1")
    receipt = delete_user("u1", targets=[store, docstore])
    assert canaries.scan_text(receipt.to_json()) == []
    assert '"u1"' not in receipt.to_json()


def test_a_chunk_written_by_another_framework_is_erased(
    store: TenantVectorStore, collection: Any, scrubber: Scrubber
) -> None:
    text = scrubber.scrub("a kettle", user_id="u1").text
    collection.add(
        ids=["u1:x"],
        documents=[text],
        metadatas=[{"user_id": "u1", "n": 1}],
        embeddings=[HashedEmbedding()._get_text_embedding(text)],
    )
    assert delete_user("u1", targets=[store]).targets[0].deleted == 1
    assert collection.count() == 0
