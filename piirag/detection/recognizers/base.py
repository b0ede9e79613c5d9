"""What the recognisers of this package share: a gate, folded text, results in Presidio's form."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

from presidio_analyzer import (
    AnalysisExplanation,
    EntityRecognizer,
    LocalRecognizer,
    RecognizerResult,
)

from piirag.detection.recognizers.signs import register_labels, register_texts, signs_of

SURE = 1.0
"""Score of a value whose checksum is right, as Presidio has it."""

LABELLED = 0.6
"""Score of a value that a label names."""


class Gate(Protocol):
    """A cheap test that passes on every text in which its recogniser can find something."""

    def search(self, text: str, /) -> Any:
        """Something true where the recogniser has to look."""


class Labels:
    """A gate: whether one of some labels may stand in the text.

    Args:
        labels: In the form of `piirag.detection.recognizers.keyed.Rule`.
    """

    def __init__(self, *labels: str) -> None:
        self.labels = frozenset(labels)
        register_labels(self.labels)

    def search(self, text: str) -> bool:
        """Whether one of them may."""
        return not self.labels.isdisjoint(signs_of(text).labels)


class Begins:
    """A gate: whether one of some texts may begin a word, in upper and lower case as it is."""

    def __init__(self, *texts: str) -> None:
        self.texts = frozenset(texts)
        register_texts(self.texts)

    def search(self, text: str) -> bool:
        """Whether one of them may."""
        return not self.texts.isdisjoint(signs_of(text).labels)


class Contains:
    """A gate: whether one of some texts stands anywhere, in upper and lower case as it is."""

    def __init__(self, *texts: str) -> None:
        self.texts = texts

    def search(self, text: str) -> bool:
        """Whether one of them does."""
        return any(part in text for part in self.texts)


class Digits:
    """A gate: a pattern that takes so many digits to match.

    Args:
        fewest: So many digits at least stand in any match.
        pattern: Matches wherever the recogniser finds something.
    """

    def __init__(self, fewest: int, pattern: str) -> None:
        self.fewest = fewest
        self._pattern = re.compile(pattern)

    def search(self, text: str) -> bool:
        """Whether the pattern matches."""
        return signs_of(text).digits >= self.fewest and self._pattern.search(text) is not None


class LongRun:
    """A gate: a pattern that takes twenty letters and digits in a row to match."""

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern)

    def search(self, text: str) -> bool:
        """Whether the pattern matches."""
        return signs_of(text).long_run and self._pattern.search(text) is not None


class Mixed:
    """A gate: a pattern that takes a capital and a digit side by side, or almost, to match."""

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern)

    def search(self, text: str) -> bool:
        """Whether the pattern matches."""
        return signs_of(text).mixed and self._pattern.search(text) is not None


class AnyGate:
    """Passes where one of several gates passes. Gates of one kind become one."""

    def __init__(self, *gates: Gate) -> None:
        labels = [gate for gate in gates if isinstance(gate, Labels)]
        begins = [gate for gate in gates if isinstance(gate, Begins)]
        rest = [gate for gate in gates if not isinstance(gate, Labels | Begins)]
        self.gates: list[Gate] = [*dict.fromkeys(rest)]
        if labels:
            self.gates.insert(0, Labels(*(label for gate in labels for label in gate.labels)))
        if begins:
            self.gates.insert(0, Begins(*(text for gate in begins for text in gate.texts)))

    def search(self, text: str) -> bool:
        """Whether one of the gates passes."""
        return any(gate.search(text) for gate in self.gates)


class Hit(NamedTuple):
    """Where a recogniser found something, and by which rule."""

    start: int
    end: int
    score: float
    entity: str
    rule: str


Check = Callable[[str], bool | None]
"""Takes a value; True makes it sure, False drops it, None says nothing."""


@dataclass(frozen=True)
class Form:
    """A form that tells a value without any label.

    Args:
        entity: Entity type.
        pattern: What the value looks like, its surroundings included; the group `value`, if there
            is one, is the finding.
        gate: Passes wherever the pattern matches.
        score: Score where no check says more.
        check: Takes the value.
        around: Takes the text and the span of the value, and says whether it may stand there.
    """

    entity: str
    pattern: re.Pattern[str]
    gate: Gate
    score: float = LABELLED
    check: Check | None = None
    around: Callable[[str, int, int], bool] | None = None

    def find(self, text: str) -> Iterator[Hit]:
        """Where the form stands in a text."""
        group = "value" if "value" in self.pattern.groupindex else 0
        for match in self.pattern.finditer(text):
            verdict = self.check(match[group]) if self.check else None
            score = self.score if verdict is None else SURE if verdict else 0.0
            fits = self.around is None or self.around(text, *match.span(group))
            if score > 0 and fits:
                yield Hit(*match.span(group), score, self.entity, f"form of {self.entity}")


def form(entity: str, pattern: str, gate: str | Gate, **options: Any) -> Form:
    """A form, its patterns given as strings; so may be its gate."""
    if isinstance(gate, str):
        gate = re.compile(gate)
    return Form(entity, re.compile(pattern), gate, **options)


class TextRecognizer(LocalRecognizer):  # type: ignore[misc]
    """Base of the recognisers here: a gate, and `find`.

    Args:
        supported_language: ISO 639-1 code of the texts it is run on. The recognisers know the
            labels of several languages at once, so that of the text hardly matters.
        name: Name in the results; the class's own by default.
    """

    FORMS: ClassVar[Sequence[Form]] = ()
    ENTITIES: ClassVar[tuple[str, ...]] = ()
    gate: Gate

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.FORMS:
            cls.ENTITIES = tuple(dict.fromkeys((*cls.ENTITIES, *(f.entity for f in cls.FORMS))))
            cls.gate = AnyGate(*(f.gate for f in cls.FORMS))

    def __init__(self, supported_language: str = "en", name: str | None = None) -> None:
        super().__init__(
            supported_entities=list(self.ENTITIES),
            supported_language=supported_language,
            name=name or type(self).__name__,
            version="1",
        )

    def load(self) -> None:
        """Nothing to load."""

    def find(self, text: str) -> Iterator[Hit]:
        """What stands in the text, in any order; hits may overlap."""
        alone = len(self.FORMS) == 1  # its gate is the recogniser's, and has let the text pass
        for each in self.FORMS:
            if alone or each.gate.search(text):
                yield from each.find(text)

    def analyze(
        self,
        text: str,
        entities: Sequence[str] | None = None,
        nlp_artifacts: Any = None,
        regex_flags: int | None = None,
    ) -> list[RecognizerResult]:
        """Find entities, as Presidio's recognisers do.

        Args:
            text: A text.
            entities: Types to report; all if None or empty.
            nlp_artifacts: Not needed.
            regex_flags: Not needed.

        Returns:
            Results, none of which lies inside another of its type that scores as high.
        """
        if not self.gate.search(text):
            return []
        wanted = set(entities or self.supported_entities)
        found = {hit for hit in self.find(text) if hit.entity in wanted and hit.score > 0}
        return list(EntityRecognizer.remove_duplicates([self._result(hit) for hit in found]))

    # Nobody else holds the results, and they name their recogniser.
    analyze.makes_new_results = True  # type: ignore[attr-defined]

    def _result(self, hit: Hit) -> RecognizerResult:
        return RecognizerResult(
            entity_type=hit.entity,
            start=hit.start,
            end=hit.end,
            score=hit.score,
            analysis_explanation=AnalysisExplanation(
                recognizer=self.name, original_score=hit.score, pattern_name=hit.rule
            ),
            recognition_metadata={
                RecognizerResult.RECOGNIZER_NAME_KEY: self.name,
                RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: self.id,
            },
        )
