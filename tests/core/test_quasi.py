"""Quasi-identifiers: found, put together, generalised; and silence about everything else."""

from __future__ import annotations

import logging

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from piirag import Finding, Policy, Redactor, Scrubber
from piirag.detection.quasi import assess, generalize, is_quasi
from piirag.detection.quasi.assess import CHUNK
from piirag.detection.quasi.find import CUES, find_quasi
from piirag.detection.quasi.places import AREA_OF
from piirag.detection.quasi.titles import DEVICES, EVERYDAY, FIELD_OF
from piirag.detection.quasi.words import Phrases, Scan, flatten, longest_first
from piirag.detection.quasi.zips import SMALL_ZIP_AREAS
from piirag.redaction import insight
from support.technical_lines import LINES

BERLIN = "born in 1985, lives in Berlin, works at SAP"


class Nothing:
    """A detector that finds nothing, so that only what is tested here is found."""

    def detect(self, text: str, *, language: str = "en") -> list[Finding]:
        return []

    def detect_batch(self, texts, *, language: str = "en") -> list[list[Finding]]:
        return [[] for _ in texts]


def found(text: str, findings: tuple[Finding, ...] = ()) -> list[tuple[str, str]]:
    return [(f.entity_type, text[f.start : f.end]) for f in assess(text, findings).findings]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("She was born in 1985.", [("DATE_OF_BIRTH", "1985")]),
        ("born on 12 March 1985 in Leeds", [("DATE_OF_BIRTH", "12 March 1985")]),
        ("DOB: 1985-03-12", [("DATE_OF_BIRTH", "1985-03-12")]),
        ("he is 43 years old", [("AGE", "43")]),
        ("a 43-year-old", [("AGE", "43")]),
        ("a forty-three-year-old", [("AGE", "forty-three")]),
        ("aged 43 and well", [("AGE", "43")]),
        ("I am 43yo", [("AGE", "43")]),
        ("I am 43 y/o", [("AGE", "43")]),
        ("[PERSON_1] (43) called", [("AGE", "43")]),
        ("[PERSON Kobaru Tesami Lovina], 43, called", [("AGE", "43")]),
        ("postcode: SW1A 1AA", [("POSTCODE", "SW1A 1AA")]),
        ("ZIP 94110", [("POSTCODE", "94110")]),
        ("She works for the National Health Service.", [("EMPLOYER", "National Health Service")]),
        ("employer: SAP SE", [("EMPLOYER", "SAP SE")]),
        ("employed by Deutsche Bank", [("EMPLOYER", "Deutsche Bank")]),
        ("he works as a software engineer", [("JOB_TITLE", "software engineer")]),
        ("job title: Head of Sales", [("JOB_TITLE", "Head of Sales")]),
        ("my sister is a dentist", [("JOB_TITLE", "dentist")]),
        ("he is a nurse, retired", [("JOB_TITLE", "nurse")]),
        ("she is German", [("NATIONALITY", "German")]),
        ("a French citizen", [("NATIONALITY", "French")]),
        ("nationality: DE", [("NATIONALITY", "DE")]),
        ("gender: f", [("GENDER", "f")]),
        ('"sex": "male"', [("GENDER", "male")]),
        ("I saw a woman", [("GENDER", "woman")]),
        ("I live in Berlin", [("RESIDENCE", "Berlin")]),
        ("i'm from lyon", [("RESIDENCE", "lyon")]),
        ("resident of New York City", [("RESIDENCE", "New York City")]),
        ("She lives in Kleinmachnow.", [("RESIDENCE", "Kleinmachnow")]),
        ("marital status: widowed", [("MARITAL_STATUS", "widowed")]),
        ("he is divorced", [("MARITAL_STATUS", "divorced")]),
        ("a mother of three", [("MARITAL_STATUS", "mother of three")]),
        ("She studied at ETH Zurich", [("EDUCATION", "ETH Zurich")]),
        ("class of 2003", [("EDUCATION", "2003")]),
    ],
)
def test_each_kind_is_found(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize("text", LINES)
def test_clean_technical_lines_hold_none(text: str) -> None:
    assert found(text) == []


def test_findings_of_the_detector_help() -> None:
    """A village no table knows, a firm in lower case, a name with an age behind it."""
    text = "lives in ober-ramstadt, works at wella, Jo Roe (43)"
    at = text.index
    findings = (
        Finding("LOCATION", at("ober"), at(", works"), 0.8, "m"),
        Finding("ORGANIZATION", at("wella"), at(", Jo"), 0.8, "m"),
        Finding("PERSON", at("Jo"), at(" ("), 0.8, "m"),
    )
    assert found(text, findings) == [
        ("RESIDENCE", "ober-ramstadt"),
        ("EMPLOYER", "wella"),
        ("AGE", "43"),
    ]
    assert found(text) == []


def test_quasi_identifiers_of_the_detector_count_once() -> None:
    text = "DOB 1985-03-12"
    theirs = Finding("DATE_OF_BIRTH", 4, 14, 0.9, "theirs")
    assert assess(text, [theirs]).findings == (theirs,)


def test_three_kinds_in_one_chunk_warn_and_show_no_value(caplog) -> None:
    with caplog.at_level(logging.INFO, logger="piirag.quasi"):
        result = assess(BERLIN)
    assert result.warning is not None
    assert result.warning.kinds == ("birth", "employer", "place")
    assert result.warning.counts == {"DATE_OF_BIRTH": 1, "RESIDENCE": 1, "EMPLOYER": 1}
    shown = f"{result!r} {result.warning!r} {result.warning} {caplog.text}"
    assert not any(value in shown for value in ("1985", "Berlin", "SAP"))
    assert [r.levelname for r in caplog.records] == ["INFO"], "never noisy by default"


def test_the_same_fact_twice_counts_once() -> None:
    assert assess("aged 40, born in 1985, lives in Berlin, postcode 10115").kinds == (
        "birth",
        "place",
    )
    assert assess("aged 40, born in 1985, lives in Berlin, postcode 10115").warning is None


def test_the_threshold_is_the_policys() -> None:
    assert assess(BERLIN, threshold=4).warning is None
    scrubber = Scrubber(Policy(quasi_threshold=4), Nothing())
    assert scrubber.scrub(BERLIN, user_id="u").insight.quasi.warning is None


def test_what_stands_far_apart_in_a_document_does_not_combine() -> None:
    gap = "\nlorem ipsum " * (CHUNK // 12)
    assert assess(f"born in 1985{gap}lives in Berlin{gap}works at SAP").warning is None
    assert assess(f"{gap}{gap}{gap}{BERLIN}{gap}").warning is not None


# --- what the policy makes of it --------------------------------------------------------------


def test_by_default_the_text_stays_and_the_result_warns() -> None:
    for result in (
        Scrubber(detector=Nothing()).scrub(BERLIN, user_id="u"),
        Redactor(detector=Nothing()).redact(BERLIN),
    ):
        assert result.text == BERLIN
        assert result.findings == ()
        assert result.insight.quasi.warning is not None
        assert "Berlin" not in repr(result) + repr(result.insight)


def test_off_computes_nothing(monkeypatch) -> None:
    def refuse(*args, **kwargs):
        raise AssertionError("it was looked at")

    monkeypatch.setattr(insight, "assess", refuse)
    monkeypatch.setattr(insight, "special_categories", refuse)
    monkeypatch.setattr(insight, "scanned", refuse)
    policy = Policy(quasi_identifiers="off", special_categories="off")
    result = Scrubber(policy, Nothing()).scrub(BERLIN, user_id="u")
    assert result.insight.quasi.findings == ()
    assert Redactor(policy, Nothing()).redact(BERLIN).insight.special == ()


def test_redact_replaces_them_and_restores_exactly() -> None:
    redactor = Redactor(Policy(quasi_identifiers="redact"), Nothing())
    redaction = redactor.redact(BERLIN)
    assert (
        redaction.text == "born in [DATE_OF_BIRTH_1], lives in [RESIDENCE_1], works at [EMPLOYER_1]"
    )
    assert redactor.rehydrate(redaction.text, redaction.mapping) == BERLIN
    scrubber = Scrubber(Policy(quasi_identifiers="redact"), Nothing())
    scrubbed = scrubber.scrub(BERLIN, user_id="u")
    assert scrubbed.counts == {"DATE_OF_BIRTH": 1, "RESIDENCE": 1, "EMPLOYER": 1}
    assert not any(value in scrubbed.text for value in ("1985", "Berlin", "SAP"))
    assert scrubber.reveal(scrubbed.text, user_id="u") == BERLIN
    assert scrubber.scrub(scrubbed.text, user_id="u").text == scrubbed.text


def test_generalize_puts_coarser_values() -> None:
    text = (
        "born on 12 March 1985, lives in Berlin, ZIP 94110, works at Leeds City Hospital "
        "as a nurse; she is German, 43 years old, divorced"
    )
    policy = Policy(quasi_identifiers="generalize")
    scrubber = Scrubber(policy, Nothing())
    once = scrubber.scrub(text, user_id="u").text
    assert once == (
        "born on 1985, lives in Germany, ZIP 941xx, works at a healthcare employer as a "
        "health professional; she is European, 40-49 years old, <MARITAL_STATUS>"
    )
    assert Scrubber(policy, Nothing()).scrub(once, user_id="u").text == once
    # What leaves for a model can be restored, so it is a placeholder.
    assert "[DATE_OF_BIRTH_1]" in Redactor(policy, Nothing()).redact(text).text


def test_an_operator_named_for_a_type_wins_over_generalize() -> None:
    policy = Policy(
        quasi_identifiers="generalize", operators={"EMPLOYER": "redact", "DEFAULT": "replace"}
    )
    text = Scrubber(policy, Nothing()).scrub(BERLIN, user_id="u").text
    assert text == "born in 1985, lives in Germany, works at "


def test_generalize_is_an_operator_for_any_type() -> None:
    class Places(Nothing):
        def detect(self, text: str, *, language: str = "en") -> list[Finding]:
            return [Finding("LOCATION", text.index("Lyon"), text.index("Lyon") + 4, 0.9, "m")]

    policy = Policy(operators={"LOCATION": "generalize"}, quasi_identifiers="off")
    assert Scrubber(policy, Places()).scrub("in Lyon", user_id="u").text == "in France"


def test_entities_pick_which_of_them_are_replaced() -> None:
    policy = Policy(entities=["RESIDENCE"], quasi_identifiers="redact")
    text = Redactor(policy, Nothing()).redact(BERLIN).text
    assert text == "born in 1985, lives in [RESIDENCE_1], works at SAP"


def test_what_is_replaced_anyway_keeps_its_type() -> None:
    redactor = Redactor(Policy(quasi_identifiers="redact"), Nothing())
    redaction = redactor.redact("works at SAP Deutschland", known={"ORGANIZATION": ["SAP"]})
    assert redaction.text == "works at [ORGANIZATION_1][EMPLOYER_1]"
    assert redactor.rehydrate(redaction.text, redaction.mapping) == "works at SAP Deutschland"


def test_the_detector_runs_once() -> None:
    calls = []

    class Counting(Nothing):
        def detect(self, text: str, *, language: str = "en") -> list[Finding]:
            calls.append(text)
            return []

    policy = Policy(quasi_identifiers="redact", special_categories="redact")
    Scrubber(policy, Counting()).scrub(BERLIN, user_id="u")
    assert len(calls) == 1
    Redactor(policy, Counting()).redact(BERLIN)
    assert len(calls) == 2


def test_a_context_is_not_part_of_the_result() -> None:
    scrubber = Scrubber(Policy(quasi_identifiers="redact"), Nothing())
    (result,) = scrubber.scrub_batch(["Berlin"], user_id="u", contexts=["city: "])
    assert result.text.startswith("[RESIDENCE ")
    assert [(f.start, f.end) for f in result.insight.quasi.findings] == [(0, 6)]
    (other,) = scrubber.scrub_batch(["is home"], user_id="u", contexts=["lives in Berlin: "])
    assert other.text == "is home"
    assert other.insight.quasi.findings == ()


# --- generalize -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entity_type", "value", "coarse"),
    [
        ("DATE_OF_BIRTH", "12/03/1985", "1985"),
        ("DATE_OF_BIRTH", "12/03/85", "1985"),
        ("DATE_OF_BIRTH", "12/03/12", "<DATE_OF_BIRTH>"),
        ("DATE_OF_BIRTH", "3 May", "<DATE_OF_BIRTH>"),
        ("DATE_OF_BIRTH", "1 May 1931", "before 1940"),
        ("DATE_OF_BIRTH", "１９８５", "1985"),
        ("DATE_TIME", "on 1 May 1931", "1931"),
        ("AGE", "43", "40-49"),
        ("AGE", "7", "0-9"),
        ("AGE", "89", "80-89"),
        ("AGE", "90", "90+"),
        ("AGE", "104", "90+"),
        ("AGE", "18 months", "0-9"),
        ("AGE", "forty-three", "40-49"),
        ("AGE", "43 years old", "40-49"),
        ("AGE", "unknown", "<AGE>"),
        ("POSTCODE", "94110", "941xx"),
        ("POSTCODE", "94110-1234", "941xx"),
        ("POSTCODE", "03601", "000xx"),
        ("POSTCODE", "SW1A 1AA", "SW1A"),
        ("UK_POSTCODE", "m1 1ae", "M1"),
        ("CA_POSTAL_CODE", "K1A 0B1", "K1A"),
        ("POSTCODE", "1010", "10xx"),
        ("POSTCODE", "12", "<POSTCODE>"),
        ("RESIDENCE", "Berlin", "Germany"),
        ("RESIDENCE", "BERLIN, Germany", "Germany"),
        ("RESIDENCE", "San Francisco", "California"),
        ("RESIDENCE", "Kleinmachnow", "<RESIDENCE>"),
        ("LOCATION", "Lyon", "France"),
        ("NATIONALITY", "German", "European"),
        ("NATIONALITY", "Klingon", "<NATIONALITY>"),
        ("JOB_TITLE", "Senior Data Engineer", "IT professional"),
        ("JOB_TITLE", "rocket surgeon", "health professional"),
        ("JOB_TITLE", "wizard", "<JOB_TITLE>"),
        ("EMPLOYER", "Leeds General Hospital", "a healthcare employer"),
        ("EMPLOYER", "SAP", "<EMPLOYER>"),
        ("GENDER", "female", "<GENDER>"),
        ("PERSON", "Jane Roe", "<PERSON>"),
    ],
)
def test_coarser_values(entity_type: str, value: str, coarse: str) -> None:
    assert generalize(entity_type, value) == coarse
    assert generalize(entity_type, coarse) in {coarse, f"<{entity_type}>"}


@given(st.integers(0, 120))
def test_every_age_falls_into_its_band(age: int) -> None:
    band = generalize("AGE", str(age))
    if age >= 90:
        assert band == "90+"
    else:
        low, high = map(int, band.split("-"))
        assert low <= age <= high == low + 9


@given(st.sampled_from(["AGE", "DATE_OF_BIRTH", "POSTCODE", "RESIDENCE", "EMPLOYER"]), st.text())
def test_no_value_breaks_generalize_or_comes_out_whole(kind: str, value: str) -> None:
    coarse = generalize(kind, value)
    digits = [c for c in value if c.isdigit()]
    if len(digits) > 4:
        assert sum(map(str.isdigit, coarse)) <= 4


def test_small_zip_areas_are_all_of_both_lists() -> None:
    """The 17 of the HHS guidance of 2012 stand in it."""
    seventeen = "036 692 878 059 790 879 063 821 884 102 823 890 203 830 893 556 831".split()
    assert set(seventeen) <= SMALL_ZIP_AREAS
    assert all(len(area) == 3 and area.isdigit() for area in SMALL_ZIP_AREAS)


phrases = st.sampled_from(
    [
        "born in 1985",
        "born on 3 May 1931",
        "aged 43",
        "a 43-year-old",
        "43yo",
        "[PERSON_1] (43)",
        "lives in Berlin",
        "I live in Atlanta",
        "she is from New York",
        "postcode: SW1A 1AA",
        "ZIP 03601",
        "works at SAP",
        "employer: St Mary's Hospital",
        "job title: Senior Nurse",
        "occupation: IT professional",
        "works as a plumber",
        "she is German",
        "nationality: Swiss",
        "gender: f",
        "he is divorced",
        "class of 2003",
        ", ",
        ". ",
        "\n",
        " and ",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(phrases, max_size=8).map(" ".join))
@example("occupation: IT professional ,  43yo born in 1985")
@example("class of 2003 born in 1985 ZIP 03601 ZIP 03601 born in 1985")
@example("the cache it holds ,  forty-three years old born in 1985")
@pytest.mark.parametrize("mode", ["generalize", "redact"])
def test_invariant_9_every_text_comes_out_the_same_when_scrubbed_twice(
    mode: str, text: str
) -> None:
    policy = Policy(quasi_identifiers=mode)
    scrubber = Scrubber(policy, Nothing())
    once = scrubber.scrub(text, user_id="u").text
    scrubber._states._clean.clear()
    assert scrubber.scrub(once, user_id="u").text == once


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(phrases, st.text(max_size=9)), max_size=9).map(" ".join))
def test_invariant_3_every_text_is_restored_exactly(text: str) -> None:
    redactor = Redactor(Policy(quasi_identifiers="redact", special_categories="redact"), Nothing())
    redaction = redactor.redact(text)
    assert redactor.rehydrate(redaction.text, redaction.mapping) == text


