"""Where in JSON and CSV something may be replaced, so that the text still parses afterwards.

A finding may reach over the border of two cells (``Roe,Jane`` as last and first name), begin in
the middle of an escape, or be a bare number, which a token cannot stand for without quotes.
"""

from __future__ import annotations

import bisect
import csv
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from piirag.detection.disguise.whole import outside_escapes
from piirag.detection.spans import Span
from piirag.detection.text import WORD

_JSON_LEAF = re.compile(r'"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*')
_ESCAPE = re.compile(r"\\(?:u[0-9A-Fa-f]{4}|.)")
_DELIMITERS = ",;\t|"
# Longer texts are not parsed on the chance that they are a table.
_MOST_CHARACTERS = 4_000_000
_LONGEST_LINE = 4_000


@dataclass(frozen=True, slots=True)
class Cell:
    """A stretch in which text may be replaced.

    Args:
        start: Offset of its first character.
        end: Offset after its last.
        bare: It is a number in JSON: replaced as a whole, by a string in quotes.
    """

    start: int
    end: int
    bare: bool = False


class Structure:
    """The cells of a text that is JSON, JSON lines or CSV.

    Args:
        cells: In order; they do not overlap.
        text: The text.
        json: Whether what is put in has to be escaped.
    """

    def __init__(self, text: str, cells: Sequence[Cell], *, json: bool) -> None:
        self._text = text
        self._cells = cells
        self._starts = [cell.start for cell in cells]
        self._json = json

    def fit(self, spans: Sequence[Span]) -> list[Span]:
        """Spans cut at the borders of cells; a part of an escape or number takes all of it."""
        fitted: list[Span] = []
        last = 0
        for span in spans:
            for piece in self._pieces(span):
                finding = piece.finding
                if finding.end <= last:
                    continue
                if finding.start < last:
                    # It grew into the one before; what lies behind that is its own.
                    piece = Span(replace(finding, start=last), self._text[last : finding.end])
                fitted.append(piece)
                last = finding.end
        return fitted

    def _pieces(self, span: Span) -> Iterator[Span]:
        finding = span.finding
        first = max(0, bisect.bisect_right(self._starts, finding.start) - 1)
        for cell in self._cells[first:]:
            if cell.start >= finding.end:
                break
            start, end = max(cell.start, finding.start), min(cell.end, finding.end)
            if start >= end:
                continue
            if cell.bare:
                start, end = cell.start, cell.end
            elif self._json:
                start, end = self._whole_escapes(cell, start, end)
            if (start, end) == (finding.start, finding.end):
                yield span
                continue
            surface = self._text[start:end]
            if WORD.search(surface):
                value = span.value if finding.entity_type == "PERSON" else surface
                yield Span(replace(finding, start=start, end=end), value)

    def _whole_escapes(self, cell: Cell, start: int, end: int) -> tuple[int, int]:
        if self._text.find("\\", max(cell.start, start - 5), end) < 0:
            return start, end
        # What stands for white space or a quote is no part of the value; the rest is taken whole.
        start, end = outside_escapes(self._text, start, end)
        start, end = max(cell.start, start), min(cell.end, end)
        for escape in _ESCAPE.finditer(self._text, cell.start, cell.end):
            if escape.start() >= end:
                break
            if escape.end() > start:
                start = min(start, escape.start())
                end = max(end, escape.end())
        return start, end

    def fit_numbers(self, spans: Sequence[Span]) -> list[Span]:
        """The same for those spans only that touch a bare number; others stay as they are."""
        if not any(cell.bare for cell in self._cells):
            return list(spans)
        fitted: list[Span] = []
        for span in spans:
            start, end = span.finding.start, span.finding.end
            first = max(0, bisect.bisect_right(self._starts, start) - 1)
            after = bisect.bisect_left(self._starts, end)
            touched = any(c.bare and c.end > start for c in self._cells[first:after])
            fitted += self._pieces(span) if touched else [span]
        return fitted

    def is_number(self, start: int, end: int) -> bool:
        """Whether a stretch is a bare number, which no token can stand for without quotes."""
        index = bisect.bisect_right(self._starts, start) - 1
        cell = self._cells[index] if index >= 0 else None
        return cell is not None and cell.bare and (cell.start, cell.end) == (start, end)

    def put(self, start: int, end: int, token: str) -> str:
        """What is to stand in place of a stretch: escaped, and in quotes instead of a number."""
        if not self._json:
            return token
        if self.is_number(start, end):
            return json.dumps(token, ensure_ascii=False)
        return json.dumps(token, ensure_ascii=False)[1:-1]


def json_of(text: str) -> Structure | None:
    """The structure of a text that is JSON or JSON lines; None of any other."""
    return structure_of(text) if text.lstrip()[:1] in {"{", "["} else None


def structure_of(text: str) -> Structure | None:
    """The structure of a text, or None where it is neither JSON, JSON lines nor CSV."""
    if len(text) > _MOST_CHARACTERS:
        return None
    if text.lstrip()[:1] in {"{", "["}:
        if _is_json(text):
            return Structure(text, list(_json_cells(text)), json=True)
        return None
    delimiter = _delimiter(text)
    if delimiter is None:
        return None
    return Structure(text, list(_csv_cells(text, delimiter)), json=False)


def _is_json(text: str) -> bool:
    if _parses(text):
        return True
    lines = [line for line in text.splitlines() if line.strip()]
    return len(lines) > 1 and all(_parses(line) for line in lines)


def _parses(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _json_cells(text: str) -> Iterator[Cell]:
    for match in _JSON_LEAF.finditer(text):
        if match.group()[0] == '"':
            yield Cell(match.start() + 1, match.end() - 1)
        else:
            yield Cell(match.start(), match.end(), bare=True)


def _delimiter(text: str) -> str | None:
    """What separates the columns, where all rows have as many of them."""
    lines = text.split("\n", 2)
    if len(lines) < 2 or max(map(len, lines[:2])) > _LONGEST_LINE:
        return None
    for delimiter in _DELIMITERS:
        if delimiter in text and _is_table(text, delimiter):
            return delimiter
    return None


def _is_table(text: str, delimiter: str) -> bool:
    columns = 0
    rows = 0
    try:
        for row in csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True):
            if not row:
                continue
            if columns and len(row) != columns:
                return False
            columns = len(row)
            rows += 1
    except csv.Error:
        return False
    # Two lines of prose may well have a comma each.
    return columns >= 3 or (columns == 2 and rows >= 3)


def _csv_cells(text: str, delimiter: str) -> Iterator[Cell]:
    field = re.compile(rf'"(?:[^"]|"")*"|[^{re.escape(delimiter)}\r\n]+')
    for match in field.finditer(text):
        quoted = match.group()[0] == '"' and len(match.group()) > 1
        yield Cell(match.start() + quoted, match.end() - quoted)
