"""pgvector with LangChain: `PGVector` and `PGVectorStore`."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from typing import Any

import pytest
from langchain_core.documents import Document

from langchain_piirag import TenantVectorStore
from langchain_piirag.testing import LangChainDriver
from lexical_langchain import LexicalEmbeddings
from piirag import Scrubber
from piirag.errors import InvalidInputError, StoreError, TenancyError, UnsupportedStoreError
from piirag.testing.tenancy import Item, ReadPath, TenancyDriver, TenancySuite
from support.pgvector_stores import PACKAGES, fresh_name, pg_vector_store, pgvector
from support.postgres import driver_url, url_of_server


@pytest.fixture(scope="module")
def server() -> str:
    return url_of_server(*PACKAGES)


class TestPGVector(TenancySuite):
    @pytest.fixture(scope="class")
    @classmethod
    def driver(cls, server: str) -> TenancyDriver:
        return LangChainDriver(TenantVectorStore(pgvector(server), scrubber=Scrubber()))


class TestPGVectorStore(TenancySuite):
    """Text ids, all metadata in a JSON column."""

    @pytest.fixture(scope="class")
    @classmethod
    def driver(cls, server: str) -> TenancyDriver:
        from langchain_postgres.v2.hybrid_search_config import HybridSearchConfig

        config = HybridSearchConfig()

        def hybrid(view: Any, k: int, filter: Any, keywords: Mapping[str, Any]) -> list[Item]:
            found = view.similarity_search(
                "number", k, filter=filter, hybrid_search_config=config, **keywords
            )
            return [Item(str(doc.id), doc.page_content, doc.metadata) for doc in found]

        tenants = TenantVectorStore(pg_vector_store(server), scrubber=Scrubber())
        return LangChainDriver(tenants, more=[ReadPath("hybrid", hybrid)])


class TestPGVectorStoreWithColumns(TenancySuite):
    """Ids are UUIDs, which is what `init_vectorstore_table` makes; the tag has a column."""

    @pytest.fixture(scope="class")
    @classmethod
    def driver(cls, server: str) -> TenancyDriver:
        from langchain_postgres import Column

        store = pg_vector_store(
            server, "UUID", metadata_columns=[Column("user_id", "TEXT"), Column("n", "INTEGER")]
        )
        return LangChainDriver(TenantVectorStore(store, scrubber=Scrubber()))


# Scores, indexes, ids


def _view(store: Any, user: str = "alice") -> Any:
    return TenantVectorStore(store, scrubber=Scrubber()).for_user(user)


def _distances() -> list[tuple[Any, str]]:
    return [(make, name) for make in (pgvector, pg_vector_store) for name in ("l2", "cos", "inner")]


@pytest.mark.parametrize(("make", "name"), _distances())
def test_scores_are_the_wrappers(server: str, make: Any, name: str) -> None:
    if make is pgvector:
        from langchain_postgres.vectorstores import DistanceStrategy as Strategy

        known = (Strategy.EUCLIDEAN, Strategy.COSINE, Strategy.MAX_INNER_PRODUCT)
    else:
        from langchain_postgres.v2.indexes import DistanceStrategy

        known = (
            DistanceStrategy.EUCLIDEAN,
            DistanceStrategy.COSINE_DISTANCE,
            DistanceStrategy.INNER_PRODUCT,
        )
    store = make(server, distance_strategy=known[("l2", "cos", "inner").index(name)])
    view = _view(store)
    texts = ["tea and cake", "tea with milk and sugar", "coffee", "a long walk by the sea"]
    view.add_texts(texts, ids=[f"{store.__class__.__name__}{name}{i}" for i in range(4)])
    own = store.similarity_search_with_score("tea with milk", 4)
    ours = view.similarity_search_with_score("tea with milk", 4)
    assert [score for _, score in ours] == pytest.approx([score for _, score in own])
    assert [doc.page_content for doc, _ in ours] == [doc.page_content for doc, _ in own]
    own_relevance = store.similarity_search_with_relevance_scores("tea with milk", 4)
    ours_relevance = view.similarity_search_with_relevance_scores("tea with milk", 4)
    assert [s for _, s in ours_relevance] == pytest.approx([s for _, s in own_relevance])


def test_T17_a_result_is_full_although_there_is_an_approximate_index(server: str) -> None:
    from langchain_postgres.v2.indexes import HNSWIndex

    store = pg_vector_store(f"{server}&options=-c%20enable_seqscan%3Doff")
    # The wrapper finds some 40 rows of everybody in the index, then looks whose they are.
    texts = [f"tea {i}" for i in range(1500)]
    size = len(store.embeddings.embed_query("x"))
    near = [[1.0, i / 1e6] + [0.0] * (size - 2) for i in range(1500)]
    metadatas = [{"user_id": "bob"} for _ in texts]
    table = f'"{store._PGVectorStore__vs.table_name}"'
    _insert(server, table, texts, near, metadatas)
    view = _view(store)
    view.add_texts([f"far {i}" for i in range(5)])
    store.apply_vector_index(HNSWIndex())
    asked = [1.0] + [0.0] * (size - 1)
    assert len(view.similarity_search_by_vector(asked, 5)) == 5
    assert len(view.max_marginal_relevance_search_by_vector(asked, 5)) == 5
    import psycopg

    with psycopg.connect(server) as connection:
        connection.execute("SET enable_seqscan = off")
        found = connection.execute(
            f"SELECT 1 FROM {table} WHERE langchain_metadata ->> 'user_id' = 'alice'"
            " ORDER BY embedding <=> CAST(%s AS vector) LIMIT 5",
            [str(asked)],
        ).fetchall()
    assert len(found) < 5


def _insert(server: str, table: str, texts: Any, vectors: Any, metadatas: Any) -> None:
    import psycopg
    from psycopg.types.json import Json

    rows = zip(texts, vectors, metadatas, strict=True)
    with psycopg.connect(server) as connection, connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} VALUES (%s, %s, %s, %s)",
            [(str(uuid.uuid4()), t, str(v), Json(m)) for t, v, m in rows],
        )


def test_T9_an_id_of_another_collection_is_refused_and_left_alone(server: str) -> None:
    one, other = _view(pgvector(server)), _view(pgvector(server))
    one.add_texts(["the first"], ids=["taken"])
    with pytest.raises(InvalidInputError, match="another collection"):
        other.add_texts(["the second", "the third"], ids=["taken", "free"])
    assert [doc.page_content for doc in one.get_by_ids(["taken"])] == ["the first"]
    assert other.get_by_ids(["taken", "free"]) == []
    other.delete(["taken"])
    assert len(one.get_by_ids(["taken"])) == 1


def test_the_wrapper_reads_what_was_written_and_the_other_way_round(server: str) -> None:
    for store in (pgvector(server), pg_vector_store(server), pg_vector_store(server, "UUID")):
        view = _view(store)
        view.add_texts(["tea with milk"], [{"n": 1, "list": [1, {"a": None}]}], ids=["mine"])
        own = {"user_id": "alice", "n": 1, "list": [1, {"a": None}]}
        [found] = store.similarity_search("tea", 1)
        assert found.page_content == "tea with milk"
        assert {k: v for k, v in found.metadata.items() if k != "_piirag_id"} == own
        id = str(uuid.uuid4())
        store.add_documents([Document("tea by hand", metadata={"user_id": "alice"})], ids=[id])
        assert {doc.id for doc in view.similarity_search("tea", 5)} == {"mine", id}
        [mine] = view.get_by_ids(["mine"])
        assert mine.metadata == {"n": 1, "list": [1, {"a": None}]}


def test_columns_keep_their_types(server: str) -> None:
    from langchain_postgres import Column

    columns = [Column("day", "DATE"), Column("n", "INTEGER"), Column("marks", "TEXT[]")]
    store = pg_vector_store(server, metadata_columns=columns, driver="asyncpg")
    view = _view(store)
    metadata = {"day": "2026-03-04", "n": 7, "marks": ["x", "y"], "other": True}
    view.add_texts(["tea", "cake"], [metadata, {"n": 8}], ids=["0", "1"])
    [found] = view.get_by_ids(["0"])
    assert (found.metadata["n"], found.metadata["marks"]) == (7, ["x", "y"])
    assert found.metadata["other"] is True
    for clause, count in [
        ({"n": {"$gte": 8}}, 1),
        ({"marks": {"$contains": "x"}}, 1),
        ({"other": True}, 1),
        ({"day": {"$exists": True}}, 1),
        ({"n": "7"}, 0),
    ]:
        assert len(view.similarity_search("tea", 5, filter=clause)) == count, clause
    with pytest.raises(Exception, match="withheld"):
        view.add_texts(["a secret text"], [{"n": "no number"}])


def test_a_table_without_a_place_for_metadata_is_refused(server: str) -> None:
    view = _view(pg_vector_store(server, store_metadata=False))
    with pytest.raises(InvalidInputError):
        view.add_texts(["tea"])
    with pytest.raises(InvalidInputError):
        view.similarity_search("tea")


@pytest.mark.parametrize("make", [pgvector, pg_vector_store])
def test_what_postgres_cannot_hold_is_refused_by_us(server: str, make: Any) -> None:
    view = _view(make(server))
    view.add_texts(["tea"], ids=[f"{make.__name__}kept"])
    for text, metadata in [
        ("a\x00b", {}),
        ("tea", {"k": "a\x00b"}),
        ("tea", {"a\x00b": 1}),
        ("tea", {"k": float("nan")}),
        ("tea", {"k": object()}),
    ]:
        with pytest.raises(InvalidInputError):
            view.add_texts([text], [metadata])
    assert len(view.similarity_search("tea", 9)) == 1
    assert view.get_by_ids(["a\x00b", "\ud800"]) == []
    view.delete(["a\x00b"])


# Hybrid search


def test_a_hybrid_search_looks_for_the_question_of_this_call(server: str) -> None:
    from langchain_postgres.v2.hybrid_search_config import HybridSearchConfig

    config = HybridSearchConfig(tsv_column="tokens", primary_top_k=1, secondary_top_k=1)
    store = pg_vector_store(server, hybrid_search_config=config)
    alice, bob = _view(store), _view(store, "bob")
    for view in (alice, bob):
        view.add_texts(["zebra stripes", "yak wool", "xerus burrow"], ids=["z", "y", "x"])

    def best(view: Any, question: str) -> str:
        return str(view.similarity_search(question, 1)[0].page_content)

    assert best(alice, "zebra") == "zebra stripes"
    assert best(bob, "yak") == "yak wool"
    assert best(alice, "xerus") == "xerus burrow"
    # The wrapper leaves the first question in the configuration, for everybody.
    assert config.fts_query == ""
    vector = store.embeddings.embed_query("nothing like it")
    found = alice.similarity_search_by_vector(vector, 3, fts_query="yak")
    assert found[0].page_content == "yak wool" and len(found) == 3
    for bad in ({"fts_query": 7}, {"hybrid_search_config": {"fts_query": "x"}}):
        with pytest.raises(InvalidInputError):
            alice.similarity_search("x", **bad)
    with pytest.raises(InvalidInputError):
        _view(pg_vector_store(server)).similarity_search("x", fts_query="y")


# How a store may be set up


def test_a_store_of_one_event_loop_is_refused(server: str) -> None:
    from langchain_postgres import PGEngine, PGVector, PGVectorStore
    from sqlalchemy.ext.asyncio import create_async_engine

    url = driver_url(server, "psycopg")
    store = PGVector(LexicalEmbeddings(), connection=url, async_mode=True)
    with pytest.raises(UnsupportedStoreError, match="async_mode"):
        TenantVectorStore(store, scrubber=Scrubber())
    made = pg_vector_store(server)

    async def opened() -> Any:
        engine = PGEngine.from_engine(create_async_engine(url))
        name = made._PGVectorStore__vs.table_name
        store = await PGVectorStore.create(engine, LexicalEmbeddings(), name)
        await engine.close()
        return store

    with asyncio.Runner() as runner, pytest.raises(UnsupportedStoreError, match="loop"):
        TenantVectorStore(runner.run(opened()), scrubber=Scrubber())


def test_ids_that_are_numbers_are_refused(server: str) -> None:
    view = _view(pg_vector_store(server, "BIGINT"))
    with pytest.raises(TenancyError, match="id column"):
        view.add_texts(["tea"], ids=["7"])


def test_errors_of_the_database_hold_no_data(server: str) -> None:
    import psycopg

    store = pgvector(server, collection_name=fresh_name())
    view = _view(store)
    view.add_texts(["canary text"], ids=["canary-id"])
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("ALTER TABLE langchain_pg_embedding RENAME COLUMN document TO d")
        try:
            with pytest.raises(StoreError) as caught:
                view.similarity_search("canary question")
        finally:
            connection.execute("ALTER TABLE langchain_pg_embedding RENAME COLUMN d TO document")
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None and caught.value.__context__ is None
