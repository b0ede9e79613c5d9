"""The generator: templates, records and clean text in a fixed mixture."""

from __future__ import annotations

import functools
import pathlib
import random
from collections.abc import Callable, Iterator

from . import builders, negatives
from .grammar import Context, read_templates, render
from .style import Segment, assemble, restyle

Tree = tuple[object, ...]
Sample = tuple[str, list[tuple[int, int, str]]]
_FOLDER = pathlib.Path(__file__).parent / "templates"


@functools.cache
def templates() -> dict[str, tuple[Tree, ...]]:
    """The parsed templates of each file in `templates/`, by file name."""
    return {p.stem: read_templates(p) for p in sorted(_FOLDER.glob("*.txt"))}


@functools.cache
def _pools() -> tuple[list[Tree], list[tuple[Tree, bool]]]:
    positive = [t for name, ts in templates().items() if not name.startswith("neg") for t in ts]
    negative = [
        (t, name == "neg_code") for name, ts in templates().items() if name[:3] == "neg" for t in ts
    ]
    return positive, negative


def _template(rng: random.Random) -> list[Segment]:
    return restyle(render(rng.choice(_pools()[0]), Context(rng)), rng)


def _negative_template(rng: random.Random) -> list[Segment]:
    tree, technical = rng.choice(_pools()[1])
    return restyle(render(tree, Context(rng)), rng, technical)


def _record(rng: random.Random) -> list[Segment]:
    return restyle(builders.build(rng), rng, technical=True)


def _clean(rng: random.Random) -> list[Segment]:
    return [(negatives.clean(rng), None)]


def _long(rng: random.Random) -> list[Segment]:
    out: list[Segment] = []
    size, goal = 0, rng.randint(150, 380) * 6
    kinds: list[Callable[[random.Random], list[Segment]]]
    kinds = [_template, _template, _template, _negative_template, _record, _clean]
    while size < goal:
        part = rng.choice(kinds)(rng)
        part.append((rng.choice(("\n\n", "\n", " ", "\n\n")), None))
        size += sum(len(t) for t, _ in part)
        out += part
    return out[:-1]


_MIX: tuple[tuple[Callable[[random.Random], list[Segment]], float], ...] = (
    (_template, 54.0),
    (_record, 19.0),
    (_negative_template, 11.0),
    (_clean, 13.0),
    (_long, 3.0),
)


def generate(n: int, seed: int) -> Iterator[Sample]:
    """Made-up texts with the exact places of the personal data in them.

    Args:
        n: How many.
        seed: The same seed gives the same samples.

    Yields:
        The text and its spans `(start, end, label)` with the labels PER, LOC, ORG, ADDR, NRP,
        DATE, AGE and TITLE.
    """
    rng = random.Random(seed)
    makers, weights = [m for m, _ in _MIX], [w for _, w in _MIX]
    for _ in range(n):
        yield assemble(rng.choices(makers, weights)[0](rng))
