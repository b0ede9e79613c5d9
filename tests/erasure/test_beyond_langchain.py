"""What LangChain and LangGraph keep beside vectors, erased. Threats E3, E5, E7, E10, E16."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_classic.embeddings import CacheBackedEmbeddings
from langchain_classic.indexes import SQLRecordManager
from langchain_classic.storage import LocalFileStore, create_kv_docstore
from langchain_community.cache import RedisCache, SQLAlchemyMd5Cache, SQLiteCache
from langchain_core.caches import InMemoryCache
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.indexing import InMemoryRecordManager, index
from langchain_core.language_models import FakeListChatModel
from langchain_core.outputs import Generation
from langchain_core.stores import InMemoryStore
from langchain_core.vectorstores import InMemoryVectorStore
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.memory import InMemoryStore as GraphStore
from sqlalchemy import create_engine

from langchain_piirag import RedactedChatModel, TenantVectorStore
from langchain_piirag.erasure_targets import (
    CheckpointsTarget,
    EmbeddingCacheTarget,
    GraphStoreTarget,
    KeyValueTarget,
    LLMCacheTarget,
    RecordManagerTarget,
    cache_namespace,
)
from piirag import MemoryVault, Scrubber, delete_user
from piirag.erasure import as_targets
from piirag.erasure.residue import scan_files
from piirag.errors import ConfigurationError, ErasureError, UnsupportedStoreError
from piirag.tenancy import TenantTags
from piirag.testing.erasure import ErasureTargetSuite, TargetUnderTest


def letter(user: str, n: int = 0) -> Document:
    text = f'the "letter" № {n} of {user} about a kettle — nobody else has it'
    return Document(page_content=text, metadata={"user_id": user, "subject": f"kettle of {user}"})


def everything(target: Any, user: str) -> list[Any]:
    return sorted((i.id, i.text, str(sorted(i.metadata.items()))) for i in target.items(user))


# Key-value stores


def _documents(store: Any) -> Callable[[str], None]:
    """Two by their metadata, one by its key."""

    def write(user: str) -> None:
        store.mset([(str(uuid.uuid4()), letter(user, n)) for n in range(2)])
        untagged = Document(page_content=f"an untagged letter of {user} about a kettle")
        store.mset([(f"{user}/letter", untagged)])

    return write


class TestKeyValueInMemory(ErasureTargetSuite):
    @pytest.fixture
    def under_test(self) -> TargetUnderTest:
        store = InMemoryStore()
        target = KeyValueTarget(store)
        return TargetUnderTest(target, _documents(store), lambda user: everything(target, user))


class TestKeyValueInFiles(ErasureTargetSuite):
    @pytest.fixture
    def under_test(self, tmp_path: Path) -> TargetUnderTest:
        store = create_kv_docstore(LocalFileStore(tmp_path / "parents"))
        target = KeyValueTarget(store)
        return TargetUnderTest(target, _documents(store), lambda user: everything(target, user))


def test_E5_an_encoder_backed_store_lists_keys_it_does_not_find(tmp_path: Path) -> None:
    """`mdelete(list(yield_keys()))` deletes nothing there, and says nothing."""
    vault = MemoryVault()
    bytes_of = LocalFileStore(tmp_path / "cache")
    embeddings = CacheBackedEmbeddings.from_bytes_store(
        DeterministicFakeEmbedding(size=4),
        bytes_of,
        namespace=cache_namespace(vault, "alice"),
        key_encoder="sha256",
    )
    embeddings.embed_documents(["a kettle", "a pot"])
    outer = embeddings.document_embedding_store
    outer.mdelete(list(outer.yield_keys()))
    assert len(list(outer.yield_keys())) == 2  # the trap
    (target,) = (EmbeddingCacheTarget(outer, vault),)
    assert delete_user("alice", targets=[target]).deleted == 2
    assert list(bytes_of.yield_keys()) == []
    assert list((tmp_path / "cache").iterdir()) == []  # no folder called like the user's tag


def test_what_is_deleted_is_not_in_the_files_and_was_found_there_before(tmp_path: Path) -> None:
    store = create_kv_docstore(LocalFileStore(tmp_path / "parents"))
    for user in ("alice_the_erased", "bob"):
        _documents(store)(user)
    target = KeyValueTarget(store)
    traces = target.traces("alice_the_erased")
    texts = {hit.needle for hit in scan_files(tmp_path, traces.needles) if hit.kind == "texts"}
    assert len(texts) >= 3
    (entry,) = delete_user("alice_the_erased", targets=[target], physical=True).targets
    assert entry.reclaimed == "yes"
    assert entry.residue == {}
    assert target.residue(traces) == {}
    assert b"alice" not in b"".join(f.read_bytes() for f in tmp_path.rglob("*") if f.is_file())
    assert not list(tmp_path.rglob("*alice*"))


def test_entries_that_name_nobody_stay_and_are_counted_in_the_receipt() -> None:
    store = InMemoryStore()
    store.mset([("faq", Document(page_content="how to boil water")), ("1", letter("alice"))])
    (entry,) = delete_user("alice", targets=[store]).targets
    assert entry.deleted == 1
    assert "1 entries name no user and stay" in entry.note
    assert list(store.yield_keys()) == ["faq"]
    assert delete_user("bob", targets=[KeyValueTarget(store, clear_unattributed=True)]).deleted == 1
    assert list(store.yield_keys()) == []


def test_E5_a_store_that_names_its_users_otherwise_is_no_empty_result() -> None:
    vault = MemoryVault()
    tags = TenantTags(vault=vault, keyed=True)
    keyed = InMemoryStore()
    keyed.mset([("1", Document(page_content="x", metadata={"user_id": tags.tag("alice")}))])
    unnamed = InMemoryStore()
    unnamed.mset([("1", Document(page_content="x"))])
    for store in (keyed, unnamed):
        receipt = delete_user("alice", targets=[store])
        assert receipt.status == "partial"
        assert receipt.targets[0].error == "piirag.errors.ErasureError"
    assert delete_user("alice", targets=[KeyValueTarget(keyed, tags), vault]).deleted == 1


# Embedding caches


def test_E10_an_embedding_cache_that_names_nobody_is_refused_or_cleared() -> None:
    vault = MemoryVault()
    store = InMemoryStore()
    named = CacheBackedEmbeddings.from_bytes_store(
        DeterministicFakeEmbedding(size=4),
        store,
        namespace=cache_namespace(vault, "bob"),
        key_encoder="sha256",
        query_embedding_cache=True,
    )
    named.embed_query("a kettle")
    plain = CacheBackedEmbeddings.from_bytes_store(
        DeterministicFakeEmbedding(size=4), store, namespace="model-v1", key_encoder="sha256"
    )
    assert len(as_targets(plain)) == 1
    plain.embed_documents(["the kettle of alice"])
    before = set(store.yield_keys())
    receipt = delete_user("alice", targets=[EmbeddingCacheTarget(store, vault)])
    assert receipt.status == "partial"
    assert set(store.yield_keys()) == before
    clearing = EmbeddingCacheTarget(store, vault, clear_unattributed=True)
    assert delete_user("alice", targets=[clearing]).deleted == 1
    assert len(list(store.yield_keys())) == 1
    assert delete_user("bob", targets=[clearing]).deleted == 1
    with pytest.raises(ConfigurationError):
        EmbeddingCacheTarget(object(), vault)


# LLM caches


def _llm_cache(kind: str, folder: Path) -> Any:
    if kind == "memory":
        return InMemoryCache()
    if kind == "sqlite":
        return SQLiteCache(str(folder / "llm.db"))
    return SQLAlchemyMd5Cache(create_engine(f"sqlite:///{folder / 'md5.db'}"))


def _asked(cache: Any, scrubber: Scrubber, user: str, n: int = 0) -> str:
    model = FakeListChatModel(responses=[f"a reply to {user}", "another reply"], cache=cache)
    wrapped = RedactedChatModel(model, scrubber=scrubber, user_id=user)
    return str(wrapped.invoke(f"what of the kettle number {n} of {user}?").content)


@pytest.mark.parametrize("kind", ["memory", "sqlite", "md5"])
def test_E10_a_users_prompts_and_replies_leave_the_llm_cache(kind: str, tmp_path: Path) -> None:
    scrubber = Scrubber(vault=MemoryVault())
    cache = _llm_cache(kind, tmp_path)
    for user in ("alice_the_erased", "bob"):
        for n in range(3):
            _asked(cache, scrubber, user, n)
    target = LLMCacheTarget(cache, scrubber.vault)
    others = everything(target, "bob")
    assert target.count("alice_the_erased") == target.count("bob") == 3
    traces = target.traces("alice_the_erased")
    before = {hit.kind for hit in scan_files(tmp_path, traces.needles)}
    assert kind == "memory" or before >= {"texts", "metadata"}
    receipt = delete_user("alice_the_erased", targets=[target], physical=True)
    assert receipt.complete
    assert receipt.deleted == 3
    assert everything(target, "bob") == others
    assert _asked(cache, scrubber, "bob") == "a reply to bob"
    if kind != "memory":
        assert receipt.targets[0].reclaimed == "yes"
        assert target.residue(traces) == {}
        files = b"".join(f.read_bytes() for f in tmp_path.iterdir())
        assert b"of alice" not in files
        assert b"of bob" in files
    assert delete_user("alice_the_erased", targets=[target]).status == "nothing found"


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_E10_what_no_user_is_named_in_is_refused_or_cleared(kind: str, tmp_path: Path) -> None:
    scrubber = Scrubber(vault=MemoryVault())
    cache = _llm_cache(kind, tmp_path)
    _asked(cache, scrubber, "bob")
    cache.update("a prompt of alice's", "model", [Generation(text="a reply")])
    target = LLMCacheTarget(cache, scrubber.vault)
    for wrong in (target, cache):
        receipt = delete_user("alice", targets=[wrong])
        assert receipt.status == "partial"
    with pytest.raises(ErasureError):
        target.delete("bob")
    assert cache.lookup("a prompt of alice's", "model")
    clearing = LLMCacheTarget(cache, scrubber.vault, clear_unattributed=True)
    assert delete_user("alice", targets=[clearing]).deleted == 1
    assert cache.lookup("a prompt of alice's", "model") is None
    assert target.count("bob") == 1


def test_a_tag_inside_a_models_settings_is_not_whose_an_entry_is() -> None:
    vault = MemoryVault()
    cache = InMemoryCache()
    stop = f"stop=['---piirag:{vault.tenant_tag('alice')}:0']"
    cache.update("p", f"{stop}---piirag:{vault.tenant_tag('bob')}:1", [Generation(text="r")])
    target = LLMCacheTarget(cache, vault)
    assert (target.count("alice"), target.count("bob")) == (0, 1)


def test_a_cache_that_cannot_list_is_refused_at_once() -> None:
    class Redis:
        pass

    cache = RedisCache.__new__(RedisCache)
    with pytest.raises(UnsupportedStoreError, match="not_covered"):
        LLMCacheTarget(cache, MemoryVault())


# Record managers


def _manager(kind: str, namespace: str, folder: Path) -> Any:
    if kind == "memory":
        return InMemoryRecordManager(namespace)
    manager = SQLRecordManager(namespace, db_url=f"sqlite:///{folder / 'records.db'}")
    manager.create_schema()
    return manager


def _indexed(manager: Any, store: Any, *documents: Document) -> dict[str, int]:
    found = index(
        list(documents), manager, store, cleanup=None, source_id_key="source", key_encoder="sha256"
    )
    return {name: n for name, n in found.items() if n}


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.parametrize("order", ["records first", "store first"])
def test_E7_what_was_erased_is_indexed_again(kind: str, order: str, tmp_path: Path) -> None:
    scrubber = Scrubber(vault=MemoryVault())
    inner = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
    tenants = TenantVectorStore(inner, scrubber=scrubber)
    manager = _manager(kind, "docs", tmp_path)
    documents = {
        user: [
            Document(page_content=f"letter {n} of {user}", metadata={"source": f"{n}.txt"})
            for n in range(3)
        ]
        for user in ("alice", "bob")
    }
    for user, theirs in documents.items():
        assert _indexed(manager, tenants.for_user(user), *theirs) == {"num_added": 3}
    # Without the target: the store is empty, and indexing passes everything over.
    assert _indexed(manager, tenants.for_user("alice"), *documents["alice"]) == {"num_skipped": 3}
    target = RecordManagerTarget(manager, stores=[tenants])
    assert target.count("alice") == 3
    assert len(list(target.items("alice"))) == 3
    targets = [target, tenants] if order == "records first" else [tenants, target]
    receipt = delete_user("alice", targets=targets)
    assert receipt.complete
    assert target.count("alice") == 0
    assert len(manager.list_keys()) == 3
    assert _indexed(manager, tenants.for_user("bob"), *documents["bob"]) == {"num_skipped": 3}
    scrubber.vault.reinstate("alice")
    assert _indexed(manager, tenants.for_user("alice"), *documents["alice"]) == {"num_added": 3}


def test_E7_chunks_that_were_deleted_directly_are_reconciled(tmp_path: Path) -> None:
    scrubber = Scrubber(vault=MemoryVault())
    inner = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
    tenants = TenantVectorStore(inner, scrubber=scrubber)
    manager = _manager("sqlite", "docs", tmp_path)
    other = _manager("sqlite", "other", tmp_path)
    other.update(["k"], group_ids=["x"])
    document = Document(page_content="a letter", metadata={"source": "1.txt"})
    _indexed(manager, tenants.for_user("alice"), document)
    delete_user("alice", targets=[tenants])
    target = RecordManagerTarget(manager, stores=[tenants])
    assert target.reconcile() == 1
    assert target.reconcile() == 0
    assert manager.list_keys() == []
    assert other.list_keys() == ["k"]


class TestRecordsByName(ErasureTargetSuite):
    """By namespace, by source and by key; in one SQLite table with everybody's."""

    @pytest.fixture
    def under_test(self, tmp_path: Path) -> TargetUnderTest:
        url = f"sqlite:///{tmp_path / 'records.db'}"
        shared = SQLRecordManager("docs", db_url=url)
        shared.create_schema()
        target = RecordManagerTarget(shared)

        def write(user: str) -> None:
            SQLRecordManager(f"{user}/docs", db_url=url).update(
                ["k1", "k2"], group_ids=["letter.txt", None]
            )
            shared.update([f"of {user}"], group_ids=[f"{user}:a-long-name-of-a-letter.txt"])
            shared.update([f"{user}:k3"])

        return TargetUnderTest(target, write, lambda user: everything(target, user))


