"""Telephone numbers beyond Presidio's, and what is none."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from piirag.detection.recognizers.phones import PhoneFormRecognizer

RECOGNIZER = PhoneFormRecognizer()


def numbers(text: str) -> list[str]:
    return [text[r.start : r.end] for r in RECOGNIZER.analyze(text, [], None)]


@pytest.mark.parametrize(
    "text",
    [
        "call 2024-11-03",
        "phone calls on 03.11.2024",
        "mobile 12.5 km",
        "call printf(12345)",
        "call 401030",
        "tel: 0.5772156649",
        "contact 1234",
        "x = +4294967295 * 2; y = 3 + 12345678901",
        "2024-11-03 07:14:22.118 +0000",
        "+1207,14 @@ static int",
        "3f0c7a52-8b1e-4370-9654-557710026201",
        "f(12) 345 678",
        "(12) + 345678901",
        "05/2024, 12/2024",
        "4111-1111-1111-1111",
        "ISBN 978-0-306-40615-7",
        "cell 10.20.30.40",
        "0012 3456 7890 1234 5678 9abc ff00 0a0b",
    ],
)
def test_D12_what_is_no_telephone_number(text):
    assert numbers(text) == []


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["+{c} {a} {b}", "+{c} (0){a} {b}", "00{c} {a} {b}", "+({c}) {a}{b}"]),
    st.integers(20, 998),
    st.integers(10, 999),
    st.integers(10_000, 9_999_999),
    st.sampled_from(["{}.", "({})", "x;{};y", "a,{}\n", "{}", ", {} or"]),
)
def test_a_country_code_makes_a_number(form, country, area, rest, around):
    number = form.format(c=country, a=area, b=rest)
    if sum(map(str.isdigit, number)) < 9:
        return
    assert numbers(around.format(number)) == [number]


@settings(max_examples=100, deadline=None)
@given(
    st.integers(100, 999), st.integers(100, 999), st.integers(1000, 9999), st.integers(1, 99_999),
    st.sampled_from(["-", " ", "."]), st.sampled_from(["x{}", " x{}", " ext. {}", " ext {}"]),
)  # fmt: skip
def test_an_extension_belongs_to_the_number(area, exchange, line, extension, sign, form):
    number = sign.join(map(str, (area, exchange, line))) + form.format(extension)
    assert numbers(f"Ann {number}, Ben") == [number]


def test_the_header_of_a_column_names_its_values():
    rows = ["473 0 238", "32 999 79 27", "001-221-383-0427x90322", "(351) 914289671"]
    text = "id,name,phone\n" + "\n".join(f"{i},Ann,{row}" for i, row in enumerate(rows))
    assert numbers(text) == rows


def test_D12_figures_without_a_word_are_none():
    rng = random.Random(3)
    for _ in range(500):
        figures = [str(rng.randint(10**6, 10**11)), f"{rng.uniform(0, 9999):.4f}"]
        figures += [f"{rng.randint(1, 999)} {rng.randint(100, 999)} {rng.randint(100, 999)}"]
        text = f"n={figures[0]} mean {figures[1]} [{figures[2]}]"
        assert numbers(text) == [], text
