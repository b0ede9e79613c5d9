"""Qdrant in a local folder, dense and sparse vectors."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.stores.base import (
    DIMENSIONS,
    Embedder,
    Kind,
    Opened,
    first_target,
    langchain_driver,
    llama_index_driver,
)


@contextmanager
def _client(folder: Path) -> Iterator[Any]:
    from qdrant_client import QdrantClient

    client = QdrantClient(path=str(folder))
    try:
        yield client
    finally:
        client.close()


def _unsynced(client: Any) -> None:
    """Leave it to the system when to write to the disk: local Qdrant does so at every point."""
    client._client._get_collection("items").storage.storage.execute("PRAGMA synchronous=OFF")


def _bare(client: Any, key: str) -> Any:
    from qdrant_client import models

    def bare(user: str) -> None:
        match = models.MatchValue(value=user)
        mine = models.Filter(must=[models.FieldCondition(key=key, match=match)])
        client.delete("items", models.FilterSelector(filter=mine), wait=True)

    return bare


def _sparse(texts: list[str]) -> tuple[list[list[int]], list[list[float]]]:
    """Words, counted."""
    counted = [Counter(zlib.crc32(w.encode()) % 100_000 for w in t.split()) for t in texts]
    return [list(c) for c in counted], [[float(n) for n in c.values()] for c in counted]


@contextmanager
def _langchain(folder: Path) -> Iterator[Opened]:
    from langchain_qdrant import QdrantVectorStore
    from qdrant_client import models

    embed = Embedder()
    with _client(folder) as client:
        params = models.VectorParams(size=DIMENSIONS, distance=models.Distance.COSINE)
        client.create_collection("items", vectors_config=params)
        _unsynced(client)
        store = QdrantVectorStore(client, "items", embedding=embed.langchain())
        driver = langchain_driver(store)
        bare = _bare(client, "metadata.user_id")
        yield Opened(driver, first_target(driver), embed, bare, folders=[folder])


@contextmanager
def _langchain_hybrid(folder: Path) -> Iterator[Opened]:
    from langchain_qdrant import QdrantVectorStore, RetrievalMode
    from langchain_qdrant.sparse_embeddings import SparseEmbeddings, SparseVector
    from qdrant_client import models

    class Words(SparseEmbeddings):
        def embed_documents(self, texts: list[str]) -> list[SparseVector]:
            pairs = zip(*_sparse(texts), strict=True)
            return [SparseVector(indices=i, values=v) for i, v in pairs]

        def embed_query(self, text: str) -> SparseVector:
            return self.embed_documents([text])[0]

    embed = Embedder()
    with _client(folder) as client:
        client.create_collection(
            "items",
            vectors_config=models.VectorParams(size=DIMENSIONS, distance=models.Distance.COSINE),
            sparse_vectors_config={"langchain-sparse": models.SparseVectorParams()},
        )
        _unsynced(client)
        store = QdrantVectorStore(
            client,
            "items",
            embedding=embed.langchain(),
            retrieval_mode=RetrievalMode.HYBRID,
            sparse_embedding=Words(),
        )
        driver = langchain_driver(store)
        bare = _bare(client, "metadata.user_id")
        yield Opened(driver, first_target(driver), embed, bare, folders=[folder])


@contextmanager
def _llama_index(folder: Path) -> Iterator[Opened]:
    from llama_index.vector_stores.qdrant import QdrantVectorStore

    embed = Embedder()
    with _client(folder) as client:
        store = QdrantVectorStore(
            "items",
            client=client,
            enable_hybrid=True,
            sparse_doc_fn=_sparse,
            sparse_query_fn=_sparse,
        )
        from llama_index_piirag.testing import mode_paths

        more = mode_paths(embed.llama_index(), "sparse", "hybrid", complete=False)
        driver = llama_index_driver(store, embed, more=more)
        bare = _bare(client, "user_id")
        yield Opened(driver, first_target(driver), embed, bare, folders=[folder])


_NEEDED = ("qdrant_client", "langchain_qdrant")
KINDS = [
    Kind(
        "qdrant",
        "Qdrant, local",
        "LangChain",
        "QdrantVectorStore",
        _NEEDED,
        _langchain,
        timed=True,
    ),
    Kind(
        "qdrant",
        "Qdrant, local",
        "LangChain",
        "QdrantVectorStore, hybrid",
        _NEEDED,
        _langchain_hybrid,
    ),
    Kind(
        "qdrant",
        "Qdrant, local",
        "LlamaIndex",
        "QdrantVectorStore, hybrid",
        ("qdrant_client", "llama_index.vector_stores.qdrant"),
        _llama_index,
    ),
]
