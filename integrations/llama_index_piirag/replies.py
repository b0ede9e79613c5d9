"""Putting values back into a model's reply, whole or streamed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)

from piirag.redaction import RedactionMapping, StreamRehydrator
from piirag.redaction.walk import in_json, like, rehydrate_value

_CALLS = frozenset({"tool_calls", "function_call"})


class ReplyRestorer:
    """Restores the replies to one model call.

    The provider's own object (`raw`) and the token probabilities are left out: they hold the
    reply with its placeholders, and nobody could look into them.

    Args:
        mapping: The mapping of the call.
        tools: Names of the tools that get real values as arguments.
    """

    def __init__(self, mapping: RedactionMapping, tools: Collection[str]) -> None:
        self._mapping = mapping
        self._tools = tools

    def chat(self, response: ChatResponse) -> ChatResponse:
        """A whole reply."""
        return ChatResponse(
            message=self._message(response.message, None),
            delta=None if response.delta is None else self._leaf(response.delta),
            additional_kwargs=self._walk(response.additional_kwargs),
        )

    def completion(self, response: CompletionResponse) -> CompletionResponse:
        """A whole completion."""
        return CompletionResponse(
            text=self._leaf(response.text),
            delta=None if response.delta is None else self._leaf(response.delta),
            additional_kwargs=self._walk(response.additional_kwargs),
        )

    def chat_chunk(self, response: ChatResponse, delta: str, text: str) -> ChatResponse:
        """A chunk of a streamed reply, given what it adds and what has come so far."""
        return ChatResponse(
            message=self._message(response.message, text),
            delta=delta,
            additional_kwargs=self._walk(response.additional_kwargs),
        )

    def completion_chunk(
        self, response: CompletionResponse, delta: str, text: str
    ) -> CompletionResponse:
        """A chunk of a streamed completion. See `chat_chunk`."""
        kwargs = self._walk(response.additional_kwargs)
        return CompletionResponse(text=text, delta=delta, additional_kwargs=kwargs)

    def _message(self, message: ChatMessage, text: str | None) -> ChatMessage:
        """A message restored; in a stream, its text is what has been emitted so far."""
        blocks = [
            self._block(block)
            for block in message.blocks
            if text is None or not isinstance(block, TextBlock)
        ]
        if text is not None:
            first = next(
                (n for n, b in enumerate(message.blocks) if isinstance(b, TextBlock)), len(blocks)
            )
            blocks.insert(min(first, len(blocks)), TextBlock(text=text))
        kwargs = self._walk(message.additional_kwargs)
        return message.model_copy(update={"blocks": blocks, "additional_kwargs": kwargs})

    def _block(self, block: Any) -> Any:
        if isinstance(block, TextBlock):
            return TextBlock(text=self._leaf(block.text))
        if isinstance(block, ThinkingBlock):
            return block.model_copy(update={"content": self._walk(block.content)})
        if isinstance(block, ToolCallBlock) and block.tool_name in self._tools:
            return block.model_copy(update={"tool_kwargs": in_json(block.tool_kwargs, self._walk)})
        # Citations and media, with the placeholders that the model saw.
        return block

    def _walk(self, value: Any) -> Any:
        """Restore leaves; of tool calls, only those of allowed tools; leave objects alone."""
        if isinstance(value, dict):
            return {key: self._entry(key, item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return like(value, [self._walk(item) for item in value])
        return self._leaf(value) if isinstance(value, str) else value

    def _entry(self, key: Any, value: Any) -> Any:
        if key in _CALLS:
            calls = value if isinstance(value, list) else [value]
            restored = [self._call(call) for call in calls]
            return restored if isinstance(value, list) else restored[0]
        return self._walk(value)

    def _call(self, call: Any) -> Any:
        function = call.get("function", call) if isinstance(call, dict) else None
        if not isinstance(function, dict) or function.get("name") not in self._tools:
            return call
        arguments = {"arguments": in_json(function.get("arguments"), self._walk)}
        if function is call:
            return {**call, **arguments}
        return {**call, "function": {**function, **arguments}}

    def _leaf(self, text: str) -> str:
        return str(rehydrate_value(text, self._mapping))


class ReplyStream:
    """Restores the chunks of one streamed reply.

    What a chunk adds and what it says has come so far agree: the second is the first, summed up.
    Text that cannot be part of a placeholder goes out with the chunk it came in.
    """

    def __init__(self, restorer: ReplyRestorer, mapping: RedactionMapping) -> None:
        self._restorer = restorer
        self._stream = StreamRehydrator(mapping)
        self._seen = ""
        self._text = ""
        self._last: Any = None

    def chat(self, response: ChatResponse) -> ChatResponse:
        """The chunk as it can be shown now."""
        self._last = response
        delta = self._advance(response.delta, response.message.content or "")
        return self._restorer.chat_chunk(response, delta, self._text)

    def completion(self, response: CompletionResponse) -> CompletionResponse:
        """The chunk as it can be shown now."""
        self._last = response
        delta = self._advance(response.delta, response.text)
        return self._restorer.completion_chunk(response, delta, self._text)

    def rest(self) -> Any | None:
        """What was held back at the end of the reply, as one more chunk, or None."""
        delta = self._stream.flush()
        if not delta:
            return None
        self._text += delta
        if isinstance(self._last, CompletionResponse):
            return self._restorer.completion_chunk(self._last, delta, self._text)
        return self._restorer.chat_chunk(self._last, delta, self._text)

    def _advance(self, delta: str | None, so_far: str) -> str:
        if delta is None:
            # A model that tells only what has come so far.
            delta = so_far[len(self._seen) :] if so_far.startswith(self._seen) else ""
        self._seen += delta
        ready = self._stream.feed(delta)
        self._text += ready
        return ready
