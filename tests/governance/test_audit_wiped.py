"""A log that was emptied, deleted or put back to an older state, while a writer lives and not."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from piirag.errors import AuditError
from piirag.governance.audit import AuditLog, Chain, JSONLinesSink, PostgresSink, SQLiteSink
from piirag.governance.audit.sinks import Query
from piirag.governance.audit.sinks.sql import TABLES
from piirag.testing.audit import KEY, record

_WIPES = ("head unlinked", "head blanked", "head emptied", "all unlinked")


def _sink(path: Path, key: bytes | None = KEY, **options: object) -> JSONLinesSink | SQLiteSink:
    kind = SQLiteSink if path.suffix == ".db" else JSONLinesSink
    sink = kind(path, fsync="never", **options)  # type: ignore[arg-type]
    sink.bind(Chain(key))
    return sink


def _wipe(path: Path, how: str) -> None:
    head = path.with_name(f"{path.name}.head")
    path.write_bytes(b"")
    if how == "head blanked":
        head.write_bytes(b" " * 512)
    elif how == "head emptied":
        head.write_bytes(b"")
    else:
        head.unlink()
    if how == "all unlinked":
        path.unlink()


def _problems(sink: JSONLinesSink | SQLiteSink | PostgresSink) -> list[str]:
    return [str(problem) for problem in sink.verify().problems]


@pytest.mark.parametrize("how", _WIPES)
def test_what_a_live_writer_wrote_stays_missing(tmp_path: Path, how: str) -> None:
    sink = _sink(tmp_path / "audit.jsonl")
    for number in range(5):
        sink.append(record(number))
    _wipe(tmp_path / "audit.jsonl", how)
    sink.append(record(5))
    assert "removed records 1 to 5" in _problems(sink)
    sink.close()
    again = _sink(tmp_path / "audit.jsonl")
    again.append(record(6))
    assert "removed records 1 to 5" in _problems(again)
    again.close()


@pytest.mark.parametrize("how", _WIPES[:-1])
def test_an_emptied_log_without_its_head_is_not_whole(tmp_path: Path, how: str) -> None:
    sink = _sink(tmp_path / "audit.jsonl")
    sink.append(record(0))
    sink.close()
    _wipe(tmp_path / "audit.jsonl", how)
    again = _sink(tmp_path / "audit.jsonl")
    assert _problems(again) == ["head"]
    again.append(record(1))
    assert _problems(again) == ["audit.jsonl:1 head record 1"]
    again.close()


@pytest.mark.parametrize("key", [KEY, None], ids=["keyed", "plain"])
def test_an_older_head_and_a_shorter_file_show_once_the_writer_goes_on(
    tmp_path: Path, key: bytes | None
) -> None:
    path = tmp_path / "audit.jsonl"
    sink = _sink(path, key)
    for number in range(2):
        sink.append(record(number))
    copies = {p: p.read_bytes() for p in tmp_path.iterdir()}
    for number in range(2, 6):
        sink.append(record(number))
    for copied, content in copies.items():
        copied.write_bytes(content)
    assert sink.append(record(6))["seq"] == 7
    assert _problems(sink) == ["removed records 3 to 6"]
    sink.close()


def test_a_last_record_that_was_replaced_under_a_writer_shows(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    sink = _sink(path)
    sink.append(record(0))
    copies = {p: p.read_bytes() for p in tmp_path.iterdir()}
    sink.append(record(1))
    for copied, content in copies.items():
        copied.write_bytes(content)
    other = _sink(path)
    other.append(record(1, feature="other"))
    other.close()
    assert _problems(sink) == []
    sink.append(record(2))
    assert _problems(sink) == ["audit.jsonl:3 altered records 2 to 3"]
    sink.close()


def test_a_rotated_file_is_not_replaced_after_the_log_went_back(tmp_path: Path) -> None:
    sink = _sink(tmp_path / "audit.jsonl", max_bytes=700)
    sink.append(record(0))
    head = (tmp_path / "audit.jsonl.head").read_bytes()
    for number in range(1, 8):
        sink.append(record(number))
    rotated = {p: p.read_bytes() for p in tmp_path.glob("audit.0*.jsonl")}
    (tmp_path / "audit.jsonl.head").write_bytes(head)
    for number in range(8, 14):
        sink.append(record(number))
    assert all(path.read_bytes() == content for path, content in rotated.items())
    sink.close()


@pytest.mark.parametrize("statement", ["DELETE FROM {}", "DROP TABLE {}"])
def test_emptied_tables_are_not_whole(tmp_path: Path, statement: str) -> None:
    sink = _sink(tmp_path / "audit.db")
    for number in range(3):
        sink.append(record(number))
    with sqlite3.connect(tmp_path / "audit.db") as db:
        for table in TABLES:
            db.execute(statement.format(f"audit_{table}"))
    if statement.startswith("DROP"):
        for work in (sink.verify, lambda: sink.append(record(3))):
            with pytest.raises(AuditError):
                work()
        assert list(sink.read(Query())) == []
    else:
        assert _problems(sink) == ["head"]
        again = _sink(tmp_path / "audit.db")
        again.append(record(3))
        assert _problems(again) == ["row 1 head record 1"]
        again.close()
        sink.append(record(4))
        assert "removed record 3" in _problems(sink)
    sink.close()


def test_emptied_tables_in_postgres_are_not_whole(postgres_server: str, schema: str) -> None:
    import psycopg

    sink = PostgresSink(postgres_server, schema=schema)
    sink.bind(Chain(KEY))
    assert not sink.exists()
    with pytest.raises(AuditError, match="no audit log"):
        sink.verify()
    for number in range(3):
        sink.append(record(number))
    with psycopg.connect(postgres_server) as db:
        db.execute(f"ALTER TABLE {schema}.audit_records DISABLE TRIGGER ALL")
        for table in TABLES:
            db.execute(f"DELETE FROM {schema}.audit_{table}")
    assert _problems(sink) == ["head"]
    sink.append(record(3))
    assert "removed records 1 to 3" in _problems(sink)
    sink.close()


def test_older_tables_show_once_the_writer_goes_on(tmp_path: Path) -> None:
    sink = _sink(tmp_path / "audit.db")
    sink.append(record(0))
    with sqlite3.connect(tmp_path / "audit.db") as db:
        head = db.execute("SELECT * FROM audit_head").fetchone()
    for number in range(1, 4):
        sink.append(record(number))
    with sqlite3.connect(tmp_path / "audit.db") as db:
        db.execute("DELETE FROM audit_records WHERE seq > 1")
        db.execute("REPLACE INTO audit_head VALUES (?, ?, ?, ?)", head)
    assert _problems(sink) == []
    assert sink.append(record(4))["seq"] == 5
    assert _problems(sink) == ["removed records 2 to 4"]
    sink.close()


@pytest.mark.parametrize("name", ["audit.jsonl", "audit.db"])
def test_a_mark_beside_the_tags_outlives_the_log(tmp_path: Path, name: str) -> None:
    with AuditLog(tmp_path / name, key=KEY) as log:
        log.write({"event": "model_call", "outcome": "ok"})
    for path in tmp_path.iterdir():
        if ".tags" not in path.name:
            path.unlink()
    with AuditLog(tmp_path / name, key=KEY) as log:
        log.write({"event": "model_call", "outcome": "ok"})
        assert [(p.kind, p.first) for p in log.verify().problems] == [("head", 2)]


def _never_written(path: Path) -> None:
    AuditLog(path, key=KEY).close()


def _without_tags(path: Path) -> None:
    with AuditLog(path, key=KEY) as log:
        log.write({"event": "model_call"})
    shutil.rmtree(path.parent)
    path.parent.mkdir()


@pytest.mark.parametrize("name", ["audit.jsonl", "audit.db"])
@pytest.mark.parametrize("before", [_never_written, _without_tags])
def test_a_first_start_gives_no_alarm(
    tmp_path: Path, name: str, before: Callable[[Path], None]
) -> None:
    path = tmp_path / "folder" / name
    path.parent.mkdir()
    # The second is what nobody can see who has no witness: everything is gone, tags too.
    before(path)
    logs = [AuditLog(path, key=KEY) for _ in range(3)]
    assert logs[0].verify().ok
    for log in logs:
        log.write({"event": "model_call"})
    for log in logs:
        assert log.verify().ok
        log.close()


def test_a_writer_that_was_killed_before_its_first_record_gives_no_alarm(tmp_path: Path) -> None:
    # The head is there, and nothing stands in it yet; then the file, and no record.
    (tmp_path / "audit.jsonl.head").touch()
    sink = _sink(tmp_path / "audit.jsonl")
    assert sink.verify().ok
    sink.open()
    assert sink.verify().ok
    # The first record is there, and the head does not know of it yet.
    head = (tmp_path / "audit.jsonl.head").read_bytes()
    sink.append(record(0))
    (tmp_path / "audit.jsonl.head").write_bytes(head)
    assert sink.verify().ok
    sink.close()
    again = _sink(tmp_path / "audit.jsonl")
    assert again.append(record(1))["seq"] == 2
    assert again.verify().ok
    again.close()
