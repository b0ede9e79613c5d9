"""What every dialect has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore

from piirag.erasure import ErasureTarget
from piirag.tenancy import Language, Scope, TenantTags

Scored = list[tuple[Document, float]]


class Dialect(ABC):
    """How to talk to one kind of LangChain vector store, so that users stay apart.

    Nothing here scrubs, tags or scopes ids: `UserVectorStore` has done that before it calls, and
    checks every document that comes back. A derived class sets the class variables, defines
    `target`, and overrides what its store does differently.

    Whatever a store cannot do must raise an error of piirag's own before the store is called.

    Args:
        store: The store.

    Raises:
        UnsupportedStoreError: This store is set up in a way in which its users cannot be kept
            apart, or its items not deleted; see `check`.
    """

    kind: ClassVar[str]
    """Short name of the store: ``"chroma"``."""
    language: ClassVar[Language[Any]]
    """How filters look to this store."""
    filter_keyword: ClassVar[str] = "filter"
    """The keyword under which this store's searches take a filter."""
    expires: ClassVar[bool] = False
    """Whether `language` knows ``$exists``, so that expired items are filtered by the store."""
    search_keywords: ClassVar[frozenset[str]] = frozenset()
    """Further keywords of this store's searches. None of them can widen the result."""
    batch: ClassVar[int] = 1000
    """How many items go into one call."""

    def __init__(self, store: VectorStore) -> None:
        self.store: Any = store
        self.check()

    @classmethod
    def serves(cls, store: Any) -> bool:
        """Whether this dialect is for a store whose class has a name that it is registered for."""
        return isinstance(store, VectorStore)

    def check(self) -> None:  # noqa: B027 - most stores are fine however they are set up
        """Look whether users can be kept apart in this store as it is set up.

        Raises:
            UnsupportedStoreError: They cannot.
        """

    @property
    def embeddings(self) -> Embeddings | None:
        """The store's embedding model."""
        found: Embeddings | None = self.store.embeddings
        return found

    # Searching

    def search_options(self, scope: Scope) -> dict[str, Any]:
        """Keyword arguments for the store's searches that keep them within a scope.

        Raises:
            InvalidInputError: The caller's filter asks what the store cannot express.
        """
        return {self.filter_keyword: self.language.translate(scope.clause(expiry=self.expires))}

    def keywords(self, given: Mapping[str, Any], clean: Callable[[Any], Any]) -> dict[str, Any]:
        """Keyword arguments for the store's searches from those of the caller.

        Args:
            given: Some of `search_keywords`.
            clean: Scrubs a value, a nested one too.

        Raises:
            InvalidInputError: A value that the store cannot take.
        """
        return {name: clean(value) for name, value in given.items() if value is not None}

    def search(self, query: str, k: int, options: dict[str, Any]) -> Scored:
        """The items most similar to a question, with the store's own scores."""
        found: Scored = self.store.similarity_search_with_score(query, k, **options)
        return found

    def search_by_vector(
        self, embedding: list[float], k: int, options: dict[str, Any]
    ) -> list[Document]:
        """The items most similar to a vector."""
        found: list[Document] = self.store.similarity_search_by_vector(embedding, k, **options)
        return found

    def search_mmr(
        self, query: str, k: int, fetch_k: int, lambda_mult: float, options: dict[str, Any]
    ) -> list[Document]:
        """Items that are similar to a question and differ among themselves."""
        found: list[Document] = self.store.max_marginal_relevance_search(
            query, k, fetch_k, lambda_mult, **options
        )
        return found

    def search_mmr_by_vector(
        self,
        embedding: list[float],
        k: int,
        fetch_k: int,
        lambda_mult: float,
        options: dict[str, Any],
    ) -> list[Document]:
        """Items that are similar to a vector and differ among themselves."""
        found: list[Document] = self.store.max_marginal_relevance_search_by_vector(
            embedding, k, fetch_k, lambda_mult, **options
        )
        return found

    def relevance(self) -> Callable[[float], float]:
        """What turns a score of `search` into a relevance between 0 and 1."""
        found: Callable[[float], float] = self.store._select_relevance_score_fn()
        return found

    # By id

    def add(self, documents: list[Document], ids: list[str]) -> None:
        """Write documents under ids; one that is there already is replaced, metadata and all.

        Args:
            documents: Scrubbed and tagged.
            ids: One for each, distinct, at most `batch`.
        """
        self.store.add_documents(documents, ids=ids)

    def delete(self, ids: list[str]) -> None:
        """Delete by id; ids that are not there are passed over.

        Args:
            ids: At least one.
        """
        self.store.delete(ids)

    def get(self, ids: Sequence[str]) -> list[Document]:
        """Items by id, with their ids; those that are not there are left out.

        Args:
            ids: At least one.
        """
        found: list[Document] = self.store.get_by_ids(ids)
        return found

    # Erasing

    @abstractmethod
    def target(self, tags: TenantTags) -> ErasureTarget:
        """What `delete_user` erases from: the native store, whichever framework wrote it."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({type(self.store).__name__})"
