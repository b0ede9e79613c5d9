"""Event streams of a wrapped model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from langchain_core.language_models._compat_bridge import (
    achunks_to_events,
    chunks_to_events,
    message_to_events,
)
from langchain_core.language_models.chat_model_stream import AsyncChatModelStream, ChatModelStream
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.runnables import RunnableConfig, run_in_executor

from langchain_piirag.observing import observed
from langchain_piirag.running import aclose
from piirag.errors import InvalidInputError, ModelCallError
from piirag.redaction.guard import ModelGuard

_END: Any = object()
_EVENT_ARGUMENTS = frozenset(
    """
    version include_names include_types include_tags exclude_names exclude_types exclude_tags
    """.split()
)
_EMPTY = "piirag.EmptyReply"


class EventStreams:
    """`stream_events` and `astream_events` of a wrapper.

    Events of versions 1 and 2 tell of the wrapped model's run, like a trace, and so hold
    placeholders. Version 3 streams the reply itself, with the values put back.
    """

    def stream_events(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Stream the reply as protocol events, values put back. See `BaseChatModel.stream_events`.

        Args:
            input: What the model takes.
            config: As in `invoke`.
            **kwargs: ``version="v3"``, and options of the model.
        """
        if kwargs.pop("version", "v2") != "v3":
            raise NotImplementedError(
                'stream_events needs version="v3"; use astream_events for the others'
            )
        wrapper: Any = self
        return message_stream(lambda: wrapper.stream(input, config, **kwargs))

    def astream_events(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Any:
        """Stream events. See `Runnable.astream_events`.

        Args:
            input: What the model takes.
            config: As in `invoke`.
            **kwargs: `version`, filters, and options of the model.

        Returns:
            Of versions 1 and 2, an iterator over events of the wrapped model's run, which hold
            placeholders; of version 3, an awaitable stream of the reply, values put back.
        """
        if kwargs.get("version") == "v3":
            return self._reply_events(input, config, kwargs)
        return self._run_events(input, config, kwargs)

    async def _reply_events(
        self, input: Any, config: RunnableConfig | None, kwargs: dict[str, Any]
    ) -> AsyncChatModelStream:
        wrapper: Any = self
        options = {key: value for key, value in kwargs.items() if key != "version"}
        return amessage_stream(lambda: wrapper.astream(input, config, **options))

    async def _run_events(
        self, input: Any, config: RunnableConfig | None, kwargs: dict[str, Any]
    ) -> AsyncIterator[Any]:
        wrapper: Any = self
        options = {key: v for key, v in kwargs.items() if key not in _EVENT_ARGUMENTS}
        arguments = {key: v for key, v in kwargs.items() if key in _EVENT_ARGUMENTS}
        with await run_in_executor(None, wrapper._open, input, config, options) as call:
            events: Any = None
            try:
                with ModelGuard() as guard:
                    events = call.model.astream_events(
                        call.input, call.config, **arguments, **call.options
                    )
                while not guard.failed:
                    with ModelGuard() as guard, observed(call.observation):
                        event = await anext(events, _END)
                    if guard.failed or event is _END:
                        break
                    yield event
                guard.check()
            finally:
                await aclose(events)


def message_stream(chunks: Callable[[], Iterator[Any]]) -> ChatModelStream:
    """A stream of protocol events over the chunks of a reply.

    Args:
        chunks: Begins the call; not called before the stream is read.
    """
    stream = ChatModelStream()
    running: list[Iterator[Any]] = []

    def start() -> None:
        if not running:
            running.append(iter(_events(chunks())))

    def pump() -> bool:
        start()
        try:
            event = next(running[0])
        except StopIteration:
            _finish(stream)
            return False
        except BaseException as error:
            stream.fail(error)
            if not isinstance(error, Exception):
                raise
            return False
        stream.dispatch(event)
        return True

    stream.set_start(start)
    stream.bind_pump(pump)
    return stream


def amessage_stream(chunks: Callable[[], AsyncIterator[Any]]) -> AsyncChatModelStream:
    """See `message_stream`."""
    stream = AsyncChatModelStream()

    async def produce() -> None:
        try:
            async for event in _aevents(chunks()):
                stream.dispatch(event)
        except BaseException as error:
            stream.fail(error)
            if not isinstance(error, Exception):
                raise
        else:
            _finish(stream)

    async def start() -> None:
        if stream._producer_task is None:
            stream._producer_task = asyncio.get_running_loop().create_task(produce())

    stream.set_start(start)
    return stream


def _finish(stream: Any) -> None:
    if stream.done:
        return
    if stream.has_events:
        stream.dispatch({"event": "message-finish"})
    else:
        stream.fail(ModelCallError(_EMPTY))


def _events(chunks: Iterator[Any]) -> Iterator[Any]:
    first = next(chunks, _END)
    if first is _END:
        return
    if not isinstance(first, AIMessageChunk):  # the model does not stream
        yield from message_to_events(_message(first), message_id=first.id)
        return

    def generations() -> Iterator[ChatGenerationChunk]:
        yield ChatGenerationChunk(message=first)
        for chunk in chunks:
            yield ChatGenerationChunk(message=chunk)

    yield from chunks_to_events(generations(), message_id=first.id)


async def _aevents(chunks: AsyncIterator[Any]) -> AsyncIterator[Any]:
    first = await anext(chunks, _END)
    if first is _END:
        return
    if not isinstance(first, AIMessageChunk):
        for event in message_to_events(_message(first), message_id=first.id):
            yield event
        return

    async def generations() -> AsyncIterator[ChatGenerationChunk]:
        yield ChatGenerationChunk(message=first)
        async for chunk in chunks:
            yield ChatGenerationChunk(message=chunk)

    async for event in achunks_to_events(generations(), message_id=first.id):
        yield event


def _message(output: Any) -> Any:
    if not hasattr(output, "content_blocks"):
        raise InvalidInputError("version v3 streams messages; this model returns something else")
    return output
