"""Filters of no particular store: checked, copied, and brought into one simple form.

A caller's filter is a mapping in the form that LangChain and Chroma use: ``{"year": 2020}``,
``{"year": {"$gte": 2020}}``, ``{"$or": [...]}``. What leaves `normalised` is made of plain
dictionaries, each with exactly one entry, which is one of

- ``{"$and": [clause, clause, ...]}`` or ``{"$or": [...]}``, of two or more clauses,
- ``{"$not": clause}``,
- ``{key: {operator: value}}``.

A `Language` turns that into the language of a store.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from piirag.errors import InvalidInputError, TenancyError

EXPIRES_KEY = "expires_at"
"""Metadata key of the time at which a chunk expires, in seconds since the epoch."""

SINGLE = frozenset({"$eq", "$ne", "$gt", "$gte", "$lt", "$lte"})
"""Operators that take a string, a number or a boolean."""
LISTS = frozenset({"$in", "$nin"})
"""Operators that take a list of such values, not empty."""
COMMON = SINGLE | LISTS
"""Operators that every store is expected to know."""
_STRINGS = frozenset({"$like", "$ilike", "$text", "$itext"})
OPERATORS = COMMON | _STRINGS | {"$exists", "$contains", "$any", "$all"}
"""All operators. ``$exists`` takes a boolean. ``$contains`` asks whether a list in the metadata
holds a value, ``$any`` and ``$all`` whether it holds values of a list. ``$text`` asks whether a
string holds another, ``$like`` whether it fits an SQL pattern; with ``i``, in any case."""

_GROUPS = frozenset({"$and", "$or"})
_DEEPEST = 12
_MOST_PARTS = 2_000
_INT64 = 2**63

Clause = dict[str, Any]
T = TypeVar("T")


def normalised(caller: Any, tenant_key: str) -> Clause | None:
    """A caller's filter in the one form of this module, copied; None where it narrows nothing.

    Args:
        caller: A mapping; None or an empty one narrows nothing.
        tenant_key: The metadata key that no filter may name.

    Raises:
        TenancyError: It names the tenant key.
        InvalidInputError: It is no mapping, or something in it is of the wrong kind.
    """
    if caller is None:
        return None
    if not isinstance(caller, Mapping):
        raise InvalidInputError("a filter must be a mapping")
    copied = _copied(caller, [0], 0)
    _refuse_key(copied, tenant_key)
    return _group("$and", [_entry(key, value) for key, value in copied.items()]) if copied else None


def joined(*clauses: Clause | None) -> Clause | None:
    """Clauses that must all hold, as one; those that are None are left out."""
    parts: list[Clause] = []
    for clause in clauses:
        if clause is not None:
            parts += clause.get("$and", [clause])
    return _group("$and", parts) if parts else None


@dataclass(frozen=True, repr=False)
class Scope:
    """Whose items a call may see, and what the caller asked for besides.

    Args:
        key: Metadata key of the tenant's tag.
        tags: The tags whose items may be seen; at least one.
        caller: The caller's filter, as `normalised` gives it and scrubbed.
        now: Items that expired before this moment are not seen; seconds since the epoch. None
            where they are, to be deleted.
    """

    key: str
    tags: tuple[str, ...]
    caller: Clause | None
    now: float | None

    def clause(self, *, expiry: bool) -> Clause:
        """The whole filter: the tenant's clause outermost, and-ed with the caller's.

        Args:
            expiry: Whether to leave out what has expired. Only for a language that knows
                ``$exists``; `TenantBinding.is_live` looks at every item that comes back anyway.
        """
        if len(self.tags) == 1:
            mine: Clause = {self.key: {"$eq": self.tags[0]}}
        else:
            mine = {self.key: {"$in": list(self.tags)}}
        alive: Clause | None = None
        if expiry and self.now is not None:
            forever, later = {"$exists": False}, {"$gt": self.now}
            alive = {"$or": [{EXPIRES_KEY: forever}, {EXPIRES_KEY: later}]}
        return joined(mine, alive, self.caller) or mine

    def to_change(self) -> Scope:
        """The part of this that may be changed: the user's own, what has expired included."""
        return Scope(self.key, self.tags[:1], self.caller, None)

    def __repr__(self) -> str:
        return f"Scope({len(self.tags)} tags)"


