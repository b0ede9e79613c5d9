"""Letters of other alphabets that pass for Latin ones, where they stand among Latin ones.

Only words that mix the alphabets are read otherwise, and only if every foreign letter in them
has a Latin look-alike: a Russian or Greek word stays what it is. In an e-mail address a part may
be made of look-alikes altogether; likewise letters beside many digits, as in an IBAN. The pairs
are those that look the same in common sans-serif type.
"""

from __future__ import annotations

import re

_CYRILLIC = dict(
    zip("аеорсухіјѕԁһԛԝӏүкАВЕКМНОРСТУХІЈЅԚԜӀҮ", "aeopcyxijsdhqwlykABEKMHOPCTYXIJSQWIY", strict=True)
)
_GREEK = dict(
    zip(
        "οανρυικγχεϲϳηωστΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹ",
        "oavpuikyxecjnwotABEZHIKMNOPTYXC",
        strict=True,
    )
)
_ARMENIAN = dict(zip("օոսհցՏՕԼՍ", "onuhgSOLU", strict=True))
_LATIN = {"ɑ": "a", "ɡ": "g", "ı": "i", "ɩ": "i", "ɪ": "i"}

_ALIKE = str.maketrans(_CYRILLIC | _GREEK | _ARMENIAN | _LATIN)
_LOOKALIKES = "".join(map(chr, _ALIKE))

FOREIGN_LETTERS = "\u0370-\u0588ɑɡıɩɪ"
"""Alphabets, and odd letters, that look-alikes are taken from, as ranges."""

_FOREIGN = re.compile(f"[{FOREIGN_LETTERS}]")

_WORD = re.compile(r"\w+")
_OTHER_LETTER = re.compile(f"[^\\W\\d_A-Za-z{_LOOKALIKES}]")
_ASCII_LETTER = re.compile("[A-Za-z]")
_ASCII_DIGIT = re.compile("[0-9]")

# What may stand between a word and the "@" of the address that it is a part of.
_BEFORE_AT = re.compile(r"[\w.+%-]{0,64}@")
_AFTER_AT = re.compile(r"@[\w.-]{0,253}\Z")
_REACH = 254

# A word without any Latin letter counts as a code from this many digits on.
_DIGITS_OF_A_CODE = 8


def _read(match: re.Match[str]) -> str:
    word = match.group()
    if word.isascii() or not _FOREIGN.search(word) or _OTHER_LETTER.search(word):
        return word
    if (
        _ASCII_LETTER.search(word)
        or len(_ASCII_DIGIT.findall(word)) >= _DIGITS_OF_A_CODE
        or _in_an_address(match.string, match.start(), match.end())
    ):
        return word.translate(_ALIKE)
    return word


def _in_an_address(text: str, start: int, end: int) -> bool:
    if _BEFORE_AT.match(text, end):
        return True
    at = text.rfind("@", max(0, start - _REACH), start)
    return at >= 0 and _AFTER_AT.match(text[at:start]) is not None


def undo_homoglyphs(text: str) -> str:
    """Replace look-alike letters, one for one, in words that mix alphabets.

    Args:
        text: Any text.

    Returns:
        A text of the same length.
    """
    if text.isascii() or not _FOREIGN.search(text):
        return text
    return _WORD.sub(_read, text)
