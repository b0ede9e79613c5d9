"""Values that a splitter cut in two: neighbouring chunks are looked at together.

Scrub before you split, and there is nothing to do here. Where chunks come from a splitter or a
store of raw text, the halves of a cut value mean nothing to a detector. So where a chunk and its
neighbour are both at hand, the end of one and the start of the other are searched as one text, and
a value that lies over the border moves whole into the first of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

# So many characters on either side of a border are looked at; values are hardly longer.
_REACH = 96
_LONGEST_OVERLAP = 2_000
# Where a splitter cut at the end of a sentence, no value was cut.
_SENTENCE_END = re.compile(r"[.!?][\"')\]]{0,3}\s*\Z")
# Splitters strip the white space around a chunk.
_MOST_STRIPPED = 4
_SOURCES = ("source", "file_path", "ref_doc_id", "document_id", "doc_id", "parent_id", "file_name")
_STARTS = ("start_index", "start_char_idx", "start")


@dataclass(frozen=True, slots=True, repr=False)
class Piece:
    """A chunk as far as its neighbours are concerned.

    Args:
        text: Its text.
        source: What it was cut from; None where that is not known.
        start: Offset in the source, in characters, where known.
    """

    text: str
    source: Any = None
    start: int | None = None


def piece_of(text: str, metadata: Any) -> Piece:
    """A chunk with the source and offset that its metadata name."""
    if not isinstance(metadata, Mapping):
        return Piece(text)
    source = next((str(metadata[k]) for k in _SOURCES if metadata.get(k) is not None), None)
    start = next((metadata[k] for k in _STARTS if type(metadata.get(k)) is int), None)
    return Piece(text, source, start)


Find = Callable[[Sequence[tuple[int, str]]], Sequence[Sequence[tuple[int, int]]]]
"""From texts, each with the number of the chunk at whose end it stands, to where values stand."""


def mended(pieces: Sequence[Piece], find: Find) -> list[str]:
    """The texts of chunks, with values that lay over a border whole in the first chunk.

    Args:
        pieces: The chunks, in any order where their offsets are known, else in order.
        find: Finds values; called once for all borders.
    """
    borders = [
        border for a, b in _neighbours(pieces) if (border := _border(pieces, a, b)) is not None
    ]
    begins = [0] * len(pieces)
    behind = [""] * len(pieces)
    for border, found in zip(borders, find([(b.first, b.text) for b in borders]), strict=True):
        for start, end in found:
            if start < border.ends and end > border.goes_on:
                behind[border.first] = border.text[border.ends : end]
            if start < border.begins and end > border.goes_on - border.overlap:
                begins[border.second] = end - (border.goes_on - border.overlap)
    return [p.text[begin:] + more for p, begin, more in zip(pieces, begins, behind, strict=True)]


@dataclass(frozen=True, slots=True, repr=False)
class _Border:
    """The end of a chunk and the start of the next one, as one text.

    Args:
        first: Number of the chunk.
        second: Number of the next.
        text: The text.
        ends: Offset where the first chunk ends.
        goes_on: Offset from where on the second chunk alone goes on.
        overlap: So many characters stand in both.
    """

    first: int
    second: int
    text: str
    ends: int
    goes_on: int
    overlap: int

    @property
    def begins(self) -> int:
        """Offset where the second chunk begins, if they overlap."""
        return self.ends - self.overlap


def _border(pieces: Sequence[Piece], a: int, b: int) -> _Border | None:
    """What is to be searched; None where no value can lie over the border."""
    first, second = pieces[a].text, pieces[b].text
    overlap = _overlap(pieces[a], pieces[b])
    if not overlap and _is_sentence_end(first, second):
        return None
    gap = _gap(pieces[a], pieces[b]) if not overlap else ""
    tail, head = first[-_REACH - overlap :], second[overlap : overlap + _REACH]
    return _Border(a, b, tail + gap + head, len(tail), len(tail) + len(gap), overlap)


def _is_sentence_end(first: str, second: str) -> bool:
    """Whether a sentence ends here; "jane.roe@example." goes on."""
    if not _SENTENCE_END.search(first[-8:]) or "@" in first[-_REACH:].rsplit(None, 1)[-1]:
        return False
    return second[:1].isupper() or second[:1].isspace()


def _neighbours(pieces: Sequence[Piece]) -> Iterator[tuple[int, int]]:
    """Pairs of a chunk and the one behind it in the same source."""
    sources: dict[str, list[int]] = {}
    for i, piece in enumerate(pieces):
        if piece.source is not None and piece.text:
            sources.setdefault(piece.source, []).append(i)
    for members in sources.values():
        if all(pieces[i].start is not None for i in members):
            members.sort(key=lambda i: pieces[i].start or 0)
        for a, b in pairwise(members):
            ends, start = _end(pieces[a]), pieces[b].start
            if ends is None or start is None or start <= ends + _MOST_STRIPPED:
                yield a, b


def _end(piece: Piece) -> int | None:
    return None if piece.start is None else piece.start + len(piece.text)


def _gap(first: Piece, second: Piece) -> str:
    """The white space that the splitter took away between two chunks."""
    ends = _end(first)
    if ends is None or second.start is None:
        return ""
    return " " * max(0, second.start - ends)


def _overlap(one: Piece, other: Piece) -> int:
    """How many characters at the start of a chunk stand at the end of the one before as well."""
    first, second = one.text, other.text
    ends = _end(one)
    if ends is not None and other.start is not None:
        both = ends - other.start
        return both if 0 < both <= len(second) and first.endswith(second[:both]) else 0
    start = second[:8]
    if len(start) < 8:
        return len(second) if second and first.endswith(second) else 0
    at = first.find(start, max(0, len(first) - _LONGEST_OVERLAP))
    while at >= 0:
        if second.startswith(first[at:]):
            return len(first) - at
        at = first.find(start, at + 1)
    return 0
