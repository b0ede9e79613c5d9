"""Writing rows into a table of vectors in Postgres."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from piirag.erasure.targets.pgvector_table import PGTable
from piirag.errors import InvalidInputError
from piirag.tenancy.binding import SEPARATOR
from piirag.tenancy.languages.pgvector_sql import Sql, joined, name, sql, value

_DEEPEST = 30


def upsert(
    table: PGTable,
    rows: Sequence[Mapping[str, Any]],
    *,
    id: str,
    part: str | None = None,
    computed: Mapping[str, Sql] | None = None,
) -> None:
    """Write rows by their unique id; one that is there already is replaced, all of it.

    Args:
        table: Where.
        rows: At least one, all with the same columns; vectors as lists, metadata as mappings.
        id: Column of the id.
        part: A column that tells parts of the table apart: a row of another part is not replaced.
        computed: Column -> what it is made of; ``r`` is the row.

    Raises:
        InvalidInputError: What Postgres cannot store, or an id that another part has.
    """
    source = _source(table, rows)
    if part is not None:
        _refuse_taken(table, rows, id, part)
    columns = {column: sql("r.{}", name(column)) for column in rows[0]} | dict(computed or {})
    statement = _insert(table, columns, source)
    sets = [sql("{0} = EXCLUDED.{0}".replace("{0}", "{}"), *[name(c)] * 2) for c in columns]
    statement += sql(" ON CONFLICT ({}) DO UPDATE SET {}", name(id), joined(", ", sets))
    if part is not None:
        statement += sql(" WHERE held.{} = EXCLUDED.{}", name(part), name(part))
    written = table.runner.rows(statement + sql(" RETURNING 1"))
    if len(written) != len(rows):
        raise InvalidInputError(_TAKEN)


_TAKEN = "an id is taken by another collection, which shares its table with this one"


def _refuse_taken(table: PGTable, rows: Sequence[Mapping[str, Any]], id: str, part: str) -> None:
    condition = sql("{} IS DISTINCT FROM {}", name(part), value(str(rows[0][part]), "uuid"))
    found = table.runner.rows(
        sql(
            "SELECT 1 FROM {} WHERE {} AND {} LIMIT 1",
            table.sql,
            table.ids([str(row[id]) for row in rows]),
            condition,
        )
    )
    if found:
        raise InvalidInputError(_TAKEN)


def replace(table: PGTable, rows: Sequence[Mapping[str, Any]], *, id: str) -> None:
    """Write rows into a table that does not keep ids unique: the old ones are deleted first.

    Two writers of one user wait for each other, so that no id is there twice.

    Args:
        table: Where.
        rows: At least one, with distinct ids, all with the same columns.
        id: Column of the id.

    Raises:
        InvalidInputError: What Postgres cannot store.
    """
    source = _source(table, rows)
    ids = [str(row[id]) for row in rows]
    owners = sorted({one.split(SEPARATOR, 1)[0] for one in ids})
    lock = sql(
        "SELECT pg_advisory_xact_lock(hashtext({}), h) FROM"
        " (SELECT DISTINCT hashtext(owner) AS h FROM unnest({}) AS owner ORDER BY 1) AS owners",
        value(table.table, "text"),
        value(owners, "text[]"),
    )
    delete = sql("DELETE FROM {}", table.sql) + table.where(table.ids(ids))
    columns = {column: sql("r.{}", name(column)) for column in rows[0]}
    table.runner.rows(lock, delete, _insert(table, columns, source))


def change(table: PGTable, rows: Sequence[Mapping[str, Any]]) -> None:
    """Change some columns of rows that are there, of this part of the table, at once.

    Args:
        table: Where.
        rows: At least one, as `PGTable.row` makes them, with distinct ids and the same columns.

    Raises:
        InvalidInputError: What Postgres cannot store.
    """
    id = table.id_column
    source = _source(table, rows)
    # Under names of their own: the condition on the part names columns without their table.
    new = {column: name(f"piirag_{number}") for number, column in enumerate(rows[0])}
    given = [sql("r.{} AS {}", name(column), alias) for column, alias in new.items()]
    sets = [sql("{} = {}", name(column), new[column]) for column in new if column != id]
    statement = sql(
        "UPDATE {} SET {} FROM (SELECT {} FROM {}) AS piirag_new",
        table.sql,
        joined(", ", sets),
        joined(", ", given),
        source,
    )
    table.runner.rows(statement + table.where(sql("{} = {}", table.id, new[id])))


def _insert(table: PGTable, columns: Mapping[str, Sql], source: Sql) -> Sql:
    return sql(
        "INSERT INTO {} AS held ({}) SELECT {} FROM {}",
        table.sql,
        joined(", ", [name(column) for column in columns]),
        joined(", ", columns.values()),
        source,
    )


def _source(table: PGTable, rows: Sequence[Mapping[str, Any]]) -> Sql:
    """The rows as a table with the types of this one, sent as one parameter."""
    check_storable(rows)
    try:
        data = json.dumps([dict(row) for row in rows], ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        data = ""
    if not data:
        raise InvalidInputError("metadata in Postgres hold what JSON has, and nothing else")
    return sql("json_populate_recordset(CAST(NULL AS {}), {}) AS r", table.sql, value(data, "json"))


def is_storable(text: str) -> bool:
    """Whether Postgres can hold a string: it has no NUL and no half of a surrogate pair."""
    if text.isascii():
        return "\x00" not in text
    return "\x00" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def check_storable(data: Any, depth: int = 0) -> None:
    """Check that Postgres can store all strings in nested data.

    Raises:
        InvalidInputError: One has a NUL or half of a surrogate pair in it, or it is nested too
            deeply. In a column of type JSON, one such row would make everybody's filters fail.
    """
    if depth > _DEEPEST:
        raise InvalidInputError("metadata are nested too deeply")
    if isinstance(data, str):
        if not is_storable(data):
            raise InvalidInputError("Postgres holds no NUL and no half of a surrogate pair")
    elif isinstance(data, Mapping):
        for key, held in data.items():
            check_storable(key, depth + 1)
            check_storable(held, depth + 1)
    elif isinstance(data, list | tuple):
        for held in data:
            check_storable(held, depth + 1)
