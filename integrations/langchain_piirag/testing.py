"""Drives `TenantVectorStore` through the suite of `piirag.testing.tenancy`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

from langchain_core.documents import Document

from langchain_piirag.tenants import TenantVectorStore
from piirag.testing.tenancy import QUESTION, Item, ReadPath, TenancyDriver

_CALLS = "add delete get search search_by_vector search_mmr search_mmr_by_vector".split()


class LangChainDriver(TenancyDriver):
    """A LangChain vector store of any kind.

    Args:
        tenants: The store, tenant-bound.
        more: Further read paths, such as a store's hybrid search.
        without: Names of paths that this store does not have.
    """

    framework = "langchain"

    def __init__(
        self,
        tenants: TenantVectorStore,
        *,
        more: Sequence[ReadPath] = (),
        without: Sequence[str] = (),
    ) -> None:
        super().__init__(tenants)
        self._dialect = tenants._dialect
        found = [*_paths(self._dialect.embeddings), *more]
        self._paths = [path for path in found if path.name not in without]

    @property
    def key(self) -> str:
        """Metadata key of the tenant's tag."""
        found: str = self.tenants._tags.key
        return found

    @property
    def known_keywords(self) -> frozenset[str]:
        """Keywords of LangChain's searches and of this store's."""
        named = {"k", "filter", "query", "embedding", "fetch_k", "lambda_mult", "score_threshold"}
        return self._dialect.search_keywords | named | {"search_type", "input", "config"}

    def paths(self) -> Sequence[ReadPath]:
        """Every way to read."""
        return self._paths

    def write(self, view: Any, items: Sequence[Item]) -> list[str]:
        """Write items."""
        documents = [Document(page_content=i.text, metadata=dict(i.metadata)) for i in items]
        written: list[str] = view.add_documents(documents, ids=[item.id for item in items])
        return written

    def get(self, view: Any, ids: Sequence[str]) -> list[Item]:
        """Items by id."""
        return _items(view.get_by_ids(ids))

    def remove(self, view: Any, ids: Sequence[str]) -> None:
        """Delete by id."""
        view.delete(ids)

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """Within it, a call to the store fails the test."""

        def touched(*args: Any, **kwargs: Any) -> Any:
            raise AssertionError("the store was called")

        calls: dict[str, Any] = dict.fromkeys(_CALLS, touched)
        with mock.patch.multiple(self._dialect, **calls):
            yield

    def plant(self, id: str, text: str, metadata: Mapping[str, Any]) -> None:
        """Write an item past piirag."""
        document = Document(page_content=text, metadata=dict(metadata), id=id)
        self._dialect.add([document], [id])


def _items(documents: Sequence[Document]) -> list[Item]:
    return [Item(str(doc.id), doc.page_content, doc.metadata) for doc in documents]


def _paths(embeddings: Any) -> list[ReadPath]:
    vector = embeddings.embed_query(QUESTION)
    q = QUESTION
    calls: dict[str, Callable[..., Any]] = {
        "similarity_search": lambda s, **k: s.similarity_search(q, **k),
        "with_score": lambda s, **k: _first(s.similarity_search_with_score(q, **k)),
        "with_relevance": lambda s, **k: _first(s.similarity_search_with_relevance_scores(q, **k)),
        "by_vector": lambda s, **k: s.similarity_search_by_vector(vector, **k),
        "mmr": lambda s, **k: s.max_marginal_relevance_search(q, **k),
        "mmr_by_vector": lambda s, **k: s.max_marginal_relevance_search_by_vector(vector, **k),
        "search": lambda s, **k: s.search(q, "similarity", **k),
        "search_mmr": lambda s, **k: s.search(q, "mmr", **k),
        "retriever": lambda s, **k: s.as_retriever(search_kwargs=k).invoke(q),
        "retriever_invoke": lambda s, **k: s.as_retriever().invoke(q, **k),
        "retriever_mmr": lambda s, **k: s.as_retriever(search_type="mmr", search_kwargs=k).invoke(
            q
        ),
        "retriever_threshold": lambda s, **k: s.as_retriever(
            search_type="similarity_score_threshold", search_kwargs={**k, "score_threshold": 0.0}
        ).invoke(q),
        "asimilarity_search": lambda s, **k: _run(s.asimilarity_search(q, **k)),
        "awith_score": lambda s, **k: _first(_run(s.asimilarity_search_with_score(q, **k))),
        "awith_relevance": lambda s, **k: _first(
            _run(s.asimilarity_search_with_relevance_scores(q, **k))
        ),
        "aby_vector": lambda s, **k: _run(s.asimilarity_search_by_vector(vector, **k)),
        "ammr": lambda s, **k: _run(s.amax_marginal_relevance_search(q, **k)),
        "ammr_by_vector": lambda s, **k: _run(
            s.amax_marginal_relevance_search_by_vector(vector, **k)
        ),
        "asearch": lambda s, **k: _run(s.asearch(q, "similarity", **k)),
        "aretriever": lambda s, **k: _run(s.as_retriever(search_kwargs=k).ainvoke(q)),
    }
    # A threshold of 0 leaves out what a metric without bounds scores lower.
    return [_path(name, call, complete="threshold" not in name) for name, call in calls.items()]


def _path(name: str, call: Callable[..., Any], *, complete: bool) -> ReadPath:
    def read(view: Any, k: int, filter: Any, keywords: Mapping[str, Any]) -> list[Item]:
        return _items(call(view, **{"k": k, "filter": filter, **keywords}))

    return ReadPath(name, read, complete)


def _first(pairs: Sequence[tuple[Document, float]]) -> list[Document]:
    return [document for document, _ in pairs]


def _run(work: Any) -> Any:
    """The result of a coroutine; the suite has no loop of its own."""
    with asyncio.Runner() as runner:
        return runner.run(work)
