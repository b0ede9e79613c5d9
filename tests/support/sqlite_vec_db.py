"""An SQLite that loads extensions, with sqlite-vec."""

from __future__ import annotations

import importlib
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import sqlite_vec


def sqlite() -> Any:
    """A module of SQLite that loads extensions: Python's own may have been built without."""
    if hasattr(sqlite3.Connection, "enable_load_extension"):
        return sqlite3
    try:
        return importlib.import_module("pysqlite3.dbapi2")
    except ImportError:
        missing = "an SQLite that loads extensions, such as pysqlite3-binary, is missing"
        if os.environ.get("PIIRAG_CI") or os.environ.get("PIIRAG_REQUIRE_SERVICES"):
            pytest.fail(missing)
        pytest.skip(missing)


def connect(path: Path | str, **options: Any) -> Any:
    """A connection with the extension loaded."""
    module = sqlite()
    connection = module.connect(str(path), **{"check_same_thread": False, **options})
    connection.row_factory = module.Row
    connection.enable_load_extension(True)
    sqlite_vec.load(connection)
    connection.enable_load_extension(False)
    return connection
