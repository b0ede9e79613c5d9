"""Signing receipts with Ed25519 (RFC 8032), and checking the signatures."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)

from piirag.errors import ConfigurationError, ReceiptError, VaultKeyError
from piirag.vault.key_file import create_private, read_private

ENV_VAR = "PIIRAG_SIGNING_KEY"
ALGORITHM = "Ed25519"
_KEY_BYTES = 32


class SigningKey:
    """The key that signs receipts. Its repr never shows it, and it cannot be pickled.

    Give the public half (`public`) to whoever is to check receipts, by a way of its own: a key
    that came along with a receipt proves nothing.

    Args:
        secret: Exactly 32 random bytes.

    Raises:
        ConfigurationError: Not 32 bytes.
    """

    def __init__(self, secret: bytes) -> None:
        if not isinstance(secret, bytes) or len(secret) != _KEY_BYTES:
            raise ConfigurationError(f"a signing key has exactly {_KEY_BYTES} bytes")
        self.__key = Ed25519PrivateKey.from_private_bytes(secret)

    @classmethod
    def generate(cls) -> SigningKey:
        """A new random key."""
        return cls(os.urandom(_KEY_BYTES))

    @classmethod
    def from_env(cls, variable: str = ENV_VAR) -> SigningKey:
        """Read the key, base64url, from an environment variable.

        Raises:
            ConfigurationError: The variable is missing or holds no key.
        """
        text = os.environ.get(variable)
        if not text:
            raise ConfigurationError(f"the environment variable {variable} holds no signing key")
        return cls(_decoded(text, f"the environment variable {variable}"))

    @classmethod
    def from_file(cls, path: str | Path, *, create: bool = False) -> SigningKey:
        """Read the key, base64url, from a file that only its owner may read.

        Args:
            path: The file.
            create: Write a new key, mode 0600, where there is no file yet.

        Raises:
            ConfigurationError: No such file, no key in it, or others may read it.
        """
        path = Path(path)
        reason = ""
        try:
            if create and not path.exists():
                # Another process may be first; then its key is the one that is read below.
                create_private(path, cls.generate().export() + "\n")
            return cls(_decoded(read_private(path), "the signing key file"))
        except VaultKeyError as error:
            reason = str(error).replace("master key", "signing key")
        raise ConfigurationError(reason)

    @property
    def public(self) -> str:
        """The public key as base64url text."""
        return _encoded(self.__key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    @property
    def public_pem(self) -> str:
        """The public key as PEM, for other tools."""
        form = PublicFormat.SubjectPublicKeyInfo
        return self.__key.public_key().public_bytes(Encoding.PEM, form).decode()

    def export(self) -> str:
        """The key as base64url text, to be put in a secret store."""
        form = PrivateFormat.Raw
        return _encoded(self.__key.private_bytes(Encoding.Raw, form, NoEncryption()))

    def signature(self, data: dict[str, Any]) -> dict[str, str]:
        """The signature of a JSON object, to be put into it under ``signature``."""
        value = self.__key.sign(canonical(data))
        name = key_id(self.public)
        return {"algorithm": ALGORITHM, "key_id": name, "value": _encoded(value)}

    def __repr__(self) -> str:
        return "SigningKey(...)"

    def __reduce__(self) -> Any:
        raise TypeError("a SigningKey cannot be pickled; use export()")


def canonical(data: dict[str, Any]) -> bytes:
    """The bytes that are signed: all but ``signature``, as RFC 8785 writes JSON.

    Keys sorted, no spaces, UTF-8, whole numbers without a fraction.

    Raises:
        ReceiptError: A number that JSON does not know.
    """
    signed = {key: value for key, value in data.items() if key != "signature"}
    try:
        text = json.dumps(
            _whole(signed),
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
            allow_nan=False,
        )
        return text.encode()
    except (ValueError, TypeError, RecursionError):
        pass
    raise ReceiptError("this receipt cannot be written as JSON")


def _whole(value: Any) -> Any:
    # Above 2^53 RFC 8785 goes on with exponents, as Python does.
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, dict):
        return {key: _whole(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_whole(inner) for inner in value]
    return value


def key_id(public_key: str) -> str:
    """A name for a public key: 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(_decoded(public_key, "the public key")).hexdigest()[:16]


def read_public(public_key: str | bytes) -> Ed25519PublicKey:
    """A public key from base64url text, PEM, or 32 bytes.

    Raises:
        ConfigurationError: It is none of these.
    """
    try:
        if isinstance(public_key, bytes) and len(public_key) == _KEY_BYTES:
            return Ed25519PublicKey.from_public_bytes(public_key)
        text = public_key.decode() if isinstance(public_key, bytes) else public_key
        if "-----BEGIN PUBLIC KEY-----" in text:
            key = load_pem_public_key(text.strip().encode())
            if isinstance(key, Ed25519PublicKey):
                return key
        else:
            return Ed25519PublicKey.from_public_bytes(_decoded(text, "the public key"))
    except (ValueError, TypeError, AttributeError):
        pass
    raise ConfigurationError("this is no Ed25519 public key: base64url, PEM or 32 bytes")


def check_signature(text: str | bytes, public_key: str | bytes) -> dict[str, Any]:
    """Check the signature of a JSON object.

    Args:
        text: The JSON.
        public_key: The key it must be signed with; known from elsewhere.

    Returns:
        What was signed, signature included.

    Raises:
        ReceiptError: Not JSON, not signed, or not by this key, or changed since.
        ConfigurationError: No public key.
    """
    key = read_public(public_key)
    data = read_json(text)
    signature = data.get("signature")
    if not isinstance(signature, dict):
        raise ReceiptError("this receipt is not signed")
    try:
        if set(signature) == {"algorithm", "key_id", "value"} and (
            signature["algorithm"] == ALGORITHM
        ):
            raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
            if signature["key_id"] != key_id(_encoded(raw)):
                raise ReceiptError("this receipt is signed with another key")
            key.verify(_decoded(signature["value"], "the signature", 64), canonical(data))
            return data
    except (InvalidSignature, ConfigurationError):
        pass
    raise ReceiptError("the signature does not fit: the receipt was changed, or the key is not it")


def read_json(text: str | bytes) -> dict[str, Any]:
    """A JSON object; refuses what two readers could read in two ways.

    Raises:
        ReceiptError: No JSON object, or a key twice in one.
    """
    try:
        data = json.loads(text, object_pairs_hook=_once, parse_constant=_refused)
    except (ValueError, TypeError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise ReceiptError("this is no receipt: not a JSON object")
    return data


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _refused(constant: str) -> Any:
    raise ValueError


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def _decoded(text: Any, what: str, length: int = _KEY_BYTES) -> bytes:
    data = b""
    if isinstance(text, str):
        try:
            data = base64.b64decode(text.strip(), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            data = b""
    if len(data) != length:
        raise ConfigurationError(f"{what} does not hold {length} bytes as base64url")
    return data
