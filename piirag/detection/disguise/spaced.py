"""Addresses written with a space after every character: j a n e @ e x a m p l e . c o m."""

from __future__ import annotations

import re

from piirag.detection.disguise.mapping import Edit

_FEWEST = 5
_SPACED = re.compile(rf"(?<!\S)\S(?:[ ]{{1,3}}+\S(?!\S)){{{_FEWEST},}}+")
_ONE_SPACE = re.compile("(?<! ) (?! )")
_SPACES = re.compile(" {1,3}")
_IP = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")


def spaced_edits(text: str) -> list[Edit]:
    """Close up runs of single characters that hold an address.

    Two or three spaces are taken for the space between two words.
    """
    edits: list[Edit] = []
    for match in _SPACED.finditer(text):
        if "@" in match.group() or _IP.search(_ONE_SPACE.sub("", match.group())):
            edits += [
                Edit(gap.start(), gap.end(), "" if len(gap.group()) == 1 else " ")
                for gap in _SPACES.finditer(text, match.start(), match.end())
            ]
    return edits
