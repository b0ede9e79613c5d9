"""The audit log: one JSON line per model call or retrieval, without personal data."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from piirag.errors import ConfigurationError


class AuditLog:
    """Appends records to a file of JSON lines, mode 0600.

    Each record is one `write` to a file opened for appending, so that several processes may share
    it and a reader never sees half a line of a finished record.

    Args:
        path: The file; its folder must exist.

    Raises:
        ConfigurationError: The file cannot be opened for writing.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        reason = ""
        try:
            self._handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            reason = error.strerror or type(error).__name__
        if reason:
            raise ConfigurationError(f"cannot open the audit log: {reason}")

    def write(self, record: Mapping[str, Any]) -> None:
        """Append one record. The caller sees to it that no personal data is in it."""
        line = json.dumps(record, sort_keys=True) + "\n"
        with self._lock:
            os.write(self._handle, line.encode())

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)

    def __repr__(self) -> str:
        return "AuditLog(...)"
