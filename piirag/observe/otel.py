"""OpenTelemetry: spans and log records scrubbed on their way to an exporter (threat L17).

The classes here have the methods of the SDK's exporters and processors and are used in their
place; the SDK is imported once a span arrives.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from piirag.observe.text import WITHHELD, TextGuard

# Attributes that the SDK and the conventions fill with code, versions and addresses of servers.
_CODE = ("code.", "telemetry.", "otel.scope", "service.version", "service.instance.id")


class ScrubbingSpanExporter:
    """Wraps a span exporter: what it gets are clean copies of the spans.

    Scrubbed are the name, attributes, events with their attributes (exception messages and
    stack traces among them), the attributes of links, and the description of the status. It runs
    where the processor exports, so behind a `BatchSpanProcessor` it costs the application nothing.

    Args:
        exporter: The exporter.
        guard: Does the work; one with the default policy if None.
    """

    def __init__(self, exporter: Any, guard: TextGuard | None = None) -> None:
        self._exporter = exporter
        self._guard = guard if guard is not None else TextGuard()

    def export(self, spans: Sequence[Any]) -> Any:
        """Export clean copies."""
        return self._exporter.export([scrubbed_span(span, self._guard) for span in spans])

    def shutdown(self) -> None:
        """Shut the exporter down."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Have the exporter send what it holds."""
        return bool(self._exporter.force_flush(timeout_millis))


class ScrubbingSpanProcessor:
    """Wraps a span processor, such as another library's, whose exporter is out of reach.

    Only `on_end` gets clean copies; a processor that reads spans in `on_start` sees what the
    application set so far. The search runs in the thread that ends the span.

    Args:
        processor: The processor.
        guard: Does the work; one with the default policy if None.
    """

    def __init__(self, processor: Any, guard: TextGuard | None = None) -> None:
        self._processor = processor
        self._guard = guard if guard is not None else TextGuard()

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Passed on."""
        self._processor.on_start(span, parent_context)

    def on_end(self, span: Any) -> None:
        """Passed on with a clean copy."""
        self._processor.on_end(scrubbed_span(span, self._guard))

    def _on_ending(self, span: Any) -> None:
        """The SDK calls this while a span can still be changed; not passed on."""

    def shutdown(self) -> None:
        """Shut the processor down."""
        self._processor.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Have the processor export what it holds."""
        return bool(self._processor.force_flush(timeout_millis))


class ScrubbingLogExporter:
    """Wraps an exporter of OpenTelemetry log records: bodies and attributes are scrubbed.

    The conventions for generative AI record prompts and replies as log events.

    Args:
        exporter: The exporter.
        guard: Does the work; one with the default policy if None.
    """

    def __init__(self, exporter: Any, guard: TextGuard | None = None) -> None:
        self._exporter = exporter
        self._guard = guard if guard is not None else TextGuard()

    def export(self, batch: Sequence[Any]) -> Any:
        """Export clean copies."""
        return self._exporter.export([self._clean(record) for record in batch])

    def _clean(self, readable: Any) -> Any:
        clean = copy.copy(readable)
        record = copy.copy(readable.log_record)
        record.body = self._guard.value(record.body)
        record.attributes = scrubbed_attributes(record.attributes or {}, self._guard)
        if getattr(record, "exception", None) is not None:
            record.exception = None
        object.__setattr__(clean, "log_record", record)
        return clean

    def shutdown(self) -> None:
        """Shut the exporter down."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Have the exporter send what it holds."""
        return bool(self._exporter.force_flush(timeout_millis))


def scrubbed_span(span: Any, guard: TextGuard) -> Any:
    """A copy of a finished span without personal data."""
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.trace import Link
    from opentelemetry.trace.status import Status

    status = span.status
    if status is not None and status.description:
        status = Status(status.status_code, guard.text(status.description))
    return ReadableSpan(
        name=guard.text(span.name),
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=scrubbed_attributes(span.attributes or {}, guard),
        events=[
            Event(guard.text(e.name), scrubbed_attributes(e.attributes or {}, guard), e.timestamp)
            for e in span.events
        ],
        links=[Link(k.context, scrubbed_attributes(k.attributes or {}, guard)) for k in span.links],
        kind=span.kind,
        status=status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def scrubbed_attributes(attributes: Mapping[str, Any], guard: TextGuard) -> dict[str, Any]:
    """Attributes without personal data; each stays of a kind that OpenTelemetry takes."""
    clean: dict[str, Any] = {}
    for key, value in attributes.items():
        if key.startswith(_CODE):
            clean[key] = value
            continue
        context = f"{key.rpartition('.')[2]}: "
        name = guard.text(key)
        if isinstance(value, list | tuple):
            items = [guard.value(item, context=context) for item in value]
            # A sequence is of one kind: a number that became a mark makes all of them text.
            same = all(type(a) is type(b) for a, b in zip(items, value, strict=True))
            clean[name] = items if same else [str(item) for item in items]
        elif isinstance(value, Mapping):
            clean[name] = guard.value(value)
        elif isinstance(value, bytes):
            clean[name] = WITHHELD
        else:
            clean[name] = guard.value(value, context=context)
    return clean
