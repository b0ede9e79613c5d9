"""The detector that is used where none is given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from piirag.detection.protocol import Detector

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine


def default_detector(
    *,
    languages: Sequence[str] = ("en",),
    entities: Iterable[str] | None = None,
    analyzer: AnalyzerEngine | None = None,
    model: Any = "bundled",
    countries: Sequence[str] = (),
    recognizers: Sequence[Any] = (),
    seconds_per_kb: float | None = None,
) -> Detector:
    """Presidio's recognisers and a model for names, with no download and no network.

    The engine behind it is built once a process for each configuration and shared; this call is
    cheap after the first.

    Args:
        languages: ISO 639-1 codes of the texts.
        entities: Presidio entity types to look for; None for all but `DATE_TIME`, `URL`
            and `UUID`.
        analyzer: Your own Presidio engine, used as it is; short for ``model=analyzer``.
        model: What finds names: ``"bundled"``, ``"none"``, ``"spacy:NAME"``, ``"stanza:CODE"``,
            ``"transformers:NAME"``, ``"gliner:NAME"``, a mapping in the form of Presidio's NLP
            engine configuration, or a Presidio `NlpEngine`, `EntityRecognizer` or
            `AnalyzerEngine`.
        countries: As in `Policy`.
        recognizers: As in `Policy`.
        seconds_per_kb: As in `Policy`.

    Returns:
        A detector that may be shared by threads.

    Raises:
        MissingDependencyError: A library that the model needs is not installed.
        ConfigurationError: A language, country or entity type that is not known, a model that is
            not on this machine, or a recogniser that cannot work.
    """
    from piirag.detection.build import build_detector
    from piirag.policy_checks import checked_countries

    return build_detector(
        languages=languages,
        entities=entities,
        model=analyzer if analyzer is not None else model,
        countries=checked_countries(countries),
        recognizers=recognizers,
        seconds_per_kb=seconds_per_kb,
    )
