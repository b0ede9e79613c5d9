"""Qdrant, local: tenants, erasure, and the bytes that stay."""

# ruff: noqa: E402

from __future__ import annotations

import json
import pickle
import random
import sqlite3
import uuid
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support.packages import need

need("qdrant_client", "langchain_qdrant", "llama_index.vector_stores.qdrant")

from langchain_qdrant import QdrantVectorStore, RetrievalMode
from langchain_qdrant.sparse_embeddings import SparseEmbeddings, SparseVector
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode
from llama_index.vector_stores.qdrant import QdrantVectorStore as LlamaIndexQdrant
from qdrant_client import AsyncQdrantClient, QdrantClient, models

from langchain_piirag import TenantVectorStore as LangChainTenants
from langchain_piirag.testing import LangChainDriver
from lexical_langchain import LexicalEmbeddings
from llama_index_piirag import TenantVectorStore as LlamaIndexTenants
from llama_index_piirag.testing import LlamaIndexDriver, mode_paths, to_filters
from piirag import Scrubber
from piirag.erasure import as_targets, delete_user
from piirag.erasure.targets.qdrant import QdrantTarget
from piirag.errors import (
    ConfigurationError,
    ErasureError,
    InvalidInputError,
    TenancyError,
    UnsupportedStoreError,
)
from piirag.tenancy.filters import normalised
from piirag.tenancy.languages.qdrant import QdrantLanguage
from piirag.testing.erasure import ErasureTargetSuite, TargetUnderTest
from piirag.testing.tenancy import QUESTION, Item, TenancyDriver, TenancySuite
from support.llama_fakes import HashedEmbedding


class Words(SparseEmbeddings):
    """A sparse vector of a text: its words, counted."""

    def embed_documents(self, texts: list[str]) -> list[SparseVector]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> SparseVector:
        counts: dict[int, float] = {}
        for word in text.lower().split():
            place = zlib.crc32(word.encode()) % 100_000
            counts[place] = counts.get(place, 0.0) + 1.0
        return SparseVector(indices=list(counts), values=list(counts.values()))


def _encode(texts: list[str]) -> tuple[list[list[int]], list[list[float]]]:
    vectors = Words().embed_documents(texts)
    return [vector.indices for vector in vectors], [vector.values for vector in vectors]


