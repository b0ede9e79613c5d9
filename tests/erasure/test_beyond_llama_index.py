"""What LlamaIndex keeps beside vectors, erased. Threats E3, E4, E5, E8, E10, E16."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.data_structs.data_structs import (
    KG,
    IndexDict,
    IndexGraph,
    IndexList,
    KeywordTable,
)
from llama_index.core.embeddings import MockEmbedding
from llama_index.core.graph_stores import SimpleGraphStore
from llama_index.core.ingestion import IngestionCache, IngestionPipeline
from llama_index.core.llms import MockLLM
from llama_index.core.memory import ChatMemoryBuffer, FactExtractionMemoryBlock, Memory
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import Document, TextNode
from llama_index.core.storage import StorageContext
from llama_index.core.storage.chat_store import SimpleChatStore
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.storage.docstore.keyval_docstore import KVDocumentStore
from llama_index.core.storage.index_store import SimpleIndexStore
from llama_index.core.storage.index_store.keyval_index_store import KVIndexStore
from llama_index.core.storage.kvstore import SimpleKVStore
from llama_index.core.storage.kvstore.types import BaseKVStore

from llama_index_piirag import PIIIngestionPipeline, ScrubbedMemory
from llama_index_piirag.erasure_targets import (
    ChatStoreTarget,
    DocstoreTarget,
    EmbeddingCacheTarget,
    IndexStoreTarget,
    IngestionCacheTarget,
    MemoryTarget,
)
from piirag import MemoryVault, Scrubber, delete_user
from piirag.erasure import as_targets
from piirag.erasure.residue import scan_files
from piirag.errors import ConfigurationError, ErasureError, UnsupportedStoreError
from piirag.tenancy import TenantTags
from piirag.testing.erasure import ErasureTargetSuite, TargetUnderTest


def node(user: str, n: int = 0) -> TextNode:
    text = f'nobody else has the "letter" № {n} of {user} — about a kettle, long ago'
    return TextNode(id_=f"{user}:{n}", text=text, metadata={"user_id": user, "of": f"{user}s pot"})


def everything(target: Any, user: str) -> list[Any]:
    return sorted((i.id, i.text, str(sorted(i.metadata.items()))) for i in target.items(user))


class RedisKV(BaseKVStore):
    """A key-value store of the application's, by the public interface only, over real Redis."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def put(self, key: str, val: dict[str, Any], collection: str = "data") -> None:
        self._client.hset(collection, key, json.dumps(val))

    async def aput(self, key: str, val: dict[str, Any], collection: str = "data") -> None:
        self.put(key, val, collection)

    def get(self, key: str, collection: str = "data") -> Any:
        found = self._client.hget(collection, key)
        return None if found is None else json.loads(found)

    async def aget(self, key: str, collection: str = "data") -> Any:
        return self.get(key, collection)

    def get_all(self, collection: str = "data") -> dict[str, Any]:
        found = self._client.hgetall(collection)
        return {key.decode(): json.loads(value) for key, value in found.items()}

    async def aget_all(self, collection: str = "data") -> dict[str, Any]:
        return self.get_all(collection)

    def delete(self, key: str, collection: str = "data") -> bool:
        return bool(self._client.hdel(collection, key))

    async def adelete(self, key: str, collection: str = "data") -> bool:
        return self.delete(key, collection)


def _missing(what: str) -> None:
    if os.environ.get("PIIRAG_CI") or os.environ.get("PIIRAG_REQUIRE_SERVICES"):
        pytest.fail(f"{what} is missing")
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="module")
def redis_client() -> Iterator[Any]:
    if shutil.which("redis-server") is None:
        _missing("redis-server")
    if importlib.util.find_spec("redis") is None:
        _missing("the package redis")
    import redis

    folder = Path(tempfile.mkdtemp(prefix="piirag-"))
    socket = folder / "redis"
    process = subprocess.Popen(
        ["redis-server", "--port", "0", "--unixsocket", str(socket), "--save", ""],
        stdout=subprocess.DEVNULL,
        cwd=folder,
    )
    client = redis.Redis(unix_socket_path=str(socket))
    for _ in range(200):
        try:
            client.ping()
            break
        except redis.ConnectionError:
            time.sleep(0.05)
    yield client
    client.close()
    process.terminate()
    process.wait(10)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["memory", "redis"])
