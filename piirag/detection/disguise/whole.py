"""Findings and escapes: the letter of a ``\\n`` is no part of the value that stands behind it.

To a pattern, ``\\njane@example.com`` inside a JSON string is a backslash and `njane@example.com`.
What an escape stands for decides: white space, quotes and signs at the edge of a finding are cut
off, letters (``\\u00dc``) are taken along whole.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import NamedTuple

from piirag.detection.finding import Finding

# Backslashes are written double wherever text is quoted once more.
_ESCAPE = re.compile(
    r"(\\{1,8})(?:u(?P<unit>[0-9A-Fa-f]{4})|x(?P<octet>[0-9A-Fa-f]{2})|(?P<one>[nrtbfv0\"'/]))"
)
# "5%2345678": behind a digit, a percent sign may be one.
_PERCENT = re.compile(r"(?<![0-9])%(?:25){0,3}(?P<octet>[0-9A-Fa-f]{2})")
_BLANK = re.compile(r"\\{1,8}(?:[nrt]|u00(?:0[9aAdD]|20))")
_LONGEST = 14
"""Characters of the longest escape that is looked at, its backslashes included."""

# `C:\temp\notes.txt`, `\\server\new`, `CORP\rjones`: backslashes that escape nothing.
_PATH = re.compile(
    r"(?:(?<![A-Za-z])[A-Za-z]:|\\\\[\w.-]{1,60})(?P<folders>(?:\\+[^\\\s\"'<>|*?]{1,80})*)\Z"
)
_ACCOUNT_BEFORE = re.compile(r"(?<![^\s(=:,])[A-Z][A-Z0-9-]{1,14}\Z")
_NO_ESCAPE = re.compile(r"\\(?![\\nrtbfv0x\"'/]|u[0-9A-Fa-f]{4})")
_BACKSLASHES = re.compile(r"\\{1,16}")
_PATH_REACH = 160
_QUOTE_REACH = 2000


def blank_escapes(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Where escapes of white space stand in a stretch."""
    if text.find("\\", start, end) < 0:
        return []
    return [
        match.span()
        for match in _BLANK.finditer(text, start, end)
        if not _is_bare(text, match.start())
    ]


def outside_escapes(text: str, start: int, end: int) -> tuple[int, int]:
    """The edges of a finding moved out of the escapes in which they lie.

    Args:
        text: The text, as it is.
        start: Where the finding begins.
        end: Where it ends.

    Returns:
        Its edges. Escapes of white space at them are cut off; so are those of quotes and other
        signs in which an edge lies; of letters and digits, they are taken whole. Nothing is left
        (start equal to end) of what is a piece of one escape only.
    """
    around = _escapes(text, start - _LONGEST, start + _LONGEST)
    if any(escape.start < start and end <= escape.end for escape in around):
        return start, start  # `u0041`
    while start < end:
        better = _left(text, start)
        if better == start:
            break
        start = better
    while start < end:
        better = _right(text, start, end)
        if better == end:
            break
        end = better
    return start, max(start, end)


def whole(text: str, findings: list[Finding]) -> list[Finding]:
    """Findings none of which begins or ends inside an escape.

    Args:
        text: The text they were found in.
        findings: In any order.

    Returns:
        The same list where there are no escapes.
    """
    if "\\" not in text and "%" not in text:
        return findings
    kept = []
    for finding in findings:
        start, end = outside_escapes(text, finding.start, finding.end)
        if (start, end) == (finding.start, finding.end):
            kept.append(finding)
        elif start < end:
            kept.append(replace(finding, start=start, end=end))
    return kept


class _Escape(NamedTuple):
    """Where it stands, whether it is white space, and whether it is a letter or digit."""

    start: int
    end: int
    blank: bool
    letter: bool


def _left(text: str, start: int) -> int:
    for escape in _escapes(text, start - _LONGEST, start + _LONGEST):
        if escape.start < start < escape.end:
            return escape.start if escape.letter else escape.end
        if escape.start == start and escape.blank:
            return escape.end
    return start


def _right(text: str, start: int, end: int) -> int:
    for escape in _escapes(text, max(start, end - _LONGEST), end + _LONGEST):
        if escape.start < end < escape.end:
            return escape.end if escape.letter else escape.start
        if escape.end == end and escape.blank:
            return escape.start
    return end


def _escapes(text: str, low: int, high: int) -> list[_Escape]:
    low = max(0, low)
    found = []
    if text.find("\\", low, high) >= 0:
        for match in _ESCAPE.finditer(text, low, high):
            if not _is_bare(text, match.start(), len(match[1])):
                code = match["unit"] or match["octet"]
                character = chr(int(code, 16)) if code else match["one"]
                blank = character.isspace() if code else character.isalnum()
                found.append(_Escape(*match.span(), blank, bool(code) and character.isalnum()))
    if text.find("%", low, high) >= 0:
        for match in _PERCENT.finditer(text, low, high):
            octet = int(match["octet"], 16)
            # From 128 on it is a part of a letter.
            found.append(_Escape(*match.span(), False, octet > 127 or chr(octet).isalnum()))
    return found


def _is_bare(text: str, at: int, count: int | None = None) -> bool:
    """Whether the backslashes at an offset escape nothing, as in a path of Windows."""
    if count is None:
        run = _BACKSLASHES.match(text, at)
        count = len(run.group()) if run else 0
    left = text[max(0, at - _PATH_REACH) : at]
    path = _PATH.search(left) if ":" in left or "\\\\" in left else None
    account = path is None and count == 1 and _ACCOUNT_BEFORE.search(left[-20:])
    if path is None and not account:
        return False
    if path is not None:
        folders = path["folders"]
        if any(len(run) != count for run in _BACKSLASHES.findall(folders)):
            return False
        if _NO_ESCAPE.search(folders):
            return True
    # Inside of a quoted string they escape; its quotes have one backslash less.
    quote = "\\" * (count - 1) + '"'
    return text.find(quote, max(0, at - _QUOTE_REACH), at) < 0
