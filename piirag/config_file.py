"""Reading `piirag.toml`: its tables, texts and the secrets it names.

Each part reads its own table; others belong to other parts. Paths in the file are relative to it.
Secrets do not stand in it: it names the files and environment variables that hold them.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from piirag.errors import ConfigurationError
from piirag.policy_checks import did_you_mean

DEFAULT_FILE = "piirag.toml"


def read_toml(path: str | Path) -> dict[str, Any]:
    """What a TOML file holds.

    Raises:
        ConfigurationError: It cannot be read, or is not TOML.
    """
    path = Path(path)
    reason = ""
    data: dict[str, Any] = {}
    try:
        data = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        reason = error.strerror or type(error).__name__
    except (ValueError, RecursionError):
        reason = "not TOML"
    if reason:
        raise ConfigurationError(f"{path}: {reason}")
    return data


def table_of(data: Mapping[str, Any], name: str, keys: Iterable[str]) -> Mapping[str, Any]:
    """A table of the file, empty where it is not there.

    Args:
        data: What the file holds.
        name: The table.
        keys: The keys it may have.

    Raises:
        ConfigurationError: It is no table, or has another key.
    """
    table = data.get(name, {})
    if not isinstance(table, dict):
        raise ConfigurationError(f"{name} must be a table")
    only_keys(table, keys, name)
    return table


def only_keys(table: Mapping[str, Any], keys: Iterable[str], where: str) -> None:
    """Refuse keys that nobody knows.

    Raises:
        ConfigurationError: There is one; the message says which, and what may be meant.
    """
    known = list(keys)
    for key in table:
        if key not in known:
            hint = did_you_mean(key, known) or f"; one of {', '.join(known)}"
            raise ConfigurationError(f"{where}: unknown key {key[:40]!r}{hint}")


def text_of(table: Mapping[str, Any], key: str) -> str:
    """A text of a table.

    Raises:
        ConfigurationError: There is none.
    """
    value = table.get(key)
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{key} is missing, or no text")
    return value


def secret_from_env(variable: str) -> str:
    """What an environment variable holds.

    Raises:
        ConfigurationError: It is not set.
    """
    value = os.environ.get(variable)
    if not value:
        raise ConfigurationError(f"the environment variable {variable} is not set")
    return value
