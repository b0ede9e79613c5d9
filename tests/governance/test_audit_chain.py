"""The chain in a file: every byte, line and order of lines counts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piirag.errors import AuditError, ConfigurationError
from piirag.governance.audit import AuditLog, Chain, Head, JSONLinesSink, Problem, SQLiteSink
from piirag.governance.audit.chain import canonical
from piirag.governance.audit.sinks import Query
from piirag.testing.audit import KEY, record

_COUNT = 8


def _sink(path: Path, key: bytes | None = KEY, **options: object) -> JSONLinesSink:
    sink = JSONLinesSink(path, fsync="never", **options)  # type: ignore[arg-type]
    sink.bind(Chain(key))
    return sink


@pytest.fixture(scope="module", params=[KEY, None], ids=["keyed", "plain"])
def written(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> JSONLinesSink:
    """A log of some records, whose bytes the tests put back."""
    sink = _sink(tmp_path_factory.mktemp("chain") / "audit.jsonl", request.param)
    for number in range(_COUNT):
        sink.append(record(number, feature="search", filter={"year": 2020 + number}))
    return sink


def _problems(sink: JSONLinesSink, data: bytes) -> tuple[Problem, ...]:
    """What checking other bytes under the same name gives."""
    original = sink.path.read_bytes()
    sink.path.write_bytes(data)
    try:
        return sink.verify().problems
    finally:
        sink.path.write_bytes(original)


@given(st.data())
def test_any_flipped_bit_shows_in_its_line(written: JSONLinesSink, data: st.DataObject) -> None:
    content = written.path.read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    bit = 1 << data.draw(st.integers(0, 7))
    changed = bytearray(content)
    changed[place] ^= bit
    problems = _problems(written, bytes(changed))
    line = content[:place].count(b"\n") + 1
    assert problems
    assert f"audit.jsonl:{line}" in {p.place for p in problems} or content[place] == ord("\n")


@given(st.data())
def test_any_byte_put_in_or_taken_out_shows(written: JSONLinesSink, data: st.DataObject) -> None:
    content = written.path.read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    added = data.draw(st.binary(max_size=3))
    taken = data.draw(st.integers(0, 3))
    changed = content[:place] + added + content[place + taken :]
    if changed != content and changed.rstrip(b"\n") != content.rstrip(b"\n"):
        assert _problems(written, changed)


@given(st.data())
def test_any_removed_lines_show_and_are_named(written: JSONLinesSink, data: st.DataObject) -> None:
    lines = written.path.read_bytes().splitlines(keepends=True)
    first = data.draw(st.integers(0, _COUNT - 1))
    last = data.draw(st.integers(first, _COUNT - 1))
    (problem,) = _problems(written, b"".join(lines[:first] + lines[last + 1 :]))
    kind = "truncated" if last == _COUNT - 1 else "removed"
    assert (problem.kind, problem.first, problem.last) == (kind, first + 1, last + 1)


@given(st.permutations(range(_COUNT)))
def test_any_other_order_shows(written: JSONLinesSink, order: list[int]) -> None:
    lines = written.path.read_bytes().splitlines(keepends=True)
    problems = _problems(written, b"".join(lines[number] for number in order))
    if order == sorted(order):
        assert not problems
    else:
        assert {p.kind for p in problems} == {"reordered"}


@given(st.integers(0, 10**6))
def test_any_shorter_file_shows(written: JSONLinesSink, size: int) -> None:
    content = written.path.read_bytes()
    size %= len(content)
    problems = _problems(written, content[:size])
    if size == len(content) - 1:
        # All but the end of the last line: nothing is missing.
        assert problems == ()
    else:
        assert "truncated" in {p.kind for p in problems} or "altered" in {p.kind for p in problems}


@given(st.integers(0, _COUNT - 1), st.integers(0, _COUNT))
def test_a_line_that_stands_twice_shows(written: JSONLinesSink, number: int, place: int) -> None:
    lines = written.path.read_bytes().splitlines(keepends=True)
    copied = [*lines[:place], lines[number], *lines[place:]]
    assert _problems(written, b"".join(copied))


def test_who_has_no_key_cannot_make_a_chain_that_fits(tmp_path: Path) -> None:
    sink = _sink(tmp_path / "audit.jsonl")
    for number in range(3):
        sink.append(record(number))
    forged = _sink(tmp_path / "forged.jsonl", None)
    for number in range(3):
        forged.append(record(number, feature="forged"))
    sink.path.write_bytes(forged.path.read_bytes())
    assert [p.kind for p in sink.verify().problems] == ["altered"] * 3
    (tmp_path / "audit.jsonl.head").write_bytes((tmp_path / "forged.jsonl.head").read_bytes())
    assert "head" in {p.kind for p in sink.verify().problems}


def test_a_shorter_log_with_an_older_head_needs_a_witness(tmp_path: Path) -> None:
    sink = _sink(tmp_path / "audit.jsonl")
    sink.append(record(0))
    copies = {path: path.read_bytes() for path in tmp_path.iterdir()}
    sink.append(record(1))
    head = sink.verify().head
    for path, content in copies.items():
        path.write_bytes(content)
    # What the page on the audit log says: an old copy of everything fits by itself.
    assert sink.verify().ok
    assert [p.kind for p in sink.verify(head).problems] == ["truncated"]


def test_a_lost_head_shows_and_stays_to_be_seen(tmp_path: Path) -> None:
    sink = _sink(tmp_path / "audit.jsonl")
    for number in range(3):
        sink.append(record(number))
    sink.close()
    (tmp_path / "audit.jsonl.head").unlink()
    assert [p.kind for p in sink.verify().problems] == ["head"]
    assert sink.append(record(3))["seq"] == 5
    result = sink.verify()
    assert [(p.kind, p.first) for p in result.problems] == [("head", 4)]
    (own,) = sink.read(Query(event="audit"))
    assert own["error.type"] == "head missing"


def test_a_head_that_was_altered_stops_writing(tmp_path: Path) -> None:
    sink = _sink(tmp_path / "audit.jsonl")
    sink.append(record(0))
    head = tmp_path / "audit.jsonl.head"
    head.write_bytes(head.read_bytes().replace(b'"seq":1', b'"seq":7'))
    with pytest.raises(AuditError, match="head"):
        sink.append(record(1))
    assert "head" in {p.kind for p in sink.verify().problems}


def test_a_note_of_deleted_records_cannot_be_forged(tmp_path: Path) -> None:
    sink = _sink(tmp_path / "audit.jsonl")
    for number in range(4):
        sink.append(record(number))
    lines = sink.path.read_bytes().splitlines(keepends=True)
    sink.path.write_bytes(b"".join(lines[2:]))
    note = tmp_path / "audit.jsonl.removed"
    note.write_text('{"removed": [[1, 2, "' + "0" * 64 + '"]], "mac": "' + "0" * 64 + '"}')
    assert {p.kind for p in sink.verify().problems} >= {"head"}


def test_half_a_line_of_a_killed_writer_is_left_out_and_cut_off(tmp_path: Path) -> None:
    sink = _sink(tmp_path / "audit.jsonl")
    sink.append(record(0))
    sink.close()
    with sink.path.open("ab") as file:
        file.write(b'{"event":"model_call","half')
    result = sink.verify()
    assert result.ok
    assert result.torn
    assert len(list(sink.read(Query()))) == 1
    assert sink.append(record(1))["seq"] == 2
    assert sink.path.read_bytes().count(b"\n") == 2
    assert b"half" not in sink.path.read_bytes()
    result = sink.verify()
    assert result.ok
    assert not result.torn


@pytest.mark.parametrize("half", [b"{", b'{"', b'{"event":"mod', b"\0" * 9, b'{"a\0\0'])
def test_what_may_be_half_a_record_is_no_problem(tmp_path: Path, half: bytes) -> None:
    sink = _sink(tmp_path / "audit.jsonl")
    sink.append(record(0))
    with sink.path.open("ab") as file:
        file.write(half)
    assert sink.verify().ok and sink.verify().torn
    sink.append(record(1))
    assert sink.verify().ok
    assert sink.path.read_bytes().count(b"\n") == 2


@pytest.mark.parametrize("junk", [b"junk\0" * 1000, b'{"evil": 1}', b'{"evil":1}', b"\xff{", b"7"])
def test_what_is_no_half_of_a_record_is_a_problem_and_stays(tmp_path: Path, junk: bytes) -> None:
    sink = _sink(tmp_path / "audit.jsonl")
    sink.append(record(0))
    with sink.path.open("ab") as file:
        file.write(junk)
    for number in range(1, 3):
        result = sink.verify()
        assert [p.kind for p in result.problems] == ["altered"]
        assert not result.torn
        sink.append(record(number))
    assert sink.path.read_bytes().count(junk + b"\n") == 1


def test_a_record_the_head_does_not_know_of_yet_is_kept(tmp_path: Path) -> None:
    sink = _sink(tmp_path / "audit.jsonl")
    sink.append(record(0))
    head = (tmp_path / "audit.jsonl.head").read_bytes()
    sink.append(record(1))
    sink.close()
    # As a writer leaves it that is killed between the line and the head.
    (tmp_path / "audit.jsonl.head").write_bytes(head)
    assert sink.verify().ok
    assert sink.append(record(2))["seq"] == 3
    assert sink.verify().ok


def test_a_line_that_was_put_behind_the_last_is_not_gone_on_from(tmp_path: Path) -> None:
    sink = _sink(tmp_path / "audit.jsonl")
    for number in range(3):
        sink.append(record(number))
    with sink.path.open("ab") as file:
        file.write(sink.path.read_bytes().splitlines(keepends=True)[0])
    assert [p.kind for p in sink.verify().problems] == ["repeated"]
    assert sink.append(record(3))["seq"] == 4
    assert [(p.kind, p.place) for p in sink.verify().problems] == [("repeated", "audit.jsonl:4")]


def test_a_rotation_that_was_interrupted_goes_on(tmp_path: Path) -> None:
    sink = _sink(tmp_path / "audit.jsonl")
    sink.append(record(0))
    sink.close()
    os.rename(sink.path, tmp_path / "audit.000000000001.jsonl")
    assert sink.verify().ok
    assert sink.append(record(1))["seq"] == 2
    assert sink.verify().records == 2
    assert sink.verify().ok


def test_files_are_rotated_by_size_and_by_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_700_000_000.0
    monkeypatch.setattr("piirag.governance.audit.sinks.jsonl.time.time", lambda: now)
    sink = _sink(tmp_path / "audit.jsonl", max_bytes=1000)
    for number in range(6):
        sink.append(record(number))
    names = sorted(p.name for p in tmp_path.glob("audit*.jsonl"))
    assert len(names) > 1
    assert all(p.stat().st_size <= 1000 for p in tmp_path.glob("audit*.jsonl"))
    now += 86_400
    sink.append(record(6))
    assert len(list(tmp_path.glob("audit*.jsonl"))) == len(names) + 1
    assert [r["seq"] for r in sink.read(Query())] == list(range(1, 8))
    assert sink.verify().ok
    oldest = min(tmp_path.glob("audit.0*.jsonl"))
    oldest.unlink()
    assert [p.kind for p in sink.verify().problems] == ["removed"]


def test_whole_files_are_deleted_once_they_are_over(tmp_path: Path) -> None:
    sink = _sink(tmp_path / "audit.jsonl", max_bytes=800)
    for number in range(9):
        sink.append(record(number))
    before = len(list(tmp_path.glob("audit.0*.jsonl")))
    assert sink.expire(1_700_000_000.0 + 60 * 7) == 7
    assert len(list(tmp_path.glob("audit.0*.jsonl"))) < before
    assert sink.verify().ok


def test_a_sweep_that_was_interrupted_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = _sink(tmp_path / "audit.jsonl")
    for number in range(4):
        sink.append(record(number))

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("piirag.governance.audit.sinks.jsonl_sweep.replace_file", fail)
        with pytest.raises(AuditError):
            sink.expire(1_700_000_000.0 + 60 * 2)
    # What is noted as deleted is still there; the log is whole nevertheless.
    assert sink.verify().ok
    assert sink.expire(1_700_000_000.0 + 60 * 2) == 2
    assert [r["seq"] for r in sink.read(Query())] == [3, 4]
    assert sink.verify().ok


@pytest.mark.parametrize("name", ["audit.jsonl", "audit.db"])
def test_only_the_owner_reads_the_files(tmp_path: Path, name: str) -> None:
    with AuditLog(tmp_path / name, key=KEY) as log:
        log.write({"event": "model_call", "user": "alice"})
        files = list(tmp_path.iterdir())
        assert len(files) >= 3
        assert {path.stat().st_mode & 0o077 for path in files} == {0}


def test_nothing_is_read_where_nothing_was_written(tmp_path: Path) -> None:
    sink = _sink(tmp_path / "audit.jsonl")
    assert list(sink.read(Query())) == []
    with pytest.raises(AuditError, match="no audit log"):
        sink.verify()
    assert list(tmp_path.iterdir()) == []


def test_options_that_cannot_work_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="fsync"):
        JSONLinesSink(tmp_path / "a", fsync="sometimes")
    with pytest.raises(ConfigurationError, match="max_bytes"):
        JSONLinesSink(tmp_path / "a", max_bytes=0)
    with pytest.raises(ConfigurationError, match="16 bytes"):
        AuditLog(tmp_path / "a.jsonl", key=b"short")
    for open_it in (AuditLog, SQLiteSink):
        with pytest.raises(ConfigurationError) as caught:
            open_it(tmp_path / "no folder" / "a.jsonl")
        assert "no folder" not in str(caught.value)
        assert caught.value.__context__ is None
    assert Head().seq == 0


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("key", [KEY, None], ids=["keyed", "plain"])
def test_a_record_of_another_log_with_the_same_key_does_not_fit(
    tmp_path: Path, key: bytes | None, place: int
) -> None:
    mine, other = _sink(tmp_path / "mine.jsonl", key), _sink(tmp_path / "other.jsonl", key)
    for number in range(4):
        mine.append(record(number))
        other.append(record(number, feature="other"))
    lines = mine.path.read_bytes().splitlines(keepends=True)
    lines[place] = other.path.read_bytes().splitlines(keepends=True)[place]
    mine.path.write_bytes(b"".join(lines))
    problems = mine.verify().problems
    assert {p.kind for p in problems} == {"altered"}
    # Its own hash is good, so that what shows is where it does not fit: at it, or right behind.
    assert {p.place for p in problems} <= {f"mine.jsonl:{n}" for n in (place + 1, place + 2)}


def test_without_a_key_a_last_record_that_was_made_anew_shows_by_the_head(tmp_path: Path) -> None:
    sink = _sink(tmp_path / "audit.jsonl", None)
    for number in range(3):
        last = sink.append(record(number))
    lines = sink.path.read_bytes().splitlines(keepends=True)
    forged = {k: v for k, v in last.items() if k not in ("schema", "seq", "prev", "hash")}
    sealed = Chain().sealed({**forged, "outcome": "ok"}, Head(2, last["prev"]))
    lines[2] = canonical(sealed) + b"\n"
    sink.path.write_bytes(b"".join(lines))
    assert [(p.kind, p.place) for p in sink.verify().problems] == [("altered", "audit.jsonl:3")]
