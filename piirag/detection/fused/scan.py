"""One pass over a text for the expressions of many recognisers.

Each expression is filed under the cheapest way that is certain not to miss a match of it:

- most begin with a word that has a digit near: an automaton walks from each such word;
- some begin anywhere, but have a rare character at a fixed place: that is searched for;
- e-mail addresses, URLs and their like have searches of their own (`special.py`);
- for the rest, the whole text is searched, unless it lacks a character they need.

At the places found, the expression itself decides, by its own matcher.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from piirag.detection.fused import needs
from piirag.detection.fused.automaton import Positions, Walker, bits
from piirag.detection.fused.expression import Expression
from piirag.detection.fused.shape import CLASSES, DIGIT, LETTER, OTHER, SPACE, WORD, WORD_CLASSES
from piirag.detection.fused.special import Match, Search, at_starts, known_search
from piirag.detection.fused.tree import Node, Unsupported, parse

# A digit stands at most so many characters after the start of what the automaton walks for.
_NEAR = 12

# Characters that are looked at around a rare one, and how rare it must be: about one in ten of
# ordinary text. A longer row of letters and digits is rare by itself.
_WINDOW = 32
_RARE = 0.1
_LONG = 15

_COMMON = {LETTER: 0.8, " ": 0.17, DIGIT: 0.03}
_UNCOMMON = 0.01

# Below this, one try takes at most a few milliseconds, so that no clock is needed: asking `regex`
# to keep time costs more than most tries do.
_FEW_WAYS = 3_000

_MOST_VERDICTS = 10_000

_PUNCTUATION = CLASSES - {DIGIT, LETTER, WORD, SPACE, OTHER, " ", "_"}


@dataclass(slots=True)
class _Group:
    """Expressions that one automaton walks for."""

    members: list[tuple[Positions, bool]] = field(default_factory=list)
    # Expression -> mask of the members that must all agree: itself, and what must follow.
    wanted: dict[int, int] = field(default_factory=dict)
    walker: Walker | None = None
    verdicts: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def add(self, number: int, member: Positions, ends_word: bool, looks: Iterable[Node]) -> None:
        mask = 1 << len(self.members)
        self.members.append((member, ends_word))
        for look in looks:
            try:
                ahead = Positions(look)
            except Unsupported:
                continue
            if not ahead.empty:
                mask |= 1 << len(self.members)
                self.members.append((ahead, False))
        self.wanted[number] = mask

    def build(self) -> None:
        if self.members:
            self.walker = Walker(self.members)

    def numbers(self, found: int) -> tuple[int, ...]:
        """The expressions that a result of the walk speaks for."""
        verdict = self.verdicts.get(found)
        if verdict is None:
            wanted = self.wanted.items()
            verdict = tuple(n for n, mask in wanted if mask & found == mask)
            if len(self.verdicts) >= _MOST_VERDICTS:
                self.verdicts = {}
            self.verdicts[found] = verdict
        return verdict


class Scanner:
    """Finds the matches of many expressions in a text.

    Args:
        expressions: What to find.
    """

    def __init__(self, expressions: Sequence[Expression]) -> None:
        self._expressions = list(expressions)
        self._near, self._wide = _Group(), _Group()
        self._near_reach = 0
        self._searches: list[tuple[str, int, Search]] = []
        self._finders: list[tuple[tuple[str, ...], int, _Finder]] = []
        self._anywhere: list[tuple[tuple[str, ...], int]] = []
        for number, expression in enumerate(self._expressions):
            self._file(number, expression)
        self._near.build()
        self._wide.build()
        # A word with a digit soon after its beginning. The look-ahead is bounded.
        reach = max(self._near_reach, 1)
        self._near_start = re.compile(rf"(?<![9A_w])(?:9|[A_w](?=[^9]{{0,{reach - 1}}}9))")

    def _file(self, number: int, expression: Expression) -> None:
        known = known_search(expression.source, expression.flags)
        if known is not None:
            expression.use(known.expression)
            expression.is_linear = known.is_linear
            expression.is_linear_in_ascii = known.is_linear_in_ascii
            self._searches.append((known.needle, number, known.search))
            return
        try:
            node = parse(expression.source, expression.flags)
        except Unsupported:
            self._anywhere.append(((), number))
            return
        expression.is_linear = expression.is_linear_in_ascii = needs.ways(node) <= _FEW_WAYS
        try:
            member = Positions(node)
        except Unsupported:
            member = None
        if member is None or member.empty:
            self._anywhere.append((_needles(node), number))
            return
        words = needs.starts_a_word(node) and needs.only_words(member.at_offsets(1)[0])
        reach = member.reach_of(DIGIT, _NEAR - 1) if words else None
        ends_word = needs.ends_a_word(node) and _ends_in_word(member)
        if reach is not None:
            self._near_reach = max(self._near_reach, reach)
            self._near.add(number, member, ends_word, needs.leading_looks(node))
            return
        finder = _around_rare(member.at_offsets(_WINDOW))
        needle = max(_needles(node), key=len, default="")
        if finder is not None:
            needles = (
                tuple(_PUNCTUATION & finder.rare) if finder.rare <= _PUNCTUATION else (needle,)
            )
            self._finders.append((needles, number, finder))
        elif words:
            self._wide.add(number, member, ends_word, needs.leading_looks(node))
        else:
            self._anywhere.append((_needles(node), number))

    def matches(self, text: str, shape: str) -> Iterator[tuple[int, Iterator[Match]]]:
        """The matches in a text.

        Args:
            text: The text.
            shape: Its shape.

        Yields:
            The number of an expression that may match, and its matches in order: those that
            `finditer` gives.

        Raises:
            DetectionTimeoutError: From the inner iterators, where an expression ran out of time.
        """
        expressions = self._expressions
        if self._near.walker is not None and DIGIT in shape:
            starts = (m.start() for m in self._near_start.finditer(shape))
            for number, places in _walk(self._near, shape, starts).items():
                yield number, at_starts(places, expressions[number].bind(text))
        if self._wide.walker is not None:
            starts = (m.start() for m in _WORD_START.finditer(shape))
            for number, places in _walk(self._wide, shape, starts).items():
                yield number, at_starts(places, expressions[number].bind(text))
        for needles, number, finder in self._finders:
            if any(needle in shape for needle in needles):
                places = list(finder.places(shape))
                if places:
                    yield number, at_starts(places, expressions[number].bind(text))
        for needle, number, search in self._searches:
            if needle in shape:
                yield number, search(text, shape, expressions[number].bind(text))
        for needles, number in self._anywhere:
            if all(needle in shape for needle in needles):
                yield number, self._expressions[number].everywhere(text)

    def may_match(self, text: str, shape: str) -> bool:
        """Whether an expression would be tried anywhere; False is certain, and costs little.

        Args:
            text: The text.
            shape: Its shape.
        """
        if self._wide.walker is not None or (
            self._near.walker is not None and DIGIT in shape and self._near_start.search(shape)
        ):
            return True
        for needles, _ in self._anywhere:
            for needle in needles:
                if needle not in shape:
                    break
            else:
                return True
        for needles, _, finder in self._finders:
            for needle in needles:
                if needle in shape:
                    for _ in finder.places(shape):
                        return True
                    break
        tried: list[int] = []
        for needle, _, search in self._searches:
            if needle in shape:
                for _ in search(text, shape, tried.append):
                    return True
                if tried:
                    return True
        return False


_WORD_START = re.compile(r"(?<![9A_w])[9A_w]")


def _walk(group: _Group, shape: str, starts: Iterable[int]) -> dict[int, list[int]]:
    """Expression -> the offsets where a match of it may begin."""
    places: dict[int, list[int]] = {}
    walker = group.walker
    assert walker is not None
    for start in starts:
        found = walker.walk(shape, start)
        if found:
            for number in group.numbers(found):
                places.setdefault(number, []).append(start)
    return places


def _ends_in_word(member: Positions) -> bool:
    return all(member.classes[p] <= WORD_CLASSES for p in bits(member.last))


def _needles(node: Node) -> tuple[str, ...]:
    """What stands in the shape of any text with a match."""
    run = needs.digit_run(node)
    others = sorted(needs.required(node) - {DIGIT})
    return (*others, DIGIT * run) if run else tuple(sorted(needs.required(node)))


class _Finder:
    """Finds places that fit the first characters of a match, from the rarest of them outwards."""

    def __init__(self, offsets: list[frozenset[str]], at: int) -> None:
        self.rare = offsets[at]
        self._at = at
        before = "".join(map(_set_of, offsets[: at + 1]))
        after = "".join(map(_set_of, offsets[at + 1 :]))
        self._found = re.compile(f"{_set_of(self.rare)}(?<={before})(?={after})")

    def places(self, shape: str) -> Iterator[int]:
        """Offsets where a match may begin."""
        return (match.start() - self._at for match in self._found.finditer(shape))


def _around_rare(offsets: list[frozenset[str]]) -> _Finder | None:
    """A finder, if one of the characters is rare enough."""
    if not offsets:
        return None
    weights = [sum(_COMMON.get(c, _UNCOMMON) for c in classes) for classes in offsets]
    rarest = min(range(len(offsets)), key=weights.__getitem__)
    if weights[rarest] > _RARE and len(offsets) < _LONG:
        return None
    return _Finder(offsets, rarest)


def _set_of(classes: frozenset[str]) -> str:
    return "[" + "".join(map(re.escape, sorted(classes))) + "]"


def searched(scanner: Scanner) -> dict[str, Any]:
    """How many expressions are searched for in which way. For benchmarks and tests."""
    return {
        "near": len(scanner._near.wanted),
        "wide": len(scanner._wide.wanted),
        "rare": len(scanner._finders),
        "special": len(scanner._searches),
        "anywhere": len(scanner._anywhere),
    }
