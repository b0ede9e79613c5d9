"""Cutting a tokenised text into stretches that the model reads at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]

LONGEST = 144
"""Pieces the model reads at once: about 500 characters."""

_OVERLAP = 24

# How far from an even cut a better place is looked for, as a part of the length of a segment.
_SLACK = 4


class Segment(NamedTuple):
    """A stretch of pieces.

    Args:
        start: Its first piece.
        end: The piece after its last.
        keep_from: From here on its labels count; what stands before is context.
        keep_to: Up to here its labels count.
    """

    start: int
    end: int
    keep_from: int
    keep_to: int


def segments(gap: Array, ends_sentence: Array, inside: Array) -> list[Segment]:
    """Cut into lengths as even as may be: at a blank line near the even place, else at a new
    line, at the end of a sentence, else between words.

    Neighbours that are not cut at a new line overlap, and each counts where it knows what stands
    on both sides.

    Args:
        gap: What stands before each piece (`features.features`).
        ends_sentence: Whether a piece is a full stop or the like.
        inside: Whether a piece continues a word.
    """
    total = len(gap)
    out: list[Segment] = []
    start = keep = 0
    while total - start > LONGEST:
        cut, hard = _cut(start, total, gap, ends_sentence, inside)
        half = 0 if hard else _OVERLAP // 2
        out.append(Segment(start, cut, keep, cut - half))
        keep = cut - half
        start = cut if hard else cut - _OVERLAP
    out.append(Segment(start, total, keep, total))
    return out


def _cut(
    start: int, total: int, gap: Array, ends_sentence: Array, inside: Array
) -> tuple[int, bool]:
    """Where a segment ends, and whether the next begins a line."""
    rows = -(-(total - start) // LONGEST)
    even = (total - start) / rows
    low = start + int(even - even / _SLACK)
    high = start + min(LONGEST, int(even + even / _SLACK))
    window = slice(low, high + 1)
    here = gap[window]
    middle = start + even - low
    for places in (
        here == 4,
        here == 3,
        ends_sentence[low - 1 : high] & (here > 0),
        ~inside[window],
    ):
        found = np.flatnonzero(places)
        if len(found):
            nearest = found[np.abs(found - middle).argmin()]
            return low + int(nearest), bool(here[nearest] in (3, 4))
    return int(start + even), False
