"""Cutting a tokenised text into stretches that the model reads at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]

LONGEST = 128
"""Pieces the model reads at once: about 500 characters."""

_SHORTEST = 48
_OVERLAP = 24


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
    """Cut at blank lines, at new lines, at the ends of sentences, else between words.

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
        window = slice(start + _SHORTEST, start + LONGEST + 1)
        cut, hard = 0, True
        for rows in (gap[window] == 4, gap[window] == 3):
            places = np.flatnonzero(rows)
            if len(places):
                cut = start + _SHORTEST + int(places[-1])
                break
        if not cut:
            hard = False
            after_stop = ends_sentence[window.start - 1 : window.stop - 1] & (gap[window] > 0)
            for rows in (after_stop, ~inside[window]):
                places = np.flatnonzero(rows)
                if len(places):
                    cut = start + _SHORTEST + int(places[-1])
                    break
            cut = cut or start + LONGEST
        half = 0 if hard else _OVERLAP // 2
        out.append(Segment(start, cut, keep, cut - half))
        keep = cut - half
        start = cut if hard else cut - _OVERLAP
    out.append(Segment(start, total, keep, total))
    return out
