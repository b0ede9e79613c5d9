"""The bundled model as a Presidio recogniser."""

from __future__ import annotations

from typing import Any

from presidio_analyzer import AnalysisExplanation, EntityRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts

from piirag.detection.ner.labels import ENTITY_TYPES, LEAST, NOT_NAMES
from piirag.detection.ner.tagger import Reading, Tagger, shared_tagger
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

    # Where `gate.is_nameless` says so of a text, names are not looked for.
    passes_over_plain_words = True

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
        reading = self.begin(text, entities, ahead=False)
        return [] if reading is None else self.finish(reading, entities)

    analyze.may_begin = True  # type: ignore[attr-defined]
    # Nobody else holds the results, and they name their recogniser.
    analyze.makes_new_results = True  # type: ignore[attr-defined]

    def begin(self, text: str, entities: list[str], *, ahead: bool = True) -> Reading | None:
        """Begin to read a text in threads of the process; `finish` is `analyze` from there.

        Args:
            text: The text.
            entities: As for `analyze`.
            ahead: Whether the caller has something else to do first.

        Returns:
            None if none of these entity types is found here.
        """
        wanted = self._wanted(entities)
        if not wanted:
            return None
        self.load()
        assert self._tagger is not None
        return self._tagger.begin(
            replace_surrogates(text), names_only=NOT_NAMES.isdisjoint(wanted), ahead=ahead
        )

    def finish(self, reading: Reading, entities: list[str]) -> list[RecognizerResult]:
        """The results for a text that `begin` was given."""
        wanted = self._wanted(entities)
        results = []
        for mention in reading.mentions(LEAST):
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

    def _wanted(self, entities: list[str]) -> frozenset[str]:
        supported = frozenset(self.supported_entities)
        return supported.intersection(entities) if entities else supported

    def _metadata(self) -> dict[str, Any]:
        return {
            RecognizerResult.RECOGNIZER_NAME_KEY: self.name,
            RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: self.id,
        }


def _score(probability: float, least: float) -> float:
    """0.35 for the least probability that counts, 1.0 for certainty."""
    return round(0.35 + 0.65 * max(0.0, probability - least) / (1 - least), 4)
