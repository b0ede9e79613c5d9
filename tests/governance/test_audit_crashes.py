"""Writers that are killed, and several at once."""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest

from piirag.governance.audit import AuditLog
from piirag.governance.audit.sinks import Query
from piirag.governance.audit.sinks.jsonl_files import Files, Paths
from piirag.testing.audit import KEY, record
from support import audit_writers as writers


@pytest.fixture(scope="module")
def processes() -> Any:
    """Starts processes, forked from a server that has imported what they need."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["support.audit_writers"])
    return context


def _lines(path: Path) -> list[bytes]:
    files = [*Paths(path).all_rotated(), path]
    return [line for file in files for line in file.read_bytes().split(b"\n") if line]


@pytest.mark.parametrize("kind", ["audit.jsonl", "audit.db"])
def test_killed_writers_lose_the_record_in_flight_at_most(
    processes: Any, tmp_path: Path, kind: str
) -> None:
    where = str(tmp_path / kind)
    before = 0
    for seed in range(20):
        told = writers.killed_at_a_random_moment(processes.Process, processes.Pipe, where, seed)
        sink = writers.opened(where)
        result = sink.verify()
        assert result.ok, result.problems
        # What was told of is there, and one more at most; in whole lines.
        assert told <= result.head.seq <= told + 1
        assert [r["seq"] for r in sink.read(Query())] == list(range(1, result.head.seq + 1))
        assert sink.append(record(0))["seq"] == result.head.seq + 1
        assert sink.verify().ok
        sink.close()
        assert result.head.seq > before
        before = result.head.seq + 1
    if kind == "audit.jsonl":
        assert all(json.loads(line) for line in _lines(Path(where)))


def test_killed_writers_leave_postgres_whole(
    processes: Any, postgres_server: str, schema: str
) -> None:
    where = f"{postgres_server}#{schema}"
    for seed in range(5):
        told = writers.killed_at_a_random_moment(processes.Process, processes.Pipe, where, seed)
        sink = writers.opened(where)
        result = sink.verify()
        assert result.ok, result.problems
        assert told <= result.head.seq <= told + 1
        assert sink.append(record(0))["seq"] == result.head.seq + 1
        sink.close()


@pytest.mark.parametrize("kind", ["audit.jsonl", "audit.db", "postgres"])
def test_several_processes_make_one_chain(
    processes: Any, tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    where = str(tmp_path / kind)
    if kind == "postgres":
        where = f"{request.getfixturevalue('postgres_server')}#{request.getfixturevalue('schema')}"
    started = [processes.Process(target=writers.write, args=(where, 60)) for _ in range(4)]
    for process in started:
        process.start()
    for process in started:
        process.join(120)
    assert [process.exitcode for process in started] == [0] * 4
    sink = writers.opened(where)
    result = sink.verify()
    sink.close()
    assert result.ok, result.problems
    assert (result.records, result.head.seq) == (240, 240)


@pytest.mark.parametrize("kind", ["audit.jsonl", "audit.db"])
def test_processes_write_while_others_delete_what_is_over(
    processes: Any, tmp_path: Path, kind: str
) -> None:
    where = str(tmp_path / kind)
    before = 1_700_000_000.0 + 60 * 20
    arguments = (where, 40, before)
    started = [processes.Process(target=writers.write_and_sweep, args=arguments) for _ in range(3)]
    for process in started:
        process.start()
    for process in started:
        process.join(120)
    assert [process.exitcode for process in started] == [0] * 3
    sink = writers.opened(where)
    sink.expire(before)
    result = sink.verify()
    found = [r["request_id"] for r in sink.read(Query())]
    sink.close()
    assert result.ok, result.problems
    assert (result.records, result.expired) == (60, 60)
    assert sorted(found) == sorted([f"request {n}" for n in range(20, 40)] * 3)


@pytest.mark.parametrize("kind", ["audit.jsonl", "audit.db"])
def test_a_log_that_was_open_before_a_fork_can_be_written_by_both(
    tmp_path: Path, kind: str
) -> None:
    log = AuditLog(tmp_path / kind, key=KEY)
    log.write({"event": "model_call", "user": "alice"})
    child = os.fork()
    if child == 0:
        status = 1
        try:
            for _ in range(30):
                log.write({"event": "model_call", "user": "alice"})
            status = 0
        finally:
            os._exit(status)
    for _ in range(30):
        log.write({"event": "retrieval", "user": "alice"})
    assert os.waitpid(child, 0)[1] == 0
    result = log.verify()
    assert result.ok, result.problems
    assert result.records == 61
    assert len({r["user"] for r in log.records()}) == 1
    log.close()


def test_a_child_does_not_share_the_lock_of_its_parent(tmp_path: Path) -> None:
    files = Files(Paths(tmp_path / "audit.jsonl"))
    held, release = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with files.locked():
                os.write(held[1], b"x")
                os.read(release[0], 1)
        finally:
            os._exit(0)
    os.read(held[0], 1)
    try:
        with pytest.raises(BlockingIOError):
            fcntl.flock(files.head, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.write(release[1], b"x")
        os.waitpid(child, 0)
    with files.locked():
        pass
    files.close()
    for handle in (*held, *release):
        os.close(handle)
