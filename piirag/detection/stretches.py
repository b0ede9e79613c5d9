"""Stretches of a text, as pairs of offsets."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence

Stretch = tuple[int, int]


def outside(start: int, end: int, taken: Sequence[Stretch]) -> Iterator[Stretch]:
    """What is left of a stretch without some others.

    Args:
        start: Where it begins.
        end: Where it ends.
        taken: The others, in order; they do not overlap.
    """
    # They do not overlap, so their ends are in order as well.
    first = bisect.bisect_right(taken, start, key=lambda stretch: stretch[1])
    after = bisect.bisect_left(taken, end, key=lambda stretch: stretch[0])
    for low, high in taken[first:after]:
        if start < low:
            yield start, low
        start = max(start, high)
    if start < end:
        yield start, end
