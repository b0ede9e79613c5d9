"""A Chroma collection as an erasure target, whichever framework wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from piirag.erasure.residue import Needles, scan_files
from piirag.erasure.target import Capabilities, ErasureTarget, Residue, Traces, register_resolver
from piirag.errors import ErasureError
from piirag.tenancy.tags import TenantTags

_PAGE = 1000
_SAMPLE = 100
_KEYED = re.compile(r"u[0-9a-f]{32}")
_TEXT_PIECE = 32


class ChromaTarget:
    """Deletes a user's items from a Chroma collection by the tag they bear.

    A plain delete leaves text and metadata in `chroma.sqlite3` and the vectors in
    `data_level0.bin` (measured with chromadb 1.5.9). `residue` tells how much is left.

    Args:
        collection: A chromadb `Collection`.
        tags: How items name their user. If None, plain ids under the metadata key ``user_id``
            are taken for granted, and checked: a collection whose items name their users in
            another way is an error, not an empty result.
    """

    kind = "chroma"

    def __init__(self, collection: Any, tags: TenantTags | None = None) -> None:
        self._collection = collection
        self._tags = tags if tags is not None else TenantTags()
        self._guessed = tags is None
        self.name = f"chroma:{collection.name}"
        self.identity = ("chroma", str(collection.id), self._tags.key, self._tags.keyed)
        self._path = _folder(collection)
        self.capabilities = Capabilities(
            scan=self._path is not None,
            why_not="Chroma keeps the bytes of deleted items in its files until they are "
            "overwritten; so do its backups and the file system",
        )

    def _where(self, user_id: str) -> Any:
        return {self._tags.key: {"$eq": self._tags.tag(user_id)}}

    def count(self, user_id: str) -> int:
        found = len(self._collection.get(where=self._where(user_id), include=[])["ids"])
        if not found and self._guessed:
            self._check_guess()
        return found

    def _check_guess(self) -> None:
        """Raise where nothing was found because items name their users in another way."""
        sample = self._collection.get(limit=_SAMPLE, include=["metadatas"])["metadatas"] or []
        tags = [(metadata or {}).get(self._tags.key) for metadata in sample]
        if tags and all(tag is None or _KEYED.fullmatch(str(tag)) for tag in tags):
            raise ErasureError(
                "this collection names its users by another key or by keyed ids; pass the "
                "TenantVectorStore or TenantIndex, or ChromaTarget(collection, tags)"
            )

    def delete(self, user_id: str) -> None:
        self._collection.delete(where=self._where(user_id))

    def traces(self, user_id: str) -> Traces:
        ids: list[bytes] = []
        texts: list[bytes] = []
        vectors: list[bytes] = []
        for page in self._pages(self._where(user_id), ["documents", "embeddings"]):
            ids += [id.encode() for id in page["ids"]]
            for text in page["documents"] or []:
                texts += _pieces(text or "")
            embeddings = page["embeddings"]
            if embeddings is not None:
                vectors += [_float32(vector) for vector in embeddings]
        return Traces({"ids": ids, "texts": texts, "vectors": vectors})

    def residue(self, traces: Traces) -> Residue:
        if self._path is None:
            return {}
        needles = dict(traces.needles)
        found = scan_files(self._path, needles)
        suspects = {hit.needle for hit in found if hit.kind == "texts"}
        alive = self._still_used(suspects) if suspects else set()
        counts: Residue = {}
        for hit in found:
            if hit.needle not in alive:
                in_file = counts.setdefault(hit.file, {})
                in_file[hit.kind] = in_file.get(hit.kind, 0) + 1
        return counts

    def reclaim(self, user_id: str) -> None:
        raise NotImplementedError

    def _still_used(self, pieces: set[bytes]) -> set[bytes]:
        """Pieces that other users' texts hold too: finding them proves nothing."""
        alive: set[bytes] = set()
        for page in self._pages(None, ["documents"]):
            for text in page["documents"] or []:
                data = (text or "").encode("utf-8", "replace")
                alive.update(piece for piece in pieces - alive if piece in data)
        return alive

    def _pages(self, where: Any, include: list[str]) -> Iterable[Any]:
        offset = 0
        while True:
            page = self._collection.get(where=where, include=include, limit=_PAGE, offset=offset)
            if page["ids"]:
                yield page
            if len(page["ids"]) < _PAGE:
                return
            offset += _PAGE


def _pieces(text: str) -> list[bytes]:
    """One piece from the middle of a text: long enough to be its own, short enough for a page."""
    data = text.encode("utf-8", "replace")
    if len(data) < Needles.SHORTEST:
        return []
    start = max(0, (len(data) - _TEXT_PIECE) // 2)
    return [data[start : start + _TEXT_PIECE]]


def _float32(vector: Any) -> bytes:
    import numpy as np

    return bytes(np.asarray(vector, dtype="<f4").tobytes())


def _folder(collection: Any) -> Path | None:
    """The folder of an embedded, persistent Chroma; None for a server or an ephemeral one."""
    settings = getattr(getattr(collection, "_client", None), "get_settings", None)
    if not callable(settings):
        return None
    found = settings()
    local = "rust" in str(found.chroma_api_impl).lower() or "segment" in str(found.chroma_api_impl)
    if not found.is_persistent or not local:
        return None
    return Path(found.persist_directory)


def _resolve(item: Any) -> Iterable[ErasureTarget] | None:
    for candidate in (item, getattr(item, "_collection", None)):
        chromas = type(candidate).__module__.startswith("chromadb.")
        if chromas and hasattr(candidate, "query") and hasattr(candidate, "delete"):
            return [ChromaTarget(candidate)]
    return None


register_resolver(_resolve)
