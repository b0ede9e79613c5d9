"""Milvus Lite: tenants, erasure, and the bytes that stay."""

# ruff: noqa: E402

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.packages import need

need("pymilvus", "milvus_lite", "langchain_milvus", "llama_index.vector_stores.milvus")

from langchain_core.documents import Document
from langchain_milvus import BM25BuiltInFunction, Milvus
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode
from llama_index.vector_stores.milvus import MilvusVectorStore
from llama_index.vector_stores.milvus.utils import BM25BuiltInFunction as LlamaIndexBM25
from pymilvus import DataType, MilvusClient

from langchain_piirag import TenantVectorStore as LangChainTenants
from langchain_piirag.testing import LangChainDriver
from lexical_langchain import LexicalEmbeddings
from llama_index_piirag import TenantVectorStore as LlamaIndexTenants
from llama_index_piirag.testing import LlamaIndexDriver, mode_paths
from piirag import Scrubber
from piirag.erasure import as_targets, delete_user
from piirag.erasure.targets import milvus_files
from piirag.erasure.targets.milvus import MilvusTarget
from piirag.erasure.targets.milvus_schema import lite
from piirag.errors import (
    ConfigurationError,
    ErasureError,
    InvalidInputError,
    TenancyError,
    UnsupportedStoreError,
)
from piirag.tenancy.filters import normalised
from piirag.tenancy.languages.milvus import MilvusLanguage, among
from piirag.testing.erasure import ErasureTargetSuite, TargetUnderTest
from piirag.testing.tenancy import QUESTION, Item, TenancyDriver, TenancySuite
from support.llama_fakes import HashedEmbedding

_DIMENSIONS = len(HashedEmbedding().get_text_embedding("x"))
_COSINE = {"metric_type": "COSINE", "index_type": "FLAT", "params": {}}


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    """pymilvus warns at every listing that Milvus Lite gives it no time."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(before)


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    uri = str(tmp_path_factory.mktemp("milvus") / "all.db")
    yield uri
    _stop(uri)


def _stop(uri: str) -> None:
    from milvus_lite.server_manager import server_manager_instance

    server_manager_instance.release_server(uri)


def _langchain(uri: str, name: str, **options: Any) -> Milvus:
    dynamic = {} if "metadata_field" in options else {"enable_dynamic_field": True}
    return Milvus(
        LexicalEmbeddings(),
        collection_name=name,
        connection_args={"uri": uri},
        **{"index_params": _COSINE, **dynamic, **options},
    )


def _llama_index(uri: str, name: str, **options: Any) -> MilvusVectorStore:
    return MilvusVectorStore(
        uri=uri, collection_name=name, dim=_DIMENSIONS, use_async_client=False, **options
    )


class TestLangChain(TenancySuite):
    @pytest.fixture(scope="class")
    @classmethod
    def driver(cls, uri: str) -> TenancyDriver:
        store = _langchain(uri, "langchain")
        return LangChainDriver(LangChainTenants(store, scrubber=Scrubber()))


class TestLlamaIndexHybrid(TenancySuite):
    USER_IDS, TENANT_FILTERS, BROKEN_FILTERS, KEYWORDS = 300, 200, 150, 150
    ODD_FILTERS, ITEM_IDS = 60, 200

    @pytest.fixture(scope="class")
    @classmethod
    def driver(cls, uri: str) -> TenancyDriver:
        store = _llama_index(
            uri,
            "llama_index",
            enable_sparse=True,
            sparse_embedding_function=LlamaIndexBM25(),
        )
        tenants = LlamaIndexTenants(store, scrubber=Scrubber())
        more = mode_paths(HashedEmbedding(), "text_search", "hybrid")
        # Milvus Lite takes its time; these differ from others in what is above the store.
        without = ["tenant_retriever_mmr", "retriever", "aquery_mmr", "aget_nodes"]
        return LlamaIndexDriver(tenants, HashedEmbedding(), more=more, without=without)


# What the wrappers write by themselves


def _plain(uri: str, name: str, framework: str, users: list[str], **options: Any) -> Any:
    """A store filled by the framework's own wrapper, without piirag."""
    ids = [f"old-{i}" for i in range(len(users))]
    texts = [f"{QUESTION} of {user} is old" for user in users]
    if framework == "langchain":
        store: Any = _langchain(uri, name, **options)
        LangChainTenants(store, scrubber=Scrubber())  # connects it
        store.add_texts(texts, [{"user_id": user, "n": 1} for user in users], ids=ids)
        return store
    store, embed = _llama_index(uri, name, **options), HashedEmbedding()
    store.add(
        [
            TextNode(
                id_=id,
                text=text,
                metadata={"user_id": user, "n": 1},
                embedding=embed.get_text_embedding(text),
            )
            for id, text, user in zip(ids, texts, users, strict=True)
        ]
    )
    return store


