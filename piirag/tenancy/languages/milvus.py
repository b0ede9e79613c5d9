"""Filters as Milvus's boolean expressions."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any

from piirag.errors import InvalidInputError
from piirag.tenancy.filters import COMMON, LISTS, Clause, Language

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Words of the grammar, and of functions in it: no bare names of fields.
_WORDS = frozenset(
    """and or not in like is null exists true false iso interval between text_match phrase_match
    array_contains array_contains_all array_contains_any array_length json_contains
    json_contains_all json_contains_any""".split()
)
_SIGNS = {"$eq": "==", "$ne": "!=", "$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
_HOLDS = {"$contains": "json_contains", "$any": "json_contains_any", "$all": "json_contains_all"}
# Other control characters stand for themselves, in a server and in Milvus Lite.
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})
# No pattern can hold these as themselves: Milvus Lite has no escape for them.
_WILD = re.compile(r"[%_\\]")


def quoted(text: str) -> str:
    """A string as an expression writes it: nothing in it can end it."""
    return f'"{text.translate(_ESCAPES)}"'


def among(field: str, values: Iterable[str]) -> str:
    """An expression for a field of strings that is one of some. `pymilvus` quotes ids badly."""
    return f"{field} in [{', '.join(quoted(value) for value in values)}]"


class MilvusLanguage(Language[str]):
    """Expressions of Milvus 2.4 and later, and of Milvus Lite 3.

    A missing key fits ``$ne`` and ``$nin``, as elsewhere in piirag; in Milvus's own expressions it
    fits nothing.

    Args:
        under: What holds keys that are no fields: ``$meta``, the dynamic field, or the name of a
            JSON field; None where there is no such thing.
        fields: Fields of the schema that filters may name.
        reserved: Fields of the schema that they may not: the id, the text, vectors.
    """

    store = "Milvus"
    operators = COMMON | frozenset(_HOLDS) | {"$exists", "$text", "$like"}

    def __init__(
        self,
        under: str | None = "$meta",
        fields: Collection[str] = (),
        reserved: Collection[str] = (),
    ) -> None:
        self._under = under
        self._fields = frozenset(fields)
        self._reserved = frozenset(reserved)

    def translate(self, clause: Clause) -> str:
        """A clause as an expression. See `Language.translate`."""
        if "$not" in clause:
            return self._opposite(clause["$not"])
        return super().translate(clause)

    def _opposite(self, clause: Clause) -> str:
        """Not a clause. What is unknown to Milvus is false here, so `not` must not see it."""
        ((key, value),) = clause.items()
        if key == "$not":
            return self.translate(value)
        if key in {"$and", "$or"}:
            parts = [self._opposite(part) for part in value]
            return self.either(parts) if key == "$and" else self.every(parts)
        known = "" if key in self._fields else f"exists {self.place(key)} and "
        if "$ne" in value or "$nin" in value or "$exists" in value:
            known = ""
        return f"(not ({known}{super().translate(clause)}))"

    def place(self, key: str) -> str:
        """How an expression names a metadata key.

        Raises:
            InvalidInputError: It names something else, or cannot be named.
        """
        if key in self._reserved:
            raise InvalidInputError(f"in this Milvus collection, {key!r} is no metadata key")
        if key in self._fields:
            return key
        if self._under is None:
            raise InvalidInputError("this Milvus collection has no such field")
        if '"' in key or "\\" in key:
            raise InvalidInputError("Milvus finds no key that holds a quote or a backslash")
        return f"{self._under}[{quoted(key)}]"

    def compare(self, key: str, operator: str, value: Any) -> str:
        """One comparison."""
        place = self.place(key)
        if operator == "$exists":
            known = f"{place} is not null" if key in self._fields else f"exists {place}"
            return f"({known})" if value else f"(not ({known}))"
        if operator in _HOLDS:
            return self._holds(key, place, operator, value)
        if operator in {"$text", "$like"}:
            return f"({place} like {quoted(_pattern(operator, value))})"
        if operator in LISTS:
            # `in` takes fields only, and no keys within them.
            same = " or ".join(f"{place} == {_literal(item)}" for item in value)
            return f"({same})" if operator == "$in" else self._missing_or(key, f"not ({same})")
        if isinstance(value, bool) and operator not in {"$eq", "$ne"}:
            raise InvalidInputError(f"Milvus compares no booleans with {operator}")
        one = f"{place} {_SIGNS[operator]} {_literal(value)}"
        return self._missing_or(key, one) if operator == "$ne" else f"({one})"

    def _missing_or(self, key: str, expression: str) -> str:
        if key in self._fields:
            return f"({expression})"
        return f"((not (exists {self.place(key)})) or ({expression}))"

    def _holds(self, key: str, place: str, operator: str, value: Any) -> str:
        if self._under == "$meta" and key not in self._fields:
            # Milvus Lite takes names only, and no `$meta[...]`.
            if not _IDENTIFIER.fullmatch(key) or key.lower() in _WORDS:
                raise InvalidInputError(f"{operator} takes keys that are plain names in Milvus")
            place = key
        items = value if isinstance(value, list) else [value]
        inner = ", ".join(_literal(item) for item in items)
        held = f"[{inner}]" if isinstance(value, list) else inner
        return f"({_HOLDS[operator]}({place}, {held}))"

    def every(self, parts: list[str]) -> str:
        """All of the parts."""
        return f"({' and '.join(parts)})"

    def either(self, parts: list[str]) -> str:
        """At least one of the parts."""
        return f"({' or '.join(parts)})"


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return quoted(value) if isinstance(value, str) else repr(value)


def _pattern(operator: str, text: str) -> str:
    """A pattern of `like`; for ``$text``, of what a string holds.

    Raises:
        InvalidInputError: It cannot be written.
    """
    if operator == "$like":
        if "\\" in text:
            raise InvalidInputError("Milvus has no escapes in patterns")
        return text
    if _WILD.search(text):
        raise InvalidInputError("Milvus looks for no text that holds a wildcard or a backslash")
    return f"%{text}%"
