"""What the numbers of a country look like, by the metadata of `phonenumbers`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache, cached_property
from typing import Any

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata
from phonenumbers import phonenumberutil as util

# The kinds of numbers that `is_valid_number` knows, as attributes of a region's metadata.
_KINDS = (
    "premium_rate toll_free shared_cost voip personal_number pager uan voicemail fixed_line mobile"
).split()

# More regions than this share a calling code in North America only. There the length must do at
# first: the expressions of all of them together are long.
_MOST_SHARING = 5

_NOT_A_REGION = "001"


class Numbering:
    """The numbers behind one calling code.

    Args:
        calling_code: The code, such as 49.

    Attributes:
        region: The main region of the code.
        main: Metadata of the main region.
        prefix: The national prefix, where a number may begin with one.
        fewest: Digits of the shortest national number.
        possible: Expression for every national number that may be valid.
    """

    def __init__(self, calling_code: int) -> None:
        self._regions = COUNTRY_CODE_TO_REGION_CODE[calling_code]
        self.region = self._regions[0]
        self.main = metadata_of(self.region)
        prefix = self.main.national_prefix_for_parsing
        self.prefix = re.compile(prefix) if prefix else None
        described = [metadata_of(region).general_desc for region in self._regions]
        lengths = sorted({length for d in described for length in d.possible_length})
        self.fewest = min(lengths, default=2)
        if len(self._regions) > _MOST_SHARING:
            self.possible = "|".join(rf"\d{{{length}}}" for length in lengths)
        else:
            self.possible = _possible(self._regions)
        self._wanting = [self._wants_prefix(rule) for rule in self.main.number_format]

    def verdict(self, national: str) -> bool | None:
        """Whether a national number is valid; None where only `phonenumbers` can tell."""
        if self._valid is not None and self._valid.fullmatch(national):
            return True
        return None if self._of_some_kind.fullmatch(national) else False

    # Most countries' expressions are never needed, and compiling all of them takes long.
    @cached_property
    def _valid(self) -> re.Pattern[str] | None:
        # With leading digits, `phonenumbers` takes another way to decide.
        return re.compile(_valid(self.main)) if self.main.leading_digits is None else None

    @cached_property
    def _formats(self) -> re.Pattern[str]:
        return re.compile("|".join(_formats(self.main)) or r"(?!)")

    @cached_property
    def _of_some_kind(self) -> re.Pattern[str]:
        return re.compile(_possible(self._regions))

    def wants_prefix(self, national: str) -> bool:
        """Whether a national number counts only with the national prefix before it."""
        rule = self._formats.fullmatch(national)
        if rule is None or rule.lastgroup is None:
            return False
        return self._wanting[int(rule.lastgroup[1:])]

    @staticmethod
    def _wants_prefix(rule: Any) -> bool:
        wanted = rule.national_prefix_formatting_rule
        if not wanted or rule.national_prefix_optional_when_formatting:
            return False
        return not util._formatting_rule_has_first_group_only(wanted)


@cache
def numbering(calling_code: int) -> Numbering | None:
    """The numbers behind a calling code; None where it is not of a country."""
    regions = COUNTRY_CODE_TO_REGION_CODE.get(calling_code)
    return Numbering(calling_code) if regions and regions[0] != _NOT_A_REGION else None


def metadata_of(region: str) -> Any:
    """The metadata of a region."""
    return PhoneMetadata.metadata_for_region(region, None)


def calling_code_of(digits: str) -> int:
    """The calling code that digits after a plus sign begin with; 0 where there is none."""
    if digits[:1] != "0":
        for length in (1, 2, 3):
            if digits[:length].isdecimal() and int(digits[:length]) in COUNTRY_CODE_TO_REGION_CODE:
                return int(digits[:length])
    return 0


def _described(metadata: Any) -> Iterator[Any]:
    for kind in _KINDS if metadata is not None else ():
        described = getattr(metadata, kind)
        if described is not None and described.national_number_pattern:
            yield described


def _possible(regions: Iterable[str]) -> str:
    """What matches every number that may be valid in one of some regions."""
    found = {d.national_number_pattern for r in regions for d in _described(metadata_of(r))}
    return "|".join(f"(?:{pattern})" for pattern in sorted(found)) or "(?!)"


def _valid(metadata: Any) -> str:
    """What matches numbers of a known kind: general form, own form and own length."""
    kinds = [f"(?={_length(d)})(?:{d.national_number_pattern})" for d in _described(metadata)]
    general = metadata.general_desc
    if not kinds or not general.national_number_pattern:
        return "(?!)"
    whole = rf"(?={_length(general)})(?=(?:{general.national_number_pattern})\Z)"
    return f"{whole}(?:{'|'.join(kinds)})"


def _length(described: Any) -> str:
    lengths = described.possible_length
    return "|".join(rf"\d{{{length}}}\Z" for length in lengths) if lengths else ""


def _formats(metadata: Any) -> Iterator[str]:
    """One alternative a format, in the order in which they are tried, each with a name."""
    for number, rule in enumerate(metadata.number_format):
        leading = rule.leading_digits_pattern
        ahead = f"(?={leading[-1]})" if leading else ""
        yield f"{ahead}(?:{rule.pattern})(?P<f{number}>)"