def _driver(store: Any) -> Any:
    if isinstance(store, Milvus):
        return LangChainDriver(LangChainTenants(store, scrubber=Scrubber()))
    return LlamaIndexDriver(LlamaIndexTenants(store, scrubber=Scrubber()), HashedEmbedding())


_FLAVOURS = [
    ("langchain", {}),
    ("langchain", {"metadata_field": "meta"}),
    ("langchain", {"partition_key_field": "user_id"}),
    ("llama_index", {}),
    (
        "llama_index",
        {"scalar_field_names": ["user_id"], "scalar_field_types": [DataType.VARCHAR]},
    ),
]


@pytest.mark.parametrize(("framework", "options"), _FLAVOURS)
def test_what_the_wrapper_wrote_is_found_and_erased(
    uri: str, framework: str, options: dict[str, Any]
) -> None:
    name = f"old_{framework}_{len(str(options))}"
    store = _plain(uri, name, framework, ["alice", "bob", "alice"], **options)
    driver = _driver(store)
    for path in driver.paths():
        found = path.read(driver.tenants.for_user("alice"), 9, {"n": 1}, {})
        assert [item.text for item in found] == [f"{QUESTION} of alice is old"] * 2, path.name
        assert dict(found[0].metadata) == {"n": 1}
    # And what is written beside it can be read by the wrapper.
    items = [Item("one", f"{QUESTION} of alice is new", {"n": 2})]
    assert driver.write(driver.tenants.for_user("alice"), items) == ["one"]
    assert driver.get(driver.tenants.for_user("alice"), ["one"]) == items
    if framework == "langchain":
        texts = [document.page_content for document in store.similarity_search(QUESTION, 9)]
    else:
        texts = [node.get_content("none") for node in store.get_nodes(["alice:one"])]
    assert items[0].text in texts
    [target] = as_targets(store)
    assert (target.count("alice"), target.count("bob")) == (3, 1)
    assert {item.text for item in target.items("bob")} == {f"{QUESTION} of bob is old"}
    assert delete_user("alice", targets=[store]).deleted == 3
    assert store.client.query(name, filter="", output_fields=["count(*)"])[0]["count(*)"] == 1


class BothKinds(Milvus):
    """A store of dense vectors and of full text."""


def test_T13_hybrid_search_of_langchain(uri: str) -> None:
    store = BothKinds(
        LexicalEmbeddings(),
        collection_name="hybrid",
        connection_args={"uri": uri},
        builtin_function=BM25BuiltInFunction(),
        vector_field=["dense", "sparse"],
        index_params=[
            _COSINE,
            # The wrapper's own parameters are not known to Milvus Lite.
            {
                "metric_type": "BM25",
                "index_type": "SPARSE_INVERTED_INDEX",
                "params": {"drop_ratio_build": 0.0},
            },
        ],
        search_params=[{"metric_type": "COSINE"}, {"metric_type": "BM25"}],
        enable_dynamic_field=True,
    )
    driver = _driver(store)
    for user in ("alice", "bob"):
        items = [Item(str(i), f"{QUESTION} {i} of {user} here", {"n": i}) for i in range(6)]
        driver.write(driver.tenants.for_user(user), items)
    view = driver.tenants.for_user("alice")
    weights = {"weights": [0.3, 0.7]}
    keywords: list[dict[str, Any]] = [{}, {"ranker_type": "weighted", "ranker_params": weights}]
    for words in keywords:
        found = view.similarity_search(QUESTION, 20, **words)
        assert len(found) == 6
        assert all("of alice" in document.page_content for document in found)
        assert len(view.similarity_search(QUESTION, 20, filter={"n": {"$lt": 2}}, **words)) == 2
    with driver.untouched(), pytest.raises(InvalidInputError):
        view.similarity_search(QUESTION, ranker_type="mine")
    for search in (view.similarity_search_by_vector, view.max_marginal_relevance_search_by_vector):
        with pytest.raises(InvalidInputError):
            search([1.0] * 384)