def test_records_of_nobody_are_said_in_the_receipt() -> None:
    manager = InMemoryRecordManager("docs")
    manager.update(["alice:1", "k"])
    (entry,) = delete_user("alice", targets=[manager]).targets
    assert entry.deleted == 1
    assert "1 records name no user and stay" in entry.note
    with pytest.raises(ConfigurationError):
        RecordManagerTarget(manager, stores="docs")
    with pytest.raises(ConfigurationError):
        RecordManagerTarget(object())
    with pytest.raises(ConfigurationError):
        RecordManagerTarget(manager, stores=[MemoryVault()])


# LangGraph


def _thread(saver: Any, thread: str, user: str | None) -> None:
    metadata = {} if user is None else {"user_id": user}
    config = {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}
    checkpoint = empty_checkpoint()
    checkpoint["channel_values"] = {"text": f"a kettle of {user}"}
    checkpoint["id"] = str(uuid.uuid4())
    saver.put(config, checkpoint, metadata, {})


class TestCheckpoints(ErasureTargetSuite):
    @pytest.fixture
    def under_test(self) -> TargetUnderTest:
        saver = InMemorySaver()
        target = CheckpointsTarget(saver)

        def write(user: str) -> None:
            for n in range(2):
                _thread(saver, f"{user} {n}", user)
                _thread(saver, f"{user} {n}", user)

        return TargetUnderTest(target, write, lambda user: everything(target, user))


