"""What a policy holds: lists, recognisers, thresholds. Threats D6, D7."""

from __future__ import annotations

import dataclasses
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from presidio_analyzer import Pattern, PatternRecognizer

from piirag import Policy, Redactor, default_detector
from piirag.detection import build, presidio
from piirag.detection.entity_types import KNOWN_TYPES, PRESIDIO, QUASI, slip_of
from piirag.errors import ConfigurationError, DetectionTimeoutError
from piirag.policy_checks import PolicyError
from support.canary import Canaries

NAME = "Annabel Winterbourne"


TICKETS = {
    "name": "Tickets",
    "supported_entity": "TICKET",
    "patterns": [{"name": "ticket", "regex": r"TCK-[0-9]{4}", "score": 0.2}],
    "context": ["ticket"],
}


# Values that cannot work


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"thresholds": {"X": "0.5"}}, ("thresholds", "X")),
        ({"thresholds": ["X"]}, ("thresholds",)),
        ({"operators": {"X": "masc"}}, ("operators", "X")),
        ({"operators": {"X": ("mask", {"chars_to_mask": "x"})}}, ("operators", "X")),
        ({"languages": ["en", 7]}, ("languages", 1)),
        ({"entities": ["PERSON", None]}, ("entities", 1)),
        ({"countries": "de"}, ("countries",)),
        ({"countries": ["de", "xx"]}, ("countries", 1)),
        ({"model": "spacey:en"}, ("model",)),
        ({"model": "spacy:"}, ("model",)),
        ({"model": {"nlp_engine_name": "nltk"}}, ("model", "nlp_engine_name")),
        ({"model": {"nlp_engine_name": "spacy", "models": []}}, ("model", "models")),
        ({"model": {"nlp_engine_name": "spacy", "models": [{}]}}, ("model", "models", 0)),
        ({"model": 7}, ("model",)),
        ({"allow": NAME}, ("allow",)),
        ({"allow": [NAME, 7]}, ("allow", 1)),
        ({"allow": ["--"]}, ("allow", 0)),
        ({"allow": [{"pattern": "x"}]}, ("allow", 0)),
        ({"allow": [{"regex": "("}]}, ("allow", 0, "regex")),
        ({"deny": [NAME]}, ("deny",)),
        ({"deny": {"PERSON": NAME}}, ("deny", "PERSON")),
        ({"deny": {"PERSON": [NAME, "x"]}}, ("deny", "PERSON", 1)),
        ({"deny": {NAME: ["PERSON"]}}, ("deny", NAME)),
        ({"deny": {"LITERAL": [NAME]}}, ("deny", "LITERAL")),
        ({"quasi_identifiers": "on"}, ("quasi_identifiers",)),
        ({"quasi_threshold": 1}, ("quasi_threshold",)),
        ({"quasi_threshold": True}, ("quasi_threshold",)),
        ({"special_categories": True}, ("special_categories",)),
        ({"second_look": "blok"}, ("second_look",)),
        ({"seconds_per_kb": 0}, ("seconds_per_kb",)),
        ({"seconds_per_kb": float("inf")}, ("seconds_per_kb",)),
        ({"recognizers": TICKETS}, ("recognizers",)),
        ({"recognizers": [TICKETS, "x"]}, ("recognizers", 1)),
        ({"recognizers": [{**TICKETS, "regexes": []}]}, ("recognizers", 0, "regexes")),
        ({"recognizers": [{**TICKETS, "type": "predefined"}]}, ("recognizers", 0, "type")),
        ({"recognizers": [{**TICKETS, "supported_entity": "a ticket"}]},
         ("recognizers", 0, "supported_entity")),
        ({"recognizers": [{**TICKETS, "context": "ticket"}]}, ("recognizers", 0, "context")),
        ({"recognizers": [{**TICKETS, "patterns": []}]}, ("recognizers", 0)),
        ({"recognizers": [{**TICKETS, "patterns": [{"name": "a", "regex": "(", "score": 1}]}]},
         ("recognizers", 0, "patterns", 0, "regex")),
        ({"recognizers": [{**TICKETS, "patterns": [{"name": "a", "regex": "x", "score": 2}]}]},
         ("recognizers", 0, "patterns", 0, "score")),
        ({"recognizers": [{**TICKETS, "patterns": [{"regex": "x", "score": 1}]}]},
         ("recognizers", 0, "patterns", 0, "name")),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_and_says_where(arguments: dict, path: tuple) -> None:
    with pytest.raises(PolicyError) as caught:
        Policy(**arguments)
    assert caught.value.path == path
    assert isinstance(caught.value, ConfigurationError)
    assert caught.value.__cause__ is None and caught.value.__context__ is None
    path_is_no_name = [p for p in path if p != NAME]
    if path_is_no_name == list(path):
        assert Canaries([NAME]).scan_exception(caught.value) == []
    assert NAME not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        ({"second_look": "blok"}, "block"),
        ({"model": "transformer:x"}, "transformers"),
        ({"operators": {"X": "pseudonymous"}}, "pseudonym"),
        ({"recognizers": [{**TICKETS, "suported_entity": "X"}]}, "supported_entity"),
        ({"allow": [{"regexp": "x"}]}, "regex"),
    ],
)
def test_a_slip_of_the_pen_gets_a_suggestion(arguments: dict, meant: str) -> None:
    with pytest.raises(ConfigurationError, match=f"did you mean '{meant}'"):
        Policy(**arguments)


