"""No recogniser fails, whatever characters stand where its pattern says "digit" or "letter"."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from piirag.detection.presidio import PresidioDetector, offline_analyzer
from piirag.detection.recognizers import KNOWN_COUNTRIES
from piirag.detection.recognizers.dates import is_date

LANGUAGES = ("en", "it", "es", "pl")
LABELS = """passport|ssn|dob|born|IBAN|codice fiscale|nino|password|token|phone|postcode|npi
routing number|vin|plate|mrn|record no.|dni|pesel|bsn|aadhaar|steuer id|nir|medicare|imei|tel.
account number|http://|bc1|0x|sk-|lat|BIC|call|ip|twitter""".replace("\n", "|").split("|")
VALUES = """RSSMRA85T10A562S|DE89370400440532013000|GB82WEST12345698765432|4111111111111111
86095742719|AB123456C|536-90-4399|jane@example.com|12345678Z|2001:db8::1|198.51.100.7
21 SEPTEMBER 1938|OCT 3 1950|1EG4-TE5-MK73|021000021|BB1388568|943 476 5919|ABCPV1234D|S1234567D
1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa|1HGCM82633A004352|19850302|02/03/1985|1985-03-02T00:00:00Z
00:1b:44:11:3a:b7|52.52001, 13.40501|2 76 01 75 116 001 21|+44 (0)29 2018 2121|001-670-818-7337x12
K1A 0B1|D-10115 Berlin|CA 94103-1234|https://u:p4ss@db/x""".replace("\n", "|").split("|")
SCRIPTS = ("٠١٢٣٤٥٦٧٨٩", "०१२३४५६७८९", "０１２３４５６７８９", "០១២៣៤៥៦៧៨៩", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗")
ODD = "²³¹①½Ⅷ〇\0\x1f\u200b\u0130ıßſ\u212aŁé./-:()+#'\"\n\t @=xX"


@pytest.fixture(scope="module")
def detector() -> PresidioDetector:
    engine = offline_analyzer(LANGUAGES, countries=KNOWN_COUNTRIES, model="none")
    return PresidioDetector(engine, languages=LANGUAGES)


def disguised(rng: random.Random, value: str) -> str:
    digits = rng.choice(SCRIPTS)
    odds = rng.choice((0.0, 0.1, 0.5, 1.0))
    swapped = (digits[int(c)] if c in "0123456789" and rng.random() < odds else c for c in value)
    text = "".join(rng.choice(ODD) if rng.random() < 0.02 else c for c in swapped)
    return rng.choice((text, text, text.upper(), text.lower(), text.title()))


def line(seed: int) -> str:
    rng = random.Random(seed)
    pieces = []
    for _ in range(rng.randint(1, 4)):
        pieces += [rng.choice(LABELS), rng.choice((": ", " ", "=", "")), ""]
        pieces[-1] = disguised(rng, rng.choice(VALUES)) + rng.choice((" ", ", ", "\n", ""))
    return "".join(pieces)


@pytest.mark.parametrize("language", LANGUAGES)
def test_D10_digits_of_other_scripts_and_capitals_fail_no_recogniser(detector, language):
    found = 0
    for seed in range(150):
        text = line(seed)
        findings = detector._analyze(text, language)
        assert all(0 <= f.start < f.end <= len(text) for f in findings)
        found += len(findings)
    assert found > 50, "the lines hold values that are still to be told"


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from([*LABELS, *VALUES, *SCRIPTS, *ODD]) | st.text(max_size=12)))
def test_D10_no_text_fails_a_recogniser(detector, pieces):
    text = "".join(pieces).encode("utf-8", "replace").decode()
    for finding in detector._analyze(text, "it"):
        assert 0 <= finding.start < finding.end <= len(text)


def test_D10_the_italian_fiscal_code_in_other_digits(detector):
    codes = ["RSSMRA٨5T10A562S", "RSSMRA85T10A56٢S", "RSSMRA85T10A562S"]
    text = "codice fiscale " + ", ".join(codes)
    found = {text[f.start : f.end] for f in detector._analyze(text, "it")}
    assert codes[-1] in found, "an odd code beside it does not hide an ordinary one"


@pytest.mark.parametrize(
    "value", ["21 SEPTEMBER 1938", "3 OCT 1950", "OCTOBER 3, 1950", "AUGUST 1938", "T 5"]
)
def test_months_in_capitals_are_no_times_of_day(value):
    assert is_date(value) in (None, False)


def test_dates_of_birth_in_capitals(find):
    assert ("DATE_OF_BIRTH", "21 SEPTEMBER 1938", 0.85) in find("BORN: 21 SEPTEMBER 1938")
    assert ("DATE_OF_BIRTH", "3 OCT 1950", 0.85) in find("DOB 3 OCT 1950")
