"""Values that were replaced once, to be found where they still stand."""

from __future__ import annotations

import re
from collections.abc import Iterator

from piirag.detection.quasi.kinds import DATE_OF_BIRTH, is_quasi
from piirag.detection.special.kinds import SPECIAL_TYPES
from piirag.redaction import tokens

# Values of these types are words of everyday language ("German", "teacher", "today").
_WORDS = SPECIAL_TYPES | {"DATE_TIME", "NRP", tokens.LITERAL}

_WORD = re.compile(r"[^\W_]+")
_FEWEST = 4
_FEWEST_DIGITS = 6
_FEWEST_IN_ONE_WORD = 5
_FEWEST_IN_A_LONG_WORD = 16
FULL_DATE = 5
"""A day and a year have so many digits."""
# So many digits in a row of one value stand nowhere by chance, not even within a longer number.
_NEVER_BY_CHANCE = 12


def _lower(text: str) -> str:
    """Lower case, one for one, so that offsets hold."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(c if len(c.lower()) != 1 else c.lower() for c in text)


def _is_long(value: str) -> bool:
    return len(value) >= _FEWEST_IN_A_LONG_WORD


class IssuedValues:
    """Values by their first word, so that a text costs what its length is, not their number."""

    def __init__(self) -> None:
        # A value in lower case, with the one spelling that counts, if only one does.
        self._by_word: dict[str, dict[tuple[str, str], str]] = {}
        self._long: dict[str, str] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, value: str, entity_type: str) -> None:
        """Remember a value, unless it is too short or too common a word to look for."""
        if entity_type in _WORDS or (is_quasi(entity_type) and entity_type != DATE_OF_BIRTH):
            return
        value = value.strip()
        words = _WORD.findall(value)
        letters = sum(map(len, words))
        digits = sum(map(str.isdigit, value))
        if letters < _FEWEST or (digits == letters and digits < _FEWEST_DIGITS):
            return
        if entity_type == DATE_OF_BIRTH and digits < FULL_DATE:
            # "March 1984" may well be another's.
            return
        if len(words) == 1 and not digits and len(value) == letters:
            # One plain word: in its own spelling only, and only where that is a name's, or where a
            # secret is so long that it is no word.
            if letters < _FEWEST_IN_ONE_WORD or not (value[0].isupper() or _is_long(value)):
                return
            exact = value
        else:
            exact = ""
        lowered = _lower(value)
        if digits >= _NEVER_BY_CHANCE:
            self._count += lowered not in self._long
            self._long[lowered] = entity_type
            return
        held = self._by_word.setdefault(_WORD.search(lowered)[0], {})  # type: ignore[index]
        self._count += (lowered, exact) not in held
        held[(lowered, exact)] = entity_type

    def find(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Where the values stand: start, end, type.

        They count as whole words; long numbers count wherever they stand.
        """
        lowered = _lower(text)
        for value, kind in self._long.items():
            at = lowered.find(value)
            while at >= 0:
                yield at, at + len(value), kind
                at = lowered.find(value, at + len(value))
        for word in self._by_word.keys() & set(_WORD.findall(lowered)):
            for (value, exact), kind in self._by_word[word].items():
                at = lowered.find(value)
                while at >= 0:
                    end = at + len(value)
                    whole = not (
                        (at and text[at - 1].isalnum() and text[at].isalnum())
                        or (text[end : end + 1].isalnum() and text[end - 1].isalnum())
                    )
                    if whole and (not exact or text[at:end] == exact):
                        yield at, end, kind
                    at = lowered.find(value, end)

    def __repr__(self) -> str:
        return f"IssuedValues({len(self)})"
