"""What the model sees of a text besides its word pieces: case, and what stands before a piece.

The vocabulary is uncased and knows no white space; both say much about names and addresses. The
same functions feed training and detection.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

CASES = 8
"""Other, lower, Capitalised, ALL CAPS, one capital, digits, miXed, digits and letters."""

GAPS = 6
"""What stands before a piece: nothing, a space, more white space, a new line, a blank line, the
beginning of the text."""

_OTHER, _LOWER, _TITLE, _CAPS, _CAPITAL, _DIGITS, _MIXED, _CODE = range(CASES)

_UPPER_BIT, _LOWER_BIT, _DIGIT_BIT, _SPACE_BIT, _NEWLINE_BIT = 1, 2, 4, 8, 16


def _class_of(char: str) -> int:
    if char.isupper() or char.istitle():
        return _UPPER_BIT
    if char.isdigit():
        return _DIGIT_BIT
    if char.isalpha():
        return _LOWER_BIT
    if char in "\n\r\u2028\u2029\x0b\x0c":
        return _NEWLINE_BIT | _SPACE_BIT
    return _SPACE_BIT if char.isspace() else 0


# Beyond the basic plane there are no letters with case worth knowing.
_CLASS = np.array([_class_of(chr(i)) for i in range(0x3000)], dtype=np.uint8)


def char_classes(text: str) -> Array:
    """The class of each character of a text.

    Args:
        text: Any text without lone surrogates.
    """
    codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    if text.isascii():
        return _CLASS[codes]
    return np.where(codes < len(_CLASS), _CLASS[np.minimum(codes, len(_CLASS) - 1)], _LOWER_BIT)


def features(text: str, offsets: Array) -> tuple[Array, Array]:
    """Case and gap of each piece.

    Args:
        text: The text.
        offsets: Start and end of each piece, in order; shape (n, 2).

    Returns:
        Two arrays of n small integers.
    """
    classes = char_classes(text)
    counts = np.zeros((4, len(text) + 1), dtype=np.int32)
    for row, bit in enumerate((_UPPER_BIT, _LOWER_BIT, _DIGIT_BIT, _NEWLINE_BIT)):
        np.cumsum(classes & bit != 0, out=counts[row, 1:])
    start, end = offsets[:, 0], offsets[:, 1]
    upper, lower, digits, _ = counts[:, end] - counts[:, start]
    first_upper = (classes[np.minimum(start, len(text) - 1)] & _UPPER_BIT) != 0
    letters = upper + lower
    case = np.select(
        [
            (letters == 0) & (digits == 0),
            (letters == 0),
            (digits > 0),
            (upper == 0),
            (upper == 1) & (lower == 0),
            (lower == 0),
            first_upper & (upper == 1),
        ],
        [_OTHER, _DIGITS, _CODE, _LOWER, _CAPITAL, _CAPS, _TITLE],
        _MIXED,
    )
    before = np.concatenate(([0], end[:-1]))
    width = start - before
    newlines = counts[3, start] - counts[3, before]
    gap = np.select([newlines > 1, newlines == 1, width > 1, width == 1], [4, 3, 2, 1], 0)
    if len(gap):
        gap[0] = 5
    return case.astype(np.int64), gap.astype(np.int64)
