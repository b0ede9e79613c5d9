"""Everything that binds a store to one user, for any framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from piirag.detection.known import Known
from piirag.errors import InvalidInputError, TenancyError
from piirag.redaction.scrubber import Scrubber
from piirag.tenancy.chunks import Chunk, ChunkScrubber
from piirag.tenancy.tags import TenantTags

SEPARATOR = ":"
"""Stands between tag and id in a store; no tag may hold it."""


class TenantBinding:
    """One user's view of a store that many share.

    Args:
        scrubber: Scrubs what is written and what is asked.
        user_id: The user.
        tags: How stored items name their user.
        known_from: Entity type -> metadata keys that hold known values.
        known: Values the application knows that may stand in questions.

    Raises:
        InvalidUserIdError: Missing or unsafe, before any store is touched.
    """

    def __init__(
        self,
        scrubber: Scrubber,
        user_id: str,
        tags: TenantTags,
        known_from: Mapping[str, Sequence[str]] | None = None,
        known: Known | None = None,
    ) -> None:
        self.tags = tags
        self.tag = tags.tag(user_id)
        self.user_id = user_id
        self.chunks = ChunkScrubber(scrubber, user_id, known_from, known)

    def inward(
        self, chunks: Sequence[Chunk], known: Known | Sequence[Known | None] | None = None
    ) -> list[Chunk]:
        """Scrub chunks, scope their ids and tag them, ready to be written.

        Raises:
            TenancyError: A chunk bears another user's tag.
            UserErasedError: The user was erased.
        """
        bare = [replace(c, metadata=self._untagged(c.metadata)) for c in chunks]
        return [
            Chunk(
                chunk.text,
                {**chunk.metadata, self.tags.key: self.tag},
                None if chunk.id is None else self.scoped(chunk.id),
            )
            for chunk in self.chunks.scrub(bare, known)
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

    def outward(
        self, id: str | None, metadata: Mapping[str, Any]
    ) -> tuple[str | None, dict[str, Any]]:
        """Check an item read from the store; return id and metadata as the caller knows them.

        Raises:
            TenancyError: It is another user's.
        """
        own = dict(metadata)
        self.tags.require(self.tag, own)
        del own[self.tags.key]
        prefix = self.tag + SEPARATOR
        if id is not None and id.startswith(prefix):
            id = id[len(prefix) :]
        return id, own

    def where(self, caller: Mapping[str, Any] | None) -> dict[str, Any]:
        """A Chroma `where` clause: the tenant's, and-ed outermost with the caller's.

        Raises:
            TenancyError: The caller's clause names the tenant key.
            InvalidInputError: It is no mapping.
        """
        mine: dict[str, Any] = {self.tags.key: {"$eq": self.tag}}
        if caller is None or caller == {}:
            return mine
        if not isinstance(caller, Mapping):
            raise InvalidInputError("a filter must be a mapping")
        self._refuse_tenant_key(caller)
        clean = self.chunks.filter(caller)
        return {"$and": [mine, *({key: clause} for key, clause in clean.items())]}

    def _refuse_tenant_key(self, clause: Any) -> None:
        if isinstance(clause, Mapping):
            for key, value in clause.items():
                if not isinstance(key, str):
                    raise InvalidInputError("a filter has a key that is no string")
                if key == self.tags.key:
                    raise TenancyError(f"a filter may not name {self.tags.key!r}: piirag sets it")
                self._refuse_tenant_key(value)
        elif isinstance(clause, list | tuple):
            for item in clause:
                self._refuse_tenant_key(item)

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
