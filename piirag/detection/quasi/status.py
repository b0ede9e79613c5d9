"""Nationality, gender and family status."""

from __future__ import annotations

import re
from collections.abc import Iterator

from piirag.detection.quasi.context import Reader
from piirag.detection.quasi.demonyms import EVERYDAY, REGION_OF
from piirag.detection.quasi.home import place_at
from piirag.detection.quasi.kinds import GENDER, MARITAL_STATUS, NATIONALITY
from piirag.detection.quasi.titles import FIELD_OF
from piirag.detection.quasi.words import phrases

Hit = tuple[str, int, int]

_KEY = re.compile(r"""["']?\s?[:=]\s{0,3}["']?""")
_VALUE_END = r"(?=[\"']|\s{0,3}(?:[,;|)}\n.]|\Z))"

_IS = re.compile(
    r"\b(?:am|is|was|'m|’m|'s|’s|are|were|a|an|as|of|in|on|with|his|her|my|holds?|held)\s"
    r"(?:an?\s|now\s|also\s|half[- ]|part[- ]|native\s|naturali[sz]ed\s|"
    r"\d{1,3}[- ]years?[- ]old\s|young\s|old\s|elderly\s|single\s|married\s|"
    r"male\s|female\s|retired\s){0,3}\Z",
    re.IGNORECASE,
)
_PREDICATE = re.compile(
    r"\b(?:am|is|was|'m|’m|are|were)\s(?:an?\s|half[- ]|part[- ]|also\s)?\Z", re.I
)
_ENDS = re.compile(r"\s{0,2}(?:[.,;!?)]|\Z|\n|and\b|but\b|by\b|who\b)")
_PEOPLE_BEHIND = re.compile(
    r"[\s-](?:born|citizens?|citizenship|nationals?|nationality|passport|man|woman|men|women|girl|"
    r"boy|couple|expat\w*|immigrant|migrant|refugee|student|tourist|lady|guy|mother|father|wife|"
    r"husband|parents|descent|origin|resident)\b",
    re.IGNORECASE,
)
_NEXT_WORDS = re.compile(r"\s([a-z]{2,20}(?:\s[a-z]{2,20})?)")
_TWO_WORDS = re.compile(r"[^\W\d_]{3,20}(?: [^\W\d_]{3,20})?")
_CITIZEN_OF = re.compile(r"\s(?:the\s)?")
_ISO = re.compile(r"([A-Z]{2,3})" + _VALUE_END)

_GENDER_VALUE = re.compile(
    r"(m|f|d|x|male|female|man|woman|men|women|diverse|non-?binary|other|weiblich|männlich|"
    r"divers|transgender|trans)" + _VALUE_END,
    re.IGNORECASE,
)
_MAN_PAGE = re.compile(
    r"[\s-](?:pages?|in[\s-]the|hours?|power|made|kind|of\s(?:his|her|the))\b", re.I
)
_GENDERED = re.compile(
    r"[\s-](?:patients?|customer|employee|applicant|candidate|student|colleague|client|nurse|teacher|"
    r"engineer|participant|victim|suspect|driver|passenger|resident|tenant|caller|voter|caucasian|"
    r"officer|lawyer|doctor|born|aged|in\shis|in\sher|,?\s?\d{2}\b)",
    re.IGNORECASE,
)
_ARTICLE = re.compile(
    r"\b(?:an?|the|this|that|young|old|elderly|unknown|single|married|\d{1,3}[- ]years?[- ]old|"
    r"[a-z]{3,14}(?:ish|ese|ian|can|man|rn))\s\Z",
    re.IGNORECASE,
)

_AS_WHAT = re.compile(r"\s(?:an?\s)?(\w{1,12}-?\w{1,12})")

_MARITAL_VALUE = re.compile(
    r"(single|married|divorced|widowed?|separated|engaged|civil partnership|domestic partnership|"
    r"unmarried|never married|cohabiting|ledig|verheiratet|geschieden|verwitwet)" + _VALUE_END,
    re.IGNORECASE,
)
_IS_NOW = re.compile(
    r"(?:,|\b(?:am|is|was|'m|’m|'s|’s|got|getting|been|recently|happily|newly|never|now|a|an|the|"
    r"are|still))\s\Z",
    re.IGNORECASE,
)
_NOT_FAMILY = re.compile(r"\s(?:from\sreality|the\stwo|with)\b", re.IGNORECASE)
_PART_OF_A_TREE = re.compile(
    r"\s(?:director\w+|folder|node|process|class|commit|element|row|task|window|page)\b",
    re.IGNORECASE,
)
_CHILDREN = re.compile(
    r"\s(?:\d{1,2}|one|two|three|four|five|six|seven|eight|nine|ten|an?\sonly\schild|twins|triplets)\b",
    re.IGNORECASE,
)


