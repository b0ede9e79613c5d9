"""Telephone numbers that Presidio's recogniser does not find.

That one looks for numbers that are valid in some twenty countries. People also write extensions,
the zero of the trunk in brackets, `001` before a country code, and numbers of other countries;
and a number that a word names is one, whether its area code exists or not.
"""

from __future__ import annotations

import re
from typing import ClassVar

from piirag.detection.plausible.around import before, in_hexdump, in_uuid
from piirag.detection.recognizers.base import Digits, Form, form
from piirag.detection.recognizers.keyed import STRICT, KeyedRecognizer, Rule, rule

_EXTENSION = r"(?:[ ,]{0,2}(?i:x|ext\.?|extension|durchwahl|poste|int\.)[ ]?\d{1,6})?"
_END = r"(?!\w)(?![.,/:-]\d)(?!-\w)"
_SEPARATOR = r"[ \u00a0./-]"
# Digits with single separators, brackets around the first groups, an extension behind.
_NUMBER = (
    rf"(?:\+|00)?[ ]?(?:\(\+?\d{{1,5}}\){_SEPARATOR}{{0,2}}|\d)"
    rf"(?:\(0?\d{{0,4}}\){_SEPARATOR}{{0,2}}|{_SEPARATOR}{{0,2}}\d){{5,17}}{_EXTENSION}{_END}"
)

# "Call me back on", "contact (1): Mia Bergkvist,", "rang from", and no other words between.
_SAID = (
    r"\.?(?:[ \t]?\([^()\n]{1,30}\))?[\s\"'*:=,;>–—-]{0,6}"
    r"(?:(?:(?i:me|us|him|her|them|back|on|at|to|from|under|via|for|is|was|or|the|my|our|his|please|now"
    r"|direct|directly|again|number|it)|[A-ZÀ-Þ][^\W\d_]{0,20})[.,:!]{0,3}[ \t\n]){0,5}"
)
_NOT_TOLD = re.compile(
    r"[ ]?(?:[munµ]?s|[KMGT]i?B|bytes|times|iterations|slots|rows|exceeded|%|requests|cycles)(?!\w)"
)

# Country codes in use begin so (ITU-T E.164); `1` and `7` alone are whole codes.
_COUNTRY = r"[1-9]\d{0,2}"
_GROUP = rf"{_SEPARATOR}{{0,2}}(?:\(\d{{1,5}}\){_SEPARATOR}{{0,2}})?\d"

_DATES = re.compile(
    r"(?:19|20)\d\d[-./ ](?:0?[1-9]|1[0-2])[-./ ]\d{1,2}|\d{1,2}([-./ ])\d{1,2}\1(?:19|20)?\d\d"
    r"|(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])|(?:19|20)\d\d ?[-/] ?(?:19|20)\d\d"
)
_DECIMAL = re.compile(r"\d+\.\d+|\d{1,3}(?:\.\d{1,3}){3}")
_FEWEST, _MOST = 6, 15


def _digits(value: str) -> int:
    number = re.split(r"(?i)x|ext|durchwahl|poste|int", value, maxsplit=1)[0]
    return sum(map(str.isdigit, number))


def _telephone(value: str) -> bool | None:
    """False for dates, decimals, IP addresses and what is too short or too long; else None."""
    if _DATES.fullmatch(value) or _DECIMAL.fullmatch(value):
        return False
    return None if _FEWEST <= _digits(value) <= _MOST else False


def _spoken(value: str) -> bool | None:
    """The same for words that have other meanings: at least seven digits."""
    return None if _telephone(value) is None and _digits(value) > _FEWEST else False


def _international(value: str) -> bool | None:
    most = _MOST if value.startswith("00") else _MOST + 2
    return None if 9 <= _digits(value) <= most else False


def _apart(text: str, start: int, end: int) -> bool:
    """Whether it is no piece of a dump, of a UUID or of a sum."""
    left = before(text, start, 4)
    if left.endswith((") ", "] ", "e", "E", "^", "*")):
        return False
    if text[start : start + 1] == "+" and left.rstrip().endswith("=") and left.endswith(" "):
        return False
    return not (in_hexdump(text, start, end) or in_uuid(text, start, end))


_LABELS = """
    phone, phone number, phone no, telephone, telephone number, tel, tel no, mobile, mobile phone,
    mobile number, mobile no, mob, cell, cell phone, cellphone, cell number, landline, home phone,
    work phone, office phone, fax, fax number, telefax, contact number, contact no, phone contact,
    whatsapp, telefon, telefonnummer, telefon nr, mobiltelefon, mobil, handy, handynummer,
    rufnummer, telephone portable, numero de telephone, telefono, numero de telefono, movil,
    celular, cellulare, recapito telefonico, telefoon, telefoonnummer, gsm, mobiel, numer telefonu,
    komorka, telemovel, telefone, puhelin, puhelinnumero, tlf, tlf nr, telefonszam,
    mobilnummer, msisdn
"""
_SPOKEN = """
    call, calling from, called from, rang from, ring, reach, reached, reachable, dial, voicemail,
    sms, sms to, text me, new number, my number, his number, her number, their number,
    number on file, code sent to, code will be sent to, contact, references,
    callback, call back, hotline, helpline
"""


