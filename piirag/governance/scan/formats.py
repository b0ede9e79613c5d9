"""Files with a form: CSV, JSON, JSON lines, HTML."""

from __future__ import annotations

import csv
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from piirag.governance.scan.decode import Text
from piirag.governance.scan.html_text import HtmlText
from piirag.governance.scan.record import (
    LONG_NAME,
    LONGEST,
    LONGEST_NAME,
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
_DELIMITERS = ",;\t|"
_QUOTED = re.compile(r'"[^"]*"')
# What the name of a column looks like: a few words, and no value of another column.
_HEAD = re.compile(r"[^\W\d][^@\n]{0,39}")
_MOST_WORDS = 4
_SENTENCE = re.compile(r"[.!?](?:\s|\Z)|\d{4}")


def text_records(source: str, text: Text) -> Iterator[Record | Skipped]:
    """A plain text."""
    for piece in text.pieces():
        if piece.strip():
            yield Record(source, "text", (("", piece),))


def csv_records(source: str, text: Text) -> Iterator[Record | Skipped]:
    """A row a record, its columns named by the first line, where that holds names of columns.

    The first line is read as well: as names, or as a row like the others.
    """
    lines = text.lines()
    first = list(itertools.islice(lines, 20))
    left = itertools.chain(first, lines)
    fed: list[str] = []
    head = "".join(first)[:_SAMPLE]
    delimiter = delimiter_of(head)
    reader = csv.reader(_recorded(left, fed), delimiter=delimiter, skipinitialspace=True)
    names: list[str] | None = None
    while True:
        broken = False
        try:
            row = next(reader, None)
        except csv.Error:
            # A field of more than the limit: what is left is read as text.
            broken, row = True, None
        if row is None:
            break
        fed.clear()
        if names is None and row:
            names = []
            if is_head(row, head, delimiter):
                names = [name.strip() or f"column {i}" for i, name in enumerate(row, 1)]
                yield from of_row(source, "CSV", [(HEAD, "\n".join(row))], names=True)
                continue
        more = (f"column {i}" for i in itertools.count(len(names or ()) + 1))
        yield from of_row(source, "CSV", list(zip(itertools.chain(names or (), more), row)))  # noqa: B905
    if broken:
        yield Skipped(source, "a row that is no CSV: the rest was read as text", whole=False)
        yield from _rest(source, itertools.chain(fed, left))


def is_head(row: list[str], sample: str, delimiter: str) -> bool:
    """Whether a first row holds names of columns, and not data.

    Data are told by numbers, addresses, sentences and long texts, and by a value that stands in
    the same column again. A first row of short words alone may be data all the same.
    """
    cells = [cell.strip() for cell in row]
    for cell in filter(None, cells):
        long = len(cell.split()) > _MOST_WORDS
        if long or _HEAD.fullmatch(cell) is None or _SENTENCE.search(cell) is not None:
            return False
    below = sample.split("\n")[1:]
    rows = ([c.strip(' \r"') for c in line.split(delimiter)] for line in below)
    return any(cells) and not any(a and a == b for other in rows for a, b in zip(cells, other))  # noqa: B905


def _recorded(lines: Iterable[str], fed: list[str]) -> Iterator[str]:
    """Lines, noted in a list: those of a row that is none are read again."""
    for line in lines:
        fed.append(line)
        yield line


def delimiter_of(head: str) -> str:
    """What separates the fields of a row: what stands equally often in most of the first lines."""
    lines = [line for line in _QUOTED.sub("", head).split("\n") if line.strip()]
    best, found = (0, 0), ","
    for delimiter in _DELIMITERS:
        often = Counter(n for line in lines if (n := line.count(delimiter)))
        if often:
            count, alike = max(often.items(), key=lambda item: (item[1], item[0]))
            if (alike, count) > best:
                best, found = (alike, count), delimiter
    return found


def _rest(source: str, lines: Iterable[str]) -> Iterator[Record]:
    many: list[str] = []
    length = 0
    for line in lines:
        many.append(line)
        length += len(line)
        if length >= LONGEST:
            yield from of_text(source, "CSV", "".join(many))
            many, length = [], 0
    yield from of_text(source, "CSV", "".join(many))


def json_lines_records(source: str, text: Text) -> Iterator[Record | Skipped]:
    """A line a record; a line that is no JSON is read as text."""
    keys = Keys()
    bad = 0
    for line in text.lines():
        if not line.strip():
            continue
        try:
            value = json.loads(line, object_pairs_hook=_object)
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
        value = json.loads(whole, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        value = None
        yield Skipped(source, "no JSON: it was read as text", whole=False)
        for piece in pieces(whole):
            yield from of_text(source, "JSON", piece)
        return
    keys = Keys()
    for item in value if isinstance(value, list) else [value]:
        yield from value_records(source, "JSON", item, keys)


class _Twice(list[Any]):
    """The values of a key that an object has several times."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        made = {}
        for key, value in pairs:
            if key not in made:
                made[key] = value
            elif isinstance(made[key], _Twice):
                made[key].append(value)
            else:
                made[key] = _Twice([made[key], value])
    return made


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
                stack.append((_below(path, str(key)), item[key], depth + 1))
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


def _below(path: str, key: str) -> str:
    """A path of keys; one that is too long is not cut, as half a value may be left."""
    longer = f"{path}.{key}" if path else key
    return longer if len(longer) <= LONGEST_NAME and path != LONG_NAME else LONG_NAME


def html_records(source: str, text: Text) -> Iterator[Record | Skipped]:
    """What a page shows, its comments and scripts, and attributes that people read or write."""
    page = HtmlText()
    for block in text.blocks():
        page.feed(block)
        if page.length >= _SAMPLE:
            yield from of_text(source, "HTML", page.taken(lines=True))
    page.close()
    yield from of_text(source, "HTML", page.taken())
