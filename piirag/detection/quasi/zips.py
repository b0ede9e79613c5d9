"""Postcodes cut down to an area, as the HIPAA Safe Harbor rule has it.

45 CFR 164.514(b)(2)(i)(B): the first three digits of a ZIP code may stay where all ZIP codes that
begin with them hold more than 20,000 people together; else they become 000. Seventeen such areas,
by the census of 2000, are named in the guidance of the HHS Office for Civil Rights on methods for
de-identification (26 November 2012). Counts after the census of 2010 drop some of them and add
others, and depend on who counts; an area that stands in either list becomes 000 here.
"""

from __future__ import annotations

import re
import unicodedata

_CENSUS_2000 = "036 059 063 102 203 556 692 790 821 823 830 831 878 879 884 890 893"
_CENSUS_2010 = "036 059 102 202 203 204 205 369 556 692 753 772 821 823 878 879 884 893"

SMALL_ZIP_AREAS = frozenset(f"{_CENSUS_2000} {_CENSUS_2010}".split())
"""First three digits of ZIP codes that may cover 20,000 people or fewer."""

_UK = re.compile(r"([A-Z]{1,2}\d[A-Z\d]?)\s{0,3}\d[A-Z]{2}")
_CANADA = re.compile(r"([A-Z]\d[A-Z])[\s-]{0,3}\d[A-Z]\d")
_DIGITS = re.compile(r"\d")

_LONG = 5  # digits; shorter codes (Austria, Australia, the Netherlands) keep two


def area_of(postcode: str) -> str | None:
    """The area of a postcode.

    Args:
        postcode: A postcode of any country, in any spelling.

    Returns:
        The outward code of a British postcode (`SW1A`), the first three characters of a Canadian
        one, the first three digits of one of five digits or more (`941xx`; `000xx` for a small
        area), the first two of a shorter one; None for anything else.
    """
    spelled = " ".join(unicodedata.normalize("NFKC", postcode).upper().split())
    for pattern in (_UK, _CANADA):
        match = pattern.fullmatch(spelled)
        if match is not None:
            return match[1]
    digits = "".join(str(int(d)) for d in _DIGITS.findall(spelled))
    if len(digits) in {9, 11}:  # ZIP+4, with or without the delivery point
        digits = digits[:5]
    if not 4 <= len(digits) <= 8:
        return None
    if len(digits) < _LONG:
        return digits[:2] + "x" * (len(digits) - 2)
    kept = "000" if digits[:3] in SMALL_ZIP_AREAS else digits[:3]
    return kept + "x" * (len(digits) - 3)
