"""A gate passes on every text in which its recogniser finds something."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from piirag.detection.recognizers import KNOWN_COUNTRIES, base, extra_recognizers, keyed
from piirag.detection.recognizers.base import TextRecognizer
from piirag.detection.recognizers.keyed import KeyedRecognizer
from piirag.detection.recognizers.signs import Signs, folded, signs_of

HERE = Path(__file__).parent
MADE = extra_recognizers(KNOWN_COUNTRIES)
OURS = [r for r in MADE if isinstance(r, TextRecognizer)]
PRESIDIOS = [r for r in MADE if not isinstance(r, TextRecognizer)]
LABELS = sorted({label for r in OURS if isinstance(r, KeyedRecognizer) for of in r.RULES
                 for label in of.labels})  # fmt: skip
VALUES = sorted({of.value for r in OURS if isinstance(r, KeyedRecognizer) for of in r.RULES})
FORMS = [form for r in OURS for form in r.FORMS]

relaxed = settings(
    deadline=None, max_examples=120, suppress_health_check=list(HealthCheck), derandomize=True
)


def spelled(label: str, style: int) -> str:
    """A label as people and programs write it."""
    words = label.replace("~", " ").split()
    styles = [
        " ".join(words),
        " ".join(words).upper(),
        " ".join(words).title(),
        "_".join(words),
        "-".join(words).upper(),
        "".join(words),
        words[0] + "".join(w.capitalize() for w in words[1:]),
        "user" + "".join(w.capitalize() for w in words),
        "".join(words) + "Number",
        " ".join(words) + " no.",
        "patient_" + "_".join(words),
        " ".join(words).replace("e", "é").replace("u", "ü"),
        " ".join(words).replace("k", "\u212a").replace("s", "ſ"),
        " ".join(words).replace("i", "\u0130"),
    ]
    return styles[style % len(styles)]


links = st.sampled_from([": ", "=", '": "', " ", " is ", " no. ", ">", "\n", ",", "\t", " - ", "#"])
noise = st.one_of(
    st.sampled_from(
        ["", " ", "\n", "a", "x y ", "1", "der ", "\u0130", "ſ", "\u212a", "é", "(", '"']
    ),
    st.text(max_size=8),
)
values = st.one_of(
    *(st.from_regex(pattern, fullmatch=True) for pattern in VALUES if "(?<" not in pattern),
    st.sampled_from(
        [
            line.split("«")[1].split("»")[0]
            for line in (HERE / "labelled_values.txt").read_text("utf-8").splitlines()
        ]
    ),
)
labels = st.builds(spelled, st.sampled_from(LABELS), st.integers(0, 13))
texts = st.lists(st.tuples(noise, labels, links, values, noise), min_size=1, max_size=3).map(
    lambda parts: "".join("".join(part) for part in parts)
)
forms = st.one_of(*(st.from_regex(form.pattern) for form in FORMS))

EVERYTHING = Signs(frozenset(LABELS), 10**9, True, True)


def assert_gates_are_sound(text: str) -> None:
    for recognizer in OURS:
        if list(recognizer.find(text)):
            assert recognizer.gate.search(text), (recognizer.name, text)


def assert_signs_change_nothing(text: str) -> None:
    """What is found where every label is looked for is found where signs name them."""
    usual = [set(r.find(text)) for r in OURS]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(keyed, "signs_of", lambda _: EVERYTHING)
        patched.setattr(base, "signs_of", lambda _: EVERYTHING)
        assert [set(r.find(text)) for r in OURS] == usual


def test_every_recogniser_has_a_gate():
    for recognizer in MADE:
        assert hasattr(recognizer.gate, "search"), recognizer.name


@given(texts)
@relaxed
def test_gates_over_labelled_values(text):
    assert_gates_are_sound(text)
    assert_signs_change_nothing(text)


@given(st.tuples(noise, forms, noise).map("".join))
@relaxed
def test_gates_over_forms(text):
    assert_gates_are_sound(text)


@pytest.mark.parametrize("name", ["labelled_values.txt", "clean_lines.txt"])
def test_gates_over_the_lines_of_the_other_tests(name):
    lines = (HERE / name).read_text("utf-8").replace("«", "").replace("»", "").splitlines()
    found = 0
    for line in lines:
        text = line.split("\t", 1)[-1].replace("\\n", "\n")
        assert_gates_are_sound(text)
        found += any(list(r.find(text)) for r in OURS)
    assert found == (len(lines) if name.startswith("labelled") else found)


@pytest.mark.parametrize("style", range(14))
def test_every_label_is_seen_wherever_it_can_name_a_value(style):
    compiled = [c for r in OURS if isinstance(r, KeyedRecognizer) for c in r._compiled]
    for label in LABELS:
        for text in (f"{spelled(label, style)}: 1", f"x {spelled(label, style)}"):
            low, present = folded(text), signs_of(text).labels
            for rule in compiled:
                if label not in rule.labels:
                    continue
                everywhere = rule.places(text, low, frozenset(rule.labels))
                usable = {
                    start: end
                    for start, end in everywhere.items()
                    if keyed._ends_well(text, _with_nouns(low, end))
                }
                seen = rule.places(text, low, present)
                assert usable.items() <= seen.items(), (label, text)


def _with_nouns(low: str, end: int) -> int:
    match = keyed._NOUNS.match(low, end)
    return match.end() if match else end


def samples(pattern: str, count: int = 40) -> list[str]:
    """Texts that an expression of Presidio's matches; none where Python's `re` cannot read it."""
    try:
        compiled = re.compile(pattern.replace("(?i)", ""), re.IGNORECASE)
    except re.error:
        return []
    drawn: list[str] = []

    @given(st.from_regex(compiled))
    @settings(relaxed, max_examples=count, database=None)
    def draw(text: str) -> None:
        drawn.append(text)

    draw()
    return drawn


US_ADMINISTRATION = [
    "prior authorization no. PA-123456789",
    "claim number: CLM-123456789",
    "claim 123456",
    "Rx # 1234567",
    "prescription: RX-123456",
    "referral id REF-1234567",
    "provider tax id: 12-3456789",
    "billing provider tin 12-3456789",
]


@pytest.mark.parametrize("recognizer", PRESIDIOS, ids=lambda r: r.name)
def test_gates_of_presidios_recognisers(recognizer):
    kind = type(recognizer).__mro__[1]
    patterns: list[Any] = getattr(recognizer, "patterns", [])
    lines = [*US_ADMINISTRATION, "+27 82 123 4567", "0821234567", "(011) 123-4567"]
    lines += [text for pattern in patterns for text in samples(pattern.regex)]
    rng = random.Random(0)
    found = 0
    for text in lines:
        for variant in (text, f"id: {text}.", f"{rng.choice('aé1 ')}{text}", text.lower()):
            results = kind.analyze(recognizer, variant, recognizer.supported_entities, None)
            found += bool(results)
            assert not results or recognizer.gate.search(variant), variant
    # Numbers with check digits are seldom drawn; the rest are.
    assert found or kind.validate_result is not kind.__mro__[1].validate_result
