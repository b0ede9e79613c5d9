"""Python's logging: records that hold no personal data by the time anybody formats them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from piirag.observe.text import WITHHELD, TextGuard

# What every record has. Anything else in it came as `extra=`.
OWN_ATTRIBUTES = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {
    "message",
    "asctime",
    "taskName",
}
_NAMES = ("threadName", "processName", "taskName")
_DONE = "_piirag_scrubbed"


class LogScrubber(logging.Filter):
    """A filter that takes personal data out of a record: message, arguments, exception, extras.

    Put it on handlers: a filter on a logger does not see what loggers below it hand up. It
    changes the record itself, so that every formatter, also one that reads the arguments or the
    exception for itself, gets clean data; and so do all handlers that come after it. An
    exception is replaced by its scrubbed traceback, since its arguments and its frames hold data.

    Args:
        guard: Does the work; one with the default policy if None.
    """

    def __init__(self, guard: TextGuard | None = None) -> None:
        super().__init__()
        self._guard = guard if guard is not None else TextGuard()
        self._mark = object()

    def filter(self, record: logging.LogRecord) -> bool:
        """Scrub a record; it always passes."""
        if record.__dict__.get(_DONE) is self._mark:
            return True
        try:
            self._scrub(record)
        except Exception:  # noqa: BLE001 - logging must neither break its caller nor leak
            _empty(record)
        record.__dict__[_DONE] = self._mark
        return True

    def _scrub(self, record: logging.LogRecord) -> None:
        guard = self._guard
        record.msg, record.args = self._message(record)
        record.__dict__.pop("message", None)
        if record.exc_info:
            error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
            record.exc_text = guard.exception(error) if error is not None else WITHHELD
            record.exc_info = None
        elif record.exc_text:
            record.exc_text = guard.text(record.exc_text)
        if record.stack_info:
            record.stack_info = guard.text(record.stack_info)
        for name in _NAMES:
            if isinstance(shown := record.__dict__.get(name), str):
                record.__dict__[name] = guard.text(shown)
        for name in set(record.__dict__) - OWN_ATTRIBUTES - {_DONE}:
            record.__dict__[name] = guard.value(record.__dict__[name], context=f"{name}: ")

    def _message(self, record: logging.LogRecord) -> tuple[Any, Any]:
        guard = self._guard
        if not isinstance(record.msg, str) and not record.args:
            return guard.shown(record.msg), ()
        try:
            whole = record.getMessage()
        except Exception:  # noqa: BLE001 - arguments that do not fit the format
            return guard.text(str(record.msg)), ()
        # Formatters such as uvicorn's read the arguments, so they are kept where the message
        # made from them is clean as a whole: a name may lie over two of them.
        if record.args and isinstance(record.msg, str):
            args = self._arguments(record.args)
            if self._is_clean(record.msg, args):
                return record.msg, args
        return guard.text(whole), ()

    def _is_clean(self, template: str, args: Any) -> bool:
        """Whether the message made from these arguments can be made, and holds nothing."""
        try:
            message: str = template % args
        except Exception:  # noqa: BLE001 - "%d" of what is a mark by now
            return False
        return self._guard.text(message) == message

    def _arguments(self, args: Any) -> Any:
        if isinstance(args, tuple):
            return tuple(self._guard.shown(arg) for arg in args)
        return {key: self._guard.shown(arg) for key, arg in args.items()}

    def __repr__(self) -> str:
        return "LogScrubber(...)"


def _empty(record: logging.LogRecord) -> None:
    record.msg, record.args = WITHHELD, ()
    record.exc_info = record.exc_text = record.stack_info = None
    for name in set(record.__dict__) - OWN_ATTRIBUTES:
        record.__dict__[name] = WITHHELD


class ScrubbingFormatter(logging.Formatter):
    """Wraps a formatter and scrubs the line it made: for what a formatter adds by itself.

    Args:
        inner: The formatter; Python's plain one if None.
        guard: Does the work; one with the default policy if None.
    """

    def __init__(
        self, inner: logging.Formatter | None = None, guard: TextGuard | None = None
    ) -> None:
        super().__init__()
        self._inner = inner if inner is not None else logging.Formatter()
        self._guard = guard if guard is not None else TextGuard()

    def format(self, record: logging.LogRecord) -> str:
        """The formatted record, searched as a whole."""
        # A formatter leaves the message and the traceback in the record for the next one.
        kept = record.__dict__.get("message"), record.exc_text
        try:
            line = self._inner.format(record)
        except Exception:  # noqa: BLE001 - logging prints the arguments of what raised here
            return WITHHELD
        finally:
            if kept[0] is None:
                record.__dict__.pop("message", None)
            else:
                record.message = kept[0]
            record.exc_text = kept[1]
        return self._guard.text(line)


def scrub_logs(
    guard: TextGuard | None = None, *, logger: logging.Logger | None = None
) -> Callable[[], None]:
    """Put a `LogScrubber` on every handler there is.

    Args:
        guard: Does the work; one with the default policy if None.
        logger: Only the handlers of this one; None for all loggers and Python's last resort.
            Handlers that are added later are not covered: call it again.

    Returns:
        A function that takes the filters off again.
    """
    scrubber = LogScrubber(guard)
    if logger is not None:
        loggers = [logger]
    else:
        root = logging.getLogger()
        made = root.manager.loggerDict.values()
        loggers = [root, *(item for item in made if isinstance(item, logging.Logger))]
    handlers = {id(h): h for item in loggers for h in item.handlers}
    if logger is None and logging.lastResort is not None:
        handlers[id(logging.lastResort)] = logging.lastResort
    for handler in handlers.values():
        # First: an earlier filter might log what it sees.
        handler.filters.insert(0, scrubber)

    def undo() -> None:
        for handler in handlers.values():
            handler.removeFilter(scrubber)

    return undo
