"""Asking a question of one user's index, with nothing raw in between."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.response.schema import (
    RESPONSE_TYPE,
    AsyncStreamingResponse,
    Response,
    StreamingResponse,
)
from llama_index.core.prompts.mixin import PromptMixinType
from llama_index.core.schema import NodeWithScore, QueryBundle, QueryType

from llama_index_piirag.replies import COUNTS
from llama_index_piirag.retriever import scrub_question
from llama_index_piirag.reveal import Revealer, asked_values
from llama_index_piirag.tracing import unspanned
from piirag.detection.known import Known, check_known
from piirag.governance.labels import highest
from piirag.governance.stamps import stamps_of
from piirag.tenancy import TenantBinding

_ANSWERS = (Response, StreamingResponse, AsyncStreamingResponse)


class TenantQueryEngine(BaseQueryEngine):
    """Answers one user's questions; made by `UserIndex.as_query_engine`.

    The question is scrubbed first, and the values are put back into the answer last. Everything
    between, LlamaIndex's events, callbacks and spans included, holds pseudonyms; so do the source
    nodes of the answer. Where these bear labels, the highest stands in the answer's
    ``metadata["piirag"]["label"]``.

    Args:
        engine: Answers scrubbed questions in pseudonyms.
        binding: The user.
        known: Values the application knows that may stand in questions.
    """

    def __init__(
        self, engine: BaseQueryEngine, binding: TenantBinding, known: Known | None = None
    ) -> None:
        super().__init__(callback_manager=engine.callback_manager)
        self._known = check_known(known)
        self._engine = engine
        self._binding = binding

    @unspanned
    def query(self, str_or_query_bundle: QueryType) -> RESPONSE_TYPE:
        """Answer a question.

        Raises:
            InvalidInputError: No question, or one with an image.
            DetectionError: The detector failed; nothing was asked.
            ModelCallError: The model raised.
        """
        clean, revealer = self._prepare(str_or_query_bundle)
        return self._restored(self._engine.query(clean), revealer)

    @unspanned
    async def aquery(self, str_or_query_bundle: QueryType) -> RESPONSE_TYPE:
        """Answer a question. See `query`."""
        clean, revealer = await asyncio.to_thread(self._prepare, str_or_query_bundle)
        return self._restored(await self._engine.aquery(clean), revealer)

    @unspanned
    def retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        """The nodes an answer would be made from, scrubbed."""
        return self._engine.retrieve(self._prepare(query_bundle)[0])

    @unspanned
    def synthesize(
        self,
        query_bundle: QueryBundle,
        nodes: list[NodeWithScore],
        additional_source_nodes: Any = None,
    ) -> RESPONSE_TYPE:
        """Answer a question from given nodes."""
        clean, revealer = self._prepare(query_bundle)
        answer = self._engine.synthesize(clean, nodes, additional_source_nodes)
        return self._restored(answer, revealer)

    @unspanned
    async def asynthesize(
        self,
        query_bundle: QueryBundle,
        nodes: list[NodeWithScore],
        additional_source_nodes: Any = None,
    ) -> RESPONSE_TYPE:
        """Answer a question from given nodes."""
        clean, revealer = await asyncio.to_thread(self._prepare, query_bundle)
        answer = await self._engine.asynthesize(clean, nodes, additional_source_nodes)
        return self._restored(answer, revealer)

    @unspanned
    def _query(self, query_bundle: QueryBundle) -> RESPONSE_TYPE:
        return self.query(query_bundle)

    @unspanned
    async def _aquery(self, query_bundle: QueryBundle) -> RESPONSE_TYPE:
        return await self.aquery(query_bundle)

    def _get_prompt_modules(self) -> PromptMixinType:
        return {"engine": self._engine}

    def _prepare(self, question: Any) -> tuple[QueryBundle, Revealer]:
        clean = scrub_question(self._binding, question)
        chunks = self._binding.chunks
        raw = question if isinstance(question, str) else question.query_str
        result = chunks.scrubber.scrub(
            raw, user_id=chunks.user_id, known=self._known, remember=False
        )
        asked = asked_values(raw, result)
        # One scrub may give other tokens than the next where the user has stored nothing yet.
        clean.query_str = result.text
        return clean, Revealer(chunks.scrubber, chunks.user_id, asked)

    def _restored(self, answer: RESPONSE_TYPE, revealer: Revealer) -> RESPONSE_TYPE:
        label = highest(
            stamps_of(found.node.metadata).get("label")
            for found in getattr(answer, "source_nodes", None) or ()
        )
        if label is not None and isinstance(answer, _ANSWERS):
            told = {**(answer.metadata or {}), COUNTS: {"label": label}}
            answer = replace(answer, metadata=told)
        if isinstance(answer, Response) and answer.response is not None:
            return replace(answer, response=revealer.text(answer.response))
        if isinstance(answer, StreamingResponse):
            return replace(answer, response_gen=revealer.stream(answer.response_gen))
        if isinstance(answer, AsyncStreamingResponse):
            return replace(answer, response_gen=revealer.astream(answer.response_gen))
        # An object of the caller's own class keeps its pseudonyms: a value may not fit it.
        return answer

    def __repr__(self) -> str:
        return f"TenantQueryEngine({type(self._engine).__name__})"
