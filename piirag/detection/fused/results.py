"""Presidio's results from matches, as its recognisers make them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from presidio_analyzer import EntityRecognizer, PatternRecognizer, RecognizerResult

from piirag.detection.fused.expression import Expression
from piirag.detection.fused.special import Match

_NAME = RecognizerResult.RECOGNIZER_NAME_KEY
_ID = RecognizerResult.RECOGNIZER_IDENTIFIER_KEY
_LEAST = EntityRecognizer.MIN_SCORE
_MOST = EntityRecognizer.MAX_SCORE


def result_of(
    recognizer: Any, start: int, end: int, score: float, explanation: Any = None
) -> RecognizerResult:
    """A result that names its recogniser."""
    return RecognizerResult(
        recognizer.supported_entities[0],
        start,
        end,
        score,
        explanation,
        {_NAME: recognizer.name, _ID: recognizer.id},
    )


def pattern_results(
    recognizer: Any, expression: Expression, matches: Iterable[Match], text: str, explain: bool
) -> list[RecognizerResult]:
    """What `PatternRecognizer.analyze` makes of the matches of one pattern.

    Args:
        recognizer: The recogniser; its checks decide.
        expression: The pattern.
        matches: Its matches.
        text: The text.
        explain: Whether to attach Presidio's explanations, which context rules of others need.
    """
    results = []
    validates = _is_own(recognizer.validate_result, PatternRecognizer.validate_result)
    invalidates = _is_own(recognizer.invalidate_result, PatternRecognizer.invalidate_result)
    for match in matches:
        start, end = match.span()
        if start == end:
            continue
        value = text[start:end]
        score = expression.pattern.score
        valid = recognizer.validate_result(value) if validates else None
        if valid is not None:
            score = _MOST if valid else _LEAST
        if invalidates and recognizer.invalidate_result(value):
            score = _LEAST
        if score > _LEAST:
            explanation = None
            if explain:
                explanation = _explain(recognizer, expression, valid)
                explanation.score = score
            results.append(result_of(recognizer, start, end, score, explanation))
    return results


def iban_results(
    recognizer: Any, expression: Expression, matches: Iterable[Match], text: str, explain: bool
) -> list[RecognizerResult]:
    """What `IbanRecognizer.analyze` makes of the matches: the longest valid part of each."""
    results = []
    for match in matches:
        start, whole_end = match.span()
        for group in range(len(match.groups()), 0, -1):
            end = match.end(group)
            end = end if end > 0 else whole_end
            if end <= start:
                continue
            score = expression.pattern.score
            valid = recognizer.validate_result(text[start:end])
            if valid is not None:
                score = _MOST if valid else _LEAST
            if score > _LEAST:
                explanation = _explain(recognizer, expression, valid) if explain else None
                results.append(result_of(recognizer, start, end, score, explanation))
                break
    return results


def _is_own(method: Any, inherited: Any) -> bool:
    return getattr(method, "__func__", None) is not inherited


def _explain(recognizer: Any, expression: Expression, valid: bool | None) -> Any:
    pattern = expression.pattern
    return recognizer.build_regex_explanation(
        recognizer.name, pattern.name, pattern.regex, pattern.score, valid, expression.flags
    )


def without_duplicates(results: list[RecognizerResult]) -> list[RecognizerResult]:
    """What `EntityRecognizer.remove_duplicates` returns, in less time where results are few."""
    if not results:
        return []
    if len(results) == 1:
        return results if results[0].score != 0 else []
    distinct: dict[tuple[str, int, int, float], RecognizerResult] = {}
    for r in results:
        distinct.setdefault((r.entity_type, r.start, r.end, r.score), r)
    kept: list[RecognizerResult] = []
    active: list[RecognizerResult] = []
    entity_type = None
    for _, r in sorted(
        ((str(k[0]), k[1], k[1] - k[2], -k[3]), r) for k, r in distinct.items() if r.score != 0
    ):
        if r.entity_type != entity_type:
            entity_type, active = r.entity_type, []
        active = [a for a in active if a.end >= r.start]
        if not any(a.start <= r.start and r.end <= a.end and r.score <= a.score for a in active):
            kept.append(r)
            active.append(r)
    kept.sort(key=lambda r: (-r.score, r.start, r.start - r.end))
    return kept


def is_ours(kind: type) -> bool:
    """Whether a class is Presidio's or piirag's, or what these are made of."""
    return kind.__module__.partition(".")[0] in ("piirag", "presidio_analyzer", "abc")
