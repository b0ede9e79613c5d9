"""Random texts that an expression matches, or nearly matches.

Zero-width conditions are left to chance, so not every text is a match; with a few tries, most
expressions yield some.
"""

from __future__ import annotations

import random
import string
from re import _constants as sre
from re import _parser
from typing import Any

_ANY = string.ascii_letters + string.digits + " .-_@/:"
_UNLIMITED = 4
_CATEGORIES = {
    sre.CATEGORY_DIGIT: string.digits,
    sre.CATEGORY_NOT_DIGIT: "ab-. ",
    sre.CATEGORY_WORD: string.ascii_letters + string.digits + "_é",
    sre.CATEGORY_NOT_WORD: " .-,",
    sre.CATEGORY_SPACE: " \t\n\u00a0",
    sre.CATEGORY_NOT_SPACE: "ab1.",
}


class Sampler:
    """Makes texts from one expression.

    Args:
        expression: An expression that both `re` and `regex` understand.
    """

    def __init__(self, expression: str) -> None:
        self._parsed = _parser.parse(expression.replace("(?i)", ""))

    def sample(self, rng: random.Random) -> str:
        """One text."""
        return self._sequence(self._parsed, rng, {})

    def _sequence(self, items: Any, rng: random.Random, groups: dict[int, str]) -> str:
        return "".join(self._one(op, value, rng, groups) for op, value in items)

    def _one(self, op: Any, value: Any, rng: random.Random, groups: dict[int, str]) -> str:
        if op is sre.LITERAL:
            char = chr(value)
            return char.swapcase() if rng.random() < 0.05 else char
        if op is sre.NOT_LITERAL:
            return rng.choice([c for c in _ANY if ord(c) != value])
        if op is sre.ANY:
            return rng.choice(_ANY)
        if op is sre.IN:
            return rng.choice(_members(value))
        if op is sre.BRANCH:
            return self._sequence(rng.choice(value[1]), rng, groups)
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            least, most, item = value
            most = least + _UNLIMITED if most is sre.MAXREPEAT else min(most, least + 20)
            times = rng.choice([least, most, rng.randint(least, most)])
            return "".join(self._sequence(item, rng, groups) for _ in range(times))
        if op is sre.SUBPATTERN:
            text = self._sequence(value[3], rng, groups)
            if value[0] is not None:
                groups[value[0]] = text
            return text
        if op is sre.GROUPREF:
            return groups.get(value, "")
        if op is sre.ASSERT and value[0] < 0:
            return self._sequence(value[1], rng, groups)  # in front: good enough
        return ""


def _members(items: Any) -> str:
    if items[0][0] is sre.NEGATE:
        excluded = set(_members(items[1:]))
        return "".join(c for c in _ANY if c not in excluded) or "?"
    chars = ""
    for kind, detail in items:
        if kind is sre.LITERAL:
            chars += chr(detail)
        elif kind is sre.RANGE:
            chars += "".join(map(chr, range(detail[0], min(detail[1], detail[0] + 60) + 1)))
        elif kind is sre.CATEGORY:
            chars += _CATEGORIES[detail]
    return chars


def spoiled(text: str, rng: random.Random) -> str:
    """The text with one character changed, added or removed."""
    at = rng.randrange(len(text) + 1)
    put = rng.choice(
        ["", " ", "-", ".", ":", "0", "9", "a", "Z", "_", "é", "ſ", "K", "١", "\n", "@"]
    )
    return text[:at] + put + text[at + rng.randint(0, 1) :]
