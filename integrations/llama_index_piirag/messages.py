"""Redacting every part of a chat message, and every option of a call."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping, Sequence
from enum import Enum
from typing import Any, Self, TypeVar, cast

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

from llama_index_piirag.owners import Owners, answering, is_source, role_of
from piirag.errors import InvalidInputError
from piirag.redaction import RedactionSession
from piirag.redaction.adjacent import Cut, cuts, together
from piirag.redaction.echoes import Echoes
from piirag.redaction.walk import (
    CODE_OPTIONS,
    in_json,
    is_opaque,
    like,
    redact_value,
    settled,
)
from piirag.tenancy.provenance import TOOLS, OwnedSession, standing_in

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


class MessageRedactor:
    """Redacts all that goes into one model call, under one mapping.

    Args:
        session: The session of the call.
        owners: Tells whose texts the messages hold; all are the viewer's own if None.
        allow_media: Whether images, audio, video and files pass. Nobody can look into them here.
    """

    def __init__(
        self,
        session: RedactionSession,
        *,
        owners: Owners | None = None,
        allow_media: bool = False,
    ) -> None:
        self._session = session
        self._viewers = session
        self._owners = owners
        self._allow_media = allow_media
        # What the tools were given, by this call and in what a tool says.
        self._of_call = Echoes()
        self._given = Echoes()

    def text(self, text: str) -> str:
        """Redact a text."""
        return self._session.redact(text).text

    def messages(self, messages: Sequence[ChatMessage]) -> list[ChatMessage]:
        """Redact messages, each without what is found in any; the originals are not changed.

        Raises:
            InvalidInputError: Something that is no message, or a part that cannot be searched.
            DetectionError: The detector failed.
        """
        if isinstance(messages, str | bytes) or not isinstance(messages, Sequence):
            raise InvalidInputError("a chat takes a list of messages")
        return _not_too_deep(
            lambda: settled(
                self._viewers,
                lambda: [
                    self._message(message, tool)
                    for message, tool in zip(messages, answering(messages), strict=True)
                ],
            )
        )

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
        return _not_too_deep(lambda: self._blocks(blocks))

    def of(self, owner: str | None) -> Self:
        """The same for texts of an owner; of the viewer if None."""
        parts = copy.copy(self)
        parts._session = self._viewers
        if owner is not None:
            parts._session = cast(RedactionSession, OwnedSession(self._viewers, owner))
        return parts

    def _message(self, message: Any, tool: str | None) -> ChatMessage:
        if not isinstance(message, ChatMessage):
            raise InvalidInputError(f"expected a ChatMessage, not {type(message).__name__}")
        if set(type(message).model_fields) - set(ChatMessage.model_fields):
            raise InvalidInputError(
                f"a message of type {type(message).__name__} has parts that cannot be searched"
            )
        owner, own = self._owners.of(message, tool) if self._owners is not None else (None, [])
        for text in standing_in(message.content or "", own) if own else ():
            # In a text of others: its values are noted as the viewer's own.
            self._viewers.redact(text)
        parts = self.of(owner)
        if isinstance(self._viewers, RedactionSession) and (
            tool is not None or role_of(message) in TOOLS
        ):
            parts._given = self._of_call.follow(self._viewers.mapping)
        kwargs = {k: v for k, v in message.additional_kwargs.items() if not is_source(v)}
        return message.model_copy(
            update={
                "blocks": parts._blocks(message.blocks),
                "additional_kwargs": parts._top(kwargs),
            }
        )

    def _blocks(self, blocks: Sequence[Any]) -> list[Any]:
        # Some clients join the texts of a message, whatever stands between them.
        texts = [block.text for block in blocks if isinstance(block, TextBlock)]
        over = cuts(texts, self._session.find)
        given = map(self._given.find, texts)
        found = map(together, over, given)
        return [self._block(b, next(found) if isinstance(b, TextBlock) else ()) for b in blocks]

    def _block(self, block: Any, cut: Cut = ()) -> Any:
        known = next((kind for kind in _KNOWN if isinstance(block, kind)), None)
        more = set() if known is None else set(type(block).model_fields) - set(known.model_fields)
        if known is None or more - {"metadata"}:
            kind = type(block).__name__
            raise InvalidInputError(f"a content block of type {kind} cannot be searched")
        if self._owners is not None:
            tagged, owner = self._owners.of_block(block)
            if tagged:
                return self.of(owner)._known_block(block, more, cut)
        return self._known_block(block, more, cut)

    def _known_block(self, block: Any, more: Collection[str], cut: Cut) -> Any:
        if isinstance(block, TextBlock):
            return TextBlock(text=self._session.redact(block.text, cut=cut).text)
        update: dict[str, Any] = {}
        if isinstance(block, ToolCallBlock):
            update = self._fields(block, "tool_call_id")
            update["tool_name"] = self._name(block.tool_name)
            update["tool_kwargs"] = in_json(block.tool_kwargs, self._walk)
        elif isinstance(block, ThinkingBlock):
            update = self._fields(block, "content")
            update["additional_information"] = self._top(block.additional_information)
        elif isinstance(block, CitableBlock):
            update = self._fields(block, "title", "source")
            update["content"] = self._blocks(block.content)
        elif isinstance(block, CitationBlock):
            update = self._fields(block, "title", "source", "additional_location_info")
            update["cited_content"] = self._block(block.cited_content)
        elif not isinstance(block, CachePoint):
            if not self._allow_media:
                raise InvalidInputError(
                    f"a {type(block).__name__} cannot be searched for personal data; pass "
                    "allow_media=True to let media through"
                )
            update = self._fields(block, "title") if isinstance(block, DocumentBlock) else {}
        return block.model_copy(update={**update, **self._fields(block, *more)})

    def _fields(self, block: BaseModel, *names: str) -> dict[str, Any]:
        return {name: self._walk(getattr(block, name)) for name in names}

    def _top(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """Additional arguments: some fields mean something at the top only."""
        kept = {k: v for k, v in value.items() if is_opaque(self._session, k, v)}
        return {**self._walk({k: v for k, v in value.items() if k not in kept}), **kept}

    def _walk(self, value: Any, key: Any = "") -> Any:
        if isinstance(value, Enum):
            return value
        if isinstance(value, Mapping):
            return {
                (self.text(key) if isinstance(key, str) else key): self._entry(key, item)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return like(value, [self._walk(item, key) for item in value])
        if isinstance(value, BaseModel) and not isinstance(value, BaseNode):
            # Such as the tool calls that a provider's own client returned. Copied field by field:
            # validation would quote what it refuses.
            fields = {
                n: self._entry(n, getattr(value, n))
                for n in (*type(value).model_fields, *(value.model_extra or ()))
            }
            return value.model_copy(update=fields)
        return redact_value(self._session, value, key=key)

    def _entry(self, key: Any, value: Any) -> Any:
        if key == "name":
            return self._name(value)
        if key == "arguments":
            return in_json(value, self._walk)
        return self._walk(value, key)

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
