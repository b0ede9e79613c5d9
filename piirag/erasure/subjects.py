"""Users as the journal knows them: a keyed hash, and an id that only the master key opens."""

from __future__ import annotations

from piirag.errors import VaultKeyError
from piirag.user_id import check_user_id
from piirag.vault.keyring import KeyRing
from piirag.vault.keys import MasterKey, derive, keyed_hash
from piirag.vault.vault import Vault

# No user id holds NUL.
_REQUEST = b"\x00person\x00"


class Subjects:
    """Hashes and seals user ids under the keys of a vault.

    Args:
        vault: The vault. Without one, a key that lives as long as the process.
    """

    def __init__(self, vault: Vault | None) -> None:
        self.vault = vault
        self._ring: KeyRing = KeyRing(MasterKey.generate()) if vault is None else vault._ring

    def subject(self, user_id: str) -> str:
        """The keyed hash of a user, as in receipts."""
        if self.vault is not None:
            return self.vault.receipt_subject(user_id)
        key = self._ring.newest.derive("receipt-subject")
        return keyed_hash(key, check_user_id(user_id)).hex()

    def person(self, canonical: str) -> str:
        """The keyed hash of a person who may be no user, by what the person is known by."""
        return self.hashed("data subject", canonical)

    def hashed(self, purpose: str, text: str) -> str:
        """A keyed hash of a text for one purpose, under a key that no other purpose has."""
        key = self._ring.newest.derive("receipt-subject")
        if self.vault is not None:
            key = self.vault.receipt_key
        return keyed_hash(derive(key, purpose), text).hex()

    def seal(self, user_id: str) -> bytes:
        """A user's id, sealed under the newest master key."""
        return self._ring.wrap(user_id.encode("utf-8"), _bound(self.subject(user_id)))

    def open(self, subject: str, sealed: bytes) -> str:
        """Undo `seal`.

        Raises:
            VaultKeyError: Another master key, or the entry was altered or moved.
        """
        user_id = self._ring.unwrap(sealed, _bound(subject)).decode("utf-8")
        if self.subject(user_id) != subject:
            raise VaultKeyError("an entry of the journal does not belong to this user")
        return user_id

    def seal_request(self, subject: str, data: bytes) -> bytes:
        """What the erasure of a person needs, sealed under the newest master key.

        Args:
            subject: The keyed hash of the person.
            data: What is needed.
        """
        return self._ring.wrap(_REQUEST + data, _bound(subject))

    def open_request(self, subject: str, sealed: bytes) -> bytes | None:
        """Undo `seal_request`; None where it is the id of a user.

        Raises:
            VaultKeyError: Another master key, or the entry was altered or moved.
        """
        data = self._ring.unwrap(sealed, _bound(subject))
        return data[len(_REQUEST) :] if data.startswith(_REQUEST) else None

    def sealed_anew(self, subject: str, sealed: bytes) -> bytes:
        """The same, sealed under the newest master key.

        Raises:
            VaultKeyError: Another master key, or the entry was altered or moved.
        """
        return self._ring.wrap(self._ring.unwrap(sealed, _bound(subject)), _bound(subject))

    def is_newest(self, sealed: bytes) -> bool:
        """Whether an id is sealed under the newest master key."""
        return self._ring.is_newest(sealed)


def _bound(subject: str) -> str:
    return f"erasure|{subject}"