def test_a_thread_of_several_users_is_left_alone_and_said() -> None:
    saver = InMemorySaver()
    _thread(saver, "both", "alice")
    _thread(saver, "both", "bob")
    _thread(saver, "hers", "alice")
    _thread(saver, "untagged", None)
    receipt = delete_user("alice", targets=[saver])
    assert receipt.status == "partial"
    assert set(saver.storage) == {"both", "untagged"}
    known = CheckpointsTarget(saver, threads=lambda user: {"carol": ["untagged"]}.get(user, []))
    assert delete_user("carol", targets=[known]).deleted == 1
    assert {thread for thread, found in saver.storage.items() if found} == {"both"}


class TestGraphStore(ErasureTargetSuite):
    @pytest.fixture
    def under_test(self) -> TargetUnderTest:
        store = GraphStore()
        target = GraphStoreTarget(store)

        def write(user: str) -> None:
            for n in range(3):
                store.put(("memories", user), str(n), {"text": f"kettle {n} of {user}"})
            store.put(("shared",), f"of {user}", {"user_id": user, "text": "a pot"})

        return TargetUnderTest(target, write, lambda user: everything(target, user))


def test_more_items_than_a_page_of_a_graph_store() -> None:
    store = GraphStore()
    for n in range(450):
        store.put(("memories", "alice" if n % 2 else "bob"), str(n), {"text": "x"})
    assert delete_user("alice", targets=[store]).deleted == 225
    assert GraphStoreTarget(store).count("bob") == 225


