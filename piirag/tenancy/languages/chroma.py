"""Filters as Chroma's `where` and `where_document` clauses."""

from __future__ import annotations

from typing import Any

from piirag.errors import InvalidInputError
from piirag.tenancy.filters import COMMON, LISTS, Clause, Language

_ORDER = frozenset({"$gt", "$gte", "$lt", "$lte"})
_IN_TEXT = frozenset({"$contains", "$not_contains", "$regex", "$not_regex"})
_DEEPEST = 12


class ChromaLanguage(Language[Clause]):
    """The normal form is Chroma's own, but for its limits (chromadb 1.5.9).

    An item without the key fits ``$ne`` and ``$nin``, and there is no way to ask for a key that is
    missing.
    """

    store = "Chroma"
    operators = COMMON | {"$contains"}

    def compare(self, key: str, operator: str, value: Any) -> Clause:
        """One comparison."""
        if key.startswith("#"):
            raise InvalidInputError("in Chroma, a key that begins with '#' is no metadata key")
        if operator in _ORDER and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise InvalidInputError(f"Chroma compares numbers only with {operator}")
        if operator not in LISTS:
            return {key: {operator: value}}
        # A list may hold values of one type only.
        by_type: dict[type, list[Any]] = {}
        for item in value:
            by_type.setdefault(type(item), []).append(item)
        parts: list[Clause] = [{key: {operator: items}} for items in by_type.values()]
        if len(parts) == 1:
            return parts[0]
        return self.either(parts) if operator == "$in" else self.every(parts)

    def every(self, parts: list[Clause]) -> Clause:
        """All of the parts."""
        return {"$and": parts}

    def either(self, parts: list[Clause]) -> Clause:
        """At least one of the parts."""
        return {"$or": parts}


def where_document(clause: Any, depth: int = 0) -> Clause:
    """A caller's `where_document`, checked and copied; it searches in texts.

    Raises:
        InvalidInputError: Something that Chroma cannot carry out.
    """
    if not isinstance(clause, dict) or len(clause) != 1 or depth > _DEEPEST:
        raise InvalidInputError("where_document is a mapping of one operator")
    ((operator, value),) = clause.items()
    if operator in {"$and", "$or"}:
        if not isinstance(value, list) or len(value) < 2:
            raise InvalidInputError(f"{operator} takes a list of two conditions or more")
        return {operator: [where_document(part, depth + 1) for part in value]}
    if operator not in _IN_TEXT or type(value) is not str or not value:
        raise InvalidInputError("where_document searches for text that is not empty")
    return {operator: value}
