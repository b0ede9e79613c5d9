"""When somebody was born, and how old somebody is."""

from __future__ import annotations

import re
from collections.abc import Iterator

from piirag.detection.quasi.context import Reader
from piirag.detection.quasi.kinds import AGE, DATE_OF_BIRTH

Hit = tuple[str, int, int]

MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|"
    r"Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\.?"
)
YEAR = r"(?:18[89]\d|19\d\d|20[0-2]\d)"
_ORDINAL = r"(?:st|nd|rd|th)?"
_DATE = (
    rf"(?P<date>{YEAR}[-/.]\d{{1,2}}[-/.]\d{{1,2}}(?!\d)"
    rf"|\d{{1,2}}[-/.]\d{{1,2}}[-/.](?:{YEAR}|\d{{2}})(?!\d)"
    rf"|\d{{1,2}}{_ORDINAL}\s(?:of\s)?{MONTH},?\s{YEAR}(?!\d)"
    rf"|{MONTH}\s\d{{1,2}}{_ORDINAL},?\s{YEAR}(?!\d)"
    rf"|{MONTH}\s{YEAR}(?!\d)"
    rf"|(?<![\d.]){YEAR}(?![\d.]?\d|s\b|[-–]\d))"
)
_BORN = re.compile(rf"born\b[^.;!?\n\d]{{0,40}}?\b{_DATE}", re.IGNORECASE)
_KEY = re.compile(
    r"""(?:of\sbirth|birth[ _-]?(?:date|year|day)?|dob)["']?"""
    r"""(?:\s?[:=]|\s(?:is|was|on|in)\b|\s?\()?"""
    rf"""\s{{0,3}}["']?{_DATE}""",
    re.IGNORECASE,
)

_UNITS = dict(
    zip(
        """one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
        sixteen seventeen eighteen nineteen""".split(),
        range(1, 20),
        strict=True,
    )
)
_TENS = dict(
    zip(
        "twenty thirty forty fifty sixty seventy eighty ninety".split(),
        range(20, 100, 10),
        strict=True,
    )
)
_NUMBER_WORD = (
    rf"(?:(?:{'|'.join(_TENS)})(?:[- ](?:{'|'.join(list(_UNITS)[:9])}))?|{'|'.join(_UNITS)})"
)
_OLDEST = 120

_AGED = re.compile(
    r"aged?\s{1,3}(\d{1,3})(?![\d+%-]|[.,:/]\d|\s?[-–]\s?\d|\sto\s\d)", re.IGNORECASE
)
_AGE_KEY = re.compile(
    r"""age["']?(?:\s?:\s?|=|\s(?:is|was|of|at)\s)["']?(\d{1,3})(?![\d+%-]|[.,:/]\d|\s?[-–]\s?\d)""",
    re.IGNORECASE,
)
_BEFORE_OLD = re.compile(rf"(?<![\w.,:/-])(\d{{1,3}}|{_NUMBER_WORD})[\s-]{{1,2}}\Z", re.IGNORECASE)
_BEFORE_YO = re.compile(r"(?<![\w.,:/-])(\d{1,3})\s?\Z")
_AFTER_NAME = re.compile(r"\s?\((\d{1,3})\)|,\s(\d{2,3})(?=,\s)")
_TOKEN = re.compile(r"\[PERSON(?:_\d{1,9}[a-z]{0,6}|(?: [A-Z][a-z]{5}){3})\]")
_LONGEST_NUMBER = 20

_THING_BEHIND = re.compile(
    r"[\s-]{1,2}(?:open[- ]source\s)?(?:code\w*|bug|codebase|software|systems?|projects?|files?|"
    r"library|servers?|laptop|computer|company|firm|startup|house|building|car|bridge|tree|wine|"
    r"whisky|scotch|brand|technology|protocol|standard|law|feature|language|compiler|technique|"
    r"paper|issue|tradition|record|restaurant|pub|church|castle|data\w*|backups?|release|version)\b",
    re.IGNORECASE,
)


