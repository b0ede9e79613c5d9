"""sqlite-vec: tenants, erasure, and the bytes that stay."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_community.vectorstores import SQLiteVec

from langchain_piirag import TenantVectorStore as LangChainTenants
from langchain_piirag.testing import LangChainDriver
from lexical_langchain import LexicalEmbeddings
from piirag import Scrubber
from piirag.erasure import as_targets, delete_user
from piirag.erasure.targets.sqlite_vec import SQLiteVecTarget
from piirag.erasure.targets.sqlite_vec_table import LANGUAGE, VecRow, VecTable
from piirag.errors import (
    ConfigurationError,
    ErasureError,
    InvalidInputError,
    UnsupportedStoreError,
)
from piirag.tenancy.filters import matches
from piirag.testing.erasure import ErasureTargetSuite, TargetUnderTest
from piirag.testing.tenancy import TenancyDriver, TenancySuite
from support.sqlite_vec_db import connect, sqlite

_DIMENSION = 24


class _Few(LexicalEmbeddings):
    """Vectors of few dimensions, which are not asked for."""

    def embed_query(self, text: str) -> list[float]:
        return [1.0] * _DIMENSION


def _store(path: Path | str, embeddings: Any = None, **options: Any) -> SQLiteVec:
    return SQLiteVec("docs", connect(path, **options), embeddings or LexicalEmbeddings())


class TestLangChain(TenancySuite):
    @pytest.fixture(scope="class")
    @classmethod
    def driver(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TenancyDriver]:
        store = _store(tmp_path_factory.mktemp("sqlite") / "vec.db")
        yield LangChainDriver(LangChainTenants(store, scrubber=Scrubber()))
        store._connection.close()


# Filters

_VALUES = st.one_of(
    st.text(max_size=4),
    st.sampled_from(["'", '"', "\\", "a' OR TRUE --", "é", "1", "true"]),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([2, 2.0, 2.5, -0.5, 1e300, 9.3e18]),
    st.booleans(),
).filter(lambda v: not isinstance(v, str) or "\x00" not in v)
_KEYS = st.sampled_from(["word", "n", "x", "flag", "many", "nowhere", 'a"b', "$.n", "é\\", "none"])
_COMPARED = st.one_of(
    st.builds(
        lambda k, o, v: {k: {o: v}},
        _KEYS,
        st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$contains"]),
        _VALUES,
    ),
    st.builds(
        lambda k, o, v: {k: {o: v}},
        _KEYS,
        st.sampled_from(["$in", "$nin", "$any", "$all"]),
        st.lists(_VALUES, min_size=1, max_size=3),
    ),
    st.builds(lambda k, v: {k: {"$exists": v}}, _KEYS, st.booleans()),
    st.builds(
        lambda k, v: {k: {"$text": v}}, _KEYS, st.sampled_from(["a", "'", " OR ", "\\", "%", "é"])
    ),
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
    {"word": "'", "n": 2, "x": 2.5, "flag": True, "many": ["a", "'", 2, True]},
    {"word": "a' OR TRUE --", "n": -1, "x": -0.5, "flag": False, "many": ["b", [1]]},
    {"word": "", "n": 2**62, "x": 1e300, 'a"b': "c", "none": None},
    {"n": 0, "x": 2.0, "$.n": "d", "é\\": "é", "many": {"a": 1}},
    {},
]


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> VecTable:
    store = _store(tmp_path_factory.mktemp("compared") / "vec.db", _Few())
    table = VecTable(store._connection, "docs")
    vector = [1.0] * _DIMENSION
    table.write([VecRow(str(i), "t", m, vector) for i, m in enumerate(_METADATA)])
    return table


@settings(max_examples=200, deadline=None)
@given(clause=_CLAUSES)
def test_T5_T6_every_filter_finds_what_it_says(compared: VecTable, clause: Any) -> None:
    """The SQL finds what `matches` finds, which is the meaning of filters."""
    expected = {str(i) for i, m in enumerate(_METADATA) if matches(clause, m)}
    where = LANGUAGE.translate(clause)
    assert {row.id for row in compared.rows(where)} == expected
    assert compared.count(where) == len(expected)


# The wrapper


def test_scores_are_those_of_the_wrapper(tmp_path: Path) -> None:
    store = _store(tmp_path / "vec.db")
    view = LangChainTenants(store, scrubber=Scrubber()).for_user("anna-x")
    words = "tea and salt with some rice on it".split()
    view.add_texts([" ".join(words[:i]) for i in range(2, 8)])
    mine = view.similarity_search_with_score("tea and salt", k=6)
    own = store.similarity_search_with_score("tea and salt", k=6)
    assert [d.page_content for d, _ in mine] == [d.page_content for d, _ in own]
    assert [s for _, s in mine] == pytest.approx([s for _, s in own], abs=1e-6)


def test_what_the_wrapper_wrote_is_read_and_erased(tmp_path: Path) -> None:
    store = _store(tmp_path / "vec.db")
    store.add_texts(["tea", "rice"], [{"user_id": "anna-x", "n": 1}, {"user_id": "bert-x"}])
    tenants = LangChainTenants(store, scrubber=Scrubber())
    [found] = tenants.for_user("anna-x").similarity_search("tea")
    assert (found.page_content, found.metadata) == ("tea", {"n": 1})
    assert delete_user("anna-x", targets=[store]).deleted == 1
    assert [d.page_content for d in store.similarity_search("tea", k=9)] == ["rice"]


def test_T2_more_than_the_wrapper_can_search_for(tmp_path: Path) -> None:
    store = _store(tmp_path / "vec.db", _Few())
    table = VecTable(store._connection, "docs")
    numbers = np.random.default_rng(1).normal(size=(5000, _DIMENSION))
    for part in range(0, 5000, 900):
        some = enumerate(numbers[part : part + 900])
        table.write([VecRow(f"a:{part + i}", "t", {"user_id": "anna-x"}, v) for i, v in some])
    view = LangChainTenants(store, scrubber=Scrubber()).for_user("anna-x")
    found = view._dialect.search("x", 5000, view._dialect.search_options(view._binding.scope(None)))
    assert len({document.id for document, _ in found}) == 5000


def test_E1_vectors_that_others_left_behind_are_removed(tmp_path: Path) -> None:
    store = _store(tmp_path / "vec.db")
    store.add_texts(["tea", "rice"], [{"user_id": "anna-x"}, {"user_id": "bert-x"}])
    store._connection.execute("DELETE FROM docs WHERE text = 'tea'")
    assert store._connection.execute("SELECT count(*) FROM docs_vec").fetchone()[0] == 2
    delete_user("anna-x", targets=[LangChainTenants(store, scrubber=Scrubber())])
    SQLiteVecTarget(store._connection, "docs").delete("anna-x")
    assert store._connection.execute("SELECT count(*) FROM docs_vec").fetchone()[0] == 1


@pytest.mark.parametrize(
    "metadata",
    [{"x": float("nan")}, {"x": object()}, {7: 1}, {"_piirag_id": "a"}, {"x": "\ud800"}],
)
def test_metadata_that_cannot_be_held_are_refused(tmp_path: Path, metadata: Any) -> None:
    table = VecTable(_store(tmp_path / "vec.db", _Few())._connection, "docs")
    vector = [1.0] * _DIMENSION
    table.write([VecRow("0", "text", {}, vector)])
    with pytest.raises(InvalidInputError):
        table.write([VecRow("0", "other", metadata, vector)])
    with pytest.raises(InvalidInputError):
        table.write([VecRow("0", "other", {}, [1.0])])
    with pytest.raises(InvalidInputError):
        table.nearest([1.0], 1, LANGUAGE.compare("a", "$eq", 1))
    assert [row.text for row in table.rows(None)] == ["text"]


def test_a_write_that_fails_halfway_loses_nothing(tmp_path: Path) -> None:
    table = VecTable(_store(tmp_path / "vec.db", _Few())._connection, "docs")
    vector = [1.0] * _DIMENSION
    table.write([VecRow("0", "text", {}, vector)])
    table.connection.execute(
        "CREATE TRIGGER full BEFORE INSERT ON docs WHEN new.text = 'second'"
        " BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    with pytest.raises(Exception, match="no"):
        table.write([VecRow("0", "first", {}, vector), VecRow("1", "second", {}, vector)])
    assert [row.text for row in table.rows(None)] == ["text"]
    assert table.connection.execute("SELECT count(*) FROM docs_vec").fetchone()[0] == 1


async def test_a_connection_for_one_thread_says_what_to_do(tmp_path: Path) -> None:
    store = _store(tmp_path / "vec.db", check_same_thread=True)
    view = LangChainTenants(store, scrubber=Scrubber()).for_user("anna-x")
    with pytest.raises(ConfigurationError, match="check_same_thread"):
        await view.asimilarity_search("tea")


def test_a_users_rows_are_found_by_an_index(tmp_path: Path) -> None:
    store = _store(tmp_path / "vec.db")
    view = LangChainTenants(store, scrubber=Scrubber()).for_user("anna-x", shared=True)
    view.similarity_search("tea")
    for scope in (view._binding.scope(None), view._binding.scope(None).to_change()):
        where = LANGUAGE.translate(scope.clause(expiry=True))
        plan = store._connection.execute(
            f"EXPLAIN QUERY PLAN SELECT count(*) FROM docs AS rows WHERE {where.sql}",
            where.parameters,
        ).fetchall()
        assert "docs_by_user_id" in str([tuple(row) for row in plan])


def test_other_tables_are_refused(tmp_path: Path) -> None:
    store = _store(tmp_path / "vec.db")
    for name in ("nothing", "docs; DROP TABLE docs", 'docs"', "docs_vec"):
        with pytest.raises(UnsupportedStoreError):
            SQLiteVecTarget(store._connection, name)
    bare = sqlite().connect(str(tmp_path / "vec.db"))
    with pytest.raises(UnsupportedStoreError):
        SQLiteVecTarget(bare, "docs")


# The bytes

_OF_ONE, _VICTIM = 300, "user-7-x"


class Filled:
    """A table with 300 items of one user among 50, and what to look for."""

    def __init__(self, folder: Path, mode: str) -> None:
        self.folder = folder
        folder.mkdir()
        self.store = _store(folder / "vec.db", _Few())
        self.store._connection.execute(f"PRAGMA journal_mode = {mode}")
        self.store._connection.execute("PRAGMA secure_delete = OFF")
        self.table = VecTable(self.store._connection, "docs")
        numbers, word = np.random.default_rng(1), random.Random(2)
        canary = lambda: "".join(word.choice("abcdefghijklmnop") for _ in range(24))  # noqa: E731
        self.texts = [canary() for _ in range(_OF_ONE)]
        self.notes = [canary() for _ in range(_OF_ONE)]
        self.vectors = numbers.normal(size=(_OF_ONE, _DIMENSION)).astype("<f4")
        for part in range(0, _OF_ONE, 50):
            rows = [
                VecRow(
                    f"{_VICTIM}:{i}",
                    f"text {self.texts[i]} ends",
                    {"user_id": _VICTIM, "note": self.notes[i]},
                    self.vectors[i].tolist(),
                )
                for i in range(part, part + 50)
            ]
            for user in range(part // 6, part // 6 + 8):
                name = f"other-{user}-x"
                for i in range(10):
                    vector = numbers.normal(size=_DIMENSION).tolist()
                    metadata = {"user_id": name, "note": f"{i}"}
                    rows.append(VecRow(f"{name}:{i}", f"text {i} of {name}", metadata, vector))
            self.table.write(rows)

    def left(self) -> dict[str, int]:
        """How many canaries of each kind are in the files, by plain search, without piirag."""
        data = b"\n".join(file.read_bytes() for file in self.folder.iterdir())
        kinds = {
            "texts": [text.encode() for text in self.texts],
            "metadata": [note.encode() for note in self.notes],
            "vectors": [vector.tobytes() for vector in self.vectors],
        }
        return {k: sum(c in data for c in found) for k, found in kinds.items()}

    def state(self) -> Any:
        """What others hold and find, the latter by the extension's own search."""
        others = LANGUAGE.compare("user_id", "$ne", _VICTIM)
        rows = list(self.table.rows(others, vectors=True))
        asked = np.random.default_rng(3).normal(size=(25, _DIMENSION)).astype("<f4")
        found = [
            [
                tuple(row)
                for row in self.store._connection.execute(
                    "SELECT rowid, distance FROM docs_vec WHERE text_embedding MATCH ? AND k = 10"
                    " AND rowid IN (SELECT rowid FROM docs WHERE metadata NOT LIKE ?)",
                    (struct.pack(f"{_DIMENSION}f", *vector), f"%{_VICTIM}%"),
                )
            ]
            for vector in asked
        ]
        return rows, found


