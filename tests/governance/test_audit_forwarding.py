"""The sinks that hand records on, against the suite that others can run on theirs."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from piirag.governance.audit import LoggingSink, OpenTelemetrySink, StructlogSink
from piirag.testing.audit import ForwardingSinkSuite, ForwardingSinkUnderTest


class TestLogging(ForwardingSinkSuite):
    @pytest.fixture
    def forwarding(self) -> ForwardingSinkUnderTest:
        records: list[Any] = []
        handler = logging.Handler()
        handler.emit = records.append  # type: ignore[method-assign]
        logger = logging.Logger("audit", logging.INFO)
        logger.addHandler(handler)
        return ForwardingSinkUnderTest(LoggingSink(logger), lambda: [r.audit for r in records])


class TestStructlog(ForwardingSinkSuite):
    @pytest.fixture
    def forwarding(self) -> ForwardingSinkUnderTest:
        structlog = pytest.importorskip("structlog")
        events = structlog.testing.LogCapture()
        logger = structlog.wrap_logger(None, processors=[events])
        names = {"event": "audit_event"}
        return ForwardingSinkUnderTest(
            StructlogSink(logger), lambda: events.entries, lambda name: names.get(name, name)
        )


def _attribute(name: str) -> str:
    return name if name.startswith(("gen_ai.", "server.", "error.")) else f"piirag.{name}"


class TestOpenTelemetryLogs(ForwardingSinkSuite):
    @pytest.fixture
    def forwarding(self) -> ForwardingSinkUnderTest:
        logs = pytest.importorskip("opentelemetry.sdk._logs")
        export = pytest.importorskip("opentelemetry.sdk._logs.export")
        kept = (getattr(export, "InMemoryLogRecordExporter", None) or export.InMemoryLogExporter)()
        provider = logs.LoggerProvider(shutdown_on_exit=False)
        provider.add_log_record_processor(export.SimpleLogRecordProcessor(kept))
        return ForwardingSinkUnderTest(
            OpenTelemetrySink(provider),
            lambda: [item.log_record.attributes for item in kept.get_finished_logs()],
            _attribute,
        )


class TestOpenTelemetryEvents(ForwardingSinkSuite):
    @pytest.fixture
    def forwarding(self) -> Any:
        trace = pytest.importorskip("opentelemetry.sdk.trace")
        provider = trace.TracerProvider(shutdown_on_exit=False)
        with provider.get_tracer("test").start_as_current_span("call") as span:
            yield ForwardingSinkUnderTest(
                OpenTelemetrySink(span_events=True),
                lambda: [event.attributes for event in span.events],
                _attribute,
            )
