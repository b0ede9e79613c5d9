"""The suites that sinks of the audit log pass: those that keep a chain, and those that do not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from piirag.errors import AuditError
from piirag.governance.audit import AuditLog, AuditRecord, Chain, MemoryTags
from piirag.governance.audit.sinks import ForwardingSink, Query, StoringSink

KEY = bytes(range(32))
_START = 1_700_000_000.0


@dataclass
class SinkUnderTest:
    """What the suite needs to drive a sink.

    Args:
        open: A new sink object over the same, at first empty, store.
        lines: The lines of the records in the store, in order.
        put: Replace them, past the sink, as an attacker would.
    """

    open: Callable[[], StoringSink]
    lines: Callable[[], list[bytes]]
    put: Callable[[list[bytes]], None]


def record(number: int, **fields: Any) -> dict[str, Any]:
    """The fields of a record; each number is a minute later."""
    given = {"time": _START + 60 * number, "request_id": f"request {number}", **fields}
    return AuditRecord("model_call", **given).to_dict()


class AuditSinkSuite:
    """Subclass it and provide a fixture `under_test`."""

    @pytest.fixture
    def under_test(self) -> SinkUnderTest:
        """An empty store with the means to open, read and alter it."""
        raise NotImplementedError

    def _sink(self, under_test: SinkUnderTest, key: bytes | None = KEY) -> StoringSink:
        sink = under_test.open()
        sink.bind(Chain(key))
        return sink

    def _filled(self, under_test: SinkUnderTest, count: int = 6) -> StoringSink:
        sink = self._sink(under_test)
        for number in range(count):
            sink.append(record(number))
        return sink

    def test_it_is_a_sink_that_stores(self, under_test: SinkUnderTest) -> None:
        sink = self._sink(under_test)
        assert isinstance(sink, StoringSink)
        assert sink.name
        sink.close()

    def test_records_come_back_in_order_and_linked(self, under_test: SinkUnderTest) -> None:
        sink = self._sink(under_test)
        written = [sink.append(record(number)) for number in range(4)]
        found = list(sink.read(Query()))
        sink.close()
        assert found == written
        assert [r["seq"] for r in found] == [1, 2, 3, 4]
        assert [r["prev"] for r in found[1:]] == [r["hash"] for r in found[:-1]]
        assert [{k: r[k] for k in record(0)} for r in found] == [record(n) for n in range(4)]

    def test_a_new_object_goes_on_with_the_chain(self, under_test: SinkUnderTest) -> None:
        self._filled(under_test, 3).close()
        sink = self._sink(under_test)
        assert sink.append(record(3))["seq"] == 4
        result = sink.verify()
        sink.close()
        assert result.ok
        assert (result.records, result.head.seq, result.keyed) == (4, 4, True)

    def test_without_a_key_there_is_a_chain_too(self, under_test: SinkUnderTest) -> None:
        sink = self._sink(under_test, None)
        for number in range(3):
            sink.append(record(number))
        result = sink.verify()
        sink.close()
        assert result.ok
        assert not result.keyed

    def test_another_key_neither_verifies_nor_writes(self, under_test: SinkUnderTest) -> None:
        self._filled(under_test, 2).close()
        sink = self._sink(under_test, bytes(32))
        assert not sink.verify().ok
        with pytest.raises(AuditError):
            sink.append(record(2))
        sink.close()
        again = self._sink(under_test)
        assert again.verify().ok
        again.close()

    @pytest.mark.parametrize("place", range(6))
    def test_an_altered_record_shows(self, under_test: SinkUnderTest, place: int) -> None:
        sink = self._filled(under_test)
        lines = under_test.lines()
        lines[place] = lines[place].replace(b"request", b"Request")
        under_test.put(lines)
        (problem,) = sink.verify().problems
        sink.close()
        assert (problem.kind, problem.first) == ("altered", place + 1)
        assert problem.place

    @pytest.mark.parametrize("place", range(6))
    def test_a_removed_record_shows(self, under_test: SinkUnderTest, place: int) -> None:
        sink = self._filled(under_test)
        lines = under_test.lines()
        del lines[place]
        under_test.put(lines)
        (problem,) = sink.verify().problems
        sink.close()
        assert problem.kind == ("truncated" if place == 5 else "removed")
        assert (problem.first, problem.last) == (place + 1, place + 1)

    def test_a_log_that_was_cut_off_shows_and_stays_to_be_seen(
        self, under_test: SinkUnderTest
    ) -> None:
        sink = self._filled(under_test)
        under_test.put(under_test.lines()[:3])
        (problem,) = sink.verify().problems
        assert (problem.kind, problem.first, problem.last) == ("truncated", 4, 6)
        sink.append(record(6))
        (problem,) = sink.verify().problems
        sink.close()
        assert (problem.kind, problem.first, problem.last) == ("removed", 4, 6)

    def test_an_empty_log_that_had_records_shows(self, under_test: SinkUnderTest) -> None:
        sink = self._filled(under_test)
        under_test.put([])
        assert [p.kind for p in sink.verify().problems] == ["truncated"]
        sink.close()

    def test_an_earlier_head_is_a_witness(self, under_test: SinkUnderTest) -> None:
        sink = self._filled(under_test)
        head = sink.verify().head
        assert sink.verify(head).ok
        under_test.put(under_test.lines()[:3])
        assert not sink.verify(head).ok
        sink.close()

    def test_what_is_over_is_deleted_and_the_rest_verifies(self, under_test: SinkUnderTest) -> None:
        sink = self._filled(under_test)
        assert sink.expire(_START + 60 * 4) == 4
        assert [r["request_id"] for r in sink.read(Query())] == ["request 4", "request 5"]
        result = sink.verify()
        assert result.ok
        assert (result.records, result.expired) == (2, 4)
        assert sink.expire(_START + 60 * 4) == 0
        assert sink.append(record(6))["seq"] == 7
        assert sink.verify().ok
        sink.close()

    def test_records_out_of_order_are_deleted_by_their_own_time(
        self, under_test: SinkUnderTest
    ) -> None:
        sink = self._sink(under_test)
        for number in (5, 0, 7, 1, 2, 9):
            sink.append(record(number))
        assert sink.expire(_START + 60 * 5) == 3
        assert [r["request_id"] for r in sink.read(Query())] == [f"request {n}" for n in (5, 7, 9)]
        assert sink.verify().ok
        under_test.put(under_test.lines()[1:])
        assert not sink.verify().ok
        sink.close()

    def test_all_may_be_over_and_the_chain_goes_on(self, under_test: SinkUnderTest) -> None:
        sink = self._filled(under_test, 3)
        assert sink.expire(_START + 60 * 10) == 3
        assert list(sink.read(Query())) == []
        assert sink.verify().ok
        sink.close()
        sink = self._sink(under_test)
        assert sink.append(record(11))["seq"] == 4
        assert sink.verify().ok
        sink.close()

    def test_what_was_altered_is_not_deleted(self, under_test: SinkUnderTest) -> None:
        sink = self._filled(under_test, 3)
        lines = under_test.lines()
        lines[1] = lines[1].replace(b"request", b"Request")
        under_test.put(lines)
        assert sink.expire(_START + 60 * 10) == 2
        assert [p.kind for p in sink.verify().problems] == ["altered"]
        sink.close()

    def test_records_are_found_by_request_event_time_and_user(
        self, under_test: SinkUnderTest
    ) -> None:
        sink = self._sink(under_test)
        for number in range(5):
            sink.append(record(number, user=f"u_{number % 2:032x}"))
        child = record(5, parent_id="request 1")
        sink.append({**child, "event": "retrieval"})

        def ids(query: Query) -> list[Any]:
            return [found["request_id"] for found in sink.read(query)]

        assert ids(Query(request_id="request 1")) == ["request 1", "request 5"]
        assert ids(Query(event="retrieval")) == ["request 5"]
        assert ids(Query(since=_START + 60, until=_START + 180)) == ["request 1", "request 2"]
        assert ids(Query(users=[f"u_{1:032x}"])) == ["request 1", "request 3"]
        assert ids(Query(users=[])) == []
        assert ids(Query(request_id="none")) == []
        sink.close()

    def test_several_writers_make_one_chain(self, under_test: SinkUnderTest) -> None:
        sinks = [self._sink(under_test) for _ in range(3)]
        failed: list[BaseException] = []

        def work(sink: StoringSink) -> None:
            try:
                for number in range(20):
                    sink.append(record(number))
            except BaseException as error:  # noqa: BLE001 - told to the thread that asserts
                failed.append(error)

        threads = [threading.Thread(target=work, args=(s,)) for s in sinks for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failed
        result = sinks[0].verify()
        for sink in sinks:
            sink.close()
        assert result.ok
        assert result.records == 120

    def test_what_is_no_json_is_refused_and_the_chain_goes_on(
        self, under_test: SinkUnderTest
    ) -> None:
        sink = self._filled(under_test, 1)
        for bad in (object(), float("nan"), {1, 2}):
            with pytest.raises(AuditError) as caught:
                sink.append({**record(1), "filter": bad})
            assert caught.value.__context__ is None
        assert sink.append(record(1))["seq"] == 2
        assert sink.verify().ok
        sink.close()


@dataclass
class ForwardingSinkUnderTest:
    """What the suite needs to drive a sink that hands records on.

    Args:
        sink: The sink.
        received: What arrived at the other end, as mappings, in order.
        name: What a field of the record is called there.
    """

    sink: ForwardingSink
    received: Callable[[], list[Mapping[str, Any]]]
    name: Callable[[str], str] = str


class ForwardingSinkSuite:
    """Subclass it and provide a fixture `forwarding`."""

    @pytest.fixture
    def forwarding(self) -> ForwardingSinkUnderTest:
        """A sink and what is at its other end."""
        raise NotImplementedError

    def test_it_is_a_sink_that_hands_on(self, forwarding: ForwardingSinkUnderTest) -> None:
        assert isinstance(forwarding.sink, ForwardingSink)
        assert not isinstance(forwarding.sink, StoringSink)
        assert forwarding.sink.name
        forwarding.sink.close()

    def test_every_field_arrives_but_the_texts(self, forwarding: ForwardingSinkUnderTest) -> None:
        record = AuditRecord(
            "model_call",
            time=_START,
            request_id="0" * 31 + "a",
            operation="chat",
            provider="openai",
            request_model="gpt-4o",
            input_tokens=7,
            duration_s=0.5,
            outcome="blocked",
            prompt="[PERSON_1] asks",
            reply="nothing",
            user="alice",
            decisions=[{"action": "blocked", "where": "prompt", "counts": {"PERSON": 1}}],
            chunks=[{"id": "f" * 32, "score": 0.5}],
            filter={"user_id": "alice"},
            label="internal",
        )
        log = AuditLog(forwarding.sink, key=KEY, tags=MemoryTags(key=KEY))
        log.write(record, redacted=["prompt", "reply"])
        (found,) = forwarding.received()
        for name, value in record.to_dict().items():
            there = found.get(forwarding.name(name))
            if name in ("prompt", "reply"):
                assert there is None
            elif isinstance(value, str | int | float) and name not in ("user", "time"):
                assert there == value
            else:
                assert there
        assert "alice" not in str(found)

    def test_records_arrive_in_order_with_their_place(
        self, forwarding: ForwardingSinkUnderTest
    ) -> None:
        for number in range(3):
            forwarding.sink.emit({**record(number), "seq": number + 1, "hash": f"{number:064x}"})
        found = forwarding.received()
        assert [r[forwarding.name("seq")] for r in found] == [1, 2, 3]
        assert [r[forwarding.name("hash")] for r in found] == [f"{n:064x}" for n in range(3)]