@pytest.mark.parametrize("mode", ["DELETE", "WAL", "PERSIST"])
def test_E1_E2_E3_nothing_of_300_canaries_is_left(tmp_path: Path, mode: str) -> None:
    store = Filled(tmp_path / "sqlite", mode)
    before = store.state()
    assert store.left() == {"texts": 300, "metadata": 300, "vectors": 300}
    target = SQLiteVecTarget(store.store._connection, "docs")
    traces = target.traces(_VICTIM)
    target.delete(_VICTIM)
    assert min(store.left().values()) > 0
    assert sum(kinds.get("texts", 0) for kinds in target.residue(traces).values()) > 0
    [entry] = delete_user("user-8-x", targets=[target], physical=True).targets
    assert entry.remaining == 0
    target.reclaim(_VICTIM)
    assert store.left() == {"texts": 0, "metadata": 0, "vectors": 0}
    assert target.residue(traces) == {}
    assert store.state() == before


def test_E1_physical_through_the_service(tmp_path: Path) -> None:
    store = Filled(tmp_path / "sqlite", "WAL")
    [entry] = delete_user(_VICTIM, targets=[store.store], physical=True).targets
    assert (entry.found, entry.remaining, entry.reclaimed) == (300, 0, "yes")
    assert entry.residue == {}
    assert "sqlite-vec" in entry.version
    assert store.left() == {"texts": 0, "metadata": 0, "vectors": 0}


