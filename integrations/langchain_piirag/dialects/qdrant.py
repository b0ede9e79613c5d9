"""`langchain_qdrant.QdrantVectorStore`: local, in memory or on a server; dense, sparse, hybrid."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from langchain_core.documents import Document

from langchain_piirag.dialects.base import Dialect, Scored
from piirag.erasure import ErasureTarget
from piirag.erasure.targets.qdrant import QdrantTarget
from piirag.erasure.targets.qdrant_points import ID_KEY, item_id, point_id
from piirag.errors import ConfigurationError, InvalidInputError
from piirag.tenancy import Scope, TenantTags
from piirag.tenancy.languages.qdrant import QdrantLanguage, as_filter, path, search_params

# As many as the wrapper itself writes at once: a server takes 32 MB.
_AT_ONCE = 64
# More candidates Qdrant does not take for maximal marginal relevance.
_MOST_CANDIDATES = 16_384


class QdrantDialect(Dialect):
    """Qdrant filters while it searches, so a result is always full.

    Its ids are numbers and UUIDs, so an item's own id is kept in its metadata, and the point's is
    made of it. What `QdrantVectorStore` wrote by itself is found by searches, and erased.
    """

    kind = "qdrant"
    language = QdrantLanguage("metadata")
    expires = True
    search_keywords = frozenset(
        {"consistency", "hybrid_fusion", "offset", "score_threshold", "search_params"}
    )

    @classmethod
    def serves(cls, store: Any) -> bool:
        """Whether this is a Qdrant with a client and a payload of LangChain's."""
        return super().serves(store) and hasattr(store, "metadata_payload_key")

    # Searching

    def search_options(self, scope: Scope) -> dict[str, Any]:
        """The filter, on the metadata within the payload."""
        from qdrant_client import models

        within = QdrantLanguage(self.store.metadata_payload_key)
        # A payload with a tag of its own is LlamaIndex's, whatever is called "metadata" in it.
        bare = models.IsEmptyCondition(is_empty=models.PayloadField(key=path(scope.key)))
        clause = within.translate(scope.clause(expiry=True))
        return {"filter": models.Filter(must=[bare, as_filter(clause)])}

    def keywords(self, given: Mapping[str, Any], clean: Callable[[Any], Any]) -> dict[str, Any]:
        """Qdrant's own keywords, checked; there are no texts in them."""
        named = {name: value for name, value in given.items() if value is not None}
        if "search_params" in named:
            named["search_params"] = search_params(named["search_params"])
        for name, fits in _FITS.items():
            if name in named and not fits(named[name]):
                raise InvalidInputError(f"{name} is not of a kind that Qdrant takes")
        if "hybrid_fusion" in named and not self._is_hybrid():
            raise InvalidInputError("hybrid_fusion is for stores in hybrid mode")
        return named

    def _is_hybrid(self) -> bool:
        return str(getattr(self.store.retrieval_mode, "value", "")) == "hybrid"

    def search(self, query: str, k: int, options: dict[str, Any]) -> Scored:
        """The items most similar to a question, with Qdrant's scores."""
        found = self.store.similarity_search_with_score(query, k, **options)
        return [(_own(document), score) for document, score in found]

    def search_by_vector(
        self, embedding: list[float], k: int, options: dict[str, Any]
    ) -> list[Document]:
        """The items most similar to a vector."""
        dense = _without_fusion(options)
        found = self.store.similarity_search_by_vector(embedding, k, **dense)
        return [_own(document) for document in found]

    def search_mmr(
        self, query: str, k: int, fetch_k: int, lambda_mult: float, options: dict[str, Any]
    ) -> list[Document]:
        """Items that are similar to a question and differ among themselves."""
        found = self.store.max_marginal_relevance_search(
            query, *self._mmr(k, fetch_k, lambda_mult), **_without_fusion(options)
        )
        return [_own(document) for document in found]

    def search_mmr_by_vector(
        self,
        embedding: list[float],
        k: int,
        fetch_k: int,
        lambda_mult: float,
        options: dict[str, Any],
    ) -> list[Document]:
        """Items that are similar to a vector and differ among themselves."""
        found = self.store.max_marginal_relevance_search_by_vector(
            embedding, *self._mmr(k, fetch_k, lambda_mult), **_without_fusion(options)
        )
        return [_own(document) for document in found]

    def relevance(self) -> Callable[[float], float]:
        """What turns a score into a relevance between 0 and 1; none for Manhattan distances.

        Raises:
            ConfigurationError: A metric for which the wrapper has no such function.
        """
        with suppress(ValueError):
            found: Callable[[float], float] = self.store._select_relevance_score_fn()
            return found
        raise ConfigurationError("this metric has no relevance score")

    def _mmr(self, k: int, fetch_k: int, lambda_mult: float) -> tuple[int, int, float]:
        if not 0 <= lambda_mult <= 1:
            raise InvalidInputError("lambda_mult is between 0 and 1 for Qdrant")
        return min(k, _MOST_CANDIDATES), min(fetch_k, _MOST_CANDIDATES), lambda_mult

    # By id

    def add(self, documents: list[Document], ids: list[str]) -> None:
        """Write documents, in the wrapper's schema and with ids that Qdrant takes."""
        from qdrant_client import models

        content, metadata = self.store.content_payload_key, self.store.metadata_payload_key
        for start in range(0, len(ids), _AT_ONCE):
            part = documents[start : start + _AT_ONCE]
            vectors = self.store._build_vectors([document.page_content for document in part])
            points = [
                models.PointStruct(
                    id=self._point_id(id),
                    vector=vector,
                    payload={
                        content: document.page_content,
                        metadata: {**document.metadata, ID_KEY: id},
                    },
                )
                for document, id, vector in zip(
                    part, ids[start : start + _AT_ONCE], vectors, strict=True
                )
            ]
            self.store.client.upsert(self.store.collection_name, points=points, wait=True)

    def delete(self, ids: list[str]) -> None:
        """Delete by id."""
        from qdrant_client import models

        selector = models.PointIdsList(points=[self._point_id(id) for id in ids])
        self.store.client.delete(self.store.collection_name, points_selector=selector, wait=True)

    def get(self, ids: Sequence[str]) -> list[Document]:
        """Items by id."""
        return list(self._points([self._point_id(id) for id in ids]))

    def _point_id(self, id: str) -> str | int:
        return point_id(id, self.store.metadata_payload_key)

    def _points(self, point_ids: list[Any]) -> Iterator[Document]:
        found = self.store.client.retrieve(
            self.store.collection_name, ids=point_ids, with_payload=True
        )
        for point in found:
            payload = point.payload or {}
            metadata = dict(payload.get(self.store.metadata_payload_key) or {})
            id = item_id(point.id, metadata)
            metadata.pop(ID_KEY, None)
            text = payload.get(self.store.content_payload_key) or ""
            yield Document(page_content=text, metadata=metadata, id=id)

    def target(self, tags: TenantTags) -> ErasureTarget:
        """The collection."""
        return QdrantTarget(
            self.store.client,
            self.store.collection_name,
            tags,
            metadata_key=self.store.metadata_payload_key,
            text_keys=(self.store.content_payload_key,),
        )


