"""Which disguises a text may hold: a few searches that cost nanoseconds a character.

They run over the bytes of the text, classes of characters made equal, because `bytes.translate`
and the search for a fixed string are the fastest things Python has. They may let through what is
no disguise; they never hold one back.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from piirag.detection.disguise.classes import DIGITS, LETTERS, class_table
from piirag.detection.disguise.emphasis import emphasis_edits
from piirag.detection.disguise.encoded import LONG_RUN, RUN_CLASSES, encoded_edits
from piirag.detection.disguise.escapes import escape_edits
from piirag.detection.disguise.hexadecimal import HEX_CLASSES, HEX_ROWS, hex_edits
from piirag.detection.disguise.ibans import iban_edits
from piirag.detection.disguise.mapping import Edit
from piirag.detection.disguise.numbers import number_edits
from piirag.detection.disguise.quoted import quoted_printable_edits
from piirag.detection.disguise.spaced import spaced_edits
from piirag.detection.disguise.spelled import spelled_edits
from piirag.detection.disguise.wrapped import wrap_edits

Reading = Callable[[str], list[Edit]]


_SHAPES = class_table(
    {
        DIGITS: b"0",
        LETTERS: b"a",
        b"\t\n\r": b"\n",
        b" ": b" ",
        b"-": b"-",
        b"./_|*`~>()[]" + bytes(range(0x80, 0x100)): b"s",
    },
    b"x",
)
_NOT_SPACE = class_table({b" \t\n\r": b" "}, b"x")
_SPACED = b" x x x x "
# Each begins with a digit, so that texts without digits are passed over at once.
_ODD_NUMBER = re.compile(rb"0(?:[\ns]| [\ns -]|-[\ns -])[\ns -]{0,16}0|0 0 0 0")
_FEWEST_DIGITS = 4
_IBAN = re.compile(
    rb"0(?:(?<=aa0)|(?<=a[ s-]a0)|(?<=aa[ \ns-]0)|(?<=a[ s-]a[ \ns-]0)|(?<=[ \ns-]{2}0))"
    rb"[\ns -]{0,4}0(?:[\na s-]{0,16}0){6}"
)
_FEWEST_DIGITS_OF_AN_IBAN = 10

_QUOTED = re.compile(rb"=(?:[0-9A-F]{2}|[ \t]{0,4}\r?\n)")
_EMPHASIS = re.compile(rb"[*`~<](?<=[\w@.+\x80-\xff-][*`~<])(?:(?<=[*`])|~|[/a-zA-Z!])")
# Lower case, one kind of white space, one kind of bracket.
_PLAIN = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ\t\n\r[{<]}>", b"abcdefghijklmnopqrstuvwxyz   ((()))"
)
_DOTS = (b" dot ", b"(dot", b"dot)", b"_dot_", b"-dot-")
_FOREIGN_DOTS = (b"punkt", b"punto", b"ponto")
_DOT_IN_BRACKETS = re.compile(rb"\( {0,2}\. {0,2}\)")
_AT_AND_DOMAIN = re.compile(rb" at +[^ .]+\.[a-z\x80-\xff]")
_AT_SIGN_ASIDE = re.compile(
    rb"@(?:(?<=[^ ] @)|(?<=[^ ]  @)|(?<=[^ ]   @)|(?<=\(@)| +[a-z0-9\x80-\xff])"
)
# A word before the at sign, or a domain after it.
_ADDRESS = re.compile(rb"@(?:(?<=[\w+%\x80-\xff-]@)|[\w-]+\.\w)")


class Gate:
    """What a text may hold.

    Args:
        text: The text, which is a normal form.
    """

    def __init__(self, text: str) -> None:
        self._raw = text.encode("utf-8", "surrogatepass")
        self._shapes = self._raw.translate(_SHAPES)
        self._digits = self._shapes.count(b"0")

    def decodings(self) -> list[Reading]:
        """The encodings worth undoing."""
        raw = self._raw
        found: list[Reading] = []
        if b"&" in raw or b"%" in raw or b"\\" in raw:
            found.append(escape_edits)
        if b"=" in raw and _QUOTED.search(raw):
            found.append(quoted_printable_edits)
        if LONG_RUN in raw.translate(RUN_CLASSES):
            found.append(encoded_edits)
        # Every ASCII letter, digit and sign has a digit in hexadecimal.
        if self._digits >= _FEWEST_DIGITS:
            classes = raw.translate(HEX_CLASSES)
            if any(row in classes for row in HEX_ROWS):
                found.append(hex_edits)
        return found

    def respellings(self) -> list[Reading]:
        """The unusual ways of writing values worth looking for."""
        raw, shapes, digits = self._raw, self._shapes, self._digits
        found: list[Reading] = []
        if (b"*" in raw or b"`" in raw or b"<" in raw or b"~~" in raw) and _EMPHASIS.search(raw):
            found.append(emphasis_edits)
        if _spelled(raw):
            found.append(spelled_edits)
        if b"@" in raw and b"\n" in raw and _ADDRESS.search(raw):
            found.append(wrap_edits)
        if (b"@" in raw or digits >= _FEWEST_DIGITS) and _SPACED in raw.translate(_NOT_SPACE):
            found.append(spaced_edits)
        if digits >= _FEWEST_DIGITS and _ODD_NUMBER.search(shapes):
            found.append(number_edits)
        if digits >= _FEWEST_DIGITS_OF_AN_IBAN and _IBAN.search(shapes):
            found.append(iban_edits)
        return found


def _spelled(raw: bytes) -> bool:
    plain = raw.translate(_PLAIN)
    if b"dot" in plain and (b"DOT" in raw or any(dot in plain for dot in _DOTS)):
        return True
    if b"(at)" in plain or b"arob" in plain or b"arroba" in plain:
        return True
    if b"chiocciola" in plain or b"klammeraffe" in plain or _DOT_IN_BRACKETS.search(plain):
        return True
    sign = b"@" in plain
    if sign and _AT_SIGN_ASIDE.search(plain):
        return True
    word = b" at " in plain
    if word and _AT_AND_DOMAIN.search(plain):
        return True
    return (sign or word) and any(dot in plain for dot in _FOREIGN_DOTS)
