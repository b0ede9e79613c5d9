"""The shortcut for plain text: what it holds for plain, no recogniser finds anything in."""

from __future__ import annotations

import functools
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from presidio_analyzer import EntityRecognizer, Pattern, PatternRecognizer, RecognizerResult

from piirag import default_detector
from piirag.detection.build import shared_analyzer
from piirag.detection.disguise import normalize
from piirag.detection.fused import FusedAnalyzer
from piirag.detection.ner.gate import candidate_stretches, safe_words
from piirag.detection.presidio import NOT_BY_DEFAULT, PresidioDetector
from piirag.detection.recognizers import KNOWN_COUNTRIES
from piirag.detection.recognizers.base import Labels
from piirag.detection.recognizers.signs import may_begin_label, signs_of

MODEL = True

PROSE = (
    "This is what we have to do about it, and nobody agreed on the colour. Although everyone liked"
    " the idea, some members asked about the cost of such a thing; others didn't."
)


@functools.cache
def engine(countries: tuple[str, ...] = KNOWN_COUNTRIES, *recognizers: object) -> FusedAnalyzer:
    return shared_analyzer(("en",), "bundled", countries, recognizers)


def entities(analyzer: FusedAnalyzer) -> list[str]:
    return sorted(set(analyzer.get_supported_entities()) - NOT_BY_DEFAULT)


def is_plain(text: str, analyzer: FusedAnalyzer | None = None) -> bool:
    analyzer = analyzer or engine()
    return analyzer.finds_nothing(text, "en", entities(analyzer))


def vocabulary() -> list[str]:
    analyzer = engine()
    plain_text = analyzer._plan("en", entities(analyzer))._plain_text
    return sorted(word.decode() for word in plain_text._vocabulary())


_BETWEEN = [" "] * 12 + [", ", ". ", "; ", "! ", "? ", ": ", "\n", "\n\n", "-", "'", ' "', '" ']
_BETWEEN += [
    " (",
    ") ",
    ".) ",
    "\r\n",
    "\t",
    "\u2019",
    " \u2013 ",
    " \u201c",
    ".\u201d ",
    "\u2026 ",
]
seeds = st.integers(0, 2**32)


def composed(seed: int, most: int = 120) -> str:
    """Plain words in a row, with any marks between them."""
    choice = random.Random(seed)
    words = choice.choices(vocabulary(), k=choice.randint(1, most))
    if choice.random() < 0.5:
        # Short words are the parts of codes and labels.
        words = [word for word in words if len(word) < 5] or words
    return "".join(word + choice.choice(_BETWEEN) for word in words)


@settings(max_examples=300, deadline=None)
@given(seeds)
def test_nothing_is_found_in_what_is_held_for_plain(seed: int) -> None:
    """The full run, over all countries and all types, dates and ages aside."""
    text = composed(seed)
    analyzer = engine()
    normal = normalize(text)
    if is_plain(text):
        assert analyzer.analyze(text, "en", entities=entities(analyzer)) == []
        assert not normal.changed
        assert normal.views == ()


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_no_recogniser_by_itself_finds_anything_either(seed: int) -> None:
    text = composed(seed, 60)
    if not is_plain(text):
        return
    analyzer = engine()
    artifacts = analyzer.nlp_engine.process_text(text, "en")
    for recognizer in analyzer.registry.recognizers:
        wanted = sorted(set(recognizer.supported_entities) - NOT_BY_DEFAULT)
        if wanted:
            assert recognizer.analyze(text, wanted, artifacts) == [], recognizer.name


def test_the_property_is_no_empty_one() -> None:
    assert sum(is_plain(composed(seed, 20)) for seed in range(200)) > 60
    assert len(vocabulary()) > 5_000
    assert is_plain(PROSE)
    assert is_plain(
        "We can\u2019t \u2013 and won\u2019t \u2013 do that. \u201cNot now,\u201d she said\u2026"
    )
    assert is_plain("")


def test_no_label_can_be_in_words_of_the_vocabulary() -> None:
    for seed in range(300):
        words = " ".join(random.Random(seed).choices(vocabulary(), k=60))
        assert signs_of(words).labels == frozenset()


@settings(max_examples=200, deadline=None)
@given(seeds)
def test_detect_finds_the_same_with_the_shortcut_and_without(seed: int) -> None:
    choice = random.Random(seed)
    pieces = [choice.choice(SPOILT) if choice.random() < 0.03 else "" for _ in range(12)]
    text = " ".join(f"{composed(choice.random(), 12)} {piece}" for piece in pieces)
    analyzer = engine()
    detector = PresidioDetector(analyzer, entities=entities(analyzer))
    whole = PresidioDetector(analyzer, entities=entities(analyzer))
    whole._is_plain = lambda *_: False  # type: ignore[method-assign]
    assert detector.detect(text) == whole.detect(text)


SPOILT = [
    "jane.roe@example.com",
    "617-555-7316",
    "4111 1111 1111 1111",
    "Agnieszka",
    "mr brown",
    "my name is good",
    "DE89370400440532013000",
    "jane (at) example (dot) com",
    "jane at example.com",
    "password hunter",
    "user name: rabbit",
    "12 high street",
    "example.com",
    "http://x.y",
    "&#64;",
    "AKIAIOSFODNN7EXAMPLE",
    "-----BEGIN PRIVATE KEY-----",
    "dead-beef-dead-beef-dead",
    "aa-bb-cc-dd-ee-ff",
    "aabb.ccdd.eeff",
    "٣٤",
    "word\u200bword",
    "a\u00adb",
    "will",
]


