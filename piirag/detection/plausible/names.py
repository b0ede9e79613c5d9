"""Mentions by a model that cannot be names: labels, units, bytes, registers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from piirag.detection.finding import Finding
from piirag.detection.plausible.code import in_code
from piirag.detection.plausible.words import BOUNDS, LABELS, NEVER_NAMES, UNITS

_NAMED = frozenset({"PERSON", "LOCATION", "ORGANIZATION", "NRP"})
_WORD = re.compile(r"[^\W_]+")
_HEX = re.compile(r"[0-9a-f]*\d[0-9a-f]*|0x[0-9a-f]+", re.IGNORECASE)
_FIGURE = re.compile(r"\d[\w.,]*")
# What may stand between the parts of one address: the model may take them for several mentions.
_BESIDE = re.compile(r"[\s,./'’-]{0,3}")

_LABEL_END = re.compile(r"(?:-(?:ID|Id|Nr|No)\b)?\.?[ ]?[:=]")
_FIGURE_NEXT = re.compile(r"[ =:]{1,3}-?\d")


def implausible(text: str, mentions: Sequence[Finding]) -> set[Finding]:
    """The mentions that cannot be names.

    Args:
        text: The text.
        mentions: What a model found in it.

    Returns:
        Those to leave out.
    """
    named = sorted((m for m in mentions if m.entity_type in _NAMED), key=lambda m: m.start)
    dropped = {m for m in named if _is_label(text, m) or in_code(text, m.start, m.end)}
    # What is left out is no neighbour that would make a figure part of an address.
    rest = [mention for mention in named if mention not in dropped]
    empty = [_is_empty(text, mention) for mention in rest]
    return dropped | {
        mention
        for i, mention in enumerate(rest)
        if empty[i] and not any(_beside(text, rest, empty, i, step) for step in (-1, 1))
    }


def _is_label(text: str, mention: Finding) -> bool:
    """Whether it consists of words that are never a name, with or without figures."""
    words = [word.casefold() for word in _WORD.findall(text[mention.start : mention.end])]
    if len(words) == 1 and words[0] in LABELS:
        return _LABEL_END.match(text, mention.end) is not None
    if len(words) == 1 and text[mention.start : mention.end] in BOUNDS:
        return _FIGURE_NEXT.match(text, mention.end) is not None
    return any(word in NEVER_NAMES for word in words) and all(
        word in NEVER_NAMES or word in UNITS or _HEX.fullmatch(word) is not None for word in words
    )


def _is_empty(text: str, mention: Finding) -> bool:
    """Whether it holds figures and units only: nothing, unless it is part of an address."""
    words = _WORD.findall(text[mention.start : mention.end])
    return all(_is_figure(word) or (len(word) == 1 < len(words)) for word in words)


def _is_figure(word: str) -> bool:
    if word.casefold() in UNITS or word.isdigit():
        return True
    return word.islower() and bool(_FIGURE.fullmatch(word) or _HEX.fullmatch(word))


def _beside(text: str, named: Sequence[Finding], empty: Sequence[bool], i: int, step: int) -> bool:
    """Whether a mention that is more than figures stands right before or behind."""
    for _ in range(3):
        j = i + step
        if not 0 <= j < len(named):
            return False
        low, high = (named[i].end, named[j].start) if step > 0 else (named[j].end, named[i].start)
        if not _BESIDE.fullmatch(text, low, max(low, high)):
            return False
        if not empty[j]:
            return True
        i = j
    return False
