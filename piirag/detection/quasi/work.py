"""Where somebody works, as what, and where somebody studied."""

from __future__ import annotations

import re
from collections.abc import Iterator

from piirag.detection.quasi.context import Reader
from piirag.detection.quasi.kinds import EDUCATION, EMPLOYER, JOB_TITLE
from piirag.detection.quasi.titles import DEVICES, EVERYDAY, FIELD_OF, FIELDS, PROFESSIONAL
from piirag.detection.quasi.words import phrases

Hit = tuple[str, int, int]

_WORD = r"[^\W_a-zß-ÿ][\w&'’.+-]{0,40}"
_COMPANY = re.compile(
    rf"\s{{1,3}}(?:the\s)?({_WORD}"
    rf"(?:[ ](?:(?:&|of|and|for|the|de|der|für|und|et)[ ]){{0,2}}{_WORD}){{0,5}})"
)
_KEY_END = r"""["']?\s?[:=]\s{0,3}["']?"""
_VALUE_WORD = r"[\w&'’.+/-]{0,30}"
_VALUE = re.compile(
    rf"{_KEY_END}([^\W\d_]{_VALUE_WORD}(?:[ ](?:&[ ])?[^\W_]{_VALUE_WORD}){{0,5}})"
    r"""(?=["']|\s{0,3}(?:[,;|)\n]|\Z))"""
)
# Where nothing marks the end: as far as the capitals go.
_OPEN_VALUE = re.compile(
    rf"{_KEY_END}([^\W\d_]{_VALUE_WORD}"
    rf"(?:[ ](?:&[ ])?[^\W\d_a-zß-ÿ]{_VALUE_WORD}(?![:=\w])){{0,4}})"
)
# Ends of lines and what programs write in the place of values.
_NO_VALUE = re.compile(
    r"(?:str|string|int|integer|text|varchar|char|none|null|nil|undefined|true|false|optional|"
    r"required|unknown|n/a|self|this|new|the|a|an|any|object|number|bool|boolean|field|list|dict|"
    r"absolute|relative|fixed|static|sticky|admin|user|button|root|default|owner|viewer|reader|"
    r"editor|member|guest|system|assistant|center|left|right|top|bottom|service|master|primary|"
    r"replica|leader|follower|worker|cron|batch|build|deploy|test|function|return)\b|\w+[._]\w",
    re.IGNORECASE,
)
_NO_COMPANY = re.compile(
    r"(?:All|Any|Both|Christmas|Easter|Each|Every|Free|Home|I|It|Java|JavaScript|Kubernetes|Least|"
    r"Linux|Mac|MacOS|Me|Most|My|Night|No|Nobody|Nothing|Now|One|Only|Our|Python|Runtime|Rust|"
    r"Scale|School|She|He|Some|Sundays?|Mondays?|Tuesdays?|Wednesdays?|Thursdays?|Fridays?|"
    r"Saturdays?|That|The|These|They|This|Those|Time|Ubuntu|Unix|Us|We|Weekends?|Windows|You|"
    r"Android|iOS|AWS|GCP|Docker|Node(?:\.js)?|TypeScript|C|Go|SQL|HTTP|JSON|API|GET|POST)\b"
    r"(?![ ](?:[A-Z]|of\b))"
)

_MODIFIERS = (
    r"(?:(?:senior|junior|lead|chief|head|principal|assistant|deputy|associate|acting|interim|"
    r"retired|former|freelance|self-employed|part-time|full-time|certified|qualified|trained|"
    r"registered|local|young|professional|regional|staff|vice|executive|independent|"
    r"licensed|experienced|successful|single|married|divorced|[a-z]{3,14}(?:ish|ese|ian|can))\s)"
)
_AS = re.compile(
    r"\b(?:works?|worked|working|employed|employment|hired|career|job|position|promoted|appointed|"
    r"trained|training|qualified|serves?|served|serving|retrained|registered|retired)"
    rf"(?:\s\w{{1,15}}){{0,3}}?\s(?:as|to)\s(?:an?\s|the\s|our\s|their\s|his\s|her\s)?{_MODIFIERS}{{0,3}}\Z",
    re.IGNORECASE,
)
_IS = re.compile(
    r"\b(?:am|is|was|been|being|become|became|becomes|'m|’m|'s|’s|are|were|as)\s"
    rf"(?:now\s|currently\s|also\s|still\s)?(?:an?\s|the\s|our\s)?{_MODIFIERS}{{0,3}}\Z",
    re.IGNORECASE,
)
_AGED_ONE = re.compile(rf"(?:years?[ -]old|\d\syo|aged?\s\d{{1,3}}),?\s{_MODIFIERS}{{0,3}}\Z", re.I)
_KEY = re.compile(
    r"""\b(?:job|position|title|role|beruf)["']?\s?:[ ]{0,3}["']?(?:\w{1,12}[ ]){0,2}\Z""",
    re.IGNORECASE,
)
_AT_COMPANY = re.compile(r"\s(?:at|with|for)\s(?:the\s)?[A-Z]")
_APPOSITION = re.compile(r",\s(?:an?\s|the\s|our\s|my\s|his\s|her\s)?(?:\w{2,12}\s)?\Z")
_CODE = ("_", "`", "=", "(")
_RETIRED = re.compile(r"\b(?:retired|former|ex)[\s-]\Z", re.IGNORECASE)
_REACH = 90


