"""A policy from a TOML or YAML file, with errors that name the line.

The file holds one table, ``policy``; other tables belong to other parts. Its keys are the
arguments of `Policy`. An operator with parameters is a table that names it as ``type``, as in
Presidio's own JSON: ``CREDIT_CARD = { type = "mask", chars_to_mask = 12 }``.

No message quotes a value: allow and deny lists hold people's names.
"""

from __future__ import annotations

import bisect
import dataclasses
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, TypeVar

from piirag.detection.text import shown_type
from piirag.errors import ConfigurationError
from piirag.policy_checks import Path, PolicyError, did_you_mean
from piirag.toml_lines import TomlPositions

if TYPE_CHECKING:
    from piirag.policy import Policy

_Kind = TypeVar("_Kind", bound="Policy")

TABLE = "policy"

_FORMATS = {".toml": "toml", ".yaml": "yaml", ".yml": "yaml"}
# Whole tables of entity types, and the list of them.
_BY_TYPE = ("thresholds", "operators", "deny")
_TOML_PLACE = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)\s*\Z")
_LISTS = ("entities", "languages", "countries", "recognizers", "allow")


class _Source:
    """A document with the places of what it holds.

    Args:
        text: The document.
        kind: ``"toml"`` or ``"yaml"``.
        name: What messages call it; empty for a text that is in no file.
    """

    def __init__(self, text: str, kind: str, name: str) -> None:
        self._name = name
        self._lines = [0, *(m.end() for m in re.finditer("\n", text))]
        self.keys: dict[Path, int] = {}
        self.values: dict[Path, int] = {}
        self.data: Any = self._toml(text) if kind == "toml" else self._yaml(text)

    def _toml(self, text: str) -> Any:
        reason, at = "", 0
        try:
            data = tomllib.loads(text)
            positions = TomlPositions(text.replace("\r\n", "\n"))
            self._lines = [0, *(m.end() for m in re.finditer("\n", text.replace("\r\n", "\n")))]
            self.keys, self.values = positions.keys, positions.values
            return data
        except tomllib.TOMLDecodeError as error:
            reason, at = self._toml_problem(str(error), len(text))
        except RecursionError:
            reason = "nested too deeply"
        raise self.error(reason, at)

    def _toml_problem(self, said: str, end: int) -> tuple[str, int]:
        """tomllib's words without what they quote, which may be a value, and the offset."""
        match = _TOML_PLACE.search(said)
        at = end
        if match and match.group(1):
            at = self._lines[int(match.group(1)) - 1] + int(match.group(2)) - 1
        said = said[: match.start()] if match else said
        if re.search(r"overwrite|twice|[Dd]uplicate|immutable", said):
            return "the same key twice, or a table opened again", at
        said = re.sub(r"\([^)]*\)|'[^']{2,}'|\"[^\"]{2,}\"", "...", said)
        return f"not TOML: {said}", at

    def _yaml(self, text: str) -> Any:
        from piirag.yaml_lines import YamlPositions, YamlProblem

        try:
            positions = YamlPositions(text)
            self.keys, self.values = positions.keys, positions.values
            return positions.data
        except YamlProblem as error:
            problem = error
        raise self.error(str(problem), problem.at)

    def error(self, message: str, at: int) -> ConfigurationError:
        """An error at an offset."""
        line = bisect.bisect_right(self._lines, at)
        column = at - self._lines[line - 1] + 1
        name = self._name or "policy"
        return ConfigurationError(f"{name}, line {line}, column {column}: {message}")

    def located(self, error: PolicyError, within: Path) -> ConfigurationError:
        """An error with its place, or that of the nearest thing around it."""
        path: Path = (*within, *error.path)
        places = self.keys if error.key else self.values
        while path and path not in places:
            path, places = path[:-1], self.values
        return self.error(str(error), places.get(path, 0))


def policy_from_file(kind: type[_Kind], path: str | os.PathLike[str]) -> _Kind:
    """Read the policy in a file. See `Policy.from_file`."""
    where = FilePath(path)
    form = _FORMATS.get(where.suffix.lower())
    if form is None:
        raise ConfigurationError(f"{where.name}: a policy file ends in .toml, .yaml or .yml")
    reason = ""
    text = ""
    try:
        text = where.read_bytes().decode("utf-8-sig")
    except OSError as error:
        reason = error.strerror or type(error).__name__
    except UnicodeDecodeError:
        reason = "not UTF-8"
    if reason:
        raise ConfigurationError(f"{where}: {reason}")
    return _read(kind, _Source(text, form, str(where)))


