"""`langchain_community.vectorstores.FAISS`, over an index of any kind.

Its own search filters what it has found already, `fetch_k` items; its own deletion corrupts an IVF
index (langchain-community 0.4.2). So a user's items are picked first and compared one by one,
which is exact and costs what that user's items cost, not everybody's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.documents import Document
from langchain_core.vectorstores.utils import maximal_marginal_relevance

from langchain_piirag.dialects.base import Dialect, Scored
from piirag.erasure import ErasureTarget
from piirag.erasure.targets.faiss import FaissTarget
from piirag.erasure.targets.faiss_index import best, check_index, is_map, vectors_at
from piirag.erasure.targets.faiss_items import LangChainItems
from piirag.errors import UnsupportedStoreError
from piirag.tenancy import Scope, TenantTags
from piirag.tenancy.filters import MetadataLanguage, matches


class FAISSDialect(Dialect):
    """A result is always full, and exact."""

    kind = "faiss"
    language = MetadataLanguage()
    expires = True

    @classmethod
    def serves(cls, store: Any) -> bool:
        """Whether this has an index and the table that belongs to it."""
        return super().serves(store) and hasattr(store, "index_to_docstore_id")

    def check(self) -> None:
        """Look whether vectors can be read back, and are as many as documents."""
        check_index(self.store.index)
        if is_map(self.store.index):
            raise UnsupportedStoreError("LangChain's FAISS cannot write to an index with ids")
        if not all(hasattr(self.store.docstore, name) for name in ("add", "delete", "search")):
            raise UnsupportedStoreError("this docstore cannot be written, or not be deleted from")
        self._items = LangChainItems(self.store)

    def search_options(self, scope: Scope) -> dict[str, Any]:
        """The scope itself."""
        self.language.translate(scope.clause(expiry=True))
        return {"scope": scope}

    def search(self, query: str, k: int, options: dict[str, Any]) -> Scored:
        """The nearest documents, with FAISS's distances."""
        return self._nearest(self._embedded(query), k, options["scope"])

    def search_by_vector(
        self, embedding: list[float], k: int, options: dict[str, Any]
    ) -> list[Document]:
        """The nearest documents."""
        return [document for document, _ in self._nearest(embedding, k, options["scope"])]

    def search_mmr(
        self, query: str, k: int, fetch_k: int, lambda_mult: float, options: dict[str, Any]
    ) -> list[Document]:
        """Documents that are near and differ among themselves."""
        return self.search_mmr_by_vector(self._embedded(query), k, fetch_k, lambda_mult, options)

    def search_mmr_by_vector(
        self,
        embedding: list[float],
        k: int,
        fetch_k: int,
        lambda_mult: float,
        options: dict[str, Any],
    ) -> list[Document]:
        """Documents that are near and differ among themselves."""
        documents, vectors, asked = self._candidates(embedding, options["scope"])
        order, _ = best(self.store.index, vectors, asked, fetch_k)
        chosen = maximal_marginal_relevance(asked, list(vectors[order]), lambda_mult, k)
        return [documents[order[at]] for at in chosen]

    def add(self, documents: list[Document], ids: list[str]) -> None:
        """Write documents; the wrapper refuses an id that is there."""
        texts = [document.page_content for document in documents]
        vectors = self.store._embed_documents(texts)
        with self._items.lock:
            self._items.remove(ids)
            self.store.add_embeddings(
                list(zip(texts, vectors, strict=True)), [dict(d.metadata) for d in documents], ids
            )

    def delete(self, ids: list[str]) -> None:
        """Delete by id; the wrapper raises on one that is not there."""
        self._items.remove(ids)

    def get(self, ids: Sequence[str]) -> list[Document]:
        """Documents by id."""
        with self._items.lock:
            there = self._items.places(ids)
            return [_copy(id, self.store.docstore.search(id)) for id in ids if id in there]

    def target(self, tags: TenantTags) -> ErasureTarget:
        """The store. A folder it is saved to needs a `FaissTarget` of its own."""
        return FaissTarget(self.store, tags)

    def _embedded(self, query: str) -> list[float]:
        found: list[float] = self.store._embed_query(query)
        return found

    def _nearest(self, embedding: list[float], k: int, scope: Scope) -> Scored:
        documents, vectors, asked = self._candidates(embedding, scope)
        order, distances = best(self.store.index, vectors, asked, k)
        found = zip(order, distances, strict=True)
        return [(documents[at], float(distance)) for at, distance in found]

    def _candidates(self, embedding: list[float], scope: Scope) -> tuple[list[Document], Any, Any]:
        """The documents within a scope, their vectors, and the vector asked for."""
        import numpy as np

        asked = np.array([embedding], dtype=np.float32)
        if self.store._normalize_L2:
            import faiss

            faiss.normalize_L2(asked)
        clause = self.language.translate(scope.clause(expiry=True))
        places, documents = [], []
        with self._items.lock:
            search = self.store.docstore.search
            for place, id in self.store.index_to_docstore_id.items():
                found = search(id)
                metadata = getattr(found, "metadata", None) or {}
                tag = metadata.get(scope.key)
                # Looked at first: nearly everything is somebody else's.
                if type(tag) is str and tag in scope.tags and matches(clause, metadata):
                    places.append(place)
                    documents.append(_copy(id, found))
            return documents, vectors_at(self.store.index, places), asked[0]


def _copy(id: str, document: Document) -> Document:
    """The store hands out what it holds itself."""
    return Document(
        page_content=document.page_content, metadata=dict(document.metadata), id=str(id)
    )