def kv(request: pytest.FixtureRequest) -> BaseKVStore:
    if request.param == "memory":
        return SimpleKVStore()
    client = request.getfixturevalue("redis_client")
    client.flushall()
    return RedisKV(client)


# Docstores


class TestDocstoreOverKeyValue(ErasureTargetSuite):
    @pytest.fixture
    def under_test(self, kv: BaseKVStore) -> TargetUnderTest:
        docstore = KVDocumentStore(kv)
        target = DocstoreTarget(docstore)

        def write(user: str) -> None:
            docstore.add_documents([node(user, n) for n in range(3)])

        return TargetUnderTest(target, write, lambda user: everything(target, user))


class TestPersistedDocstore(ErasureTargetSuite):
    @pytest.fixture
    def under_test(self, tmp_path: Path) -> TargetUnderTest:
        path = tmp_path / "docstore.json"
        docstore = SimpleDocumentStore()
        target = DocstoreTarget(docstore, persist_path=path)

        def write(user: str) -> None:
            docstore.add_documents([node(user, n) for n in range(3)])
            docstore.persist(str(path))

        return TargetUnderTest(target, write, lambda user: everything(target, user))


def test_E8_a_file_keeps_what_memory_does_not_have(tmp_path: Path) -> None:
    """A process that has not loaded the file must not write its own emptiness over it."""
    path = tmp_path / "docstore.json"
    full = SimpleDocumentStore()
    full.add_documents([node(user, n) for user in ("alice", "bob") for n in range(2)])
    full.persist(str(path))
    fresh = SimpleDocumentStore()
    fresh.add_documents([node("carol")])
    receipt = delete_user("alice", targets=[DocstoreTarget(fresh, persist_path=path)])
    assert receipt.deleted == 2
    assert set(SimpleDocumentStore.from_persist_path(str(path)).docs) == {"bob:0", "bob:1"}
    assert set(fresh.docs) == {"carol:0"}


def test_E3_nothing_of_a_user_is_left_in_a_persisted_docstore(tmp_path: Path) -> None:
    path = tmp_path / "docstore.json"
    docstore = SimpleDocumentStore()
    docstore.add_documents([node(u, n) for u in ("alice_the_erased", "bob") for n in range(20)])
    docstore.persist(str(path))
    target = DocstoreTarget(docstore, persist_path=path)
    traces = target.traces("alice_the_erased")
    before = {hit.needle for hit in scan_files(tmp_path, traces.needles) if hit.kind == "texts"}
    assert len(before) >= 20  # escaped in JSON, and found nevertheless
    (entry,) = delete_user("alice_the_erased", targets=[target], physical=True).targets
    assert (entry.reclaimed, entry.residue) == ("yes", {})
    assert scan_files(tmp_path, traces.needles) == []
    assert "alice" not in path.read_text()


def test_documents_that_name_nobody_are_said_in_the_receipt() -> None:
    docstore = SimpleDocumentStore()
    docstore.add_documents([node("alice"), TextNode(id_="faq", text="how to boil water")])
    (entry,) = delete_user("alice", targets=[docstore]).targets
    assert entry.deleted == 1
    assert "1 documents name no user and stay" in entry.note


def test_E5_keyed_documents_are_no_empty_result() -> None:
    vault = MemoryVault()
    tags = TenantTags(vault=vault, keyed=True)
    docstore = SimpleDocumentStore()
    docstore.add_documents([node(tags.tag("alice"))])
    assert delete_user("alice", targets=[docstore]).status == "partial"
    assert delete_user("alice", targets=[DocstoreTarget(docstore, tags), vault]).deleted == 1


# Index stores


