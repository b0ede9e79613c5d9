"""Looks for canaries in the files of any store, whatever piirag's own targets say of them.

A canary is looked for in every form in which a store was seen to keep one: UTF-8 and UTF-16, among
the literals of Postgres's compression, 32- and 64-bit floats of either byte order, pickled lists of
floats, numbers in JSON. What a file unpacks to is searched as well: zlib, gzip and zstd wherever
they begin, Parquet, Arrow, and Lance. Half-precision floats and quantised vectors are not found.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from piirag.erasure.residue import Needles
from piirag.testing.unpacking import unpacked

_NUMBERS = 8


class Canaries:
    """What to look for.

    Args:
        texts: Kind -> texts of at least 24 letters and digits, which nothing else has.
        vectors: The vectors of the same items, as the embedding model gave them.
    """

    def __init__(
        self, texts: Mapping[str, Sequence[str]], vectors: Sequence[Sequence[float]] = ()
    ) -> None:
        forms = {kind: [list(text_forms(t)) for t in found] for kind, found in texts.items()}
        if len(vectors):
            forms["vectors"] = [list(vector_forms(v)) for v in vectors]
        self._of = {
            (kind, form): number
            for kind, items in forms.items()
            for number, found in enumerate(items)
            for form in found
        }
        self._needles = Needles(
            {kind: [form for found in items for form in found] for kind, items in forms.items()}
        )
        self.kinds = tuple(forms)

    def left(self, files: Iterable[Path]) -> dict[str, int]:
        """How many canaries of each kind are in files, as they are or in what they unpack to.

        Args:
            files: Files; one that is gone by the time it is its turn is passed over.
        """
        found: set[tuple[str, int]] = set()
        for file in files:
            try:
                data = file.read_bytes()
            except FileNotFoundError:
                continue
            for part in chain((data,), unpacked(file, data)):
                found |= {(k, self._of[k, form]) for k, form in self._needles.in_bytes(part)}
        return {kind: sum(k == kind for k, _ in found) for kind in self.kinds}


def text_forms(text: str) -> Iterator[bytes]:
    """The bytes of a text, in each encoding and among the literals of `pglz`.

    Postgres puts a byte of flags before every eight literals, wherever the text begins in them.
    """
    data = text.encode()
    yield data
    yield text.encode("utf-16-le")
    yield text.encode("utf-16-be")
    for phase in range(8):
        eight, next_eight = data[phase : phase + 8], data[phase + 8 : phase + 16]
        if len(next_eight) == 8:
            yield b"\x00" + eight + b"\x00" + next_eight


def vector_forms(vector: Sequence[float]) -> Iterator[bytes]:
    """The bytes of a few numbers in a row, from its beginning, middle and end.

    As they were given and scaled to length one, which is how stores of cosines keep them.
    """
    given = np.asarray(vector, dtype="<f4")
    scaled = (given / np.linalg.norm(given)).astype("<f4")
    exact = given.astype("<f8") / np.linalg.norm(given.astype("<f8"))
    last = max(0, len(given) - _NUMBERS)
    for numbers in (given.astype("<f8"), scaled.astype("<f8"), exact):
        for begin in {0, last // 2, last}:
            part = numbers[begin : begin + _NUMBERS]
            yield part.astype("<f4").tobytes()
            yield part.astype(">f4").tobytes()
            yield part.astype("<f8").tobytes()
            # How pickle writes a list of floats.
            yield b"".join(b"G" + struct.pack(">d", value) for value in part)
            for between in (", ", ","):
                yield json.dumps(part.tolist())[1:-1].replace(", ", between).encode()
                short = [str(value) for value in part.astype("<f4")]
                yield between.join(short).encode()
