"""The forms of personal data that a look without any detector can tell."""

from __future__ import annotations

import re
from collections.abc import Iterator

Leak = tuple[int, int, str, float]
"""Start, end, entity type, score."""

# Scores are those that the first look gives, so that the thresholds of a policy fit both.
_SURE = 1.0
_SECRET = 0.95
_SSN_SCORE = 0.5
_PHONE_SCORE = 0.4

_HIDDEN = "\u00ad\u200b-\u200f\u2060-\u2064\ufeff"
_OPEN, _SHUT = r"[\[({<]", r"[\])}>]"

# --- e-mail addresses -------------------------------------------------------------------------

_OTHER_SIGNS = tuple(
    "%40|&#|&commat;|u0040|\uff20|\ufe6b|(at|[at|{at|<at|(AT|[AT|{AT|<AT|( at|[ at|{ at".split("|")
)
_OTHER = re.compile(
    r"[\uff20\ufe6b]|%40|&#0{0,4}64;|&#x0{0,4}40;|&commat;|\\{1,2}u0040"
    rf"|[ ]?{_OPEN}[ ]?at[ ]?{_SHUT}[ ]?",
    re.IGNORECASE,
)
_DOT = rf"(?:[.\uff0e\u3002]|%2e|&#46;|[ ]?{_OPEN}[ ]?dot[ ]?{_SHUT}[ ]?)"
# An underscore ends a value, as in the name of a file, and is part of none.
_LABEL = r"[^\W_](?:[^\W_]|-){0,62}"
_DOMAIN = re.compile(
    rf"({_LABEL}(?:{_DOT}{_LABEL}){{0,7}}){_DOT}([^\W\d_]{{2,24}}|xn--[a-z0-9-]{{2,59}})(?![^\W_])",
    re.IGNORECASE,
)
_LOCAL_BACKWARDS = re.compile(r"[\w.%+-]{1,64}")
_VERSION = re.compile(r"v?\d+(?:\.|\Z)")
# icon@2x.png
_FILES = frozenset(
    """
    png jpg jpeg gif svg webp ico bmp tiff js jsx mjs cjs ts tsx css scss less html htm md txt py
    json yaml yml toml xml pdf zip gz so dll exe lock map rb java kt cpp hpp
    """.split()
)
# Log-ins of machines in networks of their own: no person's address.
_MACHINE_USERS = frozenset("root git admin ubuntu user hg svn deploy postgres ec2-user".split())
_INNER_DOMAINS = frozenset("local internal lan localdomain intranet corp home localhost".split())


def _at_signs(text: str) -> Iterator[tuple[int, int]]:
    at = text.find("@")
    while at >= 0:
        yield at, at + 1
        at = text.find("@", at + 1)
    if any(sign in text for sign in _OTHER_SIGNS):
        for match in _OTHER.finditer(text):
            yield match.span()


def _emails(text: str) -> Iterator[Leak]:
    for start, end in _at_signs(text):
        local = _LOCAL_BACKWARDS.match(text[max(0, start - 64) : start][::-1])
        domain = _DOMAIN.match(text, end) if local else None
        if local is None or domain is None:
            continue
        name = local[0][::-1].lstrip(".%+-")
        ending = domain[2].lower()
        if not any(map(str.isalnum, name)) or ending in _FILES or _VERSION.match(domain[1]):
            continue
        if ending in _INNER_DOMAINS and name.lower() in _MACHINE_USERS:
            continue
        yield start - len(name), domain.end(), "EMAIL_ADDRESS", _SURE


# --- numbers ----------------------------------------------------------------------------------

_DIGIT = re.compile(r"\d")
# Digits and what may stand between them; the rest of a text is not looked at.
_RUN = re.compile(r"\d[\d ().\u00a0\u2010-\u2015\u202f/+-]{7,}\d")
_AROUND = 3
_SEPARATOR = r"[ .\u00a0\u2010-\u2015\u202f-]"
_CARD = re.compile(
    r"(?<![^\W_])(?<![.+-])(?:"
    rf"[2-6]\d{{3}}{_SEPARATOR}{{1,2}}\d{{4}}{_SEPARATOR}{{1,2}}\d{{4}}{_SEPARATOR}{{1,2}}\d{{2,7}}"
    rf"|3\d{{3}}{_SEPARATOR}{{1,2}}\d{{6}}{_SEPARATOR}{{1,2}}\d{{4,5}}"
    r"|[2-6]\d{12,18}"
    r")(?![^\W_])(?!-)(?!\.\d)"
)
_SSN = re.compile(
    r"(?<![^\W_])(?<!-)(?!000|666|9)\d{3}([-\u2010-\u2015])(?!00)\d{2}\1(?!0000)\d{4}"
    r"(?![^\W_])(?!-)"
)
# Printed on sample cards; nobody's.
_SAMPLE_SSN = frozenset({"123456789", "078051120", "219099999"})

