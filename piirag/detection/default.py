"""The detector that is used where none is given."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from piirag.detection.protocol import Detector

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine

_lock = threading.Lock()
_engines: dict[tuple[str, ...], Any] = {}


def default_detector(
    *,
    languages: Sequence[str] = ("en",),
    entities: Iterable[str] | None = None,
    analyzer: AnalyzerEngine | None = None,
) -> Detector:
    """Presidio's predefined recognisers on a pipeline that needs no download and no network.

    The engine behind it is built once a process and shared; this call is cheap after the first.

    Args:
        languages: ISO 639-1 codes of the texts.
        entities: Presidio entity types to look for; None for all but `DATE_TIME`, `URL`
            and `UUID`.
        analyzer: Your own Presidio engine (with a spaCy, transformers or GLiNER model), used
            instead of the shared one.

    Returns:
        A detector that may be shared by threads.

    Raises:
        ConfigurationError: A language or entity type that is not known.
    """
    from piirag.detection.presidio import PresidioDetector, offline_analyzer

    if analyzer is None:
        key = tuple(languages)
        with _lock:
            analyzer = _engines.get(key)
            if analyzer is None:
                analyzer = _engines[key] = offline_analyzer(key)
    return PresidioDetector(analyzer, entities=entities)
