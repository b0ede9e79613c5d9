"""What a scan reads: records, one text or one row each, and what could not be read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

LONGEST = 65_536
"""Characters of one record at most; a longer text is cut, at the end of a line where there is
one."""

MOST_FIELDS_OF_A_RECORD = 200
"""A row with more fields is several records."""

LONGEST_NAME = 200
LONG_NAME = "(a long name)"
"""What a field is called whose name is longer: cut, it may hold half of a value."""

_MANY_FRACTIONS = 64
_LONG_VECTOR = 256
_VECTOR = re.compile(r"\[[-+0-9.eE,\s]*\]")


class Number(str):
    """A value that is a number in the data; it takes more to be personal data than digits."""

    __slots__ = ()


def is_vector(value: object) -> bool:
    """Whether a value is an embedding: computed from a text, and no text."""
    if isinstance(value, str):
        return len(value) > _LONG_VECTOR and _VECTOR.fullmatch(value) is not None
    return (
        isinstance(value, list | tuple)
        and len(value) > _MANY_FRACTIONS
        and all(isinstance(number, float) for number in value)
    )


@dataclass(frozen=True, repr=False)
class Record:
    """One text, or one row with named fields.

    Args:
        source: Where it stands: a file, a collection, a table.
        kind: What that is.
        fields: Name and text of each field; the name of a text without fields is empty.
        names: Whether it is the names of columns or keys, which are read too but are no text.
    """

    source: str
    kind: str
    fields: tuple[tuple[str, str], ...]
    names: bool = False

    def __repr__(self) -> str:
        return f"Record({len(self.fields)} fields)"


@dataclass(frozen=True, repr=False)
class Skipped:
    """Something that was not read.

    Args:
        source: Where it stands.
        reason: Why, in words that hold nothing of it.
        whole: Whether nothing of the source was read; else a part of it is missing, or was read
            otherwise than expected.
        failed: Whether it should have been read.
    """

    source: str
    reason: str
    whole: bool = True
    failed: bool = False

    def __repr__(self) -> str:
        return f"Skipped({self.reason!r})"


@runtime_checkable
class Source(Protocol):
    """Something to scan, read one record after the other.

    Args:
        total: How much there is, where that is known: bytes of files, rows of tables.
        done: How much of it was read.
    """

    total: int | None
    done: int

    def records(self) -> Iterator[Record | Skipped]:
        """Everything there is. What cannot be read is told and does not end it."""
        ...


@dataclass(frozen=True, repr=False)
class Joined:
    """The text of a record as a detector reads it: ``name: value`` a line.

    A name helps to understand its value, and the fields of a row help each other.

    Args:
        text: The text.
        places: Name of each field, and where its value begins and ends.
        numbers: Where the values stand that are numbers.
    """

    text: str
    places: tuple[tuple[str, int, int], ...]
    numbers: tuple[tuple[int, int], ...] = ()

    def field_of(self, start: int, end: int) -> str | None:
        """The field whose value a stretch lies in or touches; None where it is a name's."""
        for name, low, high in self.places:
            if low < end and start < high:
                return name
        return None

    @property
    def names(self) -> list[tuple[int, int]]:
        """Where the names stand, and what separates them from values."""
        last = 0
        found = []
        for _, low, high in self.places:
            if last < low:
                found.append((last, low))
            last = high
        return found


def joined(record: Record) -> Joined:
    """A record as one text."""
    if len(record.fields) == 1 and not record.fields[0][0]:
        text = record.fields[0][1]
        return Joined(text, (("", 0, len(text)),))
    pieces: list[str] = []
    places = []
    numbers = []
    at = 0
    for name, value in record.fields:
        lead = f"{name}: " if name else ""
        places.append((name, at + len(lead), at + len(lead) + len(value)))
        if isinstance(value, Number):
            numbers.append(places[-1][1:])
        pieces.append(f"{lead}{value}\n")
        at += len(pieces[-1])
    return Joined("".join(pieces), tuple(places), tuple(numbers))


def pieces(text: str) -> Iterator[str]:
    """A text in pieces of `LONGEST` characters at most, cut where a paragraph or line ends."""
    start = 0
    while len(text) - start > LONGEST:
        end = cut_at(text, start, start + LONGEST)
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:]


def cut_at(text: str, start: int, end: int) -> int:
    """Where to cut a text so that no value is cut, as far as that can be told."""
    for border in ("\n\n", "\n", " "):
        at = text.rfind(border, start + LONGEST // 2, end)
        if at >= 0:
            return at + len(border)
    return end


def guarded(
    name: str, records: Iterable[Record | Skipped], *, whole: bool = False
) -> Iterator[Record | Skipped]:
    """Records until their reader raises: that is told by its type, as its words quote data."""
    failed = ""
    try:
        yield from records
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - a file may be made to raise anything
        failed = type(error).__name__
    if failed:
        yield Skipped(name, f"reading stopped ({failed})", whole=whole, failed=True)


def of_text(source: str, kind: str, text: str, name: str = "") -> Iterator[Record]:
    """The records of one text."""
    for piece in pieces(text):
        if piece.strip():
            yield Record(source, kind, ((name, piece),))


def of_row(
    source: str, kind: str, row: Sequence[tuple[str, str]], *, names: bool = False
) -> Iterator[Record]:
    """The records of one row: one, and one more for each field that is too long for it."""
    fields: list[tuple[str, str]] = []
    length = 0
    for name, value in row:
        if not value.strip():
            continue
        name = name if len(name) <= LONGEST_NAME else LONG_NAME
        if len(value) > LONGEST // 4:
            yield from of_text(source, kind, value, name)
            continue
        if length + len(value) > LONGEST or len(fields) == MOST_FIELDS_OF_A_RECORD:
            yield Record(source, kind, tuple(fields), names)
            fields, length = [], 0
        fields.append((name, value))
        length += len(value) + len(name)
    if fields:
        yield Record(source, kind, tuple(fields), names)
