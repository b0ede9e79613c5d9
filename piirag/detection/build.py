"""Building the default detector: recognisers, a model and the policy's own, in one engine.

An engine costs up to seconds and hundreds of megabytes to build, so the process shares one for
each configuration. The least recently used is dropped where there are many; whoever uses it keeps
it.
"""

from __future__ import annotations

import copy
import json
import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

from piirag.detection.custom import build_recognizers
from piirag.detection.engines import BUNDLED, NONE, Engine, is_analyzer, load_engine, model_key
from piirag.detection.protocol import Detector
from piirag.errors import ConfigurationError, PiiragError

_MOST_ENGINES = 8

_lock = threading.Lock()
# The configuration's objects are kept with the engine, so that their ids stay theirs.
_engines: OrderedDict[Hashable, tuple[Any, Any]] = OrderedDict()


def build_detector(
    *,
    languages: Sequence[str] = ("en",),
    entities: Iterable[str] | None = None,
    model: Any = BUNDLED,
    countries: Sequence[str] = (),
    recognizers: Sequence[Any] = (),
    seconds_per_kb: float | None = None,
) -> Detector:
    """Build a detector, or take its engine from those that the process shares.

    The arguments are those of `default_detector`.
    """
    from piirag.detection.presidio import PresidioDetector

    analyzer = shared_analyzer(languages, model, countries, recognizers)
    return PresidioDetector(analyzer, entities=entities, seconds_per_kb=seconds_per_kb)


def shared_analyzer(
    languages: Sequence[str], model: Any, countries: Sequence[str], recognizers: Sequence[Any]
) -> Any:
    """The process's `AnalyzerEngine` for a configuration.

    Raises:
        ConfigurationError: A language, model, country or recogniser that cannot be served.
    """
    if is_analyzer(model):
        if recognizers or countries:
            raise ConfigurationError(
                "an AnalyzerEngine has its own recognisers; add yours to its registry"
            )
        return model
    key = engine_key(languages, model, countries, recognizers)
    with _lock:
        if key in _engines:
            _engines.move_to_end(key)
            return _engines[key][0]
        analyzer = _build(tuple(languages), model, tuple(countries), tuple(recognizers))
        _engines[key] = (analyzer, (model, tuple(recognizers)))
        while len(_engines) > _MOST_ENGINES:
            _engines.popitem(last=False)
        return analyzer


def engine_key(
    languages: Sequence[str], model: Any, countries: Sequence[str], recognizers: Sequence[Any]
) -> Hashable:
    """What decides whether two configurations may share an engine."""
    return (
        tuple(languages),
        model_key(model),
        tuple(sorted(countries)),
        tuple(_recognizer_key(recognizer) for recognizer in recognizers),
    )


def _recognizer_key(recognizer: Any) -> Hashable:
    if isinstance(recognizer, Mapping):
        return json.dumps(recognizer, sort_keys=True, default=repr)
    return ("object", id(recognizer))


def _build(
    languages: tuple[str, ...],
    model: Any,
    countries: tuple[str, ...],
    recognizers: tuple[Any, ...],
) -> Any:
    engine = Engine() if model == BUNDLED else load_engine(model, languages)
    own = [*engine.recognizers, *build_recognizers(recognizers, languages)]
    reason = ""
    try:
        return _assemble(languages, model, countries, engine.nlp_engine, own)
    except PiiragError as error:
        raise error from None
    except Exception as error:  # noqa: BLE001 - whatever Presidio says of a configuration
        reason = type(error).__name__
    raise ConfigurationError(f"Presidio cannot use this configuration: {reason}")


def _assemble(
    languages: tuple[str, ...],
    model: Any,
    countries: tuple[str, ...],
    nlp_engine: Any,
    own: Sequence[Any],
) -> Any:
    from piirag.detection.presidio import _harden, offline_analyzer

    # A shallow copy takes the time budget; the caller's object stays as it is.
    hardened = [_harden(copy.copy(recognizer)) for recognizer in own]
    return offline_analyzer(
        languages,
        nlp_engine,
        countries=countries,
        model=BUNDLED if model == BUNDLED else NONE,
        recognizers=hardened,
    )
