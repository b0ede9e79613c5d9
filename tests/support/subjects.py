"""Stores that hold scrubbed chunks of several users, for finding, erasing and exporting people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from piirag import Scrubber, Vault
from piirag.erasure.targets.chroma import ChromaTarget
from piirag.erasure.targets.faiss import FaissTarget
from piirag.erasure.targets.in_memory import InMemoryTarget
from piirag.erasure.targets.lancedb import LanceDBTarget
from piirag.erasure.targets.lancedb_table import LanceItems, LanceRow
from piirag.tenancy import Chunk, Space, TenantBinding, TenantTags

KINDS = ("chroma", "langchain", "llama_index", "faiss", "lancedb")

Rows = dict[str, tuple[str, dict[str, Any], tuple[float, ...]]]


def vector(text: str) -> list[float]:
    """A vector that tells texts apart."""
    data = text.encode()
    return [float(len(data)), float(sum(data) % 997), 1.0]


class Place:
    """One store, with the target for it.

    Args:
        kind: One of `KINDS`.
        vault: Where pseudonyms are kept.
        folder: Where a store on disk lives.
        scrubber: Scrubs what is written.
        keyed: Whether items name their users by keyed hashes.
    """

    def __init__(
        self,
        kind: str,
        vault: Vault,
        folder: Path,
        scrubber: Scrubber | None = None,
        *,
        keyed: bool = False,
    ) -> None:
        self.kind = kind
        self.vault = vault
        self.scrubber = scrubber if scrubber is not None else Scrubber(vault=vault)
        self.tags = TenantTags(vault=vault, keyed=keyed)
        if kind == "chroma":
            import chromadb

            # With the settings that the command line opens it with, in this process too.
            client = chromadb.PersistentClient(str(folder))
            self.store: Any = client.create_collection("crm", embedding_function=None)
            self.target: Any = ChromaTarget(self.store, self.tags)
        elif kind == "langchain":
            from langchain_core.embeddings import DeterministicFakeEmbedding
            from langchain_core.vectorstores import InMemoryVectorStore

            self.store = InMemoryVectorStore(DeterministicFakeEmbedding(size=3))
            self.target = InMemoryTarget(self.store, self.tags)
        elif kind == "faiss":
            import faiss
            from langchain_community.docstore.in_memory import InMemoryDocstore
            from langchain_community.vectorstores import FAISS
            from langchain_core.embeddings import DeterministicFakeEmbedding

            self.store = FAISS(
                DeterministicFakeEmbedding(size=3), faiss.IndexFlatL2(3), InMemoryDocstore(), {}
            )
            self.target = FaissTarget(self.store, self.tags)
        elif kind == "lancedb":
            import lancedb

            self.store = LanceItems(lancedb.connect(str(folder)), "crm")
            self.target = LanceDBTarget(self.store, self.tags)
        else:
            from llama_index.core.vector_stores.simple import SimpleVectorStore

            self.store = SimpleVectorStore()
            self.target = InMemoryTarget(self.store, self.tags)

    def write(
        self,
        user: str | Space,
        texts: Mapping[str, str],
        metadata: Mapping[str, Any] | None = None,
        known: Mapping[str, Sequence[str]] | None = None,
    ) -> list[str]:
        """Scrub and store texts; the ids under which the store knows them."""
        binding = TenantBinding(self.scrubber, user, self.tags)
        chunks = [Chunk(text, dict(metadata or {}), id) for id, text in texts.items()]
        done = binding.inward(chunks, known)
        self.put([(str(c.id), c.text, dict(c.metadata)) for c in done])
        return [str(chunk.id) for chunk in done]

    def put(self, rows: Sequence[tuple[str, str, dict[str, Any]]]) -> None:
        """Store texts as they are."""
        ids = [id for id, _, _ in rows]
        if self.kind == "chroma" and rows:
            self.store.add(
                ids=ids,
                documents=[text for _, text, _ in rows],
                metadatas=[metadata for _, _, metadata in rows],
                embeddings=[vector(text) for _, text, _ in rows],
            )
        if self.kind == "lancedb" and rows:
            self.store.write([LanceRow(id, text, meta, vector(text)) for id, text, meta in rows])
        for id, text, metadata in rows if self.kind not in {"chroma", "lancedb"} else ():
            if self.kind == "faiss":
                self.store.add_embeddings([(text, vector(text))], [dict(metadata)], [id])
            elif self.kind == "langchain":
                self.store.store[id] = {
                    "id": id,
                    "vector": vector(text),
                    "text": text,
                    "metadata": dict(metadata),
                }
            else:
                self.store.data.embedding_dict[id] = vector(text)
                self.store.data.metadata_dict[id] = {**metadata, "_node_text": text}
                self.store.data.text_id_to_ref_doc_id[id] = "doc"

    def read(self) -> Rows:
        """Everything that is stored: id -> text, metadata, vector."""
        if self.kind == "chroma":
            got = self.store.get(include=["documents", "metadatas", "embeddings"])
            columns = (got["documents"], got["metadatas"], got["embeddings"])
            rows = zip(got["ids"], *columns, strict=True)
            return {id: (text, dict(meta), tuple(map(float, v))) for id, text, meta, v in rows}
        if self.kind == "langchain":
            return {
                id: (row["text"], dict(row["metadata"]), tuple(row["vector"]))
                for id, row in self.store.store.items()
            }
        if self.kind == "lancedb":
            return {
                row.id: (row.text or "", dict(row.metadata), tuple(row.vector or ()))
                for row in self.store.rows(None, vectors=True)
            }
        if self.kind == "faiss":
            found = {place: self.store.docstore.search(id) for place, id in self._table.items()}
            return {
                id: (
                    found[place].page_content,
                    dict(found[place].metadata),
                    tuple(self.store.index.reconstruct(place).tolist()),
                )
                for place, id in self._table.items()
            }
        data = self.store.data
        return {
            id: (meta["_node_text"], dict(meta), tuple(data.embedding_dict[id]))
            for id, meta in data.metadata_dict.items()
        }

    @property
    def _table(self) -> dict[int, str]:
        """FAISS: place -> id."""
        table: dict[int, str] = self.store.index_to_docstore_id
        return table
