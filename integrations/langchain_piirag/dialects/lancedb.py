"""`langchain_community.vectorstores.LanceDB`, over a folder or an object store.

As it is set up by default the wrapper replaces the whole table with what is added, filters what it
has found already, and returns no ids (langchain-community 0.4.2). So the table is called past it,
in the wrapper's schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.documents import Document
from langchain_core.vectorstores.utils import maximal_marginal_relevance

from langchain_piirag.dialects.base import Dialect, Scored
from piirag.erasure import ErasureTarget
from piirag.erasure.targets.lancedb import LanceDBTarget, lance_items
from piirag.erasure.targets.lancedb_table import LanceItems, LanceRow
from piirag.errors import UnsupportedStoreError
from piirag.tenancy import Scope, TenantTags
from piirag.tenancy.languages.lancedb import LanceDBLanguage


class LanceDBDialect(Dialect):
    """A result is always full: rows are filtered before they are searched.

    Full-text and hybrid search are not offered: their scores weigh words by how often everybody's
    texts have them.
    """

    kind = "lancedb"
    language = LanceDBLanguage()
    expires = True

    @classmethod
    def serves(cls, store: Any) -> bool:
        """Whether this has a connection."""
        return super().serves(store) and hasattr(store, "_connection")

    def check(self) -> None:
        """Look whether the table is in a folder or an object store, and has all columns."""
        found = lance_items(self.store)
        if found is None:
            raise UnsupportedStoreError("this LanceDB has no table")
        self._rows: LanceItems = found

    def search_options(self, scope: Scope) -> dict[str, Any]:
        """The filter as SQL."""
        return {"where": self._rows.language().translate(scope.clause(expiry=True))}

    def search(self, query: str, k: int, options: dict[str, Any]) -> Scored:
        """The nearest documents, with LanceDB's distances."""
        return self._nearest(self.store.embeddings.embed_query(query), k, options)

    def search_by_vector(
        self, embedding: list[float], k: int, options: dict[str, Any]
    ) -> list[Document]:
        """The nearest documents."""
        return [document for document, _ in self._nearest(embedding, k, options)]

    def search_mmr(
        self, query: str, k: int, fetch_k: int, lambda_mult: float, options: dict[str, Any]
    ) -> list[Document]:
        """Documents that are near and differ among themselves."""
        vector = self.store.embeddings.embed_query(query)
        return self.search_mmr_by_vector(vector, k, fetch_k, lambda_mult, options)

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

        near = self._rows.nearest(embedding, fetch_k, options["where"], vectors=True)
        asked = np.array(embedding, dtype=np.float32)
        vectors = [list(row.vector or ()) for row in near]
        chosen = maximal_marginal_relevance(asked, vectors, lambda_mult, k)
        return [_document(near[at]) for at in chosen]

    def add(self, documents: list[Document], ids: list[str]) -> None:
        """Write documents; those that are there already are replaced in the same step."""
        texts = [document.page_content for document in documents]
        vectors = self.store.embeddings.embed_documents(texts)
        self._rows.write(
            [
                LanceRow(id, document.page_content, document.metadata, vector)
                for id, document, vector in zip(ids, documents, vectors, strict=True)
            ]
        )

    def delete(self, ids: list[str]) -> None:
        """Delete by id."""
        self._rows.remove(self._rows.among_ids(ids))

    def get(self, ids: Sequence[str]) -> list[Document]:
        """Documents by id."""
        found = {row.id: _document(row) for row in self._rows.rows(self._rows.among_ids(ids))}
        return [found[id] for id in ids if id in found]

    def target(self, tags: TenantTags) -> ErasureTarget:
        """The table."""
        return LanceDBTarget(self._rows, tags)

    def _nearest(self, embedding: list[float], k: int, options: dict[str, Any]) -> Scored:
        found = self._rows.nearest(embedding, k, options["where"])
        return [(_document(row), float(row.distance or 0.0)) for row in found]


def _document(row: LanceRow) -> Document:
    return Document(page_content=row.text or "", metadata=dict(row.metadata), id=row.id)
