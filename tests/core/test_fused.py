"""`FusedAnalyzer` finds what Presidio's `AnalyzerEngine` finds; threats D7 and D8."""

from __future__ import annotations

import os
import pickle
import random
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from presidio_analyzer import (
    EntityRecognizer,
    Pattern,
    PatternRecognizer,
    RecognizerResult,
    pattern_recognizer,
)
from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer
from presidio_analyzer.predefined_recognizers import CreditCardRecognizer, PhoneRecognizer

from crm_corpus import generate
from piirag.detection import presidio
from piirag.detection.fused import FusedAnalyzer
from piirag.detection.fused.automaton import Walker
from piirag.detection.fused.expression import Expression
from piirag.detection.fused.phone import PhoneScan
from piirag.errors import DetectionTimeoutError
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


def same(pair: Pair, text: str, **options: object) -> list:
    stock, fused = pair.findings(text, **options)
    assert fused == stock
    return stock


@pytest.mark.parametrize("entities", [None, BY_DEFAULT], ids=["all", "by default"])
def test_same_findings_on_the_crm_corpus(usual, spacy_pair, entities) -> None:
    found = 0
    for text in CRM:
        found += len(same(usual, text, entities=entities))
        same(spacy_pair, text, entities=entities)
    assert found > 3 * len(CRM)


def test_same_findings_of_every_recogniser_on_the_crm_corpus(everything) -> None:
    assert sum(len(same(everything, text)) for text in CRM[:60]) > 300


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
        same(everything, text)
        same(usual, text)


@settings(max_examples=200, deadline=None)
@given(st.integers(min_value=0))
def test_same_findings_for_any_mixture_of_values(everything, seed: int) -> None:
    same(everything, mixture(random.Random(seed)))


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
    same(everything, "".join(pieces))


@pytest.mark.parametrize("language", ["es", "it", "pl", "de"])
def test_same_findings_in_other_languages(language: str) -> None:
    pair = Pair(default_recognizers(language), language=language)
    rng = random.Random(language)
    for _ in range(60):
        same(pair, mixture(rng))


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
        found += len(same(pair, text))
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
    same(usual, text)
    same(everything, text)


def _options() -> dict[str, dict]:
    return {
        "threshold": {"score_threshold": 0.5},
        "context": {"context": ["SSN", "phone"]},
        "exact words": {"allow_list": ["617-555-7316", "192.0.2.17"]},
        "pattern of words": {"allow_list": ["617.*", "x"], "allow_list_match": "regex"},
        "one entity": {"entities": ["PHONE_NUMBER"]},
        "unknown entity": {"entities": ["PHONE_NUMBER", "NOBODY"]},
        "no such entity": {"entities": ["NOBODY"]},
        "correlation": {"correlation_id": "1"},
        "artifacts": {"nlp_artifacts": BlankSpacy().process_text("ssn 536-90-4399", "en")},
        "own recogniser": {
            "ad_hoc_recognizers": [PatternRecognizer("WORD", deny_list=["called", "soon"])]
        },
    }


@pytest.mark.parametrize("name", list(_options()))
def test_the_arguments_of_analyze_mean_the_same(usual, name: str) -> None:
    text = "Anna called: ssn 536-90-4399, phone 617-555-7316 soon, ip 192.0.2.17, a@example.com"
    same(usual, text, **_options()[name])


def test_the_decision_process_is_explained(usual) -> None:
    found = usual.fused.analyze("card 4111111111111111", "en", return_decision_process=True)
    assert found[0].analysis_explanation.pattern_name


def test_an_unknown_language_is_refused(usual) -> None:
    with pytest.raises(ValueError, match="No matching recognizers"):
        usual.fused.analyze("617-555-7316", language="xx")


class _Loud(EntityRecognizer):
    """A recogniser of somebody else's, which keeps its results and says little about them."""

    def __init__(self, **options) -> None:
        super().__init__(supported_entities=["LOUD"], name="loud", context=["very"], **options)
        self.calls = 0

    def load(self) -> None:
        pass

    def analyze(self, text, entities, nlp_artifacts):
        self.calls += 1
        at = text.find("LOUD")
        return [RecognizerResult("LOUD", at, at + 4, 0.3)] if at >= 0 else []


