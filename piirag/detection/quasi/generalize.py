"""A coarser value in place of a specific one: year, age band, postcode area, country, field.

Everything here depends on the value alone, so that the same text always comes out the same. What
cannot be made coarser with certainty becomes the name of its type, `<EMPLOYER>`. No coarser value
is found and changed again when a text is scrubbed twice.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from piirag.detection.quasi import kinds
from piirag.detection.quasi.birth import number
from piirag.detection.quasi.demonyms import REGION_OF
from piirag.detection.quasi.places import AREA_OF
from piirag.detection.quasi.titles import FIELD_OF, FIELDS, PROFESSIONAL
from piirag.detection.quasi.words import flatten
from piirag.detection.quasi.zips import area_of

OLDEST_YEAR = 1940
"""Birth years before this one are given as "before 1940".

45 CFR 164.514(b)(2)(i)(C) lets years stand, but not those that show an age over 89. A fixed year
keeps results the same from year to year; this one is right until the end of 2029.
"""

_FOUR_DIGITS = re.compile(r"(?<!\d)(1[89]\d\d|20\d\d)(?!\d)")
_TWO_DIGITS = re.compile(r"\d{1,2}[-/.]\d{1,2}[-/.](\d\d)")
_BEFORE = re.compile(r"before (\d{4})")
_BAND = re.compile(r"\d{1,2}-\d{1,2}|90\+")

# Two digits below this may be of either century.
_SURE_CENTURY = 30
_TOP_BAND = 90

_EMPLOYERS = (
    ("a healthcare employer", "hospital clinic klinik klinikum health nhs medical pharmacy"),
    ("an educational institution", "university college school academy kindergarten institute"),
    ("a financial institution", "bank insurance sparkasse"),
    ("a public authority", "council city county ministry police department government army navy"),
    ("a religious organisation", "church diocese parish"),
)


def generalize(entity_type: str, value: str) -> str:
    """A coarser value.

    Args:
        entity_type: Its type. Types that nothing is known of give their name.
        value: The specific value, in any spelling.

    Returns:
        For a date its year; for an age its band of ten years (`40-49`, `90+`); for a postcode its
        area; for a place its country or state; for a nationality its region; for a job its field;
        for an employer its sort. Where that is not known, `<TYPE>`.
    """
    written = " ".join(unicodedata.normalize("NFKC", value).split())
    coarse = None
    if kinds.is_postcode(entity_type):
        coarse = area_of(written)
    elif entity_type in _MAKERS:
        coarse = _MAKERS[entity_type](written)
    return coarse if coarse is not None else f"<{entity_type}>"


def _birth_year(written: str) -> str | None:
    if _BEFORE.fullmatch(written):
        return written
    year = _year(written)
    return f"before {OLDEST_YEAR}" if year is not None and int(year) < OLDEST_YEAR else year


def _year(written: str) -> str | None:
    years = set(_FOUR_DIGITS.findall(written))
    if len(years) == 1:
        return str(int(years.pop()))
    short = _TWO_DIGITS.fullmatch(written)
    if short is not None and int(short[1]) >= _SURE_CENTURY:
        return f"19{int(short[1])}"
    return None


def _age(written: str) -> str | None:
    if _BAND.fullmatch(written):
        return written
    spelled = re.match(r"(\d{1,3}|[A-Za-z]+(?:[- ][A-Za-z]+)?)", written)
    if spelled is None:
        return None
    if re.search(r"month|week|day", written, re.IGNORECASE):
        return "0-9"
    years = number(spelled[1])
    if years is None and " " in spelled[1]:
        years = number(spelled[1].split(" ")[0])
    if years is None:
        return None
    return f"{_TOP_BAND}+" if years >= _TOP_BAND else f"{years // 10 * 10}-{years // 10 * 10 + 9}"


def _area(written: str) -> str | None:
    words = flatten(written).split()
    parts = [" ".join(words)]
    if "," in written:  # "Berlin, Germany"
        parts += [" ".join(flatten(part).split()) for part in written.split(",")]
    areas = [AREA_OF[part] for part in parts if part in AREA_OF]
    return areas[0] if areas else None


def _region(written: str) -> str | None:
    return REGION_OF.get(" ".join(flatten(written).split()))


def _field(written: str) -> str | None:
    if written.removesuffix(PROFESSIONAL) in FIELDS:
        return written
    words = flatten(written).split()
    # The longest title that stands at the end: "senior data engineer" is a data engineer.
    for first in range(len(words)):
        title = " ".join(words[first:])
        for spelled in (title, title.removesuffix("s")):
            if spelled in FIELD_OF:
                return FIELD_OF[spelled] + PROFESSIONAL
    return None


def _sort(written: str) -> str | None:
    words = set(flatten(written).split())
    for sort, signs in _EMPLOYERS:
        if written == sort:
            return sort
        if words.intersection(signs.split()):
            return sort
    return None


_MAKERS: dict[str, Callable[[str], str | None]] = {
    kinds.DATE_OF_BIRTH: _birth_year,
    "DATE_TIME": _year,
    kinds.AGE: _age,
    kinds.RESIDENCE: _area,
    "LOCATION": _area,
    kinds.NATIONALITY: _region,
    "NRP": _region,
    kinds.JOB_TITLE: _field,
    kinds.EMPLOYER: _sort,
    "ORGANIZATION": _sort,
}
