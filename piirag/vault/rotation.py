"""Replacing the master key: every data key is sealed under the newest."""

from __future__ import annotations

from piirag.errors import VaultKeyError
from piirag.vault.keyring import KeyRing, Rotation
from piirag.vault.protocol import VaultBackend


def rotate(backend: VaultBackend, ring: KeyRing) -> Rotation:
    """Seal all data keys under the newest master key of a ring.

    Each data key is replaced in one step and only if it still is what was read, so an erasure
    meanwhile stays an erasure. What was done is seen from the data keys themselves: after an
    interruption nothing has to be remembered.

    Raises:
        VaultKeyError: Some data keys are under a master key that is not in the ring. All others
            were rewrapped.
    """
    rewrapped = already = failed = 0
    for tag in backend.tags():
        while True:
            record = backend.user(tag)
            if record is None or record.wrapped_key is None:
                break
            old = record.wrapped_key
            if ring.is_newest(old):
                already += 1
                break
            try:
                data_key = ring.unwrap(old, tag)
            except VaultKeyError:
                failed += 1
                break
            if backend.rewrap(tag, old, ring.wrap(data_key, tag)):
                rewrapped += 1
                break
    if failed:
        raise VaultKeyError(
            f"{failed} data keys do not open under the master keys that were passed; "
            f"{rewrapped} were sealed anew"
        )
    return Rotation(rewrapped, already)
