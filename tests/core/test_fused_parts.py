"""The parts of the fused scan, each against what it stands in for."""

from __future__ import annotations

import random
import re
import sys

import phonenumbers
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from presidio_analyzer import EntityRecognizer, Pattern, PatternRecognizer, RecognizerResult
from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer
from presidio_analyzer.predefined_recognizers import PhoneRecognizer, UrlRecognizer

from piirag.detection.fused import automaton, hosts, needs, phone, tree
from piirag.detection.fused.artifacts import LazyArtifacts
from piirag.detection.fused.automaton import Positions
from piirag.detection.fused.numbering import numbering
from piirag.detection.fused.phone import PhoneScan
from piirag.detection.fused.regions import Regions
from piirag.detection.fused.results import without_duplicates
from piirag.detection.fused.shape import CLASSES, DIGIT, WORD_CLASSES, class_of, shape_of
from piirag.detection.fused.special import known_search
from piirag.detection.tokens_nlp import TokenNlpEngine
from support.fused_engines import (
    BlankSpacy,
    Pair,
    all_recognizers,
    mixture,
    samplers,
    valid_values,
)
from support.pattern_samples import Sampler, spoiled

FLAGS = regex.IGNORECASE | regex.MULTILINE | regex.DOTALL
EVERY_CHARACTER = "".join(map(chr, range(sys.maxunicode + 1)))
EVERY_SHAPE = shape_of(EVERY_CHARACTER)


@pytest.fixture(scope="module")
def by_class() -> dict[str, str]:
    """Class -> all characters of it."""
    found: dict[str, list[str]] = {name: [] for name in CLASSES}
    for char, name in zip(EVERY_CHARACTER, EVERY_SHAPE, strict=True):
        found[name].append(char)
    return {name: "".join(chars) for name, chars in found.items()}


