"""One line of the checklist, and the whole of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

PASS, FAIL, UNKNOWN, NOT_APPLICABLE = "pass", "fail", "unknown", "not applicable"


@dataclass(frozen=True)
class Line:
    """One question and its answer.

    Args:
        id: What the line is called; stable, for CI.
        question: What is asked.
        status: ``"pass"``, ``"fail"``, ``"unknown"``: it cannot be seen from here, or
            ``"not applicable"``.
        evidence: What the answer rests on. It holds no personal data.
    """

    id: str
    question: str
    status: str
    evidence: tuple[str, ...] = ()

    def __str__(self) -> str:
        told = "; ".join(self.evidence)
        return f"{self.status.upper():<14} {self.id}: {self.question}" + (
            f"\n{'':<15}{told}" if told else ""
        )


@dataclass(frozen=True)
class Report:
    """All lines.

    Args:
        lines: In the order of the checklist.
        version: The version of piirag.
    """

    lines: tuple[Line, ...]
    version: str

    def counts(self) -> dict[str, int]:
        """Status -> number of lines."""
        return {
            status: sum(line.status == status for line in self.lines)
            for status in (PASS, FAIL, UNKNOWN, NOT_APPLICABLE)
        }

    def passed(self, *, strict: bool = False) -> bool:
        """Whether no line fails.

        Args:
            strict: What cannot be seen counts as failed.
        """
        bad = {FAIL, UNKNOWN} if strict else {FAIL}
        return not any(line.status in bad for line in self.lines)

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON-ready data."""
        return {
            "version": self.version,
            "passed": self.passed(),
            "passed_strict": self.passed(strict=True),
            "counts": self.counts(),
            "lines": [asdict(line) for line in self.lines],
        }

    def __str__(self) -> str:
        counts = ", ".join(f"{n} {status}" for status, n in self.counts().items() if n)
        return "\n".join([*map(str, self.lines), counts])


def worst(states: Sequence[str]) -> str:
    """The status of several together: the worst of them."""
    for status in (FAIL, UNKNOWN, PASS):
        if status in states:
            return status
    return NOT_APPLICABLE
