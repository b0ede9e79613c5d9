"""Which regions a row of digits is a phone number of.

`phonenumbers` decides; it takes 50 µs a region. Most rows of digits (dates, amounts, ids) are the
number of no region, and many numbers are written in a plain way: both can be told by regular
expressions made of the same metadata.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any

from phonenumbers import (
    SUPPORTED_REGIONS,
    CountryCodeSource,
    NumberParseException,
    PhoneNumber,
    ValidationResult,
)
from phonenumbers import phonenumberutil as util

from piirag.detection.fused.numbering import calling_code_of, metadata_of, numbering

# The one rewriting rule of a default region: a carrier code after the 0 is dropped, and of the
# number the rest stays.
_BRAZIL = {r"(?:0|90)(?:(1[245]|2[1-35]|31|4[13]|[56]5|99)(\d{10,11}))?"}, {r"\2"}
_BRAZIL_PREFIX = r"(?:0|90)(?:\d\d)?"

_FEWEST_AFTER_PLUS = 3  # digits, calling code included
_FEWEST_NATIONAL, _MOST_NATIONAL = 2, 17  # digits

# Where taking off the prefix leaves this, `phonenumbers` puts it back.
_UNLIKELY = (
    ValidationResult.TOO_SHORT,
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY,
    ValidationResult.INVALID_LENGTH,
)


class _Region:
    """One region to dial from.

    `phonenumbers` takes off an international prefix, after which any country may follow; or the
    region's own calling code, and the national prefix once or twice. What is left must be of a
    known kind, and some numbers must have had their national prefix.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        own = metadata_of(name)
        found = numbering(own.country_code)
        if found is None:
            raise ValueError("a region without a country")
        self._numbering = found
        abroad = own.international_prefix or "(?!)"
        code = str(own.country_code)
        involved = (own, found.main)
        prefixes = {m.national_prefix_for_parsing for m in involved} - {None, ""}
        rules = {m.national_prefix_transform_rule for m in involved} - {None, ""}
        removed = "|".join(f"(?:{prefix})" for prefix in sorted(prefixes))
        self._own = own
        self._taken_off = "|".join(p for p in (f"(?:{abroad})", code, removed) if p)
        self.possible = r"\d{2,}"
        self.fewest = _FEWEST_NATIONAL
        if not rules or (prefixes, rules) == _BRAZIL:
            removable = _BRAZIL_PREFIX if rules else removed
            national = f"(?:{code})?(?:{removable}){{0,2}}(?:{found.possible})"
            self.possible = rf"(?:{abroad})\d{{{_FEWEST_AFTER_PLUS},}}|{national}"
            # After an international prefix, of one digit at least, it may be another country's.
            self.fewest = min(found.fewest, 1 + _FEWEST_AFTER_PLUS)

    # Compiled when they are first needed: all of them together slow a first call down.
    @functools.cached_property
    def _touched(self) -> re.Pattern[str]:
        return re.compile(self._taken_off)

    @functools.cached_property
    def _possible(self) -> re.Pattern[str]:
        return re.compile(self.possible)

    def verdict(self, digits: str) -> bool | None:
        """Whether the digits are a valid number; None where only `phonenumbers` can tell."""
        if not self._possible.fullmatch(digits):
            return False
        if len(digits) > _MOST_NATIONAL:
            return None
        if self._touched.match(digits):
            return self._read(digits)
        # Nothing is taken off, so the digits are the national number.
        if self._numbering.wants_prefix(digits):
            return False
        return self._numbering.verdict(digits)

    def _read(self, digits: str) -> bool | None:
        """The verdict on digits that begin with something to take off, as `parse` does it."""
        number: Any = PhoneNumber()
        try:
            code, national = util._maybe_extract_country_code(digits, self._own, True, number)
        except NumberParseException:
            return False
        found, metadata = self._numbering, self._own
        if code:
            known = numbering(code)
            if known is None:
                return None
            if known.region != self.name:
                found, metadata = known, known.main
        else:
            national = digits
        if len(national) < _FEWEST_NATIONAL:
            return False
        _, rest, _ = util._maybe_strip_national_prefix_carrier_code(national, metadata)
        if util._test_number_length(rest, metadata) not in _UNLIKELY:
            national = rest
        if len(national) > _MOST_NATIONAL:
            return False
        if number.country_code_source == CountryCodeSource.FROM_DEFAULT_COUNTRY:
            main = found.main
            has_prefix = util._maybe_strip_national_prefix_carrier_code(digits, main)[2]
            if found.wants_prefix(national) and not has_prefix:
                return False
        return found.verdict(national)


class Regions:
    """Regions to dial from.

    Args:
        names: As `phonenumbers` calls them.

    Raises:
        ValueError: A region that it does not know.
    """

    def __init__(self, names: Sequence[str]) -> None:
        if not names or not set(names) <= SUPPORTED_REGIONS:
            raise ValueError("a region that phonenumbers does not know")
        self.names = list(names)
        self._regions = [_Region(name) for name in self.names]
        self._by_name = dict(zip(self.names, self._regions, strict=True))
        self.fewest_digits = min(region.fewest for region in self._regions)

    def surely_not(self, digits: str, name: str) -> bool:
        """Whether digits surely are no number, dialled from a region.

        Args:
            digits: Digits without a plus sign before them.
            name: One of the regions.
        """
        return self._by_name[name].verdict(digits) is False

    def undecided(self, digits: str) -> list[str] | None:
        """The regions for which only `phonenumbers` can tell whether digits are a number.

        Args:
            digits: Digits without a plus sign before them.

        Returns:
            Names in order; None where the digits surely are a number, of whichever region.
        """
        names = []
        for region in self._regions:
            verdict = region.verdict(digits)
            if verdict:
                return None
            if verdict is None:
                names.append(region.name)
        return names


def surely_abroad(digits: str) -> bool:
    """Whether digits after a plus sign surely are a valid number."""
    code = calling_code_of(digits)
    found = numbering(code) if code else None
    if found is None:
        return False
    national = digits[len(str(code)) :]
    if len(national) > _MOST_NATIONAL or (found.prefix and found.prefix.match(national)):
        return False
    return found.verdict(national) is True
