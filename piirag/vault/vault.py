"""The vault: encryption and per-user keys over a back end."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

from piirag.errors import UserErasedError
from piirag.user_id import check_user_id
from piirag.vault.keyring import KeyRing, Rotation, hash_keys, key_name
from piirag.vault.keys import KEY_BYTES, MasterKey, derive, keyed_hash
from piirag.vault.memory import MemoryBackend
from piirag.vault.protocol import UserRecord, VaultBackend
from piirag.vault.rotation import rotate
from piirag.vault.sessions import SessionVault
from piirag.vault.sqlite import SQLiteBackend
from piirag.vault.user_vault import UserVault

__all__ = ["MemoryVault", "SQLiteVault", "UserVault", "Vault"]

_KEYS_KEPT = 256
_FORGET_ROOM = 64


class Vault:
    """Where the values behind pseudonyms are kept, encrypted under a data key per user.

    The back end holds keyed hashes of user ids, tokens, and ciphertext. Each user's data key is
    random and sealed under the master key; erasing a user destroys it, and with it every value.
    The pseudonyms are derived from the data key too: without it nobody, master key or not, can
    link a pseudonym to a guess.

    Args:
        backend: Where to store.
        master_key: The secret of this deployment; a `KeyRing` while one key replaces another.

    Raises:
        VaultKeyError: The back end was written under another master key.
    """

    def __init__(self, backend: VaultBackend, master_key: MasterKey | KeyRing) -> None:
        self.backend = backend
        self._ring = master_key if isinstance(master_key, KeyRing) else KeyRing(master_key)
        self._hash_keys = hash_keys(backend, self._ring)
        self._forget_calls: list[weakref.WeakMethod[Callable[[str], None]]] = []
        self._forget_room = _FORGET_ROOM
        self._lock = threading.Lock()
        self._data_keys: OrderedDict[tuple[str, bytes], bytes] = OrderedDict()

    def tag(self, user_id: str) -> str:
        """The keyed hash under which the back end knows a user; hexadecimal."""
        return keyed_hash(self._hash_keys.tag, check_user_id(user_id)).hex()

    def tenant_tag(self, user_id: str) -> str:
        """The keyed hash that stands for a user in a vector store, in keyed mode."""
        return "u" + keyed_hash(self._hash_keys.tenant, check_user_id(user_id)).hex()[:32]

    def receipt_subject(self, user_id: str) -> str:
        """The keyed hash that stands for a user in receipts."""
        return keyed_hash(self._hash_keys.receipt, check_user_id(user_id)).hex()

    @property
    def receipt_key(self) -> bytes:
        """The key of the hashes in receipts, to derive others from; it survives a rotation."""
        return self._hash_keys.receipt

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
            VaultKeyError: The data key is under a master key that was not passed.
        """
        tag = self.tag(user_id)
        record = self.backend.user(tag)
        if record is None:
            if not create:
                return None
            fresh = self._ring.wrap(os.urandom(KEY_BYTES), tag)
            record = self.backend.create_user(tag, fresh)
        user = self._opened(tag, record)
        if user is None:
            raise UserErasedError
        return user

    def opened(self, user_id: str) -> UserVault | None:
        """The part of the vault of one user, or None for one who is unknown or erased."""
        try:
            return self.open(user_id, create=False)
        except UserErasedError:
            return None

    def opened_by_tag(self, tag: str) -> UserVault | None:
        """The part of one user, named by the tag; None for one who is unknown or erased.

        With `backend.tags()` it walks all users, whose ids the vault does not know.

        Raises:
            VaultKeyError: The data key is under a master key that was not passed.
        """
        record = self.backend.user(tag)
        return None if record is None else self._opened(tag, record)

    def _opened(self, tag: str, record: UserRecord) -> UserVault | None:
        if record.erased_at is not None or record.wrapped_key is None:
            return None
        key = record.wrapped_key
        data_key = self._data_key(key, tag)
        return UserVault(self.backend, tag, data_key, key, record.version, renew=self._renewed)

    def discard(self, user: UserVault, tokens: Sequence[str]) -> int:
        """Delete single values of a user: what their tokens stood for cannot be looked up any more.

        Scrubbers of this process forget what they remember of the user. Those of other processes
        go on finding a value that was passed as known until they are started again.

        Args:
            user: The user's part of this vault.
            tokens: What stands for the values.

        Returns:
            How many were deleted.
        """
        gone = user.discard(tokens)
        if gone:
            self._have_forgotten(user.tag)
        return gone

    def _have_forgotten(self, tag: str) -> None:
        for reference in list(self._forget_calls):
            call = reference()
            if call is not None:
                call(tag)

    def _data_key(self, wrapped: bytes, tag: str) -> bytes:
        name = (tag, wrapped)
        with self._lock:
            if name in self._data_keys:
                self._data_keys.move_to_end(name)
                return self._data_keys[name]
        data_key = self._ring.unwrap(wrapped, tag)
        with self._lock:
            self._data_keys[name] = data_key
            while len(self._data_keys) > _KEYS_KEPT:
                self._data_keys.popitem(last=False)
        return data_key

    def _renewed(self, tag: str, data_key: bytes) -> bytes | None:
        """A data key as the back end holds it now, if it is the same one and in use."""
        record = self.backend.user(tag)
        if record is None or record.erased_at is not None or record.wrapped_key is None:
            return None
        same = self._data_key(record.wrapped_key, tag) == data_key
        return record.wrapped_key if same else None

    @cached_property
    def sessions(self) -> SessionVault:
        """Mappings of model calls whose reply another process handles."""
        return SessionVault(self)

    def rotate(self) -> Rotation:
        """Seal all data keys under the newest master key; no value is decrypted or rewritten.

        It may be interrupted and run again, by several processes at once, while the vault is in
        use. Run it until it rewraps nothing before an older key is dropped.

        Raises:
            VaultKeyError: Some data keys are under a master key that was not passed. All others
                were rewrapped.
        """
        return rotate(self.backend, self._ring)

    def sealed_under(self) -> dict[str, int]:
        """Master key id -> how many data keys are sealed under it; none is opened.

        Data keys sealed by a version that had one master key only count as ``"unmarked"``.
        """
        records = map(self.backend.user, self.backend.tags())
        keys = (record.wrapped_key for record in records if record is not None)
        return dict(Counter(key_name(key) for key in keys if key is not None))

    def passing(self) -> UserVault:
        """A vault that nothing ever reads: for questions of users who have stored nothing."""
        return UserVault(MemoryBackend(), "", os.urandom(KEY_BYTES), b"", 0)

    def epoch(self, user_id: str) -> bytes | None:
        """What changes when a user is erased, and again when the user is reinstated.

        Compare it before and after a write to another store, to see whether an erasure came in
        between. None while the user is erased or unknown.
        """
        tag = self.tag(user_id)
        record = self.backend.user(tag)
        if record is None or record.erased_at is not None or record.wrapped_key is None:
            return None
        # Of the key itself, not of its sealed form, which a rotation changes.
        return derive(self._data_key(record.wrapped_key, tag), "epoch")

    def on_forget(self, call: Callable[[str], None]) -> None:
        """Have a method called with a user's tag when the user is forgotten; held weakly."""
        with self._lock:
            if len(self._forget_calls) >= self._forget_room:
                # Those of objects that are gone. A server makes one for each of its chats.
                self._forget_calls = [held for held in self._forget_calls if held() is not None]
                self._forget_room = max(_FORGET_ROOM, 2 * len(self._forget_calls))
            self._forget_calls.append(weakref.WeakMethod(call))

    def count(self, user_id: str) -> int:
        """How many values the vault holds for a user."""
        return self.backend.count(self.tag(user_id))

    def tombstone(self, user_id: str) -> None:
        """Refuse writes for a user from now on; the first step of an erasure."""
        self.backend.tombstone(self.tag(user_id), time.time())

    def forget(self, user_id: str) -> int:
        """Destroy a user's data key, values and sessions; later writes are refused.

        Returns:
            How many values were deleted; sessions do not count.
        """
        tag = self.tag(user_id)
        gone = self.backend.erase(tag, time.time())
        with self._lock:
            for name in [name for name in self._data_keys if name[0] == tag]:
                del self._data_keys[name]
        self._have_forgotten(tag)
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


class MemoryVault(Vault):
    """A vault that lives as long as the process; pseudonyms change when it restarts.

    Args:
        key: The master key; a random one if None.
    """

    def __init__(self, key: MasterKey | KeyRing | None = None) -> None:
        super().__init__(MemoryBackend(), key or MasterKey.generate())


class SQLiteVault(Vault):
    """A vault in one SQLite file, mode 0600, that several processes may share.

    Args:
        path: The file; its folder must exist, unless `make_folder` is set.
        key: The master key; read from the environment variable `PIIRAG_MASTER_KEY` if None.
        make_folder: Create missing folders on the way to it, mode 0700.

    Raises:
        VaultError: The file cannot be opened.
        VaultKeyError: No key, or not the one this file was written under.
    """

    def __init__(
        self,
        path: str | Path,
        key: MasterKey | KeyRing | None = None,
        *,
        make_folder: bool = False,
    ) -> None:
        # The key first: without one no file is made.
        key = key or MasterKey.from_env()
        super().__init__(SQLiteBackend(path, make_folder=make_folder), key)
