"""What the self-test is made of. A test of the self-test puts a broken part in place of one."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from zlib import crc32

from piirag.erasure.target import ErasureTarget
from piirag.policy import Policy
from piirag.redaction import RedactionSession, Scrubber
from piirag.tenancy import Chunk, TenantBinding, TenantTags
from piirag.tenancy.languages.chroma import ChromaLanguage
from piirag.vault import Vault

_SIZE = 64


class Store(Protocol):
    """A store of chunks, as the self-test uses it."""

    name: str

    def add(self, chunks: Sequence[Chunk]) -> None:
        """Store chunks."""
        ...

    def query(self, text: str, binding: TenantBinding) -> list[Chunk]:
        """The chunks of one user nearest to a text, as they are stored."""
        ...

    def target(self, tags: TenantTags) -> ErasureTarget:
        """The store as an erasure target."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class ChromaStore:
    """An embedded Chroma in a folder of its own."""

    name = "Chroma, embedded"

    def __init__(self, folder: Path) -> None:
        import chromadb
        from chromadb.config import Settings

        folder.mkdir(mode=0o700)
        self._client = chromadb.PersistentClient(
            str(folder), Settings(anonymized_telemetry=False, is_persistent=True)
        )
        self._items = self._client.create_collection("selftest", embedding_function=None)

    def add(self, chunks: Sequence[Chunk]) -> None:
        """Store chunks."""
        self._items.add(
            ids=[str(chunk.id) for chunk in chunks],
            documents=[chunk.text for chunk in chunks],
            embeddings=[embedded(chunk.text) for chunk in chunks],
            metadatas=[dict(chunk.metadata) for chunk in chunks],
        )

    def query(self, text: str, binding: TenantBinding) -> list[Chunk]:
        """The chunks of one user nearest to a text, as they are stored."""
        where = ChromaLanguage().translate(binding.where(None))
        found = self._items.query(
            query_embeddings=[embedded(text)],
            n_results=5,
            where=where,
        )
        rows = zip(
            found["ids"][0],
            (found["documents"] or [[]])[0],
            (found["metadatas"] or [[]])[0],
            strict=True,
        )
        return [Chunk(text, dict(metadata), id) for id, text, metadata in rows]

    def target(self, tags: TenantTags) -> ErasureTarget:
        """The store as an erasure target."""
        from piirag.erasure.targets.chroma import ChromaTarget

        return ChromaTarget(self._items, tags)

    def close(self) -> None:
        """Chroma closes with the process."""


class MemoryStore:
    """Chunks in a list, where no Chroma is installed."""

    name = "memory"

    def __init__(self, folder: Path) -> None:
        self._rows: list[Chunk] = []

    def add(self, chunks: Sequence[Chunk]) -> None:
        """Store chunks."""
        self._rows += chunks

    def query(self, text: str, binding: TenantBinding) -> list[Chunk]:
        """The chunks of one user, the nearest to a text first."""
        words = set(text.lower().split())
        own = [c for c in self._rows if c.metadata.get(binding.tags.key) == binding.tag]
        return sorted(own, key=lambda c: -len(words & set(c.text.lower().split())))[:5]

    def target(self, tags: TenantTags) -> ErasureTarget:
        """The store as an erasure target."""
        from piirag.erasure.targets.callables import CallableTarget

        def mine(user_id: str) -> list[Chunk]:
            return [c for c in self._rows if c.metadata.get(tags.key) == tags.tag(user_id)]

        def delete(user_id: str) -> None:
            gone = {id(chunk) for chunk in mine(user_id)}
            self._rows[:] = [c for c in self._rows if id(c) not in gone]

        return CallableTarget(lambda u: len(mine(u)), delete, name="memory", kind="memory")

    def close(self) -> None:
        """Nothing to close."""


def default_store(folder: Path) -> Store:
    """Chroma where it is installed, else memory."""
    if importlib.util.find_spec("chromadb") is None:
        return MemoryStore(folder)
    return ChromaStore(folder)


@dataclass
class RecordingModel:
    """A local model that keeps what it is sent, and says the placeholders back."""

    sent: list[str] = field(default_factory=list, repr=False)

    def __call__(self, prompt: str) -> str:
        """Answer."""
        self.sent.append(prompt)
        return f"About that: {prompt}"


def redacted(session: RedactionSession, text: str) -> str:
    """What leaves for the model."""
    return session.redact(text).text


def erased(service: Any, user_id: str) -> Any:
    """Erase a user."""
    return service.delete_user(user_id, physical=True)


def record_of(log: Any, user_id: str, sent: str, reply: str, question: str) -> dict[str, Any]:
    """The record of the call, as it goes to the audit log."""
    return {
        "event": "model_call",
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "selftest",
        "outcome": "ok",
        "user": user_id,
        "input_hash": log.input_hash(question, user_id),
        "prompt": sent,
        "reply": reply,
    }


@dataclass(frozen=True)
class Parts:
    """The parts. Each is what an application would use.

    Args:
        policy: What counts as personal data.
        scrubber: Makes the scrubber over a vault.
        store: Makes a store in a folder.
        redact: Makes of a text what leaves for the model.
        record: Makes the record of a call for the audit log.
        erase: Erases a user.
    """

    policy: Policy = field(default_factory=Policy)
    scrubber: Callable[[Policy, Vault], Scrubber] = lambda policy, vault: Scrubber(
        policy, vault=vault
    )
    store: Callable[[Path], Store] = default_store
    redact: Callable[[RedactionSession, str], str] = redacted
    record: Callable[[Any, str, str, str, str], dict[str, Any]] = record_of
    erase: Callable[[Any, str], Any] = erased


def embedded(text: str) -> list[float]:
    """A vector of a text, from its words, with no model and no network."""
    vector = [0.0] * _SIZE
    for word in text.lower().split():
        vector[crc32(word.encode()) % _SIZE] += 1.0
    length = sum(value * value for value in vector) ** 0.5 or 1.0
    return [value / length for value in vector]
