"""What the processes of the crash tests do: fill three real stores, erase, be killed, resume.

They are forked from a server that has imported everything, so that two hundred runs are cheap.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent.parent))

import chromadb
from llama_index.core.schema import TextNode
from llama_index.core.storage.docstore import SimpleDocumentStore

from llama_index_piirag.erasure import DocstoreTarget
from piirag import MasterKey, SQLiteVault
from piirag.erasure import ErasureService
from piirag.erasure.signing import SigningKey
from piirag.erasure.targets.chroma import ChromaTarget
from support.erasure import KillingJournal

USERS = ("alice_the_erased", "bob_the_other", "carol_the_third")
GONE = USERS[0]
ITEMS = 30
LEASE = 0.4
KEY = bytes(range(32))
SIGNING = SigningKey(bytes(range(32)))


class World:
    """Chroma, a SQLite vault and a LlamaIndex docstore in one folder, as a process opens them."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        client = chromadb.PersistentClient(str(self.folder / "chroma"))
        self.collection = client.get_or_create_collection("crm", embedding_function=None)
        self.vault = SQLiteVault(self.folder / "vault.db", MasterKey(KEY))
        self.file = self.folder / "docstore.json"
        if self.file.exists():
            self.docstore = SimpleDocumentStore.from_persist_path(str(self.file))
        else:
            self.docstore = SimpleDocumentStore()

    def service(self, at: int | None = None, after: bool = False) -> ErasureService:
        return ErasureService(
            [
                ChromaTarget(self.collection),
                DocstoreTarget(self.docstore, persist_path=self.file),
            ],
            journal=KillingJournal(self.folder / "erasure.db", at, after=after),
            vault=self.vault,
            signing_key=SIGNING,
            lease=LEASE,
        )

    def fill(self) -> None:
        for number, user in enumerate(USERS):
            texts = [f"The text number {n} that only {user} has" for n in range(ITEMS)]
            self.collection.add(
                ids=[f"{user}:{n}" for n in range(ITEMS)],
                documents=texts,
                metadatas=[{"user_id": user}] * ITEMS,
                embeddings=[[float(number), float(n), 1.0] for n in range(ITEMS)],
            )
            nodes = [
                TextNode(id_=f"{user}:{n}", text=text, metadata={"user_id": user})
                for n, text in enumerate(texts)
            ]
            self.docstore.add_documents(nodes)
            values = [(f"token {n}", {"v": text}, False) for n, text in enumerate(texts)]
            self.vault.open(user).put(values)
        self.docstore.persist(str(self.file))

    def of(self, user: str) -> dict[str, Any]:
        """Everything the stores give of a user."""
        got = self.collection.get(where={"user_id": user}, include=["documents", "embeddings"])
        stored = SimpleDocumentStore.from_persist_path(str(self.file))
        docs = {i: n.get_content() for i, n in stored.docs.items() if i.startswith(f"{user}:")}
        erased = self.vault.is_erased(user)
        values = [] if erased else self.vault.open(user).values()
        return {
            "chroma": sorted(zip(got["ids"], got["documents"], strict=True)),
            "vectors": sorted(map(list, got["embeddings"].tolist())),
            "docstore": sorted(docs.items()),
            "vault": sorted((token, value["v"]) for token, value in values),
            "entries": self.vault.count(user),
        }


def fill(folder: str) -> None:
    World(folder).fill()


def erase(folder: str, at: int | None, after: bool, started: str) -> None:
    """Erase, and perhaps die of it. Says how many journal writes it took where it lived."""
    service = World(folder).service(at, after)
    Path(started).touch()
    begun = time.monotonic()
    receipt = service.delete_user(GONE)
    took = time.monotonic() - begun
    journal: Any = service.journal
    Path(folder, "outcome.json").write_text(json.dumps([receipt.status, journal.writes, took]))


def resume(folder: str) -> None:
    """What an operator does: resume; ask again where nothing had been begun; look."""
    world = World(folder)
    service = world.service()
    resumed = service.resume(wait=30)
    receipts = resumed or [service.delete_user(GONE, wait=30)]
    found = service.verify(GONE)
    last = service.journal.last(world.vault.receipt_subject(GONE))
    outcome = {
        "resumed": len(resumed),
        "receipts": [receipt.to_json() for receipt in receipts],
        "unfinished": len(service.journal.unfinished()),
        "sealed": last is not None and last.sealed is not None,
        "refused": found.refused,
        "found": [target.found for target in found.targets],
        "again": service.delete_user(GONE).deleted,
        "users": {user: world.of(user) for user in USERS},
    }
    Path(folder, "resumed.json").write_text(json.dumps(outcome))


def both(folder: str, number: int, barrier: Any) -> None:
    """Erase at the moment another process does."""
    service = World(folder).service()
    barrier.wait(120)
    receipt = service.delete_user(GONE)
    Path(folder, f"both{number}.json").write_text(receipt.to_json())
