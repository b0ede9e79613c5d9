"""Expressions as automata over shapes.

`Positions` is the position automaton (Glushkov) of one expression: one state a character of the
expression. `Walker` runs those of many expressions side by side, made deterministic as it goes,
so that a step costs one dictionary look-up however many expressions there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from piirag.detection.fused.shape import CLASSES, WORD_CLASSES
from piirag.detection.fused.tree import (
    Alt,
    Aside,
    Chars,
    Edge,
    Look,
    Node,
    Repeat,
    Unsupported,
)

# More characters than any predefined expression has, once its counted repeats are written out.
_MOST_POSITIONS = 600

# Whoever is alive after so many characters is taken for a match.
REACH = 48

# States are made of classes only, never of text. A hostile text may make many: start over then.
_MOST_STATES = 5_000


def bits(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


class Positions:
    """The position automaton of one expression.

    Attributes:
        classes: Position -> classes it accepts.
        follow: Position -> mask of the positions that may come next.
        first: Mask of the positions a match may begin with.
        last: Mask of the positions a match may end with.

    Raises:
        Unsupported: The expression is too long.
    """

    def __init__(self, node: Node) -> None:
        self.classes: list[frozenset[str]] = []
        self.follow: list[int] = []
        self.empty, self.first, self.last = self._add(node)

    def _add(self, node: Node) -> tuple[bool, int, int]:
        """Whether it may be empty, its first and its last positions."""
        if isinstance(node, Chars):
            if len(self.classes) >= _MOST_POSITIONS:
                raise Unsupported
            self.classes.append(node.classes)
            self.follow.append(0)
            bit = 1 << (len(self.classes) - 1)
            return False, bit, bit
        if isinstance(node, Edge | Look | Aside):
            return True, 0, 0
        if isinstance(node, Alt):
            parts = [self._add(item) for item in node.nodes]
            first = last = 0
            for _, begins, ends in parts:
                first |= begins
                last |= ends
            return any(part[0] for part in parts), first, last
        if isinstance(node, Repeat):
            return self._repeat(node)
        whole = (True, 0, 0)
        for item in node.nodes:
            whole = self._join(whole, self._add(item))
        return whole

    def _join(self, a: tuple[bool, int, int], b: tuple[bool, int, int]) -> tuple[bool, int, int]:
        for position in bits(a[2]):
            self.follow[position] |= b[1]
        first = a[1] | b[1] if a[0] else a[1]
        last = a[2] | b[2] if b[0] else b[2]
        return a[0] and b[0], first, last

    def _repeat(self, node: Repeat) -> tuple[bool, int, int]:
        whole = (True, 0, 0)
        for _ in range(node.least):
            whole = self._join(whole, self._add(node.node))
        if node.most is None:
            _, first, last = self._add(node.node)
            for position in bits(last):
                self.follow[position] |= first
            return self._join(whole, (True, first, last))
        for _ in range(node.most - node.least):
            _, first, last = self._add(node.node)
            whole = self._join(whole, (True, first, last))
        return whole

    def after(self, mask: int) -> int:
        """The positions that may follow these."""
        found = 0
        for position in bits(mask):
            found |= self.follow[position]
        return found

    def at_offsets(self, most: int) -> list[frozenset[str]]:
        """Offset from the start of a match -> classes that may stand there.

        It has no more offsets than the shortest match has characters.
        """
        found: list[frozenset[str]] = []
        current = self.first
        while current and len(found) < most and not self.empty:
            found.append(frozenset().union(*(self.classes[p] for p in bits(current))))
            if current & self.last:
                break
            current = self.after(current)
        return found

    def reach_of(self, wanted: str, most: int) -> int | None:
        """Characters that may stand before the first one of a class, at most.

        None where a match may do without, or where there may be more than `most`.
        """
        other = sum(1 << p for p, classes in enumerate(self.classes) if classes - {wanted})
        current = self.first & other
        for offset in range(most + 1):
            if not current:
                return offset
            if current & self.last:
                return None
            current = self.after(current) & other
        return None


class _State(dict[str, "_State"]):
    """A set of positions; maps the class of the next character to the next state."""

    __slots__ = ("accepts", "after", "alive", "before_edge", "done", "walker")

    def __init__(self, walker: Walker, current: int, after: int) -> None:
        self.walker = walker
        self.after = after
        self.alive = walker.owners(after)
        self.accepts = walker.owners(current & walker.last)
        # Accepted if the next character is no word character.
        self.before_edge = walker.owners(current & walker.last_before_edge)
        self.done = not after and not self.before_edge

    def __missing__(self, char: str) -> _State:
        state = self[char] = self.walker.state(self.after & self.walker.by_class[char])
        return state


class Walker:
    """Runs many expressions from one place of a shape.

    Args:
        members: The automata, and for each whether what follows a match is no word character.
    """

    def __init__(self, members: Sequence[tuple[Positions, bool]]) -> None:
        self.by_class = dict.fromkeys(CLASSES, 0)
        self.last = self.last_before_edge = 0
        self._follow: list[int] = []
        self._owner: list[int] = []
        first = 0
        for owner, (member, before_edge) in enumerate(members):
            base = len(self._follow)
            for position, classes in enumerate(member.classes):
                for char in classes:
                    self.by_class[char] |= 1 << (base + position)
                self._follow.append(member.follow[position] << base)
                self._owner.append(owner)
            first |= member.first << base
            if before_edge:
                self.last_before_edge |= member.last << base
            else:
                self.last |= member.last << base
        self._first = first
        self._start_over()

    def _start_over(self) -> None:
        self._states: dict[int, _State] = {}
        self._root = _State(self, 0, self._first)

    def after(self, mask: int) -> int:
        """The positions that may follow these."""
        found = 0
        for position in bits(mask):
            found |= self._follow[position]
        return found

    def owners(self, mask: int) -> int:
        """The mask of the expressions to which these positions belong."""
        found = 0
        for position in bits(mask):
            found |= 1 << self._owner[position]
        return found

    def state(self, current: int) -> _State:
        """The state of these positions, made where it is met for the first time."""
        states = self._states
        state = states.get(current)
        if state is None:
            if len(states) >= _MOST_STATES:
                self._start_over()
                states = self._states
            state = states[current] = _State(self, current, self.after(current))
        return state

    def walk(self, shape: str, start: int) -> int:
        """The mask of the expressions that may have a match that begins at an offset."""
        state = self._root
        found = 0
        end = start + REACH
        for char in shape[start:end]:
            if state.before_edge and char not in WORD_CLASSES:
                found |= state.before_edge
            state = state[char]
            found |= state.accepts
            if state.done:
                return found
        if end < len(shape):
            found |= state.alive
        return found | state.before_edge
