"""Putting a text together again, with something else in some places."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from dataclasses import replace

from piirag.detection.finding import Finding

Mark = tuple[int, int, str]
"""Start and end in the original text, and what stands there now."""


class Assembly:
    """A text with stretches replaced, and which offsets belong together.

    Args:
        text: The original text.
        marks: What to replace; stretches do not overlap.
    """

    def __init__(self, text: str, marks: Iterable[Mark]) -> None:
        pieces: list[str] = []
        self.covered: list[tuple[int, int]] = []
        """Where what was put in stands in the new text, in order."""
        self._ends = [0]
        """Offsets in the original text behind each replaced stretch."""
        length = last = 0
        for start, end, put in sorted(marks):
            pieces += [text[last:start], put]
            begin = length + start - last
            length = begin + len(put)
            self.covered.append((begin, length))
            self._ends.append(end)
            last = end
        self.text = "".join([*pieces, text[last:]])

    def in_original(self, finding: Finding) -> Finding:
        """A finding between two replaced stretches of the new text, with its original offsets."""
        index = bisect.bisect_right(self.covered, finding.start, key=lambda stretch: stretch[1])
        after = self.covered[index - 1][1] if index else 0
        shift = self._ends[index] - after
        return replace(finding, start=finding.start + shift, end=finding.end + shift)

    def __repr__(self) -> str:
        return f"Assembly({len(self.covered)} replaced)"
