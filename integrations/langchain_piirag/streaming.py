"""Restoring a streamed reply, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Container
from functools import partial
from operator import itemgetter
from typing import Any

from langchain_core.messages import AIMessageChunk, BaseMessageChunk

from langchain_piirag.blocks import kind_of
from langchain_piirag.restoring import CALLS, RAW_CALLS, READ, READ_KWARGS, Restorer, Text
from piirag.redaction.reply import Reply

_NO_CALLS: dict[str, Any] = {"tool_call_chunks": [], "tool_calls": [], "invalid_tool_calls": []}

# All fields of a chunk but these, those of later versions of LangChain included.
_beside = itemgetter(*(set(AIMessageChunk.model_fields) - {"content", "type", "id"}))


class ChunkRestorer:
    """Restores the chunks of one streamed reply.

    Text that cannot be part of a placeholder goes out with the chunk it came in. Tool calls are
    held back, put together and restored whole. So is text that is JSON. Chunks that carry usage
    or metadata pass.

    Args:
        restorer: Restores what is whole, and has the reply; or a reply.
        tools: Names of the tools whose arguments are restored, if there is no restorer yet.
    """

    def __init__(
        self,
        restorer: Restorer | Reply,
        tools: Container[str] | None = (),
    ) -> None:
        if not isinstance(restorer, Restorer):
            restorer = Restorer(restorer, tools)
        self._restorer = restorer
        self._texts: dict[Any, Text] = {}
        self._blocks: dict[Any, Callable[[str], dict[str, Any]]] = {}
        self._calls: list[AIMessageChunk] = []
        self._plain: Callable[[str], str] | None = None
        self._last: Any = None
        self._told = False

    def feed(self, chunk: Any) -> Any:
        """The chunk as it can be shown now.

        Raises:
            PIIBlockedError: The model said a value of its own, and the policy blocks.
        """
        self._last = chunk
        if type(chunk) is AIMessageChunk and _is_text_only(chunk):
            # Nearly every chunk of a reply; all it may hold is in its text.
            content = chunk.content
            if type(content) is str:
                if self._plain is None:
                    self._plain = self._text("").feed
                text = self._plain(content)
                # A copy costs more than all the rest, and most are what they were.
                return chunk if text == content else chunk.model_copy(update={"content": text})
        if isinstance(chunk, str):
            return self._text("").feed(chunk)
        if not isinstance(chunk, BaseMessageChunk):
            return self._restorer.restore(chunk)
        ends = getattr(chunk, "chunk_position", None) == "last"
        shown = self._without_calls(chunk)
        kwargs = {
            key: self._text(("kwarg", key)).feed(value)
            if key in READ_KWARGS and isinstance(value, str)
            else self._restorer.kwarg(key, value)
            for key, value in shown.additional_kwargs.items()
        }
        content = self._content(shown.content)
        out = shown.model_copy(update={"content": content, "additional_kwargs": kwargs})
        return self._ended(out) if ends else out

    def flush(self) -> Any | None:
        """What was held back at the end of the reply, and the counts, as one more chunk.

        Returns:
            A string or a message chunk; None if there is nothing left to tell.
        """
        if isinstance(self._last, str):
            return self._text("").flush() or None
        if self._told or not isinstance(self._last, AIMessageChunk):
            return None if self._last is None or self._told else self._rest()
        empty: Any = "" if isinstance(self._last.content, str) else []
        return self._ended(AIMessageChunk(content=empty, id=self._last.id))

    def _ended(self, out: Any) -> Any:
        """The last chunk: with what was held back, and the counts."""
        rest = self._rest()
        if rest is not None:
            position = getattr(out, "chunk_position", None)
            out = (out + rest).model_copy(update={"chunk_position": position})
        self._told = True
        return self._restorer.with_counts(out)

    def _rest(self) -> Any | None:
        texts = {key: text.flush() for key, text in self._texts.items()}
        calls, self._calls = self._calls, []
        if not any(texts.values()) and not calls:
            return None
        content: Any = texts.get("", "")
        blocks = [self._blocks[k](t) for k, t in texts.items() if t and k in self._blocks]
        kwargs = {key[1]: t for key, t in texts.items() if key[0:1] == ("kwarg",) and t}
        extra: dict[str, Any] = {}
        if calls:
            whole: Any = calls[0] + calls[1:]
            blocks += [self._restorer.block(block) for block in whole.content]
            extra["tool_call_chunks"] = self._restorer.call_chunks(whole.tool_call_chunks)
            raw = whole.additional_kwargs
            kwargs |= {key: self._restorer.kwarg(key, value) for key, value in raw.items()}
        if blocks:
            content = [*([content] if content else []), *blocks]
        return type(self._last)(
            content=content, id=self._last.id, additional_kwargs=kwargs, **extra
        )

    def _without_calls(self, chunk: Any) -> Any:
        """Keep pieces of tool calls back: as LangChain, the provider and the blocks have them."""
        blocks = chunk.content if isinstance(chunk.content, list) else []
        held = [block for block in blocks if kind_of(block) in CALLS]
        raw = {k: v for k, v in chunk.additional_kwargs.items() if k in RAW_CALLS}
        pieces = getattr(chunk, "tool_call_chunks", None) or []
        if not (held or raw or pieces):
            return chunk
        self._calls.append(
            AIMessageChunk(
                content=held, id=chunk.id, additional_kwargs=raw, tool_call_chunks=pieces
            )
        )
        update: dict[str, Any] = dict(_NO_CALLS) if pieces else {}
        if held:
            update["content"] = [block for block in blocks if kind_of(block) not in CALLS]
        if raw:
            rest = {k: v for k, v in chunk.additional_kwargs.items() if k not in RAW_CALLS}
            update["additional_kwargs"] = rest
        return chunk.model_copy(update=update)

    def _text(self, key: Any) -> Text:
        if key not in self._texts:
            kwarg = key[0:1] == ("kwarg",)
            restorer = self._restorer
            self._texts[key] = restorer.reply.stream() if kwarg else restorer.stream()
        return self._texts[key]

    def _content(self, content: Any) -> Any:
        if isinstance(content, str):
            return self._text("").feed(content)
        return [self._block(block) for block in content]

    def _block(self, block: Any) -> Any:
        if isinstance(block, str):
            return self._text("").feed(block)
        if not isinstance(block, dict):
            return block
        restored = dict(block)
        shape = {k: block[k] for k in ("type", "index") if k in block}
        for field in READ.intersection(block):
            if isinstance(block[field], str):
                key = (block.get("index"), field)
                # What is held back at the end goes out in a block like the one it came in.
                self._blocks[key] = partial(_filled, shape, field)
                restored[field] = self._text(key).feed(block[field])
        if isinstance(block.get("summary"), list):  # of a reasoning block
            parts = [self._summary(shape, part) for part in block["summary"]]
            restored["summary"] = parts
        return restored

    def _summary(self, shape: dict[str, Any], part: Any) -> Any:
        if not isinstance(part, dict) or not isinstance(part.get("text"), str):
            return part
        key = (shape.get("index"), "summary", part.get("index"))
        self._blocks[key] = lambda text: {**shape, "summary": [{**part, "text": text}]}
        return {**part, "text": self._text(key).feed(part["text"])}


def _is_text_only(chunk: AIMessageChunk) -> bool:
    """Whether a chunk has nothing to restore, or to tell, beside its content."""
    return not (any(_beside(chunk.__dict__)) or chunk.__pydantic_extra__)


def _filled(shape: dict[str, Any], field: str, text: str) -> dict[str, Any]:
    return {**shape, field: text}
