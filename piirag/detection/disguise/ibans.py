"""IBANs in lower case, with unusual separators, or broken over lines (ISO 13616)."""

from __future__ import annotations

import re
from functools import lru_cache

from piirag.detection.disguise.mapping import Edit

# Length by country, from the SWIFT registry of IBAN formats.
_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FK FO GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}

_SEPARATOR = r"[ \t\r\n./_\-|*`~>\u00b7\u2022]"
# Digits are rarer than letters, so the search is for the first check digit.
_CHECK_DIGIT = re.compile(
    "[0-9](?:"
    + "|".join(f"(?<=[A-Za-z]{_SEPARATOR * n}[0-9])" for n in range(5))
    + f")(?={_SEPARATOR}{{0,4}}[0-9])"
)
_COUNTRY = re.compile(
    rf"(?:(?<![A-Za-z0-9])|(?<=(?i:iban)))([A-Za-z])[ .\-]?([A-Za-z]){_SEPARATOR}{{0,4}}\Z"
)
_REACH = 8
_GROUP = re.compile("[A-Za-z0-9]+")
_LINE_BREAK = re.compile(r"[ \t]*\r?\n[ \t>|#*]*")
_AS_USUAL = re.compile(r"[A-Z]{2}[0-9]{2}(?:[ -]?[A-Z0-9]{4}){2,6}(?:[ -]?[A-Z0-9]{1,4})?")
_FEWEST_DIGITS = 8


def iban_edits(text: str) -> list[Edit]:
    """Find IBANs that are not in their usual spelling."""
    edits: list[Edit] = []
    done = 0
    for digit in _CHECK_DIGIT.finditer(text):
        country = _COUNTRY.search(text, max(0, digit.start() - _REACH), digit.start())
        if country is None or country.start() < done:
            continue
        length = _LENGTHS.get((country.group(1) + country.group(2)).upper())
        if length is None:
            continue
        match = _of_length(length).match(text, country.start())
        glued = text[country.start() - 1 : country.start()].isalpha()  # IBANDE89...
        if match is None or (not glued and _AS_USUAL.fullmatch(match.group())):
            continue
        iban = "".join(_GROUP.findall(match.group())).upper()
        if _check(iban) and _grouped(match.group()):
            edits.append(Edit(match.start(), match.end(), f" {iban}" if glued else iban))
            done = match.end()
    return edits


@lru_cache(maxsize=64)
def _of_length(length: int) -> re.Pattern[str]:
    more = rf"(?:{_SEPARATOR}{{0,8}}+[A-Za-z0-9]){{{length - 1}}}"
    return re.compile(rf"[A-Za-z0-9]{more}(?![A-Za-z0-9])")


def _check(iban: str) -> bool:
    """Whether the check digits are right (ISO/IEC 7064, MOD 97-10)."""
    if not iban[2:4].isdigit() or sum(map(str.isdigit, iban)) < _FEWEST_DIGITS:
        return False
    return int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 == 1


def _grouped(spelled: str) -> bool:
    """Whether it is one group, groups of four, or single characters; words are none of these."""
    for break_as in (" ", ""):
        groups = [len(g) for g in _GROUP.findall(_LINE_BREAK.sub(break_as, spelled))]
        if groups[:2] == [2, 2]:  # the country apart: DE 89 3704
            groups[:2] = [4]
        fours = set(groups[:-1]) <= {4} and groups[-1] <= 4
        if len(groups) == 1 or fours or set(groups) == {1}:
            return True
    return False