def test_E1_a_reader_that_hinders_it_is_told(tmp_path: Path) -> None:
    store = Filled(tmp_path / "sqlite", "WAL")
    store.store._connection.execute("PRAGMA busy_timeout = 50")
    reader = connect(store.folder / "vec.db")
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM docs").fetchall()
    target = SQLiteVecTarget(store.store._connection, "docs")
    target.delete(_VICTIM)
    with pytest.raises(Exception, match=r"log|locked"):
        target.reclaim(_VICTIM)
    reader.rollback()
    target.reclaim(_VICTIM)
    assert store.left() == {"texts": 0, "metadata": 0, "vectors": 0}


def test_a_database_in_memory_has_no_files() -> None:
    [target] = as_targets(_store(":memory:"))
    assert not target.capabilities.reclaim
    with pytest.raises(ErasureError):
        target.reclaim("anna-x")


class TestTarget(ErasureTargetSuite):
    @pytest.fixture
    def under_test(self, tmp_path: Path) -> TargetUnderTest:
        store = _store(tmp_path / "vec.db", _Few())
        table = VecTable(store._connection, "docs")

        def write(user: str) -> None:
            table.write(
                [
                    VecRow(
                        f"{user}:{i}",
                        f"document {i} of {user}, long enough to look for",
                        {"user_id": user},
                        [float(i), float(len(user))] * (_DIMENSION // 2),
                    )
                    for i in range(5)
                ]
            )

        def read(user: str) -> Any:
            return list(table.rows(LANGUAGE.compare("user_id", "$eq", user), vectors=True))

        return TargetUnderTest(SQLiteVecTarget(store._connection, "docs"), write, read)