@pytest.mark.parametrize(
    "expression",
    [
        *(r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", ".", "[a-z]", "[A-Z]", "[^a-z]", "[^0-9]"),
        *("[0-9]", "k", "I", "s", "i", r"[^\w\s]", r"[^\s\-]", "[-.:]", "[^:]", "ä", "[À-ž]", "µ"),
        *("[ä-ö]", "ſ", "[^ä]", r"[\d\-]", "[\x00-\x1f]", "[!-/]", "[ -~]", "_", "[^_]", "[^ ]"),
    ],
)
@pytest.mark.parametrize("flags", [FLAGS, regex.MULTILINE | regex.DOTALL])
def test_a_tree_accepts_the_class_of_every_character_that_is_matched(
    by_class, expression, flags
) -> None:
    node = tree.parse(expression, flags)
    assert isinstance(node, tree.Chars)
    for name in CLASSES - node.classes:
        assert regex.search(expression, by_class[name], flags) is None


def test_shapes_hold_one_class_for_each_character() -> None:
    assert len(EVERY_SHAPE) == len(EVERY_CHARACTER)
    assert set(EVERY_SHAPE) == CLASSES
    assert EVERY_SHAPE.isascii()
    for start in range(0, 0x3000, 7):
        # Few characters beyond Latin-1 take another way than many.
        sparse = "abc " * 20 + EVERY_CHARACTER[start]
        assert shape_of(sparse) == "AAA " * 20 + class_of(EVERY_CHARACTER[start])


def test_word_and_digit_classes_are_of_one_kind(by_class) -> None:
    for name, chars in by_class.items():
        assert regex.search(r"\W" if name in WORD_CLASSES else r"\w", chars) is None
        # Phone numbers are looked for only where a text has digits: Python's must be among these.
        assert name == DIGIT or re.search(r"\d", chars) is None


_ATOMS = st.sampled_from(
    [
        *(r"\d", r"[0-9]", "a", "B", "[A-F]", r"\w", "-", "[- ]", ":", r"\s", r"\b", "[^a]", r"\."),
        *(r"(?<!\w)", r"(?!\w)", r"(?=\d)", "(?!1)", "(?<=a)", "@", "ä", r"[.\w]"),
    ]
)
_EXPRESSIONS = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        st.tuples(inner, st.sampled_from(["?", "+", "*", "{2}", "{1,3}", "{3}"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
        inner.map(lambda part: f"({part})"),
    ),
    max_leaves=10,
)


@settings(max_examples=250, deadline=None)
@given(_EXPRESSIONS, st.integers(min_value=0))
def test_no_match_of_any_expression_is_missed(expression: str, seed: int) -> None:
    rng = random.Random(seed)
    recognizer = PatternRecognizer("X", patterns=[Pattern("x", expression, 0.5)])
    pair = Pair([recognizer])
    sampler = Sampler(expression)
    for _ in range(4):
        text = "".join(
            rng.choice(["", " ", "a", "1", "-", "é"]) + sampler.sample(rng) for _ in "12"
        )
        for each in (text, spoiled(text, rng)):
            stock, fused = pair.findings(each)
            assert fused == stock


@pytest.mark.parametrize(
    "expression",
    [r"(?:foo){e<=1}", "[[:alpha:]]", r"\p{Lu}", "(?x)a b", r"(?a)\w", r"(?|a|b)", "a{"],
)
def test_what_re_may_read_differently_is_refused(expression: str) -> None:
    with pytest.raises(tree.Unsupported):
        tree.parse(expression, 0)


@pytest.mark.parametrize("flags", [regex.ASCII, regex.VERBOSE, regex.REVERSE, regex.FULLCASE])
def test_flags_with_another_meaning_are_refused(flags) -> None:
    with pytest.raises(tree.Unsupported):
        tree.parse("a", flags)


def test_needs_of_an_expression() -> None:
    node = tree.parse(r"\b(?:ab|c)-\d{3}(?=x)\d{2}[.:]\d+(?!\d)", FLAGS)
    assert needs.required(node) == {"A", "-", DIGIT}
    assert needs.digit_run(node) == 5
    assert needs.starts_a_word(node) and not needs.ends_a_word(node)
    assert needs.ways(tree.parse(r"\d+", FLAGS)) > 10_000
    assert needs.ways(tree.parse(r"(?<=\s*)\d", FLAGS)) > 10_000
    assert Positions(node).at_offsets(3) == [{"A"}, {"A", "-"}, {"-", DIGIT}]
    assert Positions(node).reach_of(DIGIT, 12) == 3


def test_most_predefined_expressions_have_a_way_of_their_own() -> None:
    """So that a new version of Presidio that changes many of them is noticed."""
    unknown = [
        pattern.name
        for recognizer, pattern, _ in samplers()
        if type(recognizer).__name__ in ("UrlRecognizer", "_OfflineEmailRecognizer")
        and known_search(pattern.regex, recognizer.global_regex_flags) is None
    ]
    assert unknown == []


def test_grouped_domains_match_what_the_listed_do() -> None:
    expression = UrlRecognizer.PATTERNS[1].regex
    grouped = hosts.with_grouped_domains(expression)
    assert grouped != expression
    listed = [name for start, ends in hosts._endings().items() for name in map(start.__add__, ends)]
    assert len(listed) > 400
    both = [regex.compile(e, flags=FLAGS) for e in (expression, grouped)]
    for name in listed:
        for text in (f"a.{name}", f"a.{name}x/y", f"a.{name}.b.{name[:-1]} ", f"A.{name.upper()}"):
            spans = [[m.span() for m in each.finditer(text)] for each in both]
            assert spans[0] == spans[1]


_RESULTS = st.builds(
    lambda kind, start, length, score: RecognizerResult(kind, start, start + length, score),
    st.sampled_from(["A", "B"]),
    st.integers(0, 9),
    st.integers(1, 6),
    st.sampled_from([0, 0.3, 0.5, 1.0]),
)


@given(st.lists(_RESULTS, max_size=8))
def test_duplicates_go_as_in_presidio(results: list[RecognizerResult]) -> None:
    ours = without_duplicates(list(results))
    stock = EntityRecognizer.remove_duplicates(list(results))
    key = [(r.score, r.start, r.end, r.entity_type) for r in ours]
    expected = [(r.score, r.start, r.end, r.entity_type) for r in stock]
    assert sorted(key) == sorted(expected)
    assert [k[:3] for k in key] == [k[:3] for k in expected]


_WORDS = st.lists(
    st.one_of(
        st.sampled_from(["the", "be", "Phone", "number:", "+1", "...", "a@b.c", "ΑΣ", "x_y", "_"]),
        st.text(max_size=6),
    ),
    max_size=25,
)


@settings(deadline=None)
@given(_WORDS, st.data(), st.integers(0, 8), st.integers(0, 3))
def test_words_around_a_place_are_those_that_presidio_takes(words, data, before, after) -> None:
    text = " ".join(words)
    engine = TokenNlpEngine(["en"])
    places = [m.start() for m in regex.finditer(r"\S", text)]
    if not places:
        return
    start = data.draw(st.sampled_from(places))
    enhancer = LemmaContextAwareEnhancer(context_prefix_count=before, context_suffix_count=after)
    artifacts = engine.process_text(text, "en")
    expected = enhancer._extract_surrounding_words(artifacts, text[start:], start)
    assert set(engine.process_text(text, "en").around(start, before, after)) == set(expected)


def test_artifacts_are_made_on_the_first_look() -> None:
    made = []

    class Engine(TokenNlpEngine):
        def process_text(self, text, language):
            made.append(text)
            return super().process_text(text, language)

    lazy = LazyArtifacts(Engine(["en"]), "one two", "en")
    assert made == []
    assert lazy.tokens == ["one", "two"]
    assert lazy.lemmas == ["one", "two"]
    assert made == ["one two"]
    blank = LazyArtifacts(BlankSpacy(), "one two", "en")
    assert blank.entities == [] and blank.folded_text == ""
    assert [str(token) for token in blank.tokens] == ["one", "two"]


DEFAULT_REGIONS = PhoneRecognizer.DEFAULT_SUPPORTED_REGIONS


def _examples() -> list[str]:
    found = []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in range(11):
            number = phonenumbers.example_number_for_type(region, kind)
            if number is not None:
                found += [phonenumbers.format_number(number, form) for form in range(4)]
                found.append(str(number.national_number))
    return found


_NUMBERS = _examples()
_PHONE_GLUE = [
    "＋",
    "（",
    "(–",
    "[x",
    "~",
    "",
    " ",
    "\n",
    ", ",
    "-",
    " - ",
    "/",
    " (",
    "x",
    " ext 5",
    "#",
    "a",
    "%",
    "é",
    ":00",
]


@settings(max_examples=250, deadline=None)
@given(
    st.sampled_from([DEFAULT_REGIONS, ("IT", "AR", "MX", "ZA", "AU"), ("CA",), ("BR", "DE")]),
    st.lists(
        st.one_of(
            st.sampled_from(_NUMBERS),
            st.sampled_from(_PHONE_GLUE),
            st.text("0123456789", max_size=14),
            st.text("0123456789-. ()+/x#~,", max_size=20),
            st.from_regex(r"\A[12]\d{3}-[01]\d-[0-3]\d 0[0-9]:[0-5]\d\Z"),
            st.text("0123456789０٣–\u00a0（＋［~", max_size=9),
        ),
        max_size=6,
    ),
)
def test_phone_numbers_are_those_of_presidio(regions, pieces: list[str]) -> None:
    text = "".join(pieces)
    recognizer = PhoneRecognizer(supported_regions=regions)
    stock = {(r.start, r.end) for r in recognizer.analyze(text, [], None)}
    found = set(_scan(regions).find(text))
    outermost = {
        a for a in found if not any(b != a and b[0] <= a[0] <= a[1] <= b[1] for b in found)
    }
    assert outermost == stock


_scans: dict[tuple[str, ...], PhoneScan] = {}


def _scan(regions: tuple[str, ...]) -> PhoneScan:
    return _scans.setdefault(tuple(regions), PhoneScan(regions))


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.sampled_from(_NUMBERS), st.text("0123456789", max_size=16)))
def test_a_sure_verdict_on_digits_is_right(number: str) -> None:
    digits = re.sub(r"\D", "", number)
    regions = Regions(DEFAULT_REGIONS)
    for region in regions._regions:
        verdict = region.verdict(digits)
        if verdict is not None and len(digits) >= 3:
            matcher = phonenumbers.PhoneNumberMatcher(digits, region.name)
            assert (matcher._parse_and_verify(digits, 0) is not None) == verdict


