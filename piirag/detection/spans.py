"""From findings to the spans that are replaced: checked, filtered, merged, attributed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from piirag.detection.finding import Finding
from piirag.detection.known import KnownValues
from piirag.detection.protocol import Detector
from piirag.detection.text import WORD, normal_form
from piirag.errors import ConfigurationError, DetectionError
from piirag.policy import Policy


@dataclass(frozen=True, repr=False)
class Span:
    """A stretch of text to replace, and the value it stands for.

    Args:
        finding: Where it stands.
        value: The value: the text itself, or the full name that a part of a name belongs to.
    """

    finding: Finding
    value: str

    @property
    def key(self) -> tuple[str, str]:
        """What decides whether two spans mean the same value."""
        kind = self.finding.entity_type
        return kind, normal_form(kind, self.value)

    def __repr__(self) -> str:
        return f"Span({self.finding})"


def find_spans(
    text: str,
    *,
    detector: Detector,
    policy: Policy,
    known: Sequence[KnownValues] = (),
    protected: Sequence[tuple[int, int]] = (),
    language: str | None = None,
) -> list[Span]:
    """Find what has to be replaced in a text.

    Args:
        text: The text.
        detector: Finds entities.
        policy: Which entity types and scores count.
        known: Values the application knows; earlier indices win.
        protected: Stretches that hold tokens already; findings that touch them are cut back.
        language: ISO 639-1 code; the policy's first language if None.

    Returns:
        Spans in order of position; they do not overlap.

    Raises:
        DetectionError: The detector failed or returned nonsense. Nothing may be let through.
    """
    candidates: list[tuple[Finding, str]] = []
    for finding in run_detector(detector, text, language or policy.language):
        if policy.wants(finding.entity_type, finding.score):
            candidates.append((finding, text[finding.start : finding.end]))
    local = KnownValues({"PERSON": [v for f, v in candidates if f.entity_type == "PERSON"]})
    for rank, index in enumerate((*known, local)):
        name = "KnownValue" if index is not local else "SameDocument"
        for match in index.find(text):
            surface = text[match.start : match.end]
            if index is local and match.part and not surface[0].isupper():
                continue
            alone = match.part and match.owners > 1
            value = surface if alone else match.value.value
            score = 1.0 - rank * 1e-6
            candidates.append(
                (Finding(match.value.entity_type, match.start, match.end, score, name), value)
            )
    cut = [c for candidate in candidates for c in _cut(candidate, protected)]
    return _merge(text, cut)


def run_detector(detector: Detector, text: str, language: str) -> list[Finding]:
    """Run a detector and check what it returns.

    Raises:
        DetectionError: It raised, or returned anything but findings that lie in the text.
    """
    if not text or text.isspace():
        return []
    failed: str | None = None
    found: list[Finding] = []
    try:
        found = list(detector.detect(text, language=language))
    except (DetectionError, ConfigurationError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, its message may hold the text
        failed = f"{type(error).__module__}.{type(error).__qualname__}"
    if failed is not None:
        raise DetectionError("the detector failed", error_type=failed)
    for finding in found:
        if not _sane(finding, len(text)):
            raise DetectionError("the detector returned a finding that does not fit the text")
    return found


def _sane(finding: object, length: int) -> bool:
    return (
        isinstance(finding, Finding)
        and isinstance(finding.entity_type, str)
        and bool(finding.entity_type)
        and type(finding.start) is int
        and type(finding.end) is int
        and 0 <= finding.start < finding.end <= length
        and isinstance(finding.score, int | float)
        and 0 <= finding.score <= 1
    )


def _cut(
    candidate: tuple[Finding, str], protected: Sequence[tuple[int, int]]
) -> Iterable[tuple[Finding, str]]:
    """Take the protected stretches out of a candidate; what is left of it stays covered."""
    finding = candidate[0]
    touching = [p for p in protected if p[0] < finding.end and finding.start < p[1]]
    if not touching:
        return [candidate]
    pieces = []
    start = finding.start
    for low, high in [*sorted(touching), (finding.end, finding.end)]:
        if start < low:
            piece = Finding(finding.entity_type, start, low, finding.score, finding.recognizer)
            pieces.append((piece, ""))
        start = max(start, high)
    return pieces


def _merge(text: str, candidates: list[tuple[Finding, str]]) -> list[Span]:
    """Join overlapping candidates; the union is covered, the longest gives type and value."""
    spans: list[Span] = []
    group: list[tuple[Finding, str]] = []
    end = -1
    for candidate in sorted(candidates, key=lambda c: (c[0].start, c[0].end)):
        if group and candidate[0].start >= end:
            spans.extend(_united(text, group))
            group = []
        group.append(candidate)
        end = max(end, candidate[0].end) if len(group) > 1 else candidate[0].end
    if group:
        spans.extend(_united(text, group))
    return spans


def _united(text: str, group: list[tuple[Finding, str]]) -> Iterable[Span]:
    start = min(f.start for f, _ in group)
    end = max(f.end for f, _ in group)
    best, value = max(group, key=lambda c: (c[0].end - c[0].start, c[0].score, c[0].entity_type))
    surface = text[start:end]
    if not WORD.search(surface):
        return []
    if (best.start, best.end) != (start, end) or not value:
        value = surface
    return [Span(Finding(best.entity_type, start, end, best.score, best.recognizer), value)]
