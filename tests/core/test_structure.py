"""What parsed before scrubbing parses afterwards."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from piirag import Finding, Policy, Scrubber
from piirag.redaction.structure import structure_of

VALUES = [
    "jane.roe@example.com",
    "4111 1111 1111 1111",
    "+44 20 7946 0958",
    "GB82 WEST 1234 5698 7654 32",
    "Jane Roe",
    'she said "call Jane Roe"\n\tback\\slash jane.roe@example.com',
    "nothing",
    "",
]
NUMBERS = [4111111111111111, 12, -3.5, 0, 4155552671, True, None]
KNOWN = {"PERSON": ["Jane Roe"]}

leaves = st.sampled_from([*VALUES, *NUMBERS])
documents = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(VALUES), inner, max_size=4)
    ),
    max_leaves=12,
)


def scrub(text: str) -> str:
    return Scrubber().scrub(text, user_id="u", known=KNOWN).text


def shape(value: object) -> object:
    """Its nesting, whatever the leaves are."""
    if isinstance(value, dict):
        return [shape(v) for v in value.values()]
    if isinstance(value, list):
        return [shape(v) for v in value]
    return None


@settings(max_examples=60, deadline=None)
@given(st.lists(documents, min_size=1, max_size=4) | st.dictionaries(st.text(), documents))
@pytest.mark.parametrize("options", [{}, {"indent": 2}, {"ensure_ascii": False}])
def test_D15_every_json_text_still_parses(options: dict[str, object], document: object) -> None:
    text = json.dumps(document, **options)  # type: ignore[arg-type]
    scrubbed = scrub(text)
    assert "jane.roe@" not in scrubbed
    assert "Jane Roe" not in scrubbed
    assert "4111" not in scrubbed
    parsed = json.loads(scrubbed)
    if isinstance(document, list):
        assert shape(parsed) == shape(document)


def test_D15_a_number_becomes_a_string_in_quotes() -> None:
    scrubbed = json.loads(scrub('{"card": 4111111111111111, "pieces": 12}'))
    assert scrubbed["card"].startswith("[CREDIT_CARD ")
    assert scrubbed["pieces"] == 12


def test_D15_json_lines_still_parse() -> None:
    text = "\n".join(json.dumps({"n": n, "card": 4111111111111111}) for n in range(3))
    lines = [json.loads(line) for line in scrub(text).split("\n")]
    assert [line["n"] for line in lines] == [0, 1, 2]
    assert all(line["card"].startswith("[CREDIT_CARD ") for line in lines)


def test_D15_an_escape_is_not_cut() -> None:
    for text in ('["\\nJane Roe\\u00e9"]', '["x\\\\Jane Roe"]', '["\\tjane.roe@example.com"]'):
        scrubbed = scrub(text)
        assert "Roe" not in json.loads(scrubbed)[0]


@settings(max_examples=80, deadline=None)
@given(
    st.integers(3, 5).flatmap(
        lambda n: st.lists(
            st.lists(st.sampled_from(VALUES), min_size=n, max_size=n), min_size=2, max_size=4
        )
    ),
    st.sampled_from(",;\t|"),
)
def test_D15_every_csv_text_keeps_its_columns(rows: list[list[str]], delimiter: str) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    scrubbed = scrub(out.getvalue())
    assert "jane.roe@" not in scrubbed
    again = list(csv.reader(io.StringIO(scrubbed), delimiter=delimiter))
    assert [len(row) for row in again] == [len(row) for row in rows]


def test_D15_a_name_over_two_cells_leaves_two_cells() -> None:
    text = "last,first,city\nRoe,Jane,Bonn\nRoe,Jane,Bonn\n"
    rows = list(csv.reader(io.StringIO(scrub(text))))
    assert [len(row) for row in rows] == [3, 3, 3]
    assert rows[1][0] == rows[1][1]
    assert rows[1][0].startswith("[PERSON ")


def test_D15_other_operators_are_escaped() -> None:
    scrubber = Scrubber(Policy(operators={"EMAIL_ADDRESS": ("replace", {"new_value": '"\\'})}))
    scrubbed = scrubber.scrub('["jane.roe@example.com"]', user_id="u").text
    assert json.loads(scrubbed) == ['"\\']


@pytest.mark.parametrize(
    "text", ["", "plain text", "{not json", "Hello Jane, how\nare you, Jim", "a,b\nc", "[1, 2"]
)
def test_other_text_has_no_structure(text: str) -> None:
    assert structure_of(text) is None


def test_D15_a_finding_that_meets_another_within_an_escape_is_not_dropped() -> None:
    class Two:
        """Two findings that meet in the middle of an escape."""

        def detect(self, text: str, *, language: str = "en") -> list[Finding]:
            places = [(text.find(part), len(part)) for part in ("Ren\\u00", "e9 Quarmby")]
            return [Finding("PERSON", at, at + n, 0.9, "d") for at, n in places if at >= 0]

        def detect_batch(self, texts: list[str], *, language: str = "en") -> list[list[Finding]]:
            return [self.detect(text) for text in texts]

    scrubbed = Scrubber(detector=Two()).scrub('{"a": "Ren\\u00e9 Quarmby"}', user_id="u").text
    assert "Quarmby" not in scrubbed
    assert json.loads(scrubbed)["a"].startswith("[PERSON ")