class _Contextual(_Loud):
    def enhance_using_context(self, text, raw_recognizer_results, *args, **kwargs):
        for result in raw_recognizer_results:
            result.score = 0.9
        return raw_recognizer_results


@pytest.mark.parametrize("kind", [_Loud, _Contextual])
def test_recognisers_of_others_run_as_they_are(kind) -> None:
    pair = Pair([*default_recognizers(), kind()])
    found = same(pair, "a very LOUD call to 617-555-7316, ssn 536-90-4399")
    assert "LOUD" in {f[0] for f in found}


def test_a_gate_keeps_a_recogniser_from_running() -> None:
    gated, shape_gated = _Loud(), _Loud()
    gated.gate = re.compile("LOUD")
    shape_gated.shape_gate = re.compile("9")
    engine = Pair([gated, shape_gated]).fused
    for text in ("nothing", "a LOUD call", "at 9"):
        engine.analyze(text, "en")
    assert gated.calls == 1
    assert shape_gated.calls == 1


class _Changed(CreditCardRecognizer):
    """Same class name as far as a gate may care, other patterns and another check."""

    PATTERNS = [Pattern("words", r"\bcard [a-z]+\b", 0.4)]  # noqa: RUF012

    def validate_result(self, pattern_text):
        return None


def test_a_changed_recogniser_is_not_taken_for_the_stock_one() -> None:
    pair = Pair([_Changed(), CreditCardRecognizer(patterns=[Pattern("x", r"x{3}", 0.2)])])
    assert same(pair, "card abc and xxx 4111111111111111")


def test_checks_set_on_an_object_count() -> None:
    recognizer = CreditCardRecognizer()
    recognizer.validate_result = lambda text: False
    assert same(Pair([recognizer]), "4111111111111111") == []


def test_recognisers_and_patterns_may_come_and_go() -> None:
    pair = Pair(default_recognizers())
    text = "token zz-99 and 617-555-7316"
    assert len(same(pair, text)) == 1
    added = PatternRecognizer("TOKEN", patterns=[Pattern("t", r"zz-\d\d", 0.7)], name="added")
    pair.registry.add_recognizer(added)
    assert len(same(pair, text)) == 2
    added.patterns.append(Pattern("u", r"\btoken\b", 0.7))
    assert len(same(pair, text)) == 3
    pair.registry.remove_recognizer("added")
    assert len(same(pair, text)) == 1


def test_thresholds_of_recognisers_count() -> None:
    recognizers = default_recognizers()
    for recognizer in recognizers:
        recognizer.score_thresholds = {"default": 0.5, "PHONE_NUMBER": 0.3}
    pair = Pair(recognizers)
    assert same(pair, "617-555-7316 bank 123456789012 a@example.com")


def test_another_enhancer_is_asked() -> None:
    pair = Pair(default_recognizers())
    enhancer = LemmaContextAwareEnhancer(context_suffix_count=3, context_matching_mode="whole_word")
    for engine in (pair.stock, pair.fused):
        engine.context_aware_enhancer = enhancer
    for text in CRM[:20]:
        same(pair, text)

    class Own(LemmaContextAwareEnhancer):
        def enhance_using_context(self, text, raw_results, *args, **kwargs):
            for result in raw_results:
                result.score = min(1.0, result.score + 0.01)
                assert result.analysis_explanation is not None
            return raw_results

    for engine in (pair.stock, pair.fused):
        engine.context_aware_enhancer = Own()
    for text in CRM[:20]:
        same(pair, text)


@pytest.mark.parametrize(
    "expression",
    [
        r"(?:zz-\d+){e<=1}",
        r"[[:alpha:]]{4}\d",
        r"\p{Lu}{3}\d{3}",
        r"(?x) zz - \d+  # a comment",
        r"(?a)\b\w+é\d",
        r"(?<!\w)zz-(\d)(?:\1)*",
        r"(?i:ZZ)-\d{2}|(?>a+)b\d",
        r"(\d\d)-(?(1)x|y)",
        r"",
        r"\d*",
        r"(?=\d{3}).{0,8}z",
        r"^\d+$",
    ],
)
def test_any_expression_of_a_custom_recogniser_finds_the_same(expression: str) -> None:
    pair = Pair([PatternRecognizer("X", patterns=[Pattern("x", expression or "z?", 0.5)])])
    for text in ("zz-12 ZZ-11 zx-1", "abcd1 ABC123 wé1", "12-x\n34\n12z", "", "z", "aab1 é9"):
        same(pair, text)


