"""One user's part of a vault: sealing and opening values under the user's data key."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from piirag.errors import UserErasedError, VaultKeyError
from piirag.vault.keys import derive, keyed_hash, seal, unseal
from piirag.vault.protocol import Entry, VaultBackend

_INDEX = "#"
"""Where a sealed value says for which index it was stored; no value has such a key."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A token proposed for what an index stands for.

    Args:
        index: From `UserVault.index`.
        token: The token, not derived from the value.
        value: The value behind it, a JSON object.
        known: Whether the application passed the value along.
    """

    index: bytes = field(repr=False)
    token: str
    value: dict[str, Any] = field(repr=False)
    known: bool = False


class UserVault:
    """One user's values; made by `Vault.open`.

    Args:
        backend: Where to store.
        tag: The user.
        data_key: The user's data key.
        wrapped_key: The same, as the back end holds it.
        version: The version of the user's record.
        renew: Gives the data key as the back end holds it now, where that is still the same key
            sealed anew; else None.
    """

    def __init__(
        self,
        backend: VaultBackend,
        tag: str,
        data_key: bytes,
        wrapped_key: bytes,
        version: int,
        *,
        renew: Callable[[str, bytes], bytes | None] | None = None,
    ) -> None:
        self.backend = backend
        self._wrapped_key = wrapped_key
        self._renew = renew
        self.tag = tag
        self.version = version
        self.passing = not tag
        self._data_key = data_key
        self.hash_key = derive(data_key, "pseudonym")
        self.salt = derive(data_key, "salt")
        self._seal_key = derive(data_key, "values")

    def put(self, items: Iterable[tuple[str, dict[str, Any], bool]]) -> dict[str, dict[str, Any]]:
        """Store values under tokens unless the tokens are taken.

        Args:
            items: Token, value (a JSON object), and whether the application passed it along.

        Returns:
            Token -> the value that is stored now.

        Raises:
            UserErasedError: The user was erased meanwhile.
        """
        entries = [Entry(token, self._seal(token, value), flag) for token, value, flag in items]
        return {t: self._open(e.token, e.blob) for t, e in self._put(entries).items()}

    def index(self, name: str) -> bytes:
        """The keyed hash, under the user's data key, of what a token is to stand for."""
        return keyed_hash(derive(self._data_key, "index"), name)

    def claim(self, claims: Iterable[Claim]) -> dict[bytes, tuple[str, dict[str, Any]]]:
        """Propose tokens that do not derive from their values; the first one of an index stays.

        However many processes claim one index at a time, all are handed the same token.

        Args:
            claims: What to store. No index and no token twice.

        Returns:
            Index -> token and value that hold it now, whether they were stored just now or
            before. An index is missing where the proposed token stands for something else
            already: propose another one.

        Raises:
            UserErasedError: The user was erased meanwhile.
        """
        entries = {
            claim.token: Entry(
                claim.token,
                self._seal(claim.token, claim.value, claim.index),
                claim.known,
                claim.index,
            )
            for claim in claims
        }
        won = self._put(list(entries.values()))
        return self._held(e for token, e in won.items() if e.index == entries[token].index)

    def find(self, indexes: Sequence[bytes]) -> dict[bytes, tuple[str, dict[str, Any]]]:
        """Index -> token and value that hold it, for those that are stored."""
        return self._held(self.backend.find(self.tag, indexes).values()) if indexes else {}

    def get(self, tokens: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Values of the tokens that are stored."""
        found = self.backend.get(self.tag, tokens) if tokens else {}
        return {token: self._open(token, blob) for token, blob in found.items()}

    def values(self, *, known_since: int | None = None) -> list[tuple[str, dict[str, Any]]]:
        """Tokens and values: all, or those the application passed along after a version."""
        entries = self.backend.entries(self.tag, known_since=known_since)
        return [(e.token, self._open(e.token, e.blob)) for e in entries]

    def each(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """All tokens and values, one after the other."""
        for entry in self.backend.entries(self.tag):
            yield entry.token, self._open(entry.token, entry.blob)

    def discard(self, tokens: Sequence[str]) -> int:
        """Delete single values; call `Vault.discard`, which has scrubbers forget them too.

        Returns:
            How many were deleted.
        """
        return self.backend.discard(self.tag, tokens) if tokens else 0

    def write(self, call: Callable[[bytes], Any]) -> Any:
        """Carry out a write that names the data key as the back end holds it.

        A rotation of the master key may have sealed the data key anew since this vault was
        opened. Then the write is tried again; no other change is let pass.

        Raises:
            UserErasedError: The user was erased, or has another data key by now.
        """
        while True:
            try:
                return call(self._wrapped_key)
            except UserErasedError:
                pass
            now = self._renew(self.tag, self._data_key) if self._renew else None
            if now is None or now == self._wrapped_key:
                raise UserErasedError
            self._wrapped_key = now

    def key(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose, derived from the user's data key."""
        return derive(self._data_key, purpose)

    def _put(self, entries: list[Entry]) -> dict[str, Entry]:
        if not entries:
            return {}
        won: dict[str, Entry] = self.write(lambda key: self.backend.put(self.tag, key, entries))
        return won

    def _held(self, entries: Iterable[Entry]) -> dict[bytes, tuple[str, dict[str, Any]]]:
        return {
            e.index: (e.token, self._open(e.token, e.blob, e.index))
            for e in entries
            if e.index is not None
        }

    def _bound(self, token: str) -> str:
        return f"{self.tag}|{token}"

    def _seal(self, token: str, value: dict[str, Any], index: bytes | None = None) -> bytes:
        inner = value if index is None else {**value, _INDEX: index.hex()}
        return seal(self._seal_key, json.dumps(inner).encode(), self._bound(token))

    def _open(self, token: str, blob: bytes, index: bytes | None = None) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(unseal(self._seal_key, blob, self._bound(token)))
        inside = value.pop(_INDEX, None)
        # Whoever writes to the store could give one value's index to another.
        if index is not None and inside != index.hex():
            raise VaultKeyError("a vault entry was altered: it stands under another index")
        return value

    def __repr__(self) -> str:
        return "UserVault(...)"
