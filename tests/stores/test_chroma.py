"""Chroma, embedded and on a server: tenants, erasure, and the bytes that stay."""

from __future__ import annotations

import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chromadb
import numpy as np
import pytest
from langchain_chroma import Chroma
from llama_index.vector_stores.chroma import ChromaVectorStore

from langchain_piirag import TenantVectorStore as LangChainTenants
from langchain_piirag.testing import LangChainDriver
from lexical_langchain import LexicalEmbeddings
from llama_index_piirag import TenantVectorStore as LlamaIndexTenants
from llama_index_piirag.testing import LlamaIndexDriver
from piirag import Scrubber
from piirag.erasure import delete_user
from piirag.erasure.targets.chroma import ChromaTarget
from piirag.errors import ErasureError
from piirag.testing.erasure import ErasureTargetSuite, TargetUnderTest
from piirag.testing.tenancy import TenancyDriver, TenancySuite
from support.llama_fakes import HashedEmbedding


def _quiet() -> Any:
    """Settings of its own for each client: chromadb writes into them."""
    return chromadb.Settings(anonymized_telemetry=False)


@pytest.fixture(scope="class")
def client(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return chromadb.PersistentClient(str(tmp_path_factory.mktemp("chroma")), settings=_quiet())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Chroma's own server on loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = Path(sys.executable).parent / "chroma"
    folder = tmp_path_factory.mktemp("server")
    process = subprocess.Popen(
        [str(command), "run", "--path", str(folder), "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield _connected(port)
    finally:
        process.terminate()
        process.wait(20)


def _connected(port: int) -> Any:
    for _ in range(150):
        try:
            return chromadb.HttpClient(host="127.0.0.1", port=port, settings=_quiet())
        except Exception:
            time.sleep(0.2)
    raise RuntimeError("the server did not start")


class TestLangChain(TenancySuite):
    @pytest.fixture(scope="class")
    @classmethod
    def driver(cls, client: Any) -> TenancyDriver:
        store = Chroma("langchain", client=client, embedding_function=LexicalEmbeddings())
        return LangChainDriver(LangChainTenants(store, scrubber=Scrubber()))


class TestLlamaIndex(TenancySuite):
    @pytest.fixture(scope="class")
    @classmethod
    def driver(cls, client: Any) -> TenancyDriver:
        collection = client.get_or_create_collection("llama_index")
        store = ChromaVectorStore(chroma_collection=collection)
        tenants = LlamaIndexTenants(store, scrubber=Scrubber())
        return LlamaIndexDriver(tenants, HashedEmbedding())


class TestServer(TenancySuite):
    @pytest.fixture(scope="class")
    @classmethod
    def driver(cls, server: Any) -> TenancyDriver:
        store = Chroma("langchain", client=server, embedding_function=LexicalEmbeddings())
        return LangChainDriver(LangChainTenants(store, scrubber=Scrubber()))

    def test_E1_its_files_are_not_within_reach(
        self, driver: TenancyDriver, users: tuple[str, str]
    ) -> None:
        [entry, _] = delete_user(users[0], targets=[driver.tenants], physical=True).targets
        assert entry.verified_absent
        assert entry.reclaimed == "not possible"
        assert "server" in entry.note


# The bytes

_USERS, _OF_ONE, _DIMENSION = 50, 300, 24
_VICTIM = "user-7-x"


class Filled:
    """A collection with 300 items of one user among 50, and what to look for."""

    def __init__(self, folder: Path, name: str, **hnsw: Any) -> None:
        self.folder = folder
        self.client = chromadb.PersistentClient(str(folder), settings=_quiet())
        configuration = {"hnsw": {"space": "l2", "ef_search": 200, **hnsw}}
        self.collection = self.client.create_collection(name, configuration=configuration)
        self.numbers = np.random.default_rng(1)
        word = random.Random(2)
        canary = lambda: "".join(word.choice("abcdefghijklmnop") for _ in range(24))  # noqa: E731
        self.texts = [canary() for _ in range(_OF_ONE)]
        self.metadata = [canary() for _ in range(_OF_ONE)]
        self.vectors = self._vectors(_OF_ONE)
        self.others: dict[str, Any] = {}
        self._write()

    def _vectors(self, count: int) -> Any:
        return self.numbers.normal(size=(count, _DIMENSION)).astype("<f4")

    def _write(self) -> None:
        for part in range(0, _OF_ONE, 50):
            mine = range(part, part + 50)
            self.collection.add(
                ids=[f"{_VICTIM}:{i}" for i in mine],
                documents=[f"text {self.texts[i]} ends" for i in mine],
                metadatas=[{"user_id": _VICTIM, "note": self.metadata[i]} for i in mine],
                embeddings=self.vectors[part : part + 50],
            )
            for user in range(part // 6, part // 6 + 8):
                name = f"other-{user}-x"
                self.collection.add(
                    ids=[f"{name}:{i}" for i in range(10)],
                    documents=[f"text {i} of {name}" for i in range(10)],
                    metadatas=[{"user_id": name, "note": f"{i}"} for i in range(10)],
                    embeddings=self._vectors(10),
                )

    def left(self) -> dict[str, int]:
        """How many canaries of each kind are in the files, by plain search, without piirag."""
        data = [file.read_bytes() for file in self.folder.rglob("*") if file.is_file()]
        kinds = {
            "texts": [text.encode() for text in self.texts],
            "metadata": [note.encode() for note in self.metadata],
            "vectors": [vector.tobytes() for vector in self.vectors],
        }
        return {k: sum(any(c in d for d in data) for c in found) for k, found in kinds.items()}

    def state(self) -> Any:
        """What others hold and find."""
        held = self.collection.get(
            where={"user_id": {"$ne": _VICTIM}}, include=["documents", "metadatas", "embeddings"]
        )
        rows = sorted(
            zip(
                held["ids"],
                held["documents"],
                [sorted(m.items()) for m in held["metadatas"]],
                [v.tolist() for v in held["embeddings"]],
                strict=True,
            )
        )
        asked = np.random.default_rng(3).normal(size=(25, _DIMENSION))
        found = self.collection.query(
            query_embeddings=asked, n_results=10, where={"user_id": {"$ne": _VICTIM}}, include=[]
        )
        return rows, found["ids"]


@pytest.mark.parametrize("hnsw", [{"sync_threshold": 100}, {}], ids=["synced", "in the queue"])
def test_E1_E2_E3_nothing_of_300_canaries_is_left(tmp_path: Path, hnsw: dict[str, int]) -> None:
    store = Filled(tmp_path / "chroma", "canaries", **hnsw)
    before = store.state()
    assert {k: n for k, n in store.left().items() if k != "vectors"} == {
        "texts": 300,
        "metadata": 300,
    }
    plain = ChromaTarget(store.collection)
    plain.delete(_VICTIM)
    assert min(store.left().values()) > 0
    assert plain.count(_VICTIM) == 0
    plain.reclaim(_VICTIM)
    assert store.left() == {"texts": 0, "metadata": 0, "vectors": 0}
    assert store.state() == before
    # The same objects go on working; what is written afterwards is there, and stays.
    for round in range(3):
        vector = [[100.0 + round] * _DIMENSION]
        store.collection.add(ids=[f"new-{round}"], documents=["d"], embeddings=vector)
        assert store.client.get_collection("canaries").count() == len(before[0]) + round + 1
        found = store.collection.query(query_embeddings=vector, n_results=1, include=[])
        assert found["ids"] == [[f"new-{round}"]]
        plain.reclaim(_VICTIM)
        assert store.collection.get(ids=[f"new-{round}"])["documents"] == ["d"]


def test_E1_physical_through_the_service(tmp_path: Path) -> None:
    store = Filled(tmp_path / "chroma", "canaries")
    [entry] = delete_user(_VICTIM, targets=[store.collection], physical=True).targets
    assert (entry.found, entry.remaining, entry.reclaimed) == (300, 0, "yes")
    assert entry.residue == {}
    assert store.left() == {"texts": 0, "metadata": 0, "vectors": 0}


def test_E8_a_user_deleted_long_ago_is_reclaimed_too(tmp_path: Path) -> None:
    store = Filled(tmp_path / "chroma", "canaries", sync_threshold=100)
    store.collection.delete(where={"user_id": _VICTIM})
    ChromaTarget(store.collection).reclaim("somebody-else")
    assert store.left() == {"texts": 0, "metadata": 0, "vectors": 0}


def test_E1_the_last_user_leaves_no_memory_of_this_process_in_the_index(tmp_path: Path) -> None:
    """An index without elements is written anew when it is opened, over whatever memory held."""
    client = chromadb.PersistentClient(str(tmp_path / "chroma"), _quiet())
    collection = client.create_collection("one-user", embedding_function=None)
    vector = [0.5] * _DIMENSION
    for _ in range(3):
        collection.add(
            ids=["a"], documents=["d"], metadatas=[{"user_id": _VICTIM}], embeddings=[vector]
        )
        target = ChromaTarget(collection)
        target.delete(_VICTIM)
        target.reclaim(_VICTIM)
        assert target.count(_VICTIM) == 0
        files = [*tmp_path.rglob("data_level0.bin"), *tmp_path.rglob("length.bin")]
        assert files
        for file in files:
            assert not any(file.read_bytes()), file.name
    collection.add(ids=["b"], documents=["d"], embeddings=[vector])
    assert collection.query(query_embeddings=[vector], n_results=1, include=[])["ids"] == [["b"]]


def test_E1_the_index_of_a_deleted_collection_is_removed(tmp_path: Path) -> None:
    store = Filled(tmp_path / "chroma", "canaries", sync_threshold=100)
    store.client.delete_collection("canaries")
    other = store.client.create_collection("other-one")
    other.add(ids=["a"], documents=["d"], metadatas=[{"user_id": "a"}], embeddings=[[1.0, 2.0]])
    assert store.left()["vectors"] > 0
    ChromaTarget(other).reclaim("a")
    assert store.left() == {"texts": 0, "metadata": 0, "vectors": 0}
    assert other.get(ids=["a"])["documents"] == ["d"]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_E1_another_process_that_has_it_open_is_refused(tmp_path: Path) -> None:
    store = Filled(tmp_path / "chroma", "canaries")
    code = (
        "import chromadb, sys\n"
        f"c = chromadb.PersistentClient({str(store.folder)!r},"
        " settings=chromadb.Settings(anonymized_telemetry=False))\n"
        "c.get_collection('canaries').count(); print('open', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(ErasureError):
            ChromaTarget(store.collection).reclaim(_VICTIM)
        [entry] = delete_user(_VICTIM, targets=[store.collection], physical=True).targets
        assert entry.reclaimed == "no"
        assert entry.error == "piirag.errors.ErasureError"
    finally:
        other.communicate(timeout=20)
    assert delete_user(_VICTIM, targets=[store.collection], physical=True).complete
    assert ChromaTarget(store.collection).count(_VICTIM) == 0


def test_an_index_of_an_unknown_version_is_left_alone(tmp_path: Path) -> None:
    from piirag.erasure.targets.hnsw_file import overwrite_deleted

    store = Filled(tmp_path / "chroma", "canaries", sync_threshold=100)
    store.collection.delete(where={"user_id": _VICTIM})
    [index] = [file.parent for file in store.folder.rglob("header.bin")]
    copy = tmp_path / "copy"
    shutil.copytree(index, copy)
    data = (copy / "data_level0.bin").read_bytes()
    header = bytearray((copy / "header.bin").read_bytes())
    header[0] = 9
    for broken in (bytes(header), b"", bytes(header) * 2):
        (copy / "header.bin").write_bytes(broken)
        with pytest.raises(ErasureError):
            overwrite_deleted(copy)
        assert (copy / "data_level0.bin").read_bytes() == data


def test_a_store_in_memory_has_no_files() -> None:
    collection = chromadb.EphemeralClient().get_or_create_collection("memory")
    target = ChromaTarget(collection)
    assert not target.capabilities.reclaim
    with pytest.raises(ErasureError):
        target.reclaim("alice")


class TestTarget(ErasureTargetSuite):
    @pytest.fixture
    def under_test(self, tmp_path: Path) -> TargetUnderTest:
        client = chromadb.PersistentClient(str(tmp_path / "chroma"), settings=_quiet())
        collection = client.create_collection("target")

        def write(user: str) -> None:
            collection.add(
                ids=[f"{user}:{i}" for i in range(5)],
                documents=[f"document {i} of {user}, long enough to look for" for i in range(5)],
                metadatas=[{"user_id": user} for _ in range(5)],
                embeddings=[[float(i), 1.0, float(len(user))] for i in range(5)],
            )

        def read(user: str) -> Any:
            return collection.get(where={"user_id": user}, include=["documents", "metadatas"])

        return TargetUnderTest(ChromaTarget(collection), write, read)


def test_L9_an_id_with_personal_data_never_reaches_the_files(tmp_path: Path) -> None:
    """Chroma logs the ids of what it is to delete, whether they are there or not."""
    store = Chroma("items", LexicalEmbeddings(), str(tmp_path), client_settings=_quiet())
    alice = LangChainTenants(store, scrubber=Scrubber()).for_user("alice")
    raw = "jane.roe@example.com"
    [id] = alice.add_texts(["Hello"], ids=[raw])
    assert alice.delete([raw, "joe@example.com"])
    assert alice.get_by_ids([id, raw]) == []
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert b"example.com" not in path.read_bytes(), path.name
