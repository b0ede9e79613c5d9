"""The second look: leaks that the detector missed are found, what is let through is left alone."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from piirag import Finding, Policy, Redactor, Scrubber
from piirag.errors import PIIBlockedError
from piirag.redaction import tokens
from piirag.redaction.assembly import Assembly
from piirag.redaction.issued_values import IssuedValues
from piirag.redaction.leak_forms import leaks, luhn
from piirag.redaction.second_look import RECOGNIZER, SecondLook
from support.technical_lines import LINES

KEY = (
    "-----BEGIN PRIVATE KEY-----\n"
    + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n" * 4
    + ("-----END PRIVATE KEY-----")
)
TOKEN = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0aB3dE6"

LEAKS = [
    ("EMAIL_ADDRESS", "jane.roe@example.com"),
    ("EMAIL_ADDRESS", "jane@intranet.corp"),
    ("EMAIL_ADDRESS", "jane＠example.com"),
    ("EMAIL_ADDRESS", "jane%40example.com"),
    ("EMAIL_ADDRESS", "jane&#64;example.com"),
    ("EMAIL_ADDRESS", "jane (at) example (dot) com"),
    ("EMAIL_ADDRESS", "ja\u200bne@exam\u00adple.com"),
    ("CREDIT_CARD", "4111 1111 1111 1111"),
    ("CREDIT_CARD", "4111\u00a01111\u20111111-1111"),
    ("CREDIT_CARD", "378282246310005"),
    ("CREDIT_CARD", "2221 0000 0000 0009"),
    ("IBAN_CODE", "DE89370400440532013000"),
    ("IBAN_CODE", "GB82 WEST 1234 5698 7654 32"),
    ("IBAN_CODE", "nl91 abna 0417 1643 00"),
    ("US_SSN", "536-90-4399"),
    ("US_SSN", "536\u201390\u20134399"),
    ("PHONE_NUMBER", "+49 30 1234567"),
    ("PHONE_NUMBER", "+442079460958"),
    ("PHONE_NUMBER", "(415) 555-2671"),
    ("PHONE_NUMBER", "415.555.2671"),
    ("PHONE_NUMBER", "020 7946 0958"),
    ("PHONE_NUMBER", "01 42 68 53 00"),
    ("PRIVATE_KEY", KEY),
    ("PRIVATE_KEY", KEY[:150]),
    ("AUTH_TOKEN", TOKEN),
    ("API_KEY", "AKIA2E0A8F3B244C9986".replace("0", "5").replace("8", "7").replace("9", "6")),
]


class Blind:
    """A detector that sees nothing."""

    def detect(self, text: str, *, language: str = "en") -> list[Finding]:
        return []

    def detect_batch(self, texts, *, language: str = "en") -> list[list[Finding]]:
        return [[] for _ in texts]


class OneEyed(Blind):
    """A detector that sees the first of two mentions only."""

    def __init__(self, entity_type: str, value: str) -> None:
        self.entity_type, self.value = entity_type, value

    def detect(self, text: str, *, language: str = "en") -> list[Finding]:
        at = text.find(self.value)
        end = at + len(self.value)
        return [Finding(self.entity_type, at, end, 0.9, "one-eyed")] if at >= 0 else []


QUIET = {"quasi_identifiers": "off", "special_categories": "off"}


@pytest.mark.parametrize(("kind", "value"), LEAKS)
def test_what_the_detector_missed_is_redacted_and_restored_exactly(kind: str, value: str) -> None:
    text = f"contact: {value} or so"
    redactor = Redactor(Policy(**QUIET), Blind())
    redaction = redactor.redact(text)
    assert redaction.text == f"contact: [{kind}_1] or so"
    assert redaction.second_look == {kind: 1}
    assert [(f.recognizer, text[f.start : f.end]) for f in redaction.findings] == [
        (RECOGNIZER, value)
    ]
    assert redactor.rehydrate(redaction.text, redaction.mapping) == text

    scrubber = Scrubber(Policy(**QUIET), Blind())
    result = scrubber.scrub(text, user_id="u")
    assert result.second_look == {kind: 1}
    assert tokens.PSEUDONYM.search(result.text)
    assert value not in result.text
    assert scrubber.reveal(result.text, user_id="u") == text
    assert scrubber.scrub(result.text, user_id="u").text == result.text


@pytest.mark.parametrize("text", LINES)
def test_D12_clean_technical_lines_hold_none(text: str) -> None:
    assert list(leaks(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",
        "1699999999999999",
        "DE89370400440532013001",
        "XX89370400440532013000",
        "000-12-3456 and 666-12-3456 and 912-12-3456",
        "2024-05-01 12:30:45",
        "10.20.30.40 and 192.168.100.200",
        "550e8400-e29b-41d4-a716-446655440000",
        "01-02-2024 10:11",
        "1.0.0.1.2.3.4.5.6.7.8.9",
        "0000 1111 2222 3333 4444",
        "144 233 377 610 987 1597 2584",
        "Boston, MA 02111-1301",
        "+2147483647",
        "AKIAXXXXXXXXXXXXXXXX",
        "-----BEGIN PRIVATE KEY-----\n(your key)\n-----END PRIVATE KEY-----",
        "git@host.internal",
        "@example.com",
        "a @ b.co",
        "x = y@z",
    ],
)
def test_what_only_looks_like_it_is_none(text: str) -> None:
    assert list(leaks(text)) == []


# --- what the policy lets through on purpose --------------------------------------------------

MAIL = "to jane@example.com"


def test_types_that_the_policy_does_not_want_stay() -> None:
    policy = Policy(entities=["PHONE_NUMBER"], **QUIET)
    assert Redactor(policy, Blind()).redact(MAIL).text == MAIL
    assert Scrubber(policy, Blind()).scrub(MAIL, user_id="u").text == MAIL


def test_scores_that_the_policy_does_not_want_stay() -> None:
    policy = Policy(thresholds={"PHONE_NUMBER": 0.9}, **QUIET)
    assert Redactor(policy, Blind()).redact("+49 30 1234567").text == "+49 30 1234567"


def test_allowed_values_stay() -> None:
    policy = Policy(allow=["jane@example.com"], **QUIET)
    assert Redactor(policy, Blind()).redact(MAIL).text == MAIL
    assert Redactor(policy, Blind()).redact("bob@example.com").text == "[EMAIL_ADDRESS_1]"


def test_types_that_the_detector_was_told_not_to_look_for_stay() -> None:
    class OnlyPhones(Blind):
        entities = ("PHONE_NUMBER",)

    assert Redactor(Policy(**QUIET), OnlyPhones()).redact(MAIL).text == MAIL


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("keep", "to jane@example.com"),
        (("mask", {"chars_to_mask": 2}), "to **ne@example.com"),
        (("replace", {"new_value": "mail@example.org"}), "to mail@example.org"),
        ("surrogate", None),
    ],
)
def test_what_operators_make_stays(operator, expected: str | None) -> None:
    detector = OneEyed("EMAIL_ADDRESS", "jane@example.com")
    policy = Policy(operators={"EMAIL_ADDRESS": operator}, **QUIET)
    scrubber = Scrubber(policy, detector)
    result = scrubber.scrub(MAIL, user_id="u")
    assert result.second_look == {}
    if expected is not None:
        assert result.text == expected
    else:
        assert result.text.endswith("@example.org")
        assert scrubber.scrub(result.text, user_id="u").text == result.text


def test_surrogates_of_an_earlier_process_stay() -> None:
    policy = Policy(operators={"DEFAULT": "surrogate"}, **QUIET)
    scrubber = Scrubber(policy, OneEyed("EMAIL_ADDRESS", "jane@example.com"))
    once = scrubber.scrub(MAIL, user_id="u").text
    again = Scrubber(policy, Blind(), vault=scrubber.vault)
    assert again.scrub(once, user_id="u").text == once


def test_off_looks_at_nothing(monkeypatch) -> None:
    monkeypatch.setattr("piirag.redaction.second_look.leaks", None)
    policy = Policy(second_look="off", **QUIET)
    assert Redactor(policy, Blind()).redact(MAIL).text == MAIL
    assert Scrubber(policy, Blind()).scrub(MAIL, user_id="u").text == MAIL


def test_block_stops_the_call_and_shows_no_value() -> None:
    policy = Policy(second_look="block", **QUIET)
    for call in (
        lambda: Redactor(policy, Blind()).redact(MAIL),
        lambda: Scrubber(policy, Blind()).scrub(MAIL, user_id="u"),
    ):
        with pytest.raises(PIIBlockedError) as caught:
            call()
        assert caught.value.counts == {"EMAIL_ADDRESS": 1}
        assert "jane" not in f"{caught.value!r} {caught.value}"
        assert caught.value.__cause__ is None
    assert Redactor(policy, Blind()).redact("nothing here").text == "nothing here"


def test_a_hit_is_logged_by_type_without_the_value(caplog) -> None:
    with caplog.at_level(logging.DEBUG, logger="piirag.second_look"):
        Redactor(Policy(**QUIET), Blind()).redact("jane@example.com bob@example.com")
        Redactor(Policy(**QUIET), Blind()).redact("nothing here")
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("WARNING", "found in redacted text: EMAIL_ADDRESS x2")
    ]


# --- values that were replaced once -----------------------------------------------------------


@pytest.mark.parametrize(
    ("entity_type", "value", "again"),
    [
        ("PERSON", "Jane Roe-Müller", "JANE ROE-MÜLLER"),
        ("ORGANIZATION", "Wolpertinger", "Wolpertinger"),
        ("LOCATION", "12 Mill Lane", "12 mill lane"),
        ("TICKET", "TCK-1234", "tck-1234"),
        ("US_BANK_NUMBER", "912803456", "912803456"),
    ],
)
def test_a_value_replaced_once_is_found_where_it_still_stands(
    entity_type: str, value: str, again: str
) -> None:
    text = f"{value} wrote. Later: {again}."
    redactor = Redactor(Policy(**QUIET), OneEyed(entity_type, value))
    redaction = redactor.redact(text)
    assert value not in redaction.text and again not in redaction.text
    assert redactor.rehydrate(redaction.text, redaction.mapping) == text
    scrubber = Scrubber(Policy(**QUIET), OneEyed(entity_type, value))
    scrubbed = scrubber.scrub(text, user_id="u").text
    assert value not in scrubbed and again not in scrubbed
    (token,) = {m.group() for m in tokens.PSEUDONYM.finditer(scrubbed)}
    assert scrubbed == f"{token} wrote. Later: {token}."


def test_values_of_earlier_texts_of_a_call_count_too() -> None:
    session = Redactor(Policy(**QUIET), OneEyed("PERSON", "Jane Roe")).session()
    assert session.redact("ask Jane Roe").text == "ask [PERSON_1]"
    assert session.redact("about jane roe").text == "about [PERSON_1b]"
    assert [f.entity_type for f in session.find("and JANE ROE")] == ["PERSON"]


def test_P17_no_part_of_a_longer_word_is_replaced() -> None:
    detector = OneEyed("ORGANIZATION", "Annika Lee")
    text = "Annika Lee; annika leeway; Joannika Lee"
    assert Redactor(Policy(**QUIET), detector).redact(text).text == "[ORGANIZATION_1]" + text[10:]


@pytest.mark.parametrize(
    ("entity_type", "value"),
    [
        ("PERSON", "Will"),
        ("PERSON", "angel"),
        ("AGE", "43"),
        ("NATIONALITY", "German"),
        ("ID", "12345"),
    ],
)
def test_short_and_common_values_are_not_looked_for(entity_type: str, value: str) -> None:
    values = IssuedValues()
    values.add(value, entity_type)
    assert len(values) == 0


def test_texts_of_a_batch_do_not_change_each_other() -> None:
    """Invariant 9: what a document becomes does not depend on its neighbours."""
    scrubber = Scrubber(Policy(**QUIET), OneEyed("PERSON", "Jane Roe"))
    alone = scrubber.scrub("about JANE ROE", user_id="u").text
    batch = scrubber.scrub_batch(["ask Jane Roe", "about JANE ROE"], user_id="u")
    assert batch[1].text == alone


def test_kept_values_are_not_looked_for() -> None:
    policy = Policy(operators={"PERSON": "keep"}, **QUIET)
    text = "Jane Roe, JANE ROE"
    scrubber = Scrubber(policy, OneEyed("PERSON", "Jane Roe"))
    assert scrubber.scrub(text, user_id="u").text == text


def test_no_value_of_the_issued_ones_shows() -> None:
    values = IssuedValues()
    values.add("Jane Roe", "PERSON")
    look = SecondLook(Policy(), Blind())
    assert "Jane" not in repr(values) + repr(look) + repr(look.find("jane roe", []))


def test_a_context_is_not_part_of_the_result() -> None:
    scrubber = Scrubber(Policy(**QUIET), Blind())
    (result,) = scrubber.scrub_batch(["a@b.co"], user_id="u", contexts=["mail of c@d.co: "])
    assert result.text.startswith("[EMAIL_ADDRESS ") and result.text.endswith("]")
    assert [(f.start, f.end) for f in result.findings] == [(0, 6)]


# --- properties -------------------------------------------------------------------------------

pieces = st.lists(
    st.one_of(
        st.sampled_from([value for _, value in LEAKS]),
        st.sampled_from(["[PERSON_1]", "[PERSON Kobaru Tesami Lovina]", "\u200b", "@", ".", "-"]),
        st.sampled_from([" ", "\n", ", ", "1", "a"]),
        st.text(max_size=6),
    ),
    max_size=10,
).map("".join)


@settings(max_examples=300, deadline=None)
@given(pieces)
def test_invariant_3_every_text_is_restored_exactly(text: str) -> None:
    redactor = Redactor(Policy(**QUIET), Blind())
    redaction = redactor.redact(text)
    assert redactor.rehydrate(redaction.text, redaction.mapping) == text


@settings(max_examples=200, deadline=None)
@given(pieces)
def test_invariant_9_every_text_comes_out_the_same_when_scrubbed_twice(text: str) -> None:
    scrubber = Scrubber(Policy(**QUIET), Blind())
    once = scrubber.scrub(text, user_id="u").text
    scrubber._states._clean.clear()
    assert scrubber.scrub(once, user_id="u").text == once


@given(pieces)
def test_every_leak_lies_in_the_text(text: str) -> None:
    for start, end, kind, score in leaks(text):
        assert 0 <= start < end <= len(text)
        assert kind and 0 < score <= 1


@given(st.text(), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5)), max_size=5))
def test_every_offset_of_the_new_text_leads_back(text: str, steps: list[tuple[int, int]]) -> None:
    marks, last = [], 0
    for gap, length in steps:
        start, end = last + gap, last + gap + length
        if end > len(text) or start == end:
            break
        marks.append((start, end, "\u0001token\u0001"))
        last = end
    made = Assembly(text, marks)
    covered = [i for a, b in made.covered for i in range(a, b)]
    for i, character in enumerate(made.text):
        if i not in covered:
            back = made.in_original(Finding("X", i, i + 1, 1.0, "x"))
            assert text[back.start : back.end] == character


@given(st.integers(0, 10**15))
def test_every_number_has_one_check_digit(number: int) -> None:
    assert sum(luhn(f"{number}{digit}") for digit in range(10)) == 1


@pytest.mark.parametrize(
    "unit",
    [
        "a@",
        "@a.",
        "a.a.a.a@a.a.a.a.",
        "(at)",
        "%40a.",
        "1 ",
        "1",
        "+49 ",
        "0171 2 ",
        "4111 ",
        "DE89",
        "DE89 3704 ",
        "sk-",
        "eyJ.",
        "eyJa-",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n" + "A" * 40 + "\n",
        "SG.",
        "\u200b1",
        "&#",
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
            list(leaks(text))
            best = min(best, process_time() - began)
        return best

    assert cost(80_000) < 11 * cost(20_000) + 0.01


@pytest.mark.parametrize(
    "text",
    [
        "file jane.roe@example.com_invoice.pdf",
        "jane.roe@example.com_2024-01.pdf",
        "_jane.roe@example.com_",
        "jane.roe@example.com_peter@example.org",
        "4111 1111 1111 1111_scan.pdf",
        "scan_4111111111111111.pdf",
    ],
)
def test_an_underscore_hides_no_value(text: str) -> None:
    redacted = Redactor().redact(text).text
    assert not any(part in redacted for part in ("jane", "roe@", "peter", "4111"))


@pytest.mark.parametrize("glued", ["{}415-555-2671", "9{}", "x{}x"])
def test_a_long_number_is_found_within_a_longer_one(glued: str) -> None:
    card = "4111 1111 1111 1111"
    assert card not in Redactor().redact(f"{glued.format(card)} and {card} too").text