def number(written: str) -> int | None:
    """A number in digits or in English words below a hundred; None for anything else."""
    if written.isdigit():
        return int(written)
    words = written.lower().replace("-", " ").split()
    values = [_TENS.get(w, _UNITS.get(w)) for w in words]
    if not values or len(values) > 2 or None in values:
        return None
    return sum(v for v in values if v is not None)


def _an_age(written: str) -> bool:
    years = number(written)
    return years is not None and years <= _OLDEST


def born(reader: Reader, start: int, end: int) -> Iterator[Hit]:
    """As in "born in 1985", "born in Berlin on 3 May 1985"."""
    match = _BORN.match(reader.text, start)
    if match and reader.subject(start) != "thing":
        yield DATE_OF_BIRTH, *match.span("date")


def born_with_year(reader: Reader, start: int, end: int) -> Iterator[Hit]:
    """As in "date of birth: 12/03/1985", `"dob": "1985-03-12"`."""
    match = _KEY.match(reader.text, start)
    if match:
        yield DATE_OF_BIRTH, *match.span("date")


def aged(reader: Reader, start: int, end: int) -> Iterator[Hit]:
    """As in "aged 43", "age: 43", "at the age of 43"."""
    if start and reader.text[start - 1] in "_-.":
        return  # max_age, max-age, user.age
    for pattern in (_AGED, _AGE_KEY):
        match = pattern.match(reader.text, start)
        if match and _an_age(match[1]):
            if reader.subject(start) != "thing":
                yield AGE, *match.span(1)
            return


def years_old(reader: Reader, start: int, end: int) -> Iterator[Hit]:
    """As in "43 years old", "43-year-old", "a forty-three-year-old", "18 months old"."""
    low = max(0, start - _LONGEST_NUMBER)
    match = _BEFORE_OLD.search(reader.text[low:start])
    if match is None or not _an_age(match[1]) or _THING_BEHIND.match(reader.text, end):
        return
    begin = low + match.start(1)
    unit = reader.text[start:end].split("-")[0].split()[0].lower()
    if reader.subject(begin) == "thing":
        return
    if unit.startswith("year"):
        yield AGE, begin, low + match.end(1)
    elif reader.personal(begin, end):
        yield AGE, begin, start + len(unit)


def yo(reader: Reader, start: int, end: int) -> Iterator[Hit]:
    """As in "43 yo", "43 y/o", "43 yrs"."""
    low = max(0, start - _LONGEST_NUMBER)
    match = _BEFORE_YO.search(reader.text[low:start])
    if match and _an_age(match[1]) and reader.subject(start) != "thing":
        yield AGE, low + match.start(1), low + match.end(1)


def joined_yo(reader: Reader, start: int, end: int) -> Iterator[Hit]:
    """As in "43yo"."""
    if not start or reader.text[start - 1] not in "-–.+":
        yield AGE, start, end - 2


def beside_names(reader: Reader) -> Iterator[Hit]:
    """As in "Jane Roe (43)", "Jane Roe, 43, ...": where a name or a token stands before."""
    ends = [end for _, end in reader.people]
    if "[PERSON" in reader.text:
        ends += [match.end() for match in _TOKEN.finditer(reader.text)]
    for at in ends:
        match = _AFTER_NAME.match(reader.text, max(0, at))
        if match:
            group = 1 if match[1] else 2
            if _an_age(match[group]):
                yield AGE, *match.span(group)


CUES = {
    "born": born,
    "of birth": born_with_year,
    "birth": born_with_year,
    "birthdate": born_with_year,
    "birthday": born_with_year,
    "birthyear": born_with_year,
    "dob": born_with_year,
    "aged": aged,
    "age": aged,
    "year old": years_old,
    "years old": years_old,
    "years of age": years_old,
    "yrs old": yo,
    "yr old": yo,
    "month old": years_old,
    "months old": years_old,
    "week old": years_old,
    "weeks old": years_old,
    "yo": yo,
    "y o": yo,
    **{f"{n}yo": joined_yo for n in range(1, _OLDEST + 1)},
}
"""Words that stand beside dates of birth and ages -> what to make of them."""