@given(st.text())
def test_every_finding_lies_in_the_text_and_none_overlap(text: str) -> None:
    last = 0
    for finding in assess(text).findings:
        assert last <= finding.start < finding.end <= len(text)
        assert is_quasi(finding.entity_type)
        last = finding.end


# --- the scan ---------------------------------------------------------------------------------


@given(st.text())
def test_the_flat_form_keeps_every_offset(text: str) -> None:
    flat = flatten(text)
    assert len(flat) == len(text)
    assert all(c == " " or c.isalnum() or not c.isascii() for c in flat)


@pytest.mark.parametrize("text", ["İstanbul born in 1985", "ŉ born in 1985", "ß BORN in 1985"])
def test_letters_that_grow_in_lower_case_move_nothing(text: str) -> None:
    (finding,) = assess(text).findings
    assert text[finding.start : finding.end] == "1985"


def test_phrases_are_found_as_whole_words_whatever_stands_between() -> None:
    index = Phrases({"sales manager": 1, "manager": 2})
    text = "Sales-Manager, managers; sales\nmanager"
    hits = longest_first(index.find(Scan(text)))
    assert [(text[s:e], entry) for s, e, entry in hits] == [
        ("Sales-Manager", 1),
        ("sales\nmanager", 1),
    ]


def test_lists_hold_nothing_that_is_never_found() -> None:
    for entry in (*FIELD_OF, *AREA_OF, *CUES.words):
        assert " ".join(flatten(entry).split()) == entry
    assert FIELD_OF.keys() >= EVERYDAY | DEVICES


@pytest.mark.parametrize(
    "unit",
    [
        "born ",
        "aged 4",
        "year old ",
        "43 years old ",
        "works at A ",
        "works at Aa Bb Cc Dd ",
        "lives in Berlin ",
        "job title: a b c d e f ",
        "she is German ",
        "gender: ",
        "[PERSON_1] (43) ",
        "a a a a a ",
        "from the ",
        "zip 12345",
        "mother of ",
        ": = ' \" ",
    ],
)
def test_D8_hostile_text_takes_linear_time(unit: str) -> None:
    """Four times the text takes about four times as long; sixteen times would be quadratic."""
    from time import process_time

    def cost(size: int) -> float:
        text = (unit * (size // len(unit) + 1))[:size]
        best = 9e9
        for _ in range(3):
            began = process_time()
            find_quasi(Scan(text))
            best = min(best, process_time() - began)
        return best

    assert cost(64_000) < 11 * cost(16_000) + 0.01
