"""Chunks in vector stores and docstores."""

from __future__ import annotations

import math
from typing import Any, Protocol

from piirag.governance.retention.policy import CHUNKS, EXPIRED_CHUNKS
from piirag.governance.retention.target import RetentionTarget
from piirag.tenancy.filters import EXPIRES_KEY

INGESTED_KEY = "piirag_ingested_at"
"""Metadata key of the time at which a chunk was first ingested, in seconds since the epoch."""

# The targets take a user here and rewrite their files whole: the bytes of everybody.
_EVERYBODY = ""


class Datable(Protocol):
    """An erasure target that finds items by a number in their metadata; see `StoreTarget`."""

    name: str
    kind: str
    capabilities: Any

    def count_until(self, key: str, moment: float) -> int:
        """How many items have a number under a key that is at most this."""
        ...

    def delete_until(self, key: str, moment: float) -> int:
        """Delete them; return how many."""
        ...

    def reclaim(self, user_id: str) -> None:
        """Remove the bytes of deleted items from files."""
        ...


class ChunksTarget:
    """Deletes chunks from a store, by a time in their metadata.

    Reads leave out a chunk past its ``expires_at`` at once; this is what removes it. A chunk
    without the time, or with something that is no number, stays; so does what bears no tag of a
    user, whatever times it has: an application put it there.

    Args:
        store: An erasure target for the store.
        key: ``"expires_at"``, the moment at which a chunk ends, or ``"piirag_ingested_at"``, the
            moment it was first ingested.
        physical: Also remove the bytes of deleted items from the store's files, where it can; see
            what `reclaim` of the erasure target says of the time the store is locked.
    """

    native = ""

    def __init__(self, store: Datable, *, key: str = EXPIRES_KEY, physical: bool = False) -> None:
        self._store = store
        self._key = key
        self._physical = physical and store.capabilities.reclaim
        self.ends = key == EXPIRES_KEY
        self.kind = EXPIRED_CHUNKS if self.ends else CHUNKS
        self.name = store.name
        self.identity = (self.kind, getattr(store, "identity", id(store)))

    def expire(self, before: float) -> int:
        """Delete chunks whose time is over."""
        gone = self._store.delete_until(self._key, self._last(before))
        if gone and self._physical:
            self._store.reclaim(_EVERYBODY)
        return gone

    def count(self, before: float) -> int:
        """How many chunks `expire` would delete."""
        return self._store.count_until(self._key, self._last(before))

    def note(self) -> str:
        """What is not deleted however old it is: chunks without the time of their ingestion."""
        count = getattr(self._store, "count_without", None)
        if self.ends:
            return ""
        if not callable(count):
            return f"chunks without {self._key} stay, and are not counted"
        without = count(self._key)
        told = f"{without} chunks bear no {self._key} and stay: their stores had no Stamp"
        return told if without else ""

    def _last(self, before: float) -> float:
        # What ends at this moment has ended; what was written at it is no older.
        return before if self.ends else math.nextafter(before, -math.inf)

    def __repr__(self) -> str:
        return f"ChunksTarget({self._key!r})"


def chunk_targets(item: Any, *, physical: bool = False) -> list[RetentionTarget]:
    """The retention targets of a store: chunks past their end, and chunks that are too old.

    Args:
        item: A vector store or docstore, or its erasure target.
        physical: See `ChunksTarget`.

    Raises:
        ConfigurationError: No erasure target is known for it.
    """
    from piirag.erasure.target import as_targets

    found: list[RetentionTarget] = []
    for target in as_targets(item):
        if callable(getattr(target, "delete_until", None)):
            store: Any = target
            for key in (EXPIRES_KEY, INGESTED_KEY):
                found.append(ChunksTarget(store, key=key, physical=physical))
    return found
