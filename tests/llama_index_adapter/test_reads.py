"""What a tenant's view reads: how much of it, how it looks for it, and what comes out."""

from __future__ import annotations

import zlib
from typing import Any

import pytest
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import (
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
)

from llama_index_piirag import TenantVectorStore
from piirag import Scrubber
from piirag.errors import ConfigurationError
from support.llama_fakes import HashedEmbedding
from support.packages import need

EMBEDDING = HashedEmbedding()
TEXTS = ["a walk by the sea", "green tea", "tea with milk", "black tea", "coffee"]


def _ask(store: Any, mode: str, k: int, **options: Any) -> list[str]:
    query = VectorStoreQuery(
        query_embedding=EMBEDDING.get_query_embedding("a walk by the sea"),
        query_str="tea",
        similarity_top_k=k,
        mode=VectorStoreQueryMode(mode),
        **options,
    )
    return [node.get_content("none") for node in store.query(query).nodes]


def _filled(store: Any) -> Any:
    view = TenantVectorStore(store, scrubber=Scrubber()).for_user("alice")
    view.add([TextNode(id_=t, text=t, embedding=EMBEDDING.get_text_embedding(t)) for t in TEXTS])
    return view


def _words(texts: list[str]) -> tuple[list[list[int]], list[list[float]]]:
    places = [sorted({zlib.crc32(word.encode()) for word in text.split()}) for text in texts]
    return places, [[1.0] * len(found) for found in places]


def _qdrant() -> Any:
    need("qdrant_client", "llama_index.vector_stores.qdrant")
    from llama_index.vector_stores.qdrant import QdrantVectorStore
    from qdrant_client import QdrantClient

    return QdrantVectorStore(
        "hybrid",
        client=QdrantClient(":memory:"),
        enable_hybrid=True,
        sparse_doc_fn=_words,
        sparse_query_fn=_words,
    )


def _postgres() -> Any:
    from support.pgvector_stores import PACKAGES, llama_index
    from support.postgres import url_of_server

    return llama_index(url_of_server(*PACKAGES), hybrid_search=True)


CASES: list[tuple[str, int, dict[str, Any]]] = [
    ("hybrid", 1, {}),
    ("hybrid", 2, {"sparse_top_k": 3}),
    ("hybrid", 2, {"sparse_top_k": 3, "hybrid_top_k": 4}),
    ("sparse", 1, {"sparse_top_k": 3}),
    ("sparse", 3, {"sparse_top_k": 2}),
    ("default", 2, {"sparse_top_k": 3, "hybrid_top_k": 4}),
]


@pytest.mark.parametrize("made", [_qdrant, _postgres])
def test_a_search_by_words_returns_what_the_wrapper_does(made: Any) -> None:
    store = made()
    view = _filled(store)
    for mode, k, options in CASES:
        own = _ask(store, mode, k, **options)
        ours = _ask(view, mode, k, **options)
        assert sorted(ours) == sorted(own), (mode, k, options)


@pytest.mark.parametrize("bad", ["three", -1, 1.5, True])
def test_numbers_of_results_are_numbers(bad: Any) -> None:
    view = _filled(_qdrant())
    for name in ("sparse_top_k", "hybrid_top_k"):
        with pytest.raises(ConfigurationError):
            _ask(view, "hybrid", 2, **{name: bad})


@pytest.mark.parametrize("raw", ["4111111111111111", "+14155552671"])
def test_L4_a_time_of_expiry_that_is_no_number_is_searched(
    store: TenantVectorStore, collection: Any, raw: str
) -> None:
    collection.add(
        ids=["u1:x"],
        embeddings=[EMBEDDING.get_text_embedding("x")],
        documents=["x"],
        metadatas=[{"user_id": "u1", "expires_at": raw}],
    )
    assert raw not in repr([node.metadata for node in store.for_user("u1").get_nodes()])


def test_the_values_of_a_filter_are_searched_once(
    store: TenantVectorStore, scrubber: Scrubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[str] = []
    plain = scrubber.scrub_batch

    def counting(texts: Any, **kwargs: Any) -> Any:
        searched.extend(texts)
        return plain(texts, **kwargs)

    monkeypatch.setattr(scrubber, "scrub_batch", counting)
    filters = MetadataFilters(filters=[MetadataFilter(key="topic", value="green tea")])
    assert store.for_user("u1").get_nodes(filters=filters) == []
    assert searched == ["green tea"]
