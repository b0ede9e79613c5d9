"""SQLite files behind caches and registers: reading their bytes, and removing deleted ones."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from piirag.errors import ErasureError


def file_of(engine: Any) -> Path | None:
    """The file of a SQLAlchemy engine over SQLite; None for memory and for other databases."""
    url = getattr(engine, "url", None)
    if url is None or url.get_backend_name() != "sqlite":
        return None
    name = url.database
    if not name or name == ":memory:" or name.startswith("file:"):
        return None
    return Path(name)


def files_of(path: Path | None) -> list[Path]:
    """The file and those beside it that hold its pages, as far as they are there."""
    if path is None:
        return []
    beside = [path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-journal")]
    return [file for file in beside if file.exists()]


def reclaim_file(path: Path | None) -> None:
    """Rewrite a SQLite file without the bytes of deleted rows, and empty its write-ahead log.

    Raises:
        ErasureError: There is no file within reach, or somebody goes on reading the old one.
        sqlite3.Error: The file is locked or damaged.
    """
    if path is None:
        raise ErasureError("this database has no file within reach")
    with closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as db:
        db.execute("PRAGMA secure_delete = ON")
        db.execute("VACUUM")
        busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    if busy:
        raise ErasureError("the write-ahead log is in use, and was not emptied")
