"""Small LlamaIndex parts for tests: an embedding, models, and a recorder of every trace."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseGen,
    LLMMetadata,
)
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.callbacks import CallbackManager
from llama_index.core.callbacks.base_handler import BaseCallbackHandler
from llama_index.core.instrumentation import root_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.span_handlers import BaseSpanHandler
from llama_index.core.llms import CustomLLM
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback

_DIMENSIONS = 2048


class HashedEmbedding(BaseEmbedding):
    """Hashed words; keeps every text it was given."""

    _seen: list[str] = PrivateAttr(default_factory=list)

    @property
    def seen(self) -> list[str]:
        return self._seen

    def _get_text_embedding(self, text: str) -> list[float]:
        self._seen.append(text)
        vector = [0.001] * _DIMENSIONS
        for word in re.findall(r"\w+", text.lower()):
            digest = blake2b(word.encode(), digest_size=4).digest()
            vector[int.from_bytes(digest, "big") % _DIMENSIONS] += 1.0
        norm = sum(value * value for value in vector) ** 0.5
        return [value / norm for value in vector]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


class FakeLLM(CustomLLM):
    """Echoes its prompt, or says `reply`; streams in chunks of three characters.

    Attributes:
        reply: What to say; the prompt itself if None.
        fail: Raise an error that quotes the prompt; "mid" after the second chunk of a stream.
        chat_model: What `metadata` says.
        deltas: Whether streamed chunks tell what they add.
        functions: What `metadata` says of function calling.
    """

    reply: str | None = None
    fail: str = ""
    chat_model: bool = False
    deltas: bool = True
    functions: bool = False
    _prompts: list[str] = PrivateAttr(default_factory=list)
    _calls: list[dict[str, Any]] = PrivateAttr(default_factory=list)

    @property
    def prompts(self) -> list[str]:
        """Every prompt, or the messages of every chat as one text."""
        return self._prompts

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The options of every call."""
        return self._calls

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(
            is_chat_model=self.chat_model,
            is_function_calling_model=self.functions,
            model_name="fake",
        )

    def _answer(self, prompt: str, kwargs: dict[str, Any]) -> str:
        self._prompts.append(prompt)
        self._calls.append(kwargs)
        if self.fail == "now":
            raise ProviderError(prompt)
        return prompt if self.reply is None else self.reply

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        text = self._answer(prompt, kwargs)
        return CompletionResponse(text=text, raw={"text": text}, additional_kwargs={"note": text})

    @llm_completion_callback()
    def stream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseGen:
        text = self._answer(prompt, kwargs)

        def chunks() -> CompletionResponseGen:
            # LlamaIndex cannot trace a stream without a chunk.
            for start in range(0, max(1, len(text)), 3):
                if self.fail == "mid" and start > 3:
                    raise ProviderError(prompt)
                end = min(start + 3, len(text))
                delta = text[start:end] if self.deltas else None
                yield CompletionResponse(text=text[:end], delta=delta, raw={"so far": text[:end]})

        return chunks()


class FakeChatLLM(FakeLLM):
    """The same with a chat of its own, which gets whole messages."""

    chat_model: bool = True
    _messages: list[list[ChatMessage]] = PrivateAttr(default_factory=list)

    @property
    def messages(self) -> list[list[ChatMessage]]:
        return self._messages

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        self._messages.append(list(messages))
        text = self._answer(messages[-1].content or "", kwargs)
        return ChatResponse(message=ChatMessage(text, role="assistant"), raw={"text": text})

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        self._messages.append(list(messages))
        chunks = self.stream_complete(messages[-1].content or "", **kwargs)

        def replies() -> ChatResponseGen:
            for chunk in chunks:
                message = ChatMessage(chunk.text, role="assistant")
                yield ChatResponse(message=message, delta=chunk.delta, raw=chunk.raw)

        return replies()

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return self.chat(messages, **kwargs)

    @llm_chat_callback()
    async def astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> ChatResponseAsyncGen:
        chunks = self.stream_chat(messages, **kwargs)

        async def replies() -> ChatResponseAsyncGen:
            for chunk in chunks:
                yield chunk

        return replies()


class ProviderError(Exception):
    """What a provider raises: the prompt in message and attributes, and a status."""

    def __init__(self, prompt: str) -> None:
        super().__init__(f"bad request: {prompt}")
        self.body = {"prompt": prompt}
        self.status_code = 400


class _Events(BaseEventHandler):
    _kept: list[Any] = PrivateAttr()

    def handle(self, event: Any, **kwargs: Any) -> None:
        self._kept.append((type(event).__name__, event))


class _Spans(BaseSpanHandler[Any]):
    _kept: list[Any] = PrivateAttr()

    def span_enter(
        self, id_: str, bound_args: inspect.BoundArguments, *args: Any, **kwargs: Any
    ) -> None:
        self._kept.append((f"enter {id_}", dict(bound_args.arguments)))

    def span_exit(
        self, id_: str, bound_args: Any, instance: Any = None, result: Any = None, **kwargs: Any
    ) -> None:
        self._kept.append((f"exit {id_}", result))

    def span_drop(
        self, id_: str, bound_args: Any, instance: Any = None, err: Any = None, **kwargs: Any
    ) -> None:
        self._kept.append((f"drop {id_}", err))

    def new_span(self, *args: Any, **kwargs: Any) -> None: ...

    def prepare_to_exit_span(self, *args: Any, **kwargs: Any) -> None: ...

    def prepare_to_drop_span(self, *args: Any, **kwargs: Any) -> None: ...


class _Callbacks(BaseCallbackHandler):
    def __init__(self, kept: list[Any]) -> None:
        super().__init__([], [])
        self._kept = kept

    def on_event_start(
        self, event_type: Any, payload: Any = None, event_id: str = "", **kwargs: Any
    ) -> str:
        self._kept.append((f"start {event_type}", payload))
        return event_id

    def on_event_end(self, event_type: Any, payload: Any = None, **kwargs: Any) -> None:
        self._kept.append((f"end {event_type}", payload))

    def start_trace(self, trace_id: Any = None) -> None: ...

    def end_trace(self, trace_id: Any = None, trace_map: Any = None) -> None: ...


class Trace:
    """All that LlamaIndex told its handlers.

    Attributes:
        kept: Names and contents of events, spans and callbacks.
        callbacks: A callback manager that is recorded, to be passed to what takes one.
    """

    def __init__(self) -> None:
        self.kept: list[tuple[str, Any]] = []
        self.callbacks = CallbackManager([_Callbacks(self.kept)])

    @property
    def names(self) -> list[str]:
        """Names of what was recorded, without random ids."""
        return [re.sub(r"-[0-9a-f-]{36}$", "", name) for name, _ in self.kept]


@contextmanager
def traced() -> Iterator[Trace]:
    """Record every event and span of the root dispatcher inside the block."""
    trace = Trace()
    events, spans = _Events(), _Spans()
    events._kept = spans._kept = trace.kept
    before = root_dispatcher.event_handlers, root_dispatcher.span_handlers
    root_dispatcher.event_handlers = [*before[0], events]
    root_dispatcher.span_handlers = [*before[1], spans]
    try:
        yield trace
    finally:
        root_dispatcher.event_handlers, root_dispatcher.span_handlers = before
