"""Redacting every part of a message, and putting values back into a reply."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage, convert_to_messages
from langchain_core.prompt_values import ChatPromptValue, PromptValue, StringPromptValue

from piirag.errors import InvalidInputError
from piirag.redaction import RedactionMapping, RedactionSession
from piirag.redaction.walk import map_leaves, redact_value, rehydrate_value

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

# Opaque data that providers check: changing a letter of it makes them refuse the request.
_OPAQUE = frozenset("type signature encrypted_content thought_signature cache_control".split())
_BINARY = frozenset({"data", "base64", "file_data"})


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

    def messages(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """Redact messages; the originals are not changed."""
        return [self.message(message) for message in messages]

    def message(self, message: BaseMessage) -> BaseMessage:
        """Redact one message, every part of it."""
        update: dict[str, Any] = {
            "content": self._content(message.content),
            "additional_kwargs": self._walk(message.additional_kwargs),
            "response_metadata": self._walk(message.response_metadata),
            "name": self._walk(message.name),
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
            return self._walk(block)
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
            return {k: v if k in _BINARY else self._media(v) for k, v in block.items()}
        if isinstance(block, str) and block.startswith("data:"):
            return block
        return self._walk(block)

    def _walk(self, value: Any) -> Any:
        if isinstance(value, dict):
            opaque = {k: v for k, v in value.items() if k in _OPAQUE}
            rest = {k: v for k, v in value.items() if k not in _OPAQUE}
            return {**{k: None for k in value if k in _OPAQUE}, **self._walked(rest), **opaque}
        if isinstance(value, list | tuple):
            return [self._walk(item) for item in value]
        return redact_value(self._session, value)

    def _walked(self, value: dict[Any, Any]) -> dict[Any, Any]:
        return {
            (self._session.redact(k).text if isinstance(k, str) else k): (
                self._arguments(v) if k == "arguments" else self._walk(v)
            )
            for k, v in value.items()
        }

    def _arguments(self, value: Any) -> Any:
        """JSON in a string: parsed, so that escapes hide nothing and the result still parses."""
        return _in_json(value, self._walk)

    def _call(self, call: Any) -> Any:
        changed = {k: call.get(k) for k in call if k in {"name", "type"}}
        return {**self._walk({k: v for k, v in call.items() if k not in changed}), **changed}


_KNOWN_FIELDS = frozenset(
    {"type", "usage_metadata", "tool_calls", "invalid_tool_calls", "status", "chunk_position"}
)


def _to_messages(value: Any) -> list[BaseMessage]:
    failed = False
    try:
        return convert_to_messages(value)
    except Exception:  # noqa: BLE001 - LangChain's message quotes the input
        failed = True
    raise InvalidInputError("this sequence is no list of messages" if failed else "")


def _in_json(value: Any, change: Callable[[Any], Any]) -> Any:
    if not isinstance(value, str):
        return change(value)
    try:
        parsed = json.loads(value)
    except ValueError:
        return change(value)
    if isinstance(parsed, str | int | float) or parsed is None:
        return change(value)
    changed = change(parsed)
    return value if changed == parsed else json.dumps(changed, ensure_ascii=False)


def restore(output: Any, mapping: RedactionMapping, tools: Collection[str]) -> Any:
    """Put the values of a call back into what the model returned.

    Args:
        output: A string, a message, or data parsed from one.
        mapping: The mapping of the call.
        tools: Names of the tools whose arguments are restored.

    Raises:
        InvalidInputError: Something that cannot be searched.
    """
    if isinstance(output, BaseMessage):
        return _restore_message(output, mapping, tools)
    model_dump = getattr(output, "model_dump", None)
    if callable(model_dump):
        return type(output).model_validate(rehydrate_value(model_dump(), mapping))
    return rehydrate_value(output, mapping)


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
                {**chunk, "args": _in_json(chunk["args"], lambda v: rehydrate_value(v, mapping))}
                if chunk["name"] in tools
                else chunk
                for chunk in message.tool_call_chunks  # type: ignore[attr-defined]
            ]
    return message.model_copy(update=update)


def restore_content(content: Any, mapping: RedactionMapping, tools: Collection[str]) -> Any:
    """Restore the text of a message; of tool blocks, only the arguments of allowed tools."""
    if isinstance(content, str):
        return rehydrate_value(content, mapping)
    restored = []
    for block in content:
        kind = block.get("type") if isinstance(block, dict) else None
        if kind in {"tool_use", "tool_call", "function_call"}:
            allowed = block.get("name") in tools
            keys = {"input", "args", "arguments"} if allowed else set()
            restored.append(
                {
                    k: _in_json(v, lambda leaf: rehydrate_value(leaf, mapping)) if k in keys else v
                    for k, v in block.items()
                }
            )
        elif isinstance(block, dict):
            restored.append(
                {k: v if k in _OPAQUE else _lenient(v, mapping) for k, v in block.items()}
            )
        else:
            restored.append(_lenient(block, mapping))
    return restored


def _lenient(value: Any, mapping: RedactionMapping) -> Any:
    try:
        return map_leaves(value, lambda leaf: rehydrate_value(leaf, mapping))
    except InvalidInputError:
        return value


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
    arguments = _in_json(function.get("arguments"), lambda v: rehydrate_value(v, mapping))
    return {**call, "function": {**function, "arguments": arguments}}
