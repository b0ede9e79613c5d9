"""Everything that binds a store to one user, for any framework."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from piirag.detection.known import Known
from piirag.errors import InvalidInputError, TenancyError
from piirag.governance.stamps import Stamp
from piirag.redaction.scrubber import Scrubber
from piirag.tenancy.chunks import Chunk, ChunkScrubber
from piirag.tenancy.filters import EXPIRES_KEY, Clause, Scope, joined, normalised
from piirag.tenancy.tags import Space, TenantTags

SEPARATOR = ":"
"""Stands between tag and id in a store; no tag may hold it."""


class TenantBinding:
    """One user's view of a store that many share.

    Args:
        scrubber: Scrubs what is written and what is asked.
        user_id: The user; or the shared space, or a group's, which are written this way only.
        tags: How stored items name their user.
        known_from: Entity type -> metadata keys that hold known values.
        known: Values the application knows that may stand in questions.
        reads: Spaces that the user may read besides. Never written through this binding.
        stamp: What to stamp chunks with. See `Stamp`.

    Raises:
        InvalidUserIdError: Missing or unsafe, before any store is touched.
    """

    def __init__(
        self,
        scrubber: Scrubber,
        user_id: str | Space,
        tags: TenantTags,
        known_from: Mapping[str, Sequence[str]] | None = None,
        known: Known | None = None,
        reads: Sequence[Space] = (),
        stamp: Stamp | None = None,
    ) -> None:
        self.tags = tags
        self.tag = tags.space(user_id) if isinstance(user_id, Space) else tags.tag(user_id)
        self.user_id = user_id.vault_id if isinstance(user_id, Space) else user_id
        self.readable = tuple(dict.fromkeys([self.tag, *(tags.space(space) for space in reads)]))
        self.chunks = ChunkScrubber(scrubber, self.user_id, known_from, known, stamp)

    def inward(
        self,
        chunks: Sequence[Chunk],
        known: Known | Sequence[Known | None] | None = None,
        *,
        stored: bool = False,
    ) -> list[Chunk]:
        """Scrub chunks, scope their ids and tag them, ready to be written.

        Args:
            chunks: What to scrub; not changed.
            known: Values the application knows to stand in them.
            stored: Whether they go into a store now. See `Stamp.at`.

        Raises:
            InvalidInputError: Text, metadata or id of the wrong kind, or a time of expiry that is
                none.
            TenancyError: A chunk bears another user's tag.
            UserErasedError: The user was erased.
        """
        untagged = [self._untagged(c.metadata) for c in chunks]
        # The time of expiry stays a number: it is compared, and looks like a phone number.
        expiry = [_expiry(metadata) for metadata in untagged]
        bare = [replace(c, metadata=m) for c, m in zip(chunks, untagged, strict=True)]
        return [
            Chunk(
                chunk.text,
                {**chunk.metadata, **expires, self.tags.key: self.tag},
                None if chunk.id is None else self.scoped(chunk.id),
            )
            for chunk, expires in zip(
                self.chunks.scrub(bare, known, stored=stored), expiry, strict=True
            )
        ]

    def epoch(self) -> bytes | None:
        """What changes when the user is erased; compare it before and after a write."""
        return self.chunks.scrubber.vault.epoch(self.user_id)

    def scoped(self, id: str) -> str:
        """The id under which the store knows an item of this user, given its clean id."""
        return f"{self.tag}{SEPARATOR}{id}"

    def scope_ids(self, ids: Sequence[str]) -> list[str]:
        """The store's ids for the caller's: one for each, or two where it may have either.

        Raises:
            InvalidInputError: No list of non-empty strings.
        """
        if isinstance(ids, str) or not isinstance(ids, Sequence):
            raise InvalidInputError("ids must be a list of strings")
        scoped = []
        for id in ids:
            clean = self.chunks.id(id)
            if not clean:
                raise InvalidInputError("an id is missing or empty")
            scoped.append(self.scoped(clean))
            if clean != id:
                # The item may have been written before the name in its id was known.
                scoped.append(self.scoped(id))
        return scoped

    def read_ids(self, ids: Sequence[str]) -> list[str]:
        """As `scope_ids`, and those of items in spaces that the user may read.

        Raises:
            InvalidInputError: No list of non-empty strings.
        """
        scoped = self.scope_ids(ids)
        spaces = tuple(tag + SEPARATOR for tag in self.readable if tag != self.tag)
        return scoped + [id for id in ids if id.startswith(spaces)] if spaces else scoped

    def outward(
        self, id: str | None, metadata: Mapping[str, Any]
    ) -> tuple[str | None, dict[str, Any]]:
        """Check an item read from the store; return id and metadata as the caller knows them.

        An item of a space keeps the tag of the space before its id: the user may have an own item
        of the same name.

        Raises:
            TenancyError: It is another user's.
        """
        own = dict(metadata)
        self.tags.require(self.readable, own)
        del own[self.tags.key]
        prefix = self.tag + SEPARATOR
        if id is not None and id.startswith(prefix):
            id = id[len(prefix) :]
        return id, own

    def again(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        """Scrub retrieved chunks once more. See `ChunkScrubber.again`."""
        # Text that something else wrote there is searched like any other.
        expiry = [
            {k: v for k, v in c.metadata.items() if k == EXPIRES_KEY and isinstance(v, int | float)}
            for c in chunks
        ]
        bare = [
            replace(c, metadata={k: v for k, v in c.metadata.items() if k not in expires})
            for c, expires in zip(chunks, expiry, strict=True)
        ]
        return [
            replace(chunk, metadata={**chunk.metadata, **expires}) if expires else chunk
            for chunk, expires in zip(self.chunks.again(bare), expiry, strict=True)
        ]

    def is_live(self, metadata: Mapping[str, Any]) -> bool:
        """Whether an item read from the store has not expired; one that says nonsense has."""
        if metadata.get(EXPIRES_KEY) is None:
            return True
        try:
            return float(metadata[EXPIRES_KEY]) > self.now()
        except (TypeError, ValueError, OverflowError):
            return False

    @staticmethod
    def now() -> float:
        """The time that times of expiry are compared with; seconds since the epoch."""
        return time.time()

    def scope(self, caller: Any = None, *clauses: Clause) -> Scope:
        """Whose items a read may see, narrowed by the caller's filter.

        Args:
            caller: A mapping as `piirag.tenancy.filters` describes it; None or an empty one
                narrows nothing.
            *clauses: Further clauses in normal form, made by piirag.

        Raises:
            TenancyError: The caller's filter names the tenant key.
            InvalidInputError: It is no mapping, or something in it is of the wrong kind.
        """
        clause = normalised(caller, self.tags.key)
        clean = None if clause is None else self.chunks.filter(clause)
        return Scope(self.tags.key, self.readable, joined(clean, *clauses), self.now())

    def where(self, caller: Mapping[str, Any] | None) -> Clause:
        """The whole filter in normal form: the tenant's clause, and-ed outermost with the caller's.

        Raises:
            TenancyError: The caller's clause names the tenant key.
            InvalidInputError: It is no mapping, or something in it is of the wrong kind.
        """
        return self.scope(caller).clause(expiry=False)

    def _untagged(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        if not isinstance(metadata, Mapping):
            raise InvalidInputError(f"metadata must be a mapping, not {type(metadata).__name__}")
        bare = dict(metadata)
        given = bare.pop(self.tags.key, None)
        if given is not None and given not in (self.user_id, self.tag):
            raise TenancyError(
                f"a chunk names another user in metadata[{self.tags.key!r}]; if that key is "
                "yours, choose another tenant_key"
            )
        return bare


def _expiry(metadata: dict[str, Any]) -> dict[str, float]:
    """Take the time of expiry out of metadata; as seconds since the epoch."""
    value = metadata.pop(EXPIRES_KEY, None)
    if value is None:
        return {}
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.timestamp()
    if type(value) not in {int, float} or not math.isfinite(value):
        raise InvalidInputError(
            f"{EXPIRES_KEY} is a time: seconds since the epoch, or a datetime with a time zone"
        )
    return {EXPIRES_KEY: float(value)}
