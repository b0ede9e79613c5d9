"""Filters as LanceDB's SQL.

LanceDB takes no parameters in its filters, so values are written into them: strings in single
quotes, which are doubled within, the only escape its SQL knows; numbers and booleans as such. A
name gets there only if the table has it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from piirag.errors import InvalidInputError
from piirag.tenancy.filters import COMMON, LISTS, Language

NAME = re.compile(r"\w[\w \-]*")
"""Metadata keys that can stand between backquotes. LanceDB refuses dots in any case."""

NUMBERS = frozenset({"int", "float"})
_TRUE, _FALSE = "TRUE", "FALSE"
_SIGNS = {"$eq": "=", "$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
_INT64 = 2**63


def quoted(text: str) -> str:
    """A string as an SQL literal.

    Raises:
        InvalidInputError: It holds NUL or half of a surrogate pair.
    """
    if "\x00" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise InvalidInputError("LanceDB cannot look for this text")
    return "'" + text.replace("'", "''") + "'"


def among(column: str, values: Sequence[str]) -> str:
    """SQL that asks whether a string column has one of some values, at least one."""
    return f"{_named(column)} IN ({', '.join(quoted(value) for value in values)})"


class LanceDBLanguage(Language[str]):
    """A comparison with a key that an item lacks fits ``$ne`` and ``$nin`` only, as it does in
    memory; and so does one with a value of another kind than the key has in this table.

    Args:
        fields: Metadata key -> kind of its values: ``"string"``, ``"int"``, ``"float"``,
            ``"bool"``, one of these with ``"list:"`` before it, or anything else.
        column: The column that holds the metadata.
    """

    store = "LanceDB"
    operators = COMMON | {"$exists", "$contains"}

    def __init__(self, fields: Mapping[str, str] | None = None, column: str = "metadata") -> None:
        self._fields = fields or {}
        self._column = column

    def compare(self, key: str, operator: str, value: Any) -> str:
        """One comparison; true or false, never unknown."""
        kind = self._fields.get(key)
        if kind is None:
            absent = operator in {"$ne", "$nin"} or (operator == "$exists" and not value)
            return _TRUE if absent else _FALSE
        name = f"{_named(self._column)}.{_named(key)}"
        if operator == "$exists":
            return f"({name} IS {'NOT ' if value else ''}NULL)"
        if operator in LISTS:
            hits = [_holds(name, kind, "$eq", item) for item in value]
            some = f"({' OR '.join(hits)})"
            return some if operator == "$in" else f"(NOT {some})"
        if operator == "$ne":
            return f"(NOT {_holds(name, kind, '$eq', value)})"
        return _holds(name, kind, operator, value)

    def every(self, parts: list[str]) -> str:
        """All of the parts."""
        return f"({' AND '.join(parts)})"

    def either(self, parts: list[str]) -> str:
        """At least one of the parts."""
        return f"({' OR '.join(parts)})"

    def negated(self, part: str) -> str:
        """Not the part."""
        return f"(NOT {part})"


def _named(name: str) -> str:
    if not NAME.fullmatch(name):
        raise InvalidInputError("LanceDB cannot filter by a key with such characters")
    return f"`{name}`"


def _holds(name: str, kind: str, operator: str, value: Any) -> str:
    if operator == "$contains":
        found = _literal(kind.removeprefix("list:"), value) if kind.startswith("list:") else None
        return _FALSE if found is None else f"({name} IS NOT NULL AND array_has({name}, {found}))"
    if kind == "int" and type(value) is float:
        return _with_fraction(name, operator, value)
    literal = _literal(kind, value)
    if literal is None or (kind == "bool" and operator != "$eq"):
        return _FALSE
    return f"({name} IS NOT NULL AND {name} {_SIGNS[operator]} {literal})"


def _with_fraction(name: str, operator: str, value: float) -> str:
    """Whole numbers compared with one that need not be; LanceDB refuses to."""
    if value.is_integer() and abs(value) < _INT64:
        return _holds(name, "int", operator, int(value))
    if operator == "$eq":
        return _FALSE
    if abs(value) >= _INT64:
        fits = (value > 0) == (operator in {"$lt", "$lte"})
        return f"({name} IS NOT NULL)" if fits else _FALSE
    up = operator in {"$gt", "$gte"}
    whole = math.ceil(value) if up else math.floor(value)
    return _holds(name, "int", "$gte" if up else "$lte", whole)


def _literal(kind: str, value: Any) -> str | None:
    """A value as an SQL literal; None where the kind can hold no such value."""
    if kind == "string":
        return quoted(value) if type(value) is str else None
    if kind == "bool":
        return str(value).upper() if type(value) is bool else None
    if kind == "int" and type(value) is int:
        if value == -_INT64:
            raise InvalidInputError("LanceDB cannot compare with the smallest whole number")
        return str(value)
    if kind == "float" and type(value) in {int, float}:
        return repr(float(value))
    return None
