"""A regular expression as a small tree over the classes of `shape.py`.

The tree accepts at least what the expression accepts: what cannot be said about classes (negative
lookaheads, back references to an exact text, anchors) is left out or widened. So where the tree
finds nothing, the expression finds nothing.

Presidio matches with `regex`, and the tree is read with the parser of `re`. Where the two read an
expression differently it is refused, and the pattern is run ungated.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as sre_parser  # type: ignore[attr-defined]
from typing import Any

import regex

from piirag.detection.fused.shape import (
    BEYOND_ASCII,
    CLASSES,
    DIGIT,
    LETTER,
    SPACE,
    WORD,
    WORD_CLASSES,
    class_of,
)


class Unsupported(Exception):
    """An expression whose meaning is not certain."""


@dataclass(frozen=True, slots=True)
class Chars:
    """One character of any of these classes."""

    classes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Edge:
    """A place without width.

    Attributes:
        after: Whether what stands before must not be a word character (`(?<!\\w)`).
        before: Whether what follows must not be one (`(?!\\w)`).
        either: Whether exactly one side is one (`\\b`).
    """

    after: bool = False
    before: bool = False
    either: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """What must follow, without being consumed."""

    node: Node


@dataclass(frozen=True, slots=True)
class Aside:
    """A condition that the tree leaves out; it still takes time to check."""

    node: Node


@dataclass(frozen=True, slots=True)
class Seq:
    """One after another."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Alt:
    """Any of them."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """The same so many times; `most` is None where there is no limit."""

    node: Node
    least: int
    most: int | None


Node = Chars | Edge | Look | Aside | Seq | Alt | Repeat

NOTHING = Seq(())
_BLANK = frozenset({SPACE, " "})
_FLAGS = regex.IGNORECASE | regex.MULTILINE | regex.DOTALL | regex.UNICODE | regex.VERSION0

_CATEGORIES = {
    sre.CATEGORY_DIGIT: frozenset({DIGIT}),
    sre.CATEGORY_NOT_DIGIT: CLASSES - {DIGIT},
    sre.CATEGORY_WORD: WORD_CLASSES,
    sre.CATEGORY_NOT_WORD: CLASSES - WORD_CLASSES,
    sre.CATEGORY_SPACE: _BLANK,
    sre.CATEGORY_NOT_SPACE: CLASSES - _BLANK,
}


def parse(pattern: str, flags: int) -> Node:
    """Read an expression of the `regex` module.

    Args:
        pattern: The expression.
        flags: The flags it is compiled with.

    Returns:
        A tree that accepts the shape of every text the expression accepts.

    Raises:
        Unsupported: `re` may read it differently.
    """
    if flags & ~_FLAGS or regex.DEFAULT_VERSION != regex.VERSION0:
        raise Unsupported
    # A POSIX class or a set within a set: `re` takes them for characters.
    if "[[" in pattern or regex.search(r"\[:\^?\w+:\]", pattern):
        raise Unsupported
    try:
        parsed = sre_parser.parse(_without_flag(pattern), 0)
    except (re.error, ValueError, RecursionError, OverflowError):
        raise Unsupported from None
    if parsed.state.flags & ~(sre.SRE_FLAG_IGNORECASE | sre.SRE_FLAG_UNICODE | _MULTILINE_DOTALL):
        raise Unsupported
    try:
        return _Reader().sequence(parsed)
    except RecursionError:
        raise Unsupported from None


_MULTILINE_DOTALL = sre.SRE_FLAG_MULTILINE | sre.SRE_FLAG_DOTALL


def _without_flag(pattern: str) -> str:
    """Drop `(?i)`, which `re` allows at the start only; the classes ignore case anyway."""
    if "(?i)" not in pattern:
        return pattern
    if regex.search(r"\[[^\]]*\(\?i\)|\\\(\?i\)", pattern):
        raise Unsupported
    return pattern.replace("(?i)", "")


class _Reader:
    """Turns what the parser of `re` returns into a tree."""

    def __init__(self) -> None:
        self._groups: dict[int, Node] = {}

    def sequence(self, items: Any) -> Node:
        nodes = [self._node(op, value) for op, value in items]
        return nodes[0] if len(nodes) == 1 else Seq(tuple(nodes))

    def _node(self, op: Any, value: Any) -> Node:
        if op is sre.LITERAL:
            if value == ord("{"):
                raise Unsupported  # might be a fuzzy quantifier of `regex`
            return Chars(_literal(value))
        if op in (sre.NOT_LITERAL, sre.IN, sre.ANY):
            return Chars(_one_of(op, value))
        if op is sre.BRANCH:
            return Alt(tuple(self.sequence(option) for option in value[1]))
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            least, most, item = value
            return Repeat(self.sequence(item), least, None if most is sre.MAXREPEAT else most)
        if op is sre.ATOMIC_GROUP:
            return self.sequence(value)
        if op is sre.SUBPATTERN:
            return self._group(value)
        if op is sre.GROUPREF:
            if value not in self._groups:
                raise Unsupported
            return _bare(self._groups[value])
        if op in (sre.AT, sre.ASSERT, sre.ASSERT_NOT):
            return self._zero_width(op, value)
        raise Unsupported

    def _group(self, value: Any) -> Node:
        number, added, removed, items = value
        if (added | removed) & ~(sre.SRE_FLAG_IGNORECASE | _MULTILINE_DOTALL):
            raise Unsupported
        node = self.sequence(items)
        if number is not None:
            self._groups[number] = node
        return node

    def _zero_width(self, op: Any, value: Any) -> Node:
        if op is sre.AT:
            return Edge(either=True) if value is sre.AT_BOUNDARY else NOTHING
        direction, items = value
        node = self.sequence(items)
        if op is sre.ASSERT:
            return Look(node) if direction > 0 else Aside(node)
        if len(items) == 1 and _excludes_words(items[0]):
            return Edge(before=True) if direction > 0 else Edge(after=True)
        return Aside(node)


def _excludes_words(item: Any) -> bool:
    op, value = item
    return op is sre.IN and (sre.CATEGORY, sre.CATEGORY_WORD) in value and value[0][0] != sre.NEGATE


def _literal(code: int) -> frozenset[str]:
    own = class_of(chr(code))
    if code < 128:
        return frozenset({own})
    # Ignoring case, a letter equals other letters, of ASCII or not.
    return frozenset({WORD, LETTER}) if own == WORD else BEYOND_ASCII


def _one_of(op: Any, value: Any) -> frozenset[str]:
    """The classes of which some character is accepted."""
    if op is sre.ANY:
        return CLASSES
    if op is sre.NOT_LITERAL:
        return CLASSES - _covered([(sre.LITERAL, value)])
    if value[0][0] is sre.NEGATE:
        return CLASSES - _covered(value[1:])
    classes: frozenset[str] = frozenset()
    for kind, detail in value:
        if kind is sre.LITERAL:
            classes |= _literal(detail)
        elif kind is sre.RANGE:
            low, high = detail
            classes |= frozenset(class_of(chr(c)) for c in range(low, min(high, 127) + 1))
            classes |= BEYOND_ASCII if high > 127 else frozenset()
        elif kind is sre.CATEGORY:
            classes |= _CATEGORIES[detail]
        else:
            raise Unsupported
    return classes


def _covered(items: Sequence[Any]) -> frozenset[str]:
    """The classes of which every character is among the items."""
    classes: frozenset[str] = frozenset()
    for kind, detail in items:
        if kind is sre.LITERAL:
            classes |= _literal(detail) - BEYOND_ASCII
        elif kind is sre.RANGE:
            low, high = detail
            codes = range(low, min(high, 127) + 1)
            classes |= frozenset(class_of(chr(c)) for c in codes) - BEYOND_ASCII
        elif kind is sre.CATEGORY:
            classes |= _CATEGORIES[detail]
        else:
            raise Unsupported
    return classes


def _bare(node: Node) -> Node:
    """Without what has no width: a back reference repeats the text, not the place."""
    if isinstance(node, Edge | Look | Aside):
        return NOTHING
    if isinstance(node, Seq):
        return Seq(tuple(map(_bare, node.nodes)))
    if isinstance(node, Alt):
        return Alt(tuple(map(_bare, node.nodes)))
    if isinstance(node, Repeat):
        return Repeat(_bare(node.node), node.least, node.most)
    return node