# Several at once


def test_a_parent_document_retriever_names_both_of_its_stores() -> None:
    from langchain_classic.retrievers import ParentDocumentRetriever
    from langchain_text_splitters import CharacterTextSplitter

    scrubber = Scrubber(vault=MemoryVault())
    inner = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
    tenants = TenantVectorStore(inner, scrubber=scrubber, keyed_user_ids=True)
    parents = InMemoryStore()
    tags = TenantTags(vault=scrubber.vault, keyed=True)
    for user in ("alice", "bob"):
        retriever = ParentDocumentRetriever(
            vectorstore=tenants.for_user(user),
            docstore=parents,
            child_splitter=CharacterTextSplitter(chunk_size=40, chunk_overlap=0),
        )
        retriever.add_documents([Document(page_content=f"a letter of {user}")], ids=[f"{user}-1"])
        tagged = Document(page_content=f"a letter of {user}", metadata={"user_id": tags.tag(user)})
        parents.mset([(f"{user}-1", tagged)])
    receipt = delete_user("alice", targets=[retriever])
    assert receipt.complete
    assert [target.deleted for target in receipt.targets][:1] == [1]
    assert sorted(target.kind for target in receipt.targets) == [
        "in memory",
        "key-value store",
        "vault",
    ]
    assert list(parents.yield_keys()) == ["bob-1"]
