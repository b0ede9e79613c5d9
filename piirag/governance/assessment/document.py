"""A document of sections, free of any form: what the Markdown and the page are both made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Text:
    """A paragraph.

    Args:
        text: What it says.
    """

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list of points."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Facts:
    """Names and values."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Table:
    """A table.

    Args:
        head: Names of the columns.
        rows: A cell for each column.
        empty: What is said where there is no row.
        numeric: Positions of columns that hold numbers.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str = ""
    numeric: tuple[int, ...] = ()


@dataclass(frozen=True)
class Picture:
    """A drawing, with the same in words.

    Args:
        svg: Markup that loads nothing and runs nothing.
        title: What it shows.
        words: The same as a list, for those who do not see it.
    """

    svg: str = field(repr=False)
    title: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Human:
    """A point that only a person can fill in.

    Args:
        key: What it is called in the file of answers.
        question: What is asked.
        by: Who answers.
        answer: What was answered; empty where nobody has.
    """

    key: str
    question: str
    by: str
    answer: str = ""


Block = Text | Bullets | Facts | Table | Picture | Human


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it.

    Args:
        title: The heading.
        blocks: What stands under it.
        level: 2 for a section, 3 for one within a section.
    """

    title: str
    blocks: tuple[Block, ...]
    level: int = 2


@dataclass(frozen=True)
class Document:
    """A whole document.

    Args:
        title: Its title.
        sections: Its sections.
    """

    title: str
    sections: tuple[Section, ...]

    @property
    def humans(self) -> Sequence[Human]:
        """The points that only a person can fill in, in order."""
        return [b for s in self.sections for b in s.blocks if isinstance(b, Human)]

    @property
    def open(self) -> Sequence[Human]:
        """Those of them that nobody has filled in."""
        return [point for point in self.humans if not point.answer]
