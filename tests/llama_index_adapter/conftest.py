"""A shared Chroma on disk, two users, and documents with planted values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chromadb
import pytest
from llama_index.core.schema import Document
from llama_index.vector_stores.chroma import ChromaVectorStore

from llama_index_piirag import TenantIndex, TenantVectorStore
from piirag import MasterKey, Scrubber, SQLiteVault
from support.canary import Canaries
from support.llama_fakes import HashedEmbedding

PLANTED = [
    "Ottoline Quenneville",
    "Quenneville",
    "ottoline.quenneville@brightmail.com",
    "+1 415-555-2671",
    "4111 1111 1111 1111",
    "4111111111111111",
    "Barnabus Trelawny",
    "barnabus@trelawny.org",
]
KNOWN_FROM = {"PERSON": ["customer"]}


@pytest.fixture
def canaries() -> Canaries:
    return Canaries(PLANTED)


@pytest.fixture
def documents() -> list[Document]:
    """Two documents; values in text, metadata, ids, in another spelling, and a file name."""
    return [
        Document(
            id_="mail-ottoline_quenneville-1",
            text="Ottoline Quenneville wrote from ottoline.quenneville@brightmail.com. "
            "The parcel with the blue kettle never came. Call +1 415-555-2671 about it. "
            "QUENNEVILLE paid with card 4111 1111 1111 1111 in spring.",
            metadata={
                "customer": "Ottoline Quenneville",
                "file_name": "ottoline_quenneville.pdf",
                "card": 4111111111111111,
                "topic": "delivery",
                "stars": 2,
            },
        ),
        Document(
            id_="note-2",
            text="Barnabus Trelawny (barnabus@trelawny.org) asked for a refund of the teapot. "
            "He had spoken with Ottoline before.",
            metadata={"customer": "Barnabus Trelawny", "topic": "refund", "stars": 5},
        ),
    ]


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[SQLiteVault]:
    vault = SQLiteVault(tmp_path / "vault.db", MasterKey.generate())
    yield vault
    vault.close()


@pytest.fixture
def scrubber(vault: SQLiteVault) -> Scrubber:
    return Scrubber(vault=vault)


@pytest.fixture
def chroma_path(tmp_path: Path) -> Path:
    return tmp_path / "chroma"


@pytest.fixture
def client(chroma_path: Path) -> Any:
    settings = chromadb.Settings(anonymized_telemetry=False)
    return chromadb.PersistentClient(str(chroma_path), settings=settings)


@pytest.fixture
def collection(client: Any) -> Any:
    return client.get_or_create_collection("chunks")


@pytest.fixture
def embedding() -> HashedEmbedding:
    return HashedEmbedding()


@pytest.fixture
def store(collection: Any, scrubber: Scrubber) -> TenantVectorStore:
    return TenantVectorStore(
        ChromaVectorStore(chroma_collection=collection), scrubber=scrubber, known_from=KNOWN_FROM
    )


@pytest.fixture
def index(collection: Any, scrubber: Scrubber, embedding: HashedEmbedding) -> TenantIndex:
    return TenantIndex(
        ChromaVectorStore(chroma_collection=collection),
        scrubber=scrubber,
        embed_model=embedding,
        known_from=KNOWN_FROM,
    )