def test_every_example_number_is_possible_at_home() -> None:
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        number = phonenumbers.example_number(region)
        found = numbering(number.country_code)
        national = phonenumbers.national_significant_number(number)
        assert found is not None
        assert re.fullmatch(found.possible, national)


def test_regions_that_nobody_knows_are_refused() -> None:
    with pytest.raises(ValueError, match="region"):
        PhoneScan(["XX"])
    odd = PhoneRecognizer(supported_regions=["US"], leniency=0)
    stock, fused = Pair([odd]).findings("call 12345 or 617-555-7316")
    assert fused == stock


def test_a_walker_that_starts_over_forgets_no_match(monkeypatch) -> None:
    monkeypatch.setattr(automaton, "_MOST_STATES", 3)
    pair = Pair(all_recognizers())
    for seed in range(60):
        stock, fused = pair.findings(mixture(random.Random(seed)))
        assert fused == stock


def test_a_text_of_too_many_candidates_is_left_to_the_matcher(monkeypatch) -> None:
    """It gives up after so many tries, which cannot be told from parts of the text."""
    monkeypatch.setattr(phone, "_MOST_TRIES", 2)
    scan, text = PhoneScan(DEFAULT_REGIONS), "1x2 617-555-7316, 12, 13 and 030 901820"
    assert scan._stretches(text) == [(0, len(text), False)]
    stock = PhoneRecognizer().analyze(text, [], None)
    assert {(r.start, r.end) for r in stock} <= set(scan.find(text))


def test_valid_values_are_found_at_all() -> None:
    assert len(valid_values()) > 100
