"""OpenTelemetry and Langfuse. Threat L17."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from piirag.errors import MissingDependencyError
from piirag.observe import (
    WITHHELD,
    ScrubbingLogExporter,
    ScrubbingSpanExporter,
    ScrubbingSpanProcessor,
    TextGuard,
    langfuse_options,
)
from support.canary import Canaries

sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="opentelemetry-sdk is not installed")

MAIL = "jane.roe@example.com"
KNOWN = {"PERSON": ["Jane Roe"]}
CANARIES = Canaries([MAIL, "Jane Roe", "4111111111111111"])
MESSAGES = json.dumps([{"role": "user", "content": f"I am Jane Roe, {MAIL}"}])


def _trace(provider: Any) -> None:
    """What instrumentations record with content capture on, and an exception."""
    from opentelemetry.trace import Link, Status, StatusCode

    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("other") as other:
        context = other.get_span_context()
    link = Link(context, {"for": "Jane Roe"})
    span = tracer.start_span(f"chat for {MAIL}", links=[link])
    span.set_attribute("gen_ai.input.messages", MESSAGES)
    span.set_attribute("gen_ai.request.model", "gpt-4o")
    span.set_attribute("user.ids", [4111111111111111, 7])
    span.set_attribute("tags", ["Jane Roe", "b"])
    span.set_attribute(MAIL, True)
    span.add_event("Jane Roe asked", {"gen_ai.prompt": f"mail {MAIL}"})
    span.record_exception(RuntimeError(f"no reply for {MAIL}"))
    span.set_status(Status(StatusCode.ERROR, f"failed for {MAIL}"))
    span.end()
    provider.force_flush()


def _providers(guard: TextGuard) -> list[tuple[Any, Any]]:
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    made = []
    for kind in (BatchSpanProcessor, SimpleSpanProcessor):
        kept = InMemorySpanExporter()
        provider = sdk.TracerProvider()
        provider.add_span_processor(kind(ScrubbingSpanExporter(kept, guard)))
        made.append((provider, kept))
    kept = InMemorySpanExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(ScrubbingSpanProcessor(BatchSpanProcessor(kept), guard))
    return [*made, (provider, kept)]


@pytest.mark.parametrize("way", [0, 1, 2], ids=["batch", "simple", "processor"])
def test_L17_no_part_of_a_span_holds_a_value(way: int) -> None:
    provider, kept = _providers(TextGuard(known=KNOWN))[way]
    _trace(provider)
    spans = kept.get_finished_spans()
    written = "\n".join(span.to_json() for span in spans)
    assert not CANARIES.scan_text(written)
    span = spans[1]
    assert span.name == "chat for [EMAIL_ADDRESS]"
    assert json.loads(span.attributes["gen_ai.input.messages"])[0]["role"] == "user"
    assert list(span.attributes["user.ids"]) == ["[CREDIT_CARD]", "7"]
    assert span.attributes["gen_ai.request.model"] == "gpt-4o"
    assert "RuntimeError" in span.events[1].attributes["exception.type"]
    assert span.status.description == "failed for [EMAIL_ADDRESS]"
    assert span.parent is None
    assert span.context.span_id
    provider.shutdown()


def test_L17_the_bytes_that_leave_for_a_collector() -> None:
    """The real exporter's encoding, events and status with it."""
    encoder = pytest.importorskip("opentelemetry.exporter.otlp.proto.common.trace_encoder")

    class Wire:
        def __init__(self) -> None:
            self.sent = b""

        def export(self, spans: Any) -> Any:
            from opentelemetry.sdk.trace.export import SpanExportResult

            self.sent += encoder.encode_spans(spans).SerializeToString()
            return SpanExportResult.SUCCESS

        def shutdown(self) -> None:
            pass

        def force_flush(self, timeout_millis: int = 0) -> bool:
            return True

    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    sent = {}
    for guarded in (True, False):
        wire = Wire()
        exporter = ScrubbingSpanExporter(wire, TextGuard(known=KNOWN)) if guarded else wire
        provider = sdk.TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        _trace(provider)
        sent[guarded] = wire.sent
    assert len(sent[True]) > 500
    assert not CANARIES.scan_bytes(sent[True])
    assert CANARIES.scan_bytes(sent[False])


def test_fail_closed_what_cannot_be_searched_is_withheld() -> None:
    class Fails:
        def detect(self, text: str, *, language: str = "en") -> Any:
            raise RuntimeError(text)

        def detect_batch(self, texts: Any, *, language: str = "en") -> Any:
            raise RuntimeError(texts)

    provider, kept = _providers(TextGuard(detector=Fails()))[1]
    _trace(provider)
    written = "\n".join(span.to_json() for span in kept.get_finished_spans())
    assert WITHHELD in written
    assert not CANARIES.scan_text(written)


def test_L17_log_records_with_prompts_in_them() -> None:
    logs = pytest.importorskip("opentelemetry.sdk._logs")
    export = pytest.importorskip("opentelemetry.sdk._logs.export")
    from opentelemetry._logs import LogRecord

    kept = getattr(export, "InMemoryLogRecordExporter", None) or export.InMemoryLogExporter
    kept = kept()
    provider = logs.LoggerProvider()
    provider.add_log_record_processor(
        export.SimpleLogRecordProcessor(ScrubbingLogExporter(kept, TextGuard(known=KNOWN)))
    )
    logger = provider.get_logger("test")
    logger.emit(LogRecord(body={"content": f"Jane Roe, {MAIL}"}, attributes={"to": MAIL}))
    logger.emit(LogRecord(body=f"mail {MAIL}", attributes={"n": 7}))
    found = kept.get_finished_logs()
    assert [r.log_record.body for r in found] == [
        {"content": "[PERSON], [EMAIL_ADDRESS]"},
        "mail [EMAIL_ADDRESS]",
    ]
    assert not CANARIES.scan_text("\n".join(r.to_json() for r in found))


def test_langfuse_the_mask() -> None:
    mask = langfuse_options(TextGuard(known=KNOWN), spans=False)["mask"]
    assert mask(data={"in": f"Jane Roe, {MAIL}"}) == {"in": "[PERSON], [EMAIL_ADDRESS]"}
    assert mask(data=MAIL) == "[EMAIL_ADDRESS]"


def test_langfuse_what_its_client_sends(caplog: pytest.LogCaptureFixture) -> None:
    langfuse = pytest.importorskip("langfuse", reason="langfuse is not installed")
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    caplog.set_level(logging.DEBUG, "langfuse")
    kept = InMemorySpanExporter()
    guard = TextGuard(known=KNOWN)
    client = langfuse.Langfuse(
        public_key="pk",
        secret_key="sk",
        base_url="http://127.0.0.1:9",
        tracer_provider=sdk.TracerProvider(),
        span_exporter=ScrubbingSpanExporter(kept, guard),
        **langfuse_options(guard),
    )
    with client.start_as_current_observation(name="ask Jane Roe", as_type="generation") as span:
        span.update(input={"q": MAIL}, output=f"for Jane Roe {MAIL}", metadata={"to": MAIL})
    client.flush()
    written = "\n".join(s.to_json() for s in kept.get_finished_spans())
    assert "[EMAIL_ADDRESS]" in written
    assert not CANARIES.scan_text(written)


def test_langfuse_missing_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "langfuse.types", None)
    with pytest.raises(MissingDependencyError):
        langfuse_options()