def test_countries_are_written_in_any_case_and_the_united_kingdom_in_two_ways() -> None:
    assert Policy(countries=["DE", "uk", "GB", "fr"]).countries == ("de", "gb", "fr")


def test_what_was_checked_is_what_is_used() -> None:
    """A list that the caller changes afterwards changes no policy."""
    deny = {"PERSON": [NAME]}
    allow = ["Acme"]
    policy = Policy(deny=deny, allow=allow)
    deny["PERSON"].append("x")
    deny["OTHER"] = ["y"]
    allow.append("--")
    assert policy.deny == {"PERSON": (NAME,)}
    assert policy.allow == ("Acme",)


def test_the_repr_of_a_policy_shows_counts() -> None:
    key = "sixteen byte key"
    policy = Policy(
        deny={"PERSON": [NAME]},
        allow=["Winterbourne Ltd", {"regex": "Annabel [0-9]"}],
        operators={"PERSON": ("encrypt", {"key": key})},
        recognizers=[{"name": "N", "supported_entity": "N", "deny_list": [NAME]}],
    )
    assert Canaries([NAME, "Winterbourne", "Annabel", key]).scan_text(repr(policy)) == []
    assert "deny={'PERSON': 1}" in repr(policy)
    assert "allow=2" in repr(policy)


def test_a_policy_can_be_pickled_and_replaced() -> None:
    policy = Policy(deny={"PERSON": [NAME]}, allow=["Acme"], recognizers=[TICKETS], model="none")
    Redactor(policy).redact(f"{NAME} of Acme")
    again = pickle.loads(pickle.dumps(policy))
    assert again == policy
    assert set(vars(again)) == {f.name for f in dataclasses.fields(Policy)}
    assert Redactor(again).redact(f"{NAME} of Acme").text == "[PERSON_1] of Acme"
    other = dataclasses.replace(policy, deny={})
    assert Redactor(other).redact(f"{NAME} of Acme").text == f"{NAME} of Acme"


# Custom recognisers


def test_a_recogniser_in_presidios_form_with_its_context_words() -> None:
    policy = Policy(model="none", recognizers=[TICKETS])
    assert Redactor(policy).redact("order TCK-1234").text == "order TCK-1234"
    assert Redactor(policy).redact("my ticket TCK-1234").text == "my ticket [TICKET_1]"


def test_a_recogniser_with_a_deny_list_and_presidios_other_keys() -> None:
    policy = Policy(
        model="none",
        entities=["TITLE"],
        recognizers=[
            {
                "name": "Titles",
                "supported_entities": ["TITLE"],
                "supported_languages": [{"language": "en", "context": ["dear"]}],
                "deny_list": ["Lord", "Lady"],
                "deny_list_score": 0.9,
                "type": "custom",
                "enabled": True,
                "version": "1",
            },
            {**TICKETS, "enabled": False},
        ],
    )
    assert Redactor(policy).redact("the Lady TCK-1234").text == "the [TITLE_1] TCK-1234"


