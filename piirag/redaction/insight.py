"""What a text says about a person beside its direct identifiers, and what the policy makes of it.

Quasi-identifiers and special categories are looked for in the text as it is, with the findings of
the detector at hand; the detector does not run again.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from piirag.detection.finding import Finding
from piirag.detection.quasi import QUASI_TYPES, Assessment, assess, is_quasi
from piirag.detection.quasi.assess import scanned
from piirag.detection.quasi.words import Scan
from piirag.detection.spans import Span
from piirag.detection.special import SPECIAL_TYPES, special_categories
from piirag.detection.stretches import outside
from piirag.detection.text import WORD
from piirag.detection.windows import WINDOW
from piirag.policy import Policy


@dataclass(frozen=True)
class Insight:
    """What a text says about a person beside its direct identifiers.

    Args:
        quasi: Quasi-identifiers, with a warning where enough of them stand in one chunk.
        special: Data of special categories.
    """

    quasi: Assessment = field(default_factory=Assessment)
    special: tuple[Finding, ...] = ()


def look_deeper(
    text: str,
    spans: Sequence[Span],
    policy: Policy,
    *,
    protected: Sequence[tuple[int, int]] = (),
    context: int = 0,
) -> tuple[list[Span], Insight]:
    """Find quasi-identifiers and special categories, and add those that are to be replaced.

    Args:
        text: The text, as it was before anything was replaced.
        spans: What is replaced anyway.
        policy: Whether to look, and what becomes of what is found. Where its `entities` name
            types of these two sorts, those and no others are replaced.
        protected: Stretches that hold tokens already.
        context: So many characters at the start are there to be understood by.

    Returns:
        The spans with those that were added, in order of position, and what was found, offsets
        counted from the end of the context.
    """
    if policy.quasi_identifiers == "off" and policy.special_categories == "off":
        return list(spans), Insight()
    findings = [span.finding for span in spans]
    # The words of a long text are not kept in memory all at once.
    scans = scanned(text) if len(text) <= WINDOW else None
    quasi = _assess(text, findings, policy, scans, protected, context)
    special: list[Finding] = []
    if policy.special_categories != "off":
        found = special_categories(text, findings, scans=scans)
        special = _outside(found, [(0, context), *protected])
    chosen = [f for f in (*quasi.findings, *special) if _is_replaced(policy, f)]
    insight = Insight(
        replace(quasi, findings=tuple(_shifted(quasi.findings, context))),
        tuple(_shifted(special, context)),
    )
    return _with_spans(text, spans, chosen, protected), insight


def replaces_insight(policy: Policy) -> bool:
    """Whether a policy replaces quasi-identifiers or special categories."""
    deeper = policy.quasi_identifiers in {"redact", "generalize"}
    return deeper or policy.special_categories == "redact"


def _assess(
    text: str,
    findings: Sequence[Finding],
    policy: Policy,
    scans: list[tuple[int, Scan]] | None,
    protected: Sequence[tuple[int, int]],
    context: int,
) -> Assessment:
    if policy.quasi_identifiers == "off":
        return Assessment()
    return assess(
        text,
        findings,
        threshold=policy.quasi_threshold,
        scans=scans,
        outside=[(0, context), *protected] if context else protected,
    )


def _is_replaced(policy: Policy, finding: Finding) -> bool:
    """Whether a quasi-identifier or special category is replaced."""
    quasi = is_quasi(finding.entity_type)
    threshold = policy.thresholds.get(finding.entity_type, 0.0)
    if finding.score < threshold:
        return False
    named = set(policy.entities or ()) & (QUASI_TYPES if quasi else SPECIAL_TYPES)
    if named:
        return finding.entity_type in named
    if quasi:
        return policy.quasi_identifiers in {"redact", "generalize"}
    return policy.special_categories == "redact"


def _outside(findings: Iterable[Finding], taken: Iterable[tuple[int, int]]) -> list[Finding]:
    """The findings that lie outside of stretches in order."""
    stretches = [span for span in taken if span[0] < span[1]]
    return [f for f in findings if (f.start, f.end) in outside(f.start, f.end, stretches)]


def _shifted(findings: Iterable[Finding], by: int) -> list[Finding]:
    if not by:
        return list(findings)
    return [replace(f, start=f.start - by, end=f.end - by) for f in findings]


def _with_spans(
    text: str,
    spans: Sequence[Span],
    chosen: Sequence[Finding],
    protected: Sequence[tuple[int, int]],
) -> list[Span]:
    """Add what is to be replaced too; where it overlaps what is replaced anyway, the rest of it."""
    if not chosen:
        return list(spans)
    taken = sorted([*((s.finding.start, s.finding.end) for s in spans), *protected])
    result = list(spans)
    for finding in sorted(chosen, key=lambda f: (f.start, -f.end)):
        for start, end in list(outside(finding.start, finding.end, taken)):
            if WORD.search(text, start, end):
                result.append(Span(replace(finding, start=start, end=end), text[start:end]))
                bisect.insort(taken, (start, end))
    return sorted(result, key=lambda span: span.finding.start)
