"""Records of what is written to a tenant's store, under both frameworks."""

from __future__ import annotations

from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.vectorstores import InMemoryVectorStore

from langchain_piirag import TenantVectorStore
from piirag import Scrubber
from piirag.governance.stamps import Stamp
from support.audit_records import audit_log, decisions, records
from support.canary import Canaries

MAIL = "jane.roe@example.com"


def test_a_write_is_recorded_with_its_labels_and_without_its_texts(tmp_path) -> None:
    log = audit_log(tmp_path)
    store = TenantVectorStore(
        InMemoryVectorStore(DeterministicFakeEmbedding(size=8)),
        scrubber=Scrubber(),
        stamp=Stamp("nightly", label=lambda m: m["label"], source="crm"),
        audit=log,
    )
    store.for_user("alice").add_documents(
        [
            Document(f"A letter from {MAIL}", metadata={"label": "confidential"}),
            Document("A leaflet", metadata={"label": "public"}),
        ],
        ids=[MAIL, "leaflet"],
    )
    [record] = records(log, "ingestion")
    assert record["user"] == log.user_tag("alice")
    assert record["label"] == "confidential"
    assert [chunk["label"] for chunk in record["chunks"]] == ["confidential", "public"]
    assert {chunk["source"] for chunk in record["chunks"]} == {"crm"}
    assert record["chunks"][1]["id"] == "leaflet"
    assert decisions(record) == [("redacted", "documents", {"DOCUMENTS": 2, "CHANGED": 1})]
    assert record["duration_s"] > 0
    assert Canaries([MAIL]).scan_files(log.path.parent) == []


def test_of_many_chunks_the_first_are_named_and_all_are_counted(tmp_path) -> None:
    log = audit_log(tmp_path)
    inner = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
    view = TenantVectorStore(inner, scrubber=Scrubber(), audit=log).for_user("alice")
    view.add_texts([f"leaflet {number}" for number in range(120)])
    [record] = records(log, "ingestion")
    assert len(record["chunks"]) == 100
    assert decisions(record) == [("let_through", "documents", {"DOCUMENTS": 120, "CHANGED": 0})]