# What is refused


def test_T9_metadata_are_not_written_over_ids_texts_and_vectors(uri: str) -> None:
    """`Milvus._prepare_insert_list` would replace the item of another user."""
    for framework in ("langchain", "llama_index"):
        driver = _driver(_plain(uri, f"fields_{framework}", framework, ["carol"]))
        bob, alice = (driver.tenants.for_user(user) for user in ("bob", "alice"))
        driver.write(bob, [Item("1", "of bob", {"n": 1})])
        names = {"langchain": ("pk", "text", "vector"), "llama_index": ("id", "text", "embedding")}
        for name in names[framework]:
            for value in ("bob:1", [1.0]):
                with pytest.raises(InvalidInputError):
                    driver.write(alice, [Item("1", "taken over", {name: value})])
            with pytest.raises(InvalidInputError):
                driver.paths()[0].read(alice, 5, {name: "bob:1"}, {})
        with pytest.raises(InvalidInputError):
            driver.write(alice, [Item("1", "taken over", {"$meta": {"user_id": "bob"}})])
        assert driver.get(bob, ["1"]) == [Item("1", "of bob", {"n": 1})]


def test_T18_ids_end_no_expression(uri: str) -> None:
    """`MilvusClient.delete(ids=...)` deletes everything for such an id."""
    driver = _driver(_plain(uri, "ids", "langchain", ["carol"]))
    bob, alice = (driver.tenants.for_user(user) for user in ("bob", "alice"))
    driver.write(bob, [Item("1", "of bob", {"n": 1})])
    ids = ["zz'] or pk != '", 'zz"] or pk != "', "zz'] or pk not in ['", "a\\", "\x01\t\n\r'\""]
    assert driver.get(alice, ids) == []
    driver.remove(alice, ids)
    driver.write(alice, [Item(id, "own", {"n": 1}) for id in ids])
    assert {item.id for item in driver.get(alice, ids)} == set(ids)
    driver.remove(alice, ids)
    assert driver.get(alice, ids) == []
    assert len(driver.get(bob, ["1"])) == 1


def test_a_schema_that_drops_metadata_or_ids_is_refused(uri: str) -> None:
    for options in ({"enable_dynamic_field": False}, {"auto_id": True}):
        with pytest.raises(UnsupportedStoreError):
            LangChainTenants(_langchain(uri, "refused", **options), scrubber=Scrubber())