@pytest.mark.parametrize("spoilt", SPOILT)
def test_one_value_among_plain_words_is_enough(spoilt: str) -> None:
    assert not is_plain(f"{PROSE} {spoilt} {PROSE}")


def test_auxiliary_verbs_are_no_names() -> None:
    assert is_plain("It will be good, and you may have it; don't ask.")
    assert not is_plain("Then will said it.")


class _Own(EntityRecognizer):
    def __init__(self, gate: object = None) -> None:
        super().__init__(supported_entities=["OWN"], name="own", supported_language="en")
        if gate is not None:
            self.gate = gate

    def load(self) -> None:
        pass

    def analyze(self, text, entities, nlp_artifacts=None):
        at = text.find("answer")
        return [RecognizerResult("OWN", at, at + 6, 0.9)] if at >= 0 else []


@pytest.mark.parametrize(
    "recognizer",
    [
        _Own(),
        _Own(re.compile("answer")),
        _Own(Labels("answer")),
        PatternRecognizer("OWN", name="list", deny_list=["answer"]),
        PatternRecognizer("OWN", name="word", patterns=[Pattern("c", r"\bans\w+r\b", 0.9)]),
        PatternRecognizer("OWN", name="part", patterns=[Pattern("c", r"(?<=\w)swer", 0.9)]),
    ],
    ids=["no gate", "gate", "labels", "deny list", "words", "part"],
)
def test_what_a_recogniser_of_ones_own_finds_is_found(recognizer: EntityRecognizer) -> None:
    analyzer = engine((), recognizer)
    text = f"{PROSE} There is no answer to that."
    found = PresidioDetector(analyzer).detect(text)
    assert {f.entity_type for f in found} == {"OWN"}
    assert not is_plain(text, analyzer)


def test_a_recogniser_of_ones_own_that_says_what_it_needs_leaves_the_shortcut_on() -> None:
    analyzer = engine((), _Own(re.compile("zebra")))
    assert is_plain(PROSE, analyzer)
    pattern = PatternRecognizer("OWN", name="ticket", patterns=[Pattern("t", r"\bTCK-\d+", 0.9)])
    assert is_plain(PROSE, engine((), pattern))


def test_a_recogniser_that_is_added_later_counts() -> None:
    from piirag.detection.presidio import offline_analyzer

    analyzer = offline_analyzer()
    assert is_plain(PROSE, analyzer)
    analyzer.registry.add_recognizer(_Own())
    assert not is_plain(PROSE, analyzer)


def test_labels_that_are_registered_later_count() -> None:
    assert is_plain(PROSE)
    assert not may_begin_label("outcome")
    Labels("outcome")
    assert may_begin_label("outcome")
    assert b"outcome" not in engine()._plan("en", entities(engine()))._plain_text._vocabulary()


def test_another_engine_switches_the_shortcut_off() -> None:
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    class Blank(SpacyNlpEngine):
        def __init__(self) -> None:
            import spacy

            super().__init__(models=[{"lang_code": "en", "model_name": "blank"}])
            self.nlp = {"en": spacy.blank("en")}

    from piirag.detection.presidio import offline_analyzer

    assert not is_plain(PROSE, offline_analyzer(nlp_engine=Blank(), model="none"))


def test_dates_and_ages_are_told_by_everyday_words() -> None:
    analyzer = engine(())
    text = "It was a day in the week before, and a year after."
    assert is_plain(text, analyzer)
    assert not analyzer.finds_nothing(text, "en", ["PERSON", "DATE_TIME"])
    assert candidate_stretches(text) == []
    assert candidate_stretches(text, names_only=False) != []


def test_what_announces_a_name_is_never_plain() -> None:
    assert "mr" in safe_words()
    assert candidate_stretches("then mr good said so") != []
    assert candidate_stretches("the name is good") != []


def test_a_word_of_an_address_is_plain_without_a_figure() -> None:
    assert candidate_stretches("they met in the quiet reading room on the same floor") == []
    assert candidate_stretches("they met in room 5 on the same floor") != []


def test_a_word_that_begins_a_sentence_is_plain_if_it_is_on_no_list_of_names() -> None:
    assert candidate_stretches("It rained for a week. Frogs came first.") == []
    assert candidate_stretches("It rained for a week. Baker came first.") != []
    assert candidate_stretches("It rained for a week, and Frogs came first.") != []
    assert candidate_stretches("It rained. Frogs came first. They call her Frogs at home.") != []


def test_the_model_reads_what_is_around_the_candidates() -> None:
    plain = "the committee met again to discuss the plan for the new library. " * 4
    text = f"{plain}Then Jolene Vasquez hid it, and left. {plain}"
    [(start, end)] = candidate_stretches(text)
    assert "Jolene Vasquez" in text[start:end]
    assert 150 < end - start < len(text) - 200
    assert start == 0 or text[start - 1] == " "
    [finding] = [f for f in default_detector().detect(text) if f.entity_type == "PERSON"]
    assert "Jolene Vasquez" in text[finding.start : finding.end]
