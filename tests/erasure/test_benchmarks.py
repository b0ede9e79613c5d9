"""The benchmarks of stores: that they run, and that they can fail."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2]))

from benchmarks.erasure import __main__ as erasure
from benchmarks.erasure import matrix, timing
from benchmarks.pages import fill, kept, markdown
from benchmarks.stores import KINDS, Kind, wanted
from benchmarks.tenancy import __main__ as tenancy
from benchmarks.tenancy.report import failures
from piirag.erasure import Capabilities
from piirag.tenancy.tags import TenantTags
from piirag.testing.scanner import Canaries

_PAGE = """# Page
<!-- figures: tenancy -->
old
<!-- end -->
<!-- figures: erasure -->
<!-- end -->
<!-- figures: deletes -->
<!-- end -->
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_text(_PAGE)
    return path


def _in_memory(framework: str) -> Kind:
    [kind] = wanted(["in-memory"], [framework])
    return kind


@pytest.mark.parametrize("framework", ["langchain", "llamaindex"])
def test_the_tenancy_matrix(framework: str, page: Path, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    options = ["--store", "in-memory", "--framework", framework, "--scale", "0.01"]
    assert tenancy.main([*options, "--json", str(figures), "--page", str(page)]) == 0
    [result] = json.loads(figures.read_text())["tenancy"].values()
    assert list(result["threats"]) == [f"T{n}" for n in range(1, 19)]
    assert all(cell["asked"] for cell in result["threats"].values())
    assert "in memory" in page.read_text()
    assert "old" not in page.read_text()


def test_the_tenancy_matrix_finds_a_store_that_ignores_the_tenant() -> None:
    kind = _in_memory("langchain")

    @contextmanager
    def leaking(folder: Path) -> Iterator[Any]:
        with kind.open(folder) as opened:
            dialect = opened.driver.tenants._dialect
            with mock.patch.object(dialect, "search_options", return_value={}):
                yield opened

    broken = Kind("x", "leaking", "LangChain", "x", (), leaking)
    # Refused where they come back: nothing leaks, nothing is found.
    checked = tenancy.measure(broken, 0.01)
    assert checked["threats"]["T13"]["refused"]
    assert not checked["threats"]["T13"]["foreign"]
    with mock.patch.object(TenantTags, "require"):
        leaked = tenancy.measure(broken, 0.01)
    assert leaked["threats"]["T13"]["foreign"]
    assert failures(leaked["threats"]["T1"])


def test_the_tenancy_matrix_names_other_errors() -> None:
    kind = _in_memory("langchain")

    @contextmanager
    def failing(folder: Path) -> Iterator[Any]:
        with kind.open(folder) as opened:
            dialect = opened.driver.tenants._dialect
            with mock.patch.object(dialect, "search_by_vector", side_effect=KeyError("x")):
                yield opened

    result = tenancy.measure(Kind("x", "failing", "LangChain", "x", (), failing), 0.01)
    cell = result["threats"]["T13"]
    assert cell["wrong"]
    assert "builtins.KeyError in by_vector" in cell["errors"]


@pytest.mark.parametrize("framework", ["langchain", "llamaindex"])
def test_the_erasure_matrix(framework: str, page: Path, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    options = ["--matrix", "--store", "in-memory", "--framework", framework]
    options += ["--canaries", "7", "--users", "4", "--json", str(figures), "--page", str(page)]
    assert erasure.main(options) == 0
    [result] = json.loads(figures.read_text())["matrix"].values()
    assert result["before"] == {"texts": 7, "metadata": 7, "vectors": 7}
    assert result["after_physical"] == {"texts": 0, "metadata": 0, "vectors": 0}
    assert "7 / 7 / 7" in page.read_text()


def test_the_erasure_matrix_finds_what_is_left_and_what_others_lost() -> None:
    kind = _in_memory("langchain")

    @contextmanager
    def opened(folder: Path) -> Iterator[Any]:
        with kind.open(folder) as store:
            target: Any = store.target

            def forgetful(user_id: str) -> None:
                """Deletes from memory, and another user too; says that it reclaimed."""
                store.in_memory.delete(user_id)
                store.in_memory.delete("other-1-x")

            target.delete, target.count = forgetful, store.in_memory.count
            target.capabilities = Capabilities(reclaim=True)
            target.reclaim = lambda user_id: None
            yield store

    figures = matrix.measure(Kind("x", "forgetful", "LangChain", "x", (), opened), 5, 4)
    bad = matrix.wrong(figures)
    assert "texts: 5 left" in bad
    assert "vectors: 5 left" in bad
    assert any(line.startswith("changed for others") for line in bad)


def test_times_are_taken(page: Path, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    options = ["--store", "in-memory", "--sizes", "100", "200", "--rounds", "1"]
    assert erasure.main([*options, "--json", str(figures), "--page", str(page)]) == 0
    results = json.loads(figures.read_text())["timing"]
    assert len(results) == 2
    for result in results.values():
        assert set(result["sizes"]) == {"100", "200"}
        assert set(timing.ratios(result["sizes"])["over_bare"]) == {"100", "200"}
    assert "| in memory |" in page.read_text()


def test_every_store_has_a_way_to_be_left_out() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    missing = Kind("x", "x", "LangChain", "x", ("no_such_package",), KINDS[0].open)
    assert missing.why_not() == "the package no_such_package is missing"


def test_pages_keep_what_was_not_run(tmp_path: Path) -> None:
    table = markdown(["a", "b"], [["x", "1"]])
    filled = fill(_PAGE, {"tenancy": table})
    assert fill(filled, {}) == filled
    assert filled.count("| x | 1 |") == 1
    path = tmp_path / "figures.json"
    kept(path, "one", {"a": 1})
    kept(path, "two", {"a": 2})
    assert kept(path, "one", {"b": 3}) == {"one": {"a": 1, "b": 3}, "two": {"a": 2}}


# The scanner

_TEXT = "abcdefghijklmnopqrstuvwxyzab"
_VECTOR = np.random.default_rng(4).normal(size=64).astype("<f4")


def _forms() -> dict[str, bytes]:
    import gzip
    import pickle
    import zlib

    numbers = [float(value) for value in _VECTOR]
    both = _TEXT.encode() + _VECTOR.tobytes()
    return {
        "utf-8 and 32-bit floats": both,
        "utf-16 and 64-bit floats": _TEXT.encode("utf-16-le") + _VECTOR.astype("<f8").tobytes(),
        "pickle": pickle.dumps([_TEXT, numbers]),
        "JSON": json.dumps([_TEXT, numbers]).encode(),
        "JSON on many lines": json.dumps([_TEXT, numbers], indent=2).encode(),
        "zlib": b"before" + zlib.compress(both) + b"after",
        "gzip": b"before" + gzip.compress(both) + b"after",
        "length one": _TEXT.encode() + (_VECTOR / np.linalg.norm(_VECTOR)).tobytes(),
    }


@pytest.mark.parametrize("form", _forms())
def test_the_scanner_knows_a_form(form: str, tmp_path: Path) -> None:
    canaries = Canaries({"texts": [_TEXT, _TEXT[::-1]]}, [_VECTOR, -_VECTOR])
    file = tmp_path / "file"
    noise = np.random.default_rng(5).bytes(5001)
    begin = b"" if form.startswith("JSON") else noise
    file.write_bytes(begin + _forms()[form] + (b"" if form.startswith("JSON") else noise))
    assert canaries.left([file]) == {"texts": 1, "vectors": 1}
    file.write_bytes(noise)
    assert canaries.left([file, tmp_path / "gone"]) == {"texts": 0, "vectors": 0}


def test_the_scanner_reads_zstd_parquet_and_arrow(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import feather, parquet

    canaries = Canaries({"texts": [_TEXT]}, [_VECTOR])
    whole = {"texts": 1, "vectors": 1}
    table = pa.table({"text": [_TEXT] * 50, "vector": [_VECTOR.tolist()] * 50})
    table = table.cast(pa.schema([("text", pa.string()), ("vector", pa.list_(pa.float32()))]))
    parquet.write_table(table, tmp_path / "a.parquet", compression="zstd")
    feather.write_feather(table, tmp_path / "b.arrow", compression="zstd")
    for name in ("a.parquet", "b.arrow"):
        assert canaries.left([tmp_path / name]) == whole, name
    zstandard = pytest.importorskip("zstandard")
    packed = zstandard.compress(b"x" * 100 + _TEXT.encode() + _VECTOR.tobytes())
    (tmp_path / "c").write_bytes(b"before" + packed + b"after")
    assert canaries.left([tmp_path / "c"]) == whole


def test_the_scanner_sees_literals_of_postgres_compression(tmp_path: Path) -> None:
    """Eight bytes, then one of flags."""
    canaries = Canaries({"texts": [_TEXT]})
    for phase in range(8):
        data = b"z" * phase + _TEXT.encode()
        groups = [data[at : at + 8] for at in range(0, len(data), 8)]
        (tmp_path / "page").write_bytes(b"".join(b"\x00" + group for group in groups))
        assert canaries.left([tmp_path / "page"]) == {"texts": 1}
