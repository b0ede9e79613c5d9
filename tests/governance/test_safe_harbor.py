"""The identifiers of the HIPAA Safe Harbor method, one by one: found as it comes, or not."""

from __future__ import annotations

import pytest

from piirag import Policy, Redactor, Scrubber
from piirag.errors import InvalidInputError

MODEL = True

# Number in 45 CFR 164.514(b)(2)(i), a text, and what of it has to go.
FOUND = [
    ("A names", "The patient Maria Gonzalez was admitted.", "Maria Gonzalez"),
    ("B street", "Lives at 742 Evergreen Terrace, Springfield.", "742 Evergreen Terrace"),
    ("B city", "The patient Maria Gonzalez lives in Springfield.", "Springfield"),
    ("B zip", "Address: 12 Oak Street, Springfield, IL 62704", "62704"),
    ("C birth", "Date of birth: 04/12/1961", "04/12/1961"),
    ("D phone", "Phone: (415) 555-2671", "(415) 555-2671"),
    ("E fax", "Fax: +1 415-555-2672", "+1 415-555-2672"),
    ("F mail", "Mail maria.gonzalez@example.com", "maria.gonzalez@example.com"),
    ("G ssn", "SSN: 536-22-8741", "536-22-8741"),
    ("H record", "Medical record number: 84-229913", "84-229913"),
    ("I plan", "Health plan beneficiary number: XQH3829102", "XQH3829102"),
    ("J account", "Account number: 40038271965", "40038271965"),
    ("K licence", "Driver license number: D1234567", "D1234567"),
    ("L plate", "License plate: 7XKJ294", "7XKJ294"),
    ("L vin", "VIN 1HGCM82633A004352", "1HGCM82633A004352"),
    ("M device", "IMEI 490154203237518", "490154203237518"),
    ("M mac", "MAC address 00:1B:44:11:3A:B7", "00:1B:44:11:3A:B7"),
    ("O ip", "From 203.0.113.77 at noon", "203.0.113.77"),
]
DECLARED = [
    ("C dates", "DATE_TIME", "Admitted on March 14, 2019.", "March 14, 2019"),
    ("N url", "URL", "See https://patients.example.com/maria-g", "https://patients.example.com"),
]


@pytest.mark.parametrize(("what", "text", "value"), FOUND, ids=[f[0] for f in FOUND])
def test_found_as_it_comes(what: str, text: str, value: str) -> None:
    redacted = Redactor(Policy(countries=["us"])).redact(text).text
    assert value not in redacted
    assert not [part for part in value.split() if len(part) > 4 and part in redacted]


@pytest.mark.parametrize(("what", "kind", "text", "value"), DECLARED, ids=[d[0] for d in DECLARED])
def test_found_where_the_policy_names_the_type(what: str, kind: str, text: str, value: str) -> None:
    assert value in Redactor(Policy()).redact(text).text, "left as it is by default"
    named = Policy(entities=[kind], thresholds={kind: 0.3})
    assert value not in Redactor(named).redact(text).text


def test_an_age_over_89_becomes_a_band() -> None:
    policy = Policy(operators={"AGE": "generalize"}, entities=["AGE"], quasi_identifiers="redact")
    scrubbed = Scrubber(policy).scrub("The patient is 93 years old.", user_id="u").text
    assert "93" not in scrubbed and "90+" in scrubbed


def test_any_other_code_is_found_by_a_recogniser_of_ones_own() -> None:
    own = {
        "name": "trial number",
        "supported_entity": "TRIAL_NUMBER",
        "patterns": [{"name": "trial", "regex": r"TRL-\d{6}", "score": 0.9}],
    }
    text = "Enrolled as TRL-448120."
    assert "TRL-448120" in Redactor(Policy()).redact(text).text
    assert "TRL-448120" not in Redactor(Policy(recognizers=[own])).redact(text).text


def test_a_code_need_not_derive_from_the_value() -> None:
    """45 CFR 164.514(c): keyed tokens do; random ones do not."""
    first, second = (
        Scrubber(Policy(pseudonyms="random")).scrub("maria.g@example.com", user_id="u").text
        for _ in range(2)
    )
    assert first != second and "maria" not in first + second


def test_pictures_are_refused_and_not_looked_into() -> None:
    pytest.importorskip("langchain_core")
    from langchain_core.language_models.fake_chat_models import FakeListChatModel
    from langchain_core.messages import HumanMessage

    from langchain_piirag import RedactedChatModel

    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    model = RedactedChatModel(FakeListChatModel(responses=["x"]))
    with pytest.raises(InvalidInputError):
        model.invoke([HumanMessage(content=[picture])])