def test_a_recogniser_for_each_language() -> None:
    policy = Policy(model="none", languages=["de", "en"], recognizers=[TICKETS])
    detector = Redactor(policy).detector
    for language in ("de", "en"):
        found = detector.detect("ticket TCK-1234", language=language)
        assert "TICKET" in {f.entity_type for f in found}


def test_a_recogniser_object() -> None:
    class Shouting(PatternRecognizer):
        def validate_result(self, pattern_text):
            return pattern_text.isupper()

    given = Shouting("SHOUT", patterns=[Pattern("shout", r"\b[A-Za-z]{8}\b", 0.5)])
    before = [pattern.compiled_regex for pattern in given.patterns]
    policy = Policy(model="none", entities=["SHOUT"], recognizers=[given])
    assert Redactor(policy).redact("absolute ABSOLUTE").text == "absolute [SHOUT_1]"
    # The object is the caller's: it serves another engine as it was.
    assert [pattern.compiled_regex for pattern in given.patterns] == before


@pytest.mark.parametrize("form", ["object", "mapping"])
def test_a_recogniser_that_would_never_run_is_refused(form: str) -> None:
    recognizer = {**TICKETS, "supported_language": "fr"}
    if form == "object":
        recognizer = PatternRecognizer.from_dict(recognizer)
    policy = Policy(model="none", recognizers=[recognizer])
    with pytest.raises(ConfigurationError, match="language fr"):
        Redactor(policy).redact("x")


def test_D7_a_custom_pattern_has_a_time_budget(monkeypatch) -> None:
    monkeypatch.setattr(presidio, "PATTERN_SECONDS", 0.05, raising=False)
    slow = {
        "name": "Slow",
        "supported_entity": "SLOW",
        "patterns": [{"name": "slow", "regex": "(x+x+)+y", "score": 0.9}],
    }
    policy = Policy(model="none", entities=["SLOW"], recognizers=[slow], seconds_per_kb=0.01)
    secret = "jane.roe@example.com"
    with pytest.raises(DetectionTimeoutError) as caught:
        Redactor(policy).redact("x" * 5000 + f" {secret}")
    assert Canaries([secret]).scan_exception(caught.value) == []


# Engines


def test_equal_configurations_share_an_engine_and_others_do_not() -> None:
    def engine(**options):
        return default_detector(model="none", **options)._analyzer

    assert engine() is engine()
    assert engine(recognizers=[TICKETS]) is engine(recognizers=[dict(TICKETS)])
    assert engine(recognizers=[TICKETS]) is not engine()
    assert engine(recognizers=[TICKETS]) is not engine(recognizers=[{**TICKETS, "name": "T2"}])
    assert engine(countries=["DE"]) is engine(countries=["de"])
    assert engine(countries=["de"]) is not engine()
    assert engine(languages=["de"]) is not engine()


def test_one_engine_where_many_threads_ask_at_once(monkeypatch) -> None:
    built = []
    original = build._assemble

    def counting(*arguments):
        built.append(threading.get_ident())
        return original(*arguments)

    monkeypatch.setattr(build, "_assemble", counting)
    recognizers = [{**TICKETS, "name": "OnlyHere"}]
    with ThreadPoolExecutor(8) as pool:
        jobs = [
            pool.submit(default_detector, model="none", recognizers=recognizers) for _ in range(16)
        ]
        engines = {id(job.result()._analyzer) for job in jobs}
    assert len(built) == len(engines) == 1


def test_the_number_of_shared_engines_is_bounded_and_a_policy_keeps_its_own(monkeypatch) -> None:
    monkeypatch.setattr(build, "_assemble", lambda *arguments: presidio.offline_analyzer())
    policy = Policy(model="none", recognizers=[{**TICKETS, "name": "First"}])
    detector = Redactor(policy).detector
    for i in range(20):
        default_detector(model="none", recognizers=[{**TICKETS, "name": f"Bound{i}"}])
    assert len(build._engines) <= build._MOST_ENGINES
    assert Redactor(policy).detector is detector
    for key in [key for key in build._engines if "Bound" in repr(key)]:
        del build._engines[key]