class PhoneFormRecognizer(KeyedRecognizer):
    """Telephone numbers by a label, by a country code, by an extension, by the way of a country."""

    def judge(self, of: Rule, text: str, start: int, end: int) -> tuple[int, int, float]:
        """What a unit stands behind was counted, not dialled."""
        if _NOT_TOLD.match(text, end):
            return start, end, 0.0
        return super().judge(of, text, start, end)

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule("PHONE_NUMBER", _LABELS, _NUMBER, check=_telephone, digit=True, words=1),
        rule("PHONE_NUMBER", _SPOKEN, _NUMBER, check=_spoken, digit=True, link=_SAID, table=False),
        rule("PHONE_NUMBER", "tel;type~cell, tel;type=cell, tel;type=home, tel;type=work", _NUMBER,
             check=_telephone, digit=True, link=STRICT, table=False),
    )  # fmt: skip
    FORMS: ClassVar[tuple[Form, ...]] = (
        form(  # +44(0)29 2018212, +(371) 41058300, 0092 16 782 1714
            "PHONE_NUMBER",
            rf"(?<![\w+./*^)-])(?<!\d[ ,])(?:\+[ ]?\(?{_COUNTRY}\)?(?:{_GROUP}){{6,13}}"
            rf"|00{_COUNTRY}(?=[ ().-])(?:{_GROUP}){{6,13}}){_EXTENSION}{_END}",
            Digits(9, r"\+[ ]?\(?\d|00[1-9]\d{0,2}[ ().-]"),
            score=0.5,
            check=_international,
            around=_apart,
        ),
        form(  # 420-616-8318x0875, +1-374-724-4845 ext. 304
            "PHONE_NUMBER",
            r"(?<![\w./-])(?<!\d[ ,])(?:(?:\+?1|001)[ .-])?(?:\(\d{3}\)[ ]?|\d{3}[ .-])"
            r"\d{3}[ .-]\d{4}[ ,]{0,2}(?i:x|ext\.?|extension)[ ]?\d{1,6}(?!\w)",
            Digits(11, r"\d(?i:[ ,]{0,2}(?:x|ext))"),
            score=0.6,
            around=_apart,
        ),
        form(  # 1-446-068-7161, 381-811-5055
            "PHONE_NUMBER",
            r"(?<![\w./+-])(?<!\d[ ,])(?:1-)?\d{3}-\d{3}-\d{4}(?![\w-])(?!\.\d)",
            Digits(10, r"\d{3}-\d{3}-\d{4}"),
            score=0.4,
            around=_apart,
        ),
        form(  # (47)/832-8885, (351) 914 289 671, (0)29 2018212
            "PHONE_NUMBER",
            rf"(?<![\w)\]./+-])(?<!\d[ ,])\(\d{{1,4}}\)[ /-]{{0,2}}\d{{2,9}}"
            rf"(?:[ -]\d{{2,4}}){{0,3}}{_EXTENSION}{_END}",
            Digits(8, r"\(\d{1,4}\)[ /-]{0,2}\d\d"),
            score=0.4,
            check=lambda value: None if 8 <= _digits(value) <= 13 else False,
            around=_apart,
        ),
        form(  # 47/390 5066, 31/009-1638
            "PHONE_NUMBER",
            r"(?<![\w./+-])(?<!\d[ ,])\d{2}/\d{3}[ -]\d{4}(?![\w/-])(?!\.\d)",
            Digits(9, r"\d{2}/\d{3}[ -]\d{4}"),
            score=0.4,
            around=_apart,
        ),
        form(  # 08-83 60 54
            "PHONE_NUMBER",
            r"(?<![\w./+-])(?<!\d[ ,])0\d{1,3}[-/]\d{2,3}(?:[ ]\d{2,3}){1,3}(?![\w/-])(?![ .]\d)",
            Digits(8, r"0\d{1,3}[-/]\d{2,3}[ ]\d\d"),
            score=0.4,
            around=_apart,
        ),
        form(  # T: 608 041 562
            "PHONE_NUMBER",
            rf"(?<![\w.])[TMF][.:][ ]{{0,2}}(?P<value>(?=[+(0]|\d{{2,4}}[ ./-]){_NUMBER})",
            Digits(7, r"(?<!\w)[TMF][.:][ ]{0,2}[+(\d]"),
            score=0.5,
            check=_spoken,
            around=_apart,
        ),
    )


__all__ = ["PhoneFormRecognizer"]