def test_keywords_and_modes(uri: str) -> None:
    driver = _driver(_plain(uri, "keywords", "langchain", ["alice", "bob"]))
    view = driver.tenants.for_user("alice")
    cosine = {"metric_type": "COSINE", "params": {"nprobe": 3}}
    assert len(view.similarity_search(QUESTION, param=cosine)) == 1
    bad: list[Any] = ["ef", {"filter": "pk != ''"}, {"params": {"expr": "pk != ''"}}, {"params": 1}]
    with driver.untouched():
        for param in bad:
            with pytest.raises(InvalidInputError):
                view.similarity_search(QUESTION, param=param)
        with pytest.raises(InvalidInputError):
            view.similarity_search(QUESTION, ranker_type="rrf")
        for name in ("expr", "filter_params", "partition_names", "timeout", "fetch_k"):
            with pytest.raises(TenancyError):
                view.similarity_search(QUESTION, **{name: None})
    with pytest.raises(InvalidInputError):
        view.add_documents([Document(page_content="t", metadata={"when": object()})])
    dense = _driver(_plain(uri, "modes", "llama_index", ["alice"])).tenants.for_user("alice")
    for mode in (VectorStoreQueryMode.HYBRID, VectorStoreQueryMode.SPARSE):
        query = VectorStoreQuery(query_embedding=[1.0], query_str=QUESTION, mode=mode)
        with pytest.raises(ConfigurationError):
            dense.query(query)
    for name in ("string_expr", "milvus_scalar_filters", "milvus_partition_names"):
        with pytest.raises(TenancyError):
            dense.query(VectorStoreQuery(query_embedding=[1.0]), **{name: None})


_ROWS: list[dict[str, Any]] = [
    {"n": 0},
    {"n": 1, "flag": True, "tags": ["a"], "a.b": "dotted", "a": {"b": "nested"}},
    {"n": 2, "tags": ["a", "b"], "it's": 7, "quote": 'he said "no" \\ \t'},
    {"n": 3.5, "tags": ["c"], "clé d'été": 1},
    {"n": -4, "word": "a cup of green tea"},
]


@pytest.fixture(scope="module")
def rows(uri: str) -> MilvusClient:
    """One collection with rows in the dynamic field and in one of JSON."""
    client = MilvusClient(uri)
    schema = client.create_schema(enable_dynamic_field=True)
    schema.add_field("pk", DataType.VARCHAR, is_primary=True, max_length=99)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=2)
    schema.add_field("meta", DataType.JSON)
    indices = client.prepare_index_params()
    indices.add_index("vector", index_type="FLAT", metric_type="L2")
    client.create_collection("rows", schema=schema, index_params=indices)
    client.insert(
        "rows",
        [{"pk": str(i), "vector": [1.0, 2.0], "meta": row, **row} for i, row in enumerate(_ROWS)],
    )
    return client


@pytest.mark.parametrize(
    ("clause", "ids"),
    [
        ({"n": 2}, [2]),
        ({"n": {"$in": [1, "x", 3.5]}}, [1, 3]),
        ({"n": {"$ne": 2}}, [0, 1, 3, 4]),
        ({"n": {"$nin": [2, 0]}}, [1, 3, 4]),
        ({"word": {"$ne": "x"}}, [0, 1, 2, 3, 4]),
        ({"word": {"$nin": ["x"]}}, [0, 1, 2, 3, 4]),
        ({"n": {"$lt": -3}}, [4]),
        ({"n": {"$gte": 1e0, "$lte": 3.5}}, [1, 2, 3]),
        ({"word": {"$gt": "a"}}, [4]),
        ({"flag": True}, [1]),
        ({"tags": {"$contains": "a"}}, [1, 2]),
        ({"tags": {"$any": ["b", "c"]}}, [2, 3]),
        ({"tags": {"$all": ["a", "b"]}}, [2]),
        ({"word": {"$contains": "tea"}}, []),
        ({"word": {"$text": "green"}}, [4]),
        ({"word": {"$like": "a cup%"}}, [4]),
        ({"word": {"$exists": True}}, [4]),
        ({"word": {"$exists": False}, "n": {"$gt": 1}}, [2, 3]),
        ({"a.b": "dotted"}, [1]),
        ({"it's": 7}, [2]),
        ({"clé d'été": 1}, [3]),
        ({"quote": 'he said "no" \\ \t'}, [2]),
        ({"$not": {"word": "x"}}, [0, 1, 2, 3, 4]),
        ({"$not": {"n": {"$lt": 3}}}, [3]),
        ({"$not": {"$or": [{"flag": True}, {"n": {"$in": [0, 2]}}]}}, [3, 4]),
        ({"$not": {"$and": [{"tags": {"$contains": "a"}}, {"flag": True}]}}, [0, 2, 3, 4]),
        ({"$not": {"word": {"$ne": "a cup of green tea"}}}, [4]),
    ],
)
def test_the_language_of_filters(
    rows: MilvusClient, clause: dict[str, Any], ids: list[int]
) -> None:
    for under in ("$meta", "meta"):
        normal = normalised(clause, "user_id")
        assert normal is not None
        where = MilvusLanguage(under).translate(normal)
        found = rows.query("rows", filter=where, output_fields=["pk"])
        assert sorted(int(row["pk"]) for row in found) == ids, where


