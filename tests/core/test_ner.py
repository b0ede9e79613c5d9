"""The bundled model: what it finds, where it stays silent, and that it asks nobody."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.recognizer_registry import RecognizerRegistry

from crm_corpus import generate
from piirag import Redactor, default_detector
from piirag.detection.ner import bundled_recognizer, threads
from piirag.detection.ner.features import GAPS
from piirag.detection.ner.gate import candidate_stretches
from piirag.detection.ner.labels import LEAST
from piirag.detection.ner.segments import LONGEST, segments
from piirag.detection.ner.tagger import Tagger
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
    ("Jane Roe, jane@example.com", "Jane"),
    ("Will Smith may come in May.", "Will Smith"),
    ("Patient: April June, DOB 1980-01-02", "June"),
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
    found = [text[f.start : f.end] for f in default_detector().detect(text)]
    for name in ("Agnieszka Kowalczyk", "Omar Haddad"):
        assert any(name in value and len(value) < len(name) + 8 for value in found)


def test_the_gate_lets_names_through_and_plain_words_not() -> None:
    assert candidate_stretches("we will see what to do about it") != []  # "will" is a name
    assert candidate_stretches("this is what we have to do about it") == []
    assert candidate_stretches("call kowalczyk") == [(0, len("call kowalczyk"))]
    assert candidate_stretches("at 12 high street") != []


class _Watched:
    """A session that remembers what it was given."""

    def __init__(self, session: object) -> None:
        self._session = session
        self.fed: list[dict[str, np.ndarray]] = []

    def run(self, outputs: object, feed: dict[str, np.ndarray]) -> object:
        self.fed.append(feed)
        return self._session.run(outputs, feed)


def test_each_row_is_read_alone_and_begins_like_a_text() -> None:
    """As in training. A name right after a cut was missed where a row began with a new line."""
    tagger = Tagger(threads=1)
    watched = tagger._session = _Watched(tagger._session)
    lines = [f"Heidi Garcia,chair number {i},asked for a new one in blue" for i in range(40)]
    found = tagger.tag("\n".join(lines), LEAST)
    assert len(watched.fed) > 3
    for feed in watched.fed:
        assert feed["ids"].shape[0] == 1
        assert feed["ids"].all()  # nothing is padded
        assert feed["gap"][0, 0] == GAPS - 1
        assert (feed["gap"][0, 1:] < GAPS - 1).all()
    assert len(found) >= 36


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2_000), st.integers(0, 2**32))
def test_segments_share_out_the_pieces_evenly(total: int, seed: int) -> None:
    choice = np.random.default_rng(seed)
    gap = choice.choice(6, total, p=[0.3, 0.6, 0.02, 0.04, 0.02, 0.02])
    stops, inside = choice.random(total) < 0.05, choice.random(total) < 0.3
    cuts = segments(gap, stops, inside)
    assert [cut.keep_from for cut in cuts] == [0, *(cut.keep_to for cut in cuts[:-1])]
    assert cuts[-1].keep_to == cuts[-1].end == total
    for cut in cuts:
        assert cut.start <= cut.keep_from <= cut.keep_to <= cut.end
        assert cut.end - cut.start <= LONGEST
    if total > LONGEST:
        assert min(cut.end - cut.start for cut in cuts) >= LONGEST // 4


def test_what_is_found_depends_on_no_thread(monkeypatch) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 4)
    monkeypatch.setattr(threads, "_helpers", threads._Helpers())
    alone, helped = Tagger(threads=1), Tagger(threads=4)
    for record in generate(seed=5, users=6, documents=12):
        text = f"{record.text}\n" * 3
        assert alone.tag(text, LEAST) == helped.tag(text, LEAST)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 12))
def test_a_batch_finds_what_one_text_after_another_does(seed: int, count: int) -> None:
    choice = random.Random(seed)
    whole = "\n".join(record.text for record in generate(seed=6, users=6, documents=30))
    starts = [choice.randrange(len(whole)) for _ in range(count)]
    texts = [whole[start : start + choice.choice((0, 5, 80, 700))] for start in starts]
    detector = default_detector()
    assert detector.detect_batch(texts) == [detector.detect(text) for text in texts]


def test_texts_are_looked_at_side_by_side_with_recognisers_of_ours_only() -> None:
    def side_by_side(**options: object) -> bool:
        return default_detector(**options)._works_side_by_side("en")

    class Own(type(bundled_recognizer())):
        """Of somebody else's, as far as threads go."""

    assert side_by_side()
    assert not side_by_side(model="none")
    assert not side_by_side(recognizers=[Own()])


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
