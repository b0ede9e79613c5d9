"""structlog: a processor that scrubs the event dictionary."""

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from typing import Any

from piirag.observe.text import WITHHELD, TextGuard

# Set by structlog itself; a renderer needs them as they are.
OWN_FIELDS = frozenset({"level", "log_level", "timestamp", "logger"})


class StructlogScrubber:
    """A structlog processor; put it right before the renderer.

    An exception in ``exc_info`` becomes its scrubbed traceback under ``exception``.

    Args:
        guard: Does the work; one with the default policy if None.
    """

    def __init__(self, guard: TextGuard | None = None) -> None:
        self._guard = guard if guard is not None else TextGuard()

    def __call__(
        self, logger: Any, method_name: str, event_dict: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """A clean copy of the event."""
        try:
            return self._scrubbed(event_dict)
        except Exception:  # noqa: BLE001 - logging must neither break its caller nor leak
            return {"event": WITHHELD}

    def _scrubbed(self, event_dict: MutableMapping[str, Any]) -> dict[str, Any]:
        event = dict(event_dict)
        error = event.pop("exc_info", None)
        if error is True:
            error = sys.exc_info()
        if isinstance(error, tuple):
            error = error[1] if len(error) == 3 else None
        kept = {k: event.pop(k) for k in OWN_FIELDS & set(event) if isinstance(event[k], str)}
        # Of a wrapped standard record, structlog's own formatter takes what it needs out itself.
        inner: dict[str, Any] = {
            k: event.pop(k) for k in ("_record", "_from_structlog") if k in event
        }
        clean: dict[str, Any] = {**self._guard.value(event), **kept, **inner}
        if isinstance(error, BaseException):
            clean["exception"] = self._guard.exception(error)
        return clean
