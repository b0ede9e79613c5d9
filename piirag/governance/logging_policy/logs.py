"""Python's logging: an application's own records, written as the policy says."""

from __future__ import annotations

import logging

from piirag.governance.logging_policy.apply import Writer
from piirag.governance.logging_policy.policy import REDACT, STORE
from piirag.observe.logs import OWN_ATTRIBUTES, LogScrubber
from piirag.observe.text import WITHHELD


class PolicyLogFilter(logging.Filter):
    """A filter that applies a logging policy to a record: message, exception, extras.

    Put it on handlers, as `LogScrubber`, which does the redacting. The fields are the names of
    the extras, and ``message`` and ``exception``; of the message, ``"store"`` means that the
    second look alone is taken, and of the exception, ``"drop"`` that its type stays. The stack and
    the names of threads and tasks are always redacted; of the logger's name the second look alone
    is taken. An extra that is no JSON becomes the text it would be printed as.

    Args:
        writer: Holds the policy; one with the default policy if None.
        sink: What the policy calls this log.
    """

    def __init__(self, writer: Writer | None = None, sink: str = "app") -> None:
        super().__init__()
        self._writer = writer if writer is not None else Writer()
        self._sink = sink
        self._scrubber: LogScrubber | None = None
        self._name = f"_piirag_policy_{id(self)}"
        # An extra can have the name, and not be this.
        self._mark = object()

    def filter(self, record: logging.LogRecord) -> bool:
        """Apply the policy to a record; it always passes."""
        if record.__dict__.get(self._name) is self._mark:
            return True
        try:
            self._apply(record)
        except Exception:  # noqa: BLE001 - logging must neither break its caller nor leak
            record.msg, record.args = WITHHELD, ()
            record.exc_info = record.exc_text = record.stack_info = None
            for name in set(record.__dict__) - OWN_ATTRIBUTES:
                record.__dict__[name] = WITHHELD
        record.__dict__[self._name] = self._mark
        return True

    def _apply(self, record: logging.LogRecord) -> None:
        extras = {n: record.__dict__.pop(n) for n in set(record.__dict__) - OWN_ATTRIBUTES}
        # The marks of filters are bare objects, which say nothing.
        kept = {n: v for n, v in extras.items() if n.startswith("_piirag") and type(v) is object}
        clean = {}
        for name, value in extras.items():
            action = self._writer.policy.action(self._sink, name)
            if name not in kept and action != "drop":
                clean[name] = self._writer.field(action, name, value)
        self._exception(record)
        self._message(record)
        record.name = self._writer.check.text(str(record.name))
        record.__dict__.update(clean)
        record.__dict__.update(kept)

    def _message(self, record: logging.LogRecord) -> None:
        action = self._writer.policy.action(self._sink, "message")
        if action == REDACT:
            if self._scrubber is None:
                self._scrubber = LogScrubber(self._writer.guard)
            self._scrubber.filter(record)
            if not record.args:
                record.msg = self._writer.check.value(record.msg)
            elif self._writer.check.text(text := record.getMessage()) != text:
                record.msg, record.args = self._writer.check.text(text), ()
            return
        text = self._writer.field(action, "message", record.getMessage())
        record.msg, record.args = text or "", ()
        record.__dict__.pop("message", None)
        # What the scrubber does to the rest of a record.
        for name in ("stack_info", "threadName", "processName", "taskName"):
            if isinstance(shown := record.__dict__.get(name), str):
                record.__dict__[name] = self._writer.field(REDACT, "", shown)

    def _exception(self, record: logging.LogRecord) -> None:
        action = self._writer.policy.action(self._sink, "exception")
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if error is None and not record.exc_text:
            return
        if error is not None and action == "drop":
            record.exc_text = f"{type(error).__module__}.{type(error).__qualname__}"
        elif error is not None:
            # An exception quotes what somebody typed: it is always searched.
            text = self._writer.guard.exception(error)
            kept = STORE if action == REDACT else action
            record.exc_text = self._writer.field(kept, "exception", text)
        else:
            record.exc_text = self._writer.field(action, "exception", record.exc_text)
        record.exc_info = None

    def __repr__(self) -> str:
        return f"PolicyLogFilter({self._sink!r})"
