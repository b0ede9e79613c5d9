"""The audit log."""

from __future__ import annotations

from typing import Any

from piirag.errors import ConfigurationError
from piirag.governance.retention.policy import AUDIT


class AuditTarget:
    """Deletes records of an audit log that are too old.

    Args:
        log: An `AuditLog`, or anything else with ``expire(before) -> int``.
        name: What the receipt calls it.

    Raises:
        ConfigurationError: Something without it.
    """

    kind = AUDIT
    ends = False
    native = ""

    def __init__(self, log: Any, *, name: str = "audit log") -> None:
        if not callable(getattr(log, "expire", None)):
            raise ConfigurationError("this audit log cannot be expired")
        self._log = log
        self.name = name
        self.identity = (self.kind, id(log))

    def expire(self, before: float) -> int:
        """Delete records that were written before a moment."""
        return int(self._log.expire(before))

    def count(self, before: float) -> int | None:
        """How many records `expire` would delete, where the log can tell."""
        counted = getattr(self._log, "count_before", None)
        return int(counted(before)) if callable(counted) else None

    def __repr__(self) -> str:
        return "AuditTarget(...)"
