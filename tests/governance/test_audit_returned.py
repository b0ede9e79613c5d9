"""Records that were deleted because their time was over, and are there again."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from piirag.errors import AuditError
from piirag.governance.audit import Chain, JSONLinesSink, SQLiteSink
from piirag.governance.audit.chain import Spans
from piirag.testing.audit import KEY, record

_BEFORE = 1_700_000_000.0 + 60 * 3


def _swept(path: Path) -> tuple[JSONLinesSink, list[bytes]]:
    """A log of three records, behind three that were deleted; and the lines of those."""
    sink = JSONLinesSink(path, fsync="never")
    sink.bind(Chain(KEY))
    for number in range(6):
        sink.append(record(number))
    lines = path.read_bytes().splitlines(keepends=True)
    assert sink.expire(_BEFORE) == 3
    assert sink.verify().ok
    return sink, lines


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ((1, 3, 4, 5), [2]),
        ((3, 4, 5, 1, 1, 1), [2, 2, 2]),
        ((2, 0, 3, 4, 5), [3, 1]),
        ((3, 0, 4, 5), [1]),
        ((0, 1, 2, 3, 4, 5), [1, 2, 3]),
    ],
)
def test_a_deleted_record_that_was_put_back_shows(
    tmp_path: Path, order: tuple[int, ...], told: list[int]
) -> None:
    path = tmp_path / "audit.jsonl"
    sink, lines = _swept(path)
    path.write_bytes(b"".join(lines[number] for number in order))
    assert [(p.kind, p.first) for p in sink.verify().problems] == [("repeated", n) for n in told]
    # It is evidence: no later sweep deletes it.
    sink.append(record(6))
    assert sink.expire(_BEFORE) == 0
    assert [(p.kind, p.first) for p in sink.verify().problems] == [("repeated", n) for n in told]
    sink.close()


def test_a_deleted_row_that_was_put_back_shows(tmp_path: Path) -> None:
    sink = SQLiteSink(tmp_path / "audit.db", fsync="never")
    sink.bind(Chain(KEY))
    for number in range(6):
        sink.append(record(number))
    with sqlite3.connect(tmp_path / "audit.db") as db:
        row = db.execute("SELECT * FROM audit_records WHERE seq = 2").fetchone()
    assert sink.expire(_BEFORE) == 3
    with sqlite3.connect(tmp_path / "audit.db") as db:
        db.execute("INSERT INTO audit_records VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    assert [str(p) for p in sink.verify().problems] == ["row 2 repeated record 2"]
    sink.close()


def test_what_an_interrupted_sweep_left_may_be_there_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "audit.jsonl"
    sink = JSONLinesSink(path, fsync="never")
    sink.bind(Chain(KEY))
    for number in range(4):
        sink.append(record(number))

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("piirag.governance.audit.sinks.jsonl_sweep.replace_file", fail)
        with pytest.raises(AuditError):
            sink.expire(_BEFORE)
    whole = path.read_bytes()
    assert sink.verify().ok
    path.write_bytes(whole.splitlines(keepends=True)[0] + whole)
    assert [str(p) for p in sink.verify().problems] == ["audit.jsonl:2 repeated record 1"]
    path.write_bytes(whole)
    # The next sweep finishes it, whatever its own moment is; from then on nothing may return.
    assert sink.expire(0) == 3
    assert sink.verify().ok
    path.write_bytes(whole)
    assert [p.kind for p in sink.verify().problems] == ["repeated"] * 3
    sink.close()


def test_numbers_in_ranges() -> None:
    spans = Spans([(3, 4), (1, 10), (20, 20)], [(5, 6)])
    assert [n for n in range(25) if n in spans] == [1, 2, 3, 4, 7, 8, 9, 10, 20]
