"""Putting the values of a call back into what the model returned."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Container, Mapping
from typing import Any, Protocol

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.prompt_values import PromptValue
from pydantic import BaseModel

from langchain_piirag.blocks import kind_of
from piirag.redaction.reply import Reply, Sink
from piirag.redaction.walk import in_json, like

METADATA_KEY = "piirag"
"""Where a message's `response_metadata` has the counts of its reply."""

# The parts of a content block that a person reads; the rest of it keeps its placeholders, in a
# whole reply as in a streamed one.
READ = frozenset({"text", "reasoning", "thinking", "refusal"})
READ_KWARGS = frozenset({"reasoning_content", "refusal"})

# Blocks that are tool calls, or pieces of one, and the fields that hold the arguments.
CALLS = frozenset(
    "tool_use tool_call tool_call_chunk function_call custom_tool_call input_json_delta".split()
)
ARGUMENTS = frozenset({"input", "args", "arguments", "partial_json"})
RAW_CALLS = frozenset({"tool_calls", "function_call"})


def labels_of(messages: Any) -> list[Any]:
    """The labels that replies in an input bear: what they were made from had them."""
    if isinstance(messages, PromptValue):
        messages = messages.to_messages()
    if not isinstance(messages, list | tuple):
        return []
    told = [m.response_metadata.get(METADATA_KEY) for m in messages if isinstance(m, BaseMessage)]
    return [counts.get("label") for counts in told if isinstance(counts, Mapping)]


class Text(Protocol):
    """A text that comes in chunks."""

    def feed(self, chunk: str) -> str:
        """Take the next chunk; return what can be shown now."""
        ...

    def flush(self) -> str:
        """The text is over: return what was held back."""
        ...


