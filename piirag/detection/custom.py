"""Recognisers of the application's own, in Presidio's dictionary form.

The form is that of Presidio's recogniser files, see its `conf/example_recognizers.yaml`:
``{"name": "Tickets", "supported_entity": "TICKET", "patterns": [{"name": "ticket", "regex":
"TCK-[0-9]{6}", "score": 0.6}], "context": ["ticket"]}``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import regex

from piirag.detection.engines import is_recognizer
from piirag.detection.text import shown_type
from piirag.errors import ConfigurationError
from piirag.policy_checks import Path, PolicyError, did_you_mean

_TEXTS = frozenset({"name", "version", "country_code", "type", "supported_language"})
_KEYS = _TEXTS | {
    "context",
    "deny_list",
    "deny_list_score",
    "enabled",
    "global_regex_flags",
    "patterns",
    "score_thresholds",
    "supported_entities",
    "supported_entity",
    "supported_languages",
}
_PATTERN_KEYS = frozenset({"name", "regex", "score"})


def check_recognizer(recognizer: Any, path: Path) -> None:
    """Check a recogniser that a policy holds.

    Args:
        recognizer: A Presidio `EntityRecognizer`, or a mapping.
        path: Where in the policy it stands.

    Raises:
        PolicyError: Neither of the two, or a mapping that Presidio could not use.
    """
    if is_recognizer(recognizer):
        return
    if not isinstance(recognizer, Mapping):
        raise PolicyError("a recogniser is a Presidio EntityRecognizer or a table", path)
    for key, value in recognizer.items():
        if key not in _KEYS:
            raise PolicyError(
                f"unknown key of a recogniser{did_you_mean(key, _KEYS)}", (*path, key), key=True
            )
        if key in _TEXTS and not isinstance(value, str):
            raise PolicyError(f"{key} must be a string", (*path, key))
    if recognizer.get("type", "custom") != "custom":
        raise PolicyError(
            'type must be "custom"; Presidio\'s own recognisers are switched on by countries',
            (*path, "type"),
        )
    _check_entity(recognizer, path)
    _check_languages(recognizer, path)
    for key in ("context", "deny_list"):
        _strings(recognizer.get(key, ()), (*path, key))
    _score(recognizer.get("deny_list_score", 1.0), (*path, "deny_list_score"))
    if not isinstance(recognizer.get("enabled", True), bool):
        raise PolicyError("enabled must be true or false", (*path, "enabled"))
    patterns = recognizer.get("patterns", ())
    if isinstance(patterns, str | Mapping) or not isinstance(patterns, Sequence):
        raise PolicyError("patterns must be a list", (*path, "patterns"))
    if not patterns and not recognizer.get("deny_list"):
        raise PolicyError("a recogniser needs patterns or a deny_list", path)
    for i, pattern in enumerate(patterns):
        _check_pattern(pattern, (*path, "patterns", i))


def entities_of(recognizer: Any) -> list[str]:
    """The entity types that a recogniser reports."""
    if not isinstance(recognizer, Mapping):
        return list(recognizer.supported_entities)
    named = recognizer.get("supported_entities") or [recognizer["supported_entity"]]
    return [named[0]]


def _check_entity(recognizer: Mapping[str, Any], path: Path) -> None:
    single = recognizer.get("supported_entity")
    several = recognizer.get("supported_entities")
    if (single is None) == (several is None):
        raise PolicyError("a recogniser needs one supported_entity", path)
    if several is not None:
        if not isinstance(several, list | tuple) or len(several) != 1:
            raise PolicyError("give one supported_entity", (*path, "supported_entities"))
        single = several[0]
    if shown_type(single) != single:
        raise PolicyError(
            "an entity type is written in capitals, digits and _",
            (*path, "supported_entity" if several is None else "supported_entities"),
        )


def _check_languages(recognizer: Mapping[str, Any], path: Path) -> None:
    languages = recognizer.get("supported_languages")
    if languages is None:
        return
    here = (*path, "supported_languages")
    if "supported_language" in recognizer:
        raise PolicyError("give supported_language or supported_languages, not both", here)
    if isinstance(languages, str | Mapping) or not isinstance(languages, Sequence):
        raise PolicyError("supported_languages must be a list", here)
    for i, entry in enumerate(languages):
        if isinstance(entry, Mapping):
            if not isinstance(entry.get("language"), str) or set(entry) - {"language", "context"}:
                raise PolicyError("a language is a code, or language and context", (*here, i))
            _strings(entry.get("context", ()), (*here, i, "context"))
        elif not isinstance(entry, str):
            raise PolicyError("a language is a code, or language and context", (*here, i))


def _check_pattern(pattern: Any, path: Path) -> None:
    if not isinstance(pattern, Mapping):
        raise PolicyError("a pattern is a table of name, regex and score", path)
    for key in pattern:
        if key not in _PATTERN_KEYS:
            hint = did_you_mean(key, _PATTERN_KEYS)
            raise PolicyError(f"unknown key of a pattern{hint}", (*path, key), key=True)
    for key in ("name", "regex"):
        if not isinstance(pattern.get(key), str):
            raise PolicyError(f"a pattern needs a {key}", (*path, key))
    if "score" not in pattern:
        raise PolicyError("a pattern needs a score", path)
    _score(pattern["score"], (*path, "score"))
    reason = ""
    try:
        regex.compile(pattern["regex"])
    except regex.error as error:
        reason = f"not a regular expression: {error.msg} at position {error.pos}"
    if reason:
        raise PolicyError(reason, (*path, "regex"))


def _score(value: Any, path: Path) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= 1:
        raise PolicyError(f"{path[-1]} must be between 0 and 1", path)


def _strings(value: Any, path: Path) -> None:
    if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
        raise PolicyError(f"{path[-1]} must be a list of strings", path)
    for i, item in enumerate(value):
        if not isinstance(item, str) or not item:
            raise PolicyError(f"{path[-1]} must be a list of strings; quote numbers", (*path, i))


def build_recognizers(recognizers: Sequence[Any], languages: Sequence[str]) -> list[Any]:
    """The recognisers of a policy as Presidio objects, for the languages at hand.

    Args:
        recognizers: As in `Policy`, checked.
        languages: ISO 639-1 codes.

    Raises:
        ConfigurationError: A recogniser for a language that is not among these, which would never
            run, or one that Presidio refuses.
    """
    built: list[Any] = []
    for i, recognizer in enumerate(recognizers):
        check_recognizer(recognizer, ("recognizers", i))
        if isinstance(recognizer, Mapping):
            built += _from_mapping(recognizer, languages, i)
        elif recognizer.supported_language not in languages:
            raise ConfigurationError(
                f"recognizers[{i}] is for language {recognizer.supported_language}, which is not "
                f"one of the policy's: {', '.join(languages)}"
            )
        else:
            built.append(recognizer)
    return built


def _from_mapping(recognizer: Mapping[str, Any], languages: Sequence[str], i: int) -> list[Any]:
    from presidio_analyzer import PatternRecognizer

    if not recognizer.get("enabled", True):
        return []
    aside = {"enabled", "type", "supported_languages", "score_thresholds", "supported_language"}
    common = {k: v for k, v in recognizer.items() if k not in aside}
    contexts = _contexts(recognizer, languages)
    served = {code: context for code, context in contexts.items() if code in languages}
    if not served:
        raise ConfigurationError(
            f"recognizers[{i}] is for language {', '.join(contexts)}, which is not one of the "
            f"policy's: {', '.join(languages)}"
        )
    built = []
    reason = ""
    try:
        for code, context in served.items():
            made = PatternRecognizer.from_dict(
                {**common, "supported_language": code, "context": context}
            )
            if recognizer.get("score_thresholds"):
                made.score_thresholds = dict(recognizer["score_thresholds"])
            built.append(made)
    except Exception as error:  # noqa: BLE001 - its message may hold words of a deny list
        reason = type(error).__name__
    if reason:
        raise ConfigurationError(f"recognizers[{i}] cannot be built: {reason}")
    return built


def _contexts(recognizer: Mapping[str, Any], languages: Sequence[str]) -> dict[str, Any]:
    """Language -> context words."""
    context = recognizer.get("context")
    if "supported_language" in recognizer:
        return {recognizer["supported_language"]: context}
    contexts = {}
    for entry in recognizer.get("supported_languages") or languages:
        if isinstance(entry, Mapping):
            contexts[entry["language"]] = entry.get("context", context)
        else:
            contexts[entry] = context
    return contexts
