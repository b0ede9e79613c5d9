"""Stores that are searched past their wrapper: what such searches have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from langchain_core.documents import Document
from langchain_core.vectorstores.utils import maximal_marginal_relevance

from langchain_piirag.dialects.base import Dialect, Scored


class RowsDialect(Dialect):
    """A store whose rows are searched by code of our own.

    A derived class defines `nearest` and `document` in place of the searches.
    """

    @abstractmethod
    def nearest(
        self, vector: list[float], k: int, options: dict[str, Any], *, vectors: bool = False
    ) -> Sequence[Any]:
        """The rows within a scope that are nearest to a vector, nearest first.

        Args:
            vector: The vector.
            k: How many.
            options: See `search_options`.
            vectors: Whether their own vectors are needed.

        Returns:
            Rows with attributes ``distance`` and ``vector``.
        """

    @abstractmethod
    def document(self, row: Any) -> Document:
        """A row as a document."""

    def score(self, distance: float) -> float:
        """The wrapper's score for a distance."""
        return distance

    def embedded(self, query: str) -> list[float]:
        """The vector of a question."""
        model: Any = self.embeddings
        found: list[float] = model.embed_query(query)
        return found

    def search(self, query: str, k: int, options: dict[str, Any]) -> Scored:
        """The nearest documents, with the wrapper's scores."""
        return self._scored(self.nearest(self.embedded(query), k, options))

    def search_by_vector(
        self, embedding: list[float], k: int, options: dict[str, Any]
    ) -> list[Document]:
        """The nearest documents."""
        return [self.document(row) for row in self.nearest(embedding, k, options)]

    def search_mmr(
        self, query: str, k: int, fetch_k: int, lambda_mult: float, options: dict[str, Any]
    ) -> list[Document]:
        """Documents that are near and differ among themselves."""
        return self.search_mmr_by_vector(self.embedded(query), k, fetch_k, lambda_mult, options)

    def search_mmr_by_vector(
        self,
        embedding: list[float],
        k: int,
        fetch_k: int,
        lambda_mult: float,
        options: dict[str, Any],
    ) -> list[Document]:
        """Documents that are near and differ among themselves."""
        import numpy as np

        near = self.nearest(embedding, fetch_k, options, vectors=True)
        vectors = [list(row.vector or ()) for row in near]
        asked = np.array(embedding, dtype=np.float32)
        chosen = maximal_marginal_relevance(asked, vectors, lambda_mult, k)
        return [self.document(near[at]) for at in chosen]

    def _scored(self, rows: Sequence[Any]) -> Scored:
        return [(self.document(row), self.score(float(row.distance or 0.0))) for row in rows]
