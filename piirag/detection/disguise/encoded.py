"""Base64, base64url and hexadecimal runs that hold text.

Nearly every long word could be base64. What tells is the result: bytes that make readable UTF-8
are not met by chance. Each run is decoded once, so the cost is linear in the text; of a long run
(an image in a data URI) only the beginning is decoded before it is given up.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from piirag.detection.disguise.classes import DIGITS, LETTERS, class_table, one_byte_each
from piirag.detection.disguise.mapping import Edit
from piirag.detection.disguise.readable import is_readable, readable_text

SHORTEST_RUN = 14
"""Characters, without padding. Ten bytes are the least that an address or number has."""

LONG_RUN = b"a" * SHORTEST_RUN
RUN_CLASSES = class_table({DIGITS + LETTERS + b"+/_-": b"a"}, b" ")
"""Makes a text ``a`` wherever it could be base64."""

_PADDING = re.compile(r"(?:=|%3[Dd]){0,2}")
# Mail breaks base64 into lines of at most 76 characters (RFC 2045, section 6.8).
_NEXT_LINE = re.compile(r"\r?\n[ \t>]{0,8}([A-Za-z0-9+/]+)(?![\w+/.@-])")
_FEWEST_IN_A_LINE = 32
_PARTS = re.compile(rf"[A-Za-z0-9]{{{SHORTEST_RUN},}}")

_HEX = re.compile(r"(?:0[xX])?((?:[0-9a-fA-F]{2}){8,})")
_HEX_DIGITS = re.compile("[0-9a-fA-F]+")
_PROBE = 256


def encoded_edits(text: str) -> list[Edit]:
    """Decode what holds text; the result stands between spaces."""
    edits: list[Edit] = []
    classes = one_byte_each(text).translate(RUN_CLASSES) + b" "
    end = 0
    while (start := classes.find(LONG_RUN, end)) >= 0:
        end = classes.index(b" ", start)
        if _is_a_word(text[start:end]):
            continue
        lines, end = _lines(text, start, end)
        edits += _decode(text, start, lines, end)
    return edits


def _lines(text: str, start: int, end: int) -> tuple[list[str], int]:
    """The lines of a run whose first is given, and where it ends."""
    lines = [text[start:end]]
    length = len(lines[0])
    while length >= _FEWEST_IN_A_LINE and length % 4 == 0 and len(lines[-1]) == length:
        following = _NEXT_LINE.match(text, end)
        if following is None or len(following.group(1)) > length:
            break
        lines.append(following.group(1))
        end = following.end()
    if len(lines) > 1 and len(lines[-1]) < length and not _goes_on(lines):
        lines.pop()
        end = text.rindex(lines[-1], start, end) + length
    return lines, end


def _goes_on(lines: list[str]) -> bool:
    """Whether the short last line belongs to the lines above, and is not a word below them."""
    if _HEX.fullmatch(lines[0]):
        return _HEX_DIGITS.fullmatch(lines[-1]) is not None
    return is_readable(_bytes(lines[-1]))


def _decode(text: str, start: int, lines: list[str], end: int) -> Iterator[Edit]:
    # The start of a window may cut a run anywhere.
    for shift in range(4) if start == 0 else (0,):
        decoded = _text_in("".join(lines)[shift:])
        if decoded:
            yield Edit(start, _padded(text, end), f" {decoded} ")
            return
    if len(lines) > 1:
        yield from _one_by_one(text, start, lines, end)
        return
    for part in _PARTS.finditer(text, start, end):
        if part.span() != (start, end) and (decoded := _text_in(part.group())):
            yield Edit(part.start(), _padded(text, part.end()), f" {decoded} ")


def _padded(text: str, end: int) -> int:
    padding = _PADDING.match(text, end)
    return padding.end() if padding else end


def _one_by_one(text: str, start: int, lines: list[str], end: int) -> Iterator[Edit]:
    """Lines of one length that are no single run; or the last of them is something else."""
    decoded = _text_in("".join(lines[:-1]))
    last = text.rindex(lines[-1], start, end)
    if decoded:
        yield Edit(start, last, f" {decoded} ")
        start, lines = last, lines[-1:]
    for line in lines:
        start = text.index(line, start, end)
        yield from _decode(text, start, [line], start + len(line))
        start += len(line)


def _is_a_word(run: str) -> bool:
    return run.isalpha() and (run[1:].islower() or run.isupper())


def _text_in(run: str) -> str:
    """The text that a run holds; empty if it holds none."""
    hexadecimal = _HEX.fullmatch(run)
    if hexadecimal is not None:
        return readable_text(bytes.fromhex(hexadecimal.group(1)))
    if run.isdigit() or _is_a_word(run):
        return ""
    standard = run.replace("-", "+").replace("_", "/")
    if len(run) > _PROBE and not readable_text(_bytes(standard[:_PROBE])):
        return ""
    return readable_text(_bytes(standard))


def _bytes(run: str) -> bytes:
    """Decode base64; a character too many at the end is left out."""
    whole = run[: len(run) - (len(run) % 4 == 1)]
    try:
        return binascii.a2b_base64(whole + "=" * (-len(whole) % 4))
    except binascii.Error:
        return b""
