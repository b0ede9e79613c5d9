"""`langchain_community.vectorstores.SQLiteVec`.

The wrapper takes any filter and heeds none, cannot delete, and numbers items by itself
(langchain-community 0.4.2). So its tables are called past it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.documents import Document

from langchain_piirag.dialects.rows import RowsDialect
from piirag.erasure import ErasureTarget
from piirag.erasure.targets.sqlite_vec import SQLiteVecTarget
from piirag.erasure.targets.sqlite_vec_table import LANGUAGE, VecRow, VecTable, among
from piirag.tenancy import Scope, TenantTags


class SQLiteVecDialect(RowsDialect):
    """A result is always full, and exact."""

    kind = "sqlite-vec"
    language = LANGUAGE
    expires = True
    # SQLite takes no more parameters than 32,766 in one statement, and 999 before 3.32.
    batch = 900

    @classmethod
    def serves(cls, store: Any) -> bool:
        """Whether this has a connection and a table."""
        return super().serves(store) and hasattr(store, "_connection") and hasattr(store, "_table")

    def check(self) -> None:
        """Look whether the tables are as the wrapper makes them."""
        self._rows = VecTable(self.store._connection, self.store._table)
        self._indexed: set[str] = set()

    @property
    def embeddings(self) -> Any:
        """The store's embedding model, which the wrapper itself does not tell."""
        return self.store._embedding

    def search_options(self, scope: Scope) -> dict[str, Any]:
        """The filter as SQL."""
        if scope.key not in self._indexed:
            self._rows.index(scope.key)
            self._indexed.add(scope.key)
        return super().search_options(scope)

    def nearest(
        self, vector: list[float], k: int, options: dict[str, Any], *, vectors: bool = False
    ) -> Sequence[VecRow]:
        """The nearest rows, with their L2 distances and their vectors."""
        return self._rows.nearest(vector, k, options["filter"])

    def document(self, row: VecRow) -> Document:
        """A row as a document."""
        return Document(page_content=row.text, metadata=dict(row.metadata), id=row.id)

    def relevance(self) -> Callable[[float], float]:
        """LangChain's measure for L2 distances; the wrapper has none."""
        found: Callable[[float], float] = self.store._euclidean_relevance_score_fn
        return found

    def add(self, documents: list[Document], ids: list[str]) -> None:
        """Write documents; those that are there already are replaced in the same transaction."""
        texts = [document.page_content for document in documents]
        vectors = self.store._embedding.embed_documents(texts)
        self._rows.write(
            [
                VecRow(id, document.page_content, document.metadata, vector)
                for id, document, vector in zip(ids, documents, vectors, strict=True)
            ]
        )

    def delete(self, ids: list[str]) -> None:
        """Delete by id."""
        self._rows.remove(among(ids))

    def get(self, ids: Sequence[str]) -> list[Document]:
        """Documents by id."""
        found = {row.id: self.document(row) for row in self._rows.by_ids(ids)}
        return [found[id] for id in ids if id in found]

    def target(self, tags: TenantTags) -> ErasureTarget:
        """The tables."""
        return SQLiteVecTarget(self.store._connection, self.store._table, tags)
