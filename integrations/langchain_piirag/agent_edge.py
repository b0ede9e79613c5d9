"""The edge of an agent: what its user sends goes in as tokens, what comes out is readable."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import BaseMessageChunk

from langchain_piirag.agent_reply import AgentReply
from langchain_piirag.agent_scrub import StateScrubber

OWNER = "piirag_owner"
"""The private field of a state that names its user, by a keyed hash where there is a vault."""

# A state lies not deeper than that in what a graph gives out: namespace, mode, node, list.
_DEPTH = 8
_OF_MODELS = ("on_chat_model", "on_llm")
_LONGEST_PSEUDONYM = 1 + 48 + 3 * 7 + 1
# Every beginning of a pseudonym, up to the end of the text.
_BEGINNING = re.compile(r"\[(?:[A-Z][A-Z0-9_]{0,47}(?: [A-Za-z]{0,6}){0,3})?\Z")


@dataclass(frozen=True)
class StreamShape:
    """The shape of the parts of a stream, which depends on how it was asked for.

    Args:
        modes: The stream mode, or several.
        subgraphs: Whether each part says where in the graph it comes from.
        version: LangGraph's version of the shape: ``"v1"`` for tuples, ``"v2"`` for dicts.
    """

    modes: Any
    subgraphs: bool
    version: str

    def open(self, part: Any) -> tuple[Any, Any]:
        """The mode and the data of a part."""
        if self.version == "v2":
            return part["type"], part["data"]
        if not isinstance(self.modes, str):
            return part[-2], part[-1]
        return self.modes, part[-1] if self.subgraphs else part

    def around(self, part: Any) -> Any:
        """What a part has beside its data."""
        if self.version == "v2":
            return {key: value for key, value in part.items() if key != "data"}
        return part[:-1] if self.subgraphs or not isinstance(self.modes, str) else None

    def close(self, around: Any, data: Any) -> Any:
        """A part put together again."""
        if self.version == "v2":
            return {**around, "data": data}
        return data if around is None else (*around, data)


class Edge:
    """Restores what an agent gives back, for one user and one call of the agent.

    Args:
        scrubber: The user's, where the state holds tokens; None where it is real.
    """

    def __init__(self, scrubber: StateScrubber | None) -> None:
        self._scrubber = scrubber
        self._held: dict[Any, _HeldText] = {}
        self._calls: dict[Any, Any] = {}
        self.ledger: dict[Any, AgentReply] = {}
        """The model calls of this run, by their place in the graph."""

    def passes(self, event: Mapping[str, Any] | None = None) -> bool:
        """Whether a part, or an event, is given out as it came: there is no work in it."""
        kind = str((event or {}).get("event", ""))
        return self._scrubber is None and not kind.startswith(_OF_MODELS)

    def out(self, value: Any) -> Any:
        """Any output with the values put back."""
        value = _without_owner(value)
        return value if self._scrubber is None else self._scrubber.restore(value)

    def parts(self, part: Any, shape: StreamShape) -> Iterator[Any]:
        """One part of a stream, in its own shape, as it can be shown now."""
        mode, data = shape.open(part)
        if mode == "messages":
            data = self._without_held(part, data)
        yield shape.close(self.out(shape.around(part)), self.out(data))

    def rest(self, shape: StreamShape) -> Iterator[Any]:
        """Text that was held back in messages that never ended, as parts of their shape."""
        for held in self._held.values():
            text = held.feed("", True)
            if text:
                part, (chunk, metadata) = held.last
                alone = {"content": text, "tool_call_chunks": [], "tool_calls": []}
                data = (chunk.model_copy(update=alone), metadata)
                yield shape.close(self.out(shape.around(part)), self.out(data))

    def _without_held(self, part: Any, data: Any) -> Any:
        """A chunk and its metadata: a token may be cut in two where no middleware looked."""
        chunk = data[0] if isinstance(data, tuple) and data else None
        if self._scrubber is None or not isinstance(chunk, BaseMessageChunk):
            return data
        if not isinstance(chunk.content, str):
            return data
        held = self._held.setdefault(chunk.id, _HeldText())
        held.last = (part, data)
        last = getattr(chunk, "chunk_position", None) == "last"
        text = held.feed(chunk.content, last)
        return (chunk.model_copy(update={"content": text}), *data[1:])

    def events(self, event: Mapping[str, Any]) -> Iterator[Any]:
        """One event of `astream_events` as one or more events to show."""
        data = dict(event.get("data") or {})
        kind = str(event.get("event", ""))
        reply = None
        if kind.startswith(_OF_MODELS):
            namespace = (event.get("metadata") or {}).get("langgraph_checkpoint_ns")
            reply = self.ledger.get(namespace)
        if reply is not None:
            if kind == "on_chat_model_stream":
                key = event.get("run_id")
                if key not in self._calls:
                    self._calls[key] = reply.chunks()
                data["chunk"] = self._calls[key].feed(data["chunk"])
            else:
                chunks = self._calls.pop(event.get("run_id"), None)
                left = chunks.flush() if chunks is not None else None
                if left is not None:
                    stream = {**event, "event": "on_chat_model_stream", "data": {"chunk": left}}
                    yield self.out(stream)
                data = reply.value(data)
        yield {**event, "data": self.out(data)}

    def event_v3(self, event: dict[str, Any]) -> None:
        """Restore one event of the v3 protocol in place, but for those LangGraph itself reads."""
        if event.get("method") in {"values", "updates", "custom", "messages", "tools"}:
            params = event["params"]
            params["data"] = self.out(params.get("data"))
            if "interrupts" in params:
                params["interrupts"] = self.out(params["interrupts"])


class _HeldText:
    """Text of one streamed message, held back from where a token may have begun."""

    def __init__(self) -> None:
        self._held = ""
        self.last: Any = None

    def feed(self, text: str, last: bool) -> str:
        text = self._held + text
        self._held = ""
        if last:
            return text
        start = text.rfind("[", max(0, len(text) - _LONGEST_PSEUDONYM))
        if start >= 0 and _BEGINNING.match(text, start):
            self._held = text[start:]
            return text[:start]
        return text


def _without_owner(value: Any, depth: int = _DEPTH) -> Any:
    """A value without the owner of the state; itself where it names none."""
    if not depth:
        return value
    if type(value) is dict:
        kept = {k: _without_owner(v, depth - 1) for k, v in value.items() if k != OWNER}
        same = len(kept) == len(value) and all(kept[k] is value[k] for k in kept)
        return value if same else kept
    if type(value) in (list, tuple):
        items = [_without_owner(item, depth - 1) for item in value]
        same = all(one is other for one, other in zip(items, value, strict=True))
        return value if same else type(value)(items)
    return value