def test_D7_a_pattern_that_runs_out_of_time_raises(monkeypatch) -> None:
    slow = [Pattern("slow", expression, 0.9) for expression in (r"(x+x+)+y", r"\b\d(x+x+)+y")]
    for pattern in slow:
        hostile = "1" + "x" * 5_000
        with monkeypatch.context() as patch:
            patch.setattr(pattern_recognizer, "REGEX_TIMEOUT_SECONDS", 0.05)
            engine = Pair([PatternRecognizer("SLOW", patterns=[pattern])]).fused
            with pytest.raises(DetectionTimeoutError) as caught:
                engine.analyze(hostile, "en")
        assert "x" * 9 not in str(caught.value)
        with monkeypatch.context() as patch:
            patch.setattr(presidio, "PATTERN_SECONDS", 0.05)
            own = presidio._harden(PatternRecognizer("SLOW", patterns=[pattern]))
        with pytest.raises(DetectionTimeoutError):
            Pair([own]).fused.analyze(hostile, "en")


HOSTILE = [
    *("9", "@", "+", "(", ".", ":", "a@", "a.", ".co", "1 ", "1-", "1x", "1x1m", "A9", "1:", "a:"),
    *("+1 ", "(1", "1/1/", "12345 - ", "a1 ", "AB12 ", "DE89 ", "claim 1", "claim      ", "0x9f"),
    *("é9", "٣", "ſ.ſs", '"a.co', '"http://a.co/', "www.", "@b-", "617-555-7316 ", "AAAA9999A "),
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_D8_the_work_grows_with_the_text_and_no_faster(everything, monkeypatch, unit) -> None:
    """Counted: tries of expressions, steps of the automaton, numbers that are parsed."""
    count = 0

    def counted(function):
        def call(*args, **kwargs):
            nonlocal count
            count += 1
            return function(*args, **kwargs)

        return call

    bind = Expression.bind
    monkeypatch.setattr(Expression, "bind", lambda self, text: counted(bind(self, text)))
    monkeypatch.setattr(Walker, "walk", counted(Walker.walk))
    monkeypatch.setattr(PhoneScan, "_accepted", counted(PhoneScan._accepted))
    parse = PhoneRecognizer.analyze.__globals__["phonenumbers"].PhoneNumberMatcher
    monkeypatch.setattr(parse, "_parse_and_verify", counted(parse._parse_and_verify))
    work = []
    for length in (1_000, 8_000):
        count = 0
        everything.fused.analyze((unit * length)[:length], "en")
        work.append(count)
    assert work[1] <= 12 * work[0] + 500


def test_threads_share_an_engine(usual) -> None:
    expected = [usual.findings(text)[0] for text in CRM[:40]]
    engine = Pair(default_recognizers())
    start = threading.Barrier(8)

    def work(_: int) -> bool:
        start.wait()
        found = [engine.fused.analyze(text, "en") for text in CRM[:40]]
        spans = [[(r.entity_type, r.start, r.end, r.score) for r in each] for each in found]
        return spans == [[f[:4] for f in each] for each in expected]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


def test_an_engine_can_be_pickled_without_its_plans() -> None:
    engine = Pair([CreditCardRecognizer()]).fused
    engine.analyze("4111111111111111", "en")
    copied = pickle.loads(pickle.dumps(engine))
    assert isinstance(copied, FusedAnalyzer)
    assert [r.entity_type for r in copied.analyze("4111111111111111", "en")] == ["CREDIT_CARD"]


def test_nothing_but_what_is_asked_for_is_made(usual, monkeypatch) -> None:
    """No tokens for a text without findings; no expression is even tried."""
    monkeypatch.setattr(type(usual.fused.nlp_engine), "stop_words", None)
    monkeypatch.setattr(Expression, "bind", None)
    assert usual.fused.analyze("The committee met again, and nobody agreed.", "en") == []


def test_regex_is_used_in_its_default_version() -> None:
    assert regex.DEFAULT_VERSION == regex.VERSION0