def policy_from_text(kind: type[_Kind], text: str, form: str) -> _Kind:
    """Read the policy in a text. See `Policy.from_toml`."""
    if not isinstance(text, str):
        raise ConfigurationError("the text of a policy must be a string")
    return _read(kind, _Source(text, form, ""))


def _read(kind: type[_Kind], source: _Source) -> _Kind:
    """Read, and try: what `Policy` refuses gets its line here."""
    wrong: PolicyError | None = None
    within: Path = ()
    try:
        table = _table(source.data, kind)
        within = (TABLE,)
        arguments = {key: _converted(key, value) for key, value in table.items()}
        policy = kind(**arguments)
        _check_types(arguments, policy)
        return policy
    except PolicyError as error:
        wrong = error
    raise source.located(wrong, within)


def _table(data: Any, kind: type[Policy]) -> dict[str, Any]:
    if not isinstance(data, Mapping) or TABLE not in data:
        names = list(data) if isinstance(data, Mapping) else []
        fields = _fields(kind)
        for name in names:
            if did_you_mean(name, [TABLE]):
                raise PolicyError(f"no {TABLE} table; did you mean this one?", (name,), key=True)
            if name in fields:
                raise PolicyError(f"{name} belongs into a {TABLE} table", (name,), key=True)
        raise PolicyError(f"no {TABLE} table")
    table = data[TABLE]
    if not isinstance(table, Mapping):
        raise PolicyError(f"{TABLE} must be a table", (TABLE,))
    for key in data:
        if key in _fields(kind):
            raise PolicyError(f"{key} stands outside the {TABLE} table", (key,), key=True)
    for key in table:
        if key not in _fields(kind):
            hint = did_you_mean(key, _fields(kind)) or f"; one of {', '.join(_fields(kind))}"
            raise PolicyError(f"unknown key{hint}", (TABLE, key), key=True)
    return dict(table)


def _fields(kind: type[Policy]) -> tuple[str, ...]:
    return tuple(f.name for f in dataclasses.fields(kind))


def _converted(key: str, value: Any) -> Any:
    """A value of a file as the argument of `Policy` that it is."""
    if value is None:
        raise PolicyError(f"{key} has no value", (key,), key=True)
    if key in _LISTS and not isinstance(value, list):
        raise PolicyError(f"{key} must be a list", (key,))
    if key in _BY_TYPE and not isinstance(value, dict):
        raise PolicyError(f"{key} must be a table of entity types", (key,))
    if key == "operators":
        return {kind: _operator(spec, (key, kind)) for kind, spec in value.items()}
    return value


def _operator(spec: Any, path: Path) -> Any:
    if isinstance(spec, dict):
        parameters = dict(spec)
        name = parameters.pop("type", None)
        if not isinstance(name, str):
            raise PolicyError('an operator with parameters needs its name as "type"', path)
        return (name, parameters) if parameters else name
    if isinstance(spec, list):
        if len(spec) == 2 and isinstance(spec[0], str) and isinstance(spec[1], dict):
            return (spec[0], spec[1])
        raise PolicyError("an operator is a name, or a table", path)
    return spec


def _check_types(arguments: dict[str, Any], policy: Policy) -> None:
    """Refuse entity types that are no names of one, or a known one misspelt."""
    from piirag.detection.custom import entities_of
    from piirag.detection.entity_types import slip_of

    own = [kind for recognizer in policy.recognizers for kind in entities_of(recognizer)]
    named: list[tuple[str, Path, bool]] = [
        (kind, ("entities", i), False) for i, kind in enumerate(arguments.get("entities", ()))
    ]
    for table in _BY_TYPE:
        for kind in arguments.get(table, {}):
            if kind != "DEFAULT" or table == "deny":
                named.append((kind, (table, kind), True))
    for kind, path, key in named:
        meant = slip_of(kind, own)
        if meant:
            raise PolicyError(f"unknown entity type; did you mean {meant}?", path, key=key)
        if shown_type(kind) != kind:
            raise PolicyError("an entity type is written in capitals", path, key=key)