# Country codes in use (ITU-T E.164).
_COUNTRY_CODE = (
    r"(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|21[12368]|22\d|23\d|24\d|25[0-8]"
    r"|26\d|29[0179]|35\d|37\d|38[0-35-79]|42[013]|50\d|59\d|67\d|68\d|69[0-2]|80[08]|85\d|87[08]"
    r"|88[0-8]|96\d|97[0-79]|99[2-68])"
)
_GAP = r"[ ().\u00a0\u2010-\u2015/-]{0,3}"
_PHONES = (
    re.compile(rf"(?<![\w+*/^-])(?<!\d[ ])\+{_COUNTRY_CODE}(?:{_GAP}\d){{7,12}}(?![\w-])(?!\.\d)"),
    re.compile(
        r"(?<![\w.+/-])(?<!\d[ ])(?:1[ .-])?(?:\([2-9]\d{2}\)[ ]?|[2-9]\d{2}[ .-])"
        r"[2-9]\d{2}[ .-]\d{4}(?![\w-])(?![ .]\d)"
    ),
    re.compile(
        r"(?<![\w.,:/+-])(?<!\d[ ])(?!\d{5}-\d{4}(?!\d))(?:\(0\d{1,4}\)|0{1,2}[1-9]\d{0,3})"
        r"[ /-]\d{2,8}(?:[ -]\d{2,5}){0,4}(?![\w:/-])(?![ ,.]\d)"
    ),
)
_FEWEST_PHONE_DIGITS = 9
_MOST_PHONE_DIGITS = 15


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit)
        if place % 2:
            number = number * 2 - 9 if number > 4 else number * 2
        total += number
    return total % 10 == 0


def _card_length_fits(digits: str) -> bool:
    """Whether an issuer gives out numbers that begin so and are so long."""
    length = len(digits)
    first, two, four = digits[0], int(digits[:2]), int(digits[:4])
    if first == "4":
        return length in {13, 16, 19}
    if 51 <= two <= 55 or 2221 <= four <= 2720:
        return length == 16
    if two in {34, 37}:
        return length == 15
    if two in {30, 36, 38, 39}:
        return length == 14
    if two == 35:
        return length == 16
    return first in "56" and 16 <= length <= 19


def _digits(text: str) -> str:
    return "".join(str(int(d)) for d in _DIGIT.findall(text))


def _numbers(text: str) -> Iterator[Leak]:
    for run in _RUN.finditer(text):
        if sum(map(str.isdigit, run[0])) < _FEWEST_PHONE_DIGITS:
            continue
        low = max(0, run.start() - _AROUND)
        for start, end, kind, score in _numbers_in(text[low : run.end() + _AROUND]):
            yield low + start, low + end, kind, score


def _numbers_in(piece: str) -> Iterator[Leak]:
    for match in _CARD.finditer(piece):
        digits = _digits(match[0])
        if _card_length_fits(digits) and len(set(digits)) > 1 and luhn(digits):
            yield match.start(), match.end(), "CREDIT_CARD", _SURE
    for match in _SSN.finditer(piece):
        if _digits(match[0]) not in _SAMPLE_SSN:
            yield match.start(), match.end(), "US_SSN", _SSN_SCORE
    for pattern in _PHONES:
        for match in pattern.finditer(piece):
            digits = _digits(match[0])
            if _FEWEST_PHONE_DIGITS <= len(digits) <= _MOST_PHONE_DIGITS and len(set(digits)) > 2:
                yield match.start(), match.end(), "PHONE_NUMBER", _PHONE_SCORE


# --- IBANs ------------------------------------------------------------------------------------

# Length by country (the IBAN registry of SWIFT, ISO 13616).
_IBAN_LENGTH = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE BI",
        18: "DK FO FI GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG DJ",
        25: "LY PT ST",
        26: "IS TR",
        27: "FR GR IT MC MR SM BY",
        28: "AL AZ CY DO GT HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU",
        31: "MT SC",
        33: "RU",
    }.items()
    for country in countries.split()
}
_TWO_DIGITS = re.compile(r"\d\d+")
_LONGEST_IBAN = 80
_IBAN_GAP = 3
_ALNUM = re.compile(r"[A-Za-z0-9]")


