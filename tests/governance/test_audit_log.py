"""The log: what becomes of the fields, and where records go."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from piirag.errors import AuditError, ConfigurationError
from piirag.governance.audit import (
    AuditConfig,
    AuditLog,
    AuditRecord,
    JSONLinesSink,
    LoggingSink,
    OpenTelemetrySink,
    SQLiteSink,
    StructlogSink,
)
from piirag.governance.audit.sinks import ForwardingSink
from piirag.governance.logging_policy import LoggingPolicy
from piirag.testing.audit import KEY

_MAIL = "jane.roeburn@example.com"


class _Kept:
    """A sink that keeps what it is handed."""

    name = "kept"

    def __init__(self, name: str = "kept") -> None:
        self.name = name
        self.records: list[dict[str, Any]] = []

    def emit(self, record: Mapping[str, Any]) -> None:
        self.records.append(dict(record))

    def close(self) -> None:
        pass


def _written(record: AuditRecord | dict[str, Any], **options: Any) -> dict[str, Any]:
    """What a sink gets of a record."""
    redacted = options.pop("redacted", ())
    sink = _Kept()
    AuditLog(sink, key=KEY, **options).write(record, redacted=redacted)
    return sink.records[0]


def test_users_sessions_and_inputs_become_tags() -> None:
    found = _written(
        AuditRecord("model_call", user="alice", session="s", input_hash="Who is Jane?")
    )
    assert [found[name][:2] for name in ("user", "session", "input_hash")] == ["u_", "s_", "i_"]
    assert all(len(found[name]) == 34 for name in ("user", "session", "input_hash"))


def test_tags_that_were_made_before_stay() -> None:
    sink = _Kept()
    log = AuditLog(sink, key=KEY)
    user, text = log.user_tag("alice"), log.input_hash("Who?", "alice")
    log.write(AuditRecord("model_call", user=user, input_hash=text))
    log.write(AuditRecord("model_call", user="alice", input_hash="Who?"))
    assert {(r["user"], r["input_hash"]) for r in sink.records} == {(user, text)}


def test_tenants_in_filters_become_tags_and_the_rest_stays() -> None:
    query = {"$and": [{"user_id": {"$eq": "alice"}}, {"year": {"$gte": 2020}}, {"kind": "report"}]}
    found = _written(AuditRecord("retrieval", filter=query))["filter"]["$and"]
    assert found[0]["user_id"]["$eq"].startswith("k_")
    assert found[1:] == [{"year": {"$gte": 2020}}, {"kind": "report"}]


@pytest.mark.parametrize("value", ["alice", 4711, ["alice", "bob"], {"$in": ["alice"]}])
def test_no_tenant_stands_in_a_filter(value: Any) -> None:
    found = json.dumps(_written(AuditRecord("retrieval", filter={"user_id": value}))["filter"])
    assert not any(name in found for name in ("alice", "bob", "4711"))


def test_only_pseudonyms_stand_as_pseudonyms() -> None:
    given = ["[PERSON_1]", "[PERSON Kobaru Tesami Lovina]", "Jane Roeburn"]
    found = _written(AuditRecord("retrieval", chunks=[{"id": "1", "pseudonyms": given}]))
    kept = found["chunks"][0]["pseudonyms"]
    assert kept[:2] == given[:2]
    assert kept[2].startswith("k_")


def test_counts_name_types_only() -> None:
    counts = {"PERSON": 2, "Jane Roeburn": 1, "jane": 1}
    found = _written(AuditRecord("decision", decisions=[{"action": "blocked", "counts": counts}]))
    assert found["decisions"][0]["counts"] == {"PERSON": 2, "OTHER": 2}


def test_words_of_code_stay_as_they_are() -> None:
    given = {
        "operation": "chat",
        "provider": "aws.bedrock",
        "request_model": "anthropic.claude-3-5-sonnet-20241022-v2:0",
        "response_model": "gpt-4o-2024-08-06",
        "server_address": "eu.api.openai.com",
        "error_type": "openai.RateLimitError",
        "decisions": [{"action": "redacted", "where": "chat model input", "reason": "findings"}],
        "request_id": "0197f3a2-1c3b-7000-8000-0123456789ab",
    }
    record = AuditRecord("model_call", **given)
    found = _written(record)
    assert {k: v for k, v in record.to_dict().items() if found.get(k) != v} == {}


@pytest.mark.parametrize(
    "field",
    [
        "prompt",
        "reply",
        "request_id",
        "parent_id",
        "feature",
        "request_model",
        "provider",
        "server_address",
        "error_type",
        "operation",
    ],
)
def test_no_field_lets_a_value_through(field: str) -> None:
    found = _written(AuditRecord("model_call", **{field: f"of {_MAIL} here"}))
    assert _MAIL not in json.dumps(found)


@pytest.mark.parametrize("part", ["id", "source"])
def test_no_part_of_a_chunk_lets_a_value_through(part: str) -> None:
    found = _written(AuditRecord("retrieval", chunks=[{part: f"mail/{_MAIL}"}]))
    assert _MAIL not in json.dumps(found)


@pytest.mark.parametrize(
    "query",
    [
        {"mail": _MAIL},
        {_MAIL: 1},
        {"a": [{"b": _MAIL}]},
        # Names that are words of the schema elsewhere.
        {"score": _MAIL},
        {"label": _MAIL},
        {"action": _MAIL},
        {"where": f"is {_MAIL}"},
        {"card": 4111111111111111},
        {"id": "4111111111111111"},
    ],
)
def test_no_part_of_a_filter_lets_a_value_through(query: dict[str, Any]) -> None:
    found = json.dumps(_written(AuditRecord("retrieval", filter=query)))
    assert _MAIL not in found
    assert "4111111111111111" not in found


def test_what_a_redactor_made_gets_the_second_look_alone() -> None:
    class Guard:
        def value(self, *_: Any, **__: Any) -> Any:
            raise AssertionError("the detector was run")

    sink = _Kept()
    log = AuditLog(sink, key=KEY, guard=Guard())  # type: ignore[arg-type]
    text = f"[PERSON_1] wrote from {_MAIL}"
    log.write(AuditRecord("model_call", prompt=text), redacted=["prompt"])
    assert sink.records[0]["prompt"] == "[PERSON_1] wrote from [EMAIL_ADDRESS]"
    assert log.replaced == {"EMAIL_ADDRESS": 1}


def test_a_policy_cannot_let_a_value_through() -> None:
    policy = LoggingPolicy(fields={"prompt": "store"})
    assert _MAIL not in _written(AuditRecord("model_call", prompt=_MAIL), policy=policy)["prompt"]


def test_texts_are_hashed_or_dropped_where_the_policy_says_so() -> None:
    policy = LoggingPolicy(fields={"prompt": "hash", "reply": "drop"})
    record = AuditRecord("model_call", prompt="Who is Jane?", reply="Nobody")
    found = [_written(record, policy=policy) for _ in range(2)]
    assert found[0]["prompt"].startswith("h_")
    assert found[0]["prompt"] == found[1]["prompt"]
    assert "reply" not in found[0]


@pytest.mark.parametrize("name", ["logging", "structlog", "otel"])
def test_texts_do_not_go_to_collectors_unless_the_policy_says_so(name: str) -> None:
    record = AuditRecord("model_call", prompt="[PERSON_1] asks", reply="no", feature="search")
    for policy, there in ((None, False), (LoggingPolicy(sinks={name: {"prompt": "redact"}}), True)):
        sink = _Kept(name)
        AuditLog(sink, key=KEY, policy=policy).write(record)
        assert ("prompt" in sink.records[0]) is there
        assert "reply" not in sink.records[0]
        assert sink.records[0]["feature"] == "search"


def test_what_is_handed_on_carries_its_place_in_the_first_chain(tmp_path: Path) -> None:
    kept = _Kept()
    first, second = JSONLinesSink(tmp_path / "a.jsonl"), SQLiteSink(tmp_path / "a.db")
    with AuditLog([kept, first, second], key=KEY) as log:
        for _ in range(3):
            log.write(AuditRecord("model_call", user="alice"))
        assert [r["hash"] for r in kept.records] == [r["hash"] for r in log.records()]
        assert log.verify().ok
        assert second.verify().ok
        assert log.expire(4_000_000_000.0) == 6


def test_python_logging_gets_one_message_a_record(caplog: pytest.LogCaptureFixture) -> None:
    sink = LoggingSink("test.audit")
    assert isinstance(sink, ForwardingSink)
    with caplog.at_level(logging.INFO, logger="test.audit"):
        AuditLog(sink, key=KEY).write(AuditRecord("model_call", user="alice", outcome="ok"))
    (message,) = caplog.records
    assert json.loads(message.getMessage()) == message.audit  # type: ignore[attr-defined]
    assert message.audit["outcome"] == "ok"  # type: ignore[attr-defined]


def test_structlog_gets_an_event_a_record() -> None:
    structlog = pytest.importorskip("structlog")
    with structlog.testing.capture_logs() as events:
        sink = StructlogSink(structlog.get_logger("audit"))
        AuditLog(sink, key=KEY).write(AuditRecord("model_call", outcome="ok"))
        AuditLog(StructlogSink(), key=KEY).write(AuditRecord("retrieval"))
    assert [(e["event"], e["audit_event"]) for e in events] == [
        ("audit", "model_call"),
        ("audit", "retrieval"),
    ]


def test_opentelemetry_gets_the_names_of_the_conventions() -> None:
    logs = pytest.importorskip("opentelemetry.sdk._logs")
    export = pytest.importorskip("opentelemetry.sdk._logs.export")
    exporter = getattr(export, "InMemoryLogRecordExporter", None) or export.InMemoryLogExporter
    kept = exporter()
    provider = logs.LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(export.SimpleLogRecordProcessor(kept))
    record = AuditRecord(
        "model_call",
        time=1_700_000_000.5,
        request_model="gpt-4o",
        input_tokens=7,
        user="alice",
        decisions=[{"action": "redacted", "counts": {"PERSON": 1}}],
    )
    AuditLog(OpenTelemetrySink(provider), key=KEY).write(record)
    (found,) = (item.log_record for item in kept.get_finished_logs())
    assert found.event_name == "piirag.audit"
    assert found.timestamp == 1_700_000_000_500_000_000
    assert found.attributes["gen_ai.request.model"] == "gpt-4o"
    assert found.attributes["gen_ai.usage.input_tokens"] == 7
    assert found.attributes["piirag.user"].startswith("u_")
    assert json.loads(found.attributes["piirag.decisions"])[0]["counts"] == {"PERSON": 1}


def test_opentelemetry_can_have_events_of_the_span() -> None:
    trace = pytest.importorskip("opentelemetry.sdk.trace")
    export = pytest.importorskip("opentelemetry.sdk.trace.export")
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    kept = memory.InMemorySpanExporter()
    provider = trace.TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(export.SimpleSpanProcessor(kept))
    with provider.get_tracer("test").start_as_current_span("call"):
        sink = OpenTelemetrySink(span_events=True)
        AuditLog(sink, key=KEY).write(AuditRecord("model_call", provider="openai"))
    (span,) = kept.get_finished_spans()
    assert span.events[0].attributes["gen_ai.provider.name"] == "openai"


def test_a_record_that_is_refused_leaves_no_line(tmp_path: Path) -> None:
    with AuditLog(tmp_path / "audit.jsonl") as log:
        with pytest.raises(AuditError):
            log.write({"event": "model_call", "text": "Jane"})
        log.write({"event": "model_call"})
        assert len(list(log.records())) == 1
        assert repr(log) == "AuditLog(jsonl)"


def test_a_log_needs_a_sink() -> None:
    for sinks in ((), [object()]):
        with pytest.raises(ConfigurationError):
            AuditLog(sinks)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="stores"):
        AuditLog(_Kept()).verify()


def _toml(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "piirag.toml"
    path.write_text(text)
    return path


def test_the_configuration_opens_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_KEY", "A" * 43 + "=")
    path = _toml(
        tmp_path,
        '[audit]\npath = "audit.jsonl"\nkey_env = "AUDIT_KEY"\nprompts = "drop"\n'
        'replies = "hash"\n[logging.fields]\nfeature = "hash"\n',
    )
    with AuditConfig.from_file(path).open() as log:
        log.write(AuditRecord("model_call", prompt="x", reply="y", feature="z", user="alice"))
        (found,) = log.records(user_id="alice")
        assert log.verify().keyed
    assert "prompt" not in found
    assert found["reply"].startswith("h_")
    assert found["feature"].startswith("h_")
    assert {p.name[:11] for p in tmp_path.iterdir()} == {"audit.jsonl", "piirag.toml"}


def test_the_configuration_opens_postgres(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_server: str
) -> None:
    monkeypatch.setenv("AUDIT_URL", postgres_server)
    path = _toml(tmp_path, '[audit]\nurl_env = "AUDIT_URL"\nfsync = "always"\n')
    with AuditConfig.from_file(path).open() as log:
        log.write(AuditRecord("model_call", user="alice"))
        assert len(list(log.records(user_id="alice"))) >= 1
        assert log.verify().ok


@pytest.mark.parametrize(
    "text",
    [
        '[audit]\nprompts = "raw"',
        '[audit]\nfsync = "sometimes"',
        "[audit]\nuser_key_days = 0",
        '[audit]\nmax_megabytes = "1"',
        '[audit]\nfile = "audit.jsonl"',
        "audit = 7",
        '[audit]\npath = "a.jsonl"\nkey_env = "NO_SUCH_VARIABLE"',
        '[audit]\npath = "a.jsonl"\nkey_env = "HOME"',
    ],
)
def test_a_configuration_that_cannot_work_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        AuditConfig.from_file(_toml(tmp_path, text)).open()
    assert caught.value.__context__ is None


def test_there_may_be_no_audit_log(tmp_path: Path) -> None:
    assert not AuditConfig.from_file(_toml(tmp_path, "")).on


@pytest.mark.parametrize(
    "id", ["/home/jane_roe/cv.pdf", "Jane_Roe_cv.pdf", "mailto:jane.roe_at_example.com", "C:\\jane"]
)
def test_an_id_that_is_a_path_or_a_name_of_a_file_is_a_tag(tmp_path: Path, id: str) -> None:
    log = AuditLog(tmp_path / "audit.jsonl", key=b"k" * 16)
    log.write(AuditRecord("retrieval", user="alice", chunks=[{"id": id}, {"id": "faq-12"}]))
    [record] = log.records()
    named, plain = record["chunks"]
    assert named["id"] == log.keyed(id, "alice") and "jane" not in named["id"].lower()
    assert plain["id"] == "faq-12"
    log.close()
