"""OpenTelemetry: records as log records, or as events of the current span."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from piirag.errors import MissingDependencyError
from piirag.governance.audit.record import seconds_of

EVENT_NAME = "piirag.audit"
_SCOPE = "piirag.audit"
_SHARED = ("gen_ai.", "server.", "error.")


class OpenTelemetrySink:
    """Emits a log record with the attribute names of the conventions for generative AI.

    Fields that the conventions have no name for stand under ``piirag.``: ``piirag.event``,
    ``piirag.user``. Nested ones (decisions, chunks, filter) are JSON texts. A collector is
    another place data goes to: prompt and reply are dropped here unless the policy says other.

    Args:
        provider: A logger provider; the global one if None.
        span_events: Add an event to the current span instead.

    Raises:
        MissingDependencyError: OpenTelemetry is not installed.
    """

    name = "otel"

    def __init__(self, provider: Any = None, *, span_events: bool = False) -> None:
        try:
            from opentelemetry import _logs, trace
        except ImportError:
            _logs = None  # type: ignore[assignment, unused-ignore]
        if _logs is None:
            raise MissingDependencyError("opentelemetry-sdk", "tracing")
        self._trace = trace
        self._logs = _logs
        self._provider = provider
        self._span_events = span_events

    def emit(self, record: Mapping[str, Any]) -> None:
        """Hand a record on."""
        attributes = attributes_of(record)
        time = int(seconds_of(str(record["time"])) * 1e9)
        if self._span_events:
            self._trace.get_current_span().add_event(EVENT_NAME, attributes, timestamp=time)
            return
        provider = self._provider or self._logs.get_logger_provider()
        provider.get_logger(_SCOPE).emit(
            self._logs.LogRecord(
                timestamp=time,
                severity_number=self._logs.SeverityNumber.INFO,
                body=str(record.get("event", "")),
                attributes=attributes,
                event_name=EVENT_NAME,
            )
        )

    def close(self) -> None:
        """The provider is the application's; nothing is held."""

    def __repr__(self) -> str:
        return "OpenTelemetrySink(...)"


def attributes_of(record: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    """A record as OpenTelemetry attributes."""
    found: dict[str, str | int | float | bool] = {}
    for name, value in record.items():
        key = name if name.startswith(_SHARED) else f"piirag.{name}"
        if isinstance(value, str | int | float | bool):
            found[key] = value
        elif value is not None:
            found[key] = json.dumps(value, sort_keys=True)
    return found
