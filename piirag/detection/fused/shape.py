"""The shape of a text: each character replaced by the class it belongs to.

`"Call 555-0100"` has the shape `"AAAA 999-9999"`. Every predefined pattern tells characters apart
by little more than that, so a question about the shape is a cheap necessary condition for a match.
A shape has as many characters as its text, all of them ASCII, so offsets agree.

A class holds characters that a pattern may tell apart; what is said about a class must be true of
each of its characters. All decisions are made with the `regex` module, which Presidio matches with:
its Unicode tables are newer than Python's.
"""

from __future__ import annotations

import re

import regex

DIGIT = "9"  # whatever \d matches
LETTER = "A"  # ASCII letters, and the four characters that equal one when case is ignored
WORD = "w"  # other characters that \w matches
SPACE = "\n"  # white space but the space itself, which stands for itself
OTHER = "\x7f"  # everything else outside ASCII, and DEL

WORD_CLASSES = frozenset({DIGIT, LETTER, WORD, "_"})
"""The classes whose characters all match `\\w`; those of the other classes do not."""

BEYOND_ASCII = frozenset({DIGIT, LETTER, WORD, SPACE, OTHER})
"""The classes that hold characters outside ASCII."""

_DIGIT = regex.compile(r"\d")
_LETTER = regex.compile(r"[a-zA-Z]", regex.IGNORECASE)
_WORD = regex.compile(r"\w")
_SPACE = regex.compile(r"\s")

# Remembering the class of so many characters is worth its memory; a text that holds more kinds
# of characters than that is not written by people.
_MOST_REMEMBERED = 20_000


def class_of(char: str) -> str:
    """The class of one character."""
    if _DIGIT.match(char):
        return DIGIT
    if _LETTER.match(char):
        return LETTER
    if char == " ":
        return char
    if _SPACE.match(char):
        return SPACE
    if char.isascii():
        return char
    return WORD if _WORD.match(char) else OTHER


CLASSES = frozenset(map(class_of, map(chr, range(128)))) | BEYOND_ASCII
"""All classes. A punctuation or control character of ASCII is a class of its own."""


class _Table(dict[int, str]):
    """Code point -> class, filled as characters are met."""

    def __missing__(self, code: int) -> str:
        found = class_of(chr(code))
        if len(self) < _MOST_REMEMBERED:
            self[code] = found
        return found


_table = _Table({code: class_of(chr(code)) for code in range(256)})
_latin = bytes(ord(_table[code]) for code in range(256))

# A text of which so many characters are beyond Latin-1 is translated one by one.
_FEW = 16
_BEYOND_LATIN = re.compile("[^\x00-\xff]")
_STAND_INS = {DIGIT: "0", LETTER: "a", WORD: "\xe9", SPACE: "\n", OTHER: "\x7f"}


def shape_of(text: str) -> str:
    """The shape of a text. Takes a few microseconds per KB, more for scripts but Latin."""
    if not text.isascii():
        beyond = len(_BEYOND_LATIN.findall(text))
        if beyond * _FEW > len(text):
            return text.translate(_table)
        if beyond:
            # A Latin character of the same class in its place, and the quick way is open.
            text = _BEYOND_LATIN.sub(lambda found: _STAND_INS[_table[ord(found[0])]], text)
    return text.encode("latin-1").translate(_latin).decode("latin-1")
