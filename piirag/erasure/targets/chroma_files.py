"""Removing the bytes of deleted items from the files of an embedded Chroma.

What a deletion leaves behind, and what is done about it (measured with chromadb 1.5.9):

- operations that the vector index has not written yet stay, whole, in the table
  `embeddings_queue`: the index is made to write them, then they are deleted;
- deleted vectors stay in their slots of `data_level0.bin`: they are overwritten in place;
- `length.bin`, and `data_level0.bin` behind the last element, are memory that was never
  initialised, deleted vectors and metadata among it: they are zeroed, the latter again once the
  store is open, since an index without elements is written anew then;
- the full-text index keeps trigrams until it is optimised, free pages keep text and metadata
  until the database is rewritten;
- collections that were deleted leave the folder of their index: it is removed.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from piirag.erasure.targets.hnsw_file import clear_unused, overwrite_deleted
from piirag.errors import ErasureError

_DATABASE = "chroma.sqlite3"
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_DEFAULT_THRESHOLD = 1000
_PATIENCE = 10.0
_INDEX_FILES = frozenset(
    {"data_level0.bin", "header.bin", "index_metadata.pickle", "length.bin", "link_lists.bin"}
)


def reclaim(collection: Any, folder: Path | None) -> None:
    """Remove what deleted items of a collection left in the files.

    Args:
        collection: A chromadb `Collection`; it is usable afterwards.
        folder: Where its store is; None where that is not known.

    Raises:
        ErasureError: The files are not within reach, another process has them open, or they are
            not as expected. Nothing was lost.
    """
    if folder is None:
        raise ErasureError("the files of this Chroma are not within reach")
    api = collection._client
    system = getattr(api, "_system", None)
    if system is None or not hasattr(api, "bindings"):
        raise ErasureError("this version of chromadb keeps its files in a way that is not known")
    if _others(folder):
        raise ErasureError("another process has the files of this Chroma open; close it first")
    before = collection.count()
    _write_index(collection, system)
    with _closed(system, folder):
        segments = _segments(folder, str(collection.id))
        for segment in segments:
            _clean_index(folder / segment)
        _clean_database(folder, str(collection.id))
        _remove_orphans(folder)
    if collection.count() != before:
        raise ErasureError("the number of items changed while bytes were removed")
    # An index without elements is written anew when it is opened, with whatever memory this
    # process had there: also that of the items that were just deleted.
    for segment in segments:
        _clear_unused(folder / segment)


def _write_index(collection: Any, system: Any) -> None:
    """Make the vector index write down every operation it knows of."""
    current = collection.configuration.get("hnsw") or {}
    if not current:
        raise ErasureError("this collection has no HNSW index")
    old = current.get("sync_threshold") or _DEFAULT_THRESHOLD
    # A crash may have left the threshold at 1.
    old = old if old > 1 else _DEFAULT_THRESHOLD
    try:
        # A new threshold is heeded from the next opening on.
        collection.modify(configuration={"hnsw": {"sync_threshold": 1}})
        system.stop()
        system.start()
        dimension = collection._model.dimension or _dimension(collection)
        if dimension:
            # Written when it is first searched.
            collection.query(query_embeddings=[[1.0] * dimension], n_results=1, include=[])
    finally:
        collection.modify(configuration={"hnsw": {"sync_threshold": old}})


def _dimension(collection: Any) -> int:
    """The length of the collection's vectors; 0 where there never was one."""
    api = collection._client
    found = api.get_collection(
        collection.name, tenant=collection.tenant, database=collection.database
    )
    return int(found.dimension or 0)


@contextmanager
def _closed(system: Any, folder: Path) -> Iterator[None]:
    """The store closed, for this process."""
    system.stop()
    try:
        # Chroma's threads take a moment to let go.
        until = time.monotonic() + _PATIENCE
        while _open_here(folder):
            if time.monotonic() > until:
                raise ErasureError("the files of this Chroma are in use in this process")
            time.sleep(0.02)
        yield
    finally:
        system.start()


