"""A Chroma collection as an erasure target, whichever framework wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from piirag.erasure.target import (
    Capabilities,
    ErasureTarget,
    StoredItem,
    register_resolver,
)
from piirag.erasure.targets.base import StoreTarget
from piirag.tenancy.tags import TenantTags

_PAGE = 1000
_KEEPS = (
    "Chroma keeps the bytes of deleted items in its files until they are overwritten; so do its "
    "backups and the file system"
)
_SERVER = (
    "Chroma runs on a server, whose files are not within reach; reclaim them on its machine, with "
    "the server stopped and the folder opened by PersistentClient"
)
_MEMORY = "this Chroma is in memory only and has no files"


class ChromaTarget(StoreTarget):
    """Deletes a user's items from a Chroma collection by the tag they bear.

    A plain delete leaves text and metadata in `chroma.sqlite3` and the vectors in
    `data_level0.bin` (measured with chromadb 1.5.9). `residue` tells how much is left, and
    `reclaim` removes it where Chroma is embedded.

    Args:
        collection: A chromadb `Collection`.
        tags: How items name their user. See `StoreTarget`.
    """

    kind = "chroma"

    def __init__(self, collection: Any, tags: TenantTags | None = None) -> None:
        self._collection = collection
        self._path = _folder(collection)
        super().__init__(f"chroma:{collection.name}", str(collection.id), tags)
        local = self._path is not None
        self.capabilities = Capabilities(
            reclaim=local,
            scan=local,
            why_not=_KEEPS if local else _MEMORY if _is_local(collection) else _SERVER,
            export=True,
        )

    def _where(self, user_id: str) -> Any:
        return {self.tags.key: {"$eq": self.tags.tag(user_id)}}

    def count(self, user_id: str) -> int:
        """How many items of the user are there now."""
        found = self._collection.get(where=self._where(user_id), include=[])["ids"]
        return self.checked_guess(len(found))

    def items(self, user_id: str) -> Iterator[StoredItem]:
        """Every item of the user."""
        return self._items(self._where(user_id))

    def all_items(self) -> Iterator[StoredItem]:
        """Every item of the collection."""
        return self._items(None)

    def delete(self, user_id: str) -> None:
        """Delete every item of the user, at once."""
        self._collection.delete(where=self._where(user_id))

    def delete_items(self, ids: Sequence[str]) -> None:
        """Delete items by id."""
        for start in range(0, len(ids), _PAGE):
            self._collection.delete(ids=list(ids[start : start + _PAGE]))

    def count_until(self, key: str, moment: float) -> int:
        """How many items have a number under a key that is at most this."""
        return sum(len(ids) for _, ids in self._pages_until({key: {"$lte": moment}}))

    def delete_until(self, key: str, moment: float) -> int:
        """Delete the items with a number under a key that is at most this."""
        where = {key: {"$lte": moment}}
        gone = 0
        # Read to the end first: what is deleted meanwhile would shift the pages.
        for _, ids in list(self._pages_until(where)):
            if not ids:
                continue
            # Ids and filter: one that was written anew since it was read stays.
            done = self._collection.delete(ids=ids, where=where)
            gone += done["deleted"] if isinstance(done, dict) and "deleted" in done else len(ids)
        return gone

    def _pages_until(self, where: dict[str, Any]) -> Iterator[tuple[int, list[str]]]:
        """Pages of the ids of items that fit and name a user, which Chroma has no filter for."""
        start = 0
        while True:
            page = self._collection.get(
                where=where, include=["metadatas"], limit=_PAGE, offset=start
            )
            if not page["ids"]:
                return
            rows = zip(page["ids"], page["metadatas"], strict=True)
            yield start, [id for id, metadata in rows if self._is_tagged(metadata or {})]
            start += len(page["ids"])

    def replace_items(
        self, items: Sequence[StoredItem], vectors: Sequence[Sequence[float]] | None = None
    ) -> None:
        """Put other text and metadata into items that are there."""
        new = {item.id: item for item in items}
        vector_of = {} if vectors is None else dict(zip(new, vectors, strict=True))
        for start in range(0, len(items), _PAGE):
            ids = [item.id for item in items[start : start + _PAGE]]
            # Without a vector, an update would compute one by whatever the collection embeds with.
            old = self._collection.get(ids=ids, include=["embeddings", "metadatas"])
            if not old["ids"]:
                continue
            rows = list(zip(old["ids"], old["embeddings"], old["metadatas"], strict=True))
            self._collection.update(
                ids=[id for id, _, _ in rows],
                embeddings=[vector_of.get(id, vector) for id, vector, _ in rows],
                documents=[new[id].text or "" for id, _, _ in rows],
                # An update adds to the metadata; None takes a key away.
                metadatas=[
                    {**dict.fromkeys(metadata or {}), **new[id].metadata}
                    for id, _, metadata in rows
                ],
            )

    def vectors(self, user_id: str) -> Iterable[Sequence[float]]:
        """The vectors of the user's items."""
        for page in self._pages(self._where(user_id), ["embeddings"]):
            if page["embeddings"] is not None:
                yield from page["embeddings"]

    def files(self) -> list[Path]:
        """The folder, where Chroma is embedded and persistent."""
        return [] if self._path is None else [self._path]

    def reclaim(self, user_id: str) -> None:
        """Remove the bytes of all deleted items of this collection from the files.

        The store is closed for the time this takes, and opened again; wrappers and collections of
        this process go on working. Whoever calls it meanwhile gets an error.

        Raises:
            ErasureError: The files are not within reach, another process has them open, or they
                are not as those of a chromadb that is known.
        """
        from piirag.erasure.targets.chroma_files import reclaim

        reclaim(self._collection, self._path)

    def _items(self, where: Any) -> Iterator[StoredItem]:
        for page in self._pages(where, ["documents", "metadatas"]):
            columns = zip(page["ids"], page["documents"], page["metadatas"], strict=True)
            for id, text, metadata in columns:
                yield StoredItem(id, text, metadata or {})

    def _pages(self, where: Any, include: list[str]) -> Iterator[Any]:
        offset = 0
        while True:
            page = self._collection.get(where=where, include=include, limit=_PAGE, offset=offset)
            if page["ids"]:
                yield page
            if len(page["ids"]) < _PAGE:
                return
            offset += _PAGE


def _settings(collection: Any) -> Any:
    found = getattr(getattr(collection, "_client", None), "get_settings", None)
    return found() if callable(found) else None


def _is_local(collection: Any) -> bool:
    api = str(getattr(_settings(collection), "chroma_api_impl", "")).lower()
    return "rust" in api or "segment" in api


def _folder(collection: Any) -> Path | None:
    """The folder of an embedded, persistent Chroma; None for a server or an ephemeral one."""
    settings = _settings(collection)
    if settings is None or not _is_local(collection) or not settings.is_persistent:
        return None
    return Path(settings.persist_directory)


def _resolve(item: Any) -> Iterable[ErasureTarget] | None:
    for candidate in (item, getattr(item, "_collection", None)):
        chromas = type(candidate).__module__.startswith("chromadb.")
        if chromas and hasattr(candidate, "query") and hasattr(candidate, "delete"):
            return [ChromaTarget(candidate)]
    return None


register_resolver(_resolve)
