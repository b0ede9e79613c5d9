"""Redacting every part of a message, and putting values back into a reply."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage, convert_to_messages
from langchain_core.prompt_values import ChatPromptValue, PromptValue, StringPromptValue
from pydantic import BaseModel

from piirag.errors import InvalidInputError
from piirag.redaction import RedactionMapping, RedactionSession
from piirag.redaction.walk import (
    CODE_OPTIONS,
    in_json,
    is_base64,
    is_opaque,
    like,
    redact_value,
    rehydrate_value,
)

# Kinds of content block whose leaves are text, arguments or citations.
_SEARCHABLE = frozenset(
    """
    text text-plain input_text output_text refusal tool_use tool_result tool_call tool_call_chunk
    invalid_tool_call function_call function_call_output server_tool_use server_tool_result
    server_tool_call server_tool_call_chunk thinking reasoning redacted_thinking non_standard
    citation search_result web_search_call code_interpreter_call json
    """.split()
)
_MEDIA = frozenset(
    "image image_url input_image audio input_audio video file input_file document media".split()
)

_BINARY = frozenset({"data", "base64", "file_data"})
_MEDIA_URL = re.compile(r"data:(?:image|audio|video|application)/")


class MessageRedactor:
    """Redacts the messages of one model call under one mapping.

    Args:
        session: The session of the call.
        allow_media: Whether images, audio and files pass. Nobody can look into them here.
    """

    def __init__(self, session: RedactionSession, *, allow_media: bool = False) -> None:
        self._session = session
        self._allow_media = allow_media

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
            return self._session.redact(value).text
        if isinstance(value, StringPromptValue):
            return StringPromptValue(text=self._session.redact(value.text).text)
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
        return self._leniently(value)

    def config(self, config: Mapping[str, Any] | None) -> Any:
        """Redact what a run config tells tracers: tags, metadata, the run's name."""
        if not config:
            return config
        shown = {k: config[k] for k in ("tags", "metadata", "run_name") if config.get(k)}
        return {**config, **{key: self._leniently(value) for key, value in shown.items()}}

    def _leniently(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {
                (self._plain(k) if isinstance(k, str) else k): self._leniently(v)
                for k, v in value.items()
            }
        if isinstance(value, list | tuple):
            return like(value, [self._leniently(item) for item in value])
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return redact_value(self._session, value)
        return value

    def _plain(self, text: str) -> str:
        return self._session.redact(text).text

    def messages(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """Redact messages; the originals are not changed."""
        return [self.message(message) for message in messages]

    def message(self, message: BaseMessage) -> BaseMessage:
        """Redact one message, every part of it."""
        update: dict[str, Any] = {
            "content": self._content(message.content),
            "additional_kwargs": self._top(message.additional_kwargs),
            "response_metadata": self._leniently(message.response_metadata),
            "name": self._name(message.name),
            "id": self._walk(message.id),
        }
        if isinstance(message, AIMessage):
            update["tool_calls"] = [self._call(call) for call in message.tool_calls]
            update["invalid_tool_calls"] = [self._call(call) for call in message.invalid_tool_calls]
            if getattr(message, "tool_call_chunks", None):
                update["tool_call_chunks"] = []
        if isinstance(message, ToolMessage):
            # The artifact is never sent to a model, but tracers would record it.
            update["artifact"] = None
            update["tool_call_id"] = self._walk(message.tool_call_id)
        extra = set(message.model_fields_set) | set(message.__pydantic_extra__ or {})
        for field in extra - set(update) - _KNOWN_FIELDS:
            update[field] = self._walk(getattr(message, field))
        return message.model_copy(update=update)

    def _content(self, content: Any) -> Any:
        if isinstance(content, str):
            return self._session.redact(content).text
        return [self._block(block) for block in content]

    def _block(self, block: Any) -> Any:
        if isinstance(block, str):
            return self._session.redact(block).text
        kind = block.get("type") if isinstance(block, dict) else None
        if kind is None and isinstance(block, dict) and "text" in block:
            kind = "text"
        if isinstance(block, dict) and kind in _SEARCHABLE:
            return self._top(block)
        if isinstance(block, dict) and kind in _MEDIA:
            if not self._allow_media:
                raise InvalidInputError(
                    f"a content block of type {kind!r} cannot be searched for personal data; "
                    "pass allow_media=True to let media through"
                )
            return self._media(block)
        raise InvalidInputError("a content block of an unknown type cannot be searched")

    def _media(self, block: Any) -> Any:
        if isinstance(block, dict):
            return {
                k: v if k in _BINARY and is_base64(v) else self._media(v) for k, v in block.items()
            }
        if isinstance(block, str) and _MEDIA_URL.match(block):
            return block
        return self._walk(block)

    def _top(self, block: dict[str, Any]) -> dict[str, Any]:
        """A content block, or additional arguments: some fields mean something at the top only."""
        result: dict[str, Any] = {}
        for key, value in block.items():
            if key == "type" or is_opaque(self._session, key, value):
                result[key] = value
            elif key == "content" and isinstance(value, list):
                # A tool result holds blocks of its own.
                result[key] = self._content(value)
            elif key == "name":
                result[key] = self._name(value)
            else:
                result[self._plain(key)] = self._field(key, value)
        return result

    def _field(self, key: str, value: Any) -> Any:
        return in_json(value, self._walk) if key == "arguments" else self._walk(value)

    def _walk(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {
                (self._plain(k) if isinstance(k, str) else k): self._field(k, v)
                for k, v in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._walk(item) for item in value]
        return redact_value(self._session, value)

    def _name(self, name: Any) -> Any:
        """The name of a speaker or a tool: providers take no brackets there."""
        redacted = self._walk(name)
        return redacted.replace("[", "").replace("]", "") if redacted != name else name

    def _call(self, call: Any) -> Any:
        rest = {k: self._walk(v) for k, v in call.items() if k not in {"name", "type"}}
        return {**call, **rest, "name": self._name(call.get("name"))}


_KNOWN_FIELDS = frozenset(
    {"type", "usage_metadata", "tool_calls", "invalid_tool_calls", "status", "chunk_position"}
)


def _to_messages(value: Any) -> list[BaseMessage]:
    with contextlib.suppress(Exception):  # LangChain's message quotes the input
        return convert_to_messages(value)
    raise InvalidInputError("this sequence is no list of messages")


def restore(output: Any, mapping: RedactionMapping, tools: Collection[str]) -> Any:
    """Put the values of a call back into what the model returned.

    Args:
        output: A string, a message, or data parsed from one: mappings, lists, pydantic models,
            dataclasses. Anything else is returned as it is, placeholders and all.
        mapping: The mapping of the call.
        tools: Names of the tools whose arguments are restored.
    """

    def inner(value: Any) -> Any:
        return restore(value, mapping, tools)

    if isinstance(output, str):
        return rehydrate_value(output, mapping)
    if isinstance(output, BaseMessage):
        return _restore_message(output, mapping, tools)
    if isinstance(output, Mapping):
        return {inner(key): inner(value) for key, value in output.items()}
    if isinstance(output, list | tuple):
        return like(output, [inner(item) for item in output])
    if isinstance(output, BaseModel):
        # Copied field by field: validation would refuse, and quote, a value longer than its token.
        return output.model_copy(
            update={name: inner(getattr(output, name)) for name in type(output).model_fields}
        )
    if dataclasses.is_dataclass(output) and not isinstance(output, type):
        values = {f.name: inner(getattr(output, f.name)) for f in dataclasses.fields(output)}
        clone = copy.copy(output)
        for name, value in values.items():
            object.__setattr__(clone, name, value)
        return clone
    return output


def _restore_message(
    message: BaseMessage, mapping: RedactionMapping, tools: Collection[str]
) -> BaseMessage:
    update: dict[str, Any] = {"content": restore_content(message.content, mapping, tools)}
    if isinstance(message, AIMessage):
        update["tool_calls"] = [
            {**call, "args": rehydrate_value(call["args"], mapping)}
            if call["name"] in tools
            else call
            for call in message.tool_calls
        ]
        update["additional_kwargs"] = _restore_kwargs(message.additional_kwargs, mapping, tools)
        if getattr(message, "tool_call_chunks", None):
            update["tool_call_chunks"] = [
                {**chunk, "args": in_json(chunk["args"], lambda v: rehydrate_value(v, mapping))}
                if chunk["name"] in tools
                else chunk
                for chunk in message.tool_call_chunks  # type: ignore[attr-defined]
            ]
    return message.model_copy(update=update)


# The parts of a content block that a person reads; the rest of it keeps its placeholders, in a
# whole reply as in a streamed one.
READ = frozenset({"text", "reasoning", "thinking", "refusal"})


def restore_content(content: Any, mapping: RedactionMapping, tools: Collection[str]) -> Any:
    """Restore the text of a message; of tool blocks, only the arguments of allowed tools."""
    if isinstance(content, str):
        return rehydrate_value(content, mapping)
    return [_restore_block(block, mapping, tools) for block in content]


def _restore_block(block: Any, mapping: RedactionMapping, tools: Collection[str]) -> Any:
    if isinstance(block, str):
        return rehydrate_value(block, mapping)
    if not isinstance(block, dict):
        return block
    keys = READ
    if block.get("type") in {"tool_use", "tool_call", "function_call"}:
        allowed = block.get("name") in tools
        keys = frozenset({"input", "args", "arguments"}) if allowed else frozenset()
    return {
        k: in_json(v, lambda leaf: rehydrate_value(leaf, mapping)) if k in keys else v
        for k, v in block.items()
    }


def _restore_kwargs(
    kwargs: dict[str, Any], mapping: RedactionMapping, tools: Collection[str]
) -> dict[str, Any]:
    restored = dict(kwargs)
    for key in ("reasoning_content", "refusal"):
        if isinstance(restored.get(key), str):
            restored[key] = rehydrate_value(restored[key], mapping)
    calls = restored.get("tool_calls")
    if isinstance(calls, list):
        restored["tool_calls"] = [_restore_call(call, mapping, tools) for call in calls]
    return restored


def _restore_call(call: Any, mapping: RedactionMapping, tools: Collection[str]) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or function.get("name") not in tools:
        return call
    arguments = in_json(function.get("arguments"), lambda v: rehydrate_value(v, mapping))
    return {**call, "function": {**function, "arguments": arguments}}
