"""Walking whatever an agent's state, input and output may hold."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import decimal
import enum
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from langchain_core.documents import Document
from langchain_core.messages import BaseMessage
from langgraph.types import Command, Interrupt, Overwrite, Send
from pydantic import BaseModel

from piirag.errors import InvalidInputError
from piirag.redaction.walk import in_json, like

# Ids by which LangGraph names interrupts: keys of a mapping of answers.
_INTERRUPT_ID = re.compile(r"[0-9a-f]{32}")

# Strings under these keys are JSON as a model wrote it: changed leaf by leaf, so that it parses.
_JSON = frozenset({"arguments", "args", "partial_json"})

_PLAIN = (
    bool,
    bytes,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    decimal.Decimal,
    enum.Enum,
    type,
    uuid.UUID,
)


@dataclasses.dataclass(frozen=True)
class Changes:
    """What to do with the leaves of a value.

    Args:
        text: Gets every string, the keys of mappings included.
        message: Gets every message whole.
        number: Gets integers and floats.
        document: Gets every document whole; its parts are changed one by one if None.
        strict: Refuse what cannot be looked into, instead of passing it on.
    """

    text: Callable[[str], str]
    message: Callable[[BaseMessage], BaseMessage]
    number: Callable[[Any], Any] = lambda number: number
    document: Callable[[Document], Document] | None = None
    under: Callable[[Any, str], Any] | None = None
    """Gets, in place of `text` and `number`, strings and numbers under a key, and the key."""
    strict: bool = False


def rebuild(value: Any, changes: Changes) -> Any:
    """A copy of a value with its leaves changed; the original is left alone.

    Raises:
        InvalidInputError: With `strict`, a part that cannot be searched; or nesting too deep.
    """
    try:
        return _rebuild(value, changes, "")
    except RecursionError:
        pass  # raised below, so that it does not become the context
    raise InvalidInputError("this is nested too deeply to be searched")


def _rebuild(value: Any, changes: Changes, key: str) -> Any:
    def inner(part: Any, key: Any = "") -> Any:
        return _rebuild(part, changes, key if isinstance(key, str) else "")

    if value is None or isinstance(value, _PLAIN):
        return value
    if key and changes.under is not None and isinstance(value, str | int | float):
        return changes.under(value, key)
    if isinstance(value, str):
        return changes.text(value)
    if isinstance(value, int | float):
        return changes.number(value)
    if isinstance(value, BaseMessage):
        return changes.message(value)
    if isinstance(value, Mapping):
        return {
            _key(name, changes): in_json(item, inner) if name in _JSON else inner(item, name)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        return like(value, [inner(item, key) for item in value])
    if isinstance(value, set | frozenset):
        return type(value)(inner(item, key) for item in value)
    if isinstance(value, Send):
        sent = copy.copy(value)
        sent.arg = inner(value.arg)
        return sent
    if isinstance(value, Interrupt):
        paused = copy.copy(value)
        paused.value = inner(value.value)
        return paused
    if isinstance(value, Overwrite):
        return Overwrite(inner(value.value))
    if isinstance(value, Command):
        update, resume = inner(value.update), inner(value.resume)
        return dataclasses.replace(
            value, update=update, resume=resume, goto=_goto(value.goto, inner)
        )
    if isinstance(value, Document):
        if changes.document is not None:
            return changes.document(value)
        return value.model_copy(
            update={
                "page_content": changes.text(value.page_content),
                "metadata": inner(value.metadata),
                "id": inner(value.id),
            }
        )
    if isinstance(value, BaseModel):
        # Copied field by field: validation would refuse, and quote, what does not fit.
        fields = {name: inner(getattr(value, name), name) for name in type(value).model_fields}
        extra = value.__pydantic_extra__ or {}
        return value.model_copy(update={**fields, **{k: inner(v, k) for k, v in extra.items()}})
    if dataclasses.is_dataclass(value):
        changed = {f.name: inner(getattr(value, f.name), f.name) for f in dataclasses.fields(value)}
        clone = copy.copy(value)
        for name, item in changed.items():
            object.__setattr__(clone, name, item)
        return clone
    if changes.strict:
        raise InvalidInputError(f"a part of type {type(value).__name__} cannot be searched")
    return value


# Fields of a message that hold no text of anybody's.
_KEPT = frozenset({"type", "usage_metadata", "status", "chunk_position", "example"})


def message_fields(message: BaseMessage) -> dict[str, Any]:
    """The fields of a message that may hold text."""
    fields = {name: getattr(message, name) for name in type(message).model_fields}
    return {
        name: value
        for name, value in {**fields, **(message.__pydantic_extra__ or {})}.items()
        if name not in _KEPT
    }


def rebuild_message(message: BaseMessage, text: Callable[[str], str]) -> BaseMessage:
    """A copy of a message with every string in it changed."""
    changes = Changes(text, lambda nested: rebuild_message(nested, text))
    fields = message_fields(message).items()
    return message.model_copy(update={name: rebuild(value, changes) for name, value in fields})


def _goto(goto: Any, inner: Callable[[Any], Any]) -> Any:
    """Where a command goes: names of nodes are code, what is sent along is data."""
    if isinstance(goto, Send):
        return inner(goto)
    if isinstance(goto, list | tuple):
        return like(goto, [inner(item) if isinstance(item, Send) else item for item in goto])
    return goto


def _key(key: Any, changes: Changes) -> Any:
    if not isinstance(key, str) or _INTERRUPT_ID.fullmatch(key):
        return key
    return changes.text(key)
