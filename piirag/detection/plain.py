"""Plain text, in which nothing can be found, told at a glance.

Most prose holds no personal data. Where every word of a text is known to be plain, where no label
can begin, and where no character is more than punctuation between words, no recogniser has
anything to look at: names are not made of such words, and everything else that is looked for has a
digit, a label or an unusual character in it.

It is proven, not assumed: each recogniser is asked for what it cannot do without. One that cannot
say so, such as a recogniser of the application's own without a gate, switches the shortcut off.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import filterfalse
from typing import Any

from presidio_analyzer import PatternRecognizer

from piirag.detection.disguise.classes import LETTERS, class_table
from piirag.detection.fused import needs
from piirag.detection.fused.results import is_ours
from piirag.detection.fused.scan import Scanner
from piirag.detection.fused.shape import LETTER, OTHER, SPACE, shape_of
from piirag.detection.fused.tree import Unsupported, parse
from piirag.detection.ner.everyday import MODALS
from piirag.detection.ner.gate import are_auxiliaries, is_nameless, plain_words, safe_words
from piirag.detection.ner.labels import NOT_NAMES
from piirag.detection.recognizers.base import (
    AnyGate,
    Begins,
    Contains,
    Digits,
    Labels,
    LongRun,
    Mixed,
)
from piirag.detection.recognizers.signs import (
    label_version,
    may_begin_label,
    odd_parts,
    signs_of,
)

_MARKS = ",.;:!?()\"'-"

# Typographic marks of prose, and what each is read as here.
_TYPOGRAPHIC = {
    "\u2018": "'",
    "\u2019": "'",
    "\u201c": '"',
    "\u201d": '"',
    "\u2013": " ",
    "\u2014": " ",
    "\u2026": ".",
}

# Letters, white space, what may end a clause, and marks of their own; all else is "x".
_STRUCTURE = class_table(
    {
        LETTERS: b"a",
        b" \t\n\r": b" ",
        b",.;:!?)": b"p",
        b'"': b"q",
        b"'": b"'",
        b"(": b"(",
        b"-": b"-",
    },
    b"x",
)
_WORDS = bytes(c if c in LETTERS else 32 for c in range(256))

# What joins words by more than a hyphen or an apostrophe, and brackets around marks, by the mark
# that has to be there: most are not.
_NEVER = (
    (b"x", (b"x",)),
    (b"p", (b"pa", b"p(", b"p-")),
    (b"(", (b"a(", b"(p", b"( ", b"((", b"(-")),
    (b"-", (b"--", b"-p", b"'-")),
    (b"q", (b"aqa",)),
)
# A row of letters and hyphens as long as that is looked at as a key or an encoding.
_LONG = 20
_LONG_ROW = b"a" * _LONG
# Spellings of "@" and "." in addresses.
_SPELLED = ("dot", "punkt", "punto", "ponto", "arob", "arroba", "chiocciola", "klammeraffe")


class PlainText:
    """Tells texts in which some recognisers certainly find nothing.

    Args:
        scanner: The expressions of those recognisers that are made of expressions.
        others: The other recognisers.
        entities: The entity types that they are asked for.

    Raises:
        ValueError: A recogniser does not say what it needs.
    """

    def __init__(self, scanner: Scanner, others: Iterable[Any], entities: Sequence[str]) -> None:
        self._scanner = scanner
        # Gates whose answer does not follow from the words and marks of a text alone.
        self._gates: list[Any] = []
        for recognizer in others:
            gate = getattr(recognizer, "gate", None)
            if gate is not None:
                self._gates += [] if _is_made_of_codes(recognizer) else _open_gates(gate)
            elif "passes_over_plain_words" not in vars(type(recognizer)):
                raise ValueError("a recogniser without a gate")
        self._names_only = NOT_NAMES.isdisjoint(entities)
        self._version = -1
        self._known: frozenset[bytes] = frozenset()
        self._auxiliaries: frozenset[bytes] = frozenset()

    def holds(self, text: str) -> bool:
        """Whether the text is plain. False says nothing about it."""
        read = text
        if not text.isascii():
            for mark, plain in _TYPOGRAPHIC.items():
                read = read.replace(mark, plain)
            if not read.isascii():
                return False
        raw = read.encode()
        structure = raw.translate(_STRUCTURE)
        if _is_odd(structure) or _LONG_ROW in structure.replace(b"-", b"a"):
            return False
        if "(" in read and "(at)" in read.lower():
            return False
        words = raw.translate(_WORDS).split()
        rest = {*filterfalse(self._vocabulary().__contains__, words)}
        if rest:
            auxiliary = rest <= self._auxiliaries and are_auxiliaries(text)
            if not auxiliary and not self._are_plain(rest, text):
                return False
        shape = shape_of(text)
        if self._scanner.may_match(text, shape):
            return False
        return not any(gate.search(text) for gate in self._gates)

    def _are_plain(self, words: set[bytes], text: str) -> bool:
        """The same said, with more effort, of the words that the vocabulary lacks."""
        written = [word.decode() for word in words]
        if any(map(_spells, written)):
            return False
        if not (
            is_nameless(text, written) if self._names_only else safe_words().issuperset(written)
        ):
            return False
        return all(map(_is_harmless, written)) or not signs_of(text).labels

    def _vocabulary(self) -> frozenset[bytes]:
        """Plain words with which no label begins."""
        version = label_version()
        if version != self._version:
            words = plain_words() if self._names_only else safe_words()
            known = frozenset(word.encode() for word in words if _is_harmless(word))
            if not all(map(_cannot_stand, odd_parts())):
                known = frozenset()
            if known and self._names_only:
                self._auxiliaries = frozenset(w.encode() for w in MODALS if _is_harmless(w))
            self._known, self._version = known, version
        return self._known


def _is_harmless(word: str) -> bool:
    cased = word.islower() or word.isupper() or word[1:].islower()
    return (
        word.isascii()
        and word.isalpha()
        and cased
        and len(word) < _LONG
        and not _spells(word)
        and not may_begin_label(word)
    )


def _spells(word: str) -> bool:
    small = word.lower()
    return any(part in small for part in _SPELLED)


def _cannot_stand(part: str) -> bool:
    """Whether what a label or gate looks for is in no plain text, but for within a word."""
    if part.isalpha():
        return True
    return _is_odd(part.encode("ascii", "replace").translate(_STRUCTURE))


def _is_odd(structure: bytes) -> bool:
    """Whether there is more than words and the marks between them."""
    for mark, combinations in _NEVER:
        if mark in structure:
            for combination in combinations:
                if combination in structure:
                    return True
    return False


_PLAIN_CLASSES = frozenset({LETTER, " ", SPACE, OTHER, *_MARKS})


def _open_gates(gate: Any) -> list[Any]:
    """The gates among these that a plain text may pass."""
    if isinstance(gate, AnyGate):
        return [left for each in gate.gates for left in _open_gates(each)]
    if isinstance(gate, Labels | Begins | LongRun | Mixed) or (
        isinstance(gate, Digits) and gate.fewest > 0
    ):
        return []
    if isinstance(gate, Contains):
        parts = [p for p in gate.texts if p.isalpha() or not _cannot_stand(p)]
        return [_Parts(parts)] if parts else []
    if isinstance(gate, re.Pattern) and isinstance(gate.pattern, str):
        return [] if _needs_a_mark(gate.pattern, gate.flags) else [gate]
    return [gate]


class _Parts:
    """A gate: whether one of some texts stands anywhere."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        common = set(texts[0]).intersection(*texts)
        # Brackets are rare in prose.
        self._mark = "(" if "(" in common else ""

    def search(self, text: str) -> bool:
        if self._mark in text:
            for part in self._texts:
                if part in text:
                    return True
        return False


def _needs_a_mark(expression: str, flags: int) -> bool:
    """Whether every match holds a digit, or a character that is in no plain text."""
    try:
        node = parse(expression, flags)
    except Unsupported:
        return False
    return bool(needs.digit_run(node)) or not needs.required(node) <= _PLAIN_CLASSES


def _is_made_of_codes(recognizer: Any) -> bool:
    """Whether all of the expressions of one of Presidio's recognisers, or of ours, need a mark."""
    kinds = (k for k in type(recognizer).__mro__ if k is not object)
    if not isinstance(recognizer, PatternRecognizer) or not all(map(is_ours, kinds)):
        return False
    flags = recognizer.global_regex_flags
    return bool(recognizer.patterns) and all(
        _needs_a_mark(pattern.regex, flags) for pattern in recognizer.patterns
    )
