"""What a vault back end does. It sees keyed tags, tokens and ciphertext, never a value.

Values come in two kinds. A keyed pseudonym derives from its value, so two processes that store
the same value propose the same token. A random token does not, so its entry carries an `index`,
a keyed hash of what the token stands for: of all entries of a user that claim one index, the
first stays, and `VaultBackend.put` hands it to whoever comes later. `UserVault.claim` and
`UserVault.find` are the way to it:

```
index = user_vault.index(f"{operator}|{entity_type}|{normal_form}")
held = user_vault.claim([Claim(index, a_random_token, {"t": ..., "v": ..., "o": ...})])
token, value = held[index]      # of whoever came first; not in `held`: propose another token
user_vault.find([index])        # the same, without writing
```
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Entry:
    """One token and the encrypted value behind it.

    Args:
        token: The token, as it stands in stored text.
        blob: The sealed value.
        known: Whether the application passed this value along (``known=``).
        index: A keyed hash of what the token stands for, where the token does not derive from
            it. No two entries of a user have the same.
    """

    token: str
    blob: bytes = field(repr=False)
    known: bool = False
    index: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class UserRecord:
    """What a back end knows of a user.

    Args:
        wrapped_key: The user's data key, sealed under a master key; None once erased.
        erased_at: Seconds since the epoch, or None.
        version: Grows whenever a known value is added.
    """

    wrapped_key: bytes | None = field(repr=False)
    erased_at: float | None
    version: int


class VaultBackend(Protocol):
    """Storage behind a `Vault`. All methods are safe to call from several threads.

    Users are named by tags: keyed hashes, in hexadecimal. `piirag.testing.vault` holds the suite
    that every back end has to pass.
    """

    def meta(self, name: str, value: bytes) -> bytes:
        """Store a value under a name unless there is one; return the one that is there."""
        ...

    def read_meta(self, name: str) -> bytes | None:
        """The value under a name, or None; stores nothing."""
        ...

    def user(self, tag: str) -> UserRecord | None:
        """The record of a user, or None for one never seen."""
        ...

    def tags(self) -> Iterator[str]:
        """The tags of all users, tombstones included, in any order, each once.

        A user who is there from the first to the last step is not left out; one created or gone
        meanwhile may be.
        """
        ...

    def create_user(self, tag: str, wrapped_key: bytes) -> UserRecord:
        """Create a user unless there is one; return the one that is there."""
        ...

    def rewrap(self, tag: str, old: bytes, new: bytes) -> bool:
        """Replace a user's wrapped data key, in one step, if it still is `old`.

        It changes nothing else: neither version nor tombstone.

        Returns:
            Whether it was replaced.
        """
        ...

    def put(self, tag: str, wrapped_key: bytes, entries: Sequence[Entry]) -> dict[str, Entry]:
        """Add entries whose tokens and indexes are new; mark as known where asked.

        Args:
            tag: The user.
            wrapped_key: The data key the entries were sealed under, as `user` gave it.
            entries: What to add. Tokens and indexes do not repeat within one call.

        Returns:
            Token passed -> the entry that won. For an entry with an index that is the one holding
            this index, whose token may be another one. Where the index is new but the token is
            taken, it is the entry that holds the token (its `index` differs), nothing was added,
            and the caller proposes another token. For an entry without index it is the one that
            holds the token. Only a winner with the index that was passed is marked as known.

        Raises:
            UserErasedError: The user was erased, never created, or has another data key by now.
                Checked in the same transaction, so that no write slips in behind an erasure.
        """
        ...

    def get(self, tag: str, tokens: Sequence[str]) -> dict[str, bytes]:
        """Blobs of the tokens that are stored."""
        ...

    def find(self, tag: str, indexes: Sequence[bytes]) -> dict[bytes, Entry]:
        """Index -> the entry that holds it, for those that are stored."""
        ...

    def entries(self, tag: str, *, known_since: int | None = None) -> Iterator[Entry]:
        """All entries of a user, or those that became known after a version (0 for all known)."""
        ...

    def count(self, tag: str) -> int:
        """How many entries a user has."""
        ...

    def discard(self, tag: str, tokens: Sequence[str]) -> int:
        """Delete single entries of a user, their indexes too; the version stays.

        Returns:
            How many were deleted.
        """
        ...

    def put_session(
        self, tag: str, wrapped_key: bytes, key: str, blob: bytes, *, expires_at: float, now: float
    ) -> bool:
        """Keep a sealed session until a time, unless one of this key is there and alive.

        Args:
            tag: The user.
            wrapped_key: The data key it was sealed under.
            key: Keyed hash of the session id, in hexadecimal.
            blob: The sealed session.
            expires_at: Seconds since the epoch.
            now: Seconds since the epoch; a session that expired by then is replaced.

        Returns:
            Whether it was stored.

        Raises:
            UserErasedError: As in `put`, and checked in the same transaction too.
        """
        ...

    def take_session(self, tag: str, key: str, now: float) -> bytes | None:
        """Hand out a session and destroy it, in one step: of two callers one gets it.

        Returns:
            The blob; None where there is none, it has expired, or the user is erased.
        """
        ...

    def count_sessions(self, tag: str, now: float) -> int:
        """How many sessions of a user are alive."""
        ...

    def purge_sessions(self, now: float) -> int:
        """Delete the expired sessions of all users.

        Returns:
            How many were deleted; 0 from a store that expires them by itself.
        """
        ...

    def count_expired(self, now: float) -> int:
        """How many sessions `purge_sessions` would delete."""
        ...

    def erase(self, tag: str, erased_at: float) -> int:
        """Delete a user's entries, sessions and data key, leave a tombstone.

        Returns:
            How many entries were deleted; sessions do not count.
        """
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
