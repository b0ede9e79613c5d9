"""The master key, and what is derived from it."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from piirag.errors import VaultKeyError
from piirag.vault.key_file import create_private, read_private
from piirag.vault.key_wrapper import KeyWrapper, called, unwrapped, wrapped

KEY_BYTES = 32
NONCE_BYTES = 12
ENV_VAR = "PIIRAG_MASTER_KEY"


class MasterKey:
    """The one secret a deployment has to keep: 256 bits, from which all others are derived.

    Keep it apart from the data it protects. Its repr never shows it, and it cannot be pickled.

    Args:
        secret: Exactly 32 random bytes.

    Raises:
        VaultKeyError: Not 32 bytes.
    """

    def __init__(self, secret: bytes) -> None:
        if not isinstance(secret, bytes) or len(secret) != KEY_BYTES:
            raise VaultKeyError(f"a master key has exactly {KEY_BYTES} bytes")
        self.__secret = secret

    @classmethod
    def generate(cls) -> MasterKey:
        """A new random key."""
        return cls(os.urandom(KEY_BYTES))

    @classmethod
    def from_env(cls, variable: str = ENV_VAR, *, wrapper: KeyWrapper | None = None) -> MasterKey:
        """Read the key, base64url, from an environment variable.

        Args:
            variable: Its name.
            wrapper: Unwraps what the variable holds, where that is the key as a key service
                wrapped it.

        Raises:
            VaultKeyError: The variable is missing or holds no key.
        """
        text = os.environ.get(variable)
        if not text:
            raise VaultKeyError(
                f"the environment variable {variable} holds no master key; make one with "
                "MasterKey.generate().export()"
            )
        return cls._decode(text, f"the environment variable {variable}", wrapper)

    @classmethod
    def from_file(
        cls, path: str | Path, *, create: bool = False, wrapper: KeyWrapper | None = None
    ) -> MasterKey:
        """Read the key, base64url, from a file that only its owner may read.

        Args:
            path: The file. It should not lie beside the data.
            create: Write a new key, mode 0600, where there is no file yet.
            wrapper: A key service. The file then holds the key as the service wrapped it, and is
                of no use without the service.

        Raises:
            VaultKeyError: No such file, no key in it, or others may read it.
        """
        path = Path(path)
        if create and not path.exists():
            # Another process may be first; then its key is the one that is read below.
            create_private(path, cls.generate().export(wrapper=wrapper) + "\n")
        return cls._decode(read_private(path), "the master key file", wrapper)

    @classmethod
    def from_callable(cls, fetch: Callable[[], bytes | str]) -> MasterKey:
        """Have a function fetch the key, for instance from a secret store.

        Args:
            fetch: Returns the 32 bytes, or the text that `export` gave.

        Raises:
            VaultKeyError: It raised, or returned no key.
        """
        got = called(fetch, "the function that fetches the master key")
        if isinstance(got, str):
            return cls._decode(got, "what the function returned")
        return cls(got)

    @classmethod
    def _decode(cls, text: str, where: str, wrapper: KeyWrapper | None = None) -> MasterKey:
        try:
            secret = base64.urlsafe_b64decode(text.strip())
            if wrapper is None:
                return cls(secret)
        except (VaultKeyError, binascii.Error, ValueError):
            secret = b""
        if wrapper is None or not secret:
            what = f"base64url key of {KEY_BYTES} bytes" if wrapper is None else "wrapped key"
            raise VaultKeyError(f"{where} holds no {what}")
        return cls(unwrapped(wrapper, secret))

    @property
    def id(self) -> str:
        """A name for the key, derived from it one way: 16 hexadecimal digits. No secret."""
        return self.derive("key-id")[:8].hex()

    def to_file(self, path: str | Path, *, wrapper: KeyWrapper | None = None) -> None:
        """Write the key to a new file, mode 0600, for `from_file`.

        Args:
            path: The file; there must be none yet.
            wrapper: A key service that wraps the key first.

        Raises:
            VaultKeyError: There is such a file, or it cannot be written.
        """
        if not create_private(Path(path), self.export(wrapper=wrapper) + "\n"):
            raise VaultKeyError("the master key file is there already")

    def export(self, *, wrapper: KeyWrapper | None = None) -> str:
        """The key as base64url text, to be put in a secret store.

        Args:
            wrapper: A key service that wraps the key first.

        Raises:
            VaultKeyError: The service failed.
        """
        secret = self.__secret if wrapper is None else wrapped(wrapper, self.__secret)
        return base64.urlsafe_b64encode(secret).decode()

    def derive(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose (HKDF-SHA256, RFC 5869)."""
        return derive(self.__secret, purpose)

    def __repr__(self) -> str:
        return "MasterKey(...)"

    def __reduce__(self) -> Any:
        raise TypeError("a MasterKey cannot be pickled; use export()")


def derive(secret: bytes, purpose: str) -> bytes:
    """A 32-byte key for one purpose (HKDF-SHA256, RFC 5869)."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"piirag/" + purpose.encode()).derive(secret)


def keyed_hash(key: bytes, message: str) -> bytes:
    """HMAC-SHA256 of a string; 32 bytes."""
    mac = HMAC(key, SHA256())
    mac.update(message.encode("utf-8", "surrogatepass"))
    return mac.finalize()


def seal(key: bytes, plain: bytes, bound_to: str) -> bytes:
    """Encrypt with AES-256-GCM under a fresh nonce; `bound_to` is authenticated."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound_to.encode())


def unseal(key: bytes, blob: bytes, bound_to: str) -> bytes:
    """Undo `seal`.

    Raises:
        VaultKeyError: The key does not fit, or the blob was altered or moved.
    """
    try:
        return AESGCM(key).decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], bound_to.encode())
    except (InvalidTag, ValueError):
        pass
    raise VaultKeyError("a vault entry does not decrypt: wrong master key, or it was altered")
