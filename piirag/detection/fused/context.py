"""Raising scores by the words around a result, as Presidio's `LemmaContextAwareEnhancer` does.

Presidio's own enhancer copies all results, and for each looks through the tokens of the text from
its beginning. Here the place is found by bisection, and the tokens are made only if some result
has a recogniser with context words.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from typing import Any

from presidio_analyzer import RecognizerResult
from presidio_analyzer.context_aware_enhancers import ContextAwareEnhancer

_MOST = ContextAwareEnhancer.MAX_SCORE
_ENHANCED = RecognizerResult.IS_SCORE_ENHANCED_BY_CONTEXT_KEY


class Unusual(Exception):
    """Something that the short way is not meant for."""


class Words:
    """The words around places of a text, looked up in what an NLP engine made of it.

    Args:
        artifacts: Presidio's `NlpArtifacts`.
    """

    def __init__(self, artifacts: Any) -> None:
        self._lemmas = [lemma.lower() for lemma in artifacts.lemmas]
        self._keywords = frozenset(artifacts.keywords)
        starts = artifacts.tokens_indices
        lengths = [len(token) for token in artifacts.tokens]
        self._ends = [start + length for start, length in zip(starts, lengths, strict=False)]
        if 0 in lengths or self._ends != sorted(self._ends):
            raise Unusual

    def around(self, start: int, before: int, after: int) -> list[str]:
        """Keywords around the token at an offset, itself included.

        Args:
            start: Offset of a result.
            before: Keywords to take before the token.
            after: Keywords to take after it.

        Returns:
            The words in lower case, nearest first.

        Raises:
            Unusual: There is no token at or after the offset.
        """
        if not self._ends:
            return [""]
        token = bisect.bisect_right(self._ends, start)
        if token == len(self._ends):
            raise Unusual
        backward = range(token, -1, -1)
        forward = range(token, len(self._lemmas))
        return [*self._take(backward, before + 1), *self._take(forward, after + 1)]

    def _take(self, places: Iterable[int], most: int) -> Iterable[str]:
        for place in places:
            if most <= 0 or place >= len(self._lemmas):
                return
            lemma = self._lemmas[place]
            if lemma in self._keywords:
                most -= 1
                yield lemma


def enhance(
    results: Sequence[tuple[Any, RecognizerResult]],
    artifacts: Any,
    enhancer: Any,
    context: Sequence[str] | None,
) -> None:
    """Raise the scores of results whose context words stand near.

    Args:
        results: Recogniser and result; the results are changed in place.
        artifacts: Presidio's `NlpArtifacts`, of the whole text.
        enhancer: Presidio's enhancer, for its settings.
        context: Words of the caller, taken to stand near every result.
    """
    if enhancer.context_similarity_factor < 0:
        raise Unusual
    words: Any = None
    given = [word.lower() for word in context or ()]
    text = None if given else getattr(artifacts, "folded_text", None)
    hopeless: dict[int, bool] = {}
    for recognizer, result in results:
        if not recognizer.context or result.recognition_metadata.get(_ENHANCED):
            continue
        if result.score == _MOST and result.analysis_explanation is None:
            continue  # cannot be raised
        if text is not None:
            # A word that is nowhere in the text is not near the result either.
            lost = hopeless.get(id(recognizer))
            if lost is None:
                lost = not any(word.lower() in text for word in recognizer.context)
                hopeless[id(recognizer)] = lost
            if lost:
                continue
        if words is None:
            # piirag's own artifacts know their words without making Presidio's lists.
            words = artifacts if hasattr(type(artifacts), "around") else Words(artifacts)
        near = words.around(
            result.start, enhancer.context_prefix_count, enhancer.context_suffix_count
        )
        supportive = _supportive(
            [*near, *given], recognizer.context, enhancer.context_matching_mode
        )
        if supportive is not None:
            raised = max(
                result.score + enhancer.context_similarity_factor,
                enhancer.min_score_with_context_similarity,
            )
            result.score = min(raised, _MOST)
            explanation = result.analysis_explanation
            if explanation is not None:
                explanation.set_supportive_context_word(supportive)
                explanation.set_improved_score(result.score)


def _supportive(words: Sequence[str], wanted: Iterable[str], mode: str) -> str | None:
    """The first of the wanted words that is among the words, or part of one."""
    if mode == "whole_word":
        known = {word.lower() for word in words}
        return next((w for w in wanted if w.lower() in known), None)
    joined = "\n".join(words).lower()
    for word in wanted:
        lower = word.lower()
        if lower in joined and ("\n" not in lower or any(lower in w.lower() for w in words)):
            return word or None
    return None
