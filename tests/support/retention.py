"""Places with messages, sessions, receipts and chunks of known ages, one of each back end."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

DAY = 86_400.0
NOW = 1_700_000_000.0


@contextlib.contextmanager
def redis_client() -> Iterator[Any]:
    """A client of a Redis of our own, without files, which ends with the block."""
    redis = pytest.importorskip("redis")
    if shutil.which("redis-server") is None:
        if os.environ.get("PIIRAG_CI") or os.environ.get("PIIRAG_REQUIRE_SERVICES"):
            pytest.fail("redis-server is missing")
        pytest.skip("redis-server is missing")
    # Not pytest's own: the path of a Unix socket may have 107 characters only.
    folder = Path(tempfile.mkdtemp(prefix="piirag-"))
    socket = folder / "r.sock"
    command = ["redis-server", "--port", "0", "--unixsocket", str(socket), "--save", ""]
    process = subprocess.Popen([*command, "--dir", str(folder), "--logfile", str(folder / "log")])
    client = redis.Redis.from_url(f"unix://{socket}")
    try:
        for _ in range(600):
            try:
                client.ping()
                break
            except (redis.exceptions.RedisError, OSError):
                time.sleep(0.1)
        yield client
    finally:
        client.close()
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def history_store(kind: str, address: Any) -> Any:
    """A store of chat histories, empty.

    Args:
        kind: `memory`, `sqlite`, `postgres`, `redis` or `dynamodb`.
        address: A folder, a URL or a client.
    """
    import langchain_piirag as lc

    if kind == "memory":
        return lc.MemoryHistoryStore()
    if kind == "sqlite":
        return lc.SQLHistoryStore(f"sqlite:///{address}/chats-{uuid.uuid4().hex}.db")
    if kind == "postgres":
        return lc.SQLHistoryStore(address, table=f"t{uuid.uuid4().hex}")
    if kind == "redis":
        return lc.RedisHistoryStore(address, prefix=f"chat:{uuid.uuid4().hex}")
    return lc.DynamoDBHistoryStore(address, table=f"t{uuid.uuid4().hex}", clock=lambda: NOW)


def write_messages(store: Any, ages: list[float]) -> list[float]:
    """Write a message of each age into sessions of several owners, as time went by.

    Returns:
        When each was written.
    """
    from langchain_core.messages import HumanMessage

    from langchain_piirag.history_stores import stamped

    times = sorted(NOW - age for age in ages)
    for number, at in enumerate(times):
        history = store.open(f"owner{number % 3}", f"session{number % 2}")
        history.add_messages([stamped(HumanMessage(repr(at)), at)])
    return times


def left_messages(store: Any) -> list[float]:
    """When the messages that are still there were written."""
    return sorted(
        float(str(message.content))
        for number in range(3)
        for session in store.sessions(f"owner{number}")
        for message in store.open(f"owner{number}", session).messages
    )


def clear_messages(store: Any) -> None:
    """Empty the store for the next example."""
    for number in range(3):
        store.erase(f"owner{number}")


class ChunkPlace:
    """A vector store with chunks that carry times, whoever wrote them.

    Args:
        kind: `in memory`, `chroma`, `qdrant` or `pgvector`.
        address: The URL of a Postgres, for `pgvector`.
    """

    def __init__(self, kind: str, address: str = "") -> None:
        self.kind = kind
        if kind == "in memory":
            from langchain_core.vectorstores import InMemoryVectorStore

            from lexical_langchain import LexicalEmbeddings

            self.store: Any = InMemoryVectorStore(LexicalEmbeddings())
        elif kind == "chroma":
            import chromadb

            client = chromadb.EphemeralClient()
            self.store = client.create_collection(f"c{uuid.uuid4().hex}", embedding_function=None)
        elif kind == "qdrant":
            from qdrant_client import QdrantClient, models

            from lexical_langchain import LexicalEmbeddings

            vectors = models.VectorParams(
                size=len(LexicalEmbeddings().embed_query("x")), distance=models.Distance.COSINE
            )
            client = QdrantClient(":memory:")
            client.create_collection("c", vectors_config=vectors)
            from langchain_qdrant import QdrantVectorStore

            self.store = QdrantVectorStore(client, "c", LexicalEmbeddings())
        else:
            from support.pgvector_stores import pgvector

            self.store = pgvector(address)

    def write(self, chunks: dict[str, dict[str, Any]], tag: str | None = "u") -> None:
        """Write chunks: id -> metadata. Without a tag, as an application's own."""
        ids = list(chunks)
        bears = {"n": 0} if tag is None else {"user_id": tag}
        metadatas = [{**bears, **chunks[id]} for id in ids]
        if self.kind == "chroma":
            vectors = [[1.0, float(n)] for n in range(len(ids))]
            texts = [f"text {id}" for id in ids]
            self.store.add(ids=ids, embeddings=vectors, documents=texts, metadatas=metadatas)
            return
        # Qdrant's ids are UUIDs; what tells chunks apart here is their text.
        given = {"ids": ids} if self.kind != "qdrant" else {}
        self.store.add_texts(ids, metadatas=metadatas, **given)

    def left(self) -> set[str]:
        """The ids of the chunks that are there, read from the store."""
        from piirag.erasure import as_targets

        [target] = as_targets(self.store)
        found = list(target.all_items())  # type: ignore[attr-defined]
        return {str(item.text).removeprefix("text ") for item in found}
