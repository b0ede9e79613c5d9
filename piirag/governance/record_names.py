"""Names, types and chunks as audit records tell them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from piirag.errors import PiiragError
from piirag.governance.stamps import stamps_of
from piirag.redaction.tokens import PSEUDONYM

_WORD = re.compile(r"[\w.:/@+-]{1,100}")


def chunk_of(
    text: str, id: str | None, metadata: Mapping[str, Any], score: float | None = None
) -> dict[str, Any]:
    """What a record tells of a chunk: id, score, pseudonyms, source, label.

    Args:
        text: Its text, scrubbed.
        id: Its id, scrubbed.
        metadata: Its metadata, with the stamps.
        score: Of the search that found it.
    """
    stamps = stamps_of(metadata)
    made = {
        "id": id,
        "score": None if score is None else float(score),
        "pseudonyms": list(dict.fromkeys(m.group() for m in PSEUDONYM.finditer(text))) or None,
        "source": stamps.get("source"),
        "label": stamps.get("label"),
    }
    return {key: value for key, value in made.items() if value is not None}


def word(value: Any) -> str | None:
    """A name of a model, a provider, a host or a type; anything else is no name."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None


def name_of(error: BaseException) -> str:
    """The qualified name of an exception's type."""
    inner = getattr(error, "error_type", None)
    if isinstance(error, PiiragError) and isinstance(inner, str) and word(inner):
        # A `ModelCallError` stands for the provider's own.
        return inner
    return f"{type(error).__module__}.{type(error).__qualname__}"
