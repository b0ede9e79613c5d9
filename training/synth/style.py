"""Changes of case, accents and punctuation over labelled segments."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Collection

from .people import strip_marks

Segment = tuple[str, "str | None"]
Labels = Collection[str | None] | None
_NAMES = {"PER", "LOC", "ORG", "ADDR", "NRP"}


def _map(
    segments: list[Segment], change: Callable[[str], str], labels: Labels = None
) -> list[Segment]:
    return [(change(t) if labels is None or (lab in labels) else t, lab) for t, lab in segments]


def _title(text: str) -> str:
    return re.sub(r"(?<![\w'’])[a-z][\w'’]*", lambda m: m[0][0].upper() + m[0][1:], text)


def restyle(segments: list[Segment], rng: random.Random, technical: bool = False) -> list[Segment]:
    """Now and then another case, no accents, other quotes or spacing.

    Args:
        segments: Texts with labels.
        rng: The source of chance.
        technical: Whether the text is code or a record whose keys must stay as they are.

    Returns:
        New segments; labels are kept.
    """
    chance = rng.random()
    if technical:
        if chance < 0.04:
            segments = _map(segments, str.lower)
        elif chance < 0.08:
            segments = _map(segments, str.lower, _NAMES)
        elif chance < 0.14:
            segments = _map(segments, str.upper, _NAMES)
    elif chance < 0.08:
        segments = _map(segments, str.lower)
    elif chance < 0.11:
        segments = _map(segments, str.upper)
    elif chance < 0.12:
        segments = _map(segments, _title)
    elif chance < 0.155:
        segments = _map(segments, str.lower, _NAMES)
    elif chance < 0.18:
        segments = _map(segments, str.upper, {"PER"})
    elif chance < 0.19:
        segments = _map(segments, str.upper, _NAMES)
    if rng.random() < 0.08:
        segments = _map(segments, strip_marks)
    chance = rng.random()
    if chance < 0.08:
        segments = _map(segments, lambda t: t.replace("'", "\u2019"))
    elif chance < 0.1:
        segments = _map(segments, lambda t: t.replace("\n", "\r\n"))
    elif chance < 0.12 and not technical:
        segments = _map(segments, lambda t: t.replace(". ", ".  "), {None})
    elif chance < 0.14 and not technical:
        segments = _map(segments, lambda t: re.sub(r"[.,](?= |$)", "", t), {None})
    elif chance < 0.16 and segments and segments[-1][1] is None:
        last = segments[-1][0].rstrip(".!")
        segments = [
            *segments[:-1],
            (last + rng.choice(("", "!!", "...", "..", " :)", " 😂")), None),
        ]
    return segments


def assemble(segments: list[Segment]) -> tuple[str, list[tuple[int, int, str]]]:
    """Joins segments to a text with spans; spans never start or end in white space.

    Args:
        segments: Texts with labels.

    Returns:
        The text and its spans.
    """
    parts: list[str] = []
    spans: list[tuple[int, int, str]] = []
    at = 0
    for text, label in segments:
        if label is not None and text.strip():
            lead = len(text) - len(text.lstrip())
            spans.append((at + lead, at + len(text.rstrip()), label))
        parts.append(text)
        at += len(text)
    return "".join(parts), spans
