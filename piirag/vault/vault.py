"""The vault: encryption and per-user keys over a back end."""

from __future__ import annotations

import json
import os
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from piirag.errors import UserErasedError, VaultKeyError
from piirag.user_id import check_user_id
from piirag.vault.keys import KEY_BYTES, MasterKey, derive, keyed_hash, seal, unseal
from piirag.vault.memory import MemoryBackend
from piirag.vault.protocol import Entry, VaultBackend
from piirag.vault.sqlite import SQLiteBackend


class Vault:
    """Where the values behind pseudonyms are kept, encrypted under a data key per user.

    The back end holds keyed hashes of user ids, tokens, and ciphertext. Each user's data key is
    random and sealed under the master key; erasing a user destroys it, and with it every value.
    The pseudonyms are derived from the data key too: without it nobody, master key or not, can
    link a pseudonym to a guess.

    Args:
        backend: Where to store.
        master_key: The secret of this deployment.

    Raises:
        VaultKeyError: The back end was written under another master key.
    """

    def __init__(self, backend: VaultBackend, master_key: MasterKey) -> None:
        self.backend = backend
        self._wrap_key = master_key.derive("wrap")
        self._tag_key = master_key.derive("vault-tag")
        self._tenant_key = master_key.derive("tenant-tag")
        self._receipt_key = master_key.derive("receipt-subject")
        self._forget_calls: list[weakref.WeakMethod[Callable[[str], None]]] = []
        check = master_key.derive("check")
        if backend.meta("key-check", check) != check:
            raise VaultKeyError("this vault was written under another master key")

    def tag(self, user_id: str) -> str:
        """The keyed hash under which the back end knows a user; hexadecimal."""
        return keyed_hash(self._tag_key, check_user_id(user_id)).hex()

    def tenant_tag(self, user_id: str) -> str:
        """The keyed hash that stands for a user in a vector store, in keyed mode."""
        return "u" + keyed_hash(self._tenant_key, check_user_id(user_id)).hex()[:32]

    def receipt_subject(self, user_id: str) -> str:
        """The keyed hash that stands for a user in receipts."""
        return keyed_hash(self._receipt_key, check_user_id(user_id)).hex()

    def has_user(self, user_id: str) -> bool:
        """Whether the vault holds anything for a user, a tombstone included."""
        return self.backend.user(self.tag(user_id)) is not None

    def is_erased(self, user_id: str) -> bool:
        """Whether a user was erased and not reinstated."""
        record = self.backend.user(self.tag(user_id))
        return record is not None and record.erased_at is not None

    def open(self, user_id: str, *, create: bool = True) -> UserVault | None:
        """The part of the vault that belongs to one user.

        Args:
            user_id: The user.
            create: Make a data key where the user has none yet.

        Returns:
            The user's vault; None where there is none and `create` is False.

        Raises:
            UserErasedError: The user was erased.
        """
        tag = self.tag(user_id)
        record = self.backend.user(tag)
        if record is None:
            if not create:
                return None
            fresh = seal(self._wrap_key, os.urandom(KEY_BYTES), tag)
            record = self.backend.create_user(tag, fresh)
        if record.erased_at is not None or record.wrapped_key is None:
            raise UserErasedError
        data_key = self._data_key(record.wrapped_key, tag)
        return UserVault(self.backend, tag, data_key, record.wrapped_key, record.version)

    def _data_key(self, wrapped: bytes, tag: str) -> bytes:
        return unseal(self._wrap_key, wrapped, tag)

    def passing(self) -> UserVault:
        """A vault that nothing ever reads: for questions of users who have stored nothing."""
        return UserVault(MemoryBackend(), "", os.urandom(KEY_BYTES), b"", 0)

    def epoch(self, user_id: str) -> bytes | None:
        """What changes when a user is erased, and again when the user is reinstated.

        Compare it before and after a write to another store, to see whether an erasure came in
        between. None while the user is erased or unknown.
        """
        record = self.backend.user(self.tag(user_id))
        return None if record is None or record.erased_at is not None else record.wrapped_key

    def on_forget(self, call: Callable[[str], None]) -> None:
        """Have a method called with a user's tag when the user is forgotten; held weakly."""
        self._forget_calls.append(weakref.WeakMethod(call))

    def count(self, user_id: str) -> int:
        """How many values the vault holds for a user."""
        return self.backend.count(self.tag(user_id))

    def tombstone(self, user_id: str) -> None:
        """Refuse writes for a user from now on; the first step of an erasure."""
        self.backend.tombstone(self.tag(user_id), time.time())

    def forget(self, user_id: str) -> int:
        """Destroy a user's data key and values; later writes are refused.

        Returns:
            How many values were deleted.
        """
        tag = self.tag(user_id)
        gone = self.backend.erase(tag, time.time())
        for reference in self._forget_calls:
            call = reference()
            if call is not None:
                call(tag)
        return gone

    def reinstate(self, user_id: str) -> bool:
        """Allow writes for an erased user again, under a new data key.

        Returns:
            Whether the user had been erased.
        """
        return self.backend.reinstate(self.tag(user_id))

    def close(self) -> None:
        """Release files and connections."""
        self.backend.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({type(self.backend).__name__})"


