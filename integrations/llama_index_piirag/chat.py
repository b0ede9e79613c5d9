"""Chat engines that remember and trace in pseudonyms, and answer in values."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncGenerator, Generator
from typing import Any

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole
from llama_index.core.chat_engine import (
    CondensePlusContextChatEngine,
    CondenseQuestionChatEngine,
    ContextChatEngine,
    SimpleChatEngine,
)
from llama_index.core.chat_engine.types import (
    AgentChatResponse,
    BaseChatEngine,
    StreamingAgentChatResponse,
)
from llama_index.core.schema import NodeWithScore, QueryBundle

from llama_index_piirag.boundary import Boundary
from llama_index_piirag.llm import RedactedLLM
from llama_index_piirag.postprocessor import PIINodePostprocessor
from llama_index_piirag.query_engine import TenantQueryEngine
from llama_index_piirag.retriever import TenantRetriever
from llama_index_piirag.reveal import Revealer
from llama_index_piirag.scrubbed_memory import ScrubbedMemory
from llama_index_piirag.tracing import plain, unspanned
from piirag.detection.known import Known
from piirag.errors import ConfigurationError, RetrievalError
from piirag.redaction import Scrubber
from piirag.redaction.guard import ModelGuard
from piirag.tenancy import TenantBinding
from piirag.tenancy.tags import TENANT_KEY

_ENGINES = (
    SimpleChatEngine,
    ContextChatEngine,
    CondenseQuestionChatEngine,
    CondensePlusContextChatEngine,
)


class RedactedChatEngine(BaseChatEngine):
    """One user's conversation with a chat engine of LlamaIndex.

    What the user says is scrubbed first, and the values are put back into the answer last.
    Between the two, the engine's events, spans, callbacks and logs, its memory, and the sources
    of an answer hold pseudonyms; the model gets placeholders.

    Args:
        engine: A `SimpleChatEngine`, `ContextChatEngine`, `CondenseQuestionChatEngine` or
            `CondensePlusContextChatEngine`, of these classes themselves. It is not changed: a
            copy works with a redacted model and a scrubbed memory. Its memory is shared.
        scrubber: Does the work; its vault keeps what was said, encrypted.
        user_id: The user.
        known: Values the application knows that may be spoken of.
        viewer: Who chats; the user if None. Anybody else is told what they said themselves, and
            nothing out of the user's vault.
        allow_media: Let images, audio, video and files in histories through.
        tenant_key: The metadata key under which retrieved nodes name their user. What stands in
            nodes of others, or of all, is not put back.

    Raises:
        ConfigurationError: Another engine, or a query engine that `UserIndex` did not make.
        TenancyError: A part of the engine is bound to another user or another scrubber.
        InvalidUserIdError: No usable user id.
    """

    def __init__(
        self,
        engine: BaseChatEngine,
        *,
        scrubber: Scrubber,
        user_id: str,
        known: Known | None = None,
        viewer: str | None = None,
        allow_media: bool = False,
        tenant_key: str = TENANT_KEY,
    ) -> None:
        if type(engine) not in _ENGINES:
            raise ConfigurationError(
                f"a {type(engine).__name__} cannot be redacted; one of "
                f"{', '.join(kind.__name__ for kind in _ENGINES)} can"
            )
        self._boundary = Boundary(
            scrubber,
            user_id,
            known=known,
            viewer=viewer,
            allow_media=allow_media,
            tenant_key=tenant_key,
        )
        self._engine = _within(engine, self._boundary)

    @unspanned
    def chat(self, message: str, chat_history: list[ChatMessage] | None = None) -> Any:
        """Say something, and get an answer.

        Args:
            message: What the user says.
            chat_history: What was said before, in place of what the engine remembers.

        Raises:
            InvalidInputError: No text, or a history with a part that cannot be searched.
            DetectionError: The detector failed; nothing was sent or remembered.
            ModelCallError: The model raised.
        """
        clean, history = self._prepare(message, chat_history)
        return self._whole(self._engine.chat(clean, history))

    @unspanned
    async def achat(self, message: str, chat_history: list[ChatMessage] | None = None) -> Any:
        """Say something, and get an answer. See `chat`."""
        clean, history = await asyncio.to_thread(self._prepare, message, chat_history)
        answer = await self._engine.achat(clean, history)
        return await asyncio.to_thread(self._whole, answer)

    @unspanned
    def stream_chat(
        self, message: str, chat_history: list[ChatMessage] | None = None
    ) -> StreamingAgentChatResponse:
        """Say something, and get the answer in chunks (`response_gen`). See `chat`."""
        clean, history = self._prepare(message, chat_history)
        answer = self._engine.stream_chat(clean, history)
        return RestoredChatResponse(answer, self._boundary.revealer())

    @unspanned
    async def astream_chat(
        self, message: str, chat_history: list[ChatMessage] | None = None
    ) -> StreamingAgentChatResponse:
        """Say something, and get the answer in chunks (`async_response_gen`). See `chat`."""
        clean, history = await asyncio.to_thread(self._prepare, message, chat_history)
        answer = await self._engine.astream_chat(clean, history)
        return RestoredChatResponse(answer, self._boundary.revealer())

    @unspanned
    def reset(self) -> None:
        """Forget the conversation."""
        self._engine.reset()

    @property
    def chat_history(self) -> list[ChatMessage]:
        """What was said, in values; the memory itself holds pseudonyms."""
        return self._boundary.shown(self._engine.chat_history)

    def _prepare(
        self, message: str, history: list[ChatMessage] | None
    ) -> tuple[str, list[ChatMessage] | None]:
        clean = self._boundary.text(message, said=True)
        return clean, None if history is None else self._boundary.messages(history)

    def _whole(self, answer: Any) -> AgentChatResponse:
        return AgentChatResponse(
            response=self._boundary.revealer().text(answer.response),
            sources=answer.sources,
            source_nodes=answer.source_nodes,
            metadata=answer.metadata,
        )

    def __repr__(self) -> str:
        return f"RedactedChatEngine({type(self._engine).__name__})"


class RestoredChatResponse(StreamingAgentChatResponse):
    """A streamed answer in values, over one in pseudonyms that writes itself to the memory.

    The memory is written whether or not the stream is read. Sources hold pseudonyms.
    """

    def __init__(self, inner: StreamingAgentChatResponse, revealer: Revealer) -> None:
        super().__init__(
            sources=inner.sources, source_nodes=inner.source_nodes, is_writing_to_memory=False
        )
        self._inner = inner
        self._revealer = revealer
        if inner.achat_stream is None:
            self.chat_stream = self._chunks()
        else:
            self.achat_stream = self._achunks()

    def __str__(self) -> str:
        return self.response or self._revealer.text(self._inner.response)

    def _chunks(self) -> Generator[ChatResponse, None, None]:
        so_far = ""
        for delta in self._revealer.stream(self._inner.response_gen):
            so_far += delta
            yield _chunk(delta, so_far)
        self.is_done = True

    async def _achunks(self) -> AsyncGenerator[ChatResponse, None]:
        so_far = ""
        async for delta in self._revealer.astream(self._inner.async_response_gen()):
            so_far += delta
            yield _chunk(delta, so_far)
        self.is_done = True


class _ScrubbedRetriever(BaseRetriever):
    """What a retriever finds, scrubbed before LlamaIndex's events show it."""

    def __init__(self, retriever: BaseRetriever, scrub: PIINodePostprocessor) -> None:
        super().__init__(callback_manager=retriever.callback_manager)
        self._retriever = retriever
        self._scrub = scrub

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        with ModelGuard(RetrievalError) as guard:
            found = plain(type(self._retriever)._retrieve)(self._retriever, query_bundle)
        guard.check()
        return self._scrub._postprocess_nodes(found)

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        method = plain(type(self._retriever)._aretrieve)
        if method is plain(BaseRetriever._aretrieve):
            # That one would call `_retrieve` with its span.
            return await asyncio.to_thread(self._retrieve, query_bundle)
        with ModelGuard(RetrievalError) as guard:
            found = await method(self._retriever, query_bundle)
        guard.check()
        return await self._scrub._apostprocess_nodes(found)


