"""Quoted-printable, the escapes of mail (RFC 2045, section 6.7)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from piirag.detection.disguise.mapping import Edit
from piirag.detection.disguise.octets import Octet, edits_of

_QUOTED = re.compile(r"=(?:([0-9A-F]{2})|[ \t]{0,4}\r?\n(?=\S))")

# "width=20" is no quoted-printable. This many escapes in a row are, or a soft line break inside a
# word, an escaped at sign, letters in UTF-8, or an escape between two digits.
_FEWEST_IN_A_ROW = 3


def quoted_printable_edits(text: str) -> list[Edit]:
    """Undo quoted-printable; telling where something shows that it is that."""
    edits: list[Edit] = []
    octets: list[Octet] = []
    for match in _QUOTED.finditer(text):
        start, end = match.span()
        if octets and (octets[-1][1] != start or match.group(1) is None):
            edits += _octets(text, octets)
            octets = []
        if match.group(1) is not None:
            octets.append((start, end, int(match.group(1), 16)))
        elif text[start - 1 : start].strip():
            edits.append(Edit(start, end, ""))
    edits += _octets(text, octets)
    return edits


def _octets(text: str, octets: list[Octet]) -> Iterator[Edit]:
    if not octets:
        return
    before, after = octets[0][0] - 1, octets[-1][1]
    telling = len(octets) >= _FEWEST_IN_A_ROW or (
        before >= 0 and text[before].isdigit() and text[after : after + 1].isdigit()
    )
    for edit in edits_of(octets):
        yield edit._replace(telling=telling or edit.text == "@" or not edit.text.isascii())
