"""Overwriting deleted vectors in an hnswlib index on disk.

hnswlib never gives up a slot: a deleted element is marked, and stays in the graph with its vector.
The file `header.bin`, as Chroma's hnswlib writes it (version 1, little-endian), says where in each
record of `data_level0.bin` the links, the vector and the label are.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from piirag.errors import ErasureError

# version, offset of level 0, most elements, elements, bytes a record, offset of the label, offset
# of the vector, top level, entry point, links above level 0, links at level 0, M, factor, ef.
_HEADER = struct.Struct("<I6QiI3QdQ")
_VERSION = 1
# A record begins with the number of its links (16 bits), a byte with the mark, one that is unused.
_MARK_AT = 2
_DELETED = 1
_LINK = 4


def overwrite_deleted(folder: Path) -> int:
    """Overwrite the vectors of deleted elements; return how many there were.

    Each gets the mean of the vectors it is linked to: the graph leads through deleted elements
    too, and searches for the others must find what they found before.

    Args:
        folder: Holds `header.bin` and `data_level0.bin` of an index that nothing has open.

    Raises:
        ErasureError: The files are not as expected; nothing was changed.
    """
    whole, layout = _opened(folder)
    if whole is None:
        return 0
    # What is behind the last element is memory that was never initialised.
    whole[layout.count :] = 0
    records = whole[: layout.count]
    gone = (records[:, _MARK_AT] & _DELETED).astype(bool)
    vectors = records[:, layout.vector : layout.label].view("<f4")
    neighbours = records[:, _LINK : _LINK + layout.links * _LINK].view("<u4")
    degrees = records[:, :2].copy().view("<u2")[:, 0]
    _fill(vectors, gone, neighbours, degrees)
    _to_disk(whole, folder)
    return int(gone.sum())


def clear_unused(folder: Path) -> None:
    """Zero what is behind the last element: memory of the process that wrote the file.

    Whoever has the index open does not read it.

    Args:
        folder: As for `overwrite_deleted`.

    Raises:
        ErasureError: The files are not as expected; nothing was changed.
    """
    whole, layout = _opened(folder)
    if whole is not None:
        whole[layout.count :] = 0
        _to_disk(whole, folder)


@dataclass(frozen=True)
class _Layout:
    """Where things are in a file: how many elements, and offsets within a record."""

    count: int
    links: int
    vector: int
    label: int


def _opened(folder: Path) -> tuple[Any, _Layout]:
    """The records of level 0 as a matrix of bytes, mapped; None where there are none."""
    import numpy as np

    header, data = folder / "header.bin", folder / "data_level0.bin"
    if not header.exists() or not data.exists():
        raise ErasureError("the vector index is not where it should be")
    raw = header.read_bytes()
    if len(raw) != _HEADER.size:
        raise ErasureError("the vector index is of an unknown version")
    version, start, most, count, size, label, offset, _, _, _, links, *_ = _HEADER.unpack(raw)
    length = data.stat().st_size
    good = (
        version == _VERSION
        and start == 0
        and size > 0
        and length % size == 0
        and count <= length // size <= max(count, most)
        and offset == _LINK + links * _LINK
        and label + 8 == size
        and (label - offset) % 4 == 0
        and label > offset
    )
    if not good:
        raise ErasureError("the vector index is of an unknown version")
    layout = _Layout(count, links, offset, label)
    if not length:
        return None, layout
    return np.memmap(data, dtype=np.uint8, mode="r+", shape=(length // size, size)), layout


def _to_disk(whole: Any, folder: Path) -> None:
    whole.flush()
    handle = os.open(folder / "data_level0.bin", os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _fill(vectors: Any, gone: Any, neighbours: Any, degrees: Any) -> None:
    import numpy as np

    places = np.flatnonzero(gone)
    if not len(places):
        return
    alive = ~gone
    middle = vectors[alive].mean(axis=0) if alive.any() else np.zeros(vectors.shape[1], dtype="<f4")
    new = np.empty((len(places), vectors.shape[1]), dtype="<f4")
    for row, place in enumerate(places):
        near = neighbours[place, : degrees[place]]
        near = near[near < len(gone)]
        near = near[alive[near]]
        # A tenth of the overall mean, so that this is nobody's vector where there is one link.
        new[row] = 0.9 * vectors[near].mean(axis=0) + 0.1 * middle if len(near) else middle
    vectors[places] = new
