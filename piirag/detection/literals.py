"""Known values that words cannot express, searched for letter by letter.

Chinese, Japanese and Thai are written without spaces between words, and Korean joins particles to
names; some values are punctuation. They are found as substrings of the folded text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

import regex

from piirag.detection.text import fold

Entry = TypeVar("Entry")

_WITHOUT_SPACES = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
)
_LETTER = regex.compile(r"[\p{L}\p{N}\p{M}]")

# Shorter values are compared in their own case: "Al" is a name, "al" is half of a dish.
_FOLDED_FROM = 4


def needs_literal(value: str) -> bool:
    """Whether a value is in a script written without spaces."""
    return not value.isascii() and _WITHOUT_SPACES.search(value) is not None


class Literals(Generic[Entry]):
    """Values to find as substrings, with what they stand for."""

    def __init__(self) -> None:
        self._folded: dict[str, tuple[bool, Entry]] = {}
        self._exact: dict[str, Entry] = {}

    def add(self, value: str, entry: Entry) -> None:
        """Add a value."""
        value = value.strip()
        folded = fold(value)
        if needs_literal(value) or len(folded) >= _FOLDED_FROM:
            self._folded.setdefault(folded, (needs_literal(value), entry))
        else:
            self._exact.setdefault(value, entry)

    def find(self, text: str) -> Iterator[tuple[int, int, Entry]]:
        """Where the values stand: start, end, entry."""
        for value, entry in self._exact.items():
            for start, end in _occurrences(text, value):
                if _bounded(text, start, end):
                    yield start, end, entry
        if not self._folded:
            return
        folded, places = _folded_with_places(text)
        for value, (anywhere, entry) in self._folded.items():
            for low, high in _occurrences(folded, value):
                start, end = places[low], places[high - 1] + 1
                # Marks and invisible characters behind the last letter belong to it.
                while end < len(text) and not fold(text[end]):
                    end += 1
                if anywhere or _bounded(text, start, end):
                    yield start, end, entry


def _occurrences(text: str, value: str) -> Iterator[tuple[int, int]]:
    start = text.find(value) if value else -1
    while start >= 0:
        yield start, start + len(value)
        start = text.find(value, start + 1)


def _bounded(text: str, start: int, end: int) -> bool:
    """Whether no letter is cut off at either end."""
    inside_left = start > 0 and _LETTER.match(text[start]) and _LETTER.match(text[start - 1])
    inside_right = end < len(text) and _LETTER.match(text[end - 1]) and _LETTER.match(text[end])
    return not inside_left and not inside_right


def _folded_with_places(text: str) -> tuple[str, list[int]]:
    """The folded text, and for each of its characters where it came from."""
    if text.isascii():
        return text.lower(), list(range(len(text)))
    pieces: list[str] = []
    places: list[int] = []
    for position, character in enumerate(text):
        folded = fold(character)
        pieces.append(folded)
        places.extend([position] * len(folded))
    return "".join(pieces), places