def _structs(users: tuple[str, ...]) -> list[Any]:
    ids = [f"{user}:{n}" for user in users for n in range(2)]
    words = {f"pot of {user}": {f"{user}:0", f"{user}:1"} for user in users}
    return [
        IndexDict(index_id="vectors", nodes_dict={id: id for id in ids}),
        IndexList(index_id="list", nodes=list(ids)),
        KeywordTable(index_id="words", table={**words, "kettle": set(ids)}),
    ]


class TestIndexStore(ErasureTargetSuite):
    @pytest.fixture
    def under_test(self, kv: BaseKVStore) -> TargetUnderTest:
        store = KVIndexStore(kv)
        target = IndexStoreTarget(store)
        users: list[str] = []

        def write(user: str) -> None:
            there = {id for struct in store.index_structs() for id in str(struct).split("'")}
            users[:] = [u for u in users if f"{u}:0" in there]
            users.append(user)
            for struct in _structs(tuple(users)):
                store.add_index_struct(struct)

        return TargetUnderTest(target, write, lambda user: everything(target, user))


def test_keywords_of_one_user_go_and_those_of_several_stay(tmp_path: Path) -> None:
    path = tmp_path / "index_store.json"
    store = SimpleIndexStore()
    for struct in [*_structs(("alice", "bob")), IndexList(index_id="alice:own", nodes=["x"])]:
        store.add_index_struct(struct)
    store.persist(str(path))
    target = IndexStoreTarget(store, persist_path=path)
    assert target.count("alice") == 7
    (entry,) = delete_user("alice", targets=[target], physical=True).targets
    assert entry.reclaimed == "yes"
    assert "alice" not in path.read_text()
    for held in (store, SimpleIndexStore.from_persist_path(str(path))):
        found = {struct.index_id: struct for struct in held.index_structs()}
        assert set(found) == {"vectors", "list", "words"}
        assert set(found["vectors"].nodes_dict) == {"bob:0", "bob:1"}
        assert found["list"].nodes == ["bob:0", "bob:1"]
        assert {w: set(i) for w, i in found["words"].table.items()} == {
            "pot of bob": {"bob:0", "bob:1"},
            "kettle": {"bob:0", "bob:1"},
        }


def test_trees_and_knowledge_graphs_of_several_users_are_left_alone_and_said() -> None:
    store = SimpleIndexStore()
    for name, ids in (("both", ["alice:0", "bob:0"]), ("hers", ["alice:0", "alice:1"])):
        children = {"summary": ids, **{id: [] for id in ids}}
        nodes = dict(enumerate([*ids, "summary"]))
        tree = IndexGraph(index_id=f"tree {name}", all_nodes=nodes, root_nodes={2: "summary"})
        tree.node_id_to_children_ids = children
        store.add_index_struct(tree)
        store.add_index_struct(KG(index_id=f"graph {name}", table={"kettle": set(ids)}))
    store.add_index_struct(IndexList(index_id="list", nodes=["alice:0", "bob:0"]))
    receipt = delete_user("alice", targets=[store])
    assert receipt.status == "partial"
    assert receipt.targets[0].error == "piirag.errors.ErasureError"
    left = {struct.index_id: struct for struct in store.index_structs()}
    assert set(left) == {"tree both", "graph both", "list"}
    assert left["list"].nodes == ["bob:0"]


# Ingestion caches


def _ingested(cache: IngestionCache, scrubber: Scrubber, user: str, **options: Any) -> None:
    pipeline = PIIIngestionPipeline(
        scrubber,
        user_id=user,
        transformations=[SentenceSplitter(chunk_size=50, chunk_overlap=0)],
        cache=cache,
    )
    text = f"the letter of {user} about a kettle that nobody else has. " * 4
    pipeline.run(documents=[Document(id_=f"{user}-doc", text=text)], **options)


