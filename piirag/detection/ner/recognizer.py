"""The bundled model as a Presidio recogniser."""

from __future__ import annotations

from typing import Any

from presidio_analyzer import AnalysisExplanation, EntityRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts

from piirag.detection.ner.labels import ENTITY_TYPES, LEAST
from piirag.detection.ner.tagger import Tagger, shared_tagger
from piirag.detection.text import replace_surrogates

NAME = "BundledNerRecognizer"


class BundledNerRecognizer(EntityRecognizer):  # type: ignore[misc]
    """Finds persons, places, street addresses, organisations, nationalities, dates and ages.

    A small neural network that comes with the package: no download, no torch. It works in any
    `AnalyzerEngine`:

        analyzer.registry.add_recognizer(BundledNerRecognizer())

    The score is 0.35 for the least certain finding that is reported and 1.0 for a certain one,
    whatever the type, so that one threshold means the same for all. `docs/accuracy.md` has its
    measured recall.

    Args:
        supported_language: ISO 639-1 code under which it is registered. It was trained on
            English text with names of many languages.
        tagger: The model; the one that the process shares if None.
        name: Name of the recogniser in results.
    """

    def __init__(
        self,
        supported_language: str = "en",
        tagger: Tagger | None = None,
        name: str = NAME,
    ) -> None:
        self._tagger = tagger
        super().__init__(
            supported_entities=sorted(set(ENTITY_TYPES.values())),
            name=name,
            supported_language=supported_language,
            version="1",
        )

    def load(self) -> None:
        """Load the weights, once a process."""
        if self._tagger is None:
            self._tagger = shared_tagger()

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        """Find mentions. See Presidio's `EntityRecognizer.analyze`."""
        wanted = set(entities) if entities else set(self.supported_entities)
        if not wanted.intersection(self.supported_entities):
            return []
        self.load()
        assert self._tagger is not None
        results = []
        for mention in self._tagger.tag(replace_surrogates(text), LEAST):
            entity_type = ENTITY_TYPES.get(mention.kind)
            if entity_type is None or entity_type not in wanted:
                continue
            results.append(
                RecognizerResult(
                    entity_type=entity_type,
                    start=mention.start,
                    end=mention.end,
                    score=_score(mention.probability, LEAST[mention.kind]),
                    analysis_explanation=AnalysisExplanation(
                        recognizer=self.name,
                        original_score=mention.probability,
                        textual_explanation=f"the bundled model takes it for {mention.kind}",
                    ),
                    recognition_metadata=self._metadata(),
                )
            )
        return results

    def _metadata(self) -> dict[str, Any]:
        return {
            RecognizerResult.RECOGNIZER_NAME_KEY: self.name,
            RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: self.id,
        }


def _score(probability: float, least: float) -> float:
    """0.35 for the least probability that counts, 1.0 for certainty."""
    return round(0.35 + 0.65 * max(0.0, probability - least) / (1 - least), 4)