@pytest.fixture(scope="class")
def client(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return QdrantClient(path=str(tmp_path_factory.mktemp("qdrant")))


def _unsynced(client: Any, name: str) -> None:
    """Leave it to the system when to write to the disk: local Qdrant does so at every point."""
    storage = client._client._get_collection(name).storage
    if storage is not None:
        storage.storage.execute("PRAGMA synchronous=OFF")


def _langchain(client: Any, name: str, **options: Any) -> QdrantVectorStore:
    if not client.collection_exists(name):
        sparse = {"langchain-sparse": models.SparseVectorParams()} if options else None
        params = models.VectorParams(size=384, distance=models.Distance.COSINE)
        client.create_collection(name, vectors_config=params, sparse_vectors_config=sparse)
        _unsynced(client, name)
    return QdrantVectorStore(client, name, embedding=LexicalEmbeddings(), **options)


class TestLangChainHybrid(TenancySuite):
    @pytest.fixture(scope="class")
    @classmethod
    def driver(cls, client: Any) -> TenancyDriver:
        hybrid = {"retrieval_mode": RetrievalMode.HYBRID, "sparse_embedding": Words()}
        store = _langchain(client, "hybrid", **hybrid)
        return LangChainDriver(LangChainTenants(store, scrubber=Scrubber()))


class TestLlamaIndexHybrid(TenancySuite):
    @pytest.fixture(scope="class")
    @classmethod
    def driver(cls, client: Any) -> TenancyDriver:
        store = LlamaIndexQdrant(
            "llama_index",
            client=client,
            enable_hybrid=True,
            sparse_doc_fn=_encode,
            sparse_query_fn=_encode,
        )
        tenants = LlamaIndexTenants(store, scrubber=Scrubber())
        more = mode_paths(HashedEmbedding(), "sparse", "hybrid")
        return LlamaIndexDriver(tenants, HashedEmbedding(), more=more)


# What the wrappers write by themselves


def _plain(client: Any, name: str, framework: str, users: list[str]) -> Any:
    """A store filled by the framework's own wrapper, without piirag."""
    ids = [str(uuid.uuid4()) for _ in users]
    texts = [f"{QUESTION} of {user} is old" for user in users]
    if framework == "langchain":
        store: Any = _langchain(client, name)
        store.add_texts(texts, [{"user_id": user, "n": 1} for user in users], ids=ids)
        return store
    store, embed = LlamaIndexQdrant(name, client=client), HashedEmbedding()
    store.add(
        [
            TextNode(
                id_=id,
                text=text,
                metadata={"user_id": user, "n": 1, "deep": {"a": [1, 2]}},
                embedding=embed.get_text_embedding(text),
            )
            for id, text, user in zip(ids, texts, users, strict=True)
        ]
    )
    return store


def _driver(store: Any) -> Any:
    if isinstance(store, QdrantVectorStore):
        return LangChainDriver(LangChainTenants(store, scrubber=Scrubber()))
    return LlamaIndexDriver(LlamaIndexTenants(store, scrubber=Scrubber()), HashedEmbedding())


@pytest.mark.parametrize("framework", ["langchain", "llama_index"])
def test_what_the_wrapper_wrote_is_found_and_erased(framework: str) -> None:
    client = QdrantClient(":memory:")
    store = _plain(client, "old", framework, ["alice", "bob", "alice"])
    driver = _driver(store)
    for path in driver.paths():
        found = path.read(driver.tenants.for_user("alice"), 9, {"n": 1}, {})
        assert [item.text for item in found] == [f"{QUESTION} of alice is old"] * 2, path.name
        assert "user_id" not in found[0].metadata
    [target] = as_targets(store)
    assert (target.count("alice"), target.count("bob")) == (2, 1)
    assert {item.text for item in target.items("bob")} == {f"{QUESTION} of bob is old"}
    assert delete_user("alice", targets=[store]).deleted == 2
    assert client.count("old").count == target.count("bob") == 1


@pytest.mark.parametrize("framework", ["langchain", "llama_index"])
def test_the_wrapper_reads_what_was_written_through_piirag(framework: str) -> None:
    client = QdrantClient(":memory:")
    store = _plain(client, "old", framework, ["bob"])
    driver = _driver(store)
    items = [Item("one", f"{QUESTION} of alice is new", {"n": 2})]
    assert driver.write(driver.tenants.for_user("alice"), items) == ["one"]
    if framework == "langchain":
        found = store.similarity_search(QUESTION, 9)
        [alice] = [document for document in found if document.metadata["user_id"] == "alice"]
        assert (alice.page_content, alice.metadata["n"]) == (items[0].text, 2)
        return
    mine = VectorStoreQuery(
        query_embedding=HashedEmbedding().get_query_embedding(QUESTION),
        similarity_top_k=9,
        filters=to_filters({"n": 2}),
    )
    [node] = store.query(mine).nodes
    assert (node.get_content("none"), node.metadata["n"]) == (items[0].text, 2)


def test_both_frameworks_in_one_collection_stay_apart_and_are_erased_together() -> None:
    client = QdrantClient(":memory:")
    langchain = _driver(_langchain(client, "both"))
    llama = LlamaIndexDriver(
        LlamaIndexTenants(LlamaIndexQdrant("both", client=client), scrubber=Scrubber()),
        _Lexical(),
    )
    for driver in (langchain, llama):
        for user in ("alice", "bob"):
            text = f"{QUESTION} of {user} by {driver.framework}"
            driver.write(driver.tenants.for_user(user), [Item("1", text, {"n": 1})])
    # What bob calls "metadata" is none of LangChain's.
    trap = {"metadata": {"user_id": "alice", "n": 1}}
    llama.tenants.for_user("bob").add(
        [
            TextNode(
                id_="trap",
                text=f"{QUESTION} of bob",
                metadata=trap,
                embedding=_Lexical().get_text_embedding(QUESTION),
            )
        ]
    )
    for driver in (langchain, llama):
        for path in driver.paths():
            found = path.read(driver.tenants.for_user("alice"), 9, None, {})
            texts = [item.text for item in found]
            assert texts == [f"{QUESTION} of alice by {driver.framework}"], path.name
    target = QdrantTarget(client, "both")
    assert (target.count("alice"), target.count("bob")) == (2, 3)
    receipt = delete_user("alice", targets=[langchain.tenants, llama.tenants])
    assert receipt.complete
    assert receipt.targets[0].found == 2
    assert (target.count("alice"), target.count("bob")) == (0, 3)
    assert len(llama.get(llama.tenants.for_user("bob"), ["1", "trap"])) == 2


class _Lexical(HashedEmbedding):
    """LangChain's lexical embedding for LlamaIndex: both write into one collection."""

    def _get_text_embedding(self, text: str) -> list[float]:
        return LexicalEmbeddings().embed_query(text)


def test_a_tag_that_is_a_list_is_neither_counted_nor_erased() -> None:
    client = QdrantClient(":memory:")
    params = models.VectorParams(size=2, distance=models.Distance.DOT)
    client.create_collection("lists", vectors_config=params)
    both = ["alice", "bob"]
    payloads: list[Any] = [{"user_id": both}, {"metadata": {"user_id": both}}, {"user_id": "alice"}]
    points = [
        models.PointStruct(id=i, vector=[1.0, 2.0], payload=payload)
        for i, payload in enumerate(payloads)
    ]
    client.upsert("lists", points)
    target = QdrantTarget(client, "lists")
    assert (target.count("alice"), target.count("bob")) == (1, 0)
    target.delete("alice")
    assert client.count("lists").count == 2


# Keywords and filters


def test_qdrants_own_keywords_narrow_and_nothing_else_passes() -> None:
    driver = _driver(_langchain(QdrantClient(":memory:"), "keywords"))
    view = driver.tenants.for_user("alice")
    driver.write(view, [Item(str(i), f"{QUESTION} {'again ' * i}", {"n": i}) for i in range(4)])
    driver.write(driver.tenants.for_user("bob"), [Item("0", QUESTION, {"n": 0})])
    everything = view.similarity_search_with_score(QUESTION, 9)
    assert [doc.id for doc in view.similarity_search(QUESTION, 9, offset=1)] == [
        doc.id for doc, _ in everything[1:]
    ]
    threshold = everything[1][1] - 1e-6
    found = view.similarity_search_with_score(QUESTION, 9, score_threshold=threshold)
    assert [doc.id for doc, _ in found] == [doc.id for doc, _ in everything[:2]]
    for params in (models.SearchParams(exact=True), {"hnsw_ef": 99}):
        assert len(view.similarity_search(QUESTION, 9, search_params=params)) == 4
    bad: list[dict[str, Any]] = [
        {"search_params": {"idf": {"corpus": {}}}},
        {"search_params": {"filter": {}}},
        {"search_params": "exact"},
        {"offset": -1},
        {"offset": True},
        {"score_threshold": "0"},
        {"score_threshold": float("nan")},
        {"consistency": "none"},
        {"hybrid_fusion": models.FusionQuery(fusion=models.Fusion.RRF)},
        {"hybrid_fusion": {"fusion": "rrf"}},
    ]
    with driver.untouched():
        for keywords in bad:
            with pytest.raises(InvalidInputError):
                view.similarity_search(QUESTION, **keywords)
        for name in ("query_filter", "with_payload", "limit", "using", "shard_key_selector"):
            with pytest.raises(TenancyError):
                view.similarity_search(QUESTION, **{name: None})
    with pytest.raises(InvalidInputError):
        view.max_marginal_relevance_search(QUESTION, lambda_mult=1.5)


def test_hybrid_modes_need_what_they_search_with() -> None:
    store = LlamaIndexQdrant("dense", client=QdrantClient(":memory:"))
    driver = _driver(store)
    view = driver.tenants.for_user("alice")
    driver.write(view, [Item("1", QUESTION, {"n": 1})])
    with driver.untouched():
        for filters in ("qdrant_filters", "shard_identifier"):
            with pytest.raises(TenancyError):
                view.query(VectorStoreQuery(query_embedding=[1.0]), **{filters: models.Filter()})
    for mode in (VectorStoreQueryMode.HYBRID, VectorStoreQueryMode.SPARSE):
        query = VectorStoreQuery(query_embedding=[1.0], query_str=QUESTION, mode=mode)
        with pytest.raises(ConfigurationError):
            view.query(query)


def test_an_async_client_alone_is_refused() -> None:
    store = LlamaIndexQdrant("async", aclient=AsyncQdrantClient(":memory:"))
    with pytest.raises(UnsupportedStoreError):
        LlamaIndexTenants(store, scrubber=Scrubber())


@pytest.mark.parametrize(
    ("clause", "ids"),
    [
        ({"n": 2}, [2]),
        ({"n": 2.0}, [2]),
        ({"n": {"$in": [1, "x", True]}}, [1]),
        ({"n": {"$ne": 2}}, [0, 1, 3, 4]),
        ({"flag": True}, [1]),
        ({"flag": 1}, []),
        ({"big": 2**60 + 1}, [3]),
        ({"tags": {"$contains": "a"}}, [1, 2]),
        ({"tags": {"$any": ["b", "c"]}}, [2, 3]),
        ({"tags": {"$all": ["a", "b"]}}, [2]),
        ({"word": {"$contains": "tea"}}, []),
        ({"word": {"$text": "green TEA"}}, [4]),
        ({"word": {"$exists": True}}, [4]),
        ({"word": {"$exists": False}, "n": {"$gt": 1}}, [2, 3]),
        ({"a.b": "dotted"}, [1]),
        ({"a[0]": 7}, [2]),
        ({"clé d'été": 1}, [3]),
        ({"$not": {"n": {"$lt": 3}}}, [3, 4]),
    ],
)
def test_the_language_of_filters(clause: dict[str, Any], ids: list[int]) -> None:
    client = QdrantClient(":memory:")
    params = models.VectorParams(size=2, distance=models.Distance.DOT)
    client.create_collection("words", vectors_config=params)
    rows: list[dict[str, Any]] = [
        {"n": 0},
        {"n": 1, "flag": True, "tags": ["a"], "a.b": "dotted", "a": {"b": "nested"}},
        {"n": 2, "tags": ["a", "b"], "a[0]": 7, "big": 2**60},
        {"n": 3, "tags": ["c"], "clé d'été": 1, "big": 2**60 + 1},
        {"n": 4, "word": "a cup of green tea"},
    ]
    for under in (None, 'the "metadata"'.replace('"', "'")):
        points = [
            models.PointStruct(
                id=i, vector=[1.0, 2.0], payload=dict(row) if under is None else {under: row}
            )
            for i, row in enumerate(rows)
        ]
        client.upsert("words", points)
        normal = normalised(clause, "user_id")
        assert normal is not None
        where = models.Filter(must=[QdrantLanguage(under).translate(normal)])
        assert [point.id for point in client.scroll("words", scroll_filter=where)[0]] == ids


def test_what_qdrant_cannot_express_is_refused() -> None:
    for clause in ({"n": {"$gt": "a"}}, {"n": {"$lt": True}}, {'a"b': 1}, {"n": {"$like": "a%"}}):
        normal = normalised(clause, "user_id")
        assert normal is not None
        with pytest.raises(InvalidInputError):
            QdrantLanguage().translate(normal)


def test_what_goes_to_a_server() -> None:
    """The form in which a server gets the filter, as its API documents it."""
    client = QdrantClient(url="http://127.0.0.1:9", check_compatibility=False)
    target = QdrantTarget(client, "remote")
    match = {"match": {"value": "alice"}}
    assert target._filter("alice").model_dump(exclude_none=True) == {
        "should": [
            {
                "must": [
                    {"key": "user_id", **match},
                    {"key": "user_id", "values_count": {"lt": 2}},
                ]
            },
            {
                "must": [
                    {"key": "metadata.user_id", **match},
                    {"key": "metadata.user_id", "values_count": {"lt": 2}},
                    {"is_empty": {"key": "user_id"}},
                ]
            },
        ]
    }
    assert target.capabilities.delete_by == "filter"
    assert not target.capabilities.reclaim
    assert "server" in target.capabilities.why_not
    entry = delete_user("alice", targets=[target]).targets[0]
    assert entry.error is not None
    assert not entry.verified_absent


# The bytes

_USERS, _OF_ONE, _DIMENSION = 50, 300, 24
_VICTIM = "user-7-x"


class Filled:
    """A collection with 300 points of one user among 50, and what to look for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.client = QdrantClient(path=str(folder))
        # Of cosine's, local Qdrant normalises the vectors again whenever it reads them.
        params = models.VectorParams(size=_DIMENSION, distance=models.Distance.EUCLID)
        self.client.create_collection("canaries", vectors_config=params)
        _unsynced(self.client, "canaries")
        self.database = self.client._client._get_collection("canaries").storage.storage
        # As where SQLite is not built with it.
        self.database.execute("PRAGMA secure_delete=OFF")
        self.random = random.Random(2)
        self.texts = [self._canary() for _ in range(_OF_ONE)]
        self.metadata = [self._canary() for _ in range(_OF_ONE)]
        self.vectors = [self._vector() for _ in range(_OF_ONE)]
        points = [
            self._point(i, _VICTIM, f"text {self.texts[i]} ends", self.metadata[i], vector)
            for i, vector in enumerate(self.vectors)
        ]
        for user in range(_USERS - 1):
            name = f"other-{user}-x"
            points += [
                self._point(1000 + 10 * user + i, name, f"text {i} of {name}", f"{i}")
                for i in range(10)
            ]
        self.random.shuffle(points)
        self.client.upsert("canaries", points)

    def _canary(self) -> str:
        return "".join(self.random.choice("abcdefghijklmnop") for _ in range(24))

    def _vector(self) -> list[float]:
        return [self.random.gauss(0, 1) for _ in range(_DIMENSION)]

    def _point(self, id: int, user: str, text: str, note: str, vector: Any = None) -> Any:
        metadata = {"user_id": user, "note": note}
        payload = {"page_content": text, "metadata": metadata}
        if id % 2:
            payload = {"_node_content": json.dumps({"text": text}), **metadata}
        return models.PointStruct(id=id, vector=vector or self._vector(), payload=payload)

    def left(self) -> dict[str, int]:
        """How many canaries of each kind are in the files, by plain search, without piirag."""
        data = [file.read_bytes() for file in self.folder.rglob("*") if file.is_file()]
        kinds = {
            "texts": [text.encode() for text in self.texts],
            "metadata": [note.encode() for note in self.metadata],
            "vectors": [_needle(vector) for vector in self.vectors],
        }
        return {k: sum(any(c in d for d in data) for c in found) for k, found in kinds.items()}

    def state(self) -> Any:
        """What others hold and find."""
        numbers = random.Random(5)
        others = models.Filter(
            must_not=[
                models.FieldCondition(key=key, match=models.MatchValue(value=_VICTIM))
                for key in ("user_id", "metadata.user_id")
            ]
        )
        held, _ = self.client.scroll(
            "canaries", scroll_filter=others, limit=5000, with_payload=True, with_vectors=True
        )
        found = [
            self.client.query_points(
                "canaries",
                query=[numbers.gauss(0, 1) for _ in range(_DIMENSION)],
                query_filter=others,
                limit=10,
            ).points
            for _ in range(10)
        ]
        return [point.model_dump() for point in held], [
            [(point.id, point.score) for point in points] for points in found
        ]


def _needle(vector: list[float]) -> bytes:
    """Three numbers as pickle writes them."""
    whole = pickle.dumps(vector[:3], protocol=4)
    return whole[whole.index(b"G") :][:27]


def test_E1_E2_E3_nothing_of_300_canaries_is_left(tmp_path: Path) -> None:
    store = Filled(tmp_path / "qdrant")
    before = store.state()
    assert min(store.left().values()) > 280
    target = QdrantTarget(store.client, "canaries")
    traces = target.traces(_VICTIM)
    assert {kind: len(found) for kind, found in traces.needles.items()} == {
        "ids": 300,
        "texts": 300,
        "metadata": 301,
        "vectors": 300,
    }
    target.delete(_VICTIM)
    assert target.count(_VICTIM) == 0
    assert min(store.left().values()) > 250
    counted = target.residue(traces)["storage.sqlite"]
    assert min(counted[kind] for kind in ("texts", "metadata", "vectors")) > 250
    target.reclaim(_VICTIM)
    assert store.left() == {"texts": 0, "metadata": 0, "vectors": 0}
    assert target.residue(traces) == {}
    assert store.state() == before
    # The same client goes on working; what is written afterwards is there, and stays.
    store.client.upsert("canaries", [store._point(9999, "new-x", "new", "new")])
    target.reclaim(_VICTIM)
    store.client.close()
    again = QdrantClient(path=str(store.folder))
    assert again.count("canaries").count == len(before[0]) + 1
    assert QdrantTarget(again, "canaries").count("new-x") == 1


def test_E1_physical_through_the_service(tmp_path: Path) -> None:
    store = Filled(tmp_path / "qdrant")
    target = QdrantTarget(store.client, "canaries")
    [entry] = delete_user(_VICTIM, targets=[target], physical=True).targets
    assert (entry.found, entry.remaining, entry.reclaimed) == (300, 0, "yes")
    assert entry.residue == {}
    assert store.left() == {"texts": 0, "metadata": 0, "vectors": 0}


def test_E1_a_plain_erasure_says_what_it_left(tmp_path: Path) -> None:
    store = Filled(tmp_path / "qdrant")
    [entry] = delete_user(_VICTIM, targets=[QdrantTarget(store.client, "canaries")]).targets
    assert entry.verified_absent
    assert (entry.residue or {})["storage.sqlite"]["texts"] > 250


def test_a_file_that_is_none_of_qdrants_is_left_alone(tmp_path: Path) -> None:
    from piirag.erasure.targets.qdrant_files import reclaim

    file = tmp_path / "storage.sqlite"
    with pytest.raises(ErasureError):
        reclaim(file)
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE other (id TEXT)")
    data = file.read_bytes()
    with pytest.raises(ErasureError):
        reclaim(file)
    assert file.read_bytes() == data


def test_a_store_in_memory_has_no_files_and_a_missing_collection_is_an_error() -> None:
    client = QdrantClient(":memory:")
    target = QdrantTarget(client, "nowhere")
    assert not target.capabilities.reclaim
    with pytest.raises(ErasureError):
        target.count("alice")
    with pytest.raises(ErasureError):
        target.reclaim("alice")
    # LlamaIndex makes its collection when it first writes.
    [lazy] = as_targets(LlamaIndexQdrant("later", client=client))
    assert lazy.count("alice") == 0
    lazy.delete("alice")
    assert delete_user("alice", targets=[lazy]).complete


class TestTarget(ErasureTargetSuite):
    @pytest.fixture
    def under_test(self, tmp_path: Path) -> TargetUnderTest:
        client = QdrantClient(path=str(tmp_path / "qdrant"))
        params = models.VectorParams(size=3, distance=models.Distance.COSINE)
        client.create_collection("target", vectors_config=params)
        _unsynced(client, "target")

        def write(user: str) -> None:
            points = [
                models.PointStruct(
                    id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{user}:{i}")),
                    vector=[float(i), 1.0, float(len(user))],
                    payload={
                        "page_content": f"document {i} of {user}, long enough to look for",
                        "metadata": {"user_id": user},
                    },
                )
                for i in range(5)
            ]
            client.upsert("target", points)

        def read(user: str) -> Any:
            key, match = "metadata.user_id", models.MatchValue(value=user)
            mine = models.Filter(must=[models.FieldCondition(key=key, match=match)])
            found, _ = client.scroll("target", scroll_filter=mine, with_vectors=True)
            return [point.model_dump() for point in found]

        return TargetUnderTest(QdrantTarget(client, "target"), write, read)
