"""Known values in every spelling and script, at a cost that does not grow with their number."""

from __future__ import annotations

import base64
import sys
import unicodedata

import pytest

from piirag import KnownValues, Redactor, Scrubber
from piirag.errors import ConfigurationError, InvalidInputError
from piirag.policy import Policy


def _redact(text: str, **known: list[str]) -> str:
    redactor = Redactor()
    redaction = redactor.redact(text, known=known)
    assert redactor.rehydrate(redaction.text, redaction.mapping) == text
    return redaction.text


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("Jane Mary Roe", "Jane Mary Roe", "[PERSON_1]"),
        ("JANE ROE, roe", "Jane Mary Roe", "[PERSON_1], [PERSON_1b]"),
        ("Roe, Jane", "Jane Mary Roe", "[PERSON_1]"),
        ("J. Roe", "Jane Mary Roe", "[PERSON_1]"),
        ("J.M. Roe", "Jane Mary Roe", "[PERSON_1]"),
        ("J.M.R. agrees", "Jane Mary Roe", "[PERSON_1]. agrees"),
        ("JMR agrees", "Jane Mary Roe", "[PERSON_1] agrees"),
        ("jane_roe.pdf", "Jane Mary Roe", "[PERSON_1].pdf"),
        ("janeroe and jroe", "Jane Roe", "[PERSON_1] and jroe"),
        ("Jane's dog", "Jane Roe", "[PERSON_1]'s dog"),
        ("Will will pay", "Will Smith", "[PERSON_1] will pay"),
        ("Annabel met Ann", "Ann Lee", "Annabel met [PERSON_1]"),
        ("JOSE NUNEZ", "José Núñez", "[PERSON_1]"),
        (unicodedata.normalize("NFD", "José García came"), "José García", "[PERSON_1] came"),
        ("Ja\u200bne R\u00adoe came", "Jane Roe", "[PERSON_1] came"),
        ("O’Brien, Sean", "Sean O'Brien", "[PERSON_1]"),
        ("Dr Li and A. Li", "Dr. Ana Li", "Dr [PERSON_1] and [PERSON_1b]"),
        ("f/Jane%20Roe.pdf", "Jane Roe", "f/[PERSON_1].pdf"),
        (r"Jane\u0020Roe and Jane\nRoe", "Jane Roe", "[PERSON_1] and [PERSON_1b]"),
        ("Al called; al dente", "Al", "[PERSON_1] called; al dente"),
        ("ग्राहक प्रिया शर्मा आए", "प्रिया शर्मा", "ग्राहक [PERSON_1] आए"),
        ("זה דָּוִד", "דָּוִד", "זה [PERSON_1]"),
        ("王小明去了北京", "王小明", "[PERSON_1]去了北京"),
        ("客户 王明 来电", "王明", "客户 [PERSON_1] 来电"),
        ("คุณสมชาย ใจดีมา", "สมชาย ใจดี", "คุณ[PERSON_1]มา"),
        ("김철수가 왔다", "김철수", "[PERSON_1]가 왔다"),
    ],
)
def test_names(text: str, name: str, expected: str) -> None:
    assert _redact(text, PERSON=[name]) == expected


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("id EMP-12345.", "EMP12345", "id [CODE_1]."),
        ("id EMP 123-45.", "EMP12345", "id [CODE_1]."),
        ("id emp12345.", "EMP-12345", "id [CODE_1]."),
        ("id EMP123456.", "EMP12345", "id EMP123456."),
        ("call @@@ now", "@@@", "call [CODE_1] now"),
        ("foo ---- bar secret!", "foo ---- bar secret", "[CODE_1]!"),
    ],
)
def test_codes(text: str, value: str, expected: str) -> None:
    assert _redact(text, CODE=[value]) == expected


def test_overlapping_values_are_covered_together() -> None:
    text = _redact(
        "Jane Roe Kestrel Holdings", PERSON=["Jane Roe"], ORGANIZATION=["Roe Kestrel Holdings"]
    )
    assert text == "[ORGANIZATION_1]"


def test_two_parts_of_different_people_side_by_side_are_a_third_person() -> None:
    scrubber = Scrubber()
    known = {"PERSON": ["Peter David Fuchs", "Jane Roe"]}
    scrubber.scrub("Peter David Fuchs met Jane Roe", user_id="u", known=known)
    text = "Mr Peter Roe called. Export it as PDF."
    scrubbed = scrubber.scrub(text, user_id="u").text
    assert "Peter" not in scrubbed
    assert "PDF" in scrubbed
    assert scrubber.reveal(scrubbed, user_id="u") == text


