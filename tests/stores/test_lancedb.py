"""LanceDB: tenants, erasure, old versions and the bytes that stay."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_community.vectorstores import LanceDB
from llama_index.core.schema import TextNode
from llama_index.vector_stores.lancedb import LanceDBVectorStore

from langchain_piirag import TenantVectorStore as LangChainTenants
from langchain_piirag.testing import LangChainDriver
from lexical_langchain import LexicalEmbeddings
from llama_index_piirag import TenantVectorStore as LlamaIndexTenants
from llama_index_piirag.testing import LlamaIndexDriver
from piirag import Scrubber
from piirag.erasure import as_targets, delete_user
from piirag.erasure.targets.lancedb import LanceDBTarget
from piirag.erasure.targets.lancedb_table import LanceItems, LanceRow
from piirag.errors import InvalidInputError, UnsupportedStoreError
from piirag.tenancy.filters import matches
from piirag.testing.erasure import ErasureTargetSuite, TargetUnderTest
from piirag.testing.tenancy import Item, TenancyDriver, TenancySuite
from support.llama_fakes import HashedEmbedding


def _langchain(folder: Path, **options: Any) -> LanceDB:
    connection = lancedb.connect(str(folder))
    return LanceDB(connection, LexicalEmbeddings(), table_name="items", **options)


def _llama_index(folder: Path, **options: Any) -> LanceDBVectorStore:
    return LanceDBVectorStore(str(folder), "items", **options)


class TestLangChain(TenancySuite):
    @pytest.fixture(scope="class")
    @classmethod
    def driver(cls, tmp_path_factory: pytest.TempPathFactory) -> TenancyDriver:
        store = _langchain(tmp_path_factory.mktemp("lancedb"))
        return LangChainDriver(LangChainTenants(store, scrubber=Scrubber()))


class TestLlamaIndex(TenancySuite):
    @pytest.fixture(scope="class")
    @classmethod
    def driver(cls, tmp_path_factory: pytest.TempPathFactory) -> TenancyDriver:
        store = _llama_index(tmp_path_factory.mktemp("lancedb"))
        return LlamaIndexDriver(LlamaIndexTenants(store, scrubber=Scrubber()), HashedEmbedding())


# Filters

_VALUES = st.one_of(
    st.text(max_size=4),
    st.sampled_from(["'", "''", "\\'", "a' OR TRUE --", "`", '"']),
    st.integers(-(2**63) + 1, 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([2, 2.0, 2.5, -0.5, 1e300, -1e300, 9.3e18]),
    st.booleans(),
).filter(lambda v: not isinstance(v, str) or "\x00" not in v)
_ONE = st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$contains"])
_KEYS = st.sampled_from(["word", "n", "x", "flag", "many", "nowhere", "a b", "user-id"])
_COMPARED = st.one_of(
    st.builds(lambda k, o, v: {k: {o: v}}, _KEYS, _ONE, _VALUES),
    st.builds(
        lambda k, o, v: {k: {o: v}},
        _KEYS,
        st.sampled_from(["$in", "$nin"]),
        st.lists(_VALUES, min_size=1, max_size=3),
    ),
    st.builds(lambda k, v: {k: {"$exists": v}}, _KEYS, st.booleans()),
)
_CLAUSES = st.recursive(
    _COMPARED,
    lambda inner: st.one_of(
        st.builds(
            lambda o, parts: {o: parts},
            st.sampled_from(["$and", "$or"]),
            st.lists(inner, min_size=2, max_size=3),
        ),
        st.builds(lambda part: {"$not": part}, inner),
    ),
    max_leaves=4,
)
_METADATA: list[dict[str, Any]] = [
    {"word": "'", "n": 2, "x": 2.5, "flag": True, "many": ["a", "'"]},
    {"word": "a' OR TRUE --", "n": -1, "x": -0.5, "flag": False, "many": ["b"]},
    {"word": "", "n": 2**62, "x": 1e300, "a b": "c"},
    {"n": 0, "x": 2.0, "user-id": "d"},
    {},
]


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> LanceItems:
    items = LanceItems(lancedb.connect(str(tmp_path_factory.mktemp("compared"))), "items")
    items.write([LanceRow(str(i), "t", m, [1.0, i]) for i, m in enumerate(_METADATA)])
    return items


@settings(max_examples=60, deadline=None)
@given(clause=_CLAUSES)
def test_T5_T6_every_filter_finds_what_it_says(compared: LanceItems, clause: Any) -> None:
    """The SQL finds what `matches` finds, which is the meaning of filters."""
    expected = {str(i) for i, m in enumerate(_METADATA) if matches(clause, m)}
    where = compared.language().translate(clause)
    assert {row.id for row in compared.rows(where)} == expected
    assert compared.count(where) == len(expected)


# Metadata


def test_metadata_come_back_as_they_were(tmp_path: Path) -> None:
    view = LangChainTenants(_langchain(tmp_path), scrubber=Scrubber()).for_user("anna-x")
    given: list[dict[str, Any]] = [
        {"n": 1},
        {"word": "tea", "many": ["a", "b"], "flag": True},
        {"x": 1.5, "a b": "c", "N": "another key"},
        {"n": 2.0, "x": 3},
        {},
    ]
    for i, metadata in enumerate(given):
        view.add_texts([f"text {i}"], [metadata], ids=[str(i)])
    for i, metadata in enumerate(given):
        assert view.get_by_ids([str(i)])[0].metadata == metadata
    assert len(view.similarity_search("text", k=9, filter={"word": {"$ne": "x"}})) == 5


@pytest.mark.parametrize(
    "metadata",
    [{"n": 1.5}, {"n": "one"}, {"n": True}, {"new": {"a": 1}}, {"a.b": 1}, {"`": 1}, {"l": []}],
)
def test_metadata_that_cannot_be_held_are_refused(tmp_path: Path, metadata: dict[str, Any]) -> None:
    view = LangChainTenants(_langchain(tmp_path), scrubber=Scrubber()).for_user("anna-x")
    view.add_texts(["text"], [{"n": 1}], ids=["0"])
    with pytest.raises(InvalidInputError):
        view.add_texts(["other"], [metadata], ids=["0"])
    assert [d.page_content for d in view.get_by_ids(["0"])] == ["text"]


def test_adding_does_not_replace_the_table(tmp_path: Path) -> None:
    """The wrapper's own default does."""
    tenants = LangChainTenants(_langchain(tmp_path, mode="overwrite"), scrubber=Scrubber())
    for user in ("anna-x", "bert-x"):
        tenants.for_user(user).add_texts(["text"])
    assert len(tenants.for_user("anna-x").similarity_search("text")) == 1


