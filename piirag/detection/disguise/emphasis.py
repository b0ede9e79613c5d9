"""Marks of emphasis inside a value, as in Markdown and HTML."""

from __future__ import annotations

import re

from piirag.detection.disguise.mapping import Edit

_TAG = (
    r"</?(?:b|i|u|a|em|strong|span|wbr|font|small|mark|code|bdi|bdo)(?:[ /][^<>]{0,80})?>"
    r"|<!--[^<>]{0,80}-->"
)
_EMPHASIS = re.compile(rf"(?:\*{{1,3}}|`{{1,2}}|~~|{_TAG}){{1,4}}", re.IGNORECASE)
_INSIDE = re.compile(r"[\w@.+-]")
_NEAR = 64


def emphasis_edits(text: str) -> list[Edit]:
    """Drop marks of emphasis between two characters of a word, number or address.

    Beside digits a space takes their place: ``2**10`` is not 210, ``y**2`` is not Y2.
    """
    edits = []
    for match in _EMPHASIS.finditer(text):
        start, end = match.span()
        before, after = text[start - 1 : start], text[end : end + 1]
        if _INSIDE.match(before) and _INSIDE.match(after):
            figures = before.isdigit(), after.isdigit()
            address = "@" in text[max(0, start - _NEAR) : end + _NEAR]
            telling = all(figures) or address or "<" in match.group()
            apart = all(figures) or (any(figures) and not address)
            edits.append(Edit(start, end, " " if apart else "", telling))
    return edits
