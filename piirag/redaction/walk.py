"""Walking the string leaves of structured data: tool arguments, content blocks, metadata."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from piirag.detection.bare_numbers import may_be_personal, sure
from piirag.errors import InvalidInputError
from piirag.redaction.mapping import RedactionMapping
from piirag.redaction.redactor import RedactionSession
from piirag.redaction.rehydrate import rehydrate

_T = TypeVar("_T")

# What a key says of a value helps with short ones only. These say nothing: "id: 4155552671" is no
# telephone number.
_LONGEST_UNDER_A_KEY = 256
_KEY = re.compile(r"[^\W\d_][\w .-]{0,47}")
_SAY_NOTHING = frozenset(
    """
    id ids index call_id tool_call_id lc_id run_id type role content text page_content input
    output inputs outputs arguments args value data
    """.split()
)


# Options of a model call that are the application's own code and schemas.
CODE_OPTIONS = frozenset(
    "tools functions tool_choice response_format ls_structured_output_format".split()
)

# Opaque data that providers check: changing a letter of it makes them refuse the request.
_OPAQUE = frozenset({"signature", "encrypted_content", "thought_signature"})
_BASE64 = re.compile(r"[A-Za-z0-9+/_=-]{16,}")


def is_base64(value: Any) -> bool:
    """Whether a value looks like encoded bytes, and not like text."""
    return isinstance(value, str) and _BASE64.fullmatch(value) is not None


def is_opaque(session: RedactionSession, key: str, value: Any) -> bool:
    """Whether a field at the top of a message block is encoded data with nothing to be found in it.

    Args:
        session: The session of the call; card numbers and names look like base64 too.
        key: The field.
        value: Its value.
    """
    return key in _OPAQUE and is_base64(value) and not session.find(value)


def like(original: Any, items: list[Any]) -> Any:
    """Items as a list or tuple of the original's type, named tuples included."""
    kind = type(original)
    return kind(*items) if hasattr(original, "_fields") else kind(items)


def in_json(value: Any, change: Callable[[Any], Any]) -> Any:
    """Change JSON in a string leaf by leaf: escapes hide nothing, and the result still parses.

    Args:
        value: JSON text, or any other text or data, which is changed as it is.
        change: What to do.
    """
    if not isinstance(value, str):
        return change(value)
    try:
        parsed = json.loads(value, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return change(value)
    if not isinstance(parsed, dict | list):
        return change(value)
    changed = change(parsed)
    return value if changed == parsed else json.dumps(changed, ensure_ascii=False)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        # Of two values under one key, only the last would be looked at.
        raise ValueError("a key stands twice")
    return dict(pairs)


def _is_leaf(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def map_leaves(value: Any, change: Callable[[Any], Any]) -> Any:
    """Rebuild nested data with every leaf, and every key, passed through a function.

    Args:
        value: Strings, numbers, None, and dicts, lists and tuples of them.
        change: Gets each string and number.

    Raises:
        InvalidInputError: Something of another kind, which nobody could look into.
    """
    return map_leaves_with_keys(value, lambda leaf, _: change(leaf))


def map_leaves_with_keys(value: Any, change: Callable[[Any, str], Any], key: str = "") -> Any:
    """The same; the function is told the key under which a leaf, or the list around it, stands.

    Args:
        value: As in `map_leaves`.
        change: Gets each string and number with its key.
        key: Where the value stands.
    """
    if value is None or isinstance(value, bool):
        return value
    if _is_leaf(value):
        return change(value, key)
    if isinstance(value, Mapping):
        return {
            (change(k, "") if _is_leaf(k) else k): map_leaves_with_keys(
                v, change, k if isinstance(k, str) else ""
            )
            for k, v in value.items()
        }
    if isinstance(value, list | tuple):
        return like(value, [map_leaves_with_keys(item, change, key) for item in value])
    raise InvalidInputError(f"a part of type {type(value).__name__} cannot be searched")


def context_of(key: Any, leaf: Any) -> str:
    """What a leaf of nested data is to be understood by: ``"passport: "``, or nothing.

    Args:
        key: Where it stands.
        leaf: A string or number.
    """
    if not isinstance(key, str) or not _KEY.fullmatch(key) or key.lower() in _SAY_NOTHING:
        return ""
    long = isinstance(leaf, str) and len(leaf) > _LONGEST_UNDER_A_KEY
    return "" if long else f"{key}: "


def settled(session: Any, redact: Callable[[], _T]) -> _T:
    """Redact the texts of a call, each without what was found in any of the others.

    Args:
        session: The session of the call.
        redact: Redacts them all.
    """
    for _ in range(_MOST_ROUNDS):
        before = session.version
        done = redact()
        if session.version == before:
            break
    return done


_MOST_ROUNDS = 4


def redact_value(
    session: RedactionSession, value: Any, *, owner: str | None = None, key: str = ""
) -> Any:
    """Redact every leaf of nested data under one mapping, understood by its key.

    A number that is personal data, such as a card number, becomes a placeholder.

    Args:
        session: The session of the call.
        value: The data.
        owner: Whose data it is; see `RedactionSession.redact`.
        key: Where it stands in what it is a part of.

    Raises:
        InvalidInputError: A part that cannot be searched.
        DetectionError: The detector failed.
    """

    def change(leaf: Any, key: str) -> Any:
        context = context_of(key, leaf)
        if isinstance(leaf, str):
            return session.redact(leaf, owner=owner, context=context).text
        shown = str(leaf)
        if not may_be_personal(shown, context) or not sure(session.find(shown, context=context)):
            return leaf
        return session.redact(shown, owner=owner, context=context).text

    return map_leaves_with_keys(value, change, key)


def rehydrate_value(value: Any, mapping: RedactionMapping) -> Any:
    """Put values back into the parsed leaves of nested data."""

    def change(leaf: Any) -> Any:
        return rehydrate(leaf, mapping) if isinstance(leaf, str) else leaf

    return map_leaves(value, change)
