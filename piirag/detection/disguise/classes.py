"""Texts reduced to classes of characters, one byte each, where searches are fast."""

from __future__ import annotations

DIGITS = b"0123456789"
LETTERS = bytes([*range(0x41, 0x5B), *range(0x61, 0x7B)])


def class_table(classes: dict[bytes, bytes], rest: bytes) -> bytes:
    """A table for `bytes.translate`: each set of bytes to one byte, all others to the rest."""
    table = bytearray(rest * 256)
    for members, name in classes.items():
        for byte in members:
            table[byte] = name[0]
    return bytes(table)


def one_byte_each(text: str) -> bytes:
    """A text as bytes, at the same offsets; all that is not ASCII is a question mark."""
    return text.encode("ascii", "replace")
