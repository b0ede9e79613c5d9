"""structlog: an application's own events, written as the policy says."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

from piirag.governance.logging_policy.apply import Writer
from piirag.governance.logging_policy.policy import DROP, HASH, REDACT
from piirag.observe.structured import OWN_FIELDS, StructlogScrubber
from piirag.observe.text import WITHHELD


class PolicyStructlogProcessor:
    """A structlog processor; put it right before the renderer.

    Fields are the keys of the event; ``event`` is the message. Of ``level``, ``timestamp`` and
    ``logger`` the second look alone is taken. A value that is no JSON becomes the text it would
    be printed as. What was raised is ``exception``:
    redacted, or left out where the policy says ``"hash"`` or ``"drop"``.

    Args:
        writer: Holds the policy; one with the default policy if None.
        sink: What the policy calls this log.
    """

    def __init__(self, writer: Writer | None = None, sink: str = "app") -> None:
        self._writer = writer if writer is not None else Writer()
        self._sink = sink

    def __call__(
        self, logger: Any, method_name: str, event_dict: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """A copy of the event as the policy wants it."""
        try:
            return self._applied(logger, method_name, event_dict)
        except Exception:  # noqa: BLE001 - logging must neither break its caller nor leak
            return {"event": WITHHELD}

    def _applied(
        self, logger: Any, method_name: str, event_dict: MutableMapping[str, Any]
    ) -> dict[str, Any]:
        writer = self._writer
        result: dict[str, Any] = {}
        redacted: dict[str, Any] = {}
        for name, value in event_dict.items():
            action = writer.policy.action(self._sink, "exception" if name == "exc_info" else name)
            if name in OWN_FIELDS or name == "exc_info" or _is_inner(name, value):
                if name != "exc_info" or action not in (DROP, HASH):
                    redacted[name] = value
            elif action == REDACT:
                redacted[name] = value
            elif action != DROP:
                result[name] = writer.field(action, name, value)
        scrubbed = StructlogScrubber(writer.guard)(logger, method_name, redacted)
        for name, value in scrubbed.items():
            result[name] = value if _is_inner(name, value) else writer.check.value(value)
        return result

    def __repr__(self) -> str:
        return f"PolicyStructlogProcessor({self._sink!r})"


def _is_inner(name: str, value: Any) -> bool:
    """What structlog hands from a wrapped standard record to its own formatter."""
    return (name == "_record" and isinstance(value, logging.LogRecord)) or (
        name == "_from_structlog" and isinstance(value, bool)
    )
