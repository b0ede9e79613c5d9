"""Whether the quasi-identifiers of one chunk, put together, single a person out."""

from __future__ import annotations

import bisect
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from piirag.detection.finding import Finding
from piirag.detection.quasi.find import RECOGNIZER, find_quasi
from piirag.detection.quasi.kinds import is_quasi, kind_of
from piirag.detection.quasi.words import Scan
from piirag.detection.windows import windows

log = logging.getLogger("piirag.quasi")

CHUNK = 2000
"""Characters that count as one chunk, where a whole document is looked at before it is split."""


@dataclass(frozen=True)
class QuasiWarning:
    """Several quasi-identifiers stand close enough together to single a person out.

    Args:
        kinds: What they tell: ``"birth"``, ``"place"``, ``"employer"``, ``"job"``,
            ``"nationality"``, ``"gender"``, ``"family"``, ``"education"``.
        counts: Entity type -> number of findings in the whole text.
    """

    kinds: tuple[str, ...]
    counts: dict[str, int] = field(hash=False)

    def __str__(self) -> str:
        return f"quasi-identifiers of {len(self.kinds)} kinds combine: {', '.join(self.kinds)}"


@dataclass(frozen=True)
class Assessment:
    """The quasi-identifiers of a text: where they stand, never what they say.

    Args:
        findings: Where they stand, in order of position.
        warning: Set where enough kinds of them stand in one chunk.
    """

    findings: tuple[Finding, ...] = ()
    warning: QuasiWarning | None = None

    @property
    def counts(self) -> dict[str, int]:
        """Entity type -> number of findings."""
        return dict(Counter(f.entity_type for f in self.findings))

    @property
    def kinds(self) -> tuple[str, ...]:
        """What the findings tell, sorted."""
        return tuple(sorted({kind_of(f.entity_type) for f in self.findings}))

    def __repr__(self) -> str:
        return f"Assessment({self.counts}, warning={self.warning is not None})"


def assess(
    text: str,
    findings: Iterable[Finding] = (),
    *,
    threshold: int = 3,
    scans: Iterable[tuple[int, Scan]] | None = None,
    outside: Sequence[tuple[int, int]] = (),
) -> Assessment:
    """Find the quasi-identifiers of a text, and say whether enough of them combine.

    Age and date of birth count as one kind, and so do postcode and city. A line without values
    goes to the logger `piirag.quasi` at level INFO where a warning is set.

    Args:
        text: The text, as it was before anything was replaced.
        findings: What a detector found in it. Quasi-identifiers among them count; people, places
            and organisations help to understand what stands beside them.
        threshold: So many different kinds in one chunk (`CHUNK` characters) are enough.
        scans: The windows of the text with their words, where the caller has them already.
        outside: Stretches in order that do not count, such as tokens.

    Returns:
        Findings and warning.
    """
    given = sorted(findings)
    by_start = sorted(given, key=lambda f: f.start)
    found: set[Finding] = {f for f in given if is_quasi(f.entity_type)}
    theirs = _Covered([*((f.start, f.end) for f in found), *outside])
    for offset, scan in scans if scans is not None else scanned(text):
        near = (
            by_start
            if offset == 0 and len(scan.text) == len(text)
            else _within(by_start, offset, offset + len(scan.text))
        )
        found.update(f for f in find_quasi(scan, near, offset) if not theirs.touches(f))
    ordered = tuple(sorted(found, key=lambda f: (f.start, f.end, f.entity_type)))
    kinds = _densest(ordered)
    if len(kinds) < threshold:
        return Assessment(ordered)
    warning = QuasiWarning(tuple(sorted(kinds)), dict(Counter(f.entity_type for f in ordered)))
    log.info("%s", warning)
    return Assessment(ordered, warning)


def scanned(text: str) -> list[tuple[int, Scan]]:
    """The windows of a text with their words."""
    return [(offset, Scan(window)) for offset, window in windows(text)]


class _Covered:
    """Stretches that findings cover."""

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        self._spans = sorted(spans)

    def touches(self, finding: Finding) -> bool:
        """Whether one of them overlaps a finding."""
        at = bisect.bisect_left(self._spans, finding.end, key=lambda span: span[0])
        # Findings of one type do not overlap, so the few before this one are enough to look at.
        return any(end > finding.start for _, end in self._spans[max(0, at - 4) : at])


def _within(by_start: Sequence[Finding], low: int, high: int) -> Sequence[Finding]:
    first = bisect.bisect_left(by_start, low - CHUNK, key=lambda f: f.start)
    last = bisect.bisect_left(by_start, high, key=lambda f: f.start)
    return by_start[first:last]


def _densest(findings: Sequence[Finding]) -> set[str]:
    """The most different kinds that stand within one chunk's length."""
    best: set[str] = set()
    here: Counter[str] = Counter()
    first = 0
    for finding in findings:
        here[kind_of(finding.entity_type)] += 1
        while finding.end - findings[first].start > CHUNK:
            kind = kind_of(findings[first].entity_type)
            here[kind] -= 1
            if not here[kind]:
                del here[kind]
            first += 1
        if len(here) > len(best):
            best = set(here)
    return best


__all__ = ["CHUNK", "RECOGNIZER", "Assessment", "QuasiWarning", "assess", "scanned"]