def test_a_table_that_the_wrapper_made_unreadable_is_read(tmp_path: Path) -> None:
    store = _langchain(tmp_path, mode="append")
    store.add_texts(["one", "two"], [{"user_id": "anna-x", "n": 1, "w": "a"}] * 2)
    store.add_texts(["three"], [{"user_id": "anna-x"}])
    store.add_texts(["four"], [{"user_id": "bert-x"}])
    tenants = LangChainTenants(store, scrubber=Scrubber())
    assert len(tenants.for_user("anna-x").similarity_search("one", k=9)) == 3
    assert len(tenants.for_user("anna-x").similarity_search("one", filter={"n": 1})) == 2
    assert delete_user("anna-x", targets=[store]).deleted == 3
    assert len(tenants.for_user("bert-x").similarity_search("one")) == 1


# Both frameworks


def test_what_one_framework_wrote_the_other_reads_and_erases(tmp_path: Path) -> None:
    embed = HashedEmbedding()
    length = len(embed.get_text_embedding("x"))

    class Embeddings(LexicalEmbeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [embed.get_text_embedding(text) for text in texts]

        def embed_query(self, text: str) -> list[float]:
            return embed.get_text_embedding(text)

    scrubber = Scrubber()
    for first in ("langchain", "llama_index"):
        folder = tmp_path / first
        if first == "llama_index":
            LanceDBVectorStore(str(folder), "items").add(
                [
                    TextNode(
                        id_="native-1",
                        text="written by the wrapper",
                        metadata={"user_id": "bert-x"},
                        embedding=[0.5] * length,
                    )
                ]
            )
        chain = LangChainTenants(
            LanceDB(lancedb.connect(str(folder)), Embeddings(), table_name="items"),
            scrubber=scrubber,
        )
        index = LlamaIndexTenants(_llama_index(folder), scrubber=scrubber)
        drivers = [LangChainDriver(chain), LlamaIndexDriver(index, embed)]
        for name, driver in zip("ab", drivers, strict=True):
            for user in ("anna-x", "bert-x"):
                item = Item(name, f"from {name} of {user}", {"n": 1, name: 2})
                driver.write(driver.tenants.for_user(user), [item])
        for driver in drivers:
            view = driver.tenants.for_user("anna-x")
            assert sorted(i.text for i in driver.get(view, ["a", "b"])) == [
                "from a of anna-x",
                "from b of anna-x",
            ]
            for path in driver.paths():
                found = path.read(view, 5, {"n": 1}, {})
                assert len(found) == 2 or not path.complete, path.name
        receipt = delete_user("anna-x", targets=[chain, index])
        assert [t.found for t in receipt.targets if t.kind == "lancedb"] == [2]
        held = 3 if first == "llama_index" else 2
        assert len(drivers[1].paths()[3].read(index.for_user("bert-x"), 9, None, {})) == held
        assert len(chain.for_user("bert-x").similarity_search("from", k=9)) == held
        scrubber.vault.reinstate("anna-x")


def test_tables_of_another_shape_are_refused(tmp_path: Path) -> None:
    connection = lancedb.connect(str(tmp_path))
    connection.create_table("items", data=[{"vector": [1.0], "id": "a", "text": "t"}])
    with pytest.raises(UnsupportedStoreError):
        LangChainTenants(_langchain(tmp_path), scrubber=Scrubber())
    with pytest.raises(UnsupportedStoreError):
        LlamaIndexTenants(_llama_index(tmp_path), scrubber=Scrubber())
    with pytest.raises(UnsupportedStoreError):
        as_targets(connection.open_table("items"))


def test_a_database_that_cannot_be_read_is_not_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = LanceItems(lancedb.connect(str(tmp_path)), "items")
    assert items.count(None) == 0

    def broken(*args: Any, **kwargs: Any) -> Any:
        raise ValueError("the disk is on fire")

    monkeypatch.setattr(type(items.connection), "open_table", broken)
    [entry] = delete_user("anna-x", targets=[LanceDBTarget(items)]).targets
    assert entry.error is not None
    assert not entry.verified_absent


# The bytes

_USERS, _OF_ONE, _DIMENSION, _VICTIM = 50, 300, 24, "user-7-x"


class Filled:
    """A table with 300 items of one user among 50, and what to look for."""

    def __init__(self, folder: Path, indexed: bool) -> None:
        self.folder = folder
        self.items = LanceItems(lancedb.connect(str(folder)), "items")
        self.numbers = np.random.default_rng(1)
        word = random.Random(2)
        canary = lambda: "".join(word.choice("abcdefghijklmnop") for _ in range(24))  # noqa: E731
        self.texts = [canary() for _ in range(_OF_ONE)]
        self.notes = [canary() for _ in range(_OF_ONE)]
        self.vectors = self.numbers.normal(size=(_OF_ONE, _DIMENSION)).astype("<f4")
        # A first file in which less than a tenth will be deleted.
        self._write([], range(49))
        for part in range(0, _OF_ONE, 50):
            self._write(range(part, part + 50), range(part // 6, part // 6 + 8))
        self.table = self.items.connection.open_table("items")
        if indexed:
            self.table.create_index(
                metric="l2", num_partitions=4, num_sub_vectors=8, vector_column_name="vector"
            )
            self.table.create_fts_index("text")
            self.table.create_scalar_index("id")
            self.table.create_scalar_index("metadata.note")

    def _write(self, mine: Any, users: Any) -> None:
        rows = [
            LanceRow(
                f"{_VICTIM}:{i}",
                f"text {self.texts[i]} ends",
                {"user_id": _VICTIM, "note": self.notes[i]},
                self.vectors[i].tolist(),
            )
            for i in mine
        ]
        for user in users:
            name = f"other-{user}-x"
            for i in range(10):
                metadata = {"user_id": name, "note": f"{i}"}
                vector = self.numbers.normal(size=_DIMENSION).astype("<f4").tolist()
                rows.append(LanceRow(f"{name}:{i}", f"text {i} of {name}", metadata, vector))
        self.items.write(rows)

    def left(self) -> dict[str, int]:
        """How many canaries of each kind are in the files, as they are and decoded."""
        from lance.file import LanceFileReader

        files = [file for file in self.folder.rglob("*") if file.is_file()]
        data = [file.read_bytes() for file in files]
        for file in files:
            if file.suffix == ".lance":
                table = LanceFileReader(str(file)).read_all().to_table()
                sink = pa.BufferOutputStream()
                with pa.ipc.new_stream(sink, table.schema) as stream:
                    stream.write_table(table)
                data.append(sink.getvalue().to_pybytes())
        kinds = {
            "texts": [text.encode() for text in self.texts],
            "metadata": [note.encode() for note in self.notes],
            "vectors": [vector.tobytes() for vector in self.vectors],
        }
        return {k: sum(any(c in d for d in data) for c in found) for k, found in kinds.items()}

    def state(self) -> Any:
        """What others hold and find."""
        others = f"metadata.user_id <> '{_VICTIM}'"
        rows = sorted(
            (r.id, r.text, sorted(r.metadata.items()), r.vector)
            for r in self.items.rows(others, vectors=True)
        )
        asked = np.random.default_rng(3).normal(size=(10, _DIMENSION))
        found = [
            [r["id"] for r in self.table.search(v).where(others, prefilter=True)
             .bypass_vector_index().limit(10).to_list()]
            for v in asked
        ]  # fmt: skip
        return rows, found


@pytest.mark.parametrize("indexed", [False, True])
def test_E1_E2_E3_nothing_of_300_canaries_is_left(tmp_path: Path, indexed: bool) -> None:
    store = Filled(tmp_path / "lancedb", indexed)
    store.table.checkout_latest()
    before = store.state()
    assert store.left() == {"texts": 300, "metadata": 300, "vectors": 300}
    target = LanceDBTarget(store.table)
    traces = target.traces(_VICTIM)
    target.delete(_VICTIM)
    assert store.left() == {"texts": 300, "metadata": 300, "vectors": 300}
    found = target.residue(traces)
    assert max(kinds.get("texts", 0) for kinds in found.values()) >= 50
    store.items.connection.open_table("items")
    assert target.count(_VICTIM) == 0
    target.reclaim(_VICTIM)
    assert store.left() == {"texts": 0, "metadata": 0, "vectors": 0}
    assert target.residue(traces) == {}
    store.table.checkout_latest()
    assert store.state() == before
    assert len(store.table.list_versions()) == 1
    if indexed:
        assert len(store.table.list_indices()) == 4
        near = store.items.nearest(store.vectors[0].tolist(), 9, "metadata.note = '1'")
        assert len(near) == 9
    # What is written afterwards is there.
    store.items.write([LanceRow("new", "text", {"user_id": "new-x", "n": 1}, [9.0] * _DIMENSION)])
    assert target.count("new-x") == 1


def test_E1_physical_through_the_service(tmp_path: Path) -> None:
    store = Filled(tmp_path / "lancedb", True)
    [entry] = delete_user(_VICTIM, targets=[store.table], physical=True).targets
    assert (entry.found, entry.remaining, entry.reclaimed) == (300, 0, "yes")
    assert entry.residue == {}
    assert store.left() == {"texts": 0, "metadata": 0, "vectors": 0}


def test_E8_a_user_deleted_long_ago_is_reclaimed_too(tmp_path: Path) -> None:
    store = Filled(tmp_path / "lancedb", False)
    store.table.checkout_latest()
    store.table.delete(f"metadata.user_id = '{_VICTIM}'")
    LanceDBTarget(store.table).reclaim("somebody-else")
    assert store.left() == {"texts": 0, "metadata": 0, "vectors": 0}


class TestTarget(ErasureTargetSuite):
    @pytest.fixture
    def under_test(self, tmp_path: Path) -> TargetUnderTest:
        items = LanceItems(lancedb.connect(str(tmp_path)), "items")

        def write(user: str) -> None:
            items.write(
                [
                    LanceRow(
                        f"{user}:{i}",
                        f"document {i} of {user}, long enough to look for",
                        {"user_id": user},
                        [float(i), 1.0, float(len(user))],
                    )
                    for i in range(5)
                ]
            )

        def read(user: str) -> Any:
            rows = items.rows(f"metadata.user_id = '{user}'", vectors=True)
            return sorted((r.id, r.text, r.metadata["user_id"], r.vector) for r in rows)

        return TargetUnderTest(LanceDBTarget(items), write, read)


def test_T17_writers_with_new_keys_at_once_lose_nothing(tmp_path: Path) -> None:
    """The table's schema grows under each of them."""

    def write(number: int) -> None:
        items = LanceItems(lancedb.connect(str(tmp_path)), "items")
        for i in range(4):
            row = LanceRow(f"{number}-{i}", "t", {"user_id": "anna-x", f"k{number}": i}, [1.0])
            items.write([row])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    found = list(LanceItems(lancedb.connect(str(tmp_path)), "items").rows(None))
    assert len(found) == 16
    for row in found:
        number, i = row.id.split("-")
        assert row.metadata == {"user_id": "anna-x", f"k{number}": int(i)}


def test_T17_a_table_that_two_processes_make_at_once_keeps_what_is_in_it(tmp_path: Path) -> None:
    """LanceDB lets the second make it over the first."""
    first = LanceItems(lancedb.connect(str(tmp_path)), "items")
    second = LanceItems(lancedb.connect(str(tmp_path)), "items")
    make = second.connection.create_table

    class Slow:
        """Another process has made the table and written by the time this one makes it."""

        uri = second.connection.uri

        def __init__(self) -> None:
            self.open_table: Any = second.connection.open_table

        def create_table(self, name: str, **options: Any) -> Any:
            metadata = {"user_id": "anna-x", "a": 1}
            make(name, [{"id": "1", "text": "t", "vector": [1.0], "metadata": metadata}])
            return make(name, mode="overwrite", **options)

    second.connection = Slow()
    second.write([LanceRow("2", "t", {"user_id": "anna-x", "b": 2}, [2.0])])
    assert {row.id: dict(row.metadata) for row in first.rows(None)} == {
        "1": {"user_id": "anna-x", "a": 1},
        "2": {"user_id": "anna-x", "b": 2},
    }
