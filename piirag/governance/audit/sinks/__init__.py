"""Where audit records go.

- Keep a chain: `JSONLinesSink`, `SQLiteSink`, `PostgresSink`.
- Hand records on: `LoggingSink`, `StructlogSink`, `OpenTelemetrySink`.
"""

from piirag.governance.audit.sinks.base import ForwardingSink, Query, Sink, StoringSink
from piirag.governance.audit.sinks.forward import LoggingSink, StructlogSink
from piirag.governance.audit.sinks.jsonl import JSONLinesSink
from piirag.governance.audit.sinks.otel import OpenTelemetrySink
from piirag.governance.audit.sinks.postgres import PostgresSink
from piirag.governance.audit.sinks.sqlite import SQLiteSink

__all__ = [
    "ForwardingSink",
    "JSONLinesSink",
    "LoggingSink",
    "OpenTelemetrySink",
    "PostgresSink",
    "Query",
    "SQLiteSink",
    "Sink",
    "StoringSink",
    "StructlogSink",
]