def _ibans(text: str) -> Iterator[Leak]:
    for digits in _TWO_DIGITS.finditer(text):
        start = digits.start() - 2
        length = _IBAN_LENGTH.get(text[start : start + 2].upper()) if start >= 0 else None
        if length is None or (start and text[start - 1].isalnum()):
            continue
        letters: list[str] = []
        last = -1
        for letter in _ALNUM.finditer(text, start, start + _LONGEST_IBAN):
            if letters and letter.start() - last > _IBAN_GAP:
                break
            letters.append(letter[0])
            last = letter.start()
            if len(letters) == length:
                break
        if len(letters) < length or text[last + 1 : last + 2].isalnum():
            continue
        number = "".join(letters).upper()
        moved = "".join(str(int(c, 36)) for c in number[4:] + number[:4])
        if int(moved) % 97 == 1:
            yield start, last + 1, "IBAN_CODE", _SURE


# --- secrets ----------------------------------------------------------------------------------

_SECRETS = (
    ("API_KEY", r"(?:AKIA|ASIA)[A-Z2-7]{16}", "AKIA ASIA"),
    ("API_KEY", r"AIza[\w-]{35}", "AIza"),
    ("API_KEY", r"sk-(?=[A-Za-z_-]{0,60}\d)[A-Za-z0-9_-]{32,250}", "sk-"),
    ("API_KEY", r"[sr]k_live_[A-Za-z0-9]{16,250}", "_live_"),
    ("API_KEY", r"SG\.[\w-]{16,32}\.[\w-]{16,64}", "SG."),
    ("API_KEY", r"npm_[A-Za-z0-9]{36}", "npm_"),
    ("API_KEY", r"pypi-AgE[\w-]{50,250}", "pypi-"),
    ("AUTH_TOKEN", r"gh[pousr]_[A-Za-z0-9]{36,251}", "ghp_ gho_ ghu_ ghs_ ghr_"),
    ("AUTH_TOKEN", r"github_pat_\w{50,250}", "github_pat_"),
    ("AUTH_TOKEN", r"glpat-[\w-]{20,100}", "glpat-"),
    ("AUTH_TOKEN", r"xox[abeprs]-[A-Za-z0-9-]{10,250}", "xox"),
    ("AUTH_TOKEN", r"eyJ[\w-]{10,4000}\.eyJ[\w-]{10,4000}\.[\w-]{16,1000}", "eyJ"),
)
_COMPILED = tuple(
    (kind, re.compile(rf"(?<![\w-]){pattern}(?![A-Za-z0-9_])"), marks.split())
    for kind, pattern, marks in _SECRETS
)
_FEWEST_CHARACTERS = 7

_BEGIN = re.compile(r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY(?: BLOCK)?-----")
_END = re.compile(r"-----END [A-Z ]{0,20}PRIVATE KEY(?: BLOCK)?-----")
# The lines of a key, or of its beginning where it is cut off; "\\n" as programs write it.
_KEY_LINES = re.compile(
    r"(?:(?:\s|\\[nr]){0,4}[A-Za-z0-9+/=]{30,80}){1,400}"
    r"(?:(?:\s|\\[nr]){1,4}[A-Za-z0-9+/=]{16,29}(?![A-Za-z0-9+/=]))?"
)


def _secrets(text: str) -> Iterator[Leak]:
    for kind, pattern, marks in _COMPILED:
        if any(mark in text for mark in marks):
            for match in pattern.finditer(text):
                # AKIAXXXXXXXXXXXXXXXX is a placeholder.
                if len(set(match[0])) >= _FEWEST_CHARACTERS:
                    yield match.start(), match.end(), kind, _SECRET
    if "PRIVATE KEY" in text:
        yield from _private_keys(text)


def _private_keys(text: str) -> Iterator[Leak]:
    done = 0
    for begin in _BEGIN.finditer(text):
        lines = _KEY_LINES.match(text, begin.end()) if begin.start() >= done else None
        if lines is None:
            continue
        end = _END.search(text, lines.end(), min(len(text), lines.end() + 200))
        done = end.end() if end is not None else lines.end()
        yield begin.start(), done, "PRIVATE_KEY", _SECRET


_INVISIBLE = re.compile(f"[{_HIDDEN}]")


def leaks(text: str) -> Iterator[Leak]:
    """Stretches of a text that have the form of personal data; they may overlap.

    Time is linear in the text: each search looks a bounded way ahead.
    """
    if text.isascii() or not _INVISIBLE.search(text):
        yield from _leaks(text)
        return
    places = [i for i, character in enumerate(text) if not _INVISIBLE.match(character)]
    for start, end, kind, score in _leaks(_INVISIBLE.sub("", text)):
        yield places[start], places[end - 1] + 1, kind, score


def _leaks(text: str) -> Iterator[Leak]:
    yield from _emails(text)
    yield from _numbers(text)
    yield from _ibans(text)
    yield from _secrets(text)
