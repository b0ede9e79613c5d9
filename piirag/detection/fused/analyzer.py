"""`FusedAnalyzer`: Presidio's `AnalyzerEngine`, with the same findings in a tenth of the time."""

from __future__ import annotations

import copy
from typing import Any

import regex
from presidio_analyzer import AnalyzerEngine, EntityRecognizer, RecognizerResult
from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer

from piirag.detection.fused.artifacts import LazyArtifacts
from piirag.detection.fused.context import Unusual, enhance
from piirag.detection.fused.plan import Plan
from piirag.detection.fused.results import is_ours, without_duplicates
from piirag.detection.tokens_nlp import TokenNlpEngine

_NAME = RecognizerResult.RECOGNIZER_NAME_KEY
_ID = RecognizerResult.RECOGNIZER_IDENTIFIER_KEY

# A plan is made for each set of entity types asked for; an application has a few.
_MOST_PLANS = 32


class FusedAnalyzer(AnalyzerEngine):  # type: ignore[misc]
    """A drop-in `AnalyzerEngine`: same arguments, same findings, much faster.

    What Presidio's predefined recognisers, and any other `PatternRecognizer`, look for is found
    in one pass (see `scan.py`); phone numbers in another (`phone.py`); NLP artifacts are made
    only if a recogniser or a context rule looks at them. Other recognisers run as they are. One
    that has an attribute `gate` is left out where `gate.search(text)` finds nothing, and likewise
    one with a `shape_gate`, whose `search` is given the shape of the text (see `shape.py`).

    It differs from `AnalyzerEngine` in one thing: a pattern that runs out of time raises
    `DetectionTimeoutError`, where Presidio would carry on without it.

    Requests for the decision process or with recognisers of their own are answered by
    `AnalyzerEngine` itself. Recognisers may be added to and removed from the registry at any
    time, and their patterns replaced; their language and entity types must stay.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._plans: dict[Any, tuple[list[EntityRecognizer], Plan]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_plans": {}}

    def analyze(
        self,
        text: str,
        language: str,
        entities: list[str] | None = None,
        correlation_id: str | None = None,
        score_threshold: float | None = None,
        return_decision_process: bool | None = False,
        ad_hoc_recognizers: list[EntityRecognizer] | None = None,
        context: list[str] | None = None,
        allow_list: list[str] | None = None,
        allow_list_match: str | None = "exact",
        regex_flags: int | None = regex.DOTALL | regex.MULTILINE | regex.IGNORECASE,
        nlp_artifacts: Any = None,
    ) -> list[RecognizerResult]:
        """Find personal data in a text. See `AnalyzerEngine.analyze` for the arguments.

        Raises:
            DetectionTimeoutError: A pattern ran out of its time budget.
            ValueError: No recogniser for this language and these entity types.
        """
        asked = return_decision_process or ad_hoc_recognizers or self.log_decision_process
        if not asked and isinstance(text, str):
            try:
                results = self._find(text, language, entities, context, nlp_artifacts)
            except Unusual:
                pass
            else:
                return self._select(
                    results, score_threshold, allow_list, allow_list_match, text, regex_flags
                )
        found: list[RecognizerResult] = super().analyze(
            text,
            language,
            entities,
            correlation_id,
            score_threshold,
            return_decision_process,
            ad_hoc_recognizers,
            context,
            allow_list,
            allow_list_match,
            regex_flags,
            nlp_artifacts,
        )
        return found

    def candidates(
        self, text: str, language: str, entities: list[str] | None
    ) -> list[RecognizerResult]:
        """What `analyze` chooses from: duplicates are not left out yet."""
        if not self.log_decision_process:
            try:
                found = self._find(text, language, entities, None, None)
            except Unusual:
                pass
            else:
                return [
                    result for by, result in found if result.score >= self._threshold(by, result)
                ]
        return self.analyze(text, language, entities)

    def finds_nothing(self, text: str, language: str, entities: list[str] | None) -> bool:
        """Whether `analyze` certainly finds nothing in a text, told at a glance.

        False says nothing about the text. See `piirag.detection.plain`.
        """
        plan = self._plan(language, entities)
        usual = self._has_usual_context() and not plan.own_context
        return usual and not self.log_decision_process and plan.finds_nothing(text)

    def works_side_by_side(self, language: str, entities: list[str] | None) -> bool:
        """Whether several texts are looked at in less time at once than one after another.

        That is so with the bundled model, which runs outside Python's lock. A recogniser or an
        engine of somebody else's is spared the threads.
        """
        if not isinstance(self.nlp_engine, TokenNlpEngine):
            return False
        kinds = [type(r) for r in self._plan(language, entities).recognizers]
        waits = any("passes_over_plain_words" in vars(kind) for kind in kinds)
        return waits and all(is_ours(kind) for kind in kinds)

    def _plan(self, language: str, entities: list[str] | None) -> Plan:
        key = (language, tuple(entities) if entities else None)
        known = self._plans.get(key)
        if known is not None and known[0] == self.registry.recognizers and known[1].is_current():
            return known[1]
        registered = list(self.registry.recognizers)
        recognizers = self.registry.get_recognizers(
            language=language, entities=entities, all_fields=not entities
        )
        wanted = list(entities or self.get_supported_entities(language=language))
        plan = Plan(recognizers, wanted)
        if len(self._plans) >= _MOST_PLANS:
            self._plans = {}
        self._plans[key] = registered, plan
        return plan

    def _find(
        self,
        text: str,
        language: str,
        entities: list[str] | None,
        context: list[str] | None,
        artifacts: Any,
    ) -> list[tuple[Any, RecognizerResult]]:
        """The results before selection, each with its recogniser."""
        plan = self._plan(language, entities)
        if not artifacts:
            engine = self.nlp_engine
            if isinstance(engine, TokenNlpEngine):
                artifacts = engine.process_text(text, language)
            else:
                artifacts = LazyArtifacts(engine, text, language)
        stock_context = plan.own_context or not self._has_usual_context()
        found: list[tuple[Any, RecognizerResult]] = []
        for recognizer, results, are_new in plan.run(text, artifacts, stock_context):
            for result in results:
                if not are_new:
                    _name(result, recognizer)
                    if result.recognition_metadata[_ID] != recognizer.id:
                        raise Unusual
                found.append((recognizer, result if are_new else copy.deepcopy(result)))
        if not stock_context:
            if found:
                enhance(found, artifacts, self.context_aware_enhancer, context)
            return found
        enhanced = self._enhance_using_context(
            text, [result for _, result in found], artifacts, plan.recognizers, context
        )
        by_id = {recognizer.id: recognizer for recognizer in plan.recognizers}
        return [(by_id.get((r.recognition_metadata or {}).get(_ID)), r) for r in enhanced]

    def _has_usual_context(self) -> bool:
        return (
            type(self.context_aware_enhancer) is LemmaContextAwareEnhancer
            and type(self)._enhance_using_context is AnalyzerEngine._enhance_using_context
        )

    def _select(
        self,
        found: list[tuple[Any, RecognizerResult]],
        score_threshold: float | None,
        allow_list: list[str] | None,
        allow_list_match: str | None,
        text: str,
        regex_flags: int | None,
    ) -> list[RecognizerResult]:
        """Thresholds, duplicates and allowed words, in Presidio's order."""
        results = [
            result
            for recognizer, result in found
            if result.score
            >= (self._threshold(recognizer, result) if score_threshold is None else score_threshold)
        ]
        results = without_duplicates(results)
        if allow_list:
            results = self._remove_allow_list(
                results, allow_list, text, regex_flags, allow_list_match
            )
        for result in results:
            result.analysis_explanation = None
        return results

    def _threshold(self, recognizer: Any, result: RecognizerResult) -> float:
        thresholds = recognizer.score_thresholds if recognizer is not None else {}
        for name in (result.entity_type, "default"):
            if name in thresholds:
                return float(thresholds[name])
        return float(self.default_score_threshold)


def _name(result: RecognizerResult, recognizer: EntityRecognizer) -> None:
    """Say which recogniser a result is of, where the recogniser did not."""
    if not result.recognition_metadata:
        result.recognition_metadata = {}
    result.recognition_metadata.setdefault(_ID, recognizer.id)
    result.recognition_metadata.setdefault(_NAME, recognizer.name)
