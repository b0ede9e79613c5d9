"""Restoring a streamed reply, chunk by chunk."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from langchain_core.messages import AIMessageChunk, BaseMessageChunk

from langchain_piirag.messages import READ, restore
from piirag.redaction import RedactionMapping, StreamRehydrator

_READ_KWARGS = frozenset({"reasoning_content", "refusal"})


class ChunkRestorer:
    """Restores the chunks of one streamed reply.

    Text that cannot be part of a placeholder goes out with the chunk it came in. Tool calls of
    tools on the allow-list are held back and restored whole; others pass with their placeholders.

    Args:
        mapping: The mapping of the call.
        tools: Names of the tools whose arguments are restored.
    """

    def __init__(self, mapping: RedactionMapping, tools: Collection[str]) -> None:
        self._mapping = mapping
        self._tools = tools
        self._streams: dict[Any, StreamRehydrator] = {}
        self._blocks: dict[Any, dict[str, Any]] = {}
        self._calls: AIMessageChunk | None = None
        self._last: Any = None

    def feed(self, chunk: Any) -> Any:
        """The chunk as it can be shown now."""
        self._last = chunk
        if isinstance(chunk, str):
            return self._stream("").feed(chunk)
        if not isinstance(chunk, BaseMessageChunk):
            return restore(chunk, self._mapping, self._tools)
        ends = getattr(chunk, "chunk_position", None) == "last"
        update: dict[str, Any] = {
            "content": self._content(chunk.content),
            "additional_kwargs": {
                k: self._stream(("kwarg", k)).feed(v) if k in _READ_KWARGS else v
                for k, v in chunk.additional_kwargs.items()
            },
        }
        if self._tools and isinstance(chunk, AIMessageChunk) and chunk.tool_call_chunks:
            bare = AIMessageChunk(content="", id=chunk.id, tool_call_chunks=chunk.tool_call_chunks)
            self._calls = bare if self._calls is None else self._calls + bare
            update |= {"tool_call_chunks": [], "tool_calls": [], "invalid_tool_calls": []}
            update["additional_kwargs"] = {
                k: v for k, v in update["additional_kwargs"].items() if k != "tool_calls"
            }
        out = chunk.model_copy(update=update)
        if ends:
            rest = self.flush()
            if rest is not None:
                out = (out + rest).model_copy(update={"chunk_position": "last"})
        return out

    def flush(self) -> Any | None:
        """What was held back at the end of the reply, as one more chunk, or None."""
        texts = {key: stream.flush() for key, stream in self._streams.items()}
        calls, self._calls = self._calls, None
        if isinstance(self._last, str):
            return texts.get("") or None
        if not any(texts.values()) and calls is None:
            return None
        content: Any = texts.get("", "")
        blocks = [
            {**self._blocks[key], key[1]: text}
            for key, text in texts.items()
            if key in self._blocks and text
        ]
        if blocks:
            content = blocks
        extra: dict[str, Any] = {
            "content": content,
            "id": self._last.id,
            "additional_kwargs": {
                key[1]: text for key, text in texts.items() if key[0:1] == ("kwarg",) and text
            },
        }
        if calls is not None:
            restored = restore(calls, self._mapping, self._tools)
            extra["tool_call_chunks"] = restored.tool_call_chunks
        return type(self._last)(**extra)

    def _stream(self, key: Any) -> StreamRehydrator:
        if key not in self._streams:
            self._streams[key] = StreamRehydrator(self._mapping)
        return self._streams[key]

    def _content(self, content: Any) -> Any:
        if isinstance(content, str):
            return self._stream("").feed(content)
        return [self._block(block) for block in content]

    def _block(self, block: Any) -> Any:
        if isinstance(block, str):
            return self._stream("").feed(block)
        restored = dict(block)
        for field in READ.intersection(block):
            if isinstance(block[field], str):
                key = (block.get("index"), field)
                # What is held back at the end goes out in a block like the one it came in.
                self._blocks[key] = {k: block[k] for k in ("type", "index") if k in block}
                restored[field] = self._stream(key).feed(block[field])
        return restored
