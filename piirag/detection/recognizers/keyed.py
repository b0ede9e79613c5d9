"""Values named by a label: `Passport No.: C01X00T47`, `"dob": "1985-03-02"`, a CSV column.

Presidio's context rules look at a few words before a value and raise its score; here the label
must name the value, with nothing between the two but what stands between a label and its value,
or stand above it as the header of a column. So a value may have a plain form (six digits) and yet
be told from all other six digits. The label is no part of the finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from piirag.detection.recognizers.base import (
    LABELLED,
    SURE,
    AnyGate,
    Check,
    Hit,
    Labels,
    TextRecognizer,
)
from piirag.detection.recognizers.signs import NOUNS, folded, signs_of
from piirag.detection.recognizers.tables import Tables

# Between two words of a label: nothing (camelCase), a blank, "_", "-", ".", "'".
_GAP = r"[\s_./'’-]{0,2}"

# Words that may follow a label: "passport card no.", "account_number".
_NOUNS = re.compile(rf"(?:{_GAP}(?:(?:{NOUNS})(?![a-z])|[#№])){{0,3}}")

_DIGIT = re.compile(r"\d")
# What may stand between label and value takes no more.
_REACH = 250

_PARENTHESIS = r"(?:[ \t]?\([^()\n]{1,30}\))?"
_CLOSERS = r"[\"'`*_\])]{0,3}"
_OPENERS = r"[\"'`*_(\[<]{0,3}"
_SIGN = r"(?::=|=>|[:=](?![=:>]))"
_TAG = r"(?:</?[a-zA-Z][^<>\n]{0,60}>\s{0,2})"
_TAGS = rf"(?:>\s{{0,2}}{_TAG}{{0,3}}|{_TAG}{{1,3}})"
_LEADER = r"(?:[ ]?[._…]){2,60}[ ]?"
_VERB = (
    r"(?:(?i:is|was|are|were|reads|of|for|on|ending|est|es|ist|lautet|am|op|e|il|le|el|dnia|in)\b)"
)
_MARKS = r"[\s\"'`*_()\[\]:=,;|~>–—-]"
_MARKS_IN_LINE = r"[ \t\"'`*_()\[\]:=,;|~>–—-]"

STRICT = (
    rf"{_CLOSERS}{_PARENTHESIS}[ \t]{{0,3}}"
    rf"(?:{_SIGN}{_CLOSERS}[ \t]{{0,8}}|{_TAGS}){_OPENERS}"
)
"""A colon, an equals sign or a tag must stand between label and value, on one line."""

IN_LINE = (
    rf"\.?{_PARENTHESIS}(?:{_TAGS}|{_LEADER}|{_MARKS_IN_LINE}{{0,8}})"
    rf"(?:{_VERB}{_MARKS_IN_LINE}{{1,8}})?"
)
"""Label and value stand on one line, with little between them."""

LOOSE = rf"\.?{_PARENTHESIS}(?:{_TAGS}|{_LEADER}|{_MARKS}{{0,8}})(?:{_VERB}{_MARKS}{{1,8}})?"
"""As `IN_LINE`, but the value may stand on the next line."""


@dataclass(frozen=True)
class Rule:
    """What labels name which value.

    Args:
        entity: Entity type.
        labels: Labels without accents, words separated by a blank; matched in any case, and with
            "_", "-", "." or nothing between the words. "~" stands for a blank that must be one.
        value: Pattern of the value, matched in the original text. It has to say where the value
            ends.
        score: Score where no check says more.
        check: Takes the value; True makes it sure, False drops it, None says nothing.
        link: What may stand between label and value: `STRICT`, `IN_LINE` or `LOOSE`.
        words: So many other words may stand between label and value.
        table: Whether the label may be the header of a column.
        digit: Whether a digit has to stand behind the label. Spares costly patterns.
    """

    entity: str
    labels: tuple[str, ...]
    value: str
    score: float = LABELLED
    check: Check | None = None
    link: str = LOOSE
    words: int = 0
    table: bool = True
    digit: bool = False

    @property
    def name(self) -> str:
        """For explanations."""
        return f"label of {self.entity}"


def rule(entity: str, labels: str, value: str, **options: Any) -> Rule:
    """A rule whose labels are separated by commas."""
    named = tuple(" ".join(label.split()) for label in labels.split(","))
    return Rule(entity, named, value, **options)


class _Compiled:
    """A rule ready to be matched behind its labels."""

    def __init__(self, of: Rule) -> None:
        self.rule = of
        # Compiled when a text first holds one of the labels: most hold none of the thousand.
        self.labels: dict[str, re.Pattern[str] | None] = dict.fromkeys(of.labels)
        self._behind: re.Pattern[str] | None = None
        self._value: re.Pattern[str] | None = None

    @property
    def behind(self) -> re.Pattern[str]:
        """What stands behind a label, the value included."""
        if self._behind is None:
            of = self.rule
            between = rf"(?:[^\W\d_]{{1,15}}[:,']?[ \t\n]){{0,{of.words}}}?" if of.words else ""
            self._behind = re.compile(rf"{of.link}{between}(?P<value>{of.value})")
        return self._behind

    @property
    def value(self) -> re.Pattern[str]:
        """A value by itself."""
        if self._value is None:
            self._value = re.compile(rf"(?:{self.rule.value})")
        return self._value

    def places(self, text: str, low: str, present: frozenset[str]) -> dict[int, int]:
        """Where labels begin -> where the longest one ends."""
        places: dict[int, int] = {}
        for label in present.intersection(self.labels):
            pattern = self.labels[label]
            if pattern is None:
                pattern = self.labels[label] = re.compile(_spelled(label))
            for match in pattern.finditer(low):
                start, end = match.span()
                if end > places.get(start, 0) and _begins_well(text, start, label):
                    places[start] = end
        return places


def _spelled(label: str) -> str:
    return _GAP.join(re.escape(word.replace("~", " ")) for word in label.split())


class KeyedRecognizer(TextRecognizer):
    """Base of recognisers that find values by their labels."""

    RULES: ClassVar[Sequence[Rule]] = ()
    _compiled: ClassVar[list[_Compiled]] = []

    def __init_subclass__(cls) -> None:
        if cls.RULES:
            cls._compiled = [_Compiled(of) for of in cls.RULES]
            cls.ENTITIES = tuple(dict.fromkeys((*cls.ENTITIES, *(of.entity for of in cls.RULES))))
        super().__init_subclass__()
        if cls.RULES:
            labels = Labels(*(label for of in cls.RULES for label in of.labels))
            cls.gate = AnyGate(labels, cls.gate) if cls.FORMS else labels

    def find(self, text: str) -> Iterator[Hit]:
        """Values that follow a label, stand below one, or have a form of their own."""
        yield from super().find(text)
        present = signs_of(text).labels
        low = ""
        places: list[tuple[int, int, _Compiled]] = []
        for compiled in self._compiled:
            if not present.isdisjoint(compiled.labels):
                low = low or folded(text)
                found = compiled.places(text, low, present)
                places += [(start, end, compiled) for start, end in found.items()]
        tables = Tables(text)
        for start, end, compiled in sorted(places, key=lambda place: place[:2]):
            nouns = _NOUNS.match(low, end)
            end = nouns.end() if nouns else end
            if _ends_well(text, end):
                yield from self._named(compiled, text, tables, start, end)

    def judge(self, of: Rule, text: str, start: int, end: int) -> tuple[int, int, float]:
        """Which part of a value counts, and its score; zero drops it."""
        score = of.score
        if of.check is not None:
            verdict = of.check(text[start:end])
            if verdict is not None:
                score = SURE if verdict else 0.0
        return start, end, score

    def _named(
        self, compiled: _Compiled, text: str, tables: Tables, start: int, end: int
    ) -> Iterator[Hit]:
        """The value, or the column of values, that a label names."""
        of = compiled.rule
        cells = tables.column(start, end) if of.table else None
        if cells is not None:
            spans = [cell for cell in cells if compiled.value.fullmatch(text, *cell)]
        else:
            worth = not of.digit or _DIGIT.search(text, end, end + _REACH)
            match = compiled.behind.match(text, end) if worth else None
            spans = [match.span("value")] if match else []
        for span in spans:
            begin, stop, score = self.judge(of, text, *span)
            if score > 0 and begin < stop:
                yield Hit(begin, stop, score, of.entity, of.name)


# A hump inside a word: "pasSport" is nobody's way to write a label.
_HUMP = re.compile(r"(?<=[^\W\d_])[a-zß-ÿ][A-ZÀ-Þ]")


def _begins_well(text: str, start: int, label: str) -> bool:
    """Whether a label is a word, or a part of an identifier (`userDob`, `user_dob`)."""
    before = text[max(0, start - 2) : start]
    if before[-1:].isalnum() and not (
        len(before) == 2 and before.isalpha() and before.islower() and text[start].isupper()
    ):
        return False
    return _HUMP.search(text, start, start + len(label.split()[0])) is None


def _ends_well(text: str, end: int) -> bool:
    after = text[end : end + 1]
    if not after.isalpha() or not text[end - 1].isalpha():
        return True
    return after.isupper() and text[end - 1].islower()


def holds(
    digits: int = 0, letters: int = 0, length: tuple[int, int] = (1, 40), *, capitals: bool = False
) -> Check:
    """A check on the number of letters and digits: False where there are too few, else None.

    Args:
        digits: So many digits at least.
        letters: So many letters at least.
        length: Fewest and most letters and digits together.
        capitals: Whether the letters must be capitals.
    """

    def check(value: str) -> bool | None:
        found = sum(map(str.isdigit, value))
        other = sum(map(str.isalpha, value))
        fits = length[0] <= found + other <= length[1] and found >= digits and other >= letters
        if capitals and value != value.upper():
            fits = False
        return None if fits else False

    return check


# Values

_END = r"(?![^\W_])(?![.,/_-]\w)"
CODE = rf"[A-Za-z0-9](?:[A-Za-z0-9]|[./_-](?=[A-Za-z0-9])){{2,24}}{_END}"
"""A code of letters and digits in one piece, dashes, dots and slashes within."""

GROUPS = (
    rf"(?:[A-Za-z]{{1,3}}[ ]?\d{{2,9}}(?:[ ]\d{{1,6}}){{0,4}}(?:[ ]?[A-Z])?{_END}"
    rf"|\d{{1,6}}(?:[ ]\d{{1,6}}){{1,6}}(?:[ ]?[A-Z]{{1,2}})?{_END}|{CODE})"
)
"""The same, or groups of digits with blanks between them."""

NUMBER = rf"\d(?:[ ./-]?\d){{3,24}}{_END}"
"""Digits; single blanks, dots, dashes or slashes within."""