def _own(document: Document) -> Document:
    """A document that the wrapper returned, with its own id and metadata."""
    metadata = dict(document.metadata)
    # The wrapper writes these two into every result.
    point = metadata.pop("_id", None)
    metadata.pop("_collection_name", None)
    id = item_id(point, metadata)
    metadata.pop(ID_KEY, None)
    return Document(page_content=document.page_content or "", metadata=metadata, id=id)


def _without_fusion(options: dict[str, Any]) -> dict[str, Any]:
    """Searches for a dense vector fuse nothing.

    Raises:
        InvalidInputError: They were asked to.
    """
    if "hybrid_fusion" in options:
        raise InvalidInputError("hybrid_fusion is for similarity_search")
    return options


def _is_consistency(value: Any) -> bool:
    return (type(value) is int and value > 0) or value in ("majority", "quorum", "all")


def _is_fusion(value: Any) -> bool:
    return type(value).__name__ in {"FusionQuery", "RrfQuery"} and hasattr(value, "model_dump")


def _is_offset(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_score(value: Any) -> bool:
    return type(value) in {int, float} and math.isfinite(value)


_FITS: dict[str, Callable[[Any], bool]] = {
    "consistency": _is_consistency,
    "hybrid_fusion": _is_fusion,
    "offset": _is_offset,
    "score_threshold": _is_score,
}
