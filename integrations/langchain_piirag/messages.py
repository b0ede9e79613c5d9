"""Redacting every part of every message on its way to a model."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Self, cast

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage, convert_to_messages
from langchain_core.prompt_values import ChatPromptValue, PromptValue, StringPromptValue
from langchain_core.runnables import RunnableConfig

from langchain_piirag.blocks import (
    IDENTIFIERS,
    MEDIA,
    NESTS,
    SEARCHABLE,
    is_media_data,
    kind_of,
    text_of,
)
from langchain_piirag.configs import redact_config
from langchain_piirag.owners import Owners
from piirag.errors import ConfigurationError, InvalidInputError
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

__all__ = ["UNKNOWN_BLOCKS", "MessageRedactor"]

UNKNOWN_BLOCKS = ("refuse", "drop")

# Fields of messages that hold no text, or are redacted together with another one.
_KNOWN_FIELDS = frozenset(
    {"type", "usage_metadata", "tool_calls", "invalid_tool_calls", "status", "chunk_position"}
)
# What the OpenAI client has parsed from the content, which is searched itself; never sent.
_PARSED = "parsed"
_DROPPED: Any = object()


class MessageRedactor:
    """Redacts the messages of one model call under one mapping.

    Args:
        session: The session of the call.
        allow_media: Whether images, audio and files pass. Nobody can look into them here; their
            captions, file names and addresses are redacted.
        unknown_blocks: What becomes of content blocks of a kind that nobody knows how to search:
            ``"refuse"`` or ``"drop"``.
        tool_names: Names of the tools that the call offers; they pass as they are, because the
            offer has them too.
        owners: Tells whose texts the messages hold; all are the viewer's own if None.

    Raises:
        ConfigurationError: Another `unknown_blocks`.
    """

    def __init__(
        self,
        session: RedactionSession,
        *,
        allow_media: bool = False,
        unknown_blocks: str = "refuse",
        tool_names: Collection[str] = (),
        owners: Owners | None = None,
    ) -> None:
        if unknown_blocks not in UNKNOWN_BLOCKS:
            raise ConfigurationError(f"unknown_blocks is one of {', '.join(UNKNOWN_BLOCKS)}")
        self._session = session
        self._viewers = session
        self._owners = owners
        self._of_call = Echoes()
        self._given = Echoes()
        self._allow_media = allow_media
        self._drops = unknown_blocks == "drop"
        self._tool_names = frozenset(tool_names)

    def input(self, value: Any) -> Any:
        """Redact whatever a model takes: a string, a prompt value, messages.

        Raises:
            InvalidInputError: Something else, or a part that cannot be searched.
            DetectionError: The detector failed; nothing was sent.
        """
        try:
            return self._input(value)
        except RecursionError:
            pass  # raised below, so that it does not become the context
        raise InvalidInputError("the input is nested too deeply to be searched")

    def _input(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._plain(value)
        if isinstance(value, StringPromptValue):
            return StringPromptValue(text=self._plain(value.text))
        if isinstance(value, PromptValue):
            return ChatPromptValue(messages=self.messages(value.to_messages()))
        if isinstance(value, BaseMessage):
            return [self.message(value)]
        if isinstance(value, Sequence) and not isinstance(value, bytes):
            return self.messages(_to_messages(value))
        raise InvalidInputError(f"a model takes no input of type {type(value).__name__}")

    def option(self, name: str, value: Any) -> Any:
        """Redact an option of a call, such as `stop`; what is no data passes as it is."""
        if name in CODE_OPTIONS:
            return value
        return self.lenient(value)

    def config(self, config: RunnableConfig | None) -> RunnableConfig:
        """Redact what a run config tells tracers. See `redact_config`."""
        return redact_config(config, self.lenient)

    def lenient(self, value: Any, key: str = "") -> Any:
        """Redact the strings and numbers in a value; objects in it pass as they are.

        Args:
            value: The value.
            key: Where it stands, to understand it by.
        """
        if isinstance(value, Mapping):
            return {
                (self._plain(k) if isinstance(k, str) else k): self.lenient(v, k)
                for k, v in value.items()
            }
        if isinstance(value, list | tuple):
            return like(value, [self.lenient(item, key) for item in value])
        if isinstance(value, set | frozenset):
            return type(value)(self.lenient(item, key) for item in value)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return redact_value(self._session, value, key=key)
        return value

    def _plain(self, text: str, cut: Cut = ()) -> str:
        return self._session.redact(text, cut=cut).text

    def messages(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """Redact messages, each without what is found in any; the originals are not changed."""
        return settled(self._viewers, lambda: self._messages(messages))

    def _messages(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        called: dict[Any, str] = {}
        clean = []
        for message in messages:
            if isinstance(message, AIMessage):
                called.update((call["id"], call["name"]) for call in message.tool_calls)
            tool = called.get(getattr(message, "tool_call_id", None))
            clean.append(self.message(message, tool))
        return clean

    def message(self, message: BaseMessage, tool: str | None = None) -> BaseMessage:
        """Redact one message, every part of it.

        Args:
            message: The message.
            tool: The tool that answers in it, where the message does not name it.

        Raises:
            InvalidInputError: A part that cannot be searched.
            DetectionError: The detector failed.
        """
        owner, own = self._owners.of(message, tool) if self._owners is not None else (None, [])
        parts = self._of(owner)
        if message.type in TOOLS:
            parts._given = self._of_call.follow(self._viewers.mapping)
        clean = parts._message(message)
        if owner is None:
            return clean
        content = message.content if isinstance(message.content, str) else str(message.text)
        for text in standing_in(content, own):
            # Its values have their tokens already: they are noted as the viewer's own.
            self._viewers.redact(text)
        return clean

    def _of(self, owner: str | None) -> Self:
        """The same for texts of an owner; of the viewer if None."""
        parts = copy.copy(self)
        parts._session = self._viewers
        if owner is not None:
            parts._session = cast(RedactionSession, OwnedSession(self._viewers, owner))
        return parts

    def _message(self, message: BaseMessage) -> BaseMessage:
        update: dict[str, Any] = {
            "content": self._content(message.content),
            "additional_kwargs": self._kwargs(message.additional_kwargs),
            "response_metadata": self.lenient(message.response_metadata),
            "name": self._name(message.name),
            "id": self._name(message.id),
        }
        if isinstance(message, AIMessage):
            update["tool_calls"] = [self._call(call) for call in message.tool_calls]
            update["invalid_tool_calls"] = [self._call(call) for call in message.invalid_tool_calls]
            if getattr(message, "tool_call_chunks", None):
                update["tool_call_chunks"] = []
        if isinstance(message, ToolMessage):
            # The artifact is never sent to a model, but tracers would record it.
            update["artifact"] = None
            update["tool_call_id"] = self._name(message.tool_call_id)
        extra = set(message.model_fields_set) | set(message.__pydantic_extra__ or {})
        for field in extra - set(update) - _KNOWN_FIELDS:
            value = getattr(message, field)
            update[field] = self._name(value) if field == "role" else self._walk(value)
        return message.model_copy(update=update)

    def _content(self, content: Any) -> Any:
        if isinstance(content, str):
            return self._plain(content, self._given.find(content))
        blocks = [self._block(block, cut) for block, cut in self._cut(content)]
        return [block for block in blocks if block is not _DROPPED]

    def _cut(self, content: Sequence[Any]) -> list[tuple[Any, Cut]]:
        """Blocks, each with the parts of values that lie over the borders of its text."""
        texts = [text_of(block) for block in content]
        found = iter(cuts([text for text in texts if text is not None], self._session.find))
        return [
            (block, () if text is None else together(next(found), self._given.find(text)))
            for block, text in zip(content, texts, strict=True)
        ]

    def _block(self, block: Any, cut: Cut) -> Any:
        if self._owners is not None:
            tagged, owner = self._owners.of_block(block)
            if tagged:
                return self._of(owner)._known_block(block, cut)
        return self._known_block(block, cut)

    def _known_block(self, block: Any, cut: Cut) -> Any:
        if isinstance(block, str):
            return self._plain(block, cut)
        kind = kind_of(block)
        if kind in SEARCHABLE:
            clean = self._top(block)
            return {**clean, "text": self._plain(block["text"], cut)} if cut else clean
        if kind in MEDIA:
            if not self._allow_media:
                raise InvalidInputError(
                    f"a content block of type {kind!r} cannot be searched for personal data; "
                    "pass allow_media=True to let media through"
                )
            return self._media("", block)
        if self._drops:
            return _DROPPED
        raise InvalidInputError(
            "a content block of an unknown type cannot be searched; "
            'pass unknown_blocks="drop" to leave such blocks out'
        )

    def _media(self, key: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {
                (self._plain(k) if isinstance(k, str) else k): self._media(k, v)
                for k, v in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._media(key, item) for item in value]
        return value if is_media_data(key, value) else self._walk(value)

    def _kwargs(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        return self._top({key: value for key, value in kwargs.items() if key != _PARSED})

    def _top(self, block: dict[str, Any]) -> dict[str, Any]:
        """A content block, or additional arguments: some fields mean something at the top only."""
        result: dict[str, Any] = {}
        for key, value in block.items():
            if key == "type" or is_opaque(self._session, key, value):
                result[key] = self._name(value) if key == "type" else value
            elif key in NESTS and isinstance(value, list):
                # A tool result holds blocks of its own.
                result[key] = self._content(value)
            elif key == "tool_calls" and isinstance(value, list):
                result[key] = [self._raw_call(call) for call in value]
            elif key == "function_call" and isinstance(value, dict):
                result[key] = self._function(value)
            elif key == "name" or key in IDENTIFIERS:
                result[key] = self._name(value)
            else:
                result[self._plain(key)] = self._field(key, value)
        return result

    def _field(self, key: str, value: Any) -> Any:
        if key == "arguments":
            return in_json(value, self._walk)
        return self._walk(value, key)

    def _walk(self, value: Any, key: Any = "") -> Any:
        if isinstance(value, dict):
            return {
                (self._plain(k) if isinstance(k, str) else k): self._field(k, v)
                for k, v in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._walk(item, key) for item in value]
        return redact_value(self._session, value, key=key)

    def _name(self, name: Any) -> Any:
        """The name of a speaker or a tool, or an id: providers take no brackets there."""
        if isinstance(name, str) and name in self._tool_names:
            return name
        redacted = self._walk(name)
        if not isinstance(redacted, str) or redacted == name:
            return redacted
        return redacted.replace("[", "").replace("]", "")

    def _call(self, call: Any) -> Any:
        rest = {k: self._walk(v) for k, v in call.items() if k not in {"name", "type", "id"}}
        return {**call, **rest, "name": self._name(call.get("name")), "id": self._name(call["id"])}

    def _raw_call(self, call: Any) -> Any:
        """A tool call in the provider's own form, under the ids that `tool_calls` has too."""
        if not isinstance(call, dict):
            return self._walk(call)
        result = {
            (self._plain(k) if isinstance(k, str) else k): self._name(v)
            if k in IDENTIFIERS
            else self._walk(v)
            for k, v in call.items()
            if k != "function"
        }
        if "function" in call:
            result["function"] = self._function(call["function"])
        return result

    def _function(self, function: Any) -> Any:
        if not isinstance(function, dict):
            return self._walk(function)
        rest = {k: v for k, v in function.items() if k != "name"}
        named = {"name": self._name(function["name"])} if "name" in function else {}
        return {**named, **self._walk(rest)}


def _to_messages(value: Any) -> list[BaseMessage]:
    with contextlib.suppress(Exception):  # LangChain's message quotes the input
        return convert_to_messages(value)
    raise InvalidInputError("this sequence is no list of messages")
