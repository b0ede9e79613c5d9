"""Bytes in hexadecimal with something between them: 6a 61 6e 65, 6A:61:6E:65, 6a61 6e65."""

from __future__ import annotations

import re

from piirag.detection.disguise.classes import DIGITS, class_table
from piirag.detection.disguise.mapping import Edit
from piirag.detection.disguise.readable import readable_text

HEX_CLASSES = class_table({DIGITS + b"abcdefABCDEF": b"h", b" :,-": b" "}, b"x")
HEX_ROWS = (b"hh hh hh hh hh hh", b"hhhh hhhh hhhh hhhh", b"hh  hh  hh  hh", b"hh hxhh hxhh hxhh")
"""One of these is in every text, reduced to these classes, that holds such bytes."""

_BYTES = re.compile(
    r"(?<![0-9A-Za-z])(?:(?:0x)?[0-9a-fA-F]{2}(?:[ :,\-]{1,2}(?:0x)?[0-9a-fA-F]{2}){7,}"
    r"|[0-9a-fA-F]{4}(?: [0-9a-fA-F]{4}){3,})(?![0-9A-Za-z])"
)
_NO_DIGIT = re.compile(r"0x|[ :,\-]")


def hex_edits(text: str) -> list[Edit]:
    """Decode what holds text; the result stands between spaces."""
    return [
        Edit(match.start(), match.end(), f" {decoded} ")
        for match in _BYTES.finditer(text)
        if (decoded := readable_text(bytes.fromhex(_NO_DIGIT.sub("", match.group()))))
    ]
