"""Filters as conditions in SQL on a JSON column and on columns of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from piirag.errors import InvalidInputError
from piirag.tenancy.filters import LISTS, OPERATORS, Language
from piirag.tenancy.languages.pgvector_sql import Sql, as_json, joined, sql, value

_ORDER = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
_STRINGS = frozenset({"$text", "$itext", "$like", "$ilike"})
_NO_PATH = Sql(("'{}'",))

Lookup = Callable[[str], Sql]


class PGVectorLanguage(Language[Sql]):
    """Conditions that compare JSON with JSON, so that types are never mixed up.

    A key that is missing, or null, fits ``$ne`` and ``$nin`` only. A boolean is no number, 7 is
    not ``"7"``, and a list is not what it holds. Keys and values are parameters.

    Args:
        lookup: The value of a metadata key, as an expression of type jsonb; SQL's NULL where it
            is missing.
        same: A further condition that holds wherever the key equals the value, and for which
            there may be an index; None for none.
    """

    store = "Postgres"
    operators = OPERATORS

    def __init__(self, lookup: Lookup, same: Callable[[str, Any], Sql | None]) -> None:
        self._lookup = lookup
        self._same = same

    def compare(self, key: str, operator: str, value: Any) -> Sql:
        """One comparison."""
        found = sql("NULLIF({}, {})", self._lookup(key), as_json(None))
        if operator == "$eq":
            return self._equals(key, found, value)
        if operator == "$ne":
            return sql("({} IS DISTINCT FROM {})", found, as_json(value))
        if operator in LISTS:
            parts = [self._equals(key, found, item) for item in value]
            within = self.either(parts) if len(parts) > 1 else parts[0]
            return within if operator == "$in" else self.negated(within)
        if operator == "$exists":
            return sql("({} IS NOT NULL)" if value else "({} IS NULL)", found)
        if operator in _ORDER:
            return _ordered(found, operator, value)
        if operator in _STRINGS:
            return _in_text(found, operator, value)
        return self._in_list(found, operator, value)

    def _equals(self, key: str, found: Sql, wanted: Any) -> Sql:
        exact = sql("{} = {}", found, as_json(wanted))
        indexed = self._same(key, wanted)
        return sql("({})", exact if indexed is None else sql("{} AND {}", indexed, exact))

    def _in_list(self, found: Sql, operator: str, wanted: Any) -> Sql:
        if operator == "$contains":
            held = sql("{} @> {}", found, as_json([wanted]))
        elif operator == "$all":
            held = sql("{} @> {}", found, as_json(wanted))
        else:
            some = [sql("{} @> {}", found, as_json([item])) for item in wanted]
            held = sql("({})", joined(" OR ", some))
        return sql("(jsonb_typeof({}) = 'array' AND {})", found, held)

    def every(self, parts: list[Sql]) -> Sql:
        """All of the parts."""
        return sql("({})", joined(" AND ", parts))

    def either(self, parts: list[Sql]) -> Sql:
        """At least one of the parts."""
        return sql("({})", joined(" OR ", parts))

    def negated(self, part: Sql) -> Sql:
        """Not the part; what is unknown, because a key is missing, is not true."""
        return sql("({} IS NOT TRUE)", part)


def _text(found: Sql) -> Sql:
    """A JSON string as text: what lies at the empty path."""
    return sql("({} #>> {})", found, _NO_PATH)


def _ordered(found: Sql, operator: str, wanted: Any) -> Sql:
    comparison = Sql((_ORDER[operator],))
    if isinstance(wanted, bool):
        raise InvalidInputError("Postgres is asked for the order of numbers and strings only")
    if isinstance(wanted, str):
        # By code points, whatever the collation of the database.
        text = sql('{} COLLATE "C"', _text(found))
        other = value(wanted, "text")
        return sql("(jsonb_typeof({}) = 'string' AND {} {} {})", found, text, comparison, other)
    number = as_json(wanted)
    return sql("(jsonb_typeof({}) = 'number' AND {} {} {})", found, found, comparison, number)


def _in_text(found: Sql, operator: str, wanted: str) -> Sql:
    text, pattern = _text(found), value(wanted, "text")
    if operator == "$text":
        held = sql("strpos({}, {}) > 0", text, pattern)
    elif operator == "$itext":
        held = sql("strpos(lower({}), lower({})) > 0", text, pattern)
    else:
        if (len(wanted) - len(wanted.rstrip("\\"))) % 2:
            raise InvalidInputError("a pattern ends in a backslash, which escapes nothing")
        held = sql("{} LIKE {}" if operator == "$like" else "{} ILIKE {}", text, pattern)
    return sql("(jsonb_typeof({}) = 'string' AND {})", found, held)