def test_types_that_need_a_model_are_a_warning_without_one() -> None:
    policy = Policy(model="none", entities=["PERSON", "EMAIL_ADDRESS"])
    with pytest.warns(UserWarning, match="no recogniser for PERSON"):
        text = Redactor(policy).redact("x@example.com", known={"PERSON": [NAME]}).text
    assert text == "[EMAIL_ADDRESS_1]"


def test_types_of_the_deny_list_and_quasi_identifiers_need_no_recogniser() -> None:
    policy = Policy(
        model="none", entities=["CUSTOMER_ID", "JOB_TITLE"], deny={"CUSTOMER_ID": ["AC-1234"]}
    )
    assert Redactor(policy).redact("AC 1234").text == "[CUSTOMER_ID_1]"


def test_an_entity_type_that_nothing_reports_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no recogniser"):
        Redactor(Policy(model="none", entities=["EMAIL_ADRESS"])).redact("x")


# Entity types and thresholds


def test_the_list_of_entity_types_is_complete() -> None:
    countries = sorted("au ca de es fi fr gb in it kr ng nl ph pl se sg th tr us za".split())
    detector = default_detector(model="none", countries=countries)
    assert set(detector.entities) <= KNOWN_TYPES
    assert len(PRESIDIO) == 100


def test_quasi_identifiers_are_those_that_are_looked_for() -> None:
    kinds = pytest.importorskip("piirag.detection.quasi.kinds")
    assert kinds.QUASI_TYPES == QUASI


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("EMAIL_ADRESS", "EMAIL_ADDRESS"),
        ("email_address", "EMAIL_ADDRESS"),
        ("PHONE NUMBER", "PHONE_NUMBER"),
        ("PERSN", "PERSON"),
        ("US_PASPORT", "US_PASSPORT"),
        ("FR_PASSPORT", None),  # of its own, not the Spanish one
        ("TICKET", None),
        ("PERSON", None),
        ("TICKT", "TICKET"),
    ],
)
def test_a_misspelt_type_is_told_from_a_type_of_its_own(written: str, meant: str | None) -> None:
    others = ["TICKET"] if written == "TICKT" else []
    assert slip_of(written, others) == meant


ALONE = {
    "EMAIL_ADDRESS": "jane.roe@example.com",
    "PHONE_NUMBER": "+1 415-555-2671",
    "CREDIT_CARD": "4111 1111 1111 1111",
    "IBAN_CODE": "DE89370400440532013000",
    "IP_ADDRESS": "10.20.30.40",
    "US_SSN": "536-90-4399",
    "UK_NHS": "943 476 5919",
    "CRYPTO": "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
    "MAC_ADDRESS": "3c:22:fb:8a:91:0e",
}
WITH_A_WORD = {
    "US_PASSPORT": ("912803456", "passport"),
    "US_BANK_NUMBER": ("945456787654", "bank account"),
    "US_DRIVER_LICENSE": ("A1234567", "driver license"),
}


@pytest.mark.parametrize("kind", ALONE)
def test_D6_these_are_found_at_the_default_threshold(kind: str) -> None:
    policy = Policy(model="none", entities=[kind])
    assert Redactor(policy).redact(f"so {ALONE[kind]} it is").text == f"so [{kind}_1] it is"


@pytest.mark.parametrize("kind", WITH_A_WORD)
def test_D6_these_are_found_where_a_word_says_what_they_are(kind: str) -> None:
    value, word = WITH_A_WORD[kind]
    policy = Policy(model="none", entities=[kind])
    assert Redactor(policy).redact(f"{word} {value}").text == f"{word} [{kind}_1]"
    assert Redactor(policy).redact(f"so {value} it is").text == f"so {value} it is"
    lower = dataclasses.replace(policy, thresholds={kind: 0.01})
    assert Redactor(lower).redact(f"so {value} it is").text == f"so [{kind}_1] it is"
