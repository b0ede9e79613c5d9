"""Retrievers made of several, of which every part has to be one user's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set, ValuesView
from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.language_models import BaseLanguageModel
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableConfig, run_in_executor
from langchain_core.stores import BaseStore
from langchain_core.vectorstores import VectorStore
from pydantic import BaseModel, ConfigDict, Field, SkipValidation

from langchain_piirag.docstores import UserDocstore
from langchain_piirag.vectorstores import UserVectorStore
from piirag.errors import InvalidInputError, TenancyError
from piirag.tenancy import Chunk, TenantBinding

_DEEPEST = 12
_NOT_OWN = "a part of this retriever is not this user's: {}"


class CombinedRetriever(BaseRetriever):
    """Wraps an ensemble, or anything else made of retrievers; made by `UserVectorStore.combined`.

    An ensemble is as tight as its loosest part. So every retriever, vector store and docstore in
    it, in lists and mappings too, has to be a view of this user, when it is wrapped and each time
    it is asked; documents that it holds itself have to bear the user's tag. A retriever that
    holds none of these is refused too, since nobody can tell whose documents it returns. The
    question is scrubbed before anything sees it, and what is returned is scrubbed once more.

    What a retriever's code gets from elsewhere (a closure, a client of its own) cannot be seen.

    Raises:
        TenancyError: A part of it is not this user's, or a document bears another's tag.
        InvalidInputError: No retriever.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    retriever: SkipValidation[BaseRetriever] = Field(repr=False)
    binding: SkipValidation[TenantBinding] = Field(repr=False, exclude=True)

    def __init__(self, retriever: BaseRetriever, binding: TenantBinding, **kwargs: Any) -> None:
        if not isinstance(retriever, BaseRetriever):
            raise InvalidInputError(f"expected a retriever, not {type(retriever).__name__}")
        check_own(retriever, binding)
        super().__init__(retriever=retriever, binding=binding, **kwargs)  # type: ignore[call-arg]

    def invoke(
        self, input: str, config: RunnableConfig | None = None, **kwargs: Any
    ) -> list[Document]:
        """Retrieve. See `BaseRetriever.invoke`."""
        return super().invoke(self.binding.chunks.question(input), config, **kwargs)

    async def ainvoke(
        self, input: str, config: RunnableConfig | None = None, **kwargs: Any
    ) -> list[Document]:
        """Retrieve. See `BaseRetriever.ainvoke`."""
        clean = await run_in_executor(None, self.binding.chunks.question, input)
        return await super().ainvoke(clean, config, **kwargs)

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **kwargs: Any
    ) -> list[Document]:
        check_own(self.retriever, self.binding)
        config: RunnableConfig = {"callbacks": run_manager.get_child()}
        return self._checked(self.retriever.invoke(query, config, **kwargs))

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, **kwargs: Any
    ) -> list[Document]:
        check_own(self.retriever, self.binding)
        config: RunnableConfig = {"callbacks": run_manager.get_child()}
        found = await self.retriever.ainvoke(query, config, **kwargs)
        return await run_in_executor(None, self._checked, found)

    def _checked(self, found: list[Document]) -> list[Document]:
        """What was returned, as the user may see it.

        What comes through a view has lost its tag and is clean. The rest came by another way.
        """
        chunks, key = [], self.binding.tags.key
        for document in found:
            if not isinstance(document, Document):
                raise TenancyError("a retriever returned something that is no document")
            id, metadata = document.id, dict(document.metadata)
            if key in metadata:
                id, metadata = self.binding.outward(id, metadata)
            if self.binding.is_live(metadata):
                chunks.append(Chunk(document.page_content, metadata, id))
        return [
            Document(page_content=chunk.text, metadata=dict(chunk.metadata), id=chunk.id)
            for chunk in self.binding.again(chunks)
        ]

    def __repr__(self) -> str:
        return f"CombinedRetriever({type(self.retriever).__name__})"


def check_own(part: Any, binding: TenantBinding, depth: int = 0) -> None:
    """Look whether everything that a retriever reads from is one user's.

    Raises:
        TenancyError: Something is not, or nobody can tell.
    """
    if isinstance(part, UserVectorStore | UserDocstore):
        own = part._binding
        if own.tag == binding.tag and own.chunks.scrubber.vault is binding.chunks.scrubber.vault:
            return
        raise TenancyError(_NOT_OWN.format("a view of another user"))
    if isinstance(part, Document):
        if part.metadata.get(binding.tags.key) != binding.tag:
            raise TenancyError(_NOT_OWN.format("a document that does not bear the user's tag"))
        return
    inner = [] if not isinstance(part, BaseRetriever) else list(_parts(part))
    if not inner or depth > _DEEPEST:
        raise TenancyError(_NOT_OWN.format(type(part).__name__))
    for one in inner:
        check_own(one, binding, depth + 1)


def _parts(held: BaseModel, depth: int = 0) -> Iterator[Any]:
    """What a retriever reads from; models, prompts and splitters are none of it."""
    fields = {name: getattr(held, name) for name in type(held).model_fields}
    for name, value in {**fields, **(held.model_extra or {}), **_private(held)}.items():
        if name == "byte_store" and value is not None:
            # `docstore` encodes what is in it, and knows no user.
            yield value
        for one in _within(value):
            if isinstance(one, BaseRetriever | VectorStore | BaseStore | Document):
                yield one
            elif isinstance(one, Runnable) and "retriever" in name:
                # One with other options, or a function: what it would be asked for is not known.
                yield one
            elif isinstance(one, BaseModel) and not isinstance(one, BaseLanguageModel):
                if depth > _DEEPEST:
                    raise TenancyError(_NOT_OWN.format("something nested too deeply"))
                yield from _parts(one, depth + 1)


def _private(held: BaseModel) -> Mapping[str, Any]:
    return held.__pydantic_private__ or {}


def _within(value: Any, depth: int = 0) -> Iterator[Any]:
    """What a field holds, in lists and mappings of any depth that can be looked through."""
    if isinstance(value, str | bytes | bytearray | range):
        return
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, Sequence | Set | ValuesView):
        yield value
        return
    if depth > _DEEPEST:
        raise TenancyError(_NOT_OWN.format("something nested too deeply"))
    for one in value:
        yield from _within(one, depth + 1)
