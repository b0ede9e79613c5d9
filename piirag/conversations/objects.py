"""Rebuilding data of any shape: messages, models, dataclasses, mappings, down to the leaves."""

from __future__ import annotations

import collections
import copy
import dataclasses
import datetime
import decimal
import enum
import os
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from piirag.errors import InvalidInputError
from piirag.redaction.adjacent import Cut
from piirag.redaction.walk import in_json, is_base64, like

Leaf = Callable[[Any, str], Any]
"""Gets a leaf and what it is to be understood by (``"passport: "``); returns what replaces it."""

Special = Callable[[Any, Callable[[Any], Any]], Any]
"""Gets an object and the rebuilder; returns what replaces it, or NotImplemented."""

_UNCHANGED = (bool, enum.Enum, uuid.UUID, datetime.time, datetime.timedelta, range, type, complex)
_SEARCHED = (int, float, decimal.Decimal, datetime.date)
_MEDIA_KEYS = frozenset({"data", "base64", "file_data", "image", "audio", "video", "bytes"})
_MEDIA_URL = re.compile(r"data:[a-z]{1,20}/[a-z0-9.+-]{1,60};base64,", re.I)
_KIND = re.compile(r"[a-zA-Z][a-zA-Z0-9_.-]{0,47}")
# Fields whose value is a name out of a fixed list, by which data are read back.
_KINDS = frozenset({"type", "role", "block_type", "class_name", "lc", "status"})
# Fields of messages and nodes whose names say nothing of what stands in them.
_TEXTS = frozenset({"content", "text", "page_content"})
_OPAQUE_ID = re.compile(r"(?:[a-z]{2,12}[-_]{1,2})?(?:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})")
# "id: 4155552671" is no telephone number, and "name: pay" no person.
_IDS = frozenset({"id", "tool_call_id", "call_id", "index", "lc_id"})
_TOOL_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_CALL_KEYS = frozenset({"args", "arguments", "input", "parameters", "tool_kwargs"})
_MOST_DEPTH = 64
# Fields that hold the parts of one message, which are read in a row.
_ROWS = frozenset({"content", "blocks", "output"})


class CutText(str):
    """A text of a row, with the parts of values that lie over its borders."""

    __slots__ = ("cut",)

    def __new__(cls, text: str, cut: Cut) -> CutText:
        """Make one."""
        made = super().__new__(cls, text)
        made.cut = cut
        return made

    cut: Cut


