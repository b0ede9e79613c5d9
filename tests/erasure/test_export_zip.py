"""An export as a ZIP: the JSON document and the page, whole or not there at all."""

from __future__ import annotations

import json
import stat
import sys
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from piirag import MasterKey, MemoryVault, SQLiteVault
from piirag.cli import app
from piirag.erasure import StoredItem, UserExport, export_user
from piirag.errors import ConfigurationError, ErasureError
from support.erasure import ListedRows

USER = "alice_of_the_zip"


@pytest.fixture
def rows(tmp_path: Path) -> ListedRows:
    rows = ListedRows(tmp_path / "rows")
    for user in (USER, "bob"):
        rows.fill(user)
    return rows


def export(rows: ListedRows) -> UserExport:
    vault = MemoryVault()
    token = "[PERSON Kobaru Tesami Lovina]"
    vault.open(USER).put([(token, {"t": "PERSON", "v": "Kelda Zorvane"}, False)])
    return export_user(USER, [rows, vault])


def test_what_is_in_it(rows: ListedRows, tmp_path: Path) -> None:
    out, document, page = (tmp_path / name for name in ("out.zip", "a.json", "a.html"))
    out.write_text("an older one")
    out.chmod(0o644)
    done = export(rows).write(zip=out, json=document, html=page)
    assert done.complete
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    with zipfile.ZipFile(out) as packed:
        assert packed.testzip() is None
        assert packed.namelist() == ["data.json", "index.html"]
        assert packed.read("data.json") == document.read_bytes()
        assert packed.read("index.html") == page.read_bytes()
        for entry in packed.infolist():
            assert stat.S_IMODE(entry.external_attr >> 16) == 0o600
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
        records = json.loads(packed.read("data.json"))["records"]
        text = packed.read("index.html").decode()
    assert sum(record["record"] == "item" for record in records) == 5
    assert "Kelda Zorvane" in text
    assert "bob" not in json.dumps(records) + text
    left = [p.name for p in tmp_path.iterdir() if p.is_file()]
    assert sorted(left) == ["a.html", "a.json", "out.zip"]


def test_a_listing_that_breaks_leaves_no_file(
    rows: ListedRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = export(rows)
    true_records = made.records

    def full(self: UserExport) -> Any:
        for record in true_records():
            yield record
            if record["record"] == "item":
                raise OSError(28, "No space left on device")

    monkeypatch.setattr(UserExport, "records", full)
    with pytest.raises(ErasureError, match="No space left"):
        made.write(zip=tmp_path / "out.zip")
    assert [p for p in tmp_path.iterdir() if p.is_file()] == []
    with pytest.raises(ErasureError):
        made.write(zip=tmp_path / "none" / "out.zip")
    with pytest.raises(ConfigurationError):
        made.write(zip=tmp_path / "out.zip", json=tmp_path / "out.zip")


def test_memory_stays_flat(rows: ListedRows, tmp_path: Path) -> None:
    def peak(many: int) -> int:
        rows.items = lambda user: (  # type: ignore[method-assign]
            StoredItem(str(n), f"{n} " * 300, {"user_id": user}) for n in range(many)
        )
        rows.count = lambda user: many  # type: ignore[method-assign]
        tracemalloc.start()
        export_user(USER, [rows]).write(zip=tmp_path / "out.zip")
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(10)
    # Thirty times as much would be 6 MB more.
    assert peak(6_000) < peak(200) + 1_000_000


def test_the_command(rows: ListedRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = MasterKey.generate()
    key.to_file(tmp_path / "master.key")
    SQLiteVault(tmp_path / "vault.db", key).open(USER)
    module = type(sys)("our_zip_store")
    module.targets = lambda: rows  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "our_zip_store", module)
    toml = tmp_path / "piirag.toml"
    toml.write_text(
        '[vault]\npath = "vault.db"\nkey_file = "master.key"\n'
        '[[stores]]\nkind = "python"\ntarget = "our_zip_store:targets"\n'
    )
    out = tmp_path / "out.zip"
    common = ["export-user", USER, "--config", str(toml)]
    done = CliRunner().invoke(app, [*common, "--zip", str(out)])
    assert done.exit_code == 0, done.output
    assert USER not in done.output
    with zipfile.ZipFile(out) as packed:
        records = json.loads(packed.read("data.json"))["records"]
    assert {record["text"] for record in records if record["record"] == "item"}
    assert CliRunner().invoke(app, common).exit_code == 2
