"""The files of a LanceDB table: rewriting them without deleted rows, and looking into them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from piirag.erasure.residue import Hit, Needles
from piirag.errors import ErasureError


def reclaim(folder: Path) -> None:
    """Write surviving rows and indices anew, and remove everything that they no longer need.

    LanceDB's own `optimize` leaves the rows where less than a tenth of a file was deleted
    (lancedb 0.40.0, pylance 14.0.2).

    Raises:
        ErasureError: The number of rows changed meanwhile.
    """
    import lance

    table = lance.dataset(str(folder))
    before = table.count_rows()
    table.optimize.compact_files(
        materialize_deletions=True, materialize_deletions_threshold=0.0, num_threads=1
    )
    table = lance.dataset(str(folder))
    if table.has_index:
        # A full-text index keeps the words of deleted texts.
        table.optimize.optimize_indices(retrain=True)
    table = lance.dataset(str(folder))
    table.cleanup_old_versions(older_than=timedelta(0), delete_unverified=True)
    if lance.dataset(str(folder)).count_rows() != before:
        raise ErasureError("the number of rows changed while bytes were removed")


def unpacked(folder: Path, needles: Mapping[str, Sequence[bytes]]) -> list[Hit]:
    """Look for needles in what Lance files unpack to: their texts may be compressed."""
    table = Needles(needles)
    hits: list[Hit] = []
    for path in sorted(folder.rglob("*.lance")):
        if not path.is_file():
            continue
        found: set[tuple[str, bytes]] = set()
        for data in _unpack(path):
            found |= table.in_bytes(data)
        hits += [Hit(kind, path.name, needle) for kind, needle in sorted(found)]
    return hits


def _unpack(path: Path) -> Iterator[bytes]:
    """The rows of a file, deleted ones too, as plain bytes, part by part."""
    import pyarrow as pa
    from lance.file import LanceFileReader

    try:
        batches: Iterator[Any] = LanceFileReader(str(path)).read_all().to_batches()
        for batch in batches:
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, batch.schema) as stream:
                stream.write_batch(batch)
            yield sink.getvalue().to_pybytes()
    except (OSError, ValueError, RuntimeError, pa.ArrowException):
        # Not every file of an index is one of rows; their bytes are looked at as they are.
        return
