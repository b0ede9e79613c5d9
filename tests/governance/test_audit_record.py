"""The schema of records, and what is refused."""

from __future__ import annotations

import enum
import json
from typing import Any

import pytest

from piirag.errors import AuditError
from piirag.governance.audit import EVENTS, AuditRecord
from piirag.governance.audit.record import NAMES, iso_of, seconds_of

_SECRET = "Zoë Ünalan"


class _Text(str):
    def __str__(self) -> str:
        return _SECRET


class _Color(enum.Enum):
    RED = _SECRET


def test_a_record_comes_back_from_its_names() -> None:
    record = AuditRecord(
        "model_call",
        time=1_700_000_000.123,
        request_model="m",
        input_tokens=3,
        chunks=[{"id": "a", "score": 0.5, "pseudonyms": ["[PERSON_1]"]}],
        decisions=[{"action": "blocked", "where": "prompt", "counts": {"PERSON": 1}}],
        filter={"year": {"$gte": 2020}},
    )
    found = record.to_dict()
    assert found["time"] == "2023-11-14T22:13:20.123Z"
    assert found["gen_ai.request.model"] == "m"
    assert found["gen_ai.usage.input_tokens"] == 3
    assert "reply" not in found
    assert AuditRecord.from_dict(json.loads(json.dumps(found))) == record


def test_names_are_those_of_the_conventions() -> None:
    attributes = pytest.importorskip(
        "opentelemetry.semconv._incubating.attributes.gen_ai_attributes"
    )
    known = {value for value in vars(attributes).values() if isinstance(value, str)}
    ours = {name for name in NAMES.values() if name.startswith("gen_ai.")}
    assert len(ours) == 6
    assert ours <= known


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_is_known(event: str) -> None:
    assert AuditRecord(event).to_dict()["event"] == event


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": 7},
        {"prompt": _Text("x")},
        {"prompt": b"bytes"},
        {"input_tokens": -1},
        {"input_tokens": True},
        {"input_tokens": 1.5},
        {"duration_s": float("nan")},
        {"duration_s": "1"},
        {"time": float("inf")},
        {"time": 1e300},
        {"outcome": _SECRET},
        {"label": _SECRET},
        {"filter": {"name": _Color.RED}},
        {"filter": {"name": {_SECRET}}},
        {"filter": {7: _SECRET}},
        {"filter": [_SECRET]},
        {"filter": {"a": float("nan")}},
        {"chunks": [{"text": _SECRET}]},
        {"chunks": [_SECRET]},
        {"chunks": {"id": _SECRET}},
        {"chunks": [{"id": _SECRET, "score": _SECRET}]},
        {"chunks": [{"pseudonyms": [7]}]},
        {"decisions": [{"action": _SECRET}]},
        {"decisions": [{"counts": {"PERSON": _SECRET}}]},
        {"decisions": [{"counts": [_SECRET]}]},
        {"decisions": [{"value": _SECRET}]},
    ],
)
def test_what_is_not_of_the_schema_is_refused_without_being_quoted(fields: dict[str, Any]) -> None:
    with pytest.raises(AuditError) as caught:
        AuditRecord("model_call", **fields)
    assert _SECRET not in str(caught.value)
    assert caught.value.__context__ is None
    (name,) = fields
    assert NAMES[name] in str(caught.value)


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"event": _SECRET},
        {"event": None},
        {"event": "model_call", _SECRET: 1},
        {"event": "model_call", "mapping": {"[PERSON_1]": _SECRET}},
        {"event": "model_call", "request_model": "the attribute's name, not the record's"},
        {"event": "model_call", "time": _SECRET},
        {"event": "model_call", "seq": 7},
        {"event": "model_call", "hash": "0" * 64},
    ],
)
def test_unknown_names_are_refused_without_being_quoted(record: dict[str, Any]) -> None:
    with pytest.raises(AuditError) as caught:
        AuditRecord.from_dict(record)
    assert _SECRET not in str(caught.value)
    assert caught.value.__context__ is None


def test_deep_nesting_is_refused() -> None:
    nested: Any = "x"
    for _ in range(50):
        nested = {"a": nested}
    with pytest.raises(AuditError):
        AuditRecord("retrieval", filter=nested)


def test_its_repr_holds_no_value() -> None:
    record = AuditRecord("model_call", prompt=_SECRET, user=_SECRET)
    assert repr(record) == "AuditRecord(model_call)"


@pytest.mark.parametrize("seconds", [0.0, 1_700_000_000.123, 4_102_444_800.999])
def test_times_come_back_to_the_millisecond(seconds: float) -> None:
    assert seconds_of(iso_of(seconds)) == pytest.approx(seconds, abs=0.001)
