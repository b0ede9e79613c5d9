"""Which objects of an application are looked into: the `[check]` table of `piirag.toml`."""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

from piirag.config_file import read_toml, table_of
from piirag.errors import ConfigurationError

TABLE = "check"


@dataclass(frozen=True)
class CheckConfig:
    """The table.

    Args:
        objects: Objects of the application, each ``"module:attribute"``. A function without
            arguments is called, and gives the object.
    """

    objects: tuple[str, ...] = ()

    @classmethod
    def from_file(cls, path: str | Path) -> CheckConfig:
        """Read the table of a file; empty where there is none.

        Raises:
            ConfigurationError: The file cannot be read, or something in the table is wrong.
        """
        table = table_of(read_toml(path), TABLE, ["objects"])
        names = table.get("objects", [])
        if not isinstance(names, list) or not all(map(_is_name, names)):
            raise ConfigurationError(f'{TABLE}: objects must be a list of "module:attribute"')
        return cls(tuple(names))


@dataclass(frozen=True)
class Loaded:
    """Objects of an application.

    Args:
        objects: Name -> object.
        failed: Name -> type of the exception that loading it gave.
    """

    objects: Mapping[str, Any] = field(repr=False)
    failed: Mapping[str, str] = field(default_factory=dict)


def load(names: tuple[str, ...], folder: Path) -> Loaded:
    """Import objects of an application; code of the application runs.

    Args:
        names: Each ``"module:attribute"``.
        folder: Modules are looked for here first.
    """
    found: dict[str, Any] = {}
    failed: dict[str, str] = {}
    sys.path.insert(0, str(folder))
    try:
        for name in names:
            try:
                found[name] = _object(name)
            except Exception as error:  # noqa: BLE001 - an application's own, whose text may be data
                failed[name] = type(error).__name__
    finally:
        if str(folder) in sys.path:
            sys.path.remove(str(folder))
    return Loaded(found, failed)


def _object(name: str) -> Any:
    module, _, attributes = name.partition(":")
    found: Any = importlib.import_module(module)
    for attribute in attributes.split("."):
        found = getattr(found, attribute)
    if isinstance(found, types.FunctionType) and not any(
        p.default is Parameter.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        for p in signature(found).parameters.values()
    ):
        return found()
    return found


def _is_name(name: object) -> bool:
    if not isinstance(name, str):
        return False
    module, _, attributes = name.partition(":")
    return bool(attributes) and all(
        part.isidentifier() for part in (*module.split("."), *attributes.split("."))
    )
