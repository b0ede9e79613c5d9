"""Where the characters of a rewritten text came from.

A rewriting is kept as the list of its edits, not as one offset per character: texts are long and
edits are few. What lies between two edits has only moved.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from typing import NamedTuple


class Edit(NamedTuple):
    """One stretch of a text and what it is read as.

    Args:
        start: Offset of the stretch.
        end: Offset after it.
        text: What stands there instead.
        telling: Whether this edit alone is a reason to look again. Undoing ``\\"`` is not.
    """

    start: int
    end: int
    text: str
    telling: bool = True


class OffsetMap:
    """Maps offsets in a rewritten text to offsets in the text that it was made from.

    Args:
        length: Length of the text before rewriting.
        base: Where in it the rewritten stretch begins.
    """

    __slots__ = ("_base", "_length", "_new", "_new_end", "_old", "_old_end")

    def __init__(self, length: int, base: int = 0) -> None:
        self._length = length
        self._base = base
        self._new: list[int] = []
        self._new_end: list[int] = []
        self._old: list[int] = []
        self._old_end: list[int] = []

    def __len__(self) -> int:
        return len(self._new)

    def add(self, new: int, new_end: int, old: int, old_end: int) -> None:
        """Note that ``[new, new_end)`` was made from ``[old, old_end)``; in order of position."""
        self._new.append(new)
        self._new_end.append(new_end)
        self._old.append(old)
        self._old_end.append(old_end)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The stretch that the characters ``[start, end)`` were made from.

        A character made from several, or from part of one, stands for all of them. What was
        removed counts where it lies inside the stretch, not at its edges.
        """
        low = self._edge(start, last=False)
        if end <= start:
            return low, low
        return low, max(low, self._edge(end - 1, last=True))

    def _edge(self, offset: int, *, last: bool) -> int:
        """Where the character at an offset begins, or where it ends."""
        i = bisect.bisect_right(self._new, offset) - 1
        if i < 0:
            found = self._base + offset + last
        elif offset < self._new_end[i]:
            found = self._old_end[i] if last else self._old[i]
        else:
            found = self._old_end[i] + offset - self._new_end[i] + last
        return min(max(found, 0), self._length)

    def made_from(self, start: int, end: int) -> bool:
        """Whether one edit is that of ``[start, end)`` of the text before rewriting."""
        i = bisect.bisect_left(self._old, start)
        return i < len(self._old) and (self._old[i], self._old_end[i]) == (start, end)

    def touched(self, start: int, end: int) -> bool:
        """Whether an edit lies in ``[start, end)`` or right beside it."""
        i = bisect.bisect_right(self._new, end) - 1
        return i >= 0 and self._new_end[i] >= start


def rewrite(text: str, start: int, end: int, edits: Iterable[Edit]) -> tuple[str, OffsetMap]:
    """Apply edits, which are in order and do not overlap, to ``text[start:end]``.

    Returns:
        The rewritten text, and a map from it to offsets in ``text``.
    """
    pieces: list[str] = []
    offsets = OffsetMap(len(text), start)
    position = start
    length = 0
    for edit in edits:
        pieces += [text[position : edit.start], edit.text]
        length += edit.start - position
        offsets.add(length, length + len(edit.text), edit.start, edit.end)
        length += len(edit.text)
        position = edit.end
    pieces.append(text[position:end])
    return "".join(pieces), offsets
