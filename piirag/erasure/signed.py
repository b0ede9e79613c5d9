"""What receipts of every kind have in common: JSON, a signature, and reading with care."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from piirag.errors import ReceiptError

if TYPE_CHECKING:
    from piirag.erasure.signing import SigningKey

Types = Mapping[str, tuple[type, ...]]


class SignedReceipt:
    """The base of receipts, which are frozen dataclasses with `versions` and `signature`."""

    FORMAT: ClassVar[str]
    """What the receipt calls its format."""
    NAME: ClassVar[str] = "receipt"
    """What messages call it."""

    def to_dict(self) -> dict[str, Any]:
        """The receipt as JSON-ready data."""
        raise NotImplementedError

    @classmethod
    def _parsed(cls, values: dict[str, Any]) -> Self:
        """A receipt of values of its fields, as they stand in JSON.

        Raises:
            TypeError: Something is of another type.
        """
        raise NotImplementedError

    def _labelled(self, data: dict[str, Any]) -> dict[str, Any]:
        """Data of the fields, ready for JSON, with the format and without an empty signature."""
        data["format"] = self.FORMAT
        data["versions"] = dict(data["versions"])
        signature = data.pop("signature")
        if signature is not None:
            data["signature"] = dict(signature)
        return data

    def to_json(self) -> str:
        """The receipt as JSON."""
        return json.dumps(self.to_dict(), indent=2, sort_keys=True)

    def signed(self, key: SigningKey) -> Self:
        """The same receipt, signed."""
        changed: Self = replace(self, signature=key.signature(self.to_dict()))  # type: ignore[type-var]
        return changed

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a receipt; the signature is not checked.

        Raises:
            ReceiptError: This is no such receipt, or one of another version.
        """
        from piirag.erasure.signing import read_json

        return cls._read(read_json(text))

    @classmethod
    def verified(cls, text: str | bytes, public_key: str | bytes) -> Self:
        """Check that a receipt is what the holder of a key signed.

        Args:
            text: The receipt, as JSON.
            public_key: The signer's public key, base64url, PEM or 32 bytes, known from elsewhere
                than the receipt.

        Raises:
            ReceiptError: No such receipt, not signed, not by this key, or changed since.
            ConfigurationError: No public key.
        """
        from piirag.erasure.signing import check_signature

        return cls._read(check_signature(text, public_key))

    @classmethod
    def _read(cls, data: Mapping[str, Any]) -> Self:
        try:
            if data["format"] == cls.FORMAT:
                known = {f.name for f in fields(cls)}  # type: ignore[arg-type]
                receipt = cls._parsed({key: data[key] for key in data if key in known})
                # What is computed must be what the receipt says, and nothing may stand beside.
                if receipt.to_dict() == data:
                    return receipt
        except (KeyError, TypeError, ValueError, AttributeError):
            pass
        raise ReceiptError(f"this is no {cls.NAME}, or one of another version")


def check_types(types: Types, parts: Iterable[object], texts: Iterable[object] = ()) -> None:
    """Check the types of what was read; pages are made of it.

    Args:
        types: Name -> the types that it may have.
        parts: Objects whose attributes are checked.
        texts: What must be text.

    Raises:
        TypeError: Something is of another type, or infinite.
    """
    for name, value in (pair for part in parts for pair in vars(part).items()):
        if name in types and (type(value) not in types[name] or value in (math.inf, -math.inf)):
            raise TypeError
    if any(type(text) is not str for text in texts):
        raise TypeError
