"""Cutting long texts into overlapping windows, so that memory and regex cost stay bounded."""

from __future__ import annotations

import bisect
from collections.abc import Collection, Iterable, Iterator
from itertools import accumulate

from piirag.detection.finding import Finding

# Presidio's e-mail and URL patterns cost up to the square of the text, and spaCy, where a user
# brings it, refuses texts of more than a million characters. Windows bound both.
WINDOW = 16_384
OVERLAP = 512


def windows(text: str, size: int = WINDOW, overlap: int = OVERLAP) -> Iterator[tuple[int, str]]:
    """Cut a text into windows that overlap.

    Args:
        text: The whole text.
        size: Characters a window at most.
        overlap: Characters two neighbours share. Any value up to this length lies whole in one
            of them.

    Yields:
        Offset of the window and its text.
    """
    if len(text) <= size:
        yield 0, text
        return
    step = size - overlap
    for start in range(0, len(text) - overlap, step):
        yield start, text[start : start + size]


def without_halves(found: Collection[Finding], at_edge: Iterable[Finding]) -> set[Finding]:
    """Findings of all windows together.

    A window that begins inside a value may report its second half; the other window holds the
    whole value.

    Args:
        found: Findings that touch no edge of a window.
        at_edge: Findings that do.
    """
    spans = sorted((f.start, f.end) for f in found)
    # The furthest end of all that begin at or before each.
    ends = list(accumulate((end for _, end in spans), max))
    whole = set(found)
    for finding in at_edge:
        before = bisect.bisect_right(spans, finding.start, key=lambda span: span[0])
        if not before or ends[before - 1] < finding.end:
            whole.add(finding)
    return whole