class Language(Generic[T]):
    """Turns filters into a store's own language; derive one for each store.

    Derived classes say how one comparison looks and how parts are joined. Values must be escaped
    or passed as parameters, never formatted; whatever the store cannot express must raise
    `InvalidInputError`, never be left out.
    """

    store: ClassVar[str] = "the store"
    operators: ClassVar[frozenset[str]] = COMMON

    def translate(self, clause: Clause) -> T:
        """A clause, as `Scope.clause` gives it, in the store's language.

        Raises:
            InvalidInputError: The store cannot express it.
        """
        ((key, value),) = clause.items()
        if key in _GROUPS:
            parts = [self.translate(part) for part in value]
            return self.every(parts) if key == "$and" else self.either(parts)
        if key == "$not":
            return self.negated(self.translate(value))
        ((operator, operand),) = value.items()
        if operator not in self.operators:
            raise InvalidInputError(f"{self.store} has no filter operator {operator!r}")
        return self.compare(key, operator, operand)

    def compare(self, key: str, operator: str, value: Any) -> T:
        """One comparison; the operator is one of `operators`."""
        raise NotImplementedError

    def every(self, parts: list[T]) -> T:
        """All of two or more parts."""
        raise NotImplementedError

    def either(self, parts: list[T]) -> T:
        """At least one of two or more parts."""
        raise NotImplementedError

    def negated(self, part: T) -> T:
        """Not the part.

        Raises:
            InvalidInputError: The store has no such thing.
        """
        raise InvalidInputError(f"{self.store} has no 'not' in its filters")


class MetadataLanguage(Language[Clause]):
    """For stores that have no filter of their own: the clause itself, for `matches`."""

    operators = OPERATORS - {"$like", "$ilike"}

    def compare(self, key: str, operator: str, value: Any) -> Clause:
        """One comparison."""
        return {key: {operator: value}}

    def every(self, parts: list[Clause]) -> Clause:
        """All of the parts."""
        return {"$and": parts}

    def either(self, parts: list[Clause]) -> Clause:
        """At least one of the parts."""
        return {"$or": parts}

    def negated(self, part: Clause) -> Clause:
        """Not the part."""
        return {"$not": part}


def matches(clause: Clause, metadata: Mapping[str, Any]) -> bool:
    """Whether metadata fit a clause, for stores that have no filter of their own.

    A key that is missing fits ``$ne`` and ``$nin`` only. A boolean is no number.
    """
    ((key, value),) = clause.items()
    if key == "$and":
        return all(matches(part, metadata) for part in value)
    if key == "$or":
        return any(matches(part, metadata) for part in value)
    if key == "$not":
        return not matches(value, metadata)
    ((operator, operand),) = value.items()
    return _holds(operator, metadata.get(key), operand)


def _holds(operator: str, found: Any, wanted: Any) -> bool:
    if operator == "$exists":
        return (found is not None) is wanted
    if operator in {"$eq", "$ne"}:
        return _same(found, wanted) is (operator == "$eq")
    if operator in LISTS:
        return any(_same(found, item) for item in wanted) is (operator == "$in")
    if operator in {"$contains", "$any", "$all"}:
        held = found if isinstance(found, list | tuple | set | frozenset) else ()
        some = [wanted] if operator == "$contains" else wanted
        hits = [any(_same(item, one) for item in held) for one in some]
        return any(hits) if operator == "$any" else all(hits)
    if operator in {"$gt", "$gte", "$lt", "$lte"}:
        return _ordered(operator, found, wanted)
    if operator == "$text":
        return isinstance(found, str) and wanted in found
    if operator == "$itext":
        return isinstance(found, str) and wanted.casefold() in found.casefold()
    raise InvalidInputError(f"filters in memory have no operator {operator!r}")


def _same(one: Any, other: Any) -> bool:
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def _ordered(operator: str, found: Any, wanted: Any) -> bool:
    numbers = _is_number(found) and _is_number(wanted)
    if not numbers and not (isinstance(found, str) and isinstance(wanted, str)):
        return False
    less, same = found < wanted, found == wanted
    if operator in {"$lt", "$lte"}:
        return bool(less or (same and operator == "$lte"))
    return bool(not less and (operator == "$gte" or not same))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# Checking


