"""Finding quasi-identifiers: the cue words of a text decide which few rules look where."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from piirag.detection.finding import Finding
from piirag.detection.quasi import birth, home, status, work
from piirag.detection.quasi.context import Reader
from piirag.detection.quasi.words import Phrases, Scan, longest_first

RECOGNIZER = "QuasiIdentifiers"
"""The recogniser's name in findings of quasi-identifiers."""

_SCORE = 0.6

Rule = Callable[[Reader, int, int], Iterable[tuple[str, int, int]]]

_cues: dict[str, Rule] = {**status.CUES, **work.CUES, **birth.CUES, **home.CUES}
CUES = Phrases(_cues)
"""Words that stand beside quasi-identifiers, each with its rule."""


def find_quasi(scan: Scan, findings: Iterable[Finding] = (), offset: int = 0) -> list[Finding]:
    """Find quasi-identifiers in one window of a text.

    Args:
        scan: The window and its words.
        findings: What a detector found, in the text that the window is part of: people, places
            and organisations help to understand what stands beside them.
        offset: Where the window begins in that text.

    Returns:
        Findings in order of position; they do not overlap. Offsets are those of the whole text.
    """
    reader = Reader(scan, findings, offset)
    hits = list(_hits(scan, reader))
    return [
        Finding(kind, offset + start, offset + end, _SCORE, RECOGNIZER)
        for start, end, kind in longest_first(hits)
    ]


def _hits(scan: Scan, reader: Reader) -> Iterator[tuple[int, int, str]]:
    for start, end, rule in CUES.find(scan):
        for kind, low, high in rule(reader, start, end):
            if low < high:
                yield low, high, kind
    if reader.people or "[PERSON" in scan.text:
        for kind, low, high in birth.beside_names(reader):
            yield low, high, kind
