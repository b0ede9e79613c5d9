"""FAISS: tenants, erasure in memory and in saved files, indices of every kind."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest
from langchain_community.docstore.in_memory import InMemoryDocstore
from langchain_community.vectorstores import FAISS
from llama_index.core import StorageContext
from llama_index.core.schema import TextNode
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.vector_stores.faiss import FaissMapVectorStore, FaissVectorStore

from langchain_piirag import TenantVectorStore as LangChainTenants
from langchain_piirag.testing import LangChainDriver
from lexical_langchain import LexicalEmbeddings
from llama_index_piirag import TenantVectorStore as LlamaIndexTenants
from llama_index_piirag.testing import LlamaIndexDriver
from piirag import Scrubber
from piirag.erasure import as_targets, delete_user
from piirag.erasure.targets import faiss_files
from piirag.erasure.targets.faiss import FaissTarget
from piirag.errors import ConfigurationError, ErasureError, UnsupportedStoreError
from piirag.testing.erasure import ErasureTargetSuite, TargetUnderTest
from piirag.testing.tenancy import Item, TenancyDriver, TenancySuite
from support.llama_fakes import HashedEmbedding

_DIMENSION = len(LexicalEmbeddings().embed_query("x"))
_LLAMA_DIMENSION = len(HashedEmbedding().get_text_embedding("x"))


def _store(index: Any = None, **options: Any) -> FAISS:
    index = faiss.IndexFlatL2(_DIMENSION) if index is None else index
    return FAISS(LexicalEmbeddings(), index, InMemoryDocstore(), {}, **options)


class TestLangChain(TenancySuite):
    @pytest.fixture(scope="class")
    @classmethod
    def driver(cls) -> TenancyDriver:
        return LangChainDriver(LangChainTenants(_store(), scrubber=Scrubber()))


class TestLlamaIndexMap(TenancySuite):
    @pytest.fixture(scope="class")
    @classmethod
    def driver(cls) -> TenancyDriver:
        store = FaissMapVectorStore(faiss.IndexIDMap2(faiss.IndexFlatL2(_LLAMA_DIMENSION)))
        tenants = LlamaIndexTenants(store, scrubber=Scrubber(), docstore=SimpleDocumentStore())
        return LlamaIndexDriver(tenants, HashedEmbedding())


class TestLlamaIndexPlain(TestLlamaIndexMap):
    @pytest.fixture(scope="class")
    @classmethod
    def driver(cls) -> TenancyDriver:
        store = FaissVectorStore(faiss.IndexFlatL2(_LLAMA_DIMENSION))
        tenants = LlamaIndexTenants(store, scrubber=Scrubber(), docstore=SimpleDocumentStore())
        return LlamaIndexDriver(tenants, HashedEmbedding())


# Indices

_KINDS: dict[str, Callable[[int], Any]] = {
    "flat": faiss.IndexFlatL2,
    "inner product": faiss.IndexFlatIP,
    "hnsw": lambda d: faiss.IndexHNSWFlat(d, 16),
    "ivf": lambda d: faiss.index_factory(d, "IVF4,Flat"),
    "scalar quantiser": lambda d: faiss.index_factory(d, "SQfp16"),
}


def _trained(index: Any) -> Any:
    index.train(np.random.default_rng(1).normal(size=(200, index.d)).astype("f4"))
    return index


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("framework", ["langchain", "llama_index"])
def test_T2_after_deletions_every_vector_still_finds_its_own_text(
    kind: str, framework: str
) -> None:
    lexical = framework == "langchain"
    index = _trained(_KINDS[kind](_DIMENSION if lexical else _LLAMA_DIMENSION))
    if lexical:
        driver: Any = LangChainDriver(LangChainTenants(_store(index), scrubber=Scrubber()))
    else:
        store, texts = FaissMapVectorStore(faiss.IndexIDMap2(index)), SimpleDocumentStore()
        tenants = LlamaIndexTenants(store, scrubber=Scrubber(), docstore=texts)
        driver = LlamaIndexDriver(tenants, HashedEmbedding())
    words = random.Random(3).sample("tea rice soup salt corn oats figs plum kale leek".split(), 10)
    users = ["anna-x", "bert-x", "cleo-x"]
    for word in words:
        for user in users:
            driver.write(driver.tenants.for_user(user), [Item(word, f"{word} of {user}", {})])
    assert delete_user("anna-x", targets=[driver.tenants]).complete
    for user in users[1:]:
        driver.remove(driver.tenants.for_user(user), words[:2])
        driver.write(driver.tenants.for_user(user), [Item(words[2], f"{words[2]} of {user}", {})])
    native = driver._dialect.store if lexical else driver._store.store
    assert (native.index if lexical else native.client).ntotal == 16
    for user in users[1:]:
        view = driver.tenants.for_user(user)
        for word in words[2:]:
            if lexical:
                [found] = [d.page_content for d in view.similarity_search(f"{word} of", k=1)]
            else:
                [node] = driver._paths[4].read(view, 1, None, {})
                found = node.text
                assert found.endswith(user)
                continue
            assert found == f"{word} of {user}"


def test_the_scores_are_those_of_the_store() -> None:
    for options in ({}, {"normalize_L2": True}):
        store = _store(**options)
        view = LangChainTenants(store, scrubber=Scrubber()).for_user("anna-x")
        words = "tea and salt with some rice on it".split()
        view.add_texts([" ".join(words[:i]) for i in range(2, 8)])
        mine = view.similarity_search_with_score("tea and salt", k=5)
        own = store.similarity_search_with_score("tea and salt", k=5)
        assert [d.page_content for d, _ in mine] == [d.page_content for d, _ in own]
        assert [s for _, s in mine] == pytest.approx([s for _, s in own], abs=1e-5)
        mmr = [d.page_content for d in view.max_marginal_relevance_search("tea and salt", k=3)]
        theirs = store.max_marginal_relevance_search("tea and salt", k=3)
        assert mmr == [d.page_content for d in theirs]


def test_stores_whose_users_cannot_be_kept_apart_are_refused() -> None:
    flat = faiss.IndexFlatL2(_DIMENSION)
    filled = FaissVectorStore(faiss.IndexFlatL2(4))
    filled.add([TextNode(text="x", embedding=[1.0, 2, 3, 4])])
    with pytest.raises(UnsupportedStoreError):
        LlamaIndexTenants(filled, scrubber=Scrubber(), docstore=SimpleDocumentStore())
    with pytest.raises(ConfigurationError):
        LlamaIndexTenants(FaissVectorStore(flat), scrubber=Scrubber())
    with pytest.raises(ConfigurationError):
        as_targets(FaissVectorStore(flat))
    for index in (faiss.IndexIDMap2(flat), faiss.IndexBinaryFlat(64), faiss.IndexLSH(8, 8)):
        if hasattr(index, "add") and type(index).__name__ == "IndexLSH":
            index.add(np.ones((1, 8), dtype="f4"))
        with pytest.raises(UnsupportedStoreError):
            LangChainTenants(_store(index), scrubber=Scrubber())
    torn = _store()
    torn.add_texts(["a", "b"])
    torn.index.remove_ids(np.array([0]))
    with pytest.raises(UnsupportedStoreError):
        LangChainTenants(torn, scrubber=Scrubber())


def test_a_failing_embedder_loses_nothing() -> None:
    store = _store()
    view = LangChainTenants(store, scrubber=Scrubber()).for_user("anna-x")
    view.add_texts(["tea"], ids=["1"])
    store.embedding_function = None
    with pytest.raises(TypeError):
        view.add_texts(["rice"], ids=["1"])
    assert [d.page_content for d in view.get_by_ids(["1"])] == ["tea"]


def test_what_llama_index_wrote_is_read_and_erased() -> None:
    store, texts = (
        FaissMapVectorStore(faiss.IndexIDMap2(faiss.IndexFlatL2(2))),
        SimpleDocumentStore(),
    )
    nodes = [
        TextNode(id_=f"{u}:{i}", text=f"{u} {i}", metadata={"user_id": u}, embedding=[i, 1.0])
        for u in ("anna-x", "bert-x")
        for i in range(3)
    ]
    store.add(nodes)
    texts.add_documents(nodes)
    tenants = LlamaIndexTenants(store, scrubber=Scrubber(), docstore=texts)
    assert len(tenants.for_user("bert-x").get_nodes()) == 3
    receipt = delete_user("anna-x", targets=[tenants])
    assert (receipt.deleted, receipt.complete) == (3, True)
    # The wrapper would give two nodes one number now.
    bert = tenants.for_user("bert-x")
    bert.add([TextNode(id_="new", text="tea", embedding=[9.0, 9.0])])
    assert len(bert.get_nodes()) == store.client.ntotal == 4


def test_E1_a_vector_whose_node_is_gone_is_erased_too() -> None:
    for base in (FaissMapVectorStore, FaissVectorStore):
        index = faiss.IndexFlatL2(2)
        store = base(faiss.IndexIDMap2(index) if base is FaissMapVectorStore else index)
        texts = SimpleDocumentStore()
        tenants = LlamaIndexTenants(store, scrubber=Scrubber(), docstore=texts)
        for user in ("anna-x", "bert-x"):
            tenants.for_user(user).add([TextNode(id_="1", text="tea", embedding=[1.0, 2.0])])
        texts.delete_document("anna-x:1")
        assert delete_user("anna-x", targets=[tenants]).complete
        assert store.client.ntotal == 1
        assert len(tenants.for_user("bert-x").get_nodes()) == 1


def test_T17_searches_during_writes_return_the_users_own(tmp_path: Path) -> None:
    tenants = LangChainTenants(_store(), scrubber=Scrubber())

    def work(user: str) -> None:
        view = tenants.for_user(user)
        for i in range(12):
            view.add_texts([f"tea {i} of {user}"], ids=[str(i)])
            if i % 3 == 2:
                view.delete([str(i - 1)])
            found = view.similarity_search("tea", k=20)
            assert len(found) == i + 1 - (i + 1) // 3
            assert all(user in document.page_content for document in found)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, [f"user-{i}-x" for i in range(4)]))


# The bytes

_USERS, _OF_ONE, _VICTIM = 50, 300, "user-7-x"


class Filled:
    """A saved store with 300 items of one user among 50, and what to look for."""

    def __init__(self, folder: Path, framework: str) -> None:
        self.folder, self.framework = folder, framework
        word = random.Random(2)
        canary = lambda: "".join(word.choice("abcdefghijklmnop") for _ in range(24))  # noqa: E731
        self.texts = [canary() for _ in range(_OF_ONE)]
        self.notes = [canary() for _ in range(_OF_ONE)]
        numbers = np.random.default_rng(1)
        self.vectors = numbers.normal(size=(_OF_ONE, 24)).astype("<f4")
        index = faiss.IndexFlatL2(24)
        if framework == "langchain":
            self.store: Any = _store(index)
            self.texts_of: Any = None
        else:
            self.texts_of = SimpleDocumentStore()
            self.store = FaissMapVectorStore(faiss.IndexIDMap2(index))
        for part in range(0, _OF_ONE, 50):
            for i in range(part, part + 50):
                self._add(f"{_VICTIM}:{i}", _VICTIM, self.texts[i], self.notes[i], self.vectors[i])
            for user in range(part // 6, part // 6 + 8):
                for i in range(10):
                    vector = numbers.normal(size=24).astype("<f4")
                    name = f"other-{user}-x"
                    self._add(f"{name}:{i}", name, f"text {i} of {name}", f"{i}", vector)
        folder.mkdir(exist_ok=True)
        self.save()

    def _add(self, id: str, user: str, text: str, note: str, vector: Any) -> None:
        metadata = {"user_id": user, "note": note}
        if self.framework == "langchain":
            self.store.add_embeddings([(text, vector.tolist())], [metadata], [id])
        else:
            node = TextNode(id_=id, text=text, metadata=metadata, embedding=vector.tolist())
            self.store.add([node])
            self.texts_of.add_documents([node.model_copy(update={"embedding": None})])

    def save(self) -> None:
        if self.framework == "langchain":
            self.store.save_local(str(self.folder))
        else:
            storage = StorageContext.from_defaults(docstore=self.texts_of, vector_store=self.store)
            storage.persist(str(self.folder))

    def loaded(self) -> Any:
        if self.framework == "langchain":
            return FAISS.load_local(
                str(self.folder), LexicalEmbeddings(), allow_dangerous_deserialization=True
            )
        return FaissMapVectorStore.from_persist_dir(str(self.folder))

    def target(self, store: Any = None, docstore: Any = None) -> FaissTarget:
        return FaissTarget(
            store or self.store, docstore=docstore or self.texts_of, folder=self.folder
        )

    def left(self) -> dict[str, int]:
        data = [file.read_bytes() for file in self.folder.rglob("*") if file.is_file()]
        kinds = {
            "texts": [text.encode() for text in self.texts],
            "metadata": [note.encode() for note in self.notes],
            "vectors": [vector.tobytes() for vector in self.vectors],
        }
        return {k: sum(any(c in d for d in data) for c in found) for k, found in kinds.items()}

    def state(self) -> Any:
        """What others hold and find."""
        target = self.target()
        held = sorted(
            (i.id, i.text, sorted(i.metadata.items()))
            for i in target.all_items()
            if i.metadata.get("user_id") != _VICTIM
        )
        asked = np.random.default_rng(3).normal(size=(25, 24)).astype("<f4")
        index = self.store.index if self.framework == "langchain" else self.store.client
        found = index.search(asked, index.ntotal)[1]
        table = (
            self.store.index_to_docstore_id
            if self.framework == "langchain"
            else self.store._faiss_id_to_node_id_map
        )
        ranks = [[table[p] for p in row if not table[p].startswith(_VICTIM)] for row in found]
        return held, ranks


@pytest.mark.parametrize("framework", ["langchain", "llama_index"])
def test_E1_E2_E3_nothing_of_300_canaries_is_left(tmp_path: Path, framework: str) -> None:
    store = Filled(tmp_path / "saved", framework)
    before = store.state()
    assert store.left() == {"texts": 300, "metadata": 300, "vectors": 300}
    target = store.target()
    [entry] = delete_user(_VICTIM, targets=[target], physical=True).targets
    assert (entry.found, entry.remaining, entry.reclaimed, entry.residue) == (300, 0, "yes", {})
    assert store.left() == {"texts": 0, "metadata": 0, "vectors": 0}
    assert store.state() == before
    store.store = store.loaded()
    if framework == "llama_index":
        store.texts_of = SimpleDocumentStore.from_persist_dir(str(store.folder))
    assert store.state() == before


@pytest.mark.parametrize("framework", ["langchain", "llama_index"])
def test_E8_a_store_that_was_never_saved_again_is_found_out(tmp_path: Path, framework: str) -> None:
    store = Filled(tmp_path / "saved", framework)
    [entry] = delete_user(
        _VICTIM, targets=[FaissTarget(store.store, docstore=store.texts_of)], physical=True
    ).targets
    assert (entry.reclaimed, "saved" in entry.note) == ("not possible", True)
    assert store.left()["texts"] == 300
    target = store.target()
    assert target.count(_VICTIM) == 300
    assert delete_user(_VICTIM, targets=[target], physical=True).complete
    assert store.left() == {"texts": 0, "metadata": 0, "vectors": 0}


@pytest.mark.parametrize("framework", ["langchain", "llama_index"])
def test_files_that_hold_more_than_the_memory_are_left_alone(
    tmp_path: Path, framework: str
) -> None:
    store = Filled(tmp_path / "saved", framework)
    stale = (
        _store()
        if framework == "langchain"
        else FaissMapVectorStore(faiss.IndexIDMap2(faiss.IndexFlatL2(24)))
    )
    receipt = delete_user(_VICTIM, targets=[store.target(stale, SimpleDocumentStore())])
    assert receipt.targets[0].error == "piirag.errors.ErasureError"
    assert store.left()["texts"] == 300
    name = "index.pkl" if framework == "langchain" else "docstore.json"
    read = faiss_files.read_pickle if framework == "langchain" else faiss_files.read_docstore
    assert len(read(store.folder / name)) == 300 + 480


@pytest.mark.parametrize("fail_at", [1, 2])
def test_E4_an_interrupted_save_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fail_at: int
) -> None:
    store = Filled(tmp_path / "saved", "langchain")
    before = store.state()
    calls = []
    replace = faiss_files.os.replace

    def failing(*args: Any) -> None:
        calls.append(args)
        if len(calls) == fail_at:
            raise KeyboardInterrupt
        replace(*args)

    monkeypatch.setattr(faiss_files.os, "replace", failing)
    with pytest.raises(KeyboardInterrupt):
        store.target().delete(_VICTIM)
    monkeypatch.setattr(faiss_files.os, "replace", replace)
    store.store = store.loaded()
    if fail_at == 2:
        with pytest.raises(UnsupportedStoreError):
            LangChainTenants(store.store, scrubber=Scrubber())
    with pytest.raises(ErasureError, match="load"):
        store.target()
    store.store = store.loaded()
    assert store.target().count(_VICTIM) == 0
    assert store.left() == {"texts": 0, "metadata": 0, "vectors": 0}
    assert store.state() == before


def test_a_pickle_is_read_without_being_run(tmp_path: Path) -> None:
    import pickle

    class Evil:
        def __reduce__(self) -> Any:
            return (exec, ("raise SystemExit",))

    path = tmp_path / "index.pkl"
    path.write_bytes(pickle.dumps((Evil(), {})))
    with pytest.raises(ErasureError):
        faiss_files.read_pickle(path)
    for broken in (b"", b"x", pickle.dumps(3), pickle.dumps((1, 2))):
        path.write_bytes(broken)
        with pytest.raises(ErasureError):
            faiss_files.read_pickle(path)


class TestTarget(ErasureTargetSuite):
    @pytest.fixture(params=["langchain", "llama_index"])
    def under_test(self, tmp_path: Path, request: pytest.FixtureRequest) -> TargetUnderTest:
        lexical = request.param == "langchain"
        texts = None if lexical else SimpleDocumentStore()
        index = faiss.IndexFlatL2(3)
        store: Any = _store(index) if lexical else FaissMapVectorStore(faiss.IndexIDMap2(index))
        target = FaissTarget(store, docstore=texts, folder=tmp_path)

        def write(user: str) -> None:
            for i in range(5):
                text = f"document {i} of {user}, long enough to look for"
                vector = [float(i), 1.0, float(len(user))]
                if texts is None:
                    store.add_embeddings([(text, vector)], [{"user_id": user}], [f"{user}:{i}"])
                    continue
                node = TextNode(
                    id_=f"{user}:{i}", text=text, metadata={"user_id": user}, embedding=vector
                )
                target._items.add([node.node_id], np.array([vector], dtype="f4"))
                texts.add_documents([node])
            target._items.write(tmp_path)

        def read(user: str) -> Any:
            items = [(i.id, i.text, dict(i.metadata)) for i in target.items(user)]
            return sorted(items), np.asarray(target.vectors(user)).tolist()

        return TargetUnderTest(target, write, read)
