"""Filters as Qdrant's `Filter` models."""

from __future__ import annotations

import re
from typing import Any

from piirag.errors import InvalidInputError
from piirag.tenancy.filters import COMMON, Language

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
_BOUNDS = {"$gt": "gt", "$gte": "gte", "$lt": "lt", "$lte": "lte"}
# Qdrant compares ranges as 64-bit floats, which hold every integer up to here.
_EXACT = 2**53


def path(*keys: str) -> str:
    """Where a value stands in a payload, in Qdrant's own notation.

    Each key is one step whatever is in it: a dot or a bracket in a key is part of its name.

    Raises:
        InvalidInputError: A key with a double quote, for which there is no notation.
    """
    return ".".join(key if _PLAIN.fullmatch(key) else _quoted(key) for key in keys)


def _quoted(key: str) -> str:
    if '"' in key:
        raise InvalidInputError("Qdrant finds no key that holds a double quote")
    return f'"{key}"'


def as_filter(condition: Any) -> Any:
    """A condition as a whole `Filter`."""
    from qdrant_client import models

    return condition if isinstance(condition, models.Filter) else models.Filter(must=[condition])


def search_params(value: Any) -> Any:
    """A caller's `SearchParams`, or a mapping of them: how to search, not where.

    Raises:
        InvalidInputError: Something else, or a corpus to weigh words by that others' points are in.
    """
    from pydantic import ValidationError
    from qdrant_client import models

    try:
        found = models.SearchParams(**value) if isinstance(value, dict) else value
    except (ValidationError, TypeError):
        found = None
    if type(found) is not models.SearchParams or getattr(found, "idf", None) is not None:
        raise InvalidInputError("search_params is not of a kind that may be passed to Qdrant")
    return found


class QdrantLanguage(Language[Any]):
    """Conditions on the payload; values are fields of models, so that there is nothing to escape.

    A comparison with a list in the payload holds where it holds for one of its members. A missing
    key fits ``$ne`` and ``$nin``, and numbers compare as numbers (``2`` fits ``2.0``), as they do
    elsewhere in piirag and not in Qdrant's own `MatchExcept` and `MatchValue`. ``$text`` and
    ``$itext`` both ask whether all words of a text are there, in any case and order: that is
    `MatchText`, and the tokenizer of the field's text index if there is one.

    Args:
        under: Key of the payload under which the metadata are; None where they are the payload.
    """

    store = "Qdrant"
    operators = COMMON | {"$exists", "$contains", "$any", "$all", "$text", "$itext"}

    def __init__(self, under: str | None = None) -> None:
        self._under = () if under is None else (under,)

    def compare(self, key: str, operator: str, value: Any) -> Any:
        """One comparison."""
        from qdrant_client import models

        place = path(*self._under, key)
        if operator == "$eq":
            return _equals(place, value)
        if operator == "$ne":
            return self.negated(_equals(place, value))
        if operator == "$in":
            return _any(place, value)
        if operator == "$nin":
            return self.negated(_any(place, value))
        if operator == "$exists":
            empty = models.IsEmptyCondition(is_empty=models.PayloadField(key=place))
            return self.negated(empty) if value else empty
        if operator in {"$text", "$itext"}:
            return models.FieldCondition(key=place, match=models.MatchText(text=value))
        # Members of a list, and only of a list.
        members = f"{place}[]"
        if operator == "$contains":
            return _equals(members, value)
        if operator == "$any":
            return _any(members, value)
        if operator == "$all":
            return models.Filter(must=[_equals(members, item) for item in value])
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidInputError(f"Qdrant compares numbers only with {operator}")
        bounds = models.Range(**{_BOUNDS[operator]: value})
        return models.FieldCondition(key=place, range=bounds)

    def every(self, parts: list[Any]) -> Any:
        """All of the parts."""
        from qdrant_client import models

        return models.Filter(must=parts)

    def either(self, parts: list[Any]) -> Any:
        """At least one of the parts."""
        from qdrant_client import models

        return models.Filter(should=parts)

    def negated(self, part: Any) -> Any:
        """Not the part."""
        from qdrant_client import models

        return models.Filter(must_not=[part])


def _equals(place: str, value: Any) -> Any:
    from qdrant_client import models

    if _is_number(value):
        return models.FieldCondition(key=place, range=models.Range(gte=value, lte=value))
    return models.FieldCondition(key=place, match=models.MatchValue(value=value))


def _any(place: str, values: list[Any]) -> Any:
    from qdrant_client import models

    texts = [value for value in values if isinstance(value, str)]
    parts = [_equals(place, value) for value in values if not isinstance(value, str)]
    if texts:
        parts.append(models.FieldCondition(key=place, match=models.MatchAny(any=texts)))
    return parts[0] if len(parts) == 1 else models.Filter(should=parts)


def _is_number(value: Any) -> bool:
    """Whether a range finds a value: numbers, but for integers too large for a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, float) or abs(value) <= _EXACT