class Restorer:
    """Restores one reply.

    Arguments of a call that stand in a message several times, as LangChain, the provider and the
    content blocks each have them, are restored and counted once.

    Args:
        reply: The reply, which puts values back and counts.
        tools: Names of the tools that get real values; None for all of them.
        as_json: The text of the reply is JSON: it is changed leaf by leaf, so that it parses.
        tool_sink: What the arguments of such tools count as.
    """

    def __init__(
        self,
        reply: Reply,
        tools: Container[str] | None,
        *,
        as_json: bool = False,
        tool_sink: Sink = "tool",
    ) -> None:
        self.reply = reply
        self.as_json = as_json
        self._tools = tools
        self._tool_sink: Sink = tool_sink
        self._done: dict[tuple[Any, ...], Any] = {}

    def restore(self, output: Any) -> Any:
        """Restore what a model returned.

        Args:
            output: A string, a message, or data parsed from one: mappings, lists, pydantic
                models, dataclasses. Anything else is returned as it is, placeholders and all.
        """
        restored = self.part(output)
        return self.with_counts(restored) if isinstance(restored, AIMessage) else restored

    def with_counts(self, message: Any) -> Any:
        """The message, with the counts so far in its metadata, and the label of its sources."""
        told = {METADATA_KEY: self.reply.told}
        return message.model_copy(
            update={"response_metadata": {**message.response_metadata, **told}}
        )

    def part(self, output: Any) -> Any:
        """Restore a part of what a model returned, without putting the counts into it."""
        if isinstance(output, str):
            return self.text(output)
        if isinstance(output, BaseMessage):
            return self._message(output)
        if isinstance(output, Mapping):
            return {self.part(key): self.part(value) for key, value in output.items()}
        if isinstance(output, list | tuple):
            return like(output, [self.part(item) for item in output])
        if isinstance(output, BaseModel):
            # Copied field by field: validation would refuse a value longer than its token.
            return output.model_copy(
                update={n: self.part(getattr(output, n)) for n in type(output).model_fields}
            )
        if dataclasses.is_dataclass(output) and not isinstance(output, type):
            values = {f.name: self.part(getattr(output, f.name)) for f in _fields(output)}
            clone = copy.copy(output)
            for name, value in values.items():
                object.__setattr__(clone, name, value)
            return clone
        if isinstance(output, int | float) and not isinstance(output, bool):
            return self.reply.value(output)
        return output

    def stream(self) -> Text:
        """For a text that a person reads, as it comes."""
        return _Held(self) if self.as_json else self.reply.stream()

    def text(self, text: str) -> str:
        """Restore a text that a person reads."""
        restored: str = in_json(text, self.reply.value) if self.as_json else self.reply.text(text)
        return restored

    def _message(self, message: BaseMessage) -> BaseMessage:
        update: dict[str, Any] = {"content": self._content(message.content)}
        if isinstance(message, AIMessage):
            update["tool_calls"] = [
                {**call, "args": self.arguments(call["args"], call["name"], call["id"])}
                for call in message.tool_calls
            ]
            update["invalid_tool_calls"] = [
                {**call, "args": self.reply.text(call["args"], "none")} if call["args"] else call
                for call in message.invalid_tool_calls
            ]
            update["additional_kwargs"] = {
                key: self.kwarg(key, value) for key, value in message.additional_kwargs.items()
            }
            if getattr(message, "tool_call_chunks", None):
                update["tool_call_chunks"] = self.call_chunks(message.tool_call_chunks)  # type: ignore[attr-defined]
        return message.model_copy(update=update)

    def call_chunks(self, chunks: Any) -> list[Any]:
        """Restore tool calls that a stream brought, each of them whole."""
        return [
            {**c, "args": self.arguments(c["args"], c["name"], c["id"])} if c["args"] else c
            for c in chunks
        ]

    def arguments(self, args: Any, name: Any, call_id: Any) -> Any:
        """Restore the arguments of a tool call: parsed, or as JSON text.

        JSON that does not parse keeps its placeholders: a value put into it could change what
        it says (threat P11).
        """
        parsed = args
        if isinstance(args, str):
            try:
                parsed = json.loads(args)
            except (ValueError, RecursionError):
                return self.reply.text(args, "none")
            if not isinstance(parsed, dict | list):
                return self.reply.text(args, "none")
        restored = self._once(parsed, name, call_id)
        if not isinstance(args, str):
            return restored
        return args if restored == parsed else json.dumps(restored, ensure_ascii=False)

    def _once(self, parsed: Any, name: Any, call_id: Any) -> Any:
        key = (call_id, name, json.dumps(parsed, default=repr, sort_keys=True))
        if key not in self._done:
            sink: Sink = self._tool_sink if self._allows(name) else "none"
            self._done[key] = self.reply.value(parsed, sink)
        return copy.deepcopy(self._done[key])

    def _allows(self, name: Any) -> bool:
        return self._tools is None or name in self._tools

    def _content(self, content: Any) -> Any:
        if isinstance(content, str):
            return self.text(content)
        return [self.block(block) for block in content]

    def block(self, block: Any) -> Any:
        """Restore a content block: what a person reads, and arguments of allowed tools."""
        if isinstance(block, str):
            return self.text(block)
        if not isinstance(block, dict):
            return block
        if kind_of(block) in CALLS:
            return self._call_block(block)
        restored = {
            k: self.text(v) if k in READ and isinstance(v, str) else v for k, v in block.items()
        }
        if isinstance(restored.get("summary"), list):  # of a reasoning block
            restored["summary"] = [self.block(part) for part in restored["summary"]]
        return restored

    def _call_block(self, block: dict[str, Any]) -> dict[str, Any]:
        name, call_id = block.get("name"), block.get("call_id", block.get("id"))
        restored = {
            k: self.arguments(v, name, call_id) if k in ARGUMENTS and v else v
            for k, v in block.items()
        }
        if block.get("type") == "custom_tool_call" and isinstance(block.get("input"), str):
            # Free text, not JSON.
            sink: Sink = self._tool_sink if self._allows(name) else "none"
            restored["input"] = self.reply.text(block["input"], sink)
        return restored

    def kwarg(self, key: str, value: Any) -> Any:
        """Restore one of a message's additional arguments."""
        if key in READ_KWARGS and isinstance(value, str):
            return self.reply.text(value)
        if key == "tool_calls" and isinstance(value, list):
            return [self._raw_call(call) for call in value]
        if key == "function_call":
            return self._function(value, None)
        return self.part(value) if key == "parsed" else value

    def _raw_call(self, call: Any) -> Any:
        if not isinstance(call, dict):
            return call
        return {**call, "function": self._function(call.get("function"), call.get("id"))}

    def _function(self, function: Any, call_id: Any) -> Any:
        if not isinstance(function, dict) or not function.get("arguments"):
            return function
        arguments = self.arguments(function["arguments"], function.get("name"), call_id)
        return {**function, "arguments": arguments}


class _Held:
    """JSON text, held back until it is whole."""

    def __init__(self, restorer: Restorer) -> None:
        self._restorer = restorer
        self._pieces: list[str] = []

    def feed(self, chunk: str) -> str:
        self._pieces.append(chunk)
        return ""

    def flush(self) -> str:
        text, self._pieces = "".join(self._pieces), []
        return self._restorer.text(text)


def _fields(output: Any) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(output)
