"""Retrievers that neither take nor give personal data."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableConfig, run_in_executor
from langchain_core.runnables.config import var_child_runnable_config
from langchain_core.tracers.context import _configure_hooks
from langchain_core.vectorstores import VectorStoreRetriever
from langsmith import tracing_context
from pydantic import ConfigDict, Field, SkipValidation

from langchain_piirag.documents import PIIDocumentScrubber
from langchain_piirag.searching import gathered
from piirag.detection.known import Known
from piirag.detection.text import require_text
from piirag.errors import RetrievalError
from piirag.redaction.guard import ModelGuard
from piirag.redaction.scrubber import Scrubber

_RAW = "piirag_raw_query"


class TenantRetriever(VectorStoreRetriever):
    """A retriever over one user's view of a store; made by `UserVectorStore.as_retriever`.

    The question is scrubbed before callbacks and traces see it.
    """

    def invoke(
        self, input: str, config: RunnableConfig | None = None, **kwargs: Any
    ) -> list[Document]:
        """Retrieve. See `BaseRetriever.invoke`."""
        return super().invoke(self._clean(input), config, **kwargs)

    async def ainvoke(
        self, input: str, config: RunnableConfig | None = None, **kwargs: Any
    ) -> list[Document]:
        """Retrieve. See `BaseRetriever.ainvoke`."""
        clean = await run_in_executor(None, self._clean, input)
        return await super().ainvoke(clean, config, **kwargs)

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **kwargs: Any
    ) -> list[Document]:
        with gathered(run_manager.handlers, run_manager.run_id):
            return super()._get_relevant_documents(query, run_manager=run_manager, **kwargs)

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, **kwargs: Any
    ) -> list[Document]:
        with gathered(run_manager.handlers, run_manager.run_id):
            return await super()._aget_relevant_documents(query, run_manager=run_manager, **kwargs)

    def __repr__(self) -> str:
        # The fields hold filters, and these hold values.
        return f"TenantRetriever({self.search_type!r})"

    def _clean(self, query: str) -> str:
        clean: str = self.vectorstore._binding.chunks.question(query)  # type: ignore[attr-defined]
        return clean


class PIIRetriever(BaseRetriever):
    """Wraps any retriever: scrubs the question, and the documents that come back.

    The wrapped retriever runs without the callbacks of the call: they would record its raw
    documents. Its documents are not changed; scrubbed copies are returned.

    Args:
        retriever: The retriever to wrap.
        scrubber: Does the work.
        user_id: The tenant who asks.
        known: Values the application knows, looked for in question and documents; or a function
            from a document to such values.
        known_from: Entity type -> metadata keys that hold known values.
        scrub_query: Whether the wrapped retriever gets the scrubbed question. False only where
            its store holds raw text and its embedding model runs on your own machine; callbacks
            and traces see the scrubbed question in any case.

    Raises:
        InvalidUserIdError: No usable user id.
        RetrievalError: From `invoke`: the wrapped retriever raised; its message is withheld.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    retriever: BaseRetriever
    scrubber: SkipValidation[Scrubber] = Field(repr=False)
    user_id: str = Field(repr=False)
    known: SkipValidation[Known | Callable[[Document], Known | None] | None] = Field(
        None, repr=False
    )
    known_from: dict[str, list[str]] | None = None
    scrub_query: bool = True

    def __init__(self, retriever: BaseRetriever, **kwargs: Any) -> None:
        if "scrubber" in kwargs:
            kwargs["scrubber"].vault.tag(kwargs.get("user_id"))
        super().__init__(retriever=retriever, **kwargs)  # type: ignore[call-arg]

    def invoke(
        self, input: str, config: RunnableConfig | None = None, **kwargs: Any
    ) -> list[Document]:
        """Retrieve. See `BaseRetriever.invoke`."""
        return super().invoke(self._clean(input), config, **{**kwargs, _RAW: input})

    async def ainvoke(
        self, input: str, config: RunnableConfig | None = None, **kwargs: Any
    ) -> list[Document]:
        """Retrieve. See `BaseRetriever.ainvoke`."""
        clean = await run_in_executor(None, self._clean, input)
        return await super().ainvoke(clean, config, **{**kwargs, _RAW: input})

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **kwargs: Any
    ) -> list[Document]:
        query = self._question(query, kwargs)
        with ModelGuard(RetrievalError) as guard:
            found = _untraced().run(_quietly, self.retriever.invoke, query, **kwargs)
        guard.check()
        return self._scrubbed(found)

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, **kwargs: Any
    ) -> list[Document]:
        query = self._question(query, kwargs)
        task = asyncio.get_running_loop().create_task(
            _aquietly(self.retriever.ainvoke, query, **kwargs), context=_untraced()
        )
        with ModelGuard(RetrievalError) as guard:
            found = await task
        guard.check()
        return await run_in_executor(None, self._scrubbed, found)

    def _question(self, clean: str, kwargs: dict[str, Any]) -> str:
        raw = kwargs.pop(_RAW, clean)
        return clean if self.scrub_query else raw

    def _clean(self, query: str) -> str:
        require_text(query, "the query")
        known = None if callable(self.known) else self.known
        return self.scrubber.scrub(query, user_id=self.user_id, known=known, remember=False).text

    def _scrubbed(self, found: list[Document]) -> list[Document]:
        scrub = PIIDocumentScrubber(
            self.scrubber, user_id=self.user_id, known=self.known, known_from=self.known_from
        )
        return list(scrub.transform_documents(found))


def _untraced() -> contextvars.Context:
    """A copy of this context without the callbacks and tracers that LangChain keeps in it."""
    context = contextvars.copy_context()
    context.run(var_child_runnable_config.set, None)
    for variable, *_ in _configure_hooks:
        context.run(variable.set, None)
    return context


def _quietly(call: Callable[..., list[Document]], query: str, **kwargs: Any) -> list[Document]:
    with tracing_context(enabled=False):
        return call(query, {"callbacks": []}, **kwargs)


async def _aquietly(
    call: Callable[..., Coroutine[Any, Any, list[Document]]], query: str, **kwargs: Any
) -> list[Document]:
    with tracing_context(enabled=False):
        return await call(query, {"callbacks": []}, **kwargs)
