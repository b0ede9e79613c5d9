"""Filters as SQLite's SQL over metadata that are JSON.

Values are parameters, and so are keys but for those of plain letters, digits and underscores.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from piirag.tenancy.filters import COMMON, LISTS, Language

_SIGNS = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
_NUMBER = "type IN ('integer', 'real')"
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


def is_plain(key: str) -> bool:
    """Whether a key can stand in a path, and so in an index: others are parameters only."""
    return _PLAIN.fullmatch(key) is not None


@dataclass(frozen=True, repr=False)
class Condition:
    """A condition in SQL.

    Args:
        sql: With question marks for parameters.
        parameters: What they stand for.
    """

    sql: str
    parameters: tuple[Any, ...] = ()

    def __repr__(self) -> str:
        return f"Condition({len(self.parameters)} parameters)"


class SQLiteLanguage(Language[Condition]):
    """A comparison with a key that an item lacks, or whose value is of another type, fits ``$ne``
    and ``$nin`` only.

    Args:
        column: The column of metadata, qualified, as it stands in SQL.
    """

    store = "SQLite"
    operators = COMMON | {"$exists", "$contains", "$any", "$all", "$text"}

    def __init__(self, column: str = "metadata") -> None:
        self._column = column

    def compare(self, key: str, operator: str, value: Any) -> Condition:
        """One comparison; true or false, never unknown."""
        if operator == "$exists":
            found = self._some(key, Condition("entry.type <> 'null'"))
            return found if value else self.negated(found)
        if operator in {"$ne", "$nin"}:
            return self.negated(self.compare(key, "$eq" if operator == "$ne" else "$in", value))
        values = value if operator in LISTS else [value]
        if operator in {"$eq", "$in"} and is_plain(key) and all(type(v) is str for v in values):
            # As an index on the tenant's key has it.
            marks = ", ".join("?" * len(values))
            return Condition(
                f"(json_extract({self._column}, '$.{key}') IN ({marks})"
                f" AND coalesce(json_type({self._column}, '$.{key}'), '') = 'text')",
                tuple(values),
            )
        if operator in LISTS:
            return self._some(key, _either([_same("entry", item) for item in value]))
        if operator in {"$contains", "$any", "$all"}:
            items = value if operator != "$contains" else [value]
            held = [self._held(key, item) for item in items]
            return self.every(held) if operator == "$all" else self.either(held)
        if operator == "$text":
            return self._some(
                key, Condition("entry.type = 'text' AND instr(entry.value, ?) > 0", (value,))
            )
        if operator == "$eq":
            return self._some(key, _same("entry", value))
        return self._some(key, _ordered(operator, value))

    def every(self, parts: list[Condition]) -> Condition:
        """All of the parts."""
        return _joined(" AND ", parts)

    def either(self, parts: list[Condition]) -> Condition:
        """At least one of the parts."""
        return _either(parts)

    def negated(self, part: Condition) -> Condition:
        """Not the part."""
        return Condition(f"(NOT {part.sql})", part.parameters)

    def _some(self, key: str, condition: Condition) -> Condition:
        """There is an entry of a key that a condition holds for."""
        return Condition(
            f"EXISTS (SELECT 1 FROM json_each({self._column}) AS entry"
            f" WHERE entry.key = ? AND {condition.sql})",
            (key, *condition.parameters),
        )

    def _held(self, key: str, value: Any) -> Condition:
        item = _same("item", value)
        return Condition(
            f"EXISTS (SELECT 1 FROM json_each({self._column}) AS entry, json_each("
            "CASE entry.type WHEN 'array' THEN entry.value ELSE '[]' END) AS item"
            f" WHERE entry.key = ? AND {item.sql})",
            (key, *item.parameters),
        )


def _same(name: str, value: Any) -> Condition:
    if type(value) is bool:
        return Condition(f"{name}.type = '{str(value).lower()}'")
    if type(value) is str:
        return Condition(f"({name}.type = 'text' AND {name}.value = ?)", (value,))
    return Condition(f"({name}.{_NUMBER} AND {name}.value = ?)", (value,))


def _ordered(operator: str, value: Any) -> Condition:
    if type(value) is bool:
        return Condition("FALSE")
    kind = "type = 'text'" if type(value) is str else _NUMBER
    return Condition(f"entry.{kind} AND entry.value {_SIGNS[operator]} ?", (value,))


def _either(parts: list[Condition]) -> Condition:
    return _joined(" OR ", parts)


def _joined(word: str, parts: list[Condition]) -> Condition:
    parameters = tuple(one for part in parts for one in part.parameters)
    return Condition(f"({word.join(part.sql for part in parts)})", parameters)