def employer(reader: Reader, start: int, end: int) -> Iterator[Hit]:
    """As in "works at SAP", "employed by Acme Ltd", "employee of ..."."""
    low, high = _organisation(reader, end)
    if low < high and reader.subject(start) != "thing":
        yield EMPLOYER, low, high


def _organisation(reader: Reader, end: int) -> tuple[int, int]:
    """What a detector or capitals say is an organisation, right behind an offset."""
    found = reader.found_at(reader.organisations, end, 5)
    match = _COMPANY.match(reader.text, end)
    if match is None or _NO_COMPANY.match(match[1]):
        return found
    spelled = match.start(1), match.start(1) + len(match[1].rstrip(".'’"))
    return max(found, spelled, key=lambda span: span[1] - span[0])


def _value_behind(text: str, end: int) -> tuple[int, int]:
    """The value of a field whose name ends here; (0, 0) if none, or none that says anything."""
    match = _VALUE.match(text, end) or _OPEN_VALUE.match(text, end)
    if match is None or _NO_VALUE.match(match[1]):
        return 0, 0
    return match.start(1), match.start(1) + len(match[1].rstrip(".'’"))


def employer_field(reader: Reader, start: int, end: int) -> Iterator[Hit]:
    """`employer: SAP SE`."""
    yield EMPLOYER, *_value_behind(reader.text, end)


def job_field(reader: Reader, start: int, end: int) -> Iterator[Hit]:
    """`job title: Welder`: whatever is named there, but a mere field of work."""
    low, high = _value_behind(reader.text, end)
    following = reader.text[low : high + len(PROFESSIONAL)]
    if not any(following.startswith(field + PROFESSIONAL) for field in FIELDS):
        yield JOB_TITLE, low, high


def job_title(reader: Reader, start: int, end: int) -> Iterator[Hit]:
    """A title of the list, where the words around it say that somebody has it."""
    text = reader.text
    if (start and text[start - 1] in "_`.=") or text[end : end + 1] in _CODE:
        return  # part of a program
    title = reader.scan.flat[start + 1 : end + 1]
    if title not in FIELD_OF:
        title = title.removesuffix("s")
    before = text[max(0, start - _REACH) : start]
    if _KEY.search(before):
        yield JOB_TITLE, start, end
        return
    device = title in DEVICES
    said = _AS.search(before)
    if said:
        subject = reader.subject(max(0, start - len(before)) + said.start())
        if subject == "person" or (not subject and not device):
            yield JOB_TITLE, start, end
        return
    if title not in EVERYDAY and not device:
        sure = reader.personal(start, end) or _IS.search(before)
        if sure and not reader.technical(start, end):
            yield JOB_TITLE, start, end
        return
    if _RETIRED.search(before):
        if reader.personal(start, end) and not reader.technical(start, end):
            yield JOB_TITLE, start, end
        return
    beside = _IS.search(before) or _AGED_ONE.search(before) or _AT_COMPANY.match(text, end)
    said_of = beside or (_APPOSITION.search(before) and reader.people)
    if said_of and reader.subject(start) == "person":
        yield JOB_TITLE, start, end


def education(reader: Reader, start: int, end: int) -> Iterator[Hit]:
    """As in "studied at ETH Zurich", "graduated from MIT"."""
    low, high = _organisation(reader, end)
    if low < high and reader.subject(start) != "thing":
        yield EDUCATION, low, high


_CLASS_OF = re.compile(r"\s(?:'|’)?((?:19|20)\d\d|\d\d)\b")


def class_of(reader: Reader, start: int, end: int) -> Iterator[Hit]:
    """As in "class of 2003"."""
    match = _CLASS_OF.match(reader.text, end)
    if match:
        yield EDUCATION, *match.span(1)


CUES = {
    **dict.fromkeys(
        phrases(
            """
            works at, works for, work at, work for, working at, working for, worked at, worked for,
            employed by, employed at, employed with, employee of, employee at, employees of,
            job at, job with, hired by, interned at, intern at, internship at, on staff at,
            workplace is, employer is, fired by, fired from, laid off by, laid off from,
            colleague at, colleagues at, boss at, position at, position with
            """
        ),
        employer,
    ),
    **dict.fromkeys(phrases("employer, employer name, workplace, place of work"), employer_field),
    **dict.fromkeys(phrases("job title, jobtitle, occupation, profession"), job_field),
    **dict.fromkeys(
        phrases(
            """
            studied at, studies at, studying at, graduated from, graduate of, alumnus of,
            alumna of, alumni of, student at, degree from, phd from, phd at, diploma from,
            attended, went to school at, enrolled at, professor at, teaches at
            """
        ),
        education,
    ),
    "class of": class_of,
    **dict.fromkeys(FIELD_OF, job_title),
}
"""Words that announce work and schools -> what to make of them."""
