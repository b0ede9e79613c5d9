"""Restoring what LangGraph streams of a model call, as it is emitted."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from langchain_core.callbacks import BaseCallbackManager
from langchain_core.messages import BaseMessage, BaseMessageChunk
from langchain_core.runnables.config import RunnableConfig, var_child_runnable_config

from langchain_piirag.agent_order import InOrder
from langchain_piirag.agent_reply import AgentReply

Emit = Callable[[Any], None]

LEDGER = "__piirag_calls"
"""The key of a run's `configurable` under which model calls are noted for event streams."""

PROTECTED = "__piirag_protected"
"""The key of a run's `configurable` that says that its input was scrubbed."""


class CallStream:
    """Restores what one model call emits on the `messages` stream.

    Chunks of messages and events of the v3 protocol both pass here. The originals are left
    alone: the model's own message is made from them.

    Args:
        reply: The reply of the call.
        emit: Where the restored parts go.
    """

    def __init__(self, reply: AgentReply, emit: Emit) -> None:
        self._reply = reply
        self._emit = emit
        self._chunks: dict[str | None, Any] = {}
        self._emits: dict[str | None, Emit] = {}
        self._blocks: dict[Any, _Block] = {}

    def __call__(self, part: Any) -> None:
        """Take one part of the stream: namespace, mode, data."""
        namespace, mode, data = part
        if mode != "messages" or not isinstance(data, tuple) or len(data) != 2:
            self._emit(part)
            return
        payload, metadata = data

        def emit(shown: Any) -> None:
            self._emit((namespace, mode, (shown, metadata)))

        if isinstance(payload, BaseMessageChunk):
            # By message: a middleware further in may call a model of its own.
            if payload.id not in self._chunks:
                self._chunks[payload.id] = self._reply.chunks()
            self._emits[payload.id] = emit
            emit(self._chunks[payload.id].feed(payload))
        elif isinstance(payload, BaseMessage):
            emit(self._reply.value(payload))
        elif isinstance(payload, dict):
            self._event(payload, emit, (metadata or {}).get("run_id"))
        else:
            emit(payload)

    def flush(self) -> None:
        """The call is over: emit what was held back."""
        for key, chunks in self._chunks.items():
            rest = chunks.flush()
            if rest is not None:
                self._emits[key](rest)

    def _event(self, event: dict[str, Any], emit: Emit, run_id: Any) -> None:
        kind = event.get("event")
        place = (run_id, event.get("index"))
        if kind == "content-block-delta":
            block = self._blocks.setdefault(place, _Block(self._reply))
            shown = block.delta(event)
            if shown is not None:
                emit(shown)
            return
        if kind == "content-block-finish":
            known = self._blocks.pop(place, None)
            for rest in known.flush(event) if known else ():
                emit(rest)
        emit(self._reply.value(event) if kind != "message-start" else event)


class _Block:
    """One content block of the v3 protocol: text streams, arguments wait until they are whole."""

    def __init__(self, reply: AgentReply) -> None:
        self._reply = reply
        self._streams: dict[tuple[str, str], Any] = {}
        self._arguments: list[str] = []

    def delta(self, event: dict[str, Any]) -> dict[str, Any] | None:
        delta = event.get("delta") or {}
        kind = delta.get("type")
        for name in ("text", "reasoning"):
            if kind == f"{name}-delta" and isinstance(delta.get(name), str):
                key = (kind, name)
                stream = self._streams.setdefault(key, self._reply.text_stream())
                return {**event, "delta": {**delta, name: stream.feed(delta[name])}}
        if kind == "tool-call-delta" and isinstance(delta.get("args"), str):
            self._arguments.append(delta["args"])
            return None
        fields = delta.get("fields")
        if kind == "block-delta" and isinstance(fields, dict) and "args" in fields:
            # Here each delta repeats the arguments so far; the finished block has them whole.
            return {**event, "delta": {**delta, "fields": {**fields, "args": ""}}}
        shown: dict[str, Any] = self._reply.value(event)
        return shown

    def flush(self, event: dict[str, Any]) -> Iterator[dict[str, Any]]:
        base = {key: value for key, value in event.items() if key not in {"content", "event"}}
        base["event"] = "content-block-delta"
        for (kind, name), stream in self._streams.items():
            rest = stream.flush()
            if rest:
                yield {**base, "delta": {"type": kind, name: rest}}
        if self._arguments:
            written = self._reply.arguments("".join(self._arguments))
            yield {**base, "delta": {"type": "tool-call-delta", "args": written}}


Through = Callable[[CallStream], Emit]


@contextmanager
def restored_streams(reply: AgentReply) -> Iterator[None]:
    """Within this block, what a model emits on the `messages` stream is restored.

    LangGraph streams messages through a callback handler that the model inherits from the run's
    config. Here the model inherits a copy of it that emits through a `CallStream`; tracers and
    other handlers are left as they are, and see tokens.
    """
    streams: list[CallStream] = []

    def through(stream: CallStream) -> Emit:
        streams.append(stream)
        return stream

    with _inherited(reply, through):
        yield
        for stream in streams:
            stream.flush()


@asynccontextmanager
async def arestored_streams(reply: AgentReply) -> AsyncIterator[None]:
    """The same in an event loop: what is searched is searched in another thread."""
    if not reply.looks:
        with restored_streams(reply):
            yield
        return
    streams: list[tuple[InOrder, CallStream]] = []

    def through(stream: CallStream) -> Emit:
        order = InOrder()
        streams.append((order, stream))
        return lambda part: order.submit(stream, part)

    try:
        with _inherited(reply, through):
            yield
            for order, stream in streams:
                await order.flush(stream.flush)
    finally:
        for order, _ in streams:
            order.close()


@contextmanager
def _inherited(reply: AgentReply, through: Through) -> Iterator[None]:
    config = var_child_runnable_config.get()
    patched = _patched(config, reply, through) if config else None
    if patched is None:
        yield
        return
    token = var_child_runnable_config.set(patched)
    try:
        yield
    finally:
        var_child_runnable_config.reset(token)


def _patched(config: RunnableConfig, reply: AgentReply, through: Through) -> RunnableConfig | None:
    manager = config.get("callbacks")
    if not isinstance(manager, BaseCallbackManager):
        return None
    clones: dict[int, Any] = {}

    def swapped(handlers: list[Any]) -> list[Any]:
        return [_clone(handler, reply, through, clones) for handler in handlers]

    patched = manager.copy()
    patched.handlers = swapped(manager.handlers)
    patched.inheritable_handlers = swapped(manager.inheritable_handlers)
    return {**config, "callbacks": patched} if clones else None


def _clone(handler: Any, reply: AgentReply, through: Through, clones: dict[int, Any]) -> Any:
    from langgraph.pregel._messages import StreamMessagesHandler

    if not isinstance(handler, StreamMessagesHandler):
        return handler
    if id(handler) not in clones:
        # The copy shares the record of what was emitted, so that nothing is emitted twice.
        clone = copy.copy(handler)
        clone.stream = through(CallStream(reply, handler.stream))
        clones[id(handler)] = clone
    return clones[id(handler)]


def note_call(reply: AgentReply) -> None:
    """Tell the event stream of this run, if one listens, how to restore this call."""
    config = var_child_runnable_config.get() or {}
    ledger = config.get("configurable", {}).get(LEDGER)
    if isinstance(ledger, dict):
        namespace = (config.get("metadata") or {}).get("langgraph_checkpoint_ns")
        ledger[namespace] = reply
