"""Numbers in data, which carry no mark of what they are: which count as personal data.

Presidio scores a telephone or bank number without context below `SURE`. So a bare number counts
only where its form proves it (a card's check digit), or where its key says so.
"""

from __future__ import annotations

from collections.abc import Iterable

from piirag.detection.finding import Finding

SURE = 0.5
"""A finding that scores less leaves a number a number."""

_SHORTEST = 7
_SHORTEST_UNDER_A_KEY = 3


def may_be_personal(shown: str, context: str = "") -> bool:
    """Whether a number is long enough to be looked at.

    Args:
        shown: The number as it is written.
        context: What it is to be understood by: ``"passport: "``, or nothing.
    """
    return len(shown) >= (_SHORTEST_UNDER_A_KEY if context else _SHORTEST)


def sure(findings: Iterable[Finding]) -> list[Finding]:
    """Those findings for which a number is replaced."""
    return [finding for finding in findings if finding.score >= SURE]
