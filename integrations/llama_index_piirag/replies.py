"""Putting values back into a model's reply, whole or streamed."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.bridge.pydantic import BaseModel

from piirag.redaction import Reply, Sink
from piirag.redaction.walk import in_json, like

COUNTS = "piirag"
"""Where a response's additional arguments tell what became of its tokens."""

_CALLS = frozenset({"tool_calls", "function_call"})

Leaf = Callable[[str, Sink], str]


class EveryTool(Container[object]):
    """Holds every name of a tool."""

    def __contains__(self, name: object) -> bool:
        return True


class ReplyRestorer:
    """Restores the parts of a reply to one model call.

    The provider's own object (`raw`) and the token probabilities are left out: they hold the
    reply with its placeholders, and nobody could look into them.

    Args:
        reply: Restores texts, and counts.
        tools: Names of the tools whose arguments are restored, as a ``"tool"`` sink.
        shown: Names of the tools whose arguments a person gets to see, as an output class's.
    """

    def __init__(
        self, reply: Reply, tools: Container[object], shown: Container[object] = ()
    ) -> None:
        self.reply = reply
        self.leaf: Leaf = reply.text
        self._tools = tools
        self._shown = shown
        self._done: dict[tuple[type, Any, Sink], Any] = {}

    def chat(self, response: ChatResponse) -> ChatResponse:
        """A whole reply."""
        message = self.message(response.message)
        # What a whole reply "adds" is its text; restored by itself it would count twice.
        delta = None if response.delta is None else message.content or ""
        return ChatResponse(message=message, delta=delta, additional_kwargs=self.kwargs(response))

    def completion(self, response: CompletionResponse) -> CompletionResponse:
        """A whole completion."""
        text = self.leaf(response.text, "display")
        delta = None if response.delta is None else text
        return CompletionResponse(text=text, delta=delta, additional_kwargs=self.kwargs(response))

    def kwargs(self, response: ChatResponse | CompletionResponse) -> dict[str, Any]:
        """Additional arguments of a response, with the counts so far."""
        kwargs: dict[str, Any] = self.walk(response.additional_kwargs)
        return {**kwargs, COUNTS: self.reply.told}

    def message(self, message: ChatMessage) -> ChatMessage:
        """A whole message."""
        blocks = [self.block(block) for block in message.blocks]
        kwargs = self.walk(message.additional_kwargs)
        return message.model_copy(update={"blocks": blocks, "additional_kwargs": kwargs})

    def block(self, block: Any) -> Any:
        """A content block. Citations and media keep the placeholders that the model saw."""
        if isinstance(block, TextBlock):
            return TextBlock(text=self.leaf(block.text, "display"))
        if isinstance(block, ThinkingBlock):
            return block.model_copy(update={"content": self.walk(block.content)})
        if isinstance(block, ToolCallBlock):
            arguments = self._arguments(block.tool_name, block.tool_kwargs)
            return block.model_copy(update={"tool_kwargs": arguments})
        return block

    def walk(self, value: Any) -> Any:
        """Restore leaves; of tool calls, only those of allowed tools; leave objects alone."""
        if isinstance(value, dict):
            return {key: self._entry(key, item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return like(value, [self.walk(item) for item in value])
        return self.leaf(value, "display") if isinstance(value, str) else value

    def parsed(self, arguments: Any, restore: Callable[[Any], Any]) -> Any:
        """Restore the leaves of arguments that may be JSON text."""
        return in_json(arguments, restore)

    def once(self, leaf: Any, sink: Sink) -> Any:
        """Restore a leaf that stands in several parts, and count it once."""
        key = (type(leaf), leaf, sink)
        if key not in self._done:
            self._done[key] = self.reply.value(leaf, sink)
        return self._done[key]

    def _entry(self, key: Any, value: Any) -> Any:
        if key in _CALLS:
            calls = value if isinstance(value, list) else [value]
            restored = [self._call(call) for call in calls]
            return restored if isinstance(value, list) else restored[0]
        return self.walk(value)

    def _arguments(self, name: Any, arguments: Any) -> Any:
        """Restore arguments; a call may stand in a block and in the additional arguments too."""
        sink: Sink = "none"
        if name in self._shown:
            sink = "display"
        elif name in self._tools:
            sink = "tool"
        return self.parsed(arguments, lambda value: self._leaves(value, sink))

    def _leaves(self, value: Any, sink: Sink) -> Any:
        """What the model said by itself counts in the arguments of every tool."""
        if isinstance(value, dict):
            return {self._leaves(k, sink): self._leaves(v, sink) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return like(value, [self._leaves(item, sink) for item in value])
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return self.once(value, sink)
        return value

    def _call(self, call: Any) -> Any:
        """A call in a provider's own form: a dict, or an object of its client."""
        if isinstance(call, BaseModel):
            function = getattr(call, "function", None)
            if not isinstance(function, BaseModel) or not hasattr(function, "arguments"):
                return call
            arguments = self._arguments(getattr(function, "name", None), function.arguments)
            function = function.model_copy(update={"arguments": arguments})
            return call.model_copy(update={"function": function})
        function = call.get("function", call) if isinstance(call, dict) else None
        if not isinstance(function, dict):
            return call
        name = function.get("name")
        changed = {**function, "arguments": self._arguments(name, function.get("arguments"))}
        if "arguments" not in function:
            return call
        return changed if function is call else {**call, "function": changed}
