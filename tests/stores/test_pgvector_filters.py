"""Filters in SQL mean what filters in memory mean, whatever is compared with what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from piirag.erasure.targets.pgvector_runner import PsycopgRunner, Runner
from piirag.errors import InvalidInputError
from piirag.tenancy.filters import matches, normalised
from piirag.tenancy.languages.pgvector import PGVectorLanguage
from piirag.tenancy.languages.pgvector_sql import Sql, as_json, name, sql, value
from support.postgres import url_of_server

M = name("m")


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    url = url_of_server()
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        yield PsycopgRunner(connection)


def _same(key: str, wanted: Any) -> Sql:
    return sql("{} @> {}", M, as_json({key: wanted}))


def _lookup(key: str) -> Sql:
    return sql("({} -> {})", M, value(key, "text"))


LANGUAGE = PGVectorLanguage(_lookup, _same)


def _fits(runner: Runner, clause: Any, metadata: Any) -> bool:
    condition = LANGUAGE.translate(normalised(clause, "user_id") or {})
    rows = sql("(SELECT {} AS m) AS t", as_json(metadata))
    return bool(runner.rows(sql("SELECT 1 FROM {} WHERE {}", rows, condition)))


_TEXT = st.text(st.sampled_from("ab'\"\\%_{}$:é😀 "), max_size=4)
_NUMBERS = st.one_of(
    st.integers(-3, 3), st.sampled_from([0.5, 1.0, -0.0, 1e300, 2**53 + 1, 2**63 - 1, -(2**63)])
)
_ONE = st.one_of(_TEXT, _NUMBERS, st.booleans())
_KEY = st.sampled_from(["a", "b", "a.b", "it's", 'q"', "c:d", "p%s", "ä"])
_METADATA = st.dictionaries(
    _KEY, st.one_of(_ONE, st.none(), st.lists(_ONE, max_size=3), st.just({"a": 1})), max_size=4
)
_LIST = st.lists(_ONE, min_size=1, max_size=3)
_ORDERED = st.one_of(_TEXT, _NUMBERS)


def _condition(operator: str, operand: Any) -> Any:
    return operand.map(lambda given: {operator: given})


_CONDITIONS = st.one_of(
    _ONE,
    *(_condition(op, _ONE) for op in ("$eq", "$ne", "$contains")),
    *(_condition(op, _ORDERED) for op in ("$gt", "$gte", "$lt", "$lte")),
    *(_condition(op, _LIST) for op in ("$in", "$nin", "$any", "$all")),
    _condition("$text", _TEXT),
    _condition("$exists", st.booleans()),
)
_CLAUSES = st.recursive(
    st.dictionaries(_KEY, _CONDITIONS, min_size=1, max_size=2),
    lambda inner: st.one_of(
        st.builds(
            lambda group, parts: {group: parts},
            st.sampled_from(["$and", "$or"]),
            st.lists(inner, min_size=1, max_size=3),
        ),
        inner.map(lambda part: {"$not": part}),
    ),
    max_leaves=5,
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(clause=_CLAUSES, metadata=_METADATA)
def test_T6_every_filter_means_the_same_in_sql(runner: Runner, clause: Any, metadata: Any) -> None:
    wanted = normalised(clause, "user_id")
    assert wanted is not None
    assert _fits(runner, clause, metadata) is matches(wanted, metadata)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=_ONE, held=_METADATA)
def test_keys_that_metadata_have_fit(runner: Runner, wanted: Any, held: Any) -> None:
    """So that the test above is not about keys that nothing has."""
    metadata = {**held, "a": wanted, "b": [wanted]}
    assert _fits(runner, {"a": wanted, "b": {"$contains": wanted}}, metadata)
    assert not _fits(runner, {"a": {"$ne": wanted}}, metadata)


@pytest.mark.parametrize(
    ("operator", "pattern", "fits"),
    [
        ("$like", "Green%", True),
        ("$like", "green%", False),
        ("$ilike", "green _ea", True),
        ("$like", "Green \\%", False),
        ("$like", "%' OR '1'='1", False),
        ("$itext", "GREEN", True),
        ("$itext", "%", False),
    ],
)
def test_patterns(runner: Runner, operator: str, pattern: str, fits: bool) -> None:
    assert _fits(runner, {"t": {operator: pattern}}, {"t": "Green Tea"}) is fits
    assert not _fits(runner, {"t": {operator: pattern}}, {"t": ["Green Tea"]})


@pytest.mark.parametrize("clause", [{"t": {"$like": "a\\"}}, {"t": {"$gt": True}}])
def test_what_cannot_be_carried_out_is_refused(runner: Runner, clause: Any) -> None:
    with pytest.raises(InvalidInputError):
        _fits(runner, clause, {"t": "a"})


def test_T18_numbers_are_no_strings_however_they_are_written(runner: Runner) -> None:
    for held in ("7", "007", "7.0", "70e-1", 7, 7.5, True, ["7"], {"a": "7"}):
        assert _fits(runner, {"k": "7"}, {"k": held}) is (held == "7")


def test_nothing_from_outside_is_part_of_the_text() -> None:
    hostile = "x') OR TRUE --"
    for clause in (
        {hostile: 1},
        {"k": hostile},
        {"k": {"$in": [hostile]}},
        {"k": {"$text": hostile}},
    ):
        made = LANGUAGE.translate(normalised(clause, "user_id") or {})
        assert not any("TRUE" in text for text in made.texts)
    assert name('a"b', "c").texts == ('"a""b"."c"',)
    with pytest.raises(InvalidInputError):
        name("a\x00")
