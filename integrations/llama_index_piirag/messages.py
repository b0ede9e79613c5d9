"""Redacting every part of a chat message, and every option of a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, TypeVar, cast

from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)
from llama_index.core.bridge.pydantic import BaseModel
from llama_index.core.schema import BaseNode

from piirag.errors import InvalidInputError
from piirag.redaction import Redaction, RedactionSession
from piirag.redaction.walk import CODE_OPTIONS, in_json, is_opaque, like, redact_value

_MEDIA = (ImageBlock, AudioBlock, VideoBlock, DocumentBlock)
_KNOWN: tuple[type[BaseModel], ...] = (
    TextBlock,
    CachePoint,
    ToolCallBlock,
    ThinkingBlock,
    CitableBlock,
    CitationBlock,
    *_MEDIA,
)

Result = TypeVar("Result")


# Roles in which the application speaks, or a tool; what they say is not the viewer's own.
_OTHERS = frozenset({"system", "developer", "tool", "function"})


class _Owned:
    """A session for texts of somebody else than the viewer."""

    def __init__(self, session: RedactionSession, owner: str) -> None:
        self._session = session
        self._owner = owner
        self.find = session.find

    def redact(self, text: str, *, owner: str | None = None) -> Redaction:
        return self._session.redact(text, owner=owner or self._owner)


class MessageRedactor:
    """Redacts all that goes into one model call, under one mapping.

    Args:
        session: The session of the call.
        tenant: Whose documents and tools speak in messages that are no person's. What stands in
            these only is not restored to another viewer.
        allow_media: Whether images, audio, video and files pass. Nobody can look into them here.
    """

    def __init__(
        self,
        session: RedactionSession,
        *,
        tenant: str | None = None,
        allow_media: bool = False,
    ) -> None:
        self._session = session
        self._viewers = session
        self._tenants = session
        if tenant is not None:
            self._tenants = cast(RedactionSession, _Owned(session, tenant))
        self._allow_media = allow_media

    def text(self, text: str) -> str:
        """Redact a text."""
        return self._session.redact(text).text

    def messages(self, messages: Sequence[ChatMessage]) -> list[ChatMessage]:
        """Redact messages; the originals are not changed.

        Raises:
            InvalidInputError: Something that is no message, or a part that cannot be searched.
            DetectionError: The detector failed.
        """
        if isinstance(messages, str | bytes) or not isinstance(messages, Sequence):
            raise InvalidInputError("a chat takes a list of messages")
        return _not_too_deep(lambda: [self._message(message) for message in messages])

    def options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Redact the options of a call, such as `stop` or `user`; what is no data passes.

        Tools and output formats are the application's own code, and pass as they are.
        """
        self._session = self._viewers
        return _not_too_deep(
            lambda: {
                name: value if name in CODE_OPTIONS else self._leniently(value)
                for name, value in options.items()
            }
        )

    def value(self, data: Any) -> Any:
        """Redact the leaves of nested data.

        Raises:
            InvalidInputError: A part that cannot be searched.
        """
        return _not_too_deep(lambda: self._walk(data))

    def blocks(self, blocks: Sequence[Any]) -> list[Any]:
        """Redact content blocks, such as a tool's output.

        Raises:
            InvalidInputError: A part that cannot be searched.
        """
        return _not_too_deep(lambda: [self._block(block) for block in blocks])

    def _message(self, message: Any) -> ChatMessage:
        if not isinstance(message, ChatMessage):
            raise InvalidInputError(f"expected a ChatMessage, not {type(message).__name__}")
        if set(type(message).model_fields) - set(ChatMessage.model_fields):
            raise InvalidInputError(
                f"a message of type {type(message).__name__} has parts that cannot be searched"
            )
        role = getattr(message.role, "value", message.role)
        self._session = self._tenants if role in _OTHERS else self._viewers
        return message.model_copy(
            update={
                "blocks": [self._block(block) for block in message.blocks],
                "additional_kwargs": self._top(message.additional_kwargs),
            }
        )

    def _block(self, block: Any) -> Any:
        known = next((kind for kind in _KNOWN if isinstance(block, kind)), None)
        if known is None or set(type(block).model_fields) - set(known.model_fields):
            kind = type(block).__name__
            raise InvalidInputError(f"a content block of type {kind} cannot be searched")
        if isinstance(block, TextBlock):
            return TextBlock(text=self.text(block.text))
        if isinstance(block, CachePoint):
            return block
        if isinstance(block, ToolCallBlock):
            update = self._fields(block, "tool_call_id")
            update["tool_name"] = self._name(block.tool_name)
            update["tool_kwargs"] = in_json(block.tool_kwargs, self._walk)
        elif isinstance(block, ThinkingBlock):
            update = self._fields(block, "content")
            update["additional_information"] = self._top(block.additional_information)
        elif isinstance(block, CitableBlock):
            update = self._fields(block, "title", "source")
            update["content"] = [self._block(part) for part in block.content]
        elif isinstance(block, CitationBlock):
            update = self._fields(block, "title", "source", "additional_location_info")
            update["cited_content"] = self._block(block.cited_content)
        else:
            if not self._allow_media:
                raise InvalidInputError(
                    f"a {type(block).__name__} cannot be searched for personal data; pass "
                    "allow_media=True to let media through"
                )
            update = self._fields(block, "title") if isinstance(block, DocumentBlock) else {}
        return block.model_copy(update=update)

    def _fields(self, block: BaseModel, *names: str) -> dict[str, Any]:
        return {name: self._walk(getattr(block, name)) for name in names}

    def _top(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """Additional arguments: some fields mean something at the top only."""
        kept = {k: v for k, v in value.items() if is_opaque(self._session, k, v)}
        return {**self._walk({k: v for k, v in value.items() if k not in kept}), **kept}

    def _walk(self, value: Any) -> Any:
        if isinstance(value, Enum):
            return value
        if isinstance(value, Mapping):
            return {
                (self.text(key) if isinstance(key, str) else key): self._entry(key, item)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return like(value, [self._walk(item) for item in value])
        if isinstance(value, BaseModel) and not isinstance(value, BaseNode):
            # Such as the tool calls that a provider's own client returned. Copied field by field:
            # validation would quote what it refuses.
            fields = {
                n: self._entry(n, getattr(value, n))
                for n in (*type(value).model_fields, *(value.model_extra or ()))
            }
            return value.model_copy(update=fields)
        return redact_value(self._session, value)

    def _entry(self, key: Any, value: Any) -> Any:
        if key == "name":
            return self._name(value)
        return in_json(value, self._walk) if key == "arguments" else self._walk(value)

    def _name(self, name: Any) -> Any:
        """The name of a speaker or a tool: providers take no brackets there."""
        redacted = self._walk(name)
        if redacted == name or not isinstance(redacted, str):
            return redacted
        return redacted.replace("[", "").replace("]", "")

    def _leniently(self, value: Any) -> Any:
        if isinstance(value, Mapping | list | tuple):
            if isinstance(value, Mapping):
                return {
                    (self.text(k) if isinstance(k, str) else k): self._leniently(v)
                    for k, v in value.items()
                }
            return like(value, [self._leniently(item) for item in value])
        if isinstance(value, set | frozenset):
            return type(value)(self._leniently(item) for item in value)
        if isinstance(value, bytes | bytearray | memoryview):
            raise InvalidInputError("an option that is bytes cannot be searched")
        if isinstance(value, Enum) or not isinstance(value, str | int | float | BaseModel):
            return value
        return self._walk(value)


def _not_too_deep(redact: Callable[[], Result]) -> Result:
    try:
        return redact()
    except RecursionError:
        pass
    raise InvalidInputError("the input is nested too deeply to be searched")
