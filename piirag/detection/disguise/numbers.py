"""Numbers with unusual separators, or broken over lines: cards, phones, social security, IPs.

Columns and tables of numbers look the same. So a number is put together only if a checksum or a
strict grouping speaks for it, and if it is not part of a longer row or column.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from piirag.detection.disguise.groups import Candidate, Groups, runs
from piirag.detection.disguise.mapping import Edit

# Separators that the recognisers themselves accept.
_USUAL = {"", " ", "-"}
_USUAL_IN_PHONES = re.compile(r"[-. /()\[\]~]{0,4}")

# How cards are printed: Visa and most others, American Express, Diners Club, 19 digits; or in one.
_CARD_SHAPES = {(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (4, 4, 4, 1)}
# ISO/IEC 7812 ranges of the large networks.
_CARD_PREFIX = re.compile(
    r"4|5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|3[47]|3(?:0[0-5]|[689])|35(?:2[89]|[3-8])"
    r"|6(?:011|4[4-9]|5|2)"
)
_CARD_DIGITS = range(13, 20)
# Five as printed, one of them cut by a line break; or single digits.
_MOST_GROUPS = 6

_PHONE_DIGITS = range(8, 16)
_COMPLETE_PHONE = 10
_CUE = re.compile(
    r"\b(?:phone|tel|telephone|call|cell|mobile|fax|ssn|social security)\b[^\n]{0,16}\Z",
    re.IGNORECASE,
)


def number_edits(text: str) -> list[Edit]:
    """Find numbers and their usual spelling."""
    edits: list[Edit] = []
    for run in runs(text):
        first = 0
        while first < len(run.spans) - 1:
            for read in _READINGS:
                edit, last = read(run, first)
                if edit is not None:
                    edits.append(edit)
                if last > first:
                    first = last
                    break
            first += 1
    return edits


Reading = Callable[[Groups, int], tuple[Edit | None, int]]


def _card(run: Groups, first: int) -> tuple[Edit | None, int]:
    lengths = run.lengths
    few = sum(lengths[first : first + _MOST_GROUPS]) < _CARD_DIGITS[0]
    if run.digits[first][0] not in "23456" or (few and lengths[first] > 1):
        return None, first
    total = 0
    for last in range(first, min(first + 19, len(run.spans))):
        total += lengths[last]
        if total > _CARD_DIGITS[-1] or (last > first and run.gaps[last - 1].kind is None):
            break
        if total not in _CARD_DIGITS or last == first:
            continue
        digits = "".join(run.digits[first : last + 1])
        if not _CARD_PREFIX.match(digits) or not luhn(digits):
            continue
        card = run.candidate(first, last)
        if not _card_shaped(card):
            continue
        if not card.wraps and card.kinds <= _USUAL and card.lengths[0] == 4:
            return None, last  # found as it is
        return Edit(card.start, card.end, digits), last
    return None, first


def _card_shaped(card: Candidate) -> bool:
    if set(card.lengths) == {1}:
        kinds = {gap.kind for gap in card.gaps}
        return not card.wraps and _spaced(kinds) and _alone_in_line(card)
    if not card.even or not card.alone:
        return False
    if card.lengths in _CARD_SHAPES:
        return True
    if card.wraps == 1 and card.unwrapped in _CARD_SHAPES:
        return True
    return card.wraps == 1 and len(card.unwrapped) == 1 and card.labelled


def _spaced(kinds: set[str | None]) -> bool:
    return all(kind is not None and len(kind) <= 3 and not kind.strip(" .-_") for kind in kinds)


def _alone_in_line(number: Candidate) -> bool:
    """Whether neither this line nor its neighbours go on with numbers."""
    run = number.run
    return (number.first == 0 or number.labelled) and (
        number.last + 1 == len(run.spans) or (run.gaps[number.last].wrapped and number.labelled)
    )


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the rest (ISO/IEC 7812-1, annex B)."""
    total = 0
    for i, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + i % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _social_security(run: Groups, first: int) -> tuple[Edit | None, int]:
    if sum(run.lengths[first : first + 3]) != 9 and sum(run.lengths[first : first + 4]) != 9:
        return None, first
    for last in (first + 2, first + 3):
        if last >= len(run.spans):
            break
        number = run.candidate(first, last)
        whole = last == first + 2 and number.lengths == (3, 2, 4)
        cut = last == first + 3 and number.unwrapped == (3, 2, 4)
        if not (whole or cut) or None in {gap.kind for gap in number.gaps}:
            continue
        usual = number.kinds <= {" ", "-", "."} and len(number.kinds) == 1 and not number.wraps
        if usual or not number.alone:
            break
        strict = number.even and not number.wraps and not number.kinds & {"\t", "/", "|", "."}
        if strict or number.labelled:
            return Edit(number.start, number.end, _grouped("".join(number.groups), 3, 2)), last
    return None, first


