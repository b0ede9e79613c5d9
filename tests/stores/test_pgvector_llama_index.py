"""pgvector with LlamaIndex: `PGVectorStore`."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import (
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
)

from llama_index_piirag import TenantVectorStore
from llama_index_piirag.testing import LlamaIndexDriver, mode_paths
from piirag import Scrubber
from piirag.errors import ConfigurationError, InvalidInputError, UnsupportedStoreError
from piirag.testing.tenancy import TenancyDriver, TenancySuite
from support.llama_fakes import HashedEmbedding
from support.pgvector_stores import PACKAGES, llama_index
from support.postgres import url_of_server


@pytest.fixture(scope="module")
def server() -> str:
    return url_of_server(*PACKAGES)


class TestLlamaIndex(TenancySuite):
    """Metadata of type JSON, and full-text search."""

    @pytest.fixture(scope="class")
    @classmethod
    def driver(cls, server: str) -> TenancyDriver:
        store = llama_index(server, hybrid_search=True)
        tenants = TenantVectorStore(store, scrubber=Scrubber())
        embed = HashedEmbedding()
        # What is looked for stands in some of the texts only.
        wanted = ("hybrid", "sparse", "text_search")
        modes = mode_paths(embed, *wanted, question="secret number", complete=False)
        return LlamaIndexDriver(tenants, embed, more=modes)


class TestJSONB(TenancySuite):
    @pytest.fixture(scope="class")
    @classmethod
    def driver(cls, server: str) -> TenancyDriver:
        tenants = TenantVectorStore(llama_index(server, use_jsonb=True), scrubber=Scrubber())
        return LlamaIndexDriver(tenants, HashedEmbedding())


def _node(id: str, text: str, **metadata: Any) -> TextNode:
    vector = HashedEmbedding().get_text_embedding(text)
    return TextNode(
        id_=id,
        text=text,
        metadata=metadata,
        embedding=vector,
        excluded_embed_metadata_keys=list(metadata),
    )


def _ask(view: Any, mode: str, text: str | None, k: int = 3, **options: Any) -> Any:
    return view.query(
        VectorStoreQuery(
            query_embedding=HashedEmbedding().get_query_embedding(text or "x"),
            query_str=text,
            similarity_top_k=k,
            mode=VectorStoreQueryMode(mode),
            **options,
        )
    )


def test_scores_and_nodes_are_the_wrappers(server: str) -> None:
    store = llama_index(server, hybrid_search=True)
    view = TenantVectorStore(store, scrubber=Scrubber()).for_user("alice")
    texts = ["tea and cake", "tea with milk", "coffee", "a walk by the sea"]
    view.add([_node(str(i), text, tags=["a", str(i)]) for i, text in enumerate(texts)])
    for mode in ("default", "sparse", "hybrid"):
        own, ours = _ask(store, mode, "tea with sugar", 4), _ask(view, mode, "tea with sugar", 4)
        assert ours.similarities == pytest.approx(own.similarities), mode
        assert [n.text for n in ours.nodes] == [n.text for n in own.nodes], mode
    assert view.get_nodes(["1"])[0].metadata == {"tags": ["a", "1"]}


def test_modes_and_what_they_need(server: str) -> None:
    view = TenantVectorStore(llama_index(server), scrubber=Scrubber()).for_user("alice")
    view.add([_node("0", "tea")])
    with pytest.raises(ConfigurationError, match="hybrid_search"):
        _ask(view, "sparse", "tea")
    with pytest.raises(ConfigurationError, match="query modes"):
        _ask(view, "svm", "tea")
    store = llama_index(server, hybrid_search=True)
    view = TenantVectorStore(store, scrubber=Scrubber()).for_user("alice")
    view.add([_node("0", "tea & cake"), _node("1", "coffee")])
    with pytest.raises(InvalidInputError, match="alpha"):
        _ask(view, "hybrid", "tea", alpha=0.3)
    for odd in ("tea & ! | (:* <-> '", "''", "&", "tea\\", "a.b tea _"):
        found = [node.node_id for node in _ask(view, "sparse", odd).nodes]
        assert found == (["0"] if "tea" in odd else []), odd
    assert _ask(view, "sparse", None).nodes == []


def test_operators(server: str) -> None:
    store = llama_index(server)
    view = TenantVectorStore(store, scrubber=Scrubber()).for_user("alice")
    view.add(
        [
            _node("0", "one", tags=["red", "blue"], title="Green Tea"),
            _node("1", "two", tags=["red"], title="green apple"),
            _node("2", "three", tags="red"),
        ]
    )
    cases: list[tuple[str, FilterOperator, Any, list[str]]] = [
        ("tags", FilterOperator.CONTAINS, "blue", ["0"]),
        ("tags", FilterOperator.ANY, ["blue", "red"], ["0", "1"]),
        ("tags", FilterOperator.ALL, ["blue", "red"], ["0"]),
        ("title", FilterOperator.TEXT_MATCH, "Green", ["0"]),
        ("title", FilterOperator.TEXT_MATCH, "%", []),
        ("title", FilterOperator.TEXT_MATCH_INSENSITIVE, "GREEN", ["0", "1"]),
        ("title", FilterOperator.IS_EMPTY, None, ["2"]),
        ("tags", FilterOperator.EQ, "red", ["2"]),
    ]
    for key, operator, value, ids in cases:
        filters = MetadataFilters(filters=[MetadataFilter(key=key, operator=operator, value=value)])
        found = sorted(node.node_id for node in view.get_nodes(filters=filters))
        assert found == ids, (key, operator)


def test_T9_two_writers_of_one_id_leave_one_row(server: str) -> None:
    store = llama_index(server)
    tenants = TenantVectorStore(store, scrubber=Scrubber())
    tenants.for_user("alice").add([_node("0", "first")])
    start, failed = threading.Barrier(4), []

    def write(number: int) -> None:
        view = tenants.for_user("alice")
        start.wait()
        for round in range(5):
            try:
                view.add([_node(str(i), f"text {number} {round}") for i in (0, 1)])
            except Exception as error:
                failed.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert tenants.erasure_targets()[0].count("alice") == 2


def test_a_changed_query_is_refused(server: str) -> None:
    store = llama_index(server, customize_query_fn=lambda query, table, **options: query)
    with pytest.raises(UnsupportedStoreError):
        TenantVectorStore(store, scrubber=Scrubber())


def test_what_postgres_cannot_hold_is_refused_by_us(server: str) -> None:
    view = TenantVectorStore(llama_index(server), scrubber=Scrubber()).for_user("alice")
    view.add([_node("0", "tea")])
    for text, metadata in [("a\x00b", {}), ("tea", {"k": "a\x00b"}), ("tea", {"a": ["a\x00"]})]:
        with pytest.raises(InvalidInputError):
            view.add([_node("1", text, **metadata)])
    assert [node.node_id for node in view.get_nodes()] == ["0"]
    assert view.get_nodes(["a\x00b"]) == []
