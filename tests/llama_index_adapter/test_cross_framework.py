"""One Chroma on disk, two frameworks: what one wrote, the other reads and erases."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_chroma import Chroma
from langchain_core.documents import Document as LangChainDocument
from langchain_core.embeddings import Embeddings
from llama_index.core.schema import Document

from langchain_piirag import TenantVectorStore as LangChainStore
from llama_index_piirag import TenantIndex, delete_user
from piirag import Scrubber
from support.canary import Canaries
from support.llama_fakes import FakeLLM, HashedEmbedding

from .conftest import KNOWN_FROM, PLANTED

NAME, _, MAIL, PHONE = PLANTED[:4]


class SameEmbeddings(Embeddings):
    """The LlamaIndex embedding of the other side."""

    def __init__(self, embedding: HashedEmbedding) -> None:
        self._embedding = embedding

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self._embedding._get_text_embedding(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self._embedding._get_text_embedding(text)


@pytest.fixture
def langchain(
    client: Any, collection: Any, scrubber: Scrubber, embedding: HashedEmbedding
) -> LangChainStore:
    chroma = Chroma(
        client=client,
        collection_name=collection.name,
        embedding_function=SameEmbeddings(embedding),
    )
    return LangChainStore(chroma, scrubber=scrubber, known_from=KNOWN_FROM)


def test_what_langchain_wrote_is_read_and_answered_from(
    langchain: LangChainStore, index: TenantIndex, canaries: Canaries
) -> None:
    (id,) = langchain.for_user("u1").add_documents(
        [
            LangChainDocument(
                page_content=f"{NAME} has the phone {PHONE}.",
                metadata={"customer": NAME, "stars": 3},
                id="lc-1",
            )
        ]
    )
    view = index.for_user("u1")
    (found,) = view.as_retriever().retrieve(f"phone of {NAME}?")
    assert (found.node.node_id, found.node.ref_doc_id) == (id, None) == ("lc-1", None)
    assert found.node.metadata["stars"] == 3
    assert set(found.node.metadata) == {"customer", "stars"}
    assert canaries.scan_object(found.node.to_dict()) == []
    assert PHONE in str(view.as_query_engine(llm=FakeLLM()).query(f"phone of {NAME}?"))
    assert index.for_user("u2").as_retriever().retrieve(f"phone of {NAME}?") == []
    assert view.delete_nodes(["lc-1"]) == 1
    assert langchain.for_user("u1").get_by_ids(["lc-1"]) == []


def test_what_llama_index_wrote_is_read(
    langchain: LangChainStore, index: TenantIndex, canaries: Canaries
) -> None:
    index.for_user("u1").insert(
        Document(
            id_="li-1",
            text=f"{NAME} has the phone {PHONE}.",
            metadata={"customer": NAME, "stars": 3},
        )
    )
    (found,) = langchain.for_user("u1").similarity_search(f"phone of {NAME}?")
    assert set(found.metadata) == {"customer", "stars"}
    assert canaries.scan_object(found.model_dump()) == []
    (node,) = index.for_user("u1").vector_store.get_nodes()
    assert found.id == node.node_id
    assert found.page_content == node.get_content()
    assert langchain.for_user("u2").similarity_search(f"phone of {NAME}?") == []
    langchain.for_user("u1").delete([found.id])
    assert index.for_user("u1").vector_store.get_nodes() == []


@pytest.mark.parametrize("by", ["langchain", "llama_index"])
def test_E1_either_erases_what_both_wrote(
    langchain: LangChainStore, index: TenantIndex, collection: Any, by: str
) -> None:
    for user in ("u1", "u2"):
        langchain.for_user(user).add_documents([LangChainDocument(page_content=f"{MAIL} a")])
        index.for_user(user).insert(Document(text=f"{MAIL} b"))
    target = langchain if by == "langchain" else index
    receipt = delete_user("u1", targets=[target])
    assert receipt.complete
    assert receipt.targets[0].deleted == 2
    assert {metadata["user_id"] for metadata in collection.get()["metadatas"]} == {"u2"}
    assert len(index.for_user("u2").vector_store.get_nodes()) == 2
