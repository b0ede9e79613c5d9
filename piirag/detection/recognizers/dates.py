"""Dates of birth, told from other dates by their label."""

from __future__ import annotations

import re
from typing import ClassVar

from piirag.detection.recognizers.base import AnyGate, Form, form
from piirag.detection.recognizers.keyed import LOOSE, STRICT, KeyedRecognizer, Rule, rule

# Month names of English, German, French, Spanish, Italian, Dutch and Polish, as they begin.
_MONTHS = (
    "jan feb mar apr may jun jul aug sep oct nov dec "
    "m[aä]r mai okt dez "
    "f[eé]v avr juin juil ao[uû] d[eé]c "
    "ene abr ago dic "
    "gen mag giu lug set ott "
    "mrt maart mei "
    "sty lut kwi maj cze lip sie wrz pa[zź] lis gru stycz"
)
_MONTH = rf"(?i:(?:{'|'.join(_MONTHS.split())})[a-zéûńźś]{{0,8}})\.?"
_YEAR = r"(?:1[89]\d\d|20\d\d)"
_SHORT = r"(?:'\d{2}|’\d{2}|\d{2})"
_TIME = r"(?:T\d{2}:\d{2}(?::\d{2})?(?:\.\d{1,9})?(?:Z|[+-]\d{2}:?\d{2})?|[ ]00:00(?::00)?)?"
_OF = r"(?i:[ ](?:of|de|di|del)[ ]|[ ]|-|\.[ ]?)"
_DAY = r"\d{1,2}(?i:st|nd|rd|th|er|º|°|\.)?"
_END = r"(?![\w-])(?![/.]\d)"

_WRITTEN = (
    rf"{_DAY}{_OF}{_MONTH}(?:,?{_OF}|,)(?:{_YEAR}|{_SHORT}){_END}"
    rf"|{_MONTH}[ -]\d{{1,2}}(?i:st|nd|rd|th)?,?[ -](?:{_YEAR}|{_SHORT}){_END}"
    rf"|{_YEAR}[ -]{_MONTH}[ -]\d{{1,2}}{_END}"
)
_FIGURES = (
    rf"{_YEAR}[ ]?[-/.][ ]?\d{{1,2}}[ ]?[-/.][ ]?\d{{1,2}}{_TIME}{_END}"
    rf"|\d{{1,2}}[ ]?[-/.][ ]?\d{{1,2}}[ ]?[-/.][ ]?(?:{_YEAR}|\d{{2}}){_END}"
    rf"|\d{{1,2}}[ ]\d{{1,2}}[ ]{_YEAR}{_END}"
    rf"|{_YEAR}[ ]\d{{1,2}}[ ]\d{{1,2}}{_END}"
)
_MONTH_ONLY = rf"{_MONTH},?[ ](?:of[ ])?{_YEAR}{_END}"
_RUN = rf"(?:{_YEAR}\d{{4}}|\d{{4}}{_YEAR}){_END}"

DATE = rf"(?:{_FIGURES}|{_WRITTEN})"
"""A date in figures or in words: `1985-03-02`, `02.03.85`, `2 March 1985`, `Mar 2 '85`."""

_NUMBERS = re.compile(r"\d+")
# The time of day behind a date; the "T" of "SEPTEMBER" stands behind no digit.
_TIME_OF_DAY = re.compile(r"(?<=\d)T\d| 00:")
_DIGITS_ALONE = re.compile(r"\d{8}")


def is_date(value: str) -> bool | None:
    """Whether the figures can be a day, a month and a year; False or None."""
    date = _TIME_OF_DAY.split(value, maxsplit=1)[0]
    numbers = [int(n) for n in _NUMBERS.findall(date)]
    if len(numbers) == 1 and _DIGITS_ALONE.match(date):  # 19850302, 02031985
        digits = date[:8]
        parts = [digits[4:6], digits[6:]] if digits[:2] in {"18", "19", "20"} else []
        numbers = [int(p) for p in parts or [digits[:2], digits[2:4]]]
        return None if _day_and_month(*numbers) else False
    days = [n for n in numbers if n < 100][: 2 if len(numbers) == 3 else 1]
    if len(numbers) == 3 and len(days) == 2:
        first, second = numbers[:2] if numbers[0] < 100 else numbers[1:]
        return None if _day_and_month(first, second) else False
    return None if days and 1 <= days[0] <= 31 else False


def _day_and_month(first: int, second: int) -> bool:
    return 1 <= min(first, second) <= 12 and 1 <= max(first, second) <= 31


def is_month(value: str) -> bool | None:
    """A month and a year are a date of birth in part: nothing to check."""
    return None


_NAMED = """
    dob, d.o.b, date of birth, birth date, birthdate, birthday, birthdt, birth dt, day of birth,
    bday, born date, geburtsdatum, geburtstag, geb dat, date de naissance, naissance,
    fecha de nacimiento, fecha nacimiento, fec nac, nacimiento, data di nascita,
    data nascita, geboortedatum, geboorte datum, data urodzenia, data de nascimento,
    fodelsedatum, date naissance, cumpleanos
"""
_SAID = """
    born, geboren, geb, ne~le, nee~le, nacido el, nacida el, nacido, nacida, nato il, nata il,
    nato a, nata a, nato, nata, geboren op, geboren am, urodzony, urodzona, ur.
"""


class DateOfBirthRecognizer(KeyedRecognizer):
    """Dates that a label or a word such as "born" makes dates of birth."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule("DATE_OF_BIRTH", _NAMED, DATE, score=0.85, check=is_date, digit=True, words=4),
        rule("DATE_OF_BIRTH", _NAMED, _RUN, score=0.7, check=is_date, digit=True, link=STRICT),
        rule("DATE_OF_BIRTH", _NAMED, _MONTH_ONLY, check=is_month, digit=True),
        rule(
            "DATE_OF_BIRTH", _SAID, DATE, score=0.85, check=is_date, digit=True, link=LOOSE, words=6
        ),
    )
    FORMS: ClassVar[tuple[Form, ...]] = (
        form(
            "DATE_OF_BIRTH",
            rf"(?:(?<![\w.])b\.[ ]?|\([*][ ]?)(?P<value>{DATE})",
            AnyGate(re.compile(r"b\.[ ]?[\dA-Za-z]"), re.compile(r"\([*]")),
            score=0.5,
            check=is_date,
        ),
    )