def test_what_milvus_cannot_express_is_refused() -> None:
    language = MilvusLanguage("$meta", {"doc_id"}, {"pk", "text"})
    bad: list[dict[str, Any]] = [
        {"n": {"$lt": True}},
        {'a"b': 1},
        {"a\\": 1},
        {"pk": "x"},
        {"$not": {"text": "x"}},
        {"w": {"$text": "50%"}},
        {"w": {"$like": "a\\%"}},
        {"w": {"$ilike": "a"}},
        {"not": {"$contains": 1}},
        {"a b": {"$any": [1]}},
    ]
    for clause in bad:
        normal = normalised(clause, "user_id")
        assert normal is not None
        with pytest.raises(InvalidInputError):
            language.translate(normal)
    with pytest.raises(InvalidInputError):
        MilvusLanguage(None).translate({"n": {"$eq": 1}})
    assert among("pk", ["a'] or pk != '"]) == "pk in [\"a'] or pk != '\"]"
    assert language.translate({"doc_id": {"$ne": "x"}}) == '(doc_id != "x")'


# The bytes

_USERS, _OF_ONE, _SIZE = 50, 300, 16
_VICTIM = "user-7-x"


class Filled:
    """A collection with 300 items of one user among 50, and what to look for."""

    def __init__(
        self, folder: Path, *, flushed: bool = True, users: int = _USERS, of_one: int = _OF_ONE
    ) -> None:
        self.folder = folder
        self.client = MilvusClient(str(folder / "filled.db"))
        self.random = random.Random(2)
        schema = self.client.create_schema(enable_dynamic_field=True)
        schema.add_field("pk", DataType.VARCHAR, is_primary=True, max_length=99)
        schema.add_field("text", DataType.VARCHAR, max_length=999)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=_SIZE)
        self.client.create_collection("canaries", schema=schema)
        parameters = {"M": 24, "efConstruction": 180}
        index = {"index_type": "HNSW", "metric_type": "L2", "params": parameters}
        lite(self.client).get_collection("canaries").create_index("vector", index)
        self.client.load_collection("canaries")
        self.client.create_partition("canaries", "second")
        self.client.create_alias("canaries", "alias")
        self.texts = [self._canary() for _ in range(of_one)]
        self.notes = [self._canary() for _ in range(of_one)]
        self.vectors = np.random.default_rng(1).normal(size=(of_one, _SIZE)).astype("<f4")
        rows = [
            {
                "pk": f"{_VICTIM}:{i}",
                "text": f"text {self.texts[i]} ends",
                "vector": self.vectors[i].tolist(),
                "user_id": _VICTIM,
                "note": self.notes[i],
            }
            for i in range(of_one)
        ]
        for user in range(users - 1):
            rows += [self._row(f"other-{user}-x", i) for i in range(10)]
        self.random.shuffle(rows)
        self.client.insert("canaries", rows[::2])
        if flushed:
            self.client.flush("canaries")
        self.client.insert("canaries", rows[1::2], partition_name="second")
        if flushed:
            self.client.flush("canaries")

    def _row(self, user: str, i: int) -> dict[str, Any]:
        return {
            "pk": f"{user}:{i}",
            "text": f"text {i} of {user}",
            "vector": [self.random.gauss(0, 1) for _ in range(_SIZE)],
            "user_id": user,
            "n": i,
            "deep": {"a": [1, None]},
        }

    def _canary(self) -> str:
        return "".join(self.random.choice("abcdefghijklmnop") for _ in range(24))

    def left(self) -> dict[str, int]:
        """How many canaries of each kind are in the files and in the tables among them."""
        from pyarrow import parquet

        data = [file.read_bytes() for file in self.folder.rglob("*") if file.is_file()]
        for file in self.folder.rglob("*.parquet"):
            table = parquet.read_table(file).to_pydict()
            data.append(repr({k: v for k, v in table.items() if k != "vector"}).encode())
            data.append(np.array(table.get("vector", []), dtype="<f4").tobytes())
        kinds = {
            "texts": [text.encode() for text in self.texts],
            "metadata": [note.encode() for note in self.notes],
            "vectors": [vector.tobytes() for vector in self.vectors],
        }
        return {k: sum(any(c in d for d in data) for c in found) for k, found in kinds.items()}

    def state(self) -> Any:
        """What others hold and find, and how the collection is set up."""
        others = f'user_id != "{_VICTIM}"'
        held = self.client.query("canaries", filter=others, output_fields=["*"])
        asked = np.random.default_rng(3).normal(size=(20, _SIZE)).tolist()
        found = self.client.search(
            "canaries", data=asked, filter=others, limit=10, search_params={"params": {"ef": 800}}
        )
        described = self.client.describe_collection("canaries")
        described.pop("collection_id", None)
        return (
            sorted(map(str, held)),
            [[(hit["pk"], round(hit["distance"], 3)) for hit in hits] for hits in found],
            described,
            sorted(self.client.list_partitions("canaries")),
            self.client.list_aliases("canaries")["aliases"],
        )


