"""The file in which local Qdrant keeps a collection: one table of pickled points, in SQLite."""

from __future__ import annotations

import pickle
import sqlite3
import struct
from collections.abc import Iterator, Set
from contextlib import closing
from pathlib import Path
from typing import Any

from piirag.errors import ErasureError

_PATIENCE = 30.0


def reclaim(file: Path) -> None:
    """Write the file anew without what was deleted; other connections to it go on working.

    Raises:
        ErasureError: There is no such file, it has no points table, or points were lost.
    """
    with closing(_connect(file)) as database:
        before = _count(database)
        database.execute("PRAGMA secure_delete=ON")
        database.execute("VACUUM")
        if _count(database) < before:
            raise ErasureError("the number of points changed while bytes were removed")


def stored_vectors(file: Path, ids: Set[Any]) -> Iterator[bytes]:
    """The vectors of points as they stand in the file: pickled 64-bit floats.

    Args:
        file: The file. It is read as Qdrant itself reads it.
        ids: Ids of the points.
    """
    with closing(_connect(file)) as database:
        for (blob,) in database.execute("SELECT point FROM points"):
            point = pickle.loads(blob)
            if point.id in ids:
                yield from _pickled(point.vector)


def _pickled(vector: Any) -> Iterator[bytes]:
    """Lists of floats, wherever they are: named, sparse, or several to a point."""
    if isinstance(vector, dict):
        for named in vector.values():
            yield from _pickled(named)
    elif hasattr(vector, "values"):
        yield from _pickled(vector.values)
    elif isinstance(vector, list) and vector and all(isinstance(v, float) for v in vector):
        yield b"".join(b"G" + struct.pack(">d", value) for value in vector)
    elif isinstance(vector, list):
        for part in vector:
            yield from _pickled(part)


def _count(database: sqlite3.Connection) -> int:
    try:
        (count,) = database.execute("SELECT count(*) FROM points").fetchone()
    except sqlite3.DatabaseError:
        raise ErasureError("the file of this Qdrant is not as those that are known") from None
    return int(count)


def _connect(file: Path) -> sqlite3.Connection:
    if not file.is_file():
        raise ErasureError("the file of this Qdrant is not where it should be")
    return sqlite3.connect(file, isolation_level=None, timeout=_PATIENCE)
