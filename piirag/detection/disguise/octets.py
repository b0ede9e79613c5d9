"""Bytes written out one by one, and the characters they make."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from piirag.detection.disguise.mapping import Edit

Octet = tuple[int, int, int]
"""Where a written byte begins and ends, and its value."""


def characters_of(octets: Sequence[Octet]) -> Iterator[tuple[int, int, str]]:
    """Read neighbouring bytes as UTF-8, one edit a character.

    Args:
        octets: The bytes, each right after the one before it.

    Yields:
        Start, end and character. Bytes that are no UTF-8 are left out.
    """
    i = 0
    while i < len(octets):
        start, _, value = octets[i]
        size = 1 if value < 0x80 else 2 if value < 0xE0 else 3 if value < 0xF0 else 4
        raw = bytes(octet[2] for octet in octets[i : i + size])
        try:
            character = raw.decode()
        except UnicodeDecodeError:
            i += 1
            continue
        yield start, octets[i + len(raw) - 1][1], character
        i += size


def edits_of(octets: Sequence[Octet]) -> Iterator[Edit]:
    """The edits that put characters in place of written bytes."""
    for start, end, character in characters_of(octets):
        yield Edit(start, end, character, telling(character))


def telling(character: str) -> bool:
    """Whether a decoded character can be part of a value, or set one apart."""
    return character not in "\"'<>&\\=;"