class TestIngestionCache(ErasureTargetSuite):
    @pytest.fixture
    def under_test(self, kv: BaseKVStore) -> TargetUnderTest:
        scrubber = Scrubber(vault=MemoryVault())
        cache = IngestionCache(cache=kv)
        target = IngestionCacheTarget(cache)
        return TargetUnderTest(
            target,
            lambda user: _ingested(cache, scrubber, user),
            lambda user: everything(target, user),
        )


def test_E10_the_ingestion_cache_goes_from_memory_and_file(tmp_path: Path) -> None:
    scrubber = Scrubber(vault=MemoryVault())
    cache = IngestionCache()
    for user in ("alice_the_erased", "bob"):
        _ingested(cache, scrubber, user)
        _ingested(cache, scrubber, user, cache_collection=user)
    path = tmp_path / "llama_cache"
    cache.persist(str(path))
    target = IngestionCacheTarget(cache, persist_path=path)
    traces = target.traces("alice_the_erased")
    assert {hit.kind for hit in scan_files(tmp_path, traces.needles)} >= {"metadata"}
    others = everything(target, "bob")
    (entry,) = delete_user("alice_the_erased", targets=[target], physical=True).targets
    assert entry.deleted >= 2
    assert (entry.reclaimed, entry.residue) == ("yes", {})
    assert "alice" not in path.read_text()  # nor a collection that is called like the user
    assert "alice" not in json.dumps(cache.cache.to_dict())
    assert everything(target, "bob") == others
    assert path.read_text().count("bob") > 0


def test_E10_entries_of_nobody_are_refused_or_cleared() -> None:
    cache = IngestionCache()
    IngestionPipeline(transformations=[SentenceSplitter()], cache=cache).run(
        documents=[Document(text="the letter of alice")]
    )
    cache.put("mixed", [node("alice"), node("bob")])
    cache.put("empty", [])
    assert delete_user("alice", targets=[cache]).status == "partial"
    assert len(cache.cache.get_all(collection=cache.collection)) == 3
    with pytest.raises(ErasureError):
        IngestionCacheTarget(cache).delete("alice")
    clearing = IngestionCacheTarget(cache, clear_unattributed=True)
    assert delete_user("alice", targets=[clearing]).deleted == 2
    # An entry of several users goes whole: the run is computed again.
    assert set(cache.cache.get_all(collection=cache.collection)) == {"empty"}


# Embedding caches


def test_E10_texts_in_an_embedding_cache_are_refused_cleared_or_one_users(tmp_path: Path) -> None:
    path = tmp_path / "embeddings.json"
    model = MockEmbedding(embed_dim=4, embeddings_cache=SimpleKVStore())
    model.get_text_embedding_batch(["the letter of alice", "the letter of bob"])
    assert [target.kind for target in as_targets(model)] == ["embedding cache"]
    assert delete_user("alice", targets=[model]).status == "partial"
    hers = EmbeddingCacheTarget(model.embeddings_cache, user_id="alice")
    assert (hers.count("alice"), hers.count("bob")) == (2, 0)
    assert delete_user("bob", targets=[hers]).status == "nothing found"
    model.embeddings_cache.persist(str(path))
    clearing = EmbeddingCacheTarget(
        model.embeddings_cache, persist_path=path, clear_unattributed=True
    )
    (entry,) = delete_user("alice", targets=[clearing], physical=True).targets
    assert (entry.deleted, entry.reclaimed) == (2, "yes")
    assert "letter" not in path.read_text()
    assert model.embeddings_cache.get_all(collection="embeddings") == {}


# Chat stores and memories


class TestChatStore(ErasureTargetSuite):
    @pytest.fixture
    def under_test(self) -> TargetUnderTest:
        store = SimpleChatStore()
        target = ChatStoreTarget(store)

        def write(user: str) -> None:
            for key in (user, f"{user}:monday"):
                store.add_message(key, ChatMessage(content=f"of {user}", role="user"))

        return TargetUnderTest(target, write, lambda user: everything(target, user))


