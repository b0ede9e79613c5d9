"""SQL of text and values, kept apart until a driver puts its own placeholders between them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from piirag.errors import InvalidInputError

Value = str | int | list[str]
"""What is sent as a parameter. Everything else goes as JSON text, cast in the statement."""


@dataclass(frozen=True, repr=False)
class Sql:
    """A piece of a statement.

    Only `sql`, `name` and `value` make pieces of something else; what comes from outside is
    never put into the text of one.

    Args:
        texts: The text around the values: always one more than there are values.
        values: The values.
    """

    texts: tuple[str, ...]
    values: tuple[Value, ...] = ()

    def __add__(self, other: Sql) -> Sql:
        middle = self.texts[-1] + other.texts[0]
        texts = (*self.texts[:-1], middle, *other.texts[1:])
        return Sql(texts, self.values + other.values)

    def __repr__(self) -> str:
        return f"Sql({len(self.values)} values)"


def sql(template: str, *pieces: Sql) -> Sql:
    """A piece of text of our own, with other pieces in place of each ``{}``."""
    texts = template.split("{}")
    if len(texts) != len(pieces) + 1:
        raise ValueError("as many pieces as places are needed")
    whole = Sql((texts[0],))
    for piece, text in zip(pieces, texts[1:], strict=True):
        whole = whole + piece + Sql((text,))
    return whole


def value(given: Value, type: str) -> Sql:
    """A parameter, cast to a type of Postgres."""
    return sql("CAST({} AS {})", Sql(("", ""), (given,)), Sql((type,)))


def as_json(given: Any) -> Sql:
    """A parameter of type jsonb."""
    return value(json.dumps(given, ensure_ascii=False, allow_nan=False), "jsonb")


def name(*parts: str) -> Sql:
    """The quoted name of a table or column, with that of its schema before it.

    Raises:
        InvalidInputError: No name that Postgres can have.
    """
    if not parts or not all(isinstance(p, str) and p and "\x00" not in p for p in parts):
        raise InvalidInputError("the name of a table or column is missing or unusable")
    return Sql((".".join('"' + part.replace('"', '""') + '"' for part in parts),))


def joined(separator: str, pieces: Iterable[Sql]) -> Sql:
    """Pieces, one or more, with a text of our own between them."""
    whole: Sql | None = None
    for piece in pieces:
        whole = piece if whole is None else whole + Sql((separator,)) + piece
    if whole is None:
        raise ValueError("nothing to join")
    return whole


def render(statement: Sql, placeholders: Sequence[str], escape: tuple[str, str]) -> str:
    """The text of a statement for a driver.

    Args:
        statement: The statement.
        placeholders: One for each value.
        escape: What the driver takes for the beginning of a placeholder, and what stands for it.
    """
    texts = [text.replace(*escape) for text in statement.texts]
    return texts[0] + "".join(p + t for p, t in zip(placeholders, texts[1:], strict=True))
