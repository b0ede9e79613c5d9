"""The bundled model: what it finds, where it stays silent, and that it asks nobody."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.recognizer_registry import RecognizerRegistry

from piirag import Redactor, default_detector
from piirag.detection.ner import bundled_recognizer
from piirag.detection.ner.gate import candidate_stretches
from piirag.detection.tokens_nlp import TokenNlpEngine

MODEL = True

NAMES = [
    ("My name is Jane Roe.", "Jane Roe"),
    ("Patient Agnieszka Kowalczyk, 43, was admitted.", "Agnieszka Kowalczyk"),
    ("Kind regards,\nOmar Haddad\nAcme GmbH", "Omar Haddad"),
    ("From: Nguyễn Thị Mai <mai@example.org>", "Nguyễn Thị Mai"),
    ("MARIA GARCIA LOPEZ", "MARIA GARCIA LOPEZ"),
    ('{"name": "Jürgen Müller", "city": "Köln"}', "Jürgen Müller"),
    ("I met John's sister there.", "John"),
    ("Please ship it to 14 Maple Street, Springfield, IL 62704.", "14 Maple Street"),
    ("Address: ul. Długa 14/3\n00-238 Warszawa\nPoland", "ul. Długa 14/3\n00-238 Warszawa"),
    ("She moved from Berlin to Lyon.", "Berlin"),
]

CLEAN = [
    "def main():\n    return 0  # restart the server",
    "Version 2.14.3 of the library was released; see the changelog.",
    "Docker and Kubernetes run on Linux.",
    "ERROR 2024-01-02 connection refused, retrying in 5 seconds",
    "How do I reset my password?",
    "The quarterly report shows revenue growth of 12 percent.",
    "550e8400-e29b-41d4-a716-446655440000",
    "SELECT id, total FROM orders WHERE total > 100;",
    "Support Team",
    "You will find that it may take a while.",
]


@pytest.mark.parametrize(("text", "value"), NAMES)
def test_D14_names_and_addresses_are_hidden_with_nothing_passed_along(text, value) -> None:
    assert value not in Redactor().redact(text).text


@pytest.mark.parametrize("text", CLEAN)
def test_D12_clean_text_stays_as_it_is(text) -> None:
    assert Redactor().redact(text).text == text


def test_it_serves_in_an_analyzer_of_ones_own() -> None:
    registry = RecognizerRegistry(supported_languages=["en"])
    registry.add_recognizer(bundled_recognizer())
    engine = AnalyzerEngine(registry=registry, nlp_engine=TokenNlpEngine(["en"]))
    text = "Jane Roe lives in Berlin."
    found = {text[r.start : r.end]: r.entity_type for r in engine.analyze(text, "en")}
    assert found == {"Jane Roe": "PERSON", "Berlin": "LOCATION"}


def test_names_far_apart_in_a_long_text_are_found_where_they_stand() -> None:
    filler = "there was nothing more to say about it, and so it went on. " * 40
    text = f"{filler}Agnieszka Kowalczyk called.\n{filler}{filler} Then Omar Haddad wrote."
    found = {text[f.start : f.end] for f in default_detector().detect(text)}
    assert {"Agnieszka Kowalczyk", "Omar Haddad"} <= found


def test_the_gate_lets_names_through_and_plain_words_not() -> None:
    assert candidate_stretches("we will see what to do about it") != []  # "will" is a name
    assert candidate_stretches("this is what we have to do about it") == []
    assert candidate_stretches("call kowalczyk") == [(0, len("call kowalczyk"))]
    assert candidate_stretches("at 12 high street") != []


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=300))
def test_D10_every_text_has_a_result_that_fits_it(text: str) -> None:
    for finding in bundled_recognizer().analyze(text, []):
        assert 0 <= finding.start < finding.end <= len(text)
        assert 0.35 <= finding.score <= 1


def test_L16_onnxruntime_writes_no_device_id_and_reports_nothing(tmp_path) -> None:
    """Its official builds do both unless told otherwise before the import."""
    code = "from piirag import Redactor; print(Redactor().redact('Jane Roe called').text)"
    env = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    env.pop("ORT_DISABLE_TELEMETRY", None)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.stdout.strip() == "[PERSON_1] called", done.stderr
    assert list(tmp_path.iterdir()) == []
