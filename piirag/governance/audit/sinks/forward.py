"""Sinks that hand records to an application's own logging: Python's logging, structlog."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from piirag.errors import MissingDependencyError


class LoggingSink:
    """Logs every record as one message of JSON, with the record as ``audit`` in ``extra``.

    Args:
        logger: Its name, or a logger.
        level: The level.
    """

    name = "logging"

    def __init__(
        self, logger: str | logging.Logger = "piirag.audit.records", level: int = logging.INFO
    ) -> None:
        self._logger = logging.getLogger(logger) if isinstance(logger, str) else logger
        self._level = level

    def emit(self, record: Mapping[str, Any]) -> None:
        """Log a record."""
        if self._logger.isEnabledFor(self._level):
            written = json.dumps(record, sort_keys=True)
            self._logger.log(self._level, "%s", written, extra={"audit": dict(record)})

    def close(self) -> None:
        """Nothing is held."""

    def __repr__(self) -> str:
        return "LoggingSink(...)"


class StructlogSink:
    """Logs every record as a structlog event named ``audit``, its fields as key and value.

    The event of the record stands under ``audit_event``, since structlog has an ``event``.

    Args:
        logger: A structlog logger; ``structlog.get_logger("piirag.audit")`` if None.

    Raises:
        MissingDependencyError: structlog is not installed, and no logger was given.
    """

    name = "structlog"

    def __init__(self, logger: Any = None) -> None:
        self._logger = logger if logger is not None else _own_logger()

    def emit(self, record: Mapping[str, Any]) -> None:
        """Log a record."""
        fields = {("audit_event" if k == "event" else k): v for k, v in record.items()}
        self._logger.info("audit", **fields)

    def close(self) -> None:
        """Nothing is held."""

    def __repr__(self) -> str:
        return "StructlogSink(...)"


def _own_logger() -> Any:
    try:
        import structlog
    except ImportError:
        structlog = None  # type: ignore[assignment, unused-ignore]
    if structlog is None:
        raise MissingDependencyError("structlog", "tracing")
    return structlog.get_logger("piirag.audit")
