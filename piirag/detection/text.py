"""Checks and normal forms of text, shared by detection, redaction and tenancy."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from piirag.errors import InvalidInputError

WORD = re.compile(r"[^\W_]+")
LONE_SURROGATE = re.compile("[\ud800-\udfff]")

# Entity types whose values are digits and letters with arbitrary separators between them.
_SEPARATORS_DO_NOT_COUNT = frozenset(
    {"CREDIT_CARD", "IBAN_CODE", "PHONE_NUMBER", "UK_NHS", "US_BANK_NUMBER", "US_ITIN", "US_SSN"}
)


def require_text(text: Any, what: str = "text") -> str:
    """Return the text, or raise `InvalidInputError` where it is not a string."""
    if not isinstance(text, str):
        raise InvalidInputError(f"{what} must be a string, not {type(text).__name__}")
    return text


def fold(text: str) -> str:
    """Case, width and accents removed: ``"José"`` and ``"JOSE"`` give the same."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()


def normal_form(entity_type: str, value: str) -> str:
    """The form of a value that decides whether two spellings are the same value.

    Unicode compatibility forms, case and white space do not count; in numbers with separators
    (phones, cards, IBANs, social security numbers) the separators do not count either.

    Args:
        entity_type: Presidio entity type.
        value: The value as it stands in the text.
    """
    folded = " ".join(unicodedata.normalize("NFKC", value).casefold().split())
    if entity_type in _SEPARATORS_DO_NOT_COUNT:
        bare = "".join(c for c in folded if c.isalnum())
        return bare or folded
    return folded


def replace_surrogates(text: str) -> str:
    """Lone surrogates replaced by U+FFFD, one for one: no store or wire can encode them."""
    return text if text.isascii() else LONE_SURROGATE.sub("\ufffd", text)
