"""Walking the string leaves of structured data: tool arguments, content blocks, metadata."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from piirag.errors import InvalidInputError
from piirag.redaction.mapping import RedactionMapping
from piirag.redaction.redactor import RedactionSession
from piirag.redaction.rehydrate import rehydrate

# A bare number is taken for personal data only where its form proves it (a card's checksum).
_NUMBER_SCORE = 0.5


def map_leaves(value: Any, change: Callable[[Any], Any]) -> Any:
    """Rebuild nested data with every leaf, and every key, passed through a function.

    Args:
        value: Strings, numbers, None, and dicts, lists and tuples of them.
        change: Gets each string and number.

    Raises:
        InvalidInputError: Something of another kind, which nobody could look into.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str | int | float):
        return change(value)
    if isinstance(value, Mapping):
        return {
            (change(k) if isinstance(k, str) else k): map_leaves(v, change)
            for k, v in value.items()
        }
    if isinstance(value, list | tuple):
        items = [map_leaves(item, change) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    raise InvalidInputError(f"a part of type {type(value).__name__} cannot be searched")


def redact_value(session: RedactionSession, value: Any) -> Any:
    """Redact every leaf of nested data under one mapping.

    A number that is personal data, such as a card number, becomes a placeholder.

    Raises:
        InvalidInputError: A part that cannot be searched.
        DetectionError: The detector failed.
    """

    def change(leaf: Any) -> Any:
        if isinstance(leaf, str):
            return session.redact(leaf).text
        if len(repr(leaf)) < 7 or all(f.score < _NUMBER_SCORE for f in session.find(str(leaf))):
            return leaf
        return session.redact(str(leaf)).text

    return map_leaves(value, change)


def rehydrate_value(value: Any, mapping: RedactionMapping) -> Any:
    """Put values back into the parsed leaves of nested data."""

    def change(leaf: Any) -> Any:
        return rehydrate(leaf, mapping) if isinstance(leaf, str) else leaf

    return map_leaves(value, change)
