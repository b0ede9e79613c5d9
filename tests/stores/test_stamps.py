"""Stamps come back from every kind of store as they went in, their seal fitting."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import VectorStoreQuery

from langchain_piirag import TenantVectorStore as LangChainTenants
from lexical_langchain import LexicalEmbeddings
from llama_index_piirag import TenantVectorStore as LlamaIndexTenants
from piirag import Scrubber
from piirag.governance.stamps import Stamp, stamps_of
from support.llama_fakes import HashedEmbedding
from support.pgvector_stores import PACKAGES, pg_vector_store, pgvector
from support.postgres import url_of_server
from support.sqlite_vec_db import connect

TEXT = "The contract with the other company is to be signed in May."
STAMP = Stamp("nightly", label="confidential", source="crm")
_DIMENSION = len(LexicalEmbeddings().embed_query("x"))


def _chroma(folder: Path) -> Any:
    import chromadb
    from langchain_chroma import Chroma

    settings = chromadb.Settings(anonymized_telemetry=False)
    client = chromadb.PersistentClient(str(folder), settings=settings)
    return Chroma("items", client=client, embedding_function=LexicalEmbeddings())


def _qdrant(folder: Path) -> Any:
    from langchain_qdrant import QdrantVectorStore
    from qdrant_client import QdrantClient, models

    client = QdrantClient(path=str(folder))
    params = models.VectorParams(size=_DIMENSION, distance=models.Distance.COSINE)
    client.create_collection("items", vectors_config=params)
    return QdrantVectorStore(client, "items", embedding=LexicalEmbeddings())


def _lancedb(folder: Path) -> Any:
    import lancedb
    from langchain_community.vectorstores import LanceDB

    connection = lancedb.connect(str(folder))
    return LanceDB(connection, LexicalEmbeddings(), table_name="items")


def _faiss(folder: Path) -> Any:
    import faiss
    from langchain_community.docstore.in_memory import InMemoryDocstore
    from langchain_community.vectorstores import FAISS

    return FAISS(LexicalEmbeddings(), faiss.IndexFlatL2(_DIMENSION), InMemoryDocstore(), {})


def _sqlite_vec(folder: Path) -> Any:
    from langchain_community.vectorstores import SQLiteVec

    return SQLiteVec("docs", connect(folder / "vec.db"), LexicalEmbeddings())


def _milvus(folder: Path) -> Any:
    from langchain_milvus import Milvus

    return Milvus(
        LexicalEmbeddings(),
        collection_name="items",
        connection_args={"uri": str(folder / "milvus.db")},
        index_params={"index_type": "FLAT", "metric_type": "COSINE"},
        enable_dynamic_field=True,
    )


LANGCHAIN: dict[str, Callable[[Path], Any]] = {
    "chroma": _chroma,
    "qdrant": _qdrant,
    "lancedb": _lancedb,
    "faiss": _faiss,
    "sqlite_vec": _sqlite_vec,
    "milvus": _milvus,
    "pgvector": lambda _: pgvector(url_of_server(*PACKAGES)),
    "pg_vector_store": lambda _: pg_vector_store(url_of_server(*PACKAGES)),
}


def _checked(metadata: Any) -> None:
    told = stamps_of(metadata)
    assert told.pop("ingested_at") > 0
    assert told == {"source": "crm", "writer": "nightly", "label": "confidential"}


@pytest.mark.parametrize("kind", LANGCHAIN)
def test_under_langchain(kind: str, tmp_path: Path) -> None:
    scrubber = Scrubber()
    store = LangChainTenants(LANGCHAIN[kind](tmp_path), scrubber=scrubber, stamp=STAMP)
    view = store.for_user("alice")
    view.add_documents([Document(TEXT, metadata={"n": 1})])
    [found] = view.similarity_search("contract", k=1)
    _checked(found.metadata)
    assert found.page_content == TEXT


def _llama_chroma(folder: Path) -> Any:
    import chromadb
    from llama_index.vector_stores.chroma import ChromaVectorStore

    settings = chromadb.Settings(anonymized_telemetry=False)
    client = chromadb.PersistentClient(str(folder), settings=settings)
    return ChromaVectorStore(chroma_collection=client.get_or_create_collection("items"))


def _llama_lancedb(folder: Path) -> Any:
    from llama_index.vector_stores.lancedb import LanceDBVectorStore

    return LanceDBVectorStore(str(folder), "items")


def _llama_qdrant(folder: Path) -> Any:
    from llama_index.vector_stores.qdrant import QdrantVectorStore
    from qdrant_client import QdrantClient

    return QdrantVectorStore("items", client=QdrantClient(path=str(folder)))


LLAMA_INDEX = {"chroma": _llama_chroma, "lancedb": _llama_lancedb, "qdrant": _llama_qdrant}


@pytest.mark.parametrize("kind", LLAMA_INDEX)
def test_under_llama_index(kind: str, tmp_path: Path) -> None:
    embedding = HashedEmbedding()
    store = LlamaIndexTenants(LLAMA_INDEX[kind](tmp_path), scrubber=Scrubber(), stamp=STAMP)
    view = store.for_user("alice")
    vector = embedding.get_text_embedding(TEXT)
    view.add([TextNode(text=TEXT, metadata={"n": 1}, embedding=vector)])
    result = view.query(VectorStoreQuery(query_embedding=vector, similarity_top_k=1))
    assert result.nodes is not None
    [found] = result.nodes
    _checked(found.metadata)
