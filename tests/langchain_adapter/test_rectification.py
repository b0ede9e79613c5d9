"""Rectification: a corrected document, ingested again, takes the place of what was wrong."""

from __future__ import annotations

from pathlib import Path

from langchain_core.documents import Document
from langchain_core.indexing import InMemoryRecordManager, index
from langchain_text_splitters import CharacterTextSplitter

from langchain_piirag import PIIDocumentScrubber, PIITextSplitter
from support.langchain_fakes import tenant_store

WRONG, RIGHT = "wrong.person@example.com", "right.person@example.com"
LONG = "\n\n".join([f"The mail address is {WRONG}.", "The order is late.", "It is blue."])


def test_the_corrected_document_replaces_the_old_chunks(tmp_path: Path) -> None:
    tenants = tenant_store(tmp_path)
    scrubber = tenants._scrubber
    managers = {user: InMemoryRecordManager(user) for user in ("alice", "bob")}

    def ingest(user: str, *documents: Document) -> dict[str, int]:
        splitter = PIITextSplitter(
            CharacterTextSplitter(separator="\n\n", chunk_size=60, chunk_overlap=0)
        )
        clean = PIIDocumentScrubber(scrubber, user_id=user).transform_documents(documents)
        return index(
            splitter.split_documents(clean),
            managers[user],
            tenants.for_user(user),
            cleanup="incremental",
            source_id_key="source",
            key_encoder="sha256",
        )

    def held(user: str) -> list[str]:
        found = tenants.for_user(user).similarity_search("mail address order blue", k=20)
        return sorted(scrubber.reveal(d.page_content, user_id=user) for d in found)

    letter, other = {"source": "letter"}, {"source": "other"}
    for user in managers:
        ingest(user, Document(LONG, metadata=letter), Document("A second one.", metadata=other))
    assert any(WRONG in text for text in held("alice"))
    before = held("bob")

    done = ingest("alice", Document(f"The mail address is {RIGHT}.", metadata=letter))
    assert done["num_added"] == 1
    assert done["num_deleted"] >= 2
    assert held("alice") == ["A second one.", f"The mail address is {RIGHT}."]
    assert held("bob") == before
