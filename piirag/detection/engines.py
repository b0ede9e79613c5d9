"""Which model finds names: one option, from a word to a Presidio engine of your own.

The models run through Presidio's own engines. Nothing is downloaded when text is about to be
looked at: Presidio, stanza and the Hugging Face libraries fetch a missing model on first use,
piirag raises an error that says how to fetch it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from piirag.errors import ConfigurationError, MissingDependencyError, PiiragError
from piirag.policy_checks import PolicyError, did_you_mean

BUNDLED = "bundled"
NONE = "none"
GLINER = "gliner"

_NAMED = ("spacy", "stanza", "transformers", GLINER)
_IN_FORM = (*_NAMED, "slim", "no_op")
_FORMS = f'"{BUNDLED}", "{NONE}", ' + ", ".join(f'"{n}:MODEL"' for n in _NAMED)

# What GLiNER is asked for, and the entity types that its answers are.
_GLINER_LABELS = {
    "person": "PERSON",
    "organization": "ORGANIZATION",
    "location": "LOCATION",
    "address": "LOCATION",
    "nationality": "NRP",
}


@dataclass(frozen=True)
class Engine:
    """What a model adds to Presidio's analyzer.

    Args:
        nlp_engine: A loaded Presidio `NlpEngine`, or None.
        recognizers: Recognisers that hold a model of their own.
    """

    nlp_engine: Any = None
    recognizers: tuple[Any, ...] = ()


def check_model(model: Any) -> None:
    """Check the form of a policy's `model`; loads nothing.

    Raises:
        PolicyError: A form that is none of those `Policy` names.
    """
    if isinstance(model, str):
        name, colon, rest = model.partition(":")
        if model in (BUNDLED, NONE) or (name in _NAMED and colon and rest.strip()):
            return
        hint = did_you_mean(name, (BUNDLED, NONE, *_NAMED))
        raise PolicyError(f"model must be one of {_FORMS}, or Presidio's configuration{hint}")
    if isinstance(model, Mapping):
        _check_configuration(model)
    elif not (is_analyzer(model) or _is_nlp_engine(model) or is_recognizer(model)):
        raise PolicyError("model is neither a name, a configuration, nor an engine of Presidio")


def _check_configuration(model: Mapping[str, Any]) -> None:
    name = model.get("nlp_engine_name")
    if name not in _IN_FORM:
        raise PolicyError(
            f"nlp_engine_name must be one of {', '.join(_IN_FORM)}{did_you_mean(name, _IN_FORM)}",
            ("nlp_engine_name",) if name is not None else (),
        )
    if name == GLINER:
        if not isinstance(model.get("model_name"), str):
            raise PolicyError("gliner needs a model_name")
    else:
        _check_models(model.get("models"))
    try:
        json.dumps(model)
    except (TypeError, ValueError, RecursionError):
        raise PolicyError("a model configuration holds text, numbers, lists and tables") from None


def _check_models(models: Any) -> None:
    if isinstance(models, str | Mapping) or not isinstance(models, Sequence) or not models:
        raise PolicyError("a model configuration needs a list, models", ("models",))
    for i, entry in enumerate(models):
        if not isinstance(entry, Mapping) or not {"lang_code", "model_name"} <= set(entry):
            raise PolicyError("a model needs lang_code and model_name", ("models", i))


def is_analyzer(model: Any) -> bool:
    """Whether this is an `AnalyzerEngine`."""
    return hasattr(model, "analyze") and hasattr(model, "registry")


def is_recognizer(model: Any) -> bool:
    """Whether this is an `EntityRecognizer`."""
    return hasattr(model, "analyze") and hasattr(model, "supported_entities")


def _is_nlp_engine(model: Any) -> bool:
    return hasattr(model, "process_text") and hasattr(model, "get_supported_entities")


def model_key(model: Any) -> object:
    """What decides whether two models are the same one. Objects are, if they are identical."""
    if isinstance(model, str):
        return model
    if isinstance(model, Mapping):
        return ("configuration", json.dumps(model, sort_keys=True))
    return ("object", id(model))


def load_engine(model: Any, languages: Sequence[str]) -> Engine:
    """Load a model.

    Args:
        model: Any form that `check_model` accepts but `"bundled"` and an `AnalyzerEngine`.
        languages: ISO 639-1 codes that it has to serve.

    Raises:
        MissingDependencyError: The library is not installed.
        ConfigurationError: The model is not on this machine or cannot be loaded.
    """
    check_model(model)
    if model == NONE:
        return Engine()
    if _is_nlp_engine(model):
        return Engine(nlp_engine=model)
    if is_recognizer(model):
        return Engine(recognizers=(model,))
    configuration = _configuration(model, languages)
    name = configuration["nlp_engine_name"]
    reason = ""
    try:
        if name == GLINER:
            return Engine(recognizers=_gliner(configuration, languages))
        return Engine(nlp_engine=_nlp_engine(configuration))
    except PiiragError as error:
        raise error from None
    except Exception as error:  # noqa: BLE001 - whatever a library says when it cannot load
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    raise ConfigurationError(f"cannot load the {name} model: {reason}")


def _configuration(model: Any, languages: Sequence[str]) -> dict[str, Any]:
    """A model in the form of Presidio's configuration, with a model for every language."""
    if isinstance(model, str):
        engine, _, name = model.partition(":")
        if engine == GLINER:
            return {"nlp_engine_name": GLINER, "model_name": name}
        if engine in ("spacy", "stanza") and len(languages) > 1:
            raise ConfigurationError(
                f"{engine} has a model for each language; with several languages, give model in "
                "the form of Presidio's configuration"
            )
        names: Any = {"spacy": "blank", "transformers": name} if engine == "transformers" else name
        models = [{"lang_code": code, "model_name": names} for code in languages]
        return {"nlp_engine_name": engine, "models": models}
    configuration = copy.deepcopy(dict(model))
    if configuration["nlp_engine_name"] != GLINER:
        there = {entry["lang_code"] for entry in configuration["models"]}
        missing = [code for code in languages if code not in there]
        if missing:
            raise ConfigurationError(f"the model configuration has none for {', '.join(missing)}")
    return configuration


def _nlp_engine(configuration: dict[str, Any]) -> Any:
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    from piirag.detection.offline_engines import ENGINES, offline

    name = configuration["nlp_engine_name"]
    available = [engine for engine in ENGINES if engine.is_available]
    if name not in {engine.engine_name for engine in available}:
        raise MissingDependencyError(name, name)
    provider = NlpEngineProvider(nlp_engines=tuple(available), nlp_configuration=configuration)
    with offline():
        return provider.create_engine()


def _gliner(configuration: dict[str, Any], languages: Sequence[str]) -> tuple[Any, ...]:
    from presidio_analyzer.predefined_recognizers import GLiNERRecognizer
    from presidio_analyzer.predefined_recognizers.ner import gliner_recognizer

    from piirag.detection.offline_engines import local_model, offline

    if gliner_recognizer.GLiNER is None:
        raise MissingDependencyError("gliner", GLINER)
    options = {k: v for k, v in configuration.items() if k != "nlp_engine_name"}
    options["model_name"] = local_model(options["model_name"])
    if "supported_entities" not in options:
        options.setdefault("entity_mapping", _GLINER_LABELS)
    with offline():
        first = GLiNERRecognizer(supported_language=languages[0], local_files_only=True, **options)
    made = [first]
    for code in languages[1:]:
        other = copy.copy(first)  # one model serves every language
        other.supported_language = code
        made.append(other)
    return tuple(made)
