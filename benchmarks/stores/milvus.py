"""Milvus Lite."""

from __future__ import annotations

import logging
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

_FLAT = {"metric_type": "COSINE", "index_type": "FLAT", "params": {}}


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    """Where Milvus Lite is. It warns at every listing that it has been given no time."""
    from milvus_lite.server_manager import server_manager_instance

    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    uri = str(folder / "milvus.db")
    try:
        yield uri
    finally:
        server_manager_instance.release_server(uri)
        logging.disable(before)


def _bare(store: Any) -> Any:
    return lambda user: store.client.delete(store.collection_name, filter=f'user_id == "{user}"')


@contextmanager
def _langchain(folder: Path) -> Iterator[Opened]:
    from langchain_milvus import Milvus

    embed = Embedder()
    with _server(folder) as uri:
        store = Milvus(
            embed.langchain(),
            collection_name="items",
            connection_args={"uri": uri},
            index_params=_FLAT,
            enable_dynamic_field=True,
        )
        driver = langchain_driver(store)
        yield Opened(driver, first_target(driver), embed, _bare(store), folders=[folder])


@contextmanager
def _llama_index(folder: Path) -> Iterator[Opened]:
    from llama_index.vector_stores.milvus import MilvusVectorStore
    from llama_index.vector_stores.milvus.utils import BM25BuiltInFunction

    embed = Embedder()
    with _server(folder) as uri:
        store = MilvusVectorStore(
            uri=uri,
            collection_name="items",
            dim=DIMENSIONS,
            use_async_client=False,
            enable_sparse=True,
            sparse_embedding_function=BM25BuiltInFunction(),
        )
        from llama_index_piirag.testing import mode_paths

        more = mode_paths(embed.llama_index(), "text_search", "hybrid", complete=False)
        driver = llama_index_driver(store, embed, more=more)
        yield Opened(driver, first_target(driver), embed, _bare(store), folders=[folder])


KINDS = [
    Kind(
        "milvus",
        "Milvus Lite",
        "LangChain",
        "Milvus",
        ("pymilvus", "milvus_lite", "langchain_milvus"),
        _langchain,
        timed=True,
    ),
    Kind(
        "milvus",
        "Milvus Lite",
        "LlamaIndex",
        "MilvusVectorStore, hybrid",
        ("pymilvus", "milvus_lite", "llama_index.vector_stores.milvus"),
        _llama_index,
    ),
]
