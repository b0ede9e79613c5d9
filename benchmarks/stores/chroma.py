"""Chroma, embedded and on its own server on loopback."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.stores.base import (
    Embedder,
    Kind,
    Opened,
    first_target,
    langchain_driver,
    llama_index_driver,
)

_NEEDED = {
    "langchain": ("chromadb", "langchain_chroma"),
    "llama_index": ("chromadb", "llama_index.vector_stores.chroma"),
}


def _settings() -> Any:
    import chromadb

    return chromadb.Settings(anonymized_telemetry=False)


@contextmanager
def _embedded(folder: Path) -> Iterator[Any]:
    import chromadb
    from chromadb.api.client import SharedSystemClient

    client: Any = chromadb.PersistentClient(str(folder), settings=_settings())
    try:
        yield client
    finally:
        client._system.stop()
        SharedSystemClient.clear_system_cache()


@contextmanager
def _server(folder: Path) -> Iterator[Any]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).parent / "chroma"), "run", "--path", str(folder)]
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield _connected(port)
    finally:
        process.terminate()
        process.wait(20)


def _connected(port: int) -> Any:
    import chromadb

    for _ in range(150):
        try:
            return chromadb.HttpClient(host="127.0.0.1", port=port, settings=_settings())
        except Exception:  # noqa: BLE001 - whatever it is, the server is not up yet
            time.sleep(0.2)
    raise RuntimeError("Chroma's server did not start")


def _opener(connect: Any, framework: str) -> Any:
    @contextmanager
    def opened(folder: Path) -> Iterator[Opened]:
        embed = Embedder()
        with connect(folder) as client:
            driver: Any
            # The index of a small collection is nearly exact with this; what is compared before
            # and after must not depend on luck.
            collection = client.create_collection(
                "items", configuration={"hnsw": {"space": "l2", "ef_search": 500}}
            )
            if framework == "langchain":
                from langchain_chroma import Chroma

                store = Chroma("items", client=client, embedding_function=embed.langchain())
                driver = langchain_driver(store)
            else:
                from llama_index.vector_stores.chroma import ChromaVectorStore

                driver = llama_index_driver(ChromaVectorStore(chroma_collection=collection), embed)
            yield Opened(
                driver,
                first_target(driver),
                embed,
                lambda user: collection.delete(where={"user_id": user}),
                folders=[folder],
            )

    return opened


def _has_server() -> str:
    there = (Path(sys.executable).parent / "chroma").exists()
    return "" if there else "the command chroma is missing"


KINDS = [
    Kind(
        "chroma",
        "Chroma, embedded",
        "LangChain",
        "Chroma",
        _NEEDED["langchain"],
        _opener(_embedded, "langchain"),
        timed=True,
    ),
    Kind(
        "chroma",
        "Chroma, embedded",
        "LlamaIndex",
        "ChromaVectorStore",
        _NEEDED["llama_index"],
        _opener(_embedded, "llama_index"),
    ),
    Kind(
        "chroma-server",
        "Chroma, server",
        "LangChain",
        "Chroma",
        _NEEDED["langchain"],
        _opener(_server, "langchain"),
        timed=True,
        missing=_has_server,
    ),
    Kind(
        "chroma-server",
        "Chroma, server",
        "LlamaIndex",
        "ChromaVectorStore",
        _NEEDED["llama_index"],
        _opener(_server, "llama_index"),
        missing=_has_server,
    ),
]
