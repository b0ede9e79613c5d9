"""`FusedAnalyzer` as an engine: arguments, recognisers of others, time budgets; threats D7, D8."""

from __future__ import annotations

import pickle
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import regex
from phonenumbers import PhoneNumberMatcher
from presidio_analyzer import (
    EntityRecognizer,
    Pattern,
    PatternRecognizer,
    RecognizerResult,
    pattern_recognizer,
)
from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer
from presidio_analyzer.predefined_recognizers import CreditCardRecognizer

from crm_corpus import generate
from piirag.detection import presidio
from piirag.detection.fused import FusedAnalyzer
from piirag.detection.fused.automaton import Walker
from piirag.detection.fused.expression import Expression
from piirag.detection.fused.phone import PhoneScan
from piirag.errors import DetectionTimeoutError
from support.fused_engines import BlankSpacy, Pair, all_recognizers, default_recognizers

CRM = [record.text for record in generate(seed=12, users=8, documents=60)]


@pytest.fixture(scope="module")
def usual() -> Pair:
    return Pair(default_recognizers())


@pytest.fixture(scope="module")
def everything() -> Pair:
    return Pair(all_recognizers())


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
    assert usual.differences(text, **_options()[name]) == []


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
    found = pair.agreed("a very LOUD call to 617-555-7316, ssn 536-90-4399")
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
    assert pair.agreed("card abc and xxx 4111111111111111")


def test_checks_set_on_an_object_count() -> None:
    recognizer = CreditCardRecognizer()
    recognizer.validate_result = lambda text: False
    assert Pair([recognizer]).agreed("4111111111111111") == []


def test_recognisers_and_patterns_may_come_and_go() -> None:
    pair = Pair(default_recognizers())
    text = "token zz-99 and 617-555-7316"
    assert len(pair.agreed(text)) == 1
    added = PatternRecognizer("TOKEN", patterns=[Pattern("t", r"zz-\d\d", 0.7)], name="added")
    pair.registry.add_recognizer(added)
    assert len(pair.agreed(text)) == 2
    added.patterns.append(Pattern("u", r"\btoken\b", 0.7))
    assert len(pair.agreed(text)) == 3
    pair.registry.remove_recognizer("added")
    assert len(pair.agreed(text)) == 1


def test_thresholds_of_recognisers_count() -> None:
    recognizers = default_recognizers()
    for recognizer in recognizers:
        recognizer.score_thresholds = {"default": 0.5, "PHONE_NUMBER": 0.3}
    pair = Pair(recognizers)
    assert pair.agreed("617-555-7316 bank 123456789012 a@example.com")


def test_another_enhancer_is_asked() -> None:
    pair = Pair(default_recognizers())
    enhancer = LemmaContextAwareEnhancer(context_suffix_count=3, context_matching_mode="whole_word")
    for engine in (pair.stock, pair.fused):
        engine.context_aware_enhancer = enhancer
    for text in CRM[:20]:
        assert pair.differences(text) == []

    class Own(LemmaContextAwareEnhancer):
        def enhance_using_context(self, text, raw_results, *args, **kwargs):
            for result in raw_results:
                result.score = min(1.0, result.score + 0.01)
                assert result.analysis_explanation is not None
            return raw_results

    for engine in (pair.stock, pair.fused):
        engine.context_aware_enhancer = Own()
    for text in CRM[:20]:
        assert pair.differences(text) == []


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
        assert pair.differences(text) == []


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
    parse = PhoneNumberMatcher._parse_and_verify
    monkeypatch.setattr(PhoneNumberMatcher, "_parse_and_verify", counted(parse))
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