def nationality(reader: Reader, start: int, end: int) -> Iterator[Hit]:
    """A demonym that is said of a person: "she is German", "a French citizen"."""
    text = reader.text
    if not text[start].isupper() and text[start:end] in EVERYDAY:
        return
    before = text[max(0, start - 60) : start]
    if not _IS.search(before):
        if not _PEOPLE_BEHIND.match(text, end) or reader.subject(start) == "thing":
            return
    elif not _PEOPLE_BEHIND.match(text, end):
        words = _NEXT_WORDS.match(text, end)
        spelled = words[1] if words else ""
        a_worker = spelled in FIELD_OF or spelled.split(" ")[0] in FIELD_OF
        said = _PREDICATE.search(before) and _ENDS.match(text, end)
        if not (a_worker or said) or reader.subject(start) != "person":
            return
    yield NATIONALITY, start, end


def nationality_field(reader: Reader, start: int, end: int) -> Iterator[Hit]:
    """`nationality: German`, `citizenship: DE`, "citizen of France"."""
    text = reader.text
    key = _KEY.match(text, end) or _CITIZEN_OF.match(text, end)
    if key is None:
        return
    word = _TWO_WORDS.match(text, key.end())
    if word:
        for spelled in (word[0], word[0].split(" ")[0]):
            if spelled.lower() in REGION_OF:
                yield NATIONALITY, word.start(), word.start() + len(spelled)
                return
    low, high = place_at(text, key.end())
    if not high and (code := _ISO.match(text, key.end())):
        low, high = code.span(1)
    if high:
        yield NATIONALITY, low, high


def gender_field(reader: Reader, start: int, end: int) -> Iterator[Hit]:
    """`gender: f`, `"sex": "male"`."""
    key = _KEY.match(reader.text, end)
    value = _GENDER_VALUE.match(reader.text, key.end()) if key else None
    if value:
        yield GENDER, *value.span(1)


def gendered(reader: Reader, start: int, end: int) -> Iterator[Hit]:
    """As in "female patient", "a 43-year-old male"."""
    before = reader.text[max(0, start - 40) : start]
    if _GENDERED.match(reader.text, end) or (
        _ARTICLE.search(before)
        and _ENDS.match(reader.text, end)
        and not reader.technical(start, end)
    ):
        yield GENDER, start, end


def gender_noun(reader: Reader, start: int, end: int) -> Iterator[Hit]:
    """As in "a woman", "the young man"."""
    before = reader.text[max(0, start - 40) : start]
    if _ARTICLE.search(before) and not _MAN_PAGE.match(reader.text, end):
        yield GENDER, start, end


def identifies(reader: Reader, start: int, end: int) -> Iterator[Hit]:
    """As in "identifies as male"."""
    value = _AS_WHAT.match(reader.text, end)
    if value and _GENDER_VALUE.match(value[1]):
        yield GENDER, *value.span(1)


def marital_field(reader: Reader, start: int, end: int) -> Iterator[Hit]:
    """`marital status: single`."""
    key = _KEY.match(reader.text, end)
    value = _MARITAL_VALUE.match(reader.text, key.end()) if key else None
    if value:
        yield MARITAL_STATUS, *value.span(1)


def marital(reader: Reader, start: int, end: int) -> Iterator[Hit]:
    """As in "she is divorced", "a married father"."""
    before = reader.text[max(0, start - 30) : start]
    if not _IS_NOW.search(before) or _NOT_FAMILY.match(reader.text, end):
        return
    if reader.subject(start) == "person" and not reader.technical(start, end):
        yield MARITAL_STATUS, start, end


def single(reader: Reader, start: int, end: int) -> Iterator[Hit]:
    """As in "is single", "single mother"."""
    if not _PART_OF_A_TREE.match(reader.text, end):
        yield MARITAL_STATUS, start, end


def family(reader: Reader, start: int, end: int) -> Iterator[Hit]:
    """As in "mother of three"."""
    match = _CHILDREN.match(reader.text, end)
    if match:
        yield MARITAL_STATUS, start, match.end()


CUES = {
    **dict.fromkeys(REGION_OF, nationality),
    **dict.fromkeys(
        phrases("nationality, citizenship, citizen of, national of"), nationality_field
    ),
    **dict.fromkeys(phrases("gender, sex, geschlecht"), gender_field),
    **dict.fromkeys(phrases("male, female"), gendered),
    **dict.fromkeys(phrases("woman, man, girl, boy, gentleman, lady"), gender_noun),
    **dict.fromkeys(phrases("identifies as, identify as"), identifies),
    **dict.fromkeys(phrases("marital status, civil status, family status"), marital_field),
    **dict.fromkeys(phrases("married, divorced, widowed, widow, widower, unmarried"), marital),
    **dict.fromkeys(
        phrases(
            """
            single mother, single father, single mum, single mom, single dad, single parent,
            he is single, she is single, i am single, i m single
            """
        ),
        single,
    ),
    **dict.fromkeys(
        phrases("mother of, father of, mum of, mom of, dad of, parent of, parents of"), family
    ),
}
"""Words that tell nationality, gender and family -> what to make of them."""
