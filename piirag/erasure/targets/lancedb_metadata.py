"""What a LanceDB table can hold as metadata.

Kinds are ``"string"``, ``"int"``, ``"float"``, ``"bool"``, or one of these with ``"list:"`` before
it. A key has one kind in the whole table.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from piirag.errors import InvalidInputError
from piirag.tenancy.languages.lancedb import NAME


def kind_of_type(kind: Any) -> str:
    """The kind of an Arrow type."""
    import pyarrow as pa

    types = pa.types
    if types.is_string(kind) or types.is_large_string(kind):
        return "string"
    if types.is_boolean(kind):
        return "bool"
    if types.is_integer(kind):
        return "int"
    if types.is_floating(kind):
        return "float"
    if types.is_list(kind) or types.is_large_list(kind):
        return f"list:{kind_of_type(kind.value_type)}"
    return "other"


def field_of(key: str, kind: str) -> Any:
    """The Arrow field of a key."""
    import pyarrow as pa

    types = {"string": pa.string(), "bool": pa.bool_(), "int": pa.int64(), "float": pa.float64()}
    one = types[kind.removeprefix("list:")]
    return pa.field(key, pa.list_(one) if kind.startswith("list:") else one)


def fields_of(items: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The kinds of what items hold; a whole number where others have fractions is one of these.

    Raises:
        InvalidInputError: Keys or values that LanceDB cannot hold.
    """
    found: dict[str, str] = {}
    for metadata in items:
        for key, value in metadata.items():
            if value is None:
                continue
            if type(key) is not str or not NAME.fullmatch(key):
                raise InvalidInputError(
                    "LanceDB's metadata keys are of letters, digits, '_', '-' and spaces"
                )
            kind = _kind_of(value)
            before = found.setdefault(key, kind)
            if before != kind:
                if {before, kind} != {"int", "float"}:
                    raise InvalidInputError("metadata of several kinds under one key")
                found[key] = "float"
    return found


def _kind_of(value: Any) -> str:
    if isinstance(value, list | tuple) and value:
        kinds = {_kind_of(item) for item in value}
        if len(kinds) == 1 and not (kind := kinds.pop()).startswith("list:"):
            return f"list:{kind}"
    if isinstance(value, str):
        return "string"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return "int"
    if isinstance(value, float) and math.isfinite(value):
        return "float"
    raise InvalidInputError(
        "LanceDB holds strings, finite numbers, booleans and lists of these in metadata"
    )


def takes(held: str, kind: str, values: Sequence[Any]) -> bool:
    """Whether a field of one kind takes values of another without a change."""
    if held == kind or (held, kind) == ("float", "int"):
        return True
    if (held, kind) == ("int", "float"):
        return all(v is None or float(v).is_integer() for v in values)
    return False


def cast(value: Any, item: Any) -> Any:
    """A value as its Arrow field takes it."""
    if value is not None and kind_of_type(item.type) == "int" and isinstance(value, float):
        return int(value)
    return list(value) if isinstance(value, tuple) else value
