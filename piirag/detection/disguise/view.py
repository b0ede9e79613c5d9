"""Views: other readings of stretches of a text, searched beside the text itself."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Sequence
from typing import Protocol

from piirag.detection.disguise.mapping import Edit, OffsetMap, rewrite

# Characters kept around an edit: the rest of a value, and the words that Presidio weighs it by.
# Longer than the longest local part (64) and label (63) of an address.
REACH = 80

# A label, and what stands between it and its value.
LABEL_REACH = 60

_SPACE = re.compile(r"\s")


class Source(Protocol):
    """Something whose offsets lead back to the original text."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in the original text."""

    def concerns(self, start: int, end: int, *, labelled: bool = False) -> bool:
        """Whether what was rewritten lies in this stretch or right beside it."""


class View:
    """One other reading of a stretch of a text. Its repr shows no text.

    Args:
        text: The stretch as this view reads it, with some of its surroundings.
        offsets: From this text to the text it was made from.
        source: What that text is; None for the original.
        cut: Whether the surroundings were cut off inside a word, left and right.
        rewritten: False for a mere normal form of its source: what concerns the source concerns
            the view.
        decoded: Whether encodings were undone in it, and not only spellings.
    """

    __slots__ = ("_cut", "_decoded", "_offsets", "_rewritten", "_source", "text")

    def __init__(
        self,
        text: str,
        offsets: OffsetMap,
        source: Source | None = None,
        *,
        cut: tuple[bool, bool] = (False, False),
        rewritten: bool = True,
        decoded: bool = False,
    ) -> None:
        self.text = text
        self._offsets = offsets
        self._source = source
        self._cut = cut
        self._rewritten = rewritten
        self._decoded = decoded

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in the original text of ``self.text[start:end]``, whole escapes included."""
        start, end = self._offsets.span(start, end)
        return self._source.span(start, end) if self._source is not None else (start, end)

    def concerns(self, start: int, end: int, *, labelled: bool = False) -> bool:
        """Whether a finding at ``self.text[start:end]`` is owed to this reading.

        What lies in the surroundings only is found, with more context, elsewhere.

        Args:
            start: Where the finding begins.
            end: Where it ends.
            labelled: Whether it may be owed to a label that stands before it: the label begins
                behind an escape, as in ``\\npassword: ...``.
        """
        if (self._cut[0] and start == 0) or (self._cut[1] and end == len(self.text)):
            return False
        if self._rewritten:
            reach = LABEL_REACH if labelled and self._decoded else 0
            if not self._offsets.touched(max(0, start - reach), end):
                return False
        if self._source is None:
            return True
        span = self._offsets.span(start, end)
        return self._source.concerns(*span, labelled=labelled)

    def undoes(self, start: int, end: int) -> bool:
        """Whether this is the text without the escape at these offsets of its source."""
        return self._offsets.made_from(start, end)

    def __repr__(self) -> str:
        return f"View({len(self.text)} characters)"


def views_of(
    text: str, edits: Sequence[Edit], source: Source | None, *, decoded: bool = False
) -> Iterator[View]:
    """Apply edits to the stretches around them.

    Args:
        text: The text that the edits are about.
        edits: In any order; of two that overlap, the one that begins first counts.
        source: Where the text came from.
        decoded: Whether the edits undo encodings.

    Yields:
        A view for every group of edits near each other, at least one of which is telling.
        Groups do not overlap, surroundings included, so all views together are no longer than
        the text and what is written into it.
    """
    group: list[Edit] = []
    last = 0
    for edit in sorted(edits):
        if group and edit.start < group[-1].end:
            continue
        if group and edit.start - group[-1].end > 2 * REACH:
            yield from _view(text, group, last, edit.start - REACH, source, decoded)
            last = edit.start - REACH
            group = []
        group.append(edit)
    if group:
        yield from _view(text, group, last, len(text), source, decoded)


def _view(
    text: str, group: list[Edit], low: int, high: int, source: Source | None, decoded: bool
) -> Iterator[View]:
    if not any(edit.telling for edit in group):
        return
    start, cut_left = _left(text, max(low, group[0].start - REACH), group[0].start)
    end, cut_right = _right(text, group[-1].end, min(high, group[-1].end + REACH))
    read, offsets = rewrite(text, start, end, group)
    yield View(read, offsets, source, cut=(cut_left, cut_right), decoded=decoded)


def _left(text: str, low: int, at: int) -> tuple[int, bool]:
    """Where surroundings begin: after the first white space, not inside a word."""
    if low <= 0:
        return 0, False
    space = _SPACE.search(text, low - 1, at)
    return (space.end(), False) if space else (low, True)


def _right(text: str, at: int, high: int) -> tuple[int, bool]:
    """Where surroundings end: before the last white space, not inside a word."""
    if high >= len(text):
        return len(text), False
    for end in range(high, at - 1, -1):
        if text[end].isspace():
            return end, False
    return high, True


class Batch:
    """Several views in one text, so that a detector is called once for all of them.

    Args:
        views: The views.
    """

    # Words of no meaning between views: Presidio weighs a value by the five words before it, and
    # those of another view must not count.
    _BARRIER = "\n\n" + " ".join(["zz"] * 5) + "\n\n"

    def __init__(self, views: Sequence[View]) -> None:
        self._views = views
        self._starts: list[int] = []
        length = 0
        for view in views:
            self._starts.append(length)
            length += len(view.text) + len(self._BARRIER)
        self.text = self._BARRIER.join(view.text for view in views)

    def original(self, start: int, end: int, *, labelled: bool = False) -> tuple[int, int] | None:
        """Where a finding stands in the original; None if it is owed to no view.

        The arguments are those of `View.concerns`.
        """
        i = bisect.bisect_right(self._starts, start) - 1
        if i < 0:
            return None
        start, end = start - self._starts[i], end - self._starts[i]
        view = self._views[i]
        if start < 0 or end > len(view.text) or not view.concerns(start, end, labelled=labelled):
            return None
        return view.span(start, end)
