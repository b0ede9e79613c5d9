"""Traces and logs: one guard for text, and what hands it to the tools that record text.

- `text`: the guard, which every other module here uses.
- `logs`: a filter and a formatter for Python's logging; `structured`: a processor for structlog.
- `otel`: OpenTelemetry spans and log records; `langfuse`: Langfuse's masks.

LangSmith's options are in `langchain_piirag`. Nothing here imports what it serves.
"""

from piirag.observe.langfuse import langfuse_options
from piirag.observe.logs import LogScrubber, ScrubbingFormatter, scrub_logs
from piirag.observe.otel import (
    ScrubbingLogExporter,
    ScrubbingSpanExporter,
    ScrubbingSpanProcessor,
)
from piirag.observe.structured import StructlogScrubber
from piirag.observe.text import WITHHELD, TextGuard

__all__ = [
    "WITHHELD",
    "LogScrubber",
    "ScrubbingFormatter",
    "ScrubbingLogExporter",
    "ScrubbingSpanExporter",
    "ScrubbingSpanProcessor",
    "StructlogScrubber",
    "TextGuard",
    "langfuse_options",
    "scrub_logs",
]
