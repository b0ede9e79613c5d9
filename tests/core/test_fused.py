"""`FusedAnalyzer` finds what Presidio's `AnalyzerEngine` finds."""

from __future__ import annotations

import os
import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from presidio_analyzer import (
    Pattern,
    PatternRecognizer,
)

from crm_corpus import generate
from piirag.detection.fused.automaton import Walker
from piirag.detection.fused.phone import PhoneScan
from support.fused_engines import (
    GLUE,
    NOT_BY_DEFAULT,
    BlankSpacy,
    Pair,
    all_recognizers,
    default_recognizers,
    mixture,
    samplers,
    valid_values,
)

CRM = [record.text for record in generate(seed=11, users=8, documents=120)]
BY_DEFAULT = sorted(
    {e for r in default_recognizers() for e in r.supported_entities} - NOT_BY_DEFAULT
)


@pytest.fixture(scope="module")
def usual() -> Pair:
    return Pair(default_recognizers())


@pytest.fixture(scope="module")
def everything() -> Pair:
    return Pair(all_recognizers())


@pytest.fixture(scope="module")
def spacy_pair() -> Pair:
    return Pair(default_recognizers(), BlankSpacy())


@pytest.mark.parametrize("entities", [None, BY_DEFAULT], ids=["all", "by default"])
def test_same_findings_on_the_crm_corpus(usual, spacy_pair, entities) -> None:
    found = 0
    for text in CRM:
        found += len(usual.agreed(text, entities=entities))
        assert spacy_pair.differences(text, entities=entities) == []
    assert found > 3 * len(CRM)


def test_same_findings_of_every_recogniser_on_the_crm_corpus(everything) -> None:
    assert sum(len(everything.agreed(text)) for text in CRM[:60]) > 300


def test_same_findings_on_the_named_entity_corpora(usual, everything) -> None:
    folder = os.environ.get("PIIRAG_CORPORA")
    if not folder:
        pytest.skip("PIIRAG_CORPORA names no folder")
    chunks = []
    for path in sorted(Path(folder).glob("*.*")):
        if path.suffix in (".conll", ".iob2"):
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            column = 1 if path.suffix == ".iob2" else 0
            rows = [re.split(r"[\t ]", line) for line in lines if not line.startswith("#")]
            text = " ".join(row[column] if len(row) > column else "\n" for row in rows)
            chunks += [text[i : i + 1000] for i in range(0, len(text), 1000)]
    assert chunks
    for text in random.Random(3).sample(chunks, min(200, len(chunks))):
        assert everything.differences(text) == []
        assert usual.differences(text) == []


@settings(max_examples=200, deadline=None)
@given(st.integers(min_value=0))
def test_same_findings_for_any_mixture_of_values(everything, seed: int) -> None:
    assert everything.differences(mixture(random.Random(seed))) == []


@settings(max_examples=120, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(valid_values()),
            st.sampled_from(GLUE),
            st.text(max_size=12),
            st.text("0123456789-. ()+/x#:,", max_size=24),
            st.text("abcXYZ019@._-:/'\" ", max_size=24),
        ),
        max_size=8,
    )
)
def test_same_findings_for_any_text(everything, pieces: list[str]) -> None:
    assert everything.differences("".join(pieces)) == []


@pytest.mark.parametrize("language", ["es", "it", "pl", "de"])
def test_same_findings_in_other_languages(language: str) -> None:
    pair = Pair(default_recognizers(language), language=language)
    rng = random.Random(language)
    for _ in range(60):
        assert pair.differences(mixture(rng)) == []


@pytest.mark.parametrize(
    ("recognizer", "pattern", "sampler"),
    samplers(),
    ids=[f"{type(r).__name__}-{i}" for i, (r, _, _) in enumerate(samplers())],
)
def test_no_match_of_any_predefined_pattern_is_missed(recognizer, pattern, sampler) -> None:
    """Each by itself, so that a gate that loses a match cannot hide behind another recogniser."""
    own = PatternRecognizer(
        "X",
        patterns=[Pattern(pattern.name, pattern.regex, 0.5)],
        global_regex_flags=recognizer.global_regex_flags,
    )
    pair = Pair([own])
    rng = random.Random(pattern.regex)
    found = 0
    for number in range(100):
        parts = [p for _ in range(2) for p in (rng.choice(GLUE), sampler.sample(rng))]
        text = "".join([*parts, rng.choice(GLUE), " a 4321" * (number % 2)])
        found += len(pair.agreed(text))
    assert found > 0


def test_a_scan_that_loses_matches_would_be_noticed(usual, monkeypatch) -> None:
    """The comparisons above compare something."""
    monkeypatch.setattr(Walker, "walk", lambda self, shape, start: 0)
    stock, fused = usual.findings(f"the card is {'4111 1111 1111 1111'}")
    assert stock and not fused
    monkeypatch.undo()
    monkeypatch.setattr(PhoneScan, "find", lambda self, text: [])
    stock, fused = usual.findings("call 617-555-7316")
    assert stock and not fused


@pytest.mark.parametrize(
    "text",
    [
        "dial 310-1234",
        "342-07-15 +1860 310-1234 2033-12-05 08:00 0119583880 49645973398888",
        '"www15١.j9oao4.love/a" and ſ.com, K.io, ı.com, example.coſ',
        "taşıt plakası81 no 12",
        "plaka_34ABC123 and İD12345678",
        "617-555-7316x12, 617-555-7316 ext 5 and (617) 555-7316#9",
        "call ＋49 30 901820 now",
        "dial （617 5557316 now, or (–617 5557316, or [ \u200b617 5557316",
        "＋49 30 901820 （617） 555-7316 (–617-555-7316 [x617 555 7316 ＋1–617–555–7316",
        "12345 - 617-555-7316 / 617-555-7317. 617-555-7318",
        "１２３-４５６-７８９０ and ٦١٧-٥٥٥-٧٣١٦",
        "a@b.co@d.com!x@e.org .a@b.com a.@b.com",
        "a.com." * 60,
        "x" * 300 + ".com and " + "y." * 200 + "de",
        "ABCDE1234F 1234567890 AAAAAAAAAA 9999",
        "$5 617-555-7316€ 617-555-7316% a617-555-7316b",
    ],
)
def test_same_findings_on_texts_that_once_differed_or_could(usual, everything, text: str) -> None:
    assert usual.differences(text) == []
    assert everything.differences(text) == []
