"""Which recognisers answer a request, and how each of them is run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from presidio_analyzer import EntityRecognizer, PatternRecognizer, RecognizerResult
from presidio_analyzer.predefined_recognizers import IbanRecognizer, PhoneRecognizer

from piirag.detection.fused.expression import Expression
from piirag.detection.fused.phone import PhoneScan
from piirag.detection.fused.results import (
    iban_results,
    pattern_results,
    result_of,
    without_duplicates,
)
from piirag.detection.fused.scan import Scanner
from piirag.detection.fused.shape import DIGIT, shape_of

if TYPE_CHECKING:
    from piirag.detection.plain import PlainText

_VALID = 1  # the leniency of phonenumbers that Presidio uses


class Plan:
    """How to answer requests for the same entity types in the same language.

    Args:
        recognizers: The recognisers that Presidio would run, in its order.
        entities: The entity types that Presidio would pass to them.
    """

    def __init__(self, recognizers: Sequence[EntityRecognizer], entities: list[str]) -> None:
        self.recognizers = list(recognizers)
        self._entities = entities
        self._gates = [getattr(r, "gate", None) for r in self.recognizers]
        self._shape_gates = [getattr(r, "shape_gate", None) for r in self.recognizers]
        # Expression number -> place of its recogniser.
        self._owners: list[int] = []
        self._expressions: list[Expression] = []
        self._patterns: list[tuple[Any, list[Any]]] = []
        self._phones: list[tuple[int, PhoneScan]] = []
        self._plain: list[int] = []
        for place, recognizer in enumerate(self.recognizers):
            self._file(place, recognizer)
        self._scanner = Scanner(self._expressions)
        others = [self.recognizers[place] for place in self._plain]
        self._plain_text = _plain_text(self._scanner, others, entities)
        self.own_context = any(_has_own_context(r) for r in self.recognizers)

    def is_current(self) -> bool:
        """Whether the recognisers still have the patterns they had."""
        return all(recognizer.patterns == patterns for recognizer, patterns in self._patterns)

    def finds_nothing(self, text: str) -> bool:
        """Whether it is certain beforehand that nothing is found. False says nothing."""
        return self._plain_text is not None and self._plain_text.holds(text)

    def _file(self, place: int, recognizer: Any) -> None:
        if not recognizer.is_loaded:
            recognizer.load()
            recognizer.is_loaded = True
        if _runs_as(recognizer, PatternRecognizer) or _runs_as(recognizer, IbanRecognizer):
            flags = recognizer.global_regex_flags
            try:
                expressions = [Expression(pattern, flags) for pattern in recognizer.patterns]
            except ValueError:
                self._plain.append(place)
                return
            self._expressions += expressions
            self._owners += [place] * len(expressions)
            self._patterns.append((recognizer, list(recognizer.patterns)))
        elif type(recognizer) is PhoneRecognizer and recognizer.leniency == _VALID:
            try:
                self._phones.append((place, PhoneScan(recognizer.supported_regions)))
            except (AttributeError, TypeError, ValueError):
                self._plain.append(place)
        else:
            self._plain.append(place)

    def run(
        self, text: str, artifacts: Any, explain: bool
    ) -> list[tuple[EntityRecognizer, list[RecognizerResult], bool]]:
        """Run the recognisers.

        Args:
            text: The text.
            artifacts: What an NLP engine makes of it.
            explain: Whether results carry Presidio's explanations.

        Returns:
            In Presidio's order: a recogniser with results, its results, and whether they are
            new, so that nobody else holds them.
        """
        # The model reads in threads while the patterns are looked for.
        begun: dict[int, Any] = {}
        try:
            for place in self._plain:
                recognizer: Any = self.recognizers[place]
                if getattr(recognizer.analyze, "may_begin", False):
                    begun[place] = recognizer.begin(text, self._entities)
            return self._run(text, artifacts, explain, begun)
        finally:
            for reading in begun.values():
                if reading is not None:
                    reading.cancel()

    def _run(
        self, text: str, artifacts: Any, explain: bool, begun: dict[int, Any]
    ) -> list[tuple[EntityRecognizer, list[RecognizerResult], bool]]:
        found: dict[int, list[RecognizerResult]] = {}
        shape = shape_of(text)
        for number, matches in self._scanner.matches(text, shape):
            place = self._owners[number]
            recognizer: Any = self.recognizers[place]
            if self._is_open(place, text, shape):
                is_iban = isinstance(recognizer, IbanRecognizer)
                make = iban_results if is_iban else pattern_results
                made = make(recognizer, self._expressions[number], matches, text, explain)
                if made:
                    found.setdefault(place, []).extend(made)
        for place, scan in self._phones:
            if DIGIT in shape and self._is_open(place, text, shape):
                made = list(_phone_results(self.recognizers[place], scan, text, explain))
                if made:
                    found[place] = made
        for place in found:
            if not isinstance(self.recognizers[place], IbanRecognizer):
                found[place] = without_duplicates(found[place])
        own = set(found)
        for place in self._plain:
            if self._is_open(place, text, shape):
                recognizer = self.recognizers[place]
                if place in begun:
                    reading = begun[place]
                    made = recognizer.finish(reading, self._entities) if reading else []
                else:
                    made = recognizer.analyze(
                        text=text, entities=self._entities, nlp_artifacts=artifacts
                    )
                if made:
                    found[place] = list(made)
                    if getattr(recognizer.analyze, "makes_new_results", False):
                        own.add(place)
        return [(self.recognizers[p], found[p], p in own) for p in sorted(found)]

    def _is_open(self, place: int, text: str, shape: str) -> bool:
        shape_gate, gate = self._shape_gates[place], self._gates[place]
        if shape_gate is not None and shape_gate.search(shape) is None:
            return False
        return gate is None or bool(gate.search(text))


def _plain_text(scanner: Scanner, others: list[Any], entities: list[str]) -> PlainText | None:
    from piirag.detection.plain import PlainText  # it imports this package

    try:
        return PlainText(scanner, others, entities)
    except ValueError:
        return None


def _runs_as(recognizer: Any, kind: Any) -> bool:
    """Whether a recogniser finds what this class finds, checks of its own aside."""
    if not isinstance(recognizer, kind) or "analyze" in vars(recognizer):
        return False
    owners = (c for c in type(recognizer).__mro__ if "analyze" in vars(c))
    # A class that only watches the time says so; time is watched here.
    owner = next(c for c in owners if not vars(c).get("only_watches_time", False))
    return owner is kind


def _has_own_context(recognizer: Any) -> bool:
    own = type(recognizer).enhance_using_context is not EntityRecognizer.enhance_using_context
    return own or "enhance_using_context" in vars(recognizer)


def _phone_results(
    recognizer: Any, scan: PhoneScan, text: str, explain: bool
) -> Iterator[RecognizerResult]:
    if explain:
        yield from recognizer.analyze(text, recognizer.supported_entities, None)
        return
    for start, end in scan.find(text):
        yield result_of(recognizer, start, end, recognizer.SCORE)
