"""The top-level domains in Presidio's expression for URLs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from presidio_analyzer.predefined_recognizers import UrlRecognizer

from piirag.detection.fused.shape import DIGIT, LETTER

HOST = frozenset({LETTER, DIGIT, ".", "-"})
"""Classes of the characters of a host name. Outside ASCII, some of their characters are none."""

_LONGEST = 24  # characters, more than any top-level domain has
_LIKE_ASCII = str.maketrans("\u017f\u212a\u0130\u0131", "skii")  # the same when case is ignored

# What stands around and between the domains in the expression.
_BEFORE, _BETWEEN, _AFTER = "[.](?:(?:", ")|(?:", "))(?:/"


def _listed() -> str:
    """The domains as they stand in the expression."""
    expression: str = UrlRecognizer.BASE_URL_REGEX
    return expression.split(_BEFORE, 1)[1].split(_AFTER, 1)[0]


@cache
def _endings() -> dict[str, tuple[str, ...]]:
    """First two letters -> what may follow them."""
    endings: dict[str, list[str]] = {}
    for name in dict.fromkeys(_listed().split(_BETWEEN)):
        endings.setdefault(name[:2], []).append(name[2:])
    return {start: tuple(ends) for start, ends in endings.items()}


def domain_dots(text: str, shape: str) -> Iterator[int]:
    """Dots after a character of a host and before a top-level domain."""
    endings = _endings()
    dot = shape.find(".A", 1)
    while dot >= 0:
        if shape[dot - 1] in HOST:
            name = text[dot + 1 : dot + 1 + _LONGEST]
            if not name.isascii():
                name = name.translate(_LIKE_ASCII)
            name = name.lower()
            ends = endings.get(name[:2])
            if ends is not None and name.startswith(ends, 2):
                yield dot
        dot = shape.find(".A", dot + 1)


def with_grouped_domains(expression: str) -> str:
    """The same expression for URLs, in which domains are grouped by their first two letters.

    Presidio's tries 500 names one after another. Of those that can match at a place, all have the
    same first two letters, and among these the order is kept, so the same name is chosen.
    """
    groups: dict[str, list[str]] = {}
    for start, ends in _endings().items():
        groups.setdefault(start[0], []).append(f"{start[1]}(?:{'|'.join(ends)})")
    grouped = "|".join(f"{first}(?:{'|'.join(rest)})" for first, rest in groups.items())
    return expression.replace(f"{_BEFORE}{_listed()}{_AFTER}", f"[.](?:{grouped})(?:/")