def _within(engine: Any, boundary: Boundary) -> BaseChatEngine:
    """A copy of an engine in which all is pseudonyms."""
    scrubber, user_id, key = boundary.scrubber, boundary.user_id, boundary.owners.key
    inner = copy.copy(engine)
    model = engine._llm
    if not isinstance(model, RedactedLLM):
        model = RedactedLLM(model, scrubber=scrubber, known=boundary.known)
    # Whose a text is, the boundary has told. A model with settings of its own goes by these too.
    inner._llm = model.sealed(scrubber, user_id, told=model is not engine._llm)
    if isinstance(engine._memory, ScrubbedMemory):
        boundary.require(engine._memory._within())
    else:
        inner._memory = ScrubbedMemory(
            engine._memory,
            scrubber=scrubber,
            user_id=user_id,
            known=boundary.known,
            tenant_key=key,
        )
    if getattr(engine, "_prefix_messages", None):
        inner._prefix_messages = boundary.messages(engine._prefix_messages)
    if getattr(engine, "_system_prompt", None):
        inner._system_prompt = boundary.text(engine._system_prompt)
    if hasattr(engine, "_retriever"):
        clean = PIINodePostprocessor(scrubber, user_id=user_id, tenant_key=key, others="hide")
        if isinstance(engine._retriever, TenantRetriever):
            _check(engine._retriever._binding, boundary)
            clean._binding = engine._retriever._binding
        else:
            inner._retriever = _ScrubbedRetriever(engine._retriever, clean)
        # Postprocessors may bring nodes of their own.
        inner._node_postprocessors = [*engine._node_postprocessors, clean]
    if hasattr(engine, "_query_engine"):
        inner._query_engine = _sealed_engine(engine._query_engine, boundary)
    checked: BaseChatEngine = inner
    return checked


def _sealed_engine(engine: BaseQueryEngine, boundary: Boundary) -> BaseQueryEngine:
    if not isinstance(engine, TenantQueryEngine):
        raise ConfigurationError(
            "a query engine to chat with is made by TenantIndex(...).for_user(...)"
            ".as_query_engine(...), so that its own model gets placeholders"
        )
    _check(engine._binding, boundary)
    return engine._engine


def _check(binding: TenantBinding, boundary: Boundary) -> None:
    boundary.require(binding.chunks)


def _chunk(delta: str, so_far: str) -> ChatResponse:
    message = ChatMessage(role=MessageRole.ASSISTANT, content=so_far)
    return ChatResponse(message=message, delta=delta)
