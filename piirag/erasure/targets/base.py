"""What the targets for vector stores have in common."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeGuard

from piirag.erasure.residue import Hit, Needles, held_in, scan_files
from piirag.erasure.target import Capabilities, Residue, StoredItem, Traces
from piirag.errors import ErasureError
from piirag.tenancy.tags import TenantTags

_SAMPLE = 100
_KEYED = re.compile(r"u[0-9a-f]{32}")
_TEXT_PIECE = 32


class StoreTarget(ABC):
    """Deletes a user's items from a vector store by the tag they bear.

    A derived class defines `items`, `all_items` and `delete`, and sets `capabilities`; `count`
    where the store counts by itself; `vectors` and `files` where its files can be read; `reclaim`
    where it can remove bytes.

    Args:
        name: What the receipt calls it; holds no personal data.
        identity: Something hashable that two targets share when they hold the same items.
        tags: How items name their user. If None, plain ids under the metadata key ``user_id``
            are taken for granted, and checked: a store whose items name their users in another
            way is an error, not an empty result.
    """

    kind: str
    capabilities: Capabilities

    def __init__(self, name: str, identity: Hashable, tags: TenantTags | None = None) -> None:
        self.name = name
        self.tags = tags if tags is not None else TenantTags()
        self.identity = (self.kind, identity, self.tags.key, self.tags.keyed)
        self._guessed = tags is None
        # Whether an item named its user as was guessed: the last such one may be deleted next.
        self._right = False

    # To be defined

    @abstractmethod
    def items(self, user_id: str) -> Iterator[StoredItem]:
        """Every item of the user, read page by page from the store itself."""

    @abstractmethod
    def all_items(self) -> Iterator[StoredItem]:
        """Every item of everybody, page by page."""

    @abstractmethod
    def delete(self, user_id: str) -> None:
        """Delete every item of the user, and nothing else."""

    def vectors(self, user_id: str) -> Iterable[Sequence[float]]:
        """The vectors of the user's items, as they are stored."""
        return ()

    def files(self) -> Sequence[Path]:
        """The folders or files in which the store keeps its bytes; empty where unknown."""
        return ()

    def reclaim(self, user_id: str) -> None:
        """Remove the bytes of deleted items from the store's files; called after `delete`."""
        raise NotImplementedError

    # Made of these

    def count_until(self, key: str, moment: float) -> int:
        """How many items of everybody have a number under a metadata key that is at most this.

        Only those that name a user count: what an application put beside them is its own.
        It reads every item, unless the store can be asked.
        """
        return sum(1 for _ in self._until(key, moment))

    def delete_until(self, key: str, moment: float) -> int:
        """Delete the items of everybody with a number under a metadata key that is at most this.

        An item that names no user stays.

        Args:
            key: Such as ``"expires_at"``.
            moment: The number.

        Returns:
            How many were deleted.

        Raises:
            ErasureError: The target deletes no single items.
        """
        delete_items = getattr(self, "delete_items", None)
        if delete_items is None:
            raise ErasureError("this target deletes no single items")
        ids = list(self._until(key, moment))
        if ids:
            delete_items(ids)
        return len(ids)

    def count_without(self, key: str) -> int:
        """How many items that name a user have no number under a metadata key.

        It reads every item, unless the store can be asked.
        """
        return sum(
            1
            for item in self.all_items()
            if self._is_tagged(item.metadata) and not _is_number(item.metadata.get(key))
        )

    def _is_tagged(self, metadata: Mapping[str, Any]) -> bool:
        tag = metadata.get(self.tags.key)
        return isinstance(tag, str) and tag != ""

    def _until(self, key: str, moment: float) -> Iterator[str]:
        for item in self.all_items():
            held = item.metadata.get(key)
            if self._is_tagged(item.metadata) and _is_number(held) and held <= moment:
                yield item.id

    def count(self, user_id: str) -> int:
        """How many items of the user are there now."""
        return self.checked_guess(sum(1 for _ in self.items(user_id)))

    def checked_guess(self, found: int) -> int:
        """The number found, or an error where nothing was because items are named otherwise.

        Raises:
            ErasureError: The tags were guessed, and no item bears such a tag, or has borne one as
                long as there is this target.
        """
        self._right = self._right or found > 0
        if found or not self._guessed:
            return found
        sample = [item.metadata.get(self.tags.key) for item in islice(self.all_items(), _SAMPLE)]
        named = [str(tag) for tag in sample if tag is not None]
        if not all(map(_KEYED.fullmatch, named)):
            self._right = True
        elif named or (sample and not self._right):
            raise ErasureError(
                "this store names its users by another key or by keyed ids; pass the "
                "TenantVectorStore or TenantIndex, or the target made with TenantTags"
            )
        return found

    def traces(self, user_id: str) -> Traces:
        """What to look for on disk once the user is deleted: ids, texts, metadata, vectors."""
        needles: dict[str, list[bytes]] = {"ids": [], "texts": [], "metadata": [], "vectors": []}
        for item in self.items(user_id):
            needles["ids"].append(item.id.encode())
            needles["texts"] += pieces(item.text or "")
            for key, value in item.metadata.items():
                if isinstance(value, str) and not key.startswith("_"):
                    needles["metadata"] += pieces(value)
        needles["vectors"] += [float32(vector) for vector in self.vectors(user_id)]
        return Traces({kind: list(dict.fromkeys(found)) for kind, found in needles.items()})

    def residue(self, traces: Traces) -> Residue:
        """How many of the traces are still in the files, as plain bytes."""
        found = self.hits(traces)
        suspects = {hit.needle for hit in found if hit.kind != "ids"}
        alive = self._still_used(suspects) if suspects else set()
        counts: Residue = {}
        for hit in dict.fromkeys(found):
            if hit.needle not in alive:
                in_file = counts.setdefault(hit.file, {})
                in_file[hit.kind] = in_file.get(hit.kind, 0) + 1
        return counts

    def hits(self, traces: Traces) -> list[Hit]:
        """Which traces stand in which file; a target whose files are packed looks into them."""
        return [hit for place in self.files() for hit in _scan(place, traces)]

    def _still_used(self, suspects: set[bytes]) -> set[bytes]:
        """Pieces that other users' items hold too: finding them proves nothing."""
        return held_in(suspects, map(held_by, self.all_items()))


def _is_number(held: Any) -> TypeGuard[int | float]:
    return isinstance(held, int | float) and not isinstance(held, bool)


def _scan(place: Path, traces: Traces) -> list[Hit]:
    if place.is_dir():
        return scan_files(place, traces.needles)
    found = sorted(Needles(traces.needles).in_file(place))
    return [Hit(kind, place.name, needle) for kind, needle in found]


def held_by(item: StoredItem) -> bytes:
    """The texts of an item, in its metadata too, as bytes to look for pieces in."""
    held = [item.text or "", *(v for v in item.metadata.values() if isinstance(v, str))]
    return "\x00".join(held).encode("utf-8", "replace")


def pieces(text: str) -> list[bytes]:
    """One piece from the middle of a text: long enough to be its own, short enough for a page."""
    data = text.encode("utf-8", "replace")
    if len(data) < Needles.SHORTEST:
        return []
    start = max(0, (len(data) - _TEXT_PIECE) // 2)
    return [data[start : start + _TEXT_PIECE]]


def float32(vector: Any) -> bytes:
    """A vector as the bytes of 32-bit floats, little-endian, as nearly every store keeps it."""
    import numpy as np

    return bytes(np.asarray(vector, dtype="<f4").tobytes())
