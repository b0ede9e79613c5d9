"""Several master keys: one seals, all open, so that a key can be replaced by the next."""

from __future__ import annotations

from dataclasses import dataclass, field

from piirag.errors import ConfigurationError, VaultKeyError
from piirag.vault.keys import KEY_BYTES, MasterKey, seal, unseal
from piirag.vault.protocol import VaultBackend

# Before a sealed data key stands which master key it is under. Data keys sealed before there was
# a choice have no such mark; they begin with a random nonce.
_MARK = b"\x00piirag\x01"
_ID_BYTES = 8
_HASH_KEYS = ("vault-tag", "tenant-tag", "receipt-subject")


@dataclass(frozen=True, repr=False)
class HashKeys:
    """The keys of the hashes that stand for users: in the vault, in vector stores, in receipts.

    They are the first master key's and stay when it is replaced: the vault does not know its
    users' ids, so nothing could be hashed anew. Later master keys hold a sealed copy.
    """

    tag: bytes
    tenant: bytes
    receipt: bytes


@dataclass(frozen=True)
class Rotation:
    """What `Vault.rotate` did.

    Args:
        rewrapped: Data keys that were sealed anew, under the newest master key.
        already: Data keys that were under it before.
    """

    rewrapped: int = 0
    already: int = 0


@dataclass(frozen=True, init=False)
class KeyRing:
    """A master key to seal with, and older ones that still open what they sealed.

    Args:
        newest: Seals from now on.
        older: Also open. Drop one once `Vault.rotate` has run with every process that still
            writes under it stopped.

    Raises:
        ConfigurationError: Not master keys, or one of them twice.
    """

    keys: tuple[MasterKey, ...] = field(repr=False)
    ids: tuple[str, ...]

    def __init__(self, newest: MasterKey, *older: MasterKey) -> None:
        keys = (newest, *older)
        if not all(isinstance(key, MasterKey) for key in keys):
            raise ConfigurationError("a key ring holds master keys only")
        ids = tuple(key.id for key in keys)
        if len(set(ids)) < len(ids):
            raise ConfigurationError("a key ring holds the same master key twice")
        object.__setattr__(self, "keys", keys)
        object.__setattr__(self, "ids", ids)

    @property
    def newest(self) -> MasterKey:
        """The key that seals."""
        return self.keys[0]

    def wrap(self, data_key: bytes, tag: str) -> bytes:
        """Seal a user's data key under the newest master key, for this user only."""
        sealed = seal(self.newest.derive("wrap"), data_key, tag)
        return _MARK + bytes.fromhex(self.newest.id) + sealed

    def unwrap(self, blob: bytes, tag: str) -> bytes:
        """Undo `wrap`, under whichever key it was.

        Raises:
            VaultKeyError: The master key is not in this ring, or the blob was altered or moved.
        """
        key_id, sealed = _split(blob)
        if key_id is None:
            return self._unwrap_unmarked(sealed, tag)
        if key_id not in self.ids:
            raise VaultKeyError(f"a data key is sealed under master key {key_id}, not passed here")
        key = self.keys[self.ids.index(key_id)]
        return unseal(key.derive("wrap"), sealed, tag)

    def _unwrap_unmarked(self, sealed: bytes, tag: str) -> bytes:
        for key in self.keys:
            try:
                return unseal(key.derive("wrap"), sealed, tag)
            except VaultKeyError:
                continue
        raise VaultKeyError("a data key does not decrypt: wrong master key, or it was altered")

    def is_newest(self, blob: bytes) -> bool:
        """Whether a data key is sealed under the newest master key."""
        return _split(blob)[0] == self.newest.id


def _split(blob: bytes) -> tuple[str | None, bytes]:
    """Which master key a data key is under, None if it does not say, and the sealed part."""
    if not blob.startswith(_MARK):
        return None, blob
    start = len(_MARK) + _ID_BYTES
    return blob[len(_MARK) : start].hex(), blob[start:]


def key_name(blob: bytes) -> str:
    """Which master key a data key is under; ``"unmarked"`` for one from before there were ids."""
    return _split(blob)[0] or "unmarked"


def hash_keys(backend: VaultBackend, ring: KeyRing) -> HashKeys:
    """The hash keys of a vault; makes them those of the newest key in a new one.

    Raises:
        VaultKeyError: The vault was written under master keys that are not in the ring.
    """
    check = backend.meta("key-check", ring.newest.derive("check"))
    found = None
    for key in ring.keys:
        if check == key.derive("check"):
            found = b"".join(map(key.derive, _HASH_KEYS))
            break
        sealed = backend.read_meta(_meta_name(key))
        if sealed is not None:
            found = unseal(key.derive("hash-keys"), sealed, key.id)
            break
    if found is None:
        raise VaultKeyError("this vault was written under another master key")
    if check != ring.newest.derive("check"):
        # From now on the newest key alone is enough.
        sealed = seal(ring.newest.derive("hash-keys"), found, ring.newest.id)
        backend.meta(_meta_name(ring.newest), sealed)
    return HashKeys(*(found[k : k + KEY_BYTES] for k in range(0, len(found), KEY_BYTES)))


def _meta_name(key: MasterKey) -> str:
    return f"hash-keys/{key.id}"
