"""Reading terms that a person wrote down: dates, days, yes or no."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from piirag.config_file import only_keys
from piirag.errors import ConfigurationError


def as_day(value: Any, what: str) -> date:
    """A date, or an ISO text of one.

    Raises:
        ConfigurationError: It is none.
    """
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        pass
    raise ConfigurationError(f"{what} is no date, such as 2026-11-22")


def check_terms(
    where: str, yes_no: Mapping[str, Any], retention_days: Any, texts: Mapping[str, Any]
) -> None:
    """Refuse terms of the wrong kind.

    Raises:
        ConfigurationError: There is one.
    """
    for name, value in yes_no.items():
        if value is not None and not isinstance(value, bool):
            raise ConfigurationError(f"{where}: {name} is true or false")
    if retention_days is not None and (type(retention_days) is not int or retention_days < 0):
        raise ConfigurationError(f"{where}: retention_days is a number of days")
    for name, value in texts.items():
        if not isinstance(value, str) or not value.strip():
            raise ConfigurationError(f"{where}: {name} is missing, or no text")


def tables_in(
    data: Mapping[str, Any], name: str, keys: Iterable[str]
) -> list[tuple[str, dict[str, Any]]]:
    """The named tables under a key of a file.

    Raises:
        ConfigurationError: Something in there is no table, or has an unknown key.
    """
    tables = data.get(name, {})
    if not isinstance(tables, dict):
        raise ConfigurationError(f"providers.{name} must be a table of tables")
    known = tuple(keys)
    for key, table in tables.items():
        if not isinstance(table, dict):
            raise ConfigurationError(f"providers.{name}.{key[:40]} must be a table")
        only_keys(table, known, f"providers.{name}.{key[:40]}")
    return list(tables.items())
