"""Pseudonyms that nobody here has issued: another user's, or a value's that was not stored.

What has the form of a pseudonym may be one, or a name that somebody wrote so. A detector looks at
it either way. Where it finds something inside, all of it is replaced: cut in two, it would be
neither a pseudonym nor readable, and it comes back whole with the reply.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from piirag.detection.spans import Span
from piirag.policy import Policy
from piirag.redaction import tokens


def whole_tokens(
    text: str, spans: list[Span], protected: Sequence[tuple[int, int]], policy: Policy
) -> list[Span]:
    """Spans that touch a strange pseudonym, made to cover it.

    Args:
        text: The text.
        spans: In order of position; they do not overlap.
        protected: Stretches that hold tokens of one's own.
        policy: Tells whether the type that the token names is treated as the one found.

    Returns:
        Spans in order of position; they do not overlap.
    """
    if not spans or "[" not in text:
        return spans
    own = set(protected)
    strange = [m for m in tokens.PSEUDONYM.finditer(text) if m.span() not in own]
    if not strange:
        return spans
    covering: list[Span] = []
    waiting = iter(strange)
    token = next(waiting, None)
    for span in spans:
        finding = span.finding
        if covering and finding.start < covering[-1].finding.end:
            # Inside a token that is covered, or reaching out of it.
            last = covering.pop()
            end = max(finding.end, last.finding.end)
            finding = replace(last.finding, end=end)
        while token is not None and token.end() <= finding.start:
            token = next(waiting, None)
        touched = False
        while token is not None and token.start() < finding.end:
            start, end = min(token.start(), finding.start), max(token.end(), finding.end)
            kind = finding.entity_type
            if (start, end) == token.span() and _alike(token["type"], kind, policy):
                kind = token["type"]
            finding = replace(finding, entity_type=kind, start=start, end=end)
            touched = True
            token = next(waiting, None)
        changed = touched or finding is not span.finding
        value = text[finding.start : finding.end] if changed else span.value
        covering.append(Span(finding, value))
    return covering


def _alike(named: str, found: str, policy: Policy) -> bool:
    return policy.wants(named, 1.0) and policy.operator(named) == policy.operator(found)