@pytest.fixture
def filled(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Filled]:
    yield Filled(tmp_path, **getattr(request, "param", {}))
    _stop(str(tmp_path / "filled.db"))


@pytest.mark.parametrize(
    "filled",
    [{"flushed": True}, {"flushed": False}],
    indirect=True,
    ids=["in tables", "in the log"],
)
def test_E1_E2_E3_nothing_of_300_canaries_is_left(filled: Filled) -> None:
    before = filled.state()
    assert filled.left() == {"texts": 300, "metadata": 300, "vectors": 300}
    target = MilvusTarget(filled.client, "canaries")
    traces = target.traces(_VICTIM)
    assert {kind: len(found) for kind, found in traces.needles.items()} == {
        "ids": 300,
        "texts": 300,
        "metadata": 301,
        "vectors": 300,
    }
    target.delete(_VICTIM)
    assert target.count(_VICTIM) == 0
    assert min(filled.left().values()) == 300
    counted: dict[str, int] = {}
    for kinds in target.residue(traces).values():
        for kind, count in kinds.items():
            counted[kind] = counted.get(kind, 0) + count
    assert min(counted[kind] for kind in ("texts", "metadata", "vectors", "ids")) >= 300
    target.reclaim(_VICTIM)
    assert filled.left() == {"texts": 0, "metadata": 0, "vectors": 0}
    assert target.residue(traces) == {}
    assert filled.state() == before
    database = lite(filled.client)
    index = database.get_collection("canaries").get_index_info("vector")
    assert index["build_params"] == {"M": 24, "efConstruction": 180}
    # The same client goes on working; what is written afterwards is there, and stays.
    filled.client.insert("canaries", [filled._row("new-x", 1)])
    target.reclaim(_VICTIM)
    assert target.count("new-x") == 1
    assert filled.client.list_collections() == ["canaries"]


def test_E1_physical_through_the_service(filled: Filled) -> None:
    target = MilvusTarget(filled.client, "canaries")
    [entry] = delete_user(_VICTIM, targets=[target], physical=True).targets
    assert (entry.found, entry.remaining, entry.reclaimed) == (300, 0, "yes")
    assert entry.residue == {}
    assert filled.left() == {"texts": 0, "metadata": 0, "vectors": 0}


