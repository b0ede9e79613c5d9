"""Allow and deny lists. Threat D13."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from piirag import Finding, Policy, Redactor, Scrubber
from piirag.detection.allow import AllowList
from piirag.detection.known import KnownValues
from piirag.errors import ConfigurationError
from support.canary import Canaries

NAME = "Annabel Winterbourne"


class Words:
    """Reports given words, wherever they stand, with given types."""

    def __init__(self, **types: list[str]) -> None:
        self._words = [(word, kind) for kind, words in types.items() for word in words]

    def detect(self, text, *, language="en"):
        found = []
        for word, kind in self._words:
            at = text.find(word)
            while at >= 0:
                found.append(Finding(kind, at, at + len(word), 0.9, "Words"))
                at = text.find(word, at + 1)
        return found

    def detect_batch(self, texts, *, language="en"):
        return [self.detect(text) for text in texts]


def redact(text: str, detector=None, known=None, **policy) -> str:
    given = detector if detector is not None else Words()
    return Redactor(Policy(**policy), given).redact(text, known=known).text


# Allow lists


def test_an_allowed_value_is_no_finding() -> None:
    detector = Words(ORGANIZATION=["Acme", "ACME", "Ａｃｍｅ"])
    assert (
        redact("Acme and ACME and Ａｃｍｅ", detector, allow=["acme"])
        == "Acme and ACME and Ａｃｍｅ"
    )


def test_the_whole_finding_must_be_the_allowed_value() -> None:
    detector = Words(ORGANIZATION=["Acme", "Acme Holding"])
    assert redact("Acme, Acme Holding", detector, allow=["Acme"]) == "Acme, [ORGANIZATION_1]"
    part = Words(PERSON=["Jane"])
    assert redact("Jane Roe", part, allow=["Jane Roe"]) == "[PERSON_1] Roe"


def test_what_lies_within_an_allowed_finding_is_left_too() -> None:
    detector = Words(EMAIL_ADDRESS=["info@acme.com", "jane@acme.com"], URL=["acme.com"])
    text = redact("info@acme.com jane@acme.com", detector, allow=["info@acme.com"])
    assert text == "info@acme.com [EMAIL_ADDRESS_1]"


def test_separators_in_an_allowed_number_do_not_count() -> None:
    detector = Words(PHONE_NUMBER=["+1 415-555-2671"], US_BANK_NUMBER=["415-555-2671"])
    assert redact("ring +1 415-555-2671", detector, allow=["+14155552671"]) == (
        "ring +1 415-555-2671"
    )


def test_a_known_value_is_found_although_it_is_allowed() -> None:
    detector = Words(PERSON=[NAME])
    found = redact(f"{NAME} came", detector, known={"PERSON": [NAME]}, allow=[NAME])
    assert found == "[PERSON_1] came"
    scrubber = Scrubber(Policy(allow=[NAME]), detector)
    assert scrubber.scrub(f"{NAME} came", user_id="u").text == f"{NAME} came"
    scrubber.scrub("x", user_id="u", known={"PERSON": [NAME]})
    assert NAME not in scrubber.scrub(f"{NAME} came", user_id="u").text


def test_an_allowed_first_name_stays_where_the_full_name_goes() -> None:
    detector = Words(PERSON=["Jane Roe"])
    text = redact("Jane Roe. Jane said, Roe said.", detector, allow=["Jane"])
    assert text == "[PERSON_1]. Jane said, [PERSON_1b] said."


def test_an_allowed_pattern_must_match_the_whole_finding() -> None:
    detector = Words(US_DRIVER_LICENSE=["TCK-1234", "TCK-12345"])
    allow = [{"regex": "TCK-[0-9]{4}"}]
    assert redact("TCK-1234", detector, allow=allow) == "TCK-1234"
    assert redact("TCK-12345", detector, allow=allow) == "[US_DRIVER_LICENSE_1]"


@pytest.mark.parametrize(
    "pattern",
    [".*", ".+", "(?s).*", ".{1,}", "[^@]+|.*@.*", r"\S+", r"[\w\W]*", r"\D*", "(.|\n)*",
     r"(?!x).*", r"\w+", r"[A-Za-z0-9 ]+", r"[\d\-\s+()]+", r"\d+", ".{20}", ".{9}", "^.*$",
     "(?:a|b|.)*", r"[\s\S]{0,100}", r".*\w", r"[A-Z].*", r"(?i)[a-z ]+", r"[A-Z][a-z]+",
     "(?=.)(?:.*)"],
)  # fmt: skip
def test_D13_a_pattern_that_allows_everything_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigurationError, match="let through"):
        Policy(allow=[{"regex": pattern}])


@settings(max_examples=100, deadline=None)
@given(
    low=st.integers(0, 15),
    more=st.integers(0, 40),
    unit=st.sampled_from([".", r"[^\n]", r"[\s\S]", "(?:.)", r"[ -~]"]),
)
def test_D13_any_text_of_some_length_is_refused(low: int, more: int, unit: str) -> None:
    with pytest.raises(ConfigurationError, match="let through"):
        Policy(allow=[{"regex": f"{unit}{{{low},{max(low, 9) + more}}}"}])


@pytest.mark.parametrize("entry", [".*", ".+", "*", "^.*$", "...", "[]"])
def test_D13_a_pattern_is_no_value(entry: str) -> None:
    with pytest.raises(ConfigurationError, match="regex"):
        Policy(allow=[entry])


def test_D13_a_value_is_no_pattern() -> None:
    detector = Words(PERSON=["Jane Roe", "J.* Roe"])
    assert redact("Jane Roe", detector, allow=["J.* Roe"]) == "[PERSON_1]"


@pytest.mark.parametrize(
    "pattern",
    ["TCK-[0-9]{6}", r"10\.0\.\d{1,3}\.\d{1,3}", r"[a-z.]+@acme\.example", r"\+1555\d{7}",
     r"v\d+\.\d+\.\d+"],
)  # fmt: skip
def test_D13_a_narrow_pattern_is_taken(pattern: str) -> None:
    assert Policy(allow=[{"regex": pattern}]).allow == ({"regex": pattern},)


def test_D13_a_pattern_that_takes_forever_allows_nothing() -> None:
    with pytest.raises(ConfigurationError, match="too long"):
        Policy(allow=[{"regex": r"(?:[a-zA-Z ]|[a-z])+[0-9]"}])
    assert not AllowList([{"regex": r"(x+x+)+y"}]).allows("PERSON", "x" * 5000)


# Deny lists


@pytest.mark.parametrize(
    "text",
    ["Jane Mary Roe", "JANE ROE", "jane roe", "Roe, Jane", "J. Roe", "Roe J.", "jane_roe.pdf",
     "Jané  Roe", "Ja\u00adne Roe", "janeroe", "Jane%20Roe"],
)  # fmt: skip
def test_a_denied_name_is_found_in_every_spelling(text: str) -> None:
    findings = Redactor(Policy(deny={"PERSON": ["Jane Mary Roe"]}), Words()).redact(text).findings
    assert [f.entity_type for f in findings] == ["PERSON"]
    assert findings[0].recognizer == "DenyList"


@pytest.mark.parametrize(
    "text", ["award", "the Ward", "U.S. law", "Adam", "AW", "a ward", "backward"]
)
def test_a_part_of_a_denied_name_says_nothing(text: str) -> None:
    assert redact(text, deny={"PERSON": ["Adam Ward", "Ursula Stone"]}) == text


def test_a_part_of_a_denied_name_counts_where_the_name_stands() -> None:
    text = redact("Adam Ward came. Ward won an award.", deny={"PERSON": ["Adam Ward"]})
    assert text == "[PERSON_1] came. [PERSON_1b] won an award."


def test_a_denied_code_is_found_in_every_spelling() -> None:
    for text in ("AC-1234", "ac 1234", "AC1234", "AC_1234"):
        assert redact(f"no {text}!", deny={"CUSTOMER_ID": ["AC-1234"]}) == "no [CUSTOMER_ID_1]!"


def test_denied_values_are_found_whatever_entities_and_thresholds_say() -> None:
    text = redact(
        NAME, entities=["EMAIL_ADDRESS"], thresholds={"DEFAULT": 1.0}, deny={"PERSON": [NAME]}
    )
    assert text == "[PERSON_1]"


def test_no_value_may_be_both_allowed_and_denied() -> None:
    with pytest.raises(ConfigurationError, match="both") as caught:
        Policy(allow=["acme", NAME], deny={"PERSON": [NAME.upper()]})
    assert Canaries([NAME]).scan_exception(caught.value) == []


def test_a_denied_spelling_of_an_allowed_value_is_found() -> None:
    detector = Words(PERSON=["Roe, Jane"])
    text = redact("Roe, Jane", detector, allow=["Roe, Jane"], deny={"PERSON": ["Jane Roe"]})
    assert text == "[PERSON_1]"


def test_a_scrubber_gives_a_denied_value_its_pseudonym() -> None:
    scrubber = Scrubber(Policy(deny={"PERSON": [NAME]}), Words())
    first = scrubber.scrub(f"{NAME} came", user_id="u").text
    assert scrubber.reveal(first, user_id="u") == f"{NAME} came"
    assert scrubber.scrub(f"{NAME.lower()} came", user_id="u").text == first


def test_ten_thousand_denied_values_cost_what_ten_do(monkeypatch) -> None:
    """Counted, not timed: how many words are looked up does not depend on the list."""
    looked_up = 0
    original = KnownValues._matches_at

    def counting(self, text, tokens, i):
        nonlocal looked_up
        looked_up += 1
        return original(self, text, tokens, i)

    text = "the quick brown fox jumps over the lazy dog " * 100
    counts = []
    for many in (10, 10_000):
        policy = Policy(deny={"PERSON": [f"Name{i} Surname{i}" for i in range(many)]})
        assert len(policy.denied) == many
        with monkeypatch.context() as patch:
            patch.setattr(KnownValues, "_matches_at", counting)
            looked_up = 0
            assert policy.denied.find(text) == []
        counts.append(looked_up)
        assert redact(f"so Surname{many - 1}, Name{many - 1}", deny=policy.deny).startswith("so [")
    assert counts[0] == counts[1] == 900