def _segments(folder: Path, collection: str) -> list[str]:
    """Ids of the vector indices of a collection.

    Raises:
        ErasureError: One has not written all of its operations.
    """
    with closing(_connect(folder)) as database:
        rows = database.execute(
            "SELECT s.id, m.seq_id, (SELECT max(seq_id) FROM embeddings_queue q"
            " WHERE substr(q.topic, -36) = s.collection)"
            " FROM segments s LEFT JOIN max_seq_id m ON m.segment_id = s.id"
            " WHERE s.collection = ? AND s.scope = 'VECTOR'",
            (collection,),
        ).fetchall()
    for _, written, queued in rows:
        if queued is not None and (written is None or int(written) < int(queued)):
            raise ErasureError("the vector index did not write all of its operations")
    return [id for id, _, _ in rows]


def _clean_index(folder: Path) -> None:
    if not folder.is_dir():
        # Nothing was ever written: a collection without vectors.
        return
    overwrite_deleted(folder)
    _clear_lengths(folder)


def _clear_unused(folder: Path) -> None:
    if folder.is_dir():
        clear_unused(folder)
        _clear_lengths(folder)


def _clear_lengths(folder: Path) -> None:
    lengths = folder / "length.bin"
    if lengths.exists():
        with lengths.open("r+b") as file:
            file.write(bytes(lengths.stat().st_size))
            _to_disk(file)


def _clean_database(folder: Path, collection: str) -> None:
    with closing(_connect(folder)) as database:
        database.execute("PRAGMA secure_delete=ON")
        # Those beyond what every segment has written are needed at the next opening.
        # The last one of all stays, emptied: the next operation gets its number from it, and one
        # with a lower number than those that were written is passed over for good.
        written = (
            "substr(topic, -36) = ? AND seq_id <= (SELECT min(coalesce(m.seq_id, 0))"
            " FROM segments s LEFT JOIN max_seq_id m ON m.segment_id = s.id"
            " WHERE s.collection = ?) AND seq_id"
        )
        last = "(SELECT max(seq_id) FROM embeddings_queue)"
        names = (collection, collection)
        database.execute(f"DELETE FROM embeddings_queue WHERE {written} < {last}", names)
        database.execute(
            "UPDATE embeddings_queue SET id = '-', vector = NULL, encoding = NULL, metadata = NULL"
            f" WHERE {written} = {last}",
            names,
        )
        database.execute(
            "INSERT INTO embedding_fulltext_search(embedding_fulltext_search) VALUES('optimize')"
        )
        database.execute("VACUUM")


def _remove_orphans(folder: Path) -> None:
    """Remove the index folders of collections that are no more."""
    with closing(_connect(folder)) as database:
        known = {row[0] for row in database.execute("SELECT id FROM segments")}
    for place in folder.iterdir():
        if place.name in known or not _UUID.fullmatch(place.name) or not place.is_dir():
            continue
        if {file.name for file in place.iterdir()} <= _INDEX_FILES:
            shutil.rmtree(place)


def _connect(folder: Path) -> sqlite3.Connection:
    path = folder / _DATABASE
    if not path.exists():
        raise ErasureError("the database of this Chroma is not where it should be")
    return sqlite3.connect(path, isolation_level=None, timeout=30)


def _to_disk(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _others(folder: Path) -> bool:
    """Whether another process has the files open, as far as this one may look (Linux only)."""
    proc = Path("/proc")
    if not (proc / "self").exists():
        return False
    own = str(os.getpid())
    pids = (entry for entry in os.listdir(proc) if entry.isdigit() and entry != own)
    return any(_has_open(proc / pid, folder) for pid in pids)


def _open_here(folder: Path) -> bool:
    place = Path("/proc/self")
    return place.exists() and _has_open(place, folder)


def _has_open(process: Path, folder: Path) -> bool:
    below = os.path.realpath(folder) + os.sep
    try:
        for handle in os.listdir(process / "fd"):
            try:
                if os.readlink(process / "fd" / handle).startswith(below):
                    return True
            except OSError:
                continue
    except OSError:
        # Gone, or another user's.
        return False
    return False
