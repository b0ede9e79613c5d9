"""Keys that a key management service holds: the library keeps only what the service wrapped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from piirag.errors import VaultKeyError


class KeyWrapper(Protocol):
    """A key management service, or anything that encrypts small secrets under a key it keeps.

    ```
    class Kms:                                      # for instance over a cloud client
        def wrap(self, secret: bytes) -> bytes:
            return client.encrypt(KeyId=KEY, Plaintext=secret)["CiphertextBlob"]
        def unwrap(self, wrapped: bytes) -> bytes:
            return client.decrypt(KeyId=KEY, CiphertextBlob=wrapped)["Plaintext"]
    ```

    It is called once for each start of the process, not for each user.
    """

    def wrap(self, secret: bytes) -> bytes:
        """Encrypt a master key of 32 bytes."""
        ...

    def unwrap(self, wrapped: bytes) -> bytes:
        """Undo `wrap`; raise where that is not possible."""
        ...


def wrapped(wrapper: KeyWrapper, secret: bytes) -> bytes:
    """Have a key service wrap a key, and see that it did.

    Raises:
        VaultKeyError: It raised, or gave nothing that hides the key.
    """
    blob = called(lambda: wrapper.wrap(secret), "the key service")
    if not isinstance(blob, bytes) or not blob or secret in blob:
        raise VaultKeyError("the key service did not wrap the master key")
    return blob


def unwrapped(wrapper: KeyWrapper, blob: bytes) -> bytes:
    """Have a key service unwrap a key.

    Raises:
        VaultKeyError: It raised, or gave no bytes.
    """
    secret = called(lambda: wrapper.unwrap(blob), "the key service")
    if not isinstance(secret, bytes):
        raise VaultKeyError("the key service gave no key")
    return secret


def called(function: Callable[[], Any], who: str) -> Any:
    """Call foreign code that handles keys; what it raises may quote them and is withheld.

    Raises:
        VaultKeyError: It raised.
    """
    try:
        return function()
    except Exception as error:  # noqa: BLE001  whatever a client library raises
        kind = type(error).__name__
    raise VaultKeyError(f"{who} raised {kind}; its message is withheld")