class Rebuilder:
    """Rebuilds a value with every leaf, and every key that is no identifier, passed to a function.

    The value passed in is not changed. JSON in a string is taken apart, so that escapes hide
    nothing.

    Args:
        leaf: Gets each string, number and date.
        key: Gets each key of a mapping.
        allow_media: Let bytes and encoded images through; nobody can look into them.
        special: Kinds of object that need a treatment of their own.
        row: Finds what lies over the borders of texts that are read in a row. What does comes to
            `leaf` as a `CutText`.
    """

    def __init__(
        self,
        leaf: Leaf,
        key: Callable[[str], str],
        *,
        allow_media: bool = False,
        special: Special | None = None,
        row: Callable[[list[str]], list[Cut]] | None = None,
    ) -> None:
        self._row = row
        self._leaf = leaf
        self._key = key
        self._allow_media = allow_media
        self._special = special

    def __call__(self, value: Any) -> Any:
        """The rebuilt value.

        Raises:
            InvalidInputError: A part that cannot be searched, or data nested too deeply.
        """
        return self._any(value, "", 0)

    def _any(self, value: Any, key: str, depth: int) -> Any:
        if value is None or isinstance(value, _UNCHANGED):
            return value
        if depth > _MOST_DEPTH:
            raise InvalidInputError("the data are nested too deeply to be searched")
        if isinstance(value, str):
            return self._text(value, key, depth)
        if isinstance(value, _SEARCHED):
            return self._leaf(value, f"{key}: " if key else "")
        if self._special is not None:
            made = self._special(value, lambda inner: self._any(inner, "", depth + 1))
            if made is not NotImplemented:
                return made
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if isinstance(value, list | tuple):
            return like(value, [self._any(item, key, depth + 1) for item in value])
        if isinstance(value, set | frozenset | collections.deque):
            return type(value)([self._any(item, key, depth + 1) for item in value])
        if isinstance(value, bytes | bytearray | memoryview):
            return self._media(value)
        if isinstance(value, BaseException):
            # Stores keep no exceptions; they would keep its repr.
            return self._leaf(repr(value), "")
        return self._object(value, depth)

    def _text(self, value: str, key: str, depth: int) -> Any:
        if _MEDIA_URL.match(value) or (key in _MEDIA_KEYS and is_base64(value)):
            return self._media(value)
        if _OPAQUE_ID.fullmatch(value):
            return value
        if key in _KINDS and _KIND.fullmatch(value):
            return self._key(value)
        context = f"{key}: " if key.isidentifier() and key not in _IDS else ""
        if value[:1] not in ("{", "["):
            return self._leaf(value, context)

        def change(found: Any) -> Any:
            return (
                self._leaf(value, context)
                if isinstance(found, str)
                else self._any(found, "", depth + 1)
            )

        return in_json(value, change)

    def _media(self, value: Any) -> Any:
        if not self._allow_media:
            raise InvalidInputError(
                "media cannot be searched for personal data; pass allow_media=True to store them"
            )
        return value

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[Any, Any]:
        rebuilt: dict[Any, Any] = {}
        for key, item in value.items():
            clean = self._key(key) if isinstance(key, str) else self._any(key, "", depth + 1)
            if clean in rebuilt:
                raise InvalidInputError("two keys of a mapping stand for the same value")
            if key == "name" and _CALL_KEYS & value.keys() and _is_tool_name(item):
                rebuilt[clean] = self._key(item)
            else:
                name = key if isinstance(key, str) else ""
                rebuilt[clean] = self._any(self._in_a_row(name, item), name, depth + 1)
        return rebuilt

    def _field(self, model: Any, name: str, item: Any, depth: int) -> Any:
        """A field of a model. What names a tool is code, and is searched for known values only."""
        of_tool = name == "tool_name" or (name == "name" and hasattr(model, "tool_call_id"))
        if of_tool and _is_tool_name(item):
            return self._key(item)
        item = self._in_a_row(name, item)
        return self._any(item, "" if name in _TEXTS else name, depth + 1)

    def _in_a_row(self, name: str, items: Any) -> Any:
        """The parts of a message, with what lies over their borders."""
        if self._row is None or name not in _ROWS or not isinstance(items, list | tuple):
            return items
        texts = [_text_of(item) for item in items]
        held = [text for text in texts if text is not None]
        if len(held) < 2:
            return items
        found = iter(self._row(held))
        cuts = [() if text is None else next(found) for text in texts]
        if not any(cuts):
            return items
        return like(
            items,
            [
                item if text is None or not cut else _with_text(item, CutText(text, cut))
                for item, text, cut in zip(items, texts, cuts, strict=True)
            ],
        )

    def _object(self, value: Any, depth: int) -> Any:
        fields = getattr(type(value), "model_fields", None)
        if isinstance(fields, Mapping) and hasattr(value, "model_copy"):
            # Copied field by field: validation would refuse, and quote, what is a token by now.
            extra = dict(getattr(value, "__pydantic_extra__", None) or {})
            update = {
                name: self._field(value, name, getattr(value, name), depth) for name in fields
            }
            extra = {name: self._any(item, name, depth + 1) for name, item in extra.items()}
            return value.model_copy(update={**update, **extra})
        if dataclasses.is_dataclass(value):
            clone = copy.copy(value)
            for field in dataclasses.fields(value):
                made = self._any(getattr(value, field.name), field.name, depth + 1)
                object.__setattr__(clone, field.name, made)
            return clone
        if hasattr(value, "unicode_string"):  # an address of pydantic's
            text = self._leaf(str(value), "")
            return value if text == str(value) else text
        if isinstance(value, os.PathLike):
            return type(value)(self._leaf(str(value), ""))  # type: ignore[call-arg]
        if _is_numeric(value):
            return value
        raise InvalidInputError(
            f"a part of type {type(value).__name__} cannot be searched for personal data"
        )


def _text_of(item: Any) -> str | None:
    """The text of a part of a message, where it is a text."""
    if isinstance(item, Mapping):
        item = item.get("text")
    elif not isinstance(item, str):
        item = getattr(item, "text", None) if hasattr(item, "model_copy") else None
    return item if isinstance(item, str) else None


def _with_text(item: Any, text: str) -> Any:
    if isinstance(item, str):
        return text
    if isinstance(item, Mapping):
        return {**item, "text": text}
    return item.model_copy(update={"text": text})


def _is_tool_name(value: Any) -> bool:
    return isinstance(value, str) and _TOOL_NAME.fullmatch(value) is not None


def _is_numeric(value: Any) -> bool:
    """Arrays and scalars of numbers, such as embeddings."""
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    return type(value).__module__.partition(".")[0] == "numpy" and kind in set("biufc")