def test_a_value_hidden_by_its_neighbour_is_found_once_that_is_gone() -> None:
    redact = Redactor().redact
    text = redact("x jane.roe@example.com-Zanthe Quill", known={"PERSON": ["Zanthe Quill"]}).text
    assert text == "x [EMAIL_ADDRESS_1]-[PERSON_1]"
    assert redact("jane.roe@example.com-192.168.1.20").text == "[EMAIL_ADDRESS_1]-[IP_ADDRESS_1]"


def test_swapped_types_and_values_are_not_quoted() -> None:
    for known in ({"Jane Roe": "PERSON"}, {"Jane Roe": [5]}, {"Jane Roe": None}):
        with pytest.raises(InvalidInputError) as caught:
            Redactor().redact("x", known=known)
        assert "Jane" not in str(caught.value)
    for policy in ({"operators": {"Jane Roe": "x"}}, {"thresholds": {"Jane Roe": 7}}):
        with pytest.raises(ConfigurationError) as failed:
            Policy(**policy)
        assert "Jane" not in str(failed.value)
    with pytest.raises(InvalidInputError, match="reserved"):
        Redactor().redact("x", known={"LITERAL": ["x"]})


def _steps(call) -> int:
    """Python lines run by a call: a measure of work that no busy machine disturbs."""
    lines = 0

    def trace(frame, event, arg):
        nonlocal lines
        lines += event == "line"
        return trace

    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(None)
    return lines


@pytest.mark.parametrize("unit", ["A. ", "Jane Roe, ", "jane_", "x ", "(", "AC-12 ", "王小"])
def test_D8_work_grows_with_the_text_and_no_faster(unit: str) -> None:
    index = KnownValues({"PERSON": ["Jane Mary Roe", "王小明"], "CODE": ["AC-1234"]})
    small, large = (_steps(lambda n=n: index.find(unit * n)) for n in (200, 800))
    assert large < 6 * small


def test_work_does_not_grow_with_the_number_of_values() -> None:
    def build(count: int) -> KnownValues:
        return KnownValues({"PERSON": [f"Jane Lastname{i}x" for i in range(count)]})

    text = "Jane Lastname7x met Jane. J. Lastname9x too. " * 20
    few, many = build(10), build(1000)
    assert _steps(lambda: many.find(text)) < 2 * _steps(lambda: few.find(text))


def test_adding_known_values_one_by_one_is_not_quadratic() -> None:
    def ingest(count: int) -> int:
        scrubber = Scrubber(Policy(entities=["MAC_ADDRESS"]))
        scrubber.scrub("warm up", user_id="u")

        def run() -> None:
            for i in range(count):
                scrubber.scrub("x", user_id="u", known={"CODE": [f"code-{i}-end"]})

        return _steps(run)

    small, large = ingest(10), ingest(60)
    assert large < 9 * small


@pytest.mark.parametrize("character", ["_", "+", "(", "=", "█", "'"])
def test_D8_runs_of_punctuation_cost_no_more_than_their_length(character: str) -> None:
    from piirag.detection.tokens_nlp import TokenNlpEngine

    engine = TokenNlpEngine(["en"])
    small, large = (
        _steps(lambda n=n: engine.process_text(character * n, "en")) for n in (1000, 8000)
    )
    assert large < 10 * small


def test_a_known_value_around_token_shaped_text_is_covered() -> None:
    redactor = Redactor()
    value = "Order [PERSON_1] Zanthe"
    redaction = redactor.redact(f"see {value}.", known={"NOTE": [value]})
    assert "Zanthe" not in redaction.text
    assert "Order" not in redaction.text
    assert redactor.rehydrate(redaction.text, redaction.mapping) == f"see {value}."


@pytest.mark.parametrize(
    "written",
    [
        r"Zo\u00eb \u00dcnalan",
        r'{"customer": "Zo\u00eb \u00dcnalan", "n": 1}',
        "Zo%C3%AB%20%C3%9Cnalan",
        "Zo&euml; &Uuml;nalan",
        "Zo&#235; &#220;nalan",
        base64.b64encode("Zoë Ünalan wrote again".encode()).decode(),
        "Z\u200bo\u00eb \u00dcnal\u200ban",
    ],
)
def test_a_known_value_is_found_however_it_is_escaped(written: str) -> None:
    session = Redactor(Policy(model="none")).session(known={"PERSON": ["Zoë Ünalan"]})
    text = f"is {written} here"
    redaction = session.redact(text)
    assert redaction.counts == {"PERSON": 1}
    assert session.reply().text(redaction.text) == text
