"""Looking a reply through for values that the model says by itself, whole or streamed.

A reply is cut into segments at the ends of lines and sentences. A segment is let go once the
detector has seen it together with what stands before it and a stretch of what follows, so that a
value that begins in it is seen whole. Where cuts lie, and what the detector is shown, follows from
the text alone and not from the chunks it came in: every way of cutting gives the same output.

The price is that text is held back until its sentence and `AHEAD` more characters have come. A
value longer than `LONGEST` characters may be seen in part only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from piirag.detection.finding import Finding

AHEAD = 64
"""Characters behind a segment that the detector sees before the segment is let go."""

SHORTEST = 48
"""A segment has at least so many characters; the detector costs the same for a shorter one."""

CONTEXT = 128
"""About so many characters before a segment are shown to the detector, to be understood by."""

USUAL = 240
"""Without an end of line or sentence, a segment ends between two words after so many characters."""

LONGEST = 4096
"""What has no white space at all is cut after so many characters."""

_LETTERS = r"[^\W\d_]{3}"
_END = re.compile(
    rf"\n|(?<={_LETTERS}[.!?])\s|(?<={_LETTERS}[.!?][\"')\]\u201d\u2019*_])\s|[\u3002\uff01\uff1f]"
)
_SPACE = re.compile(r"\s")

Finder = Callable[[str], Sequence[Finding]]
Piece = tuple[str, str]
"""Text as the model wrote it, and the entity type of a value that follows it, or nothing."""


class UnseenFilter:
    """Takes a reply in chunks and gives it back in pieces, with the values found in it.

    Args:
        find: Finds values that were not in the prompt.
    """

    def __init__(self, find: Finder) -> None:
        self._find = find
        self._text = ""
        self._from = 0
        self._at = 0
        self._end: int | None = None

    def feed(self, chunk: str) -> list[Piece]:
        """Take the next chunk; return what is ready, possibly nothing."""
        self._text += chunk
        return self._advance(final=False)

    def flush(self) -> list[Piece]:
        """The reply is over."""
        return self._advance(final=True)

    def _advance(self, final: bool) -> list[Piece]:
        pieces: list[Piece] = []
        while self._at < len(self._text):
            if self._end is None:
                self._end = self._boundary(final)
            if self._end is None or (self._end + AHEAD > len(self._text) and not final):
                break
            self._segment(pieces, self._end)
        # Not for every segment: a whole text would be copied as often as it has sentences.
        self._text = self._text[self._from :]
        self._at -= self._from
        self._end = None if self._end is None else self._end - self._from
        self._from = 0
        return pieces

    def _segment(self, pieces: list[Piece], end: int) -> None:
        """Look at a segment, and let it go unless a value goes on across its end."""
        low = self._from
        seen = min(end + AHEAD, len(self._text))
        found = [
            (max(f.start + low, self._at), f.end + low, f.entity_type)
            for f in self._find(self._text[low:seen])
        ]
        across = max([e for s, e, _ in found if s < end], default=end)
        if across > end and end - self._at < LONGEST:
            self._end = across
            return
        last = self._at
        for start, stop, kind in sorted(found):
            if start < end and stop > last:
                pieces.append((self._text[last : max(start, last)], kind))
                last = min(stop, end)
        pieces.append((self._text[last:end], ""))
        # The end of what was let go is what the next segment is understood by.
        kept = end - CONTEXT
        if kept > self._from:
            space = _SPACE.search(self._text, kept, end)
            self._from = space.end() if space is not None else kept
        self._at, self._end = end, None

    def _boundary(self, final: bool) -> int | None:
        """Where the segment ends; None where more text is needed to tell."""
        text, at = self._text, self._at
        end = _END.search(text, at + SHORTEST, at + USUAL)
        if end is not None:
            return end.end()
        if len(text) < at + USUAL:
            return len(text) if final else None
        for place in range(at + USUAL - 1, at, -1):
            if text[place].isspace():
                return place + 1
        space = _SPACE.search(text, at + USUAL, at + LONGEST)
        if space is not None:
            return space.end()
        if len(text) >= at + LONGEST:
            return at + LONGEST
        return len(text) if final else None

    def __repr__(self) -> str:
        return f"UnseenFilter({len(self._text) - self._at} held back)"