@pytest.mark.parametrize("filled", [{"users": 5, "of_one": 10}], indirect=True, ids=["few"])
def test_E7_an_interrupted_exchange_is_completed(
    filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the copying stops, nothing is lost, and the next run does the rest."""
    target = MilvusTarget(filled.client, "canaries")
    target.delete(_VICTIM)
    before = filled.state()
    clean = Crash(10**6)
    with monkeypatch.context() as patch:
        clean.arm(patch)
        target.reclaim(_VICTIM)
    assert clean.calls > 8
    for at in range(clean.calls):
        with monkeypatch.context() as patch:
            Crash(at).arm(patch)
            with pytest.raises(KeyboardInterrupt):
                target.reclaim(_VICTIM)
        named = MilvusTarget(filled.client, "alias" if at % 2 else "canaries")
        assert named.count("other-3-x") == 10, at
        named.reclaim(_VICTIM)
        assert filled.state() == before, at
        assert filled.client.list_collections() == ["canaries"], at


class Crash:
    """Every call that changes something fails, from the n-th on."""

    CHANGES = (
        "create_collection",
        "create_partition",
        "load_collection",
        "insert",
        "flush",
        "rename_collection",
        "alter_alias",
        "drop_collection",
    )

    def __init__(self, at: int) -> None:
        self.at = at
        self.calls = 0

    def arm(self, patch: pytest.MonkeyPatch) -> None:
        for name in self.CHANGES:
            patch.setattr(MilvusClient, name, self._wrapped(getattr(MilvusClient, name)))

    def _wrapped(self, call: Any) -> Any:
        def wrapped(*args: Any, **keywords: Any) -> Any:
            self.calls += 1
            if self.calls > self.at:
                raise KeyboardInterrupt
            return call(*args, **keywords)

        return wrapped


@pytest.mark.parametrize("filled", [{"users": 5, "of_one": 10}], indirect=True, ids=["few"])
def test_a_collection_that_changes_meanwhile_is_not_exchanged(
    filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = MilvusTarget(filled.client, "canaries")
    target.delete(_VICTIM)
    whole = milvus_files._contents

    def meanwhile(*args: Any) -> Any:
        filled.client.upsert("canaries", [filled._row("other-3-x", 1)])
        return whole(*args)

    with monkeypatch.context() as patch:
        patch.setattr(milvus_files, "_contents", meanwhile)
        with pytest.raises(ErasureError):
            target.reclaim(_VICTIM)
    assert target.count("other-3-x") == 10
    assert filled.client.list_collections() == ["canaries"]


def test_what_cannot_be_copied_or_is_not_there(uri: str) -> None:
    client = MilvusClient(uri)
    client.create_collection("numbered", dimension=4, auto_id=True)
    client.insert("numbered", [{"vector": [1.0] * 4, "user_id": "alice"}])
    target = MilvusTarget(client, "numbered")
    assert target.count("alice") == 1
    with pytest.raises(ErasureError):
        target.reclaim("alice")
    assert delete_user("alice", targets=[target]).complete
    with pytest.raises(ErasureError):
        MilvusTarget(client, "nowhere").count("alice")
    # LangChain makes its collection when it first writes.
    [lazy] = as_targets(_langchain(uri, "later"))
    assert lazy.count("alice") == 0
    assert delete_user("alice", targets=[lazy]).complete


class TestTarget(ErasureTargetSuite):
    @pytest.fixture
    def under_test(self, tmp_path: Path) -> Iterator[TargetUnderTest]:
        place = str(tmp_path / "target.db")
        client = MilvusClient(place)
        client.create_collection("target", dimension=4, id_type="string", max_length=99)

        def write(user: str) -> None:
            client.insert(
                "target",
                [
                    {
                        "id": f"{user}:{i}",
                        "vector": [float(i), 1.0, float(len(user)), 2.0],
                        "text": f"document {i} of {user}, long enough to look for",
                        "user_id": user,
                    }
                    for i in range(5)
                ],
            )

        def read(user: str) -> Any:
            found = client.query("target", filter=f'user_id == "{user}"', output_fields=["*"])
            return sorted(map(str, found))

        yield TargetUnderTest(MilvusTarget(client, "target"), write, read)
        _stop(place)
