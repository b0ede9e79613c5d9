"""Checks and normal forms of text, shared by detection, redaction and tenancy."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import regex

from piirag.errors import InvalidInputError

# Letters and digits with the marks that belong to them; invisible characters inside a word (soft
# hyphen, zero-width space) do not end it. An underscore does, as in file names.
WORD = regex.compile(r"[\p{L}\p{N}][\p{L}\p{N}\p{M}\p{Cf}]*")
LONE_SURROGATE = re.compile("[\ud800-\udfff]")

_TYPE_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")

# Entity types whose values are digits and letters with arbitrary separators between them.
_SEPARATORS_DO_NOT_COUNT = frozenset(
    {"CREDIT_CARD", "IBAN_CODE", "PHONE_NUMBER", "UK_NHS", "US_BANK_NUMBER", "US_ITIN", "US_SSN"}
)


def require_text(text: Any, what: str = "text") -> str:
    """Return the text, or raise `InvalidInputError` where it is not a string."""
    if not isinstance(text, str):
        raise InvalidInputError(f"{what} must be a string, not {type(text).__name__}")
    return text


def shown_type(entity_type: Any) -> str:
    """An entity type as it may stand in an error message.

    Someone who swaps types and values would otherwise read a value there.
    """
    named = isinstance(entity_type, str) and _TYPE_NAME.fullmatch(entity_type)
    return entity_type if named else "(not the name of an entity type)"


def fold(text: str) -> str:
    """Case, width, accents and invisible characters removed: ``"José"`` and ``"JOSE"`` agree."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(
        c for c in decomposed if not unicodedata.combining(c) and unicodedata.category(c) != "Cf"
    ).casefold()


def normal_form(entity_type: str, value: str) -> str:
    """The form of a value that decides whether two spellings are the same value.

    Unicode compatibility forms, case and white space do not count; in numbers with separators
    (phones, cards, IBANs, social security numbers) the separators do not count either.

    Args:
        entity_type: Presidio entity type.
        value: The value as it stands in the text.
    """
    plain = value if value.isascii() else unicodedata.normalize("NFKC", value)
    folded = " ".join(plain.casefold().split())
    if entity_type in _SEPARATORS_DO_NOT_COUNT:
        bare = "".join(c for c in folded if c.isalnum())
        return bare or folded
    return folded


def replace_surrogates(text: str) -> str:
    """Lone surrogates replaced by U+FFFD, one for one: no store or wire can encode them."""
    return text if text.isascii() else LONE_SURROGATE.sub("\ufffd", text)
