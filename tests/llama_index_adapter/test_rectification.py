"""Rectification: a corrected document, ingested again, takes the place of what was wrong."""

from __future__ import annotations

from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import Document
from llama_index.core.storage.docstore import SimpleDocumentStore

from llama_index_piirag import PIIIngestionPipeline, TenantVectorStore
from piirag import Scrubber
from support.llama_fakes import HashedEmbedding

WRONG, RIGHT = "wrong.person@example.com", "right.person@example.com"
LONG = " ".join([f"The mail address is {WRONG}.", *(f"Order {n} is late." for n in range(40))])


def test_the_corrected_document_replaces_the_old_chunks(
    scrubber: Scrubber, store: TenantVectorStore
) -> None:
    docstore = SimpleDocumentStore()

    def ingest(user: str, *documents: Document) -> int:
        pipeline = PIIIngestionPipeline(
            scrubber,
            user_id=user,
            transformations=[SentenceSplitter(chunk_size=60, chunk_overlap=0), HashedEmbedding()],
            vector_store=store,
            docstore=docstore,
        )
        return len(pipeline.run(documents=list(documents)))

    def held(user: str) -> list[str]:
        nodes = store.for_user(user).get_nodes()
        return sorted(scrubber.reveal(node.get_content(), user_id=user) for node in nodes)

    for user in ("u1", "u2"):
        made = ingest(user, Document(id_="letter", text=LONG), Document(id_="b", text="A second."))
        assert made > 3
    assert any(WRONG in text for text in held("u1"))
    before = held("u2")

    assert ingest("u1", Document(id_="letter", text=f"The mail address is {RIGHT}.")) == 1
    assert held("u1") == ["A second.", f"The mail address is {RIGHT}."]
    assert held("u2") == before
    kept = docstore.get_document("u1:letter").get_content()
    assert RIGHT in scrubber.reveal(kept, user_id="u1")
