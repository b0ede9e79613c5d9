"""Groups of digits and what stands between them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

_SEPARATORS = r"[ \t\r\n./_\-|*`~\u00b7\u2022>()\[\]]"
_RUN = re.compile(rf"[0-9]++(?:{_SEPARATORS}{{1,8}}+[0-9]++)++")
_DIGITS = re.compile("[0-9]+")

# A line break as text that is quoted or commented out has it.
_LINE_BREAK = re.compile(r"[ \t]*\r?\n[ \t>|#*]*")

_LABELLED = re.compile(r"[^\W\d_][ .:#='\"(+-]{1,5}\Z")
_PART_OF_MORE = re.compile(r"[\w.,/=$%-]")


@dataclass(frozen=True)
class Gap:
    """What stands between two groups of digits.

    Args:
        kind: The separator without the line break in it; None if it holds an empty line.
        wrapped: Whether it holds a line break.
    """

    kind: str | None
    wrapped: bool


@lru_cache(maxsize=1024)
def _gap(separator: str) -> Gap:
    if "\n" not in separator:
        return Gap(separator, False)
    rest, breaks = _LINE_BREAK.subn("", separator)
    return Gap(rest if breaks == 1 else None, True)


@dataclass(frozen=True)
class Groups:
    """A run of groups of digits.

    Args:
        text: The text they stand in.
        spans: Where each group stands.
        gaps: What stands between each and the next.
    """

    text: str
    spans: list[tuple[int, int]]
    gaps: list[Gap]

    @cached_property
    def digits(self) -> list[str]:
        """The groups."""
        return [self.text[a:b] for a, b in self.spans]

    @cached_property
    def lengths(self) -> list[int]:
        """Digits in each group."""
        return [b - a for a, b in self.spans]

    def candidate(self, first: int, last: int) -> Candidate:
        """The groups from one to another, both included."""
        return Candidate(self, first, last)


@dataclass(frozen=True)
class Candidate:
    """Neighbouring groups that may be one number."""

    run: Groups
    first: int
    last: int

    @cached_property
    def groups(self) -> list[str]:
        """The groups of digits."""
        return self.run.digits[self.first : self.last + 1]

    @cached_property
    def gaps(self) -> list[Gap]:
        """What stands between them."""
        return self.run.gaps[self.first : self.last]

    @property
    def start(self) -> int:
        """Offset of the first digit."""
        return self.run.spans[self.first][0]

    @property
    def end(self) -> int:
        """Offset after the last digit."""
        return self.run.spans[self.last][1]

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """Digits in each group."""
        return tuple(map(len, self.groups))

    @cached_property
    def wraps(self) -> int:
        """How many line breaks are inside."""
        return sum(gap.wrapped for gap in self.gaps)

    @cached_property
    def unwrapped(self) -> tuple[int, ...]:
        """Digits in each group if the one line break inside cut a group in two."""
        if self.wraps != 1:
            return self.lengths
        at = next(i for i, gap in enumerate(self.gaps) if gap.wrapped)
        joined = self.lengths[at] + self.lengths[at + 1]
        return (*self.lengths[:at], joined, *self.lengths[at + 2 :])

    @cached_property
    def kinds(self) -> set[str | None]:
        """The separators within a line."""
        return {gap.kind for gap in self.gaps if not gap.wrapped}

    @cached_property
    def even(self) -> bool:
        """Whether the separators are the same throughout, but for line breaks."""
        allowed = self.kinds | {"", "-"}
        return len(self.kinds) <= 1 and all(g.kind in allowed for g in self.gaps if g.wrapped)

    @cached_property
    def labelled(self) -> bool:
        """Whether words lead up to it on its line, or there is nothing else: no table then."""
        text = self.run.text
        if _LABELLED.search(text[max(0, self.start - 6) : self.start]):
            return True
        return not text[: self.start].strip(" \n(+") and not text[self.end :].strip(" \n.")

    @cached_property
    def alone(self) -> bool:
        """Whether it is not part of a longer row or column of numbers."""
        run, text = self.run, self.run.text
        columns = self.wraps > 0 or "\t" in self.kinds
        if self.first:
            before = run.gaps[self.first - 1]
            if (before.wrapped and columns) or (not before.wrapped and self._goes_on(before)):
                return False
        else:
            preceding = text[self.start - 1 : self.start]
            if _PART_OF_MORE.match(preceding) or (preceding == "\t" and "\t" in self.kinds):
                return False
        if self.last + 1 < len(run.spans):
            after = run.gaps[self.last]
            if after.wrapped:
                return not columns or self.labelled
            return not self._goes_on(after)
        following = text[self.end : self.end + 1]
        return not (following.isalnum() or following in ("_", "-", "/", "\t", "%"))

    def _goes_on(self, gap: Gap) -> bool:
        return gap.kind in self.kinds or not self.kinds


def runs(text: str) -> Iterator[Groups]:
    """Find groups of digits with anything but words between them."""
    for match in _RUN.finditer(text):
        spans = [m.span() for m in _DIGITS.finditer(text, match.start(), match.end())]
        gaps = [_gap(text[a[1] : b[0]]) for a, b in pairwise(spans)]
        yield Groups(text, spans, gaps)
