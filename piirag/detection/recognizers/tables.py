"""Columns of tables in text: comma, semicolon, tab or bar separated, with a header line.

A value in a table is named by the header of its column, which may stand many lines above it.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator

Span = tuple[int, int]

_DELIMITERS = "\t|;,"
_LONGEST_HEADER = 40
_NEWLINE = re.compile(r"\n")
_RULER = re.compile(r"[ \t|+:=-]+")


class Tables:
    """The tables of one text, looked at as their header cells are asked for.

    Each line is split once as a header and once as a row, so time is linear in the text.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._headers: dict[int, tuple[list[Span], list[list[Span]]]] = {}
        # Lines up to this offset are rows of a table already read.
        self._read = 0
        self._starts: list[int] | None = None

    def column(self, start: int, end: int) -> list[Span] | None:
        """The cells below a header cell.

        Args:
            start: Where the label in the cell begins. Call with growing offsets.
            end: Where it ends.

        Returns:
            Spans of the cells without quotes and blanks; None if the label is no header cell.
        """
        text = self._text
        if start < self._read:
            return None
        if self._starts is None:
            self._starts = [0, *(match.end() for match in _NEWLINE.finditer(text))]
        first = self._starts[bisect.bisect_right(self._starts, start) - 1]
        if first not in self._headers:
            # A label that no delimiter follows and none precedes is in no header.
            if not self._beside_delimiter(start, end):
                return None
            self._headers[first] = self._table(first)
        cells, rows = self._headers[first]
        i = bisect.bisect_right(cells, (start, len(text))) - 1
        if i < 0 or end > cells[i][1]:
            return None
        return [row[i] for row in rows]

    def _beside_delimiter(self, start: int, end: int) -> bool:
        text = self._text
        before = text[max(0, start - _LONGEST_HEADER) : start]
        after = text[end : end + _LONGEST_HEADER]
        return any(c in _DELIMITERS for c in before) or any(c in _DELIMITERS for c in after)

    def _table(self, first: int) -> tuple[list[Span], list[list[Span]]]:
        text = self._text
        last = _line_end(text, first)
        for delimiter in _DELIMITERS:
            if text.find(delimiter, first, last) < 0:
                continue
            cells = list(_cells(text, first, last, delimiter))
            if _is_header([text[low:high] for low, high in cells], text[first:last], delimiter):
                rows = list(self._rows(last + 1, delimiter, len(cells)))
                if rows:
                    return cells, rows
        return [], []

    def _rows(self, at: int, delimiter: str, count: int) -> Iterator[list[Span]]:
        text = self._text
        while at < len(text):
            end = _line_end(text, at)
            if not _RULER.fullmatch(text, at, end):
                cells = list(_cells(text, at, end, delimiter))
                if len(cells) != count:
                    return
                yield cells
                self._read = end
            at = end + 1


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _is_header(cells: list[str], line: str, delimiter: str) -> bool:
    """Whether these can be the names of columns: short, with few digits (`address_line_2`).

    Lines of code that list strings are indented or end with a comma.
    """
    if delimiter == "," and (line[:2].isspace() or not cells[-1]):
        return False
    return sum(map(bool, cells)) > 1 and all(
        len(cell) <= _LONGEST_HEADER
        and sum(map(str.isdigit, cell)) < 3
        and "://" not in cell
        and not cell.startswith(("#", "//"))
        for cell in cells
    )


def _cells(text: str, at: int, end: int, delimiter: str) -> Iterator[Span]:
    """The cells of a line, without the blanks and quotes around them."""
    while True:
        low = at
        while low < end and text[low] in " \r":
            low += 1
        close = end
        if low < end and text[low] in "\"'":
            quote = text[low]
            close = text.find(quote, low + 1, end)
            while 0 <= close < end - 1 and text[close + 1] == quote:  # "" stands for "
                close = text.find(quote, close + 2, end)
            if close < 0:
                close = low
            stop = text.find(delimiter, close, end)
        else:
            stop = text.find(delimiter, low, end)
        stop = end if stop < 0 else stop
        high = stop
        while high > low and text[high - 1] in " \r":
            high -= 1
        if high - low > 1 and text[low] in "\"'" and text[high - 1] == text[low]:
            low, high = low + 1, high - 1
        yield low, high
        if stop >= end:
            return
        at = stop + 1
