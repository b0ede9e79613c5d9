"""Cutting long texts into overlapping windows, so that memory and regex cost stay bounded."""

from __future__ import annotations

from collections.abc import Iterator

# Presidio's e-mail and URL patterns cost up to the square of the text, and spaCy, where a user
# brings it, refuses texts of more than a million characters. Windows bound both.
WINDOW = 16_384
OVERLAP = 512


def windows(text: str, size: int = WINDOW, overlap: int = OVERLAP) -> Iterator[tuple[int, str]]:
    """Cut a text into windows that overlap.

    Args:
        text: The whole text.
        size: Characters a window at most.
        overlap: Characters two neighbours share. Any value up to this length lies whole in one
            of them.

    Yields:
        Offset of the window and its text.
    """
    if len(text) <= size:
        yield 0, text
        return
    step = size - overlap
    for start in range(0, len(text) - overlap, step):
        yield start, text[start : start + size]
