"""What stands around a finding: its line, the key before it, the token it is a piece of."""

from __future__ import annotations

import re

_LINE = 160
_TOKEN = 80
_TOKEN_BEFORE = re.compile(r"[A-Za-z0-9_-]*\Z")
_TOKEN_BEHIND = re.compile(r"[A-Za-z0-9_-]*")

# `key=`, `"key": `, `key == `, `--key `, `key < (`; the key is the group.
_KEY = re.compile(
    r"([A-Za-z_@$][\w.@$/-]{0,60})(?:\[\w{1,20}\])?[\"'`]?"
    r"(?:\s{0,20}(?:==|[:=]>|<=|>=|!=|:=|[:=<>])\s{0,4})[\"'`({\[]{0,2}\Z"
)
_OPTION = re.compile(r"(?<![\w-])--?([a-z][\w-]{1,40})[ =][\"']?\Z")
_HUMPS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def before(text: str, start: int, reach: int = _LINE) -> str:
    """What stands before an offset on its line, no further back than so many characters."""
    return text[max(0, start - reach) : start].rsplit("\n", 1)[-1]


def behind(text: str, end: int, reach: int = _LINE) -> str:
    """What stands behind an offset on its line, no further than so many characters."""
    return text[end : end + reach].split("\n", 1)[0]


def key_of(left: str) -> str | None:
    """The key that what follows is the value of; None where there is none."""
    match = _KEY.search(left) or _OPTION.search(left)
    return match[1] if match else None


def words_of(key: str) -> set[str]:
    """The words of an identifier: `taken_at`, `takenAt` and `TAKEN-AT` have the same."""
    return {word.lower() for word in _HUMPS.findall(key)}


def token_around(text: str, start: int, end: int) -> tuple[str, str]:
    """What of the same token stands before and behind: letters, digits, `-` and `_`."""
    left = _TOKEN_BEFORE.search(text[max(0, start - _TOKEN) : start])
    right = _TOKEN_BEHIND.match(text, end, min(len(text), end + _TOKEN))
    return left.group() if left else "", right.group() if right else ""


_BYTES = re.compile(r"(?<![\w.-])(?:[0-9a-fA-F]{2}|[0-9a-fA-F]{4}|[0-9a-fA-F]{8})(?![\w.-])")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
_WITH_LETTER = re.compile(r"[a-fA-F]")


def in_hexdump(text: str, start: int, end: int) -> bool:
    """Whether the line consists of bytes, or words of two or four, in hexadecimal digits."""
    line = _ADDRESS.sub("", before(text, start, 90) + text[start:end] + behind(text, end, 60))
    groups = _BYTES.findall(line)
    mixed = sum(1 for group in groups if _WITH_LETTER.search(group))
    zeros = sum(1 for group in groups if group[0] == "0")
    if len(groups) < 6 or not mixed or (mixed + zeros < 2 and len(groups) < 8):
        return False
    return sum(map(len, groups)) * 2 > sum(map(str.isalnum, line))


_UUID = re.compile(
    r"(?<![0-9a-fA-F])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![0-9a-fA-F])"
)


def in_uuid(text: str, start: int, end: int) -> bool:
    """Whether it lies in a UUID."""
    low = max(0, start - 37)
    return any(
        low + match.start() <= start and end <= low + match.end()
        for match in _UUID.finditer(text[low : end + 37])
    )
