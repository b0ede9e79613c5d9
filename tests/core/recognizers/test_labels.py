"""Values named by a label: in prose, forms, JSON, XML, settings, tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from presidio_analyzer import AnalyzerEngine, EntityRecognizer
from presidio_analyzer.recognizer_registry import RecognizerRegistry

from piirag.detection.recognizers import extra_recognizers
from piirag.detection.recognizers.dates import DateOfBirthRecognizer
from piirag.detection.recognizers.keyed import KeyedRecognizer, holds, rule
from piirag.detection.tokens_nlp import TokenNlpEngine

# Entity type, a tab, a text whose finding stands between « and »; "\n" stands for a line break.
CASES = [
    tuple(line.split("\t", 1))
    for line in (Path(__file__).parent / "labelled_values.txt").read_text("utf-8").splitlines()
]


@pytest.mark.parametrize(("entity", "marked"), CASES)
def test_the_value_is_found_and_the_label_is_not(entity, marked, find):
    marked = marked.replace("\\n", "\n")
    value = marked[marked.index("«") + 1 : marked.index("»")]
    found = find(marked.replace("«", "").replace("»", ""))
    assert (entity, value) in [(kind, text) for kind, text, _ in found]
    assert all(score >= 0.4 for _, _, score in found)
    # Whatever else is found lies within the value, or is the other half of a pair.
    assert all(text in value or kind == "COORDINATES" for kind, text, _ in found)


@pytest.mark.parametrize(
    "text",
    [
        "The invoice is dated 02.03.1985.",
        "Signed on 2 March 1985 in Leeds",
        "created: 1985-03-02",
        "born to be wild",
        "DOB: 45.13.1985",
        "date of birth: 1985-13-45",
        "dob: unknown",
        "adobe 02.03.1985",
        "stubborn 02.03.1985",
    ],
)
def test_other_dates_are_no_dates_of_birth(text, find):
    assert not find(text)


@pytest.mark.parametrize(
    "text",
    [
        "passport office, open 9 to 5",
        "Passport required. Visa 2024 rules apply",
        "passport.js 0.4.1",
        "pip install passport-oauth2",
        "plate 12 of the atlas",
        "swift: PROGRAMS",
        "BIC: ABCDQQFF",  # QQ is no country
        "routing number 123456789",
        "IMEI 123456789012345",
        "NPI 1234567890",
        "vin 12345678901234567",
        "PIN: 12",
        "ssn: none",
    ],
)
def test_what_a_label_does_not_name(text, find):
    assert not find(text)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_the_header_of_a_column_names_its_values(delimiter, quote, find):
    rows = [
        ("name", "patient_dob", "Passport No", "notes"),
        ("Jane", "1985-03-02", "C01X00T47", "seen 2019-05-05"),
        ("Bob", "02/03/1990", "123456789", "ok"),
        ("Ann", "", "", ""),
    ]
    text = "\n".join(delimiter.join(f"{quote}{c}{quote}" for c in row) for row in rows)
    found = find(text)
    assert {(kind, value) for kind, value, _ in found} == {
        ("DATE_OF_BIRTH", "1985-03-02"),
        ("DATE_OF_BIRTH", "02/03/1990"),
        ("PASSPORT", "C01X00T47"),
        ("PASSPORT", "123456789"),
    }


def test_markdown_and_psql_tables(find):
    markdown = "| id | DOB |\n|----|:---:|\n| 7 | 1985-03-02 |\n| 8 | 1986-04-03 |\n"
    psql = " id | dob\n----+------------\n  7 | 1985-03-02\n  8 | 1986-04-03\n(2 rows)\n"
    for text in (markdown, psql):
        assert [value for _, value, _ in find(text)] == ["1985-03-02", "1986-04-03"]


def test_a_table_ends_where_its_lines_do(find):
    text = "id,dob\n1,1985-03-02\n\nThe next one, 1999-01-01\n2,2001-01-01\n"
    assert [value for _, value, _ in find(text)] == ["1985-03-02"]


def test_a_quoted_cell_may_hold_the_delimiter(find):
    text = 'name,dob\n"Roe, Jane",1985-03-02\n"Doe, ""Bob""",1986-04-03\n'
    assert [value for _, value, _ in find(text)] == ["1985-03-02", "1986-04-03"]


def test_the_password_below_a_header_is_not_the_user_before_it(find):
    found = find("user,password\nalice,hunter2\nbob,Tr0ub4dor\n")
    assert {v for k, v, _ in found if k == "PASSWORD"} == {"hunter2", "Tr0ub4dor"}


def test_a_right_check_digit_makes_sure_and_a_wrong_one_does_not(find):
    # What stands behind the name of a national number stays a finding: slips of the pen happen.
    assert ("NATIONAL_ID", "111222333", 1.0) in find("BSN: 111222333")
    assert [score for _, _, score in find("BSN: 111222334")] == [0.6]
    assert ("BANK_ROUTING", "021000021", 1.0) in find("routing number 021000021")
    assert not find("routing number 021000022")


def test_labels_in_identifiers_and_not_in_words(find):
    assert find("userDob: 1985-03-02")
    assert find("USER_DOB=1985-03-02")
    assert find("dateOfBirth=1985-03-02")
    assert not find("adob: 1985-03-02")
    assert not find("dobby 1985-03-02")


def test_accents_and_case_of_labels(find):
    for label in ("né le", "NÉ LE", "Ne le", "FECHA DE NACIMIENTO", "Fecha de Nacimiento:"):
        assert find(f"{label} 02/03/1985"), label
    for label in ("Führerschein", "FÜHRERSCHEIN", "fuehrerschein", "Fuhrerschein"):
        assert find(f"{label} B072RRE2I55"), label


def test_no_label_lets_two_lines_of_prose_in(find):
    assert not find("He lost his passport.\n\nOn page 4 we list 1234 items.")


def test_recognisers_of_ones_own():
    class Tickets(KeyedRecognizer):
        """Tickets of the theatre."""

        RULES = (rule("TICKET", "seat ticket", r"[A-Z]{2}\d{4}", check=holds(digits=4)),)

    (result,) = Tickets().analyze("Seat ticket: AB1234", ["TICKET"], None)
    assert (result.entity_type, result.start, result.end) == ("TICKET", 13, 19)
    assert not Tickets().analyze("ticket: AB1234", ["TICKET"], None)


def test_they_serve_in_an_engine_of_presidio():
    registry = RecognizerRegistry(recognizers=[*extra_recognizers(["de"])])
    engine = AnalyzerEngine(registry=registry, nlp_engine=TokenNlpEngine(["en"]))
    text = "DOB: 02.03.1985, Steuer-ID 86095742719, password: hunter2"
    results = engine.analyze(text, "en", return_decision_process=True)
    found = {text[r.start : r.end] for r in results}
    assert {"02.03.1985", "86095742719", "hunter2"} <= found
    assert all(r.analysis_explanation.recognizer for r in results)
    only = engine.analyze(text, "en", entities=["PASSWORD"])
    assert [r.entity_type for r in only] == ["PASSWORD"]


def test_results_carry_the_recogniser_and_serialise():
    recognizer = DateOfBirthRecognizer(supported_language="de", name="Births")
    (result,) = recognizer.analyze("geb. 02.03.1985", [], None)
    assert result.recognition_metadata["recognizer_name"] == "Births"
    assert recognizer.supported_language == "de"
    assert EntityRecognizer.to_dict(recognizer)["supported_entities"] == ["DATE_OF_BIRTH"]