def _phone(run: Groups, first: int) -> tuple[Edit | None, int]:
    text = run.text
    start = run.spans[first][0]
    if start and text[start - 1] == "(":
        start -= 1
    plus = text[start - 1 : start] == "+"
    national = not plus and run.digits[first][0] == "0" and run.lengths[first] > 1
    at = first + (run.digits[first] == "1")
    if not plus and not national and run.lengths[at : at + 3] != [3, 3, 4]:
        return None, first
    total = wraps = 0
    for last in range(first, min(first + 15, len(run.spans))):
        total += run.lengths[last]
        if last > first:
            gap = run.gaps[last - 1]
            wraps += gap.wrapped
            if gap.kind is None or wraps > 3 or total > _PHONE_DIGITS[-1]:
                break
        if last + 1 < len(run.spans):
            following = run.gaps[last]
            ends = following.wrapped or _unusual(following.kind)
            if not ends or total < _COMPLETE_PHONE:
                continue
        number = run.candidate(first, last)
        if total not in _PHONE_DIGITS:
            break
        if not wraps and not any(_unusual(gap.kind) for gap in number.gaps):
            break
        digits = "".join(number.groups)
        if plus:
            return Edit(start - 1, number.end, "+" + " ".join(number.groups)), last
        if _american(number) and (number.labelled or _strict_american(number)):
            return Edit(start, number.end, _grouped(digits[-10:], 3, 3)), last
        if national and number.labelled and total in range(9, 13):
            return Edit(start, number.end, " ".join(number.groups)), last
        break
    return None, first


def _unusual(kind: str | None) -> bool:
    return kind is None or _USUAL_IN_PHONES.fullmatch(kind) is None


def _american(number: Candidate) -> bool:
    """Whether it is grouped as numbers of the North American plan are: 415 555 2671."""
    groups = number.groups
    if groups[0] == "1":
        groups = groups[1:]
    return (
        [len(group) for group in groups] == [3, 3, 4]
        and groups[0][0] not in "01"
        and groups[1][0] not in "01"
    )


def _strict_american(number: Candidate) -> bool:
    text = number.run.text
    if text[number.start - 1 : number.start] == "(" and number.gaps[0].kind is not None:
        return number.gaps[0].kind.startswith(")")
    usual = bool(number.kinds) and not number.kinds & {"\t", "|", " "}
    return number.even and number.alone and usual


def _spaced_digits(run: Groups, first: int) -> tuple[Edit | None, int]:
    """Phone and social security numbers, digit by digit.

    A word announces them, or wider gaps group them: 5 3 6 - 9 0 - 4 3 9 9.
    """
    lengths = run.lengths[first : first + 12]
    if lengths[0] > 1 or (len(lengths) > 8 and lengths[8] > 1):
        return None, first
    count = next((i for i, length in enumerate(lengths) if length > 1), len(lengths))
    if not 9 <= count <= 11:
        return None, first
    last = first + count - 1
    number = run.candidate(first, last)
    if number.wraps:
        return None, first
    if not _spaced({gap.kind for gap in number.gaps}):
        return None, first
    before = run.text[max(0, number.start - 40) : number.start]
    grouped = _wide_groups(number) in _GROUPED and _alone_in_line(number)
    if not grouped and not _CUE.search(before):
        return None, first
    digits = "".join(number.groups)
    read = _grouped(digits, 3, 2) if len(digits) == 9 else _grouped(digits[-10:], 3, 3)
    return Edit(number.start, number.end, read), last


_GROUPED = ([3, 2, 4], [3, 3, 4], [1, 3, 3, 4])


def _wide_groups(number: Candidate) -> list[int]:
    """How many digits stand between gaps wider than one character."""
    sizes = [1]
    for gap in number.gaps:
        if len(gap.kind or "") > 1:
            sizes.append(0)
        sizes[-1] += 1
    return sizes


def _address(run: Groups, first: int) -> tuple[Edit | None, int]:
    """An IPv4 address broken at one of its dots."""
    last = first + 3
    if last >= len(run.spans) or "." not in (run.gaps[first].kind or ""):
        return None, first
    if not any(gap.wrapped for gap in run.gaps[first:last]):
        return None, first
    number = run.candidate(first, last)
    dots = all((gap.kind or "").strip() == "." for gap in number.gaps)
    octets = all(len(group) <= 3 and int(group) <= 255 for group in number.groups)
    if not dots or not octets or number.wraps != 1 or not number.alone:
        return None, first
    return Edit(number.start, number.end, ".".join(number.groups)), last


def _grouped(digits: str, *lengths: int) -> str:
    """Digits with dashes after groups of these lengths."""
    groups = []
    for length in lengths:
        groups.append(digits[:length])
        digits = digits[length:]
    return "-".join([*groups, digits])


_READINGS: tuple[Reading, ...] = (_card, _social_security, _spaced_digits, _phone, _address)
