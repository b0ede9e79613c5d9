"""Phone numbers, with the findings of Presidio's `PhoneRecognizer` and little of its work.

Presidio runs the matcher of `phonenumbers` over the whole text, once for each of eight regions.
Here the text is cut into runs of characters that a phone number may consist of. Runs do not
influence each other, so each is judged by itself: most at a glance (too few digits, a date, the
number of no region), plain ones by the parser of `phonenumbers`, and whatever else by its matcher,
on the run and its neighbours.

Private names of `phonenumbers` are used, so that what it accepts is said in one place only. Where
they are missing, the recogniser runs as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from phonenumbers import Leniency, PhoneNumberMatcher
from phonenumbers import phonenumbermatcher as matcher
from phonenumbers import phonenumberutil as util

from piirag.detection.fused.needs import required
from piirag.detection.fused.numbering import calling_code_of
from piirag.detection.fused.regions import Regions, surely_abroad
from piirag.detection.fused.tree import parse

# The matcher gives a text up after so many wrong candidates; nothing here may come near.
_MOST_TRIES = 65_535

_MARKS = "-. ()[]/"
_PLAIN = _MARKS + "+"
_HARMLESS = frozenset(" \n\r\t\"',;:.!?()[]{}<>/|-=0123456789")  # beside a number
_LONGEST_LEAD = 10  # characters before the first digit: two brackets or plus signs with marks
_KEEP_DIGITS = str.maketrans("", "", _PLAIN)

_RUN = re.compile(r"[0-9][-0-9. ()\[\]/+]*")

_BREAKS = " /(."  # where the matcher tries parts of a candidate
_FEWEST_ABROAD = 3  # digits after a plus sign


class _Matcher(PhoneNumberMatcher):
    """The matcher of `phonenumbers`, spared the parsing of what is no number."""

    regions: Regions

    def _parse_and_verify(self, candidate: str, offset: int) -> Any:
        digits = "" if "+" in candidate else candidate.translate(_KEEP_DIGITS)
        plain = digits.isdecimal() and digits.isascii()
        if plain and self.regions.surely_not(digits, str(self.preferred_region)):
            return None
        return super()._parse_and_verify(candidate, offset)


class PhoneScan:
    """Finds the phone numbers that `PhoneNumberMatcher` finds for any of some regions.

    Args:
        regions: Regions to dial from.

    Raises:
        ValueError: A region that `phonenumbers` does not know.
        AttributeError: Another `phonenumbers` than the one this was written for.
    """

    def __init__(self, regions: Sequence[str]) -> None:
        self._regions = Regions(regions)
        self._candidate = matcher._PATTERN
        self._inner = matcher._INNER_MATCHES
        self._slash_date = _Excluded(matcher._SLASH_SEPARATED_DATES)
        self._time_stamp = matcher._TIME_STAMPS
        self._time_stamp_end = matcher._TIME_STAMPS_SUFFIX
        self._brackets = matcher._MATCHING_BRACKETS
        self._pages = _Excluded(matcher._PUB_PAGES)
        self._unwanted_end = util._UNWANTED_END_CHAR_PATTERN
        self._extension = re.compile(util._EXTN_PATTERNS_FOR_MATCHING, util._REGEX_FLAGS)
        joints = f"[{util._VALID_PUNCTUATION}{util._PLUS_CHARS}]|\\d"
        self._joint = re.compile(joints, util._REGEX_FLAGS)
        for name in ("_parse_and_verify", "_is_invalid_punctuation_symbol", "_is_latin_letter"):
            getattr(PhoneNumberMatcher, name)
        # Every character of a candidate is written in the expression for candidates, or is a
        # digit, or is outside ASCII.
        written = {c for c in self._candidate.pattern if c.isascii()} | set("0123456789\t")
        cased = {c.upper() for c in written} | {c.lower() for c in written}
        inside = "".join(map(re.escape, sorted(written | cased)))
        self._island = re.compile(f"(?:[{inside}]|[^\\x00-\\x7f])+")
        self._foreign_digit = re.compile(r"[^\x00-\x7f](?<=\d)")

    def find(self, text: str) -> list[tuple[int, int]]:
        """Where phone numbers are: start and end, in no order, perhaps one within another."""
        numbers: list[tuple[int, int]] = []
        for start, end, is_number in self._stretches(text):
            if is_number:
                numbers.append((start, end))
            else:
                numbers += [(start + s, start + e) for s, e in self._search(text[start:end])]
        return numbers

    def _search(self, stretch: str) -> Iterator[tuple[int, int]]:
        """What Presidio's recogniser does with a text."""
        for region in self._regions.names:
            found: Any = _Matcher(stretch, region, leniency=Leniency.VALID)
            found.regions = self._regions
            for number in found:
                yield number.start, number.end

    def _stretches(self, text: str) -> list[tuple[int, int, bool]]:
        """Where phone numbers are, or may be.

        Args:
            text: The text.

        Returns:
            Start and end, and whether this is a number. If not, it is a stretch that the
            matcher must look at by itself; what stands at its ends belongs to no number.
            Stretches may overlap what else is returned.
        """
        if not text.isascii() and self._foreign_digit.search(text) is not None:
            return self._islands_with_digits(text)
        found: list[tuple[int, int, bool]] = []
        # The same number often stands in a text several times.
        judged: dict[str, tuple[int, int, bool] | None] = {}
        tries = done = 0
        islands = self._island.finditer(text)
        for run in _RUN.finditer(text):
            start = run.start()
            if start < done:
                continue
            body = run.group().rstrip(_PLAIN)
            end = start + len(body)
            first = start
            while first > done and start - first < _LONGEST_LEAD and text[first - 1] in _PLAIN:
                first -= 1
            tries += 1 if body.isdigit() else 2 * sum(map(body.count, _BREAKS)) + 7
            if self._is_joined(text, first, end, run.end()):
                low, done = next(i.span() for i in islands if i.end() > start)
                found.append((max(low - 1, 0), min(done + 1, len(text)), False))
                tries += 2 * (done - low) + 7
                continue
            digits = body.translate(_KEEP_DIGITS)
            fewest = self._regions.fewest_digits
            if "+" in body or "+" in text[first:start]:
                fewest = _FEWEST_ABROAD
            if len(digits) >= fewest:
                low = max(first - 1, 0)
                window = text[low : end + 3]
                if window not in judged:
                    judged[window] = self._judge(window, end - low)
                verdict = judged[window]
                if verdict is not None:
                    found.append((low + verdict[0], low + verdict[1], verdict[2]))
        return found if tries <= _MOST_TRIES else [(0, len(text), False)]

    def _is_joined(self, text: str, first: int, end: int, run_end: int) -> bool:
        """Whether a candidate may go on with other characters than plain ones."""
        before = text[first - 1] if first else "\n"
        if before not in _SEPARATES and before not in _PLAIN and self._joint.match(before):
            return True
        following = text[run_end : run_end + 1]
        if not following or following in _SEPARATES:
            return False
        return (
            following == "#"
            or self._joint.match(following) is not None
            or self._extension.match(text, end) is not None
        )

    def _islands_with_digits(self, text: str) -> list[tuple[int, int, bool]]:
        return [
            (max(island.start() - 1, 0), min(island.end() + 1, len(text)), False)
            for island in self._island.finditer(text)
            if any(map(str.isdecimal, island.group()))
        ]

    def _judge(self, window: str, end: int) -> tuple[int, int, bool] | None:
        """Judge a run of plain characters.

        Args:
            window: The run, with one character more on the left and three on the right.
            end: Offset in the window after the last digit.
        """
        found = self._candidate.search(window, 0, end)
        # Two digits of what follows may be in the window, and are no number.
        whole = 0, len(window), False
        if found is None or found.end() != end:
            return whole
        candidate, offset = found.group(), found.start()
        if self._slash_date.stands_in(candidate):
            return None
        if self._time_stamp_end.match(window, end) and self._time_stamp.search(candidate):
            return None
        if self._accepted(window, candidate, offset):
            return offset, end, True
        for inner, inner_offset in self._inner_groups(candidate, offset):
            if self._accepted(window, inner, inner_offset):
                # The matcher goes on after it, and each region may find another one.
                return whole
        return None

    def _inner_groups(self, candidate: str, offset: int) -> Iterator[tuple[str, int]]:
        """The parts of a candidate that are tried, in the order in which they are."""
        for separator in self._inner:
            found = separator.search(candidate)
            if found is not None:
                yield self._trimmed(candidate[: found.start()]), offset
            while found is not None:
                yield self._trimmed(found.group(1)), offset + found.start(1)
                found = separator.search(candidate, found.start() + 1)

    def _trimmed(self, part: str) -> str:
        unwanted = self._unwanted_end.search(part)
        return part[: unwanted.start()] if unwanted is not None else part

    def _accepted(self, window: str, part: str, offset: int) -> bool:
        """Whether any region takes this part of a window for a valid number."""
        digits = part.translate(_KEEP_DIGITS)
        if len(digits) < _FEWEST_ABROAD:
            return False
        plus = part.rfind("+")
        undecided = self._regions.names if plus >= 0 else self._regions.undecided(digits)
        if undecided == [] or not self._fits(window, part, offset):
            return False
        if undecided is None:
            return True
        if plus >= 0 and _begins_with_plus(part) and surely_abroad(digits):
            return True
        for region in undecided:
            judge: Any = PhoneNumberMatcher(window, region, leniency=Leniency.VALID)
            if judge._parse_and_verify(part, offset) is not None:
                return True
            if plus >= 0 and _begins_with_plus(part) and calling_code_of(digits):
                return False  # with a calling code, the region makes no difference
        return False

    def _fits(self, window: str, part: str, offset: int) -> bool:
        """Whether brackets pair and no letter touches, which no region could mend."""
        if not self._brackets.fullmatch(part) or self._pages.stands_in(part):
            return False
        before = window[offset - 1] if offset else " "
        if before not in _HARMLESS and part[0] not in "([+" and self._spoils(before):
            return False
        after = window[offset + len(part) : offset + len(part) + 1]
        return not after or after in _HARMLESS or not self._spoils(after)

    @staticmethod
    def _spoils(neighbour: str) -> bool:
        judge: Any = PhoneNumberMatcher
        return bool(
            judge._is_invalid_punctuation_symbol(neighbour) or judge._is_latin_letter(neighbour)
        )


def _begins_with_plus(part: str) -> bool:
    """Whether there is one plus sign, and no digit before it."""
    return part.lstrip(_MARKS)[:1] == "+" and part.count("+") == 1


class _Excluded:
    """An expression for what is no number, asked only where a text has what it needs."""

    def __init__(self, expression: re.Pattern[str]) -> None:
        self._expression = expression
        needed = required(parse(expression.pattern, 0))
        self._needed = "".join(sorted(c for c in needed if not c.isalnum()))

    def stands_in(self, text: str) -> bool:
        return all(c in text for c in self._needed) and bool(self._expression.search(text))


# What ends most runs, and cannot join a candidate to another or to an extension.
_SEPARATES = frozenset("\n\r\"'|{}<>:=bcfghjklmopqrsuvwyzBCFGHJKLMOPQRSUVWYZ!?$%&@^_`*\\")
