"""The master key, and what is derived from it."""

from __future__ import annotations

import base64
import binascii
import os
import stat
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from piirag.errors import VaultKeyError

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
    def from_env(cls, variable: str = ENV_VAR) -> MasterKey:
        """Read the key, base64url, from an environment variable.

        Raises:
            VaultKeyError: The variable is missing or holds no key.
        """
        text = os.environ.get(variable)
        if not text:
            raise VaultKeyError(
                f"the environment variable {variable} holds no master key; make one with "
                "MasterKey.generate().export()"
            )
        return cls._decode(text, f"the environment variable {variable}")

    @classmethod
    def from_file(cls, path: str | Path, *, create: bool = False) -> MasterKey:
        """Read the key, base64url, from a file that only its owner may read.

        Args:
            path: The file. It should not lie beside the data.
            create: Write a new key, mode 0600, where there is no file yet.

        Raises:
            VaultKeyError: No such file, no key in it, or others may read it.
        """
        path = Path(path)
        if create and not path.exists():
            try:
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                pass  # another process was first; its key is read below
            except OSError as error:
                reason = error.strerror
                raise VaultKeyError(f"cannot create the master key file: {reason}") from None
            else:
                with os.fdopen(handle, "w") as file:
                    file.write(cls.generate().export() + "\n")
        try:
            mode = path.stat().st_mode
            text = path.read_text("ascii", "replace")
        except OSError as error:
            reason = error.strerror
            raise VaultKeyError(f"cannot read the master key file: {reason}") from None
        if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
            raise VaultKeyError("the master key file can be read by others; set its mode to 0600")
        return cls._decode(text, "the master key file")

    @classmethod
    def _decode(cls, text: str, where: str) -> MasterKey:
        try:
            return cls(base64.urlsafe_b64decode(text.strip()))
        except (VaultKeyError, binascii.Error, ValueError):
            pass
        raise VaultKeyError(f"{where} holds no base64url key of {KEY_BYTES} bytes")

    def export(self) -> str:
        """The key as base64url text, to be put in a secret store."""
        return base64.urlsafe_b64encode(self.__secret).decode()

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
