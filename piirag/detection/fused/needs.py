"""What every match of an expression needs: conditions that a text can be asked about in passing."""

from __future__ import annotations

from collections.abc import Iterator

from piirag.detection.fused.shape import DIGIT, WORD_CLASSES
from piirag.detection.fused.tree import Alt, Aside, Chars, Edge, Look, Node, Repeat, Seq

_MANY = 1_000_000


def required(node: Node) -> frozenset[str]:
    """Classes that stand somewhere in any text with a match."""
    if isinstance(node, Chars):
        return node.classes if len(node.classes) == 1 else frozenset()
    if isinstance(node, Seq):
        return frozenset().union(*map(required, node.nodes))
    if isinstance(node, Alt):
        return frozenset.intersection(*map(required, node.nodes))
    if isinstance(node, Look):
        return required(node.node)
    if isinstance(node, Repeat) and node.least:
        return required(node.node)
    return frozenset()


def digit_run(node: Node) -> int:
    """How many digits in a row stand somewhere in any text with a match, at least."""
    if isinstance(node, Seq):
        best = row = 0
        for item in node.nodes:
            more = _only_digits(item)
            if isinstance(item, Look):
                best = max(best, digit_run(item))
            elif more is None:
                best, row = max(best, digit_run(item)), 0
            else:
                row += more
                best = max(best, row)
        return best
    if isinstance(node, Alt):
        return min(map(digit_run, node.nodes))
    if isinstance(node, Look):
        return digit_run(node.node)
    if isinstance(node, Repeat) and node.least and _only_digits(node) is None:
        return digit_run(node.node)
    return _only_digits(node) or 0


def _only_digits(node: Node) -> int | None:
    """The fewest digits it consumes, or None where it may consume anything else."""
    if isinstance(node, Chars):
        return 1 if node.classes == {DIGIT} else None
    if isinstance(node, Edge | Look | Aside):
        return 0
    if isinstance(node, Repeat):
        inner = _only_digits(node.node)
        return None if inner is None else inner * node.least
    parts = [_only_digits(item) for item in node.nodes]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    return sum(known) if isinstance(node, Seq) else min(known)


def ways(node: Node) -> int:
    """In how many ways an expression can be tried from one place, as a bound for its time.

    Without unlimited repeats, the number of paths through it bounds what a backtracking matcher
    does; with them, the answer is "many".
    """
    if isinstance(node, Chars | Edge):
        return 1
    if isinstance(node, Look | Aside):
        return ways(node.node) + 1
    if isinstance(node, Alt):
        return min(_MANY, sum(map(ways, node.nodes)))
    if isinstance(node, Seq):
        product = 1
        for item in node.nodes:
            product = min(_MANY, product * ways(item))
        return product
    if node.most is None or node.most > 64:
        return _MANY
    inner = ways(node.node)
    if inner == 1:
        return node.most - node.least + 1
    total: int = sum(min(_MANY, inner**times) for times in range(node.least, node.most + 1))
    return min(_MANY, total)


def starts_a_word(node: Node) -> bool:
    """Whether the character before any match is not a word character.

    Asked of an expression whose matches begin with a word character.
    """
    return _edge_first(node) is True


def _edge_first(node: Node) -> bool | None:
    """Whether every way passes an edge before a character; None where it has no width."""
    if isinstance(node, Edge):
        return True if node.after or node.either else None
    if isinstance(node, Look | Aside):
        return None
    if isinstance(node, Chars):
        return False
    if isinstance(node, Alt):
        return all(_edge_first(item) is True for item in node.nodes)
    if isinstance(node, Repeat):
        return node.least > 0 and _edge_first(node.node) is True
    for item in node.nodes:
        verdict = _edge_first(item)
        if verdict is not None:
            return verdict
    return None


def ends_a_word(node: Node) -> bool:
    """Whether the character after any match is not a word character."""
    return _edge_last(node) is True


def _edge_last(node: Node) -> bool | None:
    if isinstance(node, Edge):
        return True if node.before or node.either else None
    if isinstance(node, Look | Aside):
        return None
    if isinstance(node, Chars):
        return False
    if isinstance(node, Alt):
        return all(_edge_last(item) is True for item in node.nodes)
    if isinstance(node, Repeat):
        return node.least > 0 and _edge_last(node.node) is True
    for item in reversed(node.nodes):
        verdict = _edge_last(item)
        if verdict is not None:
            return verdict
    return None


def leading_looks(node: Node) -> Iterator[Node]:
    """What must follow the place where any match begins."""
    if isinstance(node, Look):
        yield node.node
    elif isinstance(node, Seq):
        for item in node.nodes:
            yield from leading_looks(item)
            if not isinstance(item, Edge | Look | Aside):
                return


def only_words(classes: frozenset[str]) -> bool:
    """Whether all the classes are of word characters."""
    return classes <= WORD_CLASSES
