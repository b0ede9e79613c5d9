"""What single characters are read as: invisible ones, other widths, other digits, other dashes.

`FOLDED` says it of one character and is filled as characters are met. `SUSPECT` finds the
characters that may be read otherwise. Its ranges are coarse, and what lies beyond U+FFFF is one
range: each range up there costs a comparison for every character of every text.
Categories and compatibility forms are those of Python's Unicode database.
"""

from __future__ import annotations

import re
import unicodedata

# Nothing is drawn for these. The blank Braille pattern and the Hangul fillers are drawn as blanks
# and used as zero-width characters are.
_INVISIBLE = (
    "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
)
INVISIBLE = re.compile(
    f"[{_INVISIBLE}\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)

# Combining marks that any letter can carry.
MARKS = "\u0300-\u034e\u0350-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"

_SPACES = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u2800\u3000"
_LINES = "\u0085\u2028\u2029"
# The dashes of ordinary prose (\u2013 to \u2015) are not here: see `normal`.
_DASHES = "\u02d7\u2010-\u2012\u2043\u2212\ufe58\ufe63\uff0d"

SUSPECT = re.compile(
    f"[{_INVISIBLE}{_SPACES}{_LINES}{_DASHES}\u00b2\u00b3\u00b9\u0132\u0133\u017f\u01c7-\u01cc\u01f1-\u01f3"
    "\u02b0-\u02e4"
    "\u0660-\u0669\u06f0-\u06f9\u07c0-\u07c9\u0966-\u096f\u09e6-\u09ef\u0a66-\u0a6f\u0ae6-\u0aef"
    "\u0b66-\u0b6f\u0be6-\u0bef\u0c66-\u0c6f\u0ce6-\u0cef\u0d66-\u0d6f\u0de6-\u0def\u0e50-\u0e59"
    "\u0ed0-\u0ed9\u0f20-\u0f29\u1040-\u1049\u1090-\u1099\u1369-\u1371\u17e0-\u17e9\u1810-\u1819"
    "\u1946-\u194f\u19d0-\u19da\u1a80-\u1a99\u1b50-\u1b59\u1bb0-\u1bb9\u1c40-\u1c59"
    "\u1d00-\u1d6a\u1d78\u1d9b-\u1dbf\u2024\u2025\u2044\u2070-\u209f\u2100-\u218b\u2215\u2236"
    "\u2460-\u24ff\u2776-\u2793\u2c7c\u2c7d\ua620-\ua629\ua730\ua731\ua770\ua7f2-\ua7f9"
    "\ua8d0-\ua8d9\ua900-\ua909\ua9d0-\ua9d9\ua9f0-\ua9f9\uaa50-\uaa59\uab5c-\uab5f\uab69"
    "\uabf0-\uabf9\ufb00-\ufb06\ufe50-\ufe6b\uff01-\uff5e"
    "\U00010000-\U0010ffff]"
)

_AS_THEY_ARE = frozenset("\u2120\u2121\u2122\u213b\u2116\u2139")
"""Signs of ordinary prose whose compatibility forms are letters, such as the trade mark sign."""

_ALIKE = {"\u2024": ".", "\u2044": "/", "\u2215": "/", "\u2236": ":"}

_SMALL_CAPITAL = "LATIN LETTER SMALL CAPITAL "

# Letters in black circles and squares, which have no compatibility form.
_BOXED = ((0x1F150, 0x1F169), (0x1F170, 0x1F189))


def _class(ranges: str) -> re.Pattern[str]:
    return re.compile(f"[{ranges}]")


_SPACE, _LINE, _DASH = _class(_SPACES), _class(_LINES), _class(_DASHES)


def _fold(character: str) -> str:
    if INVISIBLE.match(character):
        return ""
    if _SPACE.match(character):
        return " "
    if _LINE.match(character):
        return "\n"
    if _DASH.match(character):
        return "-"
    if character in _ALIKE:
        return _ALIKE[character]
    if character in _AS_THEY_ARE or not SUSPECT.match(character):
        return character
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    for first, last in _BOXED:
        if first <= ord(character) <= last:
            return chr(ord("A") + ord(character) - first)
    name = unicodedata.name(character, "")
    if name.startswith(_SMALL_CAPITAL) and len(name) == len(_SMALL_CAPITAL) + 1:
        return name[-1].lower()
    compatible = unicodedata.normalize("NFKC", character)
    return compatible if compatible.isascii() or compatible.isalpha() else character


# No language has more characters that are read otherwise; a hostile text must not fill the memory.
_MOST_KEPT = 8192


class _Folded(dict[str, str]):
    """What each character is read as; itself, where that is nothing else."""

    def __missing__(self, character: str) -> str:
        folded = _fold(character)
        if len(self) < _MOST_KEPT:
            self[character] = folded
        return folded


FOLDED: dict[str, str] = _Folded()
