"""What a vault back end does. It sees keyed tags, tokens and ciphertext, never a value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Entry:
    """One token and the encrypted value behind it.

    Args:
        token: The token, as it stands in stored text.
        blob: The sealed value.
        known: Whether the application passed this value along (``known=``).
    """

    token: str
    blob: bytes
    known: bool = False


@dataclass(frozen=True, slots=True)
class UserRecord:
    """What a back end knows of a user.

    Args:
        wrapped_key: The user's data key, sealed under the master key; None once erased.
        erased_at: Seconds since the epoch, or None.
        version: Grows whenever a known value is added.
    """

    wrapped_key: bytes | None
    erased_at: float | None
    version: int


class VaultBackend(Protocol):
    """Storage behind a `Vault`. All methods are safe to call from several threads.

    Users are named by tags: keyed hashes, in hexadecimal.
    """

    def meta(self, name: str, value: bytes) -> bytes:
        """Store a value under a name unless there is one; return the one that is there."""
        ...

    def user(self, tag: str) -> UserRecord | None:
        """The record of a user, or None for one never seen."""
        ...

    def create_user(self, tag: str, wrapped_key: bytes) -> UserRecord:
        """Create a user unless there is one; return the one that is there."""
        ...

    def put(self, tag: str, wrapped_key: bytes, entries: Sequence[Entry]) -> dict[str, bytes]:
        """Add entries whose tokens are new; mark as known where asked.

        Args:
            tag: The user.
            wrapped_key: The data key the entries were sealed under, as `user` gave it.
            entries: What to add.

        Returns:
            Token -> the blob that is stored now, for every token passed.

        Raises:
            UserErasedError: The user was erased, never created, or has another data key by now.
                Checked in the same transaction, so that no write slips in behind an erasure.
        """
        ...

    def get(self, tag: str, tokens: Sequence[str]) -> dict[str, bytes]:
        """Blobs of the tokens that are stored."""
        ...

    def entries(self, tag: str, *, known_since: int | None = None) -> Iterator[Entry]:
        """All entries of a user, or those that became known after a version (0 for all known)."""
        ...

    def count(self, tag: str) -> int:
        """How many entries a user has."""
        ...

    def erase(self, tag: str, erased_at: float) -> int:
        """Delete a user's entries and data key, leave a tombstone; return entries deleted."""
        ...

    def tombstone(self, tag: str, erased_at: float) -> None:
        """Refuse writes for a user from now on, keeping what is there."""
        ...

    def reinstate(self, tag: str) -> bool:
        """Take a tombstone away; whether there was one."""
        ...

    def close(self) -> None:
        """Release files and connections."""
        ...
