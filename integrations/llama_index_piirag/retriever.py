"""A retriever that scrubs the question before anything else sees it."""

from __future__ import annotations

import asyncio
from typing import Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, QueryType

from llama_index_piirag.tracing import unspanned
from piirag.errors import InvalidInputError
from piirag.tenancy import TenantBinding


def scrub_question(binding: TenantBinding, question: Any) -> QueryBundle:
    """A question with pseudonyms in place of personal data, so that it meets the stored chunks.

    An embedding that came with the question is kept only where nothing had to be replaced.

    Raises:
        InvalidInputError: No string or `QueryBundle`, or one with an image.
        DetectionError: The detector failed; nothing was asked.
    """
    if isinstance(question, str):
        question = QueryBundle(question)
    if not isinstance(question, QueryBundle):
        raise InvalidInputError(f"a question is a string, not {type(question).__name__}")
    if question.image_path is not None:
        raise InvalidInputError("an image in a question cannot be searched")
    scrub = binding.chunks.question
    text = scrub(question.query_str)
    extra = question.custom_embedding_strs
    clean = None if extra is None else [scrub(item) for item in extra]
    same = text == question.query_str and clean == extra
    return QueryBundle(
        query_str=text,
        custom_embedding_strs=clean,
        embedding=question.embedding if same else None,
    )


class TenantRetriever(BaseRetriever):
    """Retrieves one user's chunks; made by `UserIndex.as_retriever`.

    The question is scrubbed before LlamaIndex's events, callbacks and spans begin, and before it
    is embedded.

    Args:
        retriever: What retrieves from the user's vector store.
        binding: The user.
        **kwargs: As for `BaseRetriever`: ``callback_manager``, ``verbose``.
    """

    def __init__(self, retriever: BaseRetriever, binding: TenantBinding, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._retriever = retriever
        self._binding = binding

    @property
    def user_id(self) -> str:
        """The user whose chunks these are."""
        return self._binding.user_id

    def selecting(self) -> dict[str, Any]:
        """What selects the chunks: the tags that may be read, and the caller's filter, scrubbed."""
        filters = getattr(self._retriever, "_filters", None)
        what: dict[str, Any] = {"tenant": list(self._binding.readable)}
        if filters is not None:
            what["where"] = self._binding.chunks.filter(filters.model_dump(mode="json"))
        return what

    @unspanned
    def retrieve(self, str_or_query_bundle: QueryType) -> list[NodeWithScore]:
        """The user's chunks nearest to a question.

        Args:
            str_or_query_bundle: The question.

        Raises:
            InvalidInputError: No question, or one with an image.
            DetectionError: The detector failed; nothing was asked.
            TenancyError: The store returned another user's chunk.
        """
        return super().retrieve(scrub_question(self._binding, str_or_query_bundle))

    @unspanned
    async def aretrieve(self, str_or_query_bundle: QueryType) -> list[NodeWithScore]:
        """The user's chunks nearest to a question. See `retrieve`."""
        clean = await asyncio.to_thread(scrub_question, self._binding, str_or_query_bundle)
        return await super().aretrieve(clean)

    # Called directly by some of LlamaIndex's retrievers, with the question as it was asked.

    @unspanned
    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return self._retriever._retrieve(scrub_question(self._binding, query_bundle))

    @unspanned
    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        clean = await asyncio.to_thread(scrub_question, self._binding, query_bundle)
        return await self._retriever._aretrieve(clean)

    def __repr__(self) -> str:
        return f"TenantRetriever({type(self._retriever).__name__})"
