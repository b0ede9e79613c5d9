"""Putting values back into a reply that arrives in chunks."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Container, Generator
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    TextBlock,
    ThinkingBlock,
)
from pydantic_core import from_json

from llama_index_piirag.observing import observed
from llama_index_piirag.replies import COUNTS, ReplyRestorer
from piirag.governance.observation import Observation, watched
from piirag.redaction import Reply
from piirag.redaction.guard import ModelGuard
from piirag.redaction.walk import in_json

_THOUGHT = "thinking_delta"
_END: Any = object()


class _Growing:
    """A text of which every chunk tells all that has come so far, or what it adds."""

    def __init__(self, reply: Reply) -> None:
        self._stream = reply.stream()
        self._seen = ""
        self.text = ""

    def add(self, delta: str | None, so_far: str) -> str:
        """What can be shown now of the text, beyond what was shown before."""
        if delta is None:
            delta = so_far[len(self._seen) :] if so_far.startswith(self._seen) else ""
        self._seen += delta
        return self._shown(self._stream.feed(delta))

    def rest(self) -> str:
        """What was held back at the end."""
        return self._shown(self._stream.flush())

    def _shown(self, ready: str) -> str:
        self.text += ready
        return ready


class _ChunkRestorer(ReplyRestorer):
    """Restores what is not streamed text: a part that every chunk repeats is counted once.

    The arguments of a tool call are put together before anything is restored in them: of
    arguments that are not complete yet, only complete values are shown.
    """

    def __init__(self, reply: Reply, tools: Container[object], shown: Container[object]) -> None:
        super().__init__(reply, tools, shown)
        self.leaf = self.once

    def parsed(self, arguments: Any, restore: Callable[[Any], Any]) -> Any:
        if not isinstance(arguments, str):
            return restore(arguments)
        try:
            json.loads(arguments)
        except (ValueError, RecursionError):
            try:
                arguments = json.dumps(from_json(arguments, allow_partial=True))
            except ValueError:
                return "{}"
        return in_json(arguments, restore)


class StreamRestorer:
    """Restores the chunks of one streamed reply.

    What a chunk adds and what it says has come so far agree: the second is the first, summed up.
    Text that cannot be part of a placeholder goes out with the chunk it came in.

    Args:
        reply: Restores texts, and counts.
        tools: As for `ReplyRestorer`.
        shown: As for `ReplyRestorer`.
    """

    def __init__(
        self, reply: Reply, tools: Container[object], shown: Container[object] = ()
    ) -> None:
        self._reply = reply
        self._parts = _ChunkRestorer(reply, tools, shown)
        self._text = _Growing(reply)
        self._thoughts: list[_Growing] = []
        self._last: Any = None
        self._told: dict[str, Any] = {}

    def chunk(self, response: Any) -> Any:
        """A chunk as it can be shown now."""
        self._last = response
        if isinstance(response, CompletionResponse):
            return self._completion(self._text.add(response.delta, response.text))
        said = "".join(b.text for b in response.message.blocks if isinstance(b, TextBlock))
        delta = self._text.add(response.delta, said)
        return self._chat(delta, self._think(response))

    def rest(self) -> Any | None:
        """What was held back at the end of the reply, as one more chunk, or None."""
        delta = self._text.rest()
        thought = "".join(growing.rest() for growing in self._thoughts)
        if self._last is None or not (delta or thought or self._reply.told != self._told):
            return None
        if isinstance(self._last, CompletionResponse):
            return self._completion(delta)
        return self._chat(delta, thought)

    def _think(self, response: ChatResponse) -> str:
        """Advance the thoughts of a reply; return what they add."""
        thoughts = [b for b in response.message.blocks if isinstance(b, ThinkingBlock)]
        added = response.additional_kwargs.get(_THOUGHT)
        while len(self._thoughts) < max(len(thoughts), int(isinstance(added, str))):
            self._thoughts.append(_Growing(self._reply))
        if thoughts:
            return "".join(
                growing.add(None, block.content or "")
                for growing, block in zip(self._thoughts, thoughts, strict=False)
            )
        return self._thoughts[0].add(added, "") if isinstance(added, str) else ""

    def _chat(self, delta: str, thought: str) -> ChatResponse:
        last: ChatResponse = self._last
        kwargs = {k: v for k, v in last.additional_kwargs.items() if k != _THOUGHT}
        restored = self._parts.walk(kwargs)
        if thought or _THOUGHT in last.additional_kwargs:
            restored[_THOUGHT] = thought
        return ChatResponse(
            message=self._message(last.message),
            delta=delta,
            additional_kwargs={**restored, COUNTS: self._counts()},
        )

    def _message(self, message: ChatMessage) -> ChatMessage:
        """The message with the texts that have been shown so far."""
        blocks: list[Any] = []
        thoughts = iter(self._thoughts)
        place = None
        for block in message.blocks:
            if isinstance(block, TextBlock):
                place = len(blocks) if place is None else place
            elif isinstance(block, ThinkingBlock):
                growing = next(thoughts, None)
                content = None if block.content is None or growing is None else growing.text
                blocks.append(block.model_copy(update={"content": content}))
            else:
                blocks.append(self._parts.block(block))
        blocks.insert(len(blocks) if place is None else place, TextBlock(text=self._text.text))
        kwargs = self._parts.walk(message.additional_kwargs)
        return message.model_copy(update={"blocks": blocks, "additional_kwargs": kwargs})

    def _completion(self, delta: str) -> CompletionResponse:
        kwargs = self._parts.walk(self._last.additional_kwargs)
        return CompletionResponse(
            text=self._text.text,
            delta=delta,
            additional_kwargs={**kwargs, COUNTS: self._counts()},
        )

    def _counts(self) -> dict[str, Any]:
        self._told = self._reply.told
        return self._told


def restored(
    source: Any, stream: StreamRestorer, observation: Observation
) -> Generator[Any, None, None]:
    """The chunks of a model, restored one by one.

    Raises:
        ModelCallError: The model raised.
    """
    chunks = iter(source)
    with watched(observation):
        try:
            while True:
                with ModelGuard() as guard, observed(observation):
                    chunk = next(chunks, _END)
                guard.check()
                if chunk is _END:
                    break
                yield stream.chunk(chunk)
            rest = stream.rest()
            if rest is not None:
                yield rest
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()


async def arestored(
    source: Any, stream: StreamRestorer, observation: Observation
) -> AsyncGenerator[Any, None]:
    """The chunks of a model, restored one by one. See `restored`."""
    chunks = aiter(source)
    with watched(observation):
        try:
            while True:
                with ModelGuard() as guard, observed(observation):
                    chunk = await anext(chunks, _END)
                guard.check()
                if chunk is _END:
                    break
                yield stream.chunk(chunk)
            rest = stream.rest()
            if rest is not None:
                yield rest
        finally:
            close = getattr(chunks, "aclose", None)
            if close is not None:
                await close()
