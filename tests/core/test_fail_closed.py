"""Invariant 1 (fail closed), threats L5, L6, D7, D9, D10."""

from __future__ import annotations

import itertools

import pytest
import regex
from presidio_analyzer import AnalyzerEngine, Pattern, PatternRecognizer

from piirag import Finding, Policy, Redactor, Scrubber, default_detector
from piirag.detection import presidio
from piirag.detection.tokens_nlp import TokenNlpEngine
from piirag.detection.windows import windows
from piirag.errors import (
    ConfigurationError,
    DetectionError,
    DetectionTimeoutError,
    InvalidInputError,
)
from piirag.redaction.guard import ModelGuard
from piirag.redaction.walk import redact_value
from support.canary import Canaries, capture_logs

SECRET = "jane.roe@example.com"


class Broken:
    """A detector whose exception holds the text, as UnicodeEncodeError and others do."""

    def detect(self, text, *, language="en"):
        error = ValueError(f"cannot parse {text}")
        error.text = text
        raise error from UnicodeEncodeError("ascii", text, 0, 1, "no")

    def detect_batch(self, texts, *, language="en"):
        return [self.detect(t) for t in texts]


class Fixed:
    def __init__(self, *findings):
        self._findings = findings

    def detect(self, text, *, language="en"):
        return list(self._findings)

    def detect_batch(self, texts, *, language="en"):
        return [list(self._findings) for _ in texts]


@pytest.mark.parametrize("call", ["redact", "scrub"])
def test_L5_L6_a_detector_error_stops_the_call_and_says_nothing(call: str) -> None:
    def run() -> None:
        if call == "redact":
            Redactor(detector=Broken()).redact(f"mail {SECRET}")
        else:
            Scrubber(detector=Broken()).scrub(f"mail {SECRET}", user_id="u")

    with capture_logs() as logs, pytest.raises(DetectionError) as caught:
        run()
    canaries = Canaries([SECRET])
    assert canaries.scan_exception(caught.value) == []
    assert canaries.scan_text(logs.text) == []
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert caught.value.error_type == "builtins.ValueError"


@pytest.mark.parametrize(
    "finding",
    [
        Finding("EMAIL_ADDRESS", 0, 99, 1.0, "x"),
        Finding("EMAIL_ADDRESS", -1, 2, 1.0, "x"),
        Finding("EMAIL_ADDRESS", 3, 3, 1.0, "x"),
        Finding("EMAIL_ADDRESS", 0, 3, float("nan"), "x"),
        Finding("EMAIL_ADDRESS", 0, 3, 7, "x"),
        Finding("", 0, 3, 1.0, "x"),
        Finding("X", 0.0, 3, 1.0, "x"),  # type: ignore[arg-type]
        ("EMAIL_ADDRESS", 0, 3),
        None,
    ],
)
def test_nonsense_from_a_detector_is_an_error(finding: object) -> None:
    with pytest.raises(DetectionError):
        Redactor(detector=Fixed(finding)).redact("hello")


def test_something_that_is_no_detector_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        Redactor(detector=object()).redact("hello")  # type: ignore[arg-type]


def test_D11_overlapping_findings_are_covered_whole() -> None:
    detector = Fixed(Finding("A", 0, 6, 0.9, "x"), Finding("B", 4, 12, 0.5, "x"))
    assert Redactor(detector=detector).redact("0123456789ab-rest").text == "[B_1]-rest"


def test_D7_a_pattern_that_times_out_stops_the_call(monkeypatch) -> None:
    """Stock Presidio logs it and returns what other recognisers found; here nothing passes."""
    monkeypatch.setattr(presidio, "PATTERN_SECONDS", 0.05)
    analyzer = presidio.offline_analyzer()
    slow = PatternRecognizer(
        "SLOW", patterns=[Pattern("slow", r"(x+x+)+y", 0.9)], supported_language="en"
    )
    analyzer.registry.add_recognizer(presidio._harden(slow))
    detector = default_detector(analyzer=analyzer)
    with pytest.raises(DetectionTimeoutError) as caught:
        Redactor(detector=detector).redact("x" * 5000 + " jane.roe@example.com")
    assert Canaries([SECRET]).scan_exception(caught.value) == []


def test_D7_the_stock_patterns_of_another_engine_are_not_touched() -> None:
    from presidio_analyzer.predefined_recognizers import CreditCardRecognizer

    default_detector()
    for pattern in CreditCardRecognizer.PATTERNS:
        compiled = pattern.compiled_regex
        assert compiled is None or isinstance(compiled, regex.Pattern)


def test_D9_a_text_of_more_than_a_million_characters() -> None:
    filler = "nothing to see here " * 55_000
    text = f"{filler}{SECRET} {filler}"
    findings = [f for f in default_detector().detect(text) if f.entity_type == "EMAIL_ADDRESS"]
    assert [text[f.start : f.end] for f in findings] == [SECRET]