class UserVault:
    """One user's values; made by `Vault.open`."""

    def __init__(
        self,
        backend: VaultBackend,
        tag: str,
        data_key: bytes,
        wrapped_key: bytes,
        version: int,
    ) -> None:
        self._backend = backend
        self._wrapped_key = wrapped_key
        self.tag = tag
        self.version = version
        self.passing = not tag
        self.hash_key = derive(data_key, "pseudonym")
        self.salt = derive(data_key, "salt")
        self._seal_key = derive(data_key, "values")

    def put(self, items: Iterable[tuple[str, dict[str, Any], bool]]) -> dict[str, dict[str, Any]]:
        """Store values under tokens unless the tokens are taken.

        Args:
            items: Token, value (a JSON object), and whether the application passed it along.

        Returns:
            Token -> the value that is stored now.
        """
        entries = [
            Entry(token, seal(self._seal_key, json.dumps(value).encode(), self._bound(token)), flag)
            for token, value, flag in items
        ]
        return (
            self._opened(self._backend.put(self.tag, self._wrapped_key, entries)) if entries else {}
        )

    def get(self, tokens: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Values of the tokens that are stored."""
        return self._opened(self._backend.get(self.tag, tokens)) if tokens else {}

    def values(self, *, known_since: int | None = None) -> list[tuple[str, dict[str, Any]]]:
        """Tokens and values: all, or those the application passed along after a version."""
        entries = self._backend.entries(self.tag, known_since=known_since)
        return [(e.token, self._open(e.token, e.blob)) for e in entries]

    def _bound(self, token: str) -> str:
        return f"{self.tag}|{token}"

    def _open(self, token: str, blob: bytes) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(unseal(self._seal_key, blob, self._bound(token)))
        return value

    def _opened(self, blobs: dict[str, bytes]) -> dict[str, dict[str, Any]]:
        return {token: self._open(token, blob) for token, blob in blobs.items()}

    def __repr__(self) -> str:
        return "UserVault(...)"


class MemoryVault(Vault):
    """A vault that lives as long as the process; pseudonyms change when it restarts.

    Args:
        key: The master key; a random one if None.
    """

    def __init__(self, key: MasterKey | None = None) -> None:
        super().__init__(MemoryBackend(), key or MasterKey.generate())


class SQLiteVault(Vault):
    """A vault in one SQLite file, mode 0600, that several processes may share.

    Args:
        path: The file; its folder must exist.
        key: The master key; read from the environment variable `PIIRAG_MASTER_KEY` if None.

    Raises:
        VaultError: The file cannot be opened.
        VaultKeyError: No key, or not the one this file was written under.
    """

    def __init__(self, path: str | Path, key: MasterKey | None = None) -> None:
        super().__init__(SQLiteBackend(path), key or MasterKey.from_env())
