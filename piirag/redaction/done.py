"""A text of a call that was redacted: what it takes to replace more of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from piirag.detection.spans import Span
from piirag.redaction.assembly import Assembly, Mark
from piirag.redaction.result import Redaction


@dataclass(frozen=True, repr=False)
class Done:
    """A redacted text.

    Args:
        redaction: What became of it.
        made: The text with its replaced stretches.
        marks: What was replaced, by its place in the original.
        mentions: The type and identity of what was replaced, by its place in the original.
        version: Of the values of the call, when the text was last searched for them.
    """

    redaction: Redaction
    made: Assembly
    marks: Sequence[Mark]
    mentions: Mapping[tuple[int, int], tuple[str, str]]
    version: int

    def __repr__(self) -> str:
        return f"Done({self.redaction!r})"


def moved(spans: list[Span], by: int) -> list[Span]:
    """Spans so many characters further on."""
    if not by:
        return spans
    return [
        Span(
            replace(s.finding, start=s.finding.start + by, end=s.finding.end + by),
            s.value,
        )
        for s in spans
    ]
