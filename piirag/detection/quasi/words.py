"""One pass over a text that tells which words stand in it, and then where.

Looking for a thousand phrases one by one would cost a thousand passes. Here the words of a text
are put into a list once and met with the set of words that begin to matter; a text with none of
them, which most are, costs nothing more. Time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Generic, TypeVar

Entry = TypeVar("Entry")

# Letters and digits in lower case, everything else a space, one for one, so that offsets hold.
_FLAT = {code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)}
_NO_WORD = re.compile(r"[\W_]")


def flatten(text: str) -> str:
    """The text in lower case with a space for each character that is no letter or digit."""
    if text.isascii():
        return text.translate(_FLAT)
    lowered = text.lower()
    if len(lowered) != len(text):  # a capital dotted I becomes two characters
        lowered = "".join(c if len(c.lower()) != 1 else c.lower() for c in text)
    return _NO_WORD.sub(" ", lowered)


class Scan:
    """A text and its words.

    Args:
        text: The text.

    Attributes:
        flat: `flatten(text)` with a space before and behind, so that every word has spaces
            around it: offset i of the text is offset i + 1 here.
        words: Every word, in lower case, in order.
    """

    __slots__ = ("flat", "text", "words")

    def __init__(self, text: str) -> None:
        self.text = text
        self.flat = f" {flatten(text)} "
        self.words = self.flat.split()

    def positions(self, phrase: str) -> Iterator[int]:
        """Offsets in the text where a phrase in lower case stands as whole words."""
        needle = f" {phrase} "
        at = self.flat.find(needle)
        while at >= 0:
            yield at
            at = self.flat.find(needle, at + len(needle) - 1)

    def __repr__(self) -> str:
        return f"Scan({len(self.text)} characters)"


class Phrases(Generic[Entry]):
    """Phrases to find, with what each stands for.

    Args:
        entries: Phrase, in lower case with single spaces, -> what it stands for.
    """

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self._by_word: dict[str, list[tuple[str, Entry]]] = {}
        for phrase, entry in entries.items():
            # The longest word is the rarest.
            self._by_word.setdefault(max(phrase.split(), key=len), []).append((phrase, entry))
        self.words = frozenset(self._by_word)
        """A text that holds none of these words holds none of the phrases."""

    def find(self, scan: Scan) -> Iterator[tuple[int, int, Entry]]:
        """Where phrases stand: start, end, entry; in no order, and they may overlap."""
        for word in self.words.intersection(scan.words):
            for phrase, entry in self._by_word[word]:
                for start in scan.positions(phrase):
                    yield start, start + len(phrase), entry


def phrases(block: str) -> list[str]:
    """The phrases of a block of text: separated by commas or line ends."""
    parts = (" ".join(part.split()) for part in re.split(r"[,\n]", block))
    return [part for part in parts if part]


def longest_first(spans: Iterable[tuple[int, int, Entry]]) -> list[tuple[int, int, Entry]]:
    """Of spans that overlap, the longest; in order of position."""
    kept: list[tuple[int, int, Entry]] = []
    for span in sorted(spans, key=lambda s: (s[0], -s[1])):
        if kept and span[0] < kept[-1][1]:
            if span[1] - span[0] > kept[-1][1] - kept[-1][0]:
                kept[-1] = span
        else:
            kept.append(span)
    return kept