@pytest.mark.parametrize("size", [1_000, 16_384, 16_385, 50_000, 1_000_000])
def test_D9_a_value_on_a_window_edge_is_found_whole(size: int) -> None:
    pieces = list(windows("x" * size, size=16_384, overlap=512))
    covered = {start for start, _ in pieces}
    assert 0 in covered
    assert pieces[-1][0] + len(pieces[-1][1]) == size
    for (a, text), (b, _) in itertools.pairwise(pieces):
        assert a + len(text) - b == 512


def test_D9_every_position_near_an_edge() -> None:
    detector = default_detector(entities=["EMAIL_ADDRESS"])
    for offset in range(presidio_edge() - 30, presidio_edge() + 30, 7):
        text = "a " * (offset // 2) + SECRET + " b" * 400
        assert [text[f.start : f.end] for f in detector.detect(text)] == [SECRET]


def presidio_edge() -> int:
    from piirag.detection.windows import OVERLAP, WINDOW

    return WINDOW - OVERLAP


def test_D9_a_line_of_a_megabyte() -> None:
    result = Redactor().redact("a" * 1_000_000 + " " + SECRET)
    assert SECRET not in result.text
    assert result.text.endswith("[EMAIL_ADDRESS_1]")


@pytest.mark.parametrize("odd", ["\x00", "\ud800", "\udfff\ud800", "\u202e", "\ufeff"])
def test_D10_odd_characters_have_a_defined_result(odd: str) -> None:
    text = f"{odd} {SECRET} {odd}"
    redactor = Redactor()
    redaction = redactor.redact(text)
    assert SECRET not in redaction.text
    redaction.text.encode()
    assert redactor.rehydrate(redaction.text, redaction.mapping) == text
    scrubbed = Scrubber().scrub(text, user_id="u").text
    assert SECRET not in scrubbed
    scrubbed.encode()


def test_D6_phone_numbers_are_found_at_the_default_threshold() -> None:
    """Presidio scores them 0.4; one global threshold of 0.5 would drop them all."""
    assert Redactor().redact("ring +1 415-555-2671").text == "ring [PHONE_NUMBER_1]"
    assert Redactor(Policy(thresholds={"DEFAULT": 0.5, "PHONE_NUMBER": 0.4})).redact(
        "ring +1 415-555-2671"
    ).text == ("ring [PHONE_NUMBER_1]")


@pytest.mark.parametrize(
    "arguments",
    [
        {"thresholds": {"X": 2}},
        {"thresholds": {"X": float("nan")}},
        {"thresholds": {"X": True}},
        {"languages": []},
        {"languages": "en"},
        {"entities": "PERSON"},
        {"on_error": "ignore"},
    ],
)
def test_a_policy_that_cannot_work_is_refused(arguments: dict) -> None:
    with pytest.raises(ConfigurationError):
        Policy(**arguments)


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        default_detector(languages=["xx-nothing"])


def test_presidio_writes_no_text_to_the_log() -> None:
    """At DEBUG, Presidio logs the words around every finding."""
    text = f"Please mail Annabel at {SECRET} about passport 912803456"
    stock = AnalyzerEngine(
        registry=presidio.offline_analyzer().registry, nlp_engine=TokenNlpEngine(["en"])
    )
    with capture_logs() as logs:
        default_detector().detect(text)
        stock.analyze(text, "en")
    assert "Context list is" in logs.text, "if this fails, Presidio has changed"
    assert Canaries([SECRET, "912803456", "annabel", "Annabel"]).scan_text(logs.text) == []


def test_L5_an_error_of_ours_from_another_detector_loses_its_cause() -> None:
    class Wraps:
        def detect(self, text, *, language="en"):
            try:
                raise ValueError(text)
            except ValueError as error:
                raise DetectionError("no model") from error

        def detect_batch(self, texts, *, language="en"):
            return [self.detect(t) for t in texts]

    with pytest.raises(DetectionError) as caught:
        Redactor(detector=Wraps()).redact(f"mail {SECRET}")
    assert Canaries([SECRET]).scan_exception(caught.value) == []


def test_L5_an_error_of_ours_leaves_a_guard_without_what_it_came_from() -> None:
    guard = ModelGuard()
    with guard:
        try:
            raise ValueError(SECRET)
        except ValueError:
            raise InvalidInputError("no") from None
    with pytest.raises(InvalidInputError) as caught:
        guard.check()
    assert Canaries([SECRET]).scan_exception(caught.value) == []
    assert caught.value.__context__ is None


def test_keys_that_are_numbers_are_redacted() -> None:
    session = Redactor().session()
    assert redact_value(session, {4111111111111111: "x", 7: "y"}) == {
        "[CREDIT_CARD_1]": "x",
        7: "y",
    }
