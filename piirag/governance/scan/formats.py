"""Files with a form: CSV, JSON, JSON lines, HTML."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from typing import Any

from piirag.governance.scan.decode import Text
from piirag.governance.scan.record import (
    Number,
    Record,
    Skipped,
    is_vector,
    of_row,
    of_text,
    pieces,
)

HEAD = "(first line)"
KEYS = "(keys)"
"""What a report calls the texts that are names of columns or keys: they can hold data too."""

_DEEPEST = 64
_MOST_KEYS = 10_000
_SAMPLE = 65_536
# Attributes whose values people read or write.
_ATTRIBUTES = frozenset("alt content data-email href placeholder title value".split())
_UNREAD = frozenset({"style"})


def text_records(source: str, text: Text) -> Iterator[Record | Skipped]:
    """A plain text."""
    for piece in text.pieces():
        if piece.strip():
            yield Record(source, "text", (("", piece),))


def csv_records(source: str, text: Text) -> Iterator[Record | Skipped]:
    """A row a record, its columns named by the first line; the first line is read as well."""
    lines = text.lines()
    first = list(itertools.islice(lines, 20))
    left = itertools.chain(first, lines)
    fed: list[str] = []
    reader = csv.reader(_recorded(left, fed), _dialect("".join(first)[:_SAMPLE]))
    names: list[str] = []
    while True:
        broken = False
        try:
            row = next(reader, None)
        except csv.Error:
            # A field of more than the limit, a NUL: what is left is read as text.
            broken, row = True, None
        if row is None:
            break
        fed.clear()
        if not names:
            names = [name.strip() or f"column {i}" for i, name in enumerate(row, 1)]
            yield from of_row(source, "CSV", [(HEAD, "\n".join(row))], names=True)
            continue
        more = (f"column {i}" for i in itertools.count(len(names) + 1))
        yield from of_row(source, "CSV", list(zip(itertools.chain(names, more), row)))  # noqa: B905
    if broken:
        yield Skipped(source, "a row that is no CSV: the rest was read as text", whole=False)
        yield from _rest(source, itertools.chain(fed, left))


def _recorded(lines: Iterable[str], fed: list[str]) -> Iterator[str]:
    """Lines, noted in a list: those of a row that is none are read again."""
    for line in lines:
        fed.append(line)
        yield line


def _dialect(head: str) -> Any:
    try:
        return csv.Sniffer().sniff(head, delimiters=",;\t|")
    except csv.Error:
        return csv.excel


def _rest(source: str, lines: Iterable[str]) -> Iterator[Record]:
    lines = iter(lines)
    while many := "".join(itertools.islice(lines, 500)):
        yield from of_text(source, "CSV", many)


def json_lines_records(source: str, text: Text) -> Iterator[Record | Skipped]:
    """A line a record; a line that is no JSON is read as text."""
    keys = Keys()
    bad = 0
    for line in text.lines():
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            bad += 1
            yield from of_text(source, "JSON lines", line)
            continue
        yield from value_records(source, "JSON lines", value, keys)
    if bad:
        yield Skipped(source, f"{bad} lines are no JSON: they were read as text", whole=False)


def json_records(source: str, text: Text) -> Iterator[Record | Skipped]:
    """One document; each item of a list at its top is a record."""
    whole = "".join(text.blocks())
    try:
        value = json.loads(whole)
    except (ValueError, RecursionError):
        value = None
        yield Skipped(source, "no JSON: it was read as text", whole=False)
        for piece in pieces(whole):
            yield from of_text(source, "JSON", piece)
        return
    keys = Keys()
    for item in value if isinstance(value, list) else [value]:
        yield from value_records(source, "JSON", item, keys)


class Keys:
    """The keys of objects: each is read once a file, as a text of its own."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def new(self, keys: Iterable[str]) -> list[str]:
        """Those that were not seen yet."""
        found = [key for key in dict.fromkeys(keys) if key not in self._seen]
        if len(self._seen) < _MOST_KEYS:
            self._seen.update(found)
        return found


def value_records(
    source: str, kind: str, value: Any, keys: Keys, *, text: str = ""
) -> Iterator[Record]:
    """The records of one value of JSON: its leaves, named by the keys that lead to them.

    Args:
        source: Where it stands.
        kind: What that is.
        value: The value.
        keys: The keys that were read already.
        text: A text that the value says something about; it stands first.
    """
    leaves: list[tuple[str, str]] = [("", text)] if text else []
    names: list[str] = []
    stack: list[tuple[str, Any, int]] = [("", value, 0)]
    while stack:
        path, item, depth = stack.pop()
        if isinstance(item, dict) and depth < _DEEPEST:
            names += map(str, item)
            for key in reversed(item):
                stack.append((f"{path}.{key}" if path else str(key), item[key], depth + 1))
        elif is_vector(item):
            continue
        elif isinstance(item, list | tuple) and depth < _DEEPEST:
            stack += [(path, inner, depth + 1) for inner in reversed(item)]
        elif isinstance(item, dict | list | tuple):
            leaves.append((path, json.dumps(item, ensure_ascii=False, default=str)))
        elif item is not None and not isinstance(item, bool):
            leaves.append((path, item if isinstance(item, str) else Number(item)))
    new = keys.new(names)
    if new:
        yield from of_row(source, kind, [(KEYS, "\n".join(new))], names=True)
    if len(leaves) == 1 and not leaves[0][0]:
        yield from of_text(source, kind, leaves[0][1])
        return
    yield from of_row(source, kind, leaves)


def html_records(source: str, text: Text) -> Iterator[Record | Skipped]:
    """What a page shows, its comments and scripts, and attributes that people read or write."""
    page = _Page()
    for block in text.blocks():
        page.feed(block)
        yield from page.taken(source)
    page.close()
    yield from page.taken(source, last=True)


def text_of_html(markup: str) -> str:
    """The text of a page."""
    page = _Page()
    page.feed(markup)
    page.close()
    return "".join(page.parts)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._length = 0
        self._inside = ""

    def _add(self, text: str) -> None:
        self.parts.append(text)
        self._length += len(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        if tag not in _INLINE:
            self._add("\n")
        for name, value in attrs:
            if value and name in _ATTRIBUTES:
                self._add(f" {value.removeprefix('mailto:').removeprefix('tel:')} \n")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""
        if tag not in _INLINE:
            self._add("\n")

    def handle_data(self, data: str) -> None:
        if self._inside not in _UNREAD:
            self._add(data)

    def handle_comment(self, data: str) -> None:
        self._add(f"\n{data}\n")

    def taken(self, source: str, *, last: bool = False) -> Iterator[Record]:
        """What was read so far, once it is worth a record."""
        if self._length < _SAMPLE and not last:
            return
        text = "".join(self.parts)
        cut = len(text) if last else text.rfind("\n") + 1
        self.parts = [text[cut:]]
        self._length = len(self.parts[0])
        yield from of_text(source, "HTML", text[:cut])


_INLINE = frozenset("a abbr b bdi bdo cite code em font i kbd mark q s small span strong u".split())
