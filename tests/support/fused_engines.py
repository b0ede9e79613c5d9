"""Presidio's engine and ours over the same recognisers, and texts for both."""

from __future__ import annotations

import inspect
import random
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import presidio_analyzer.predefined_recognizers as predefined
import spacy
from presidio_analyzer import AnalyzerEngine, PatternRecognizer, RecognizerRegistry
from presidio_analyzer.nlp_engine import SpacyNlpEngine
from presidio_analyzer.predefined_recognizers import PhoneRecognizer
from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider

from piirag.detection import presidio
from piirag.detection.fused import FusedAnalyzer
from piirag.detection.tokens_nlp import TokenNlpEngine
from support.pattern_samples import Sampler, spoiled

NOT_BY_DEFAULT = presidio.NOT_BY_DEFAULT


class BlankSpacy(SpacyNlpEngine):
    """Presidio's spaCy engine over pipelines without a model."""

    def __init__(self, languages: Sequence[str] = ("en",)) -> None:
        super().__init__(models=[{"lang_code": c, "model_name": "blank"} for c in languages])
        self.nlp = {code: spacy.blank(code) for code in languages}


def hardened(recognizers: Iterable[Any]) -> list[Any]:
    """Without the network, and with time budgets, as piirag runs them."""
    return [presidio._harden(r) for r in recognizers if type(r).__name__ != "SpacyRecognizer"]


def default_recognizers(language: str = "en") -> list[Any]:
    """What Presidio switches on by default."""
    configuration = {"supported_languages": [language]}
    provider = RecognizerRegistryProvider(registry_configuration=configuration)
    return hardened(provider.create_recognizer_registry().recognizers)


def all_recognizers() -> list[Any]:
    """Every predefined recogniser of patterns or phone numbers, each for English."""
    kinds = (getattr(predefined, name) for name in dir(predefined))
    wanted = dict.fromkeys(
        kind
        for kind in kinds
        if inspect.isclass(kind) and issubclass(kind, PatternRecognizer | PhoneRecognizer)
    )
    return hardened(kind(supported_language="en") for kind in wanted)


class Pair:
    """Both engines over the same registry and the same NLP engine."""

    def __init__(self, recognizers: Sequence[Any], nlp: Any = None, language: str = "en") -> None:
        registry = RecognizerRegistry(recognizers=recognizers, supported_languages=[language])
        nlp = nlp if nlp is not None else TokenNlpEngine([language])
        options = {
            "registry": registry,
            "nlp_engine": nlp,
            "supported_languages": [language],
        }
        self.language = language
        self.registry = registry
        self.stock = AnalyzerEngine(**options)
        self.fused = FusedAnalyzer(**options)

    def findings(self, text: str, **options: Any) -> tuple[Any, Any]:
        """What both find; where a recogniser raises, what it raises."""
        return tuple(_run(e, text, self.language, options) for e in (self.stock, self.fused))

    def differences(self, text: str, **options: Any) -> list[Any]:
        """Nothing where both find the same, else what stock finds and what the fused one does."""
        stock, fused = self.findings(text, **options)
        return [] if fused == stock else [stock, fused]

    def agreed(self, text: str, **options: Any) -> list[Any]:
        """What both find, which must be the same."""
        stock, fused = self.findings(text, **options)
        assert fused == stock
        found: list[Any] = stock
        return found


def _run(engine: Any, text: str, language: str, options: dict[str, Any]) -> Any:
    try:
        results = engine.analyze(text, language=language, **options)
    except (KeyError, ValueError) as error:
        # Some checks of Presidio's raise on digits of other scripts.
        return f"{type(error).__name__}"
    return [
        (r.entity_type, r.start, r.end, r.score, r.recognition_metadata, r.analysis_explanation)
        for r in results
    ]


@cache
def samplers() -> list[tuple[Any, Any, Sampler]]:
    """Recogniser, pattern, and a maker of texts for it; of every predefined pattern."""
    return [
        (recognizer, pattern, Sampler(pattern.regex))
        for recognizer in all_recognizers()
        for pattern in getattr(recognizer, "patterns", ())
    ]


@cache
def valid_values() -> list[str]:
    """Values that the recognisers' own checks accept, found by trying."""
    rng = random.Random(20)
    values = list(_FIXED)
    for recognizer, _, sampler in samplers():
        for _ in range(1_500):
            value = sampler.sample(rng)
            try:
                valid = recognizer.validate_result(value)
            except (KeyError, ValueError, IndexError, AttributeError):
                continue
            if valid or valid is None:
                values.append(value)
                break
    return values


_FIXED = [
    "jane.roe@example.com",
    "o'neil+tag@mail.example.co.uk",
    "DE89370400440532013000",
    "GB82 WEST 1234 5698 7654 32",
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
    "+1 415-555-2671",
    "(415) 555-2671 ext. 12",
    "+44 20 7946 0958",
    "030 901820",
    "310-1234",
    "2001:db8::ff00:42:8329",
    "::ffff:192.0.2.128",
    "192.0.2.17/24",
    "https://www.example.com/a?b=c",
    '"example.org/path"',
    "http://münchen.example.de",
    "4111 1111 1111 1111",
    "2024-05-06T07:08:09Z",
    "12-MAY-2020",
    "123e4567-e89b-12d3-a456-426614174000",
    "00:1A:2B:3C:4D:5E",
]

GLUE = [
    *("", " ", "\n", ", ", ": ", "-", ".", "@", '"', "'", "(", ")", "_", "/", "\t", "  ", "::"),
    *(
        "é",
        "ß",
        "ſ",
        "K",
        "ı",
        "٣",
        "\u00a0",
        "\u200b",
        "😀",
        "a",
        "0",
        "x",
        " ext ",
        "+",
        "#",
        "www.",
    ),
]


def mixture(rng: random.Random) -> str:
    """A text of valid and nearly valid values of every type, joined in any way."""
    pieces: list[str] = []
    for _ in range(rng.randint(1, 6)):
        recognizer, _, sampler = rng.choice(samplers())
        value = rng.choice(valid_values()) if rng.random() < 0.4 else sampler.sample(rng)
        if rng.random() < 0.3:
            value = spoiled(value, rng)
        if recognizer.context and rng.random() < 0.2:
            pieces += [rng.choice(recognizer.context), rng.choice(GLUE)]
        pieces += [value, rng.choice(GLUE)]
    return "".join(pieces)
