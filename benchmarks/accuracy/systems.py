"""The systems that are compared, each as a function from a text to the spans it would mask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.accuracy.metrics import Find, Found

COUNTRIES = ("us", "gb", "de", "fr", "es", "it", "nl", "pl", "in", "au")

PIIRAG = "piirag"
PRESIDIO = "Presidio, stock patterns"


class Piirag:
    """piirag's `Redactor`: what it replaces, where it stood in the text that was passed in.

    Args:
        policy: Fields of `Policy`.

    Attributes:
        stopped: Texts that were not let through, because detection failed. They count as texts
            in which nothing was found.
    """

    def __init__(self, **policy: Any) -> None:
        from piirag import Policy, Redactor

        self.stopped = 0
        self._redactor = Redactor(Policy(**policy))
        self._redactor.redact("The engine is built on first use.")

    def __call__(self, text: str) -> list[Found]:
        from piirag.errors import DetectionError

        try:
            findings = self._redactor.redact(text).findings
        except DetectionError:
            self.stopped += 1
            return []
        return [(f.start, f.end, f.entity_type) for f in findings]


def presidio(nlp_engine: Any) -> Find:
    """Presidio's analyzer as installed: its default recognisers, types and threshold."""
    import tldextract.tldextract
    from presidio_analyzer import AnalyzerEngine

    # Its e-mail recogniser fetches a list of domains on first use; the list in the package does.
    tldextract.tldextract.TLD_EXTRACTOR.suffix_list_urls = ()
    analyzer = AnalyzerEngine(nlp_engine=nlp_engine)

    def find(text: str) -> list[Found]:
        return [(r.start, r.end, r.entity_type) for r in analyzer.analyze(text, language="en")]

    return find


def _spacy_engine(pipeline: Any) -> Any:
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    engine = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": "given"}])
    engine.nlp = {"en": pipeline}
    return engine


def stock_presidio() -> Find:
    """Presidio over a blank spaCy pipeline: what there is where no model can be downloaded."""
    import spacy

    return presidio(_spacy_engine(spacy.blank("en")))


def _with_model(name: str) -> Callable[[], Find]:
    def build() -> Find:
        import spacy

        return presidio(_spacy_engine(spacy.load(name)))

    return build


def systems() -> dict[str, Callable[[], Find]]:
    """Name -> builder, in the order of the tables. English spaCy models count where installed."""
    import spacy.util

    found: dict[str, Callable[[], Find]] = {
        PIIRAG: Piirag,
        "piirag, countries": lambda: Piirag(countries=COUNTRIES),
        "piirag, patterns only": lambda: Piirag(model="none"),
        PRESIDIO: stock_presidio,
    }
    for name in sorted(spacy.util.get_installed_models()):
        if name.startswith("en_"):
            found[f"Presidio, {name}"] = _with_model(name)
    return found
