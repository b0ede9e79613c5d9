"""What the recognisers of this package share: a gate, folded text, results in Presidio's form."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

from presidio_analyzer import (
    AnalysisExplanation,
    EntityRecognizer,
    LocalRecognizer,
    RecognizerResult,
)

SURE = 1.0
"""Score of a value whose checksum is right, as Presidio has it."""

LABELLED = 0.6
"""Score of a value that a label names."""


class Gate(Protocol):
    """A cheap test that passes on every text in which its recogniser can find something."""

    def search(self, text: str, /) -> Any:
        """Something true where the recogniser has to look."""


class Cues:
    """A gate of words: passes where all words of one of the cues stand in the text, in any case.

    Looking for a fixed word costs a fraction of a microsecond per KB, so a gate of a hundred
    words is cheaper than one pattern.

    Args:
        cues: Each a string of words with a blank between them, without accents; "~" stands for a
            blank within a word. A word is found inside other words, too.
    """

    def __init__(self, *cues: str) -> None:
        words = {
            tuple(sorted({word.replace("~", " ") for word in folded(cue).split()})) for cue in cues
        }
        # A cue that holds all words of another says nothing more.
        kept: list[tuple[str, ...]] = []
        for cue in sorted(words, key=lambda cue: (len(cue), cue)):
            if not any(all(any(w in v for v in cue) for w in shorter) for shorter in kept):
                kept.append(cue)
        self.cues = tuple(kept)

    def search(self, text: str) -> bool:
        """Whether one of the cues stands in the text."""
        return self.stands_in(folded(text))

    def stands_in(self, low: str) -> bool:
        """The same, for a text that is folded already."""
        for cue in self.cues:
            for word in cue:
                if word not in low:
                    break
            else:
                return True
        return False

    def __repr__(self) -> str:
        return f"Cues({len(self.cues)})"


class AnyGate:
    """Passes where one of several gates passes."""

    def __init__(self, *gates: Gate) -> None:
        self.gates = gates

    def search(self, text: str) -> bool:
        """Whether one of the gates passes."""
        return any(gate.search(text) for gate in self.gates)


_ACCENTED = re.compile("[\u00c0-\u017f]")


def _plain(letter: str) -> str:
    special = {"ß": "s", "æ": "a", "œ": "o", "ø": "o", "ł": "l", "đ": "d", "ı": "i", "ð": "d"}
    low = "i" if letter == "\u0130" else letter.lower()
    return special.get(low) or unicodedata.normalize("NFD", low)[0]


_PLAIN = {chr(code): _plain(chr(code)) for code in range(0xC0, 0x180)}


def folded(text: str) -> str:
    """The text in lower case, without the accents of Latin letters; offsets hold.

    Labels are looked for in this form: `"Geburtsdatum"`, `"NÚMERO"` and `"numero"` agree.
    """
    if text.isascii():
        return text.lower()
    return _ACCENTED.sub(lambda match: _PLAIN[match.group()], text).lower()


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
            cls.gate = AnyGate(*dict.fromkeys(f.gate for f in cls.FORMS))

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
        for each in self.FORMS:
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
