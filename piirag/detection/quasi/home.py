"""Where somebody lives or comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator

from piirag.detection.quasi.context import Reader
from piirag.detection.quasi.kinds import POSTCODE, RESIDENCE
from piirag.detection.quasi.places import AREA_OF, EVERYDAY, LONGEST
from piirag.detection.quasi.words import flatten, phrases

Hit = tuple[str, int, int]

_LEADS = (
    "the downtown central greater north south east west northern southern eastern western".split()
)
_LEAD = re.compile(rf"\s{{1,3}}(?:(?:{'|'.join(_LEADS)})\s)?")
_KEY = re.compile(r"""["']?\s?[:=]\s{0,3}["']?""")
_NAME = re.compile(
    r"[^\W\d_][\w'’-]{0,30}(?:(?:[ ]|\.[ ]|-)[^\W\d_][\w'’-]{0,30}){0," + str(LONGEST - 1) + "}"
)
_FIRST_WORDS = frozenset(name.split()[0] for name in AREA_OF)
_PART = re.compile(r"[^\W\d_][\w'’]{0,30}")
_CAPITALISED = re.compile(
    r"[^\W\d_a-zß-ÿ][\w'’.-]{1,30}"
    r"(?:[ -](?:(?:de|del|la|le|les|upon|on|am|an|der|of|the|sur|in)[ -]){0,2}"
    r"[^\W\d_a-zß-ÿ][\w'’-]{1,30}){0,3}"
)
_POSTCODE_KEY = re.compile(
    r"""(?:code)?["']?\s{0,2}(?:[:=]|is\b)?\s{0,3}["']?"""
    r"(?P<code>[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}|[A-Z]\d[A-Z]\s?\d[A-Z]\d|\d{4}\s?[A-Z]{2}"
    r"|\d{2}-\d{3}|\d{4,6}(?:-\d{4})?)(?![\w-])"
)


def place_at(text: str, at: int) -> tuple[int, int]:
    """The longest name of the table that stands at an offset; (0, 0) if none."""
    match = _NAME.match(text, at)
    if match is None:
        return 0, 0
    words = list(_PART.finditer(text, at, match.end()))[:LONGEST]
    for count in range(len(words), 0, -1):
        end = words[count - 1].end()
        name = " ".join(flatten(text[at:end]).split())
        if name in AREA_OF:
            if name in EVERYDAY and not text[at].isupper():
                continue
            return at, end
    return 0, 0


def _place(reader: Reader, at: int, sure: bool) -> tuple[int, int]:
    """A place at an offset: of the table, found by the detector, or capitalised."""
    lead = _LEAD.match(reader.text, at)
    if lead is None:
        return 0, 0
    start = lead.end()
    found = reader.found_at(reader.places, at, lead.end() - at + 1)
    known = place_at(reader.text, start)
    if found[1] > known[1]:
        return found
    if known[1]:
        return known
    match = _CAPITALISED.match(reader.text, start)
    if match is None or not sure:
        return 0, 0
    return match.start(), match.start() + len(match[0].rstrip(".'’-"))


def lives(reader: Reader, start: int, end: int) -> Iterator[Hit]:
    """As in "lives in Berlin", "resident of Leeds", "moved to Lyon", "originally from Graz"."""
    subject = reader.subject(start)
    if subject == "thing":
        return
    low, high = _place(reader, end, sure=subject == "person")
    if high:
        yield RESIDENCE, low, high


def comes(reader: Reader, start: int, end: int) -> Iterator[Hit]:
    """As in "from Lyon", "born in Ulm": known places only, of people only."""
    flat = reader.scan.flat
    following = flat[end + 2 : flat.find(" ", end + 2)]
    if following not in _FIRST_WORDS and following not in _LEADS and not reader.places:
        return  # "from" stands everywhere
    low, high = _place(reader, end, sure=False)
    if high and reader.subject(start) == "person":
        yield RESIDENCE, low, high


def field(reader: Reader, start: int, end: int) -> Iterator[Hit]:
    """`city: Berlin`."""
    key = _KEY.match(reader.text, end)
    if key is None:
        return
    span = place_at(reader.text, key.end())
    found = reader.found_at(reader.places, key.end(), 1)
    low, high = max(span, found, key=lambda s: s[1])
    if high:
        yield RESIDENCE, low, high


def postcode(reader: Reader, start: int, end: int) -> Iterator[Hit]:
    """`postcode: SW1A 1AA`, "ZIP 94110"."""
    match = _POSTCODE_KEY.match(reader.text, end)
    if match is None:
        match = _POSTCODE_KEY.match(reader.text, min(len(reader.text), end + 1))
    if match:
        yield POSTCODE, *match.span("code")


CUES = {
    **dict.fromkeys(
        phrases(
            """
            lives in, live in, living in, lived in, resides in, reside in, residing in, resided in,
            resident of, resident in, residents of, inhabitant of, moved to, relocated to,
            settled in, settled down in, home in, house in, flat in, apartment in, grew up in,
            raised in, hails from, originally from, native of, based in, commutes from,
            lives near, living near, lives outside
            """
        ),
        lives,
    ),
    **dict.fromkeys(phrases("from, born in, comes from, come from"), comes),
    **dict.fromkeys(phrases("city, town, hometown, home town, residence"), field),
    **dict.fromkeys(phrases("postcode, postal code, post code, zip, zip code, zipcode"), postcode),
}
"""Words that announce a place -> what to make of them."""