def test_sessions_by_the_applications_own_list() -> None:
    store = SimpleChatStore()
    for key in ("s1", "s2", "alice2"):
        store.add_message(key, ChatMessage(content=f"text of {key}", role="user"))
    keys = {"alice": ["s1"]}
    target = ChatStoreTarget(store, keys=lambda user: keys.get(user, []))
    (entry,) = delete_user("alice", targets=[target]).targets
    assert entry.deleted == 1
    assert "until it is persisted again" in entry.note
    assert set(store.get_keys()) == {"s2", "alice2"}
    with pytest.raises(ConfigurationError):
        ChatStoreTarget(object())


def test_E10_a_memory_is_emptied_with_what_was_extracted_from_it() -> None:
    scrubber = Scrubber(vault=MemoryVault())
    block = FactExtractionMemoryBlock(name="facts", llm=MockLLM(), facts=["has a kettle"])
    memory = Memory.from_defaults(session_id="s", memory_blocks=[block], token_limit=3000)
    scrubbed = ScrubbedMemory(memory, scrubber=scrubber, user_id="alice")
    scrubbed.put(ChatMessage(content="about the kettle", role="user"))
    target = MemoryTarget(scrubbed)
    assert (target.count("alice"), target.count("bob")) == (2, 0)
    assert delete_user("bob", targets=[scrubbed]).status == "nothing found"
    assert len(scrubbed.get_all()) == 1
    receipt = delete_user("alice", targets=[scrubbed, scrubber.vault])
    assert receipt.complete
    assert receipt.targets[0].deleted == 2
    assert memory.get_all() == []
    assert block.facts == []


def test_whose_a_memory_is_must_be_known() -> None:
    plain = ChatMemoryBuffer.from_defaults()
    plain.put(ChatMessage(content="hello", role="user"))
    with pytest.raises(ConfigurationError):
        MemoryTarget(plain)
    with pytest.raises(ConfigurationError):
        as_targets(plain)
    assert delete_user("alice", targets=[MemoryTarget(plain, user_id="alice")]).deleted == 1
    scrubbed = ScrubbedMemory(plain, scrubber=Scrubber(vault=MemoryVault()), user_id="alice")
    with pytest.raises(ConfigurationError):
        MemoryTarget(scrubbed, user_id="bob")

    class InVectors(ChatMemoryBuffer):
        vector_index: Any = None

    with pytest.raises(UnsupportedStoreError):
        MemoryTarget(InVectors.from_defaults(), user_id="alice")


# Several at once


def test_a_pipeline_names_its_docstore_and_its_cache() -> None:
    scrubber = Scrubber(vault=MemoryVault())
    docstore, cache = SimpleDocumentStore(), IngestionCache()
    for user in ("alice", "bob"):
        pipeline = PIIIngestionPipeline(
            scrubber,
            user_id=user,
            keyed_user_ids=True,
            transformations=[SentenceSplitter()],
            docstore=docstore,
            cache=cache,
        )
        pipeline.run(documents=[Document(id_=f"{user}-doc", text=f"the letter of {user}")])
    receipt = delete_user("alice", targets=[pipeline, scrubber.vault])
    assert receipt.complete
    assert [target.kind for target in receipt.targets] == ["docstore", "ingestion cache", "vault"]
    assert all(target.deleted > 0 for target in receipt.targets[:2])
    assert len(docstore.docs) == 1


def test_a_storage_context_names_its_stores_and_refuses_a_graph() -> None:
    context = StorageContext.from_defaults()
    context.docstore.add_documents([node("alice"), node("bob")])
    context.index_store.add_index_struct(_structs(("alice", "bob"))[1])
    receipt = delete_user("alice", targets=[context])
    assert receipt.complete
    assert {target.kind: target.deleted for target in receipt.targets} == {
        "in memory": 0,
        "docstore": 1,
        "index store": 2,
    }
    graph = SimpleGraphStore()
    graph.upsert_triplet("alice", "has", "a kettle")
    with pytest.raises(ConfigurationError, match="graph store"):
        as_targets(StorageContext.from_defaults(graph_store=graph))