def _copied(value: Any, seen: list[int], depth: int) -> Any:
    """A plain copy: what was checked must be what is sent. Bounded in size and depth."""
    seen[0] += 1
    if depth > 2 * _DEEPEST or seen[0] > 2 * _MOST_PARTS:
        raise InvalidInputError("a filter is nested too deeply or has too many parts")
    if isinstance(value, Mapping):
        copy: Clause = {}
        for key, item in value.items():
            if type(key) is not str:
                raise InvalidInputError("a filter has a key that is no string")
            copy[key] = _copied(item, seen, depth + 1)
        return copy
    if isinstance(value, list | tuple):
        return [_copied(item, seen, depth + 1) for item in value]
    return value


def _refuse_key(value: Any, tenant_key: str) -> None:
    if isinstance(value, dict):
        if tenant_key in value:
            raise TenancyError(f"a filter may not name {tenant_key!r}: piirag sets it")
        for item in value.values():
            _refuse_key(item, tenant_key)
    elif isinstance(value, list):
        for item in value:
            _refuse_key(item, tenant_key)


def _whole(value: Any) -> Clause:
    if not isinstance(value, dict) or not value:
        raise InvalidInputError("a part of a filter is no mapping, or an empty one")
    return _group("$and", [_entry(key, item) for key, item in value.items()])


def _group(operator: str, parts: Sequence[Clause]) -> Clause:
    return parts[0] if len(parts) == 1 else {operator: list(parts)}


def _entry(key: str, value: Any) -> Clause:
    if key in _GROUPS:
        if not isinstance(value, list) or not value:
            raise InvalidInputError(f"{key} takes a list of filters that is not empty")
        return _group(key, [_whole(part) for part in value])
    if key == "$not":
        return {"$not": _whole(value)}
    check_key(key)
    if not isinstance(value, dict):
        return {key: {"$eq": check_operand("$eq", value)}}
    if not value:
        raise InvalidInputError("a filter has a key without a condition")
    return _group("$and", [{key: {op: check_operand(op, item)}} for op, item in value.items()])


def check_key(key: Any) -> str:
    """Check that a filter may compare a metadata key.

    Raises:
        InvalidInputError: It is empty, too long, looks like an operator, or holds characters that
            no store can take.
    """
    if type(key) is not str or not key or key.startswith("$"):
        raise InvalidInputError("a filter's key is empty, no string, or an operator")
    if len(key) > 256 or not _is_clean(key):
        raise InvalidInputError("a filter's key is too long or no text")
    return key


def check_operand(operator: str, value: Any) -> Any:
    """Check what an operator is given.

    Raises:
        InvalidInputError: An unknown operator, or a value of the wrong kind.
    """
    if type(operator) is not str or operator not in OPERATORS:
        raise InvalidInputError("a filter has an unknown operator")
    if operator == "$exists":
        if type(value) is not bool:
            raise InvalidInputError("filter operator '$exists' takes a boolean")
        return value
    if operator in LISTS or operator in {"$any", "$all"}:
        if not isinstance(value, list) or not value:
            raise InvalidInputError(f"filter operator {operator!r} takes a list that is not empty")
        return [_single(item) for item in value]
    if operator in _STRINGS and type(value) is not str:
        raise InvalidInputError(f"filter operator {operator!r} takes a string")
    return _single(value)


def _single(value: Any) -> Any:
    """A string, number or boolean, of exactly these types: a derived one may lie about itself."""
    kind = type(value)
    good = (
        kind is bool
        or (kind is int and -_INT64 <= value < _INT64)
        or (kind is float and math.isfinite(value))
        or (kind is str and _is_clean(value))
    )
    if not good:
        raise InvalidInputError("a filter compares with strings, numbers and booleans only")
    return value


def _is_clean(text: str) -> bool:
    """Whether every store can take this text: no NUL, no half of a surrogate pair."""
    return "\x00" not in text and not any("\ud800" <= c <= "\udfff" for c in text)
