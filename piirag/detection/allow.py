"""Values that are no findings. Threat D13: a list that allows everything is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import regex

from piirag.detection.text import normal_form
from piirag.policy_checks import Path, PolicyError, did_you_mean

# Time for one pattern on one finding, which is short; a pattern that takes longer allows nothing.
_SECONDS = 0.5

# One value of each kind, in forms that patterns meant for another kind may match too.
_DIGITS = "4111111111111111239807512864"
_NAME = "jane mary roe of upper winterbourne under the hill"
_CANARIES: dict[str, tuple[str, ...]] = {
    "PERSON": ("Jane", "Jane Roe", "JANE ROE", "Zoë Müller-Roe", "王小明", "Жанна"),
    "LOCATION": ("Berlin", "New York", "12 Mill Lane, Leeds LS1 4AP", "Ærøskøbing", "東京都"),
    "ORGANIZATION": ("Acme", "Acme Corp", "ACME GmbH & Co. KG", "株式会社"),
    "EMAIL_ADDRESS": ("jane@example.com", "j.m.roe+x_1@mail.example.co.uk"),
    "URL": ("example.com", "https://www.example.com/jane?id=7"),
    "PHONE_NUMBER": ("4155552671", "+1 (415) 555-2671", "020 7946 0958", "+442079460958"),
    "CREDIT_CARD": ("4111111111111111", "4111 1111 1111 1111", "378282246310005"),
    "US_SSN": ("078051120", "078-05-1120"),
    "US_BANK_NUMBER": ("12345678", "9876543210", "12345678901234567"),
    "IBAN_CODE": ("DE89370400440532013000", "GB33 BUKB 2020 1555 5555 55"),
    "IP_ADDRESS": ("10.20.30.40", "2001:db8::ff00:42:8329"),
    "DATE_TIME": ("1985-03-01", "1 March 1985", "03/01/85"),
    "US_PASSPORT": ("912803456", "A12345678"),
    "CRYPTO": ("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",),
}

# An order number may look like a bank account; what passes for three kinds passes for anything.
_TOO_MANY_KINDS = 3


class AllowList:
    """The values and patterns of an allow list.

    Args:
        entries: Strings, compared by `normal_form`, or ``{"regex": pattern}``.
    """

    def __init__(self, entries: Iterable[str | Mapping[str, str]]) -> None:
        entries = list(entries)
        self._values = [e for e in entries if isinstance(e, str)]
        self._patterns = [regex.compile(e["regex"]) for e in entries if not isinstance(e, str)]
        self._folded: dict[str, frozenset[str]] = {}

    def allows(self, entity_type: str, surface: str) -> bool:
        """Whether a finding with this text is allowed: all of it, not a part."""
        folded = self._folded.get(entity_type)
        if folded is None:
            # What counts as the same value depends on the type; see `normal_form`.
            folded = frozenset(normal_form(entity_type, value) for value in self._values)
            self._folded[entity_type] = folded
        if normal_form(entity_type, surface) in folded:
            return True
        return any(_matches(pattern, surface) for pattern in self._patterns)


def check_entry(entry: Any, path: Path) -> None:
    """Check one entry of an allow list.

    Raises:
        PolicyError: Neither a value nor a pattern, or a pattern that would allow anything.
    """
    if isinstance(entry, str):
        if not any(map(str.isalnum, entry)):
            raise PolicyError(
                'an allowed value must hold a letter or digit; a pattern is written {regex: "..."}',
                path,
            )
        return
    if not isinstance(entry, Mapping) or set(entry) != {"regex"}:
        hint = did_you_mean(next(iter(entry), ""), ["regex"]) if isinstance(entry, Mapping) else ""
        raise PolicyError(f'an allow entry is a string or {{regex: "..."}}{hint}', path)
    _check_pattern(entry["regex"], (*path, "regex"))


def _check_pattern(pattern: Any, path: Path) -> None:
    if not isinstance(pattern, str):
        raise PolicyError("a regex must be a string", path)
    reason = ""
    try:
        compiled = regex.compile(pattern)
    except regex.error as error:
        reason = f"not a regular expression: {error.msg} at position {error.pos}"
    if reason:
        raise PolicyError(reason, path)
    try:
        kinds = [kind for kind in _CANARIES if _matches_kind(compiled, kind)]
    except TimeoutError:
        kinds = []
        reason = "this regex takes too long"
    if reason:
        raise PolicyError(reason, path)
    if len(kinds) >= _TOO_MANY_KINDS:
        raise PolicyError(
            f"this regex would let through values of {len(kinds)} kinds, such as "
            f"{', '.join(kinds[:_TOO_MANY_KINDS])}; an allow entry must be narrower",
            path,
        )


def _matches_kind(pattern: Any, kind: str) -> bool:
    return any(pattern.fullmatch(value, timeout=_SECONDS) is not None for value in _canaries(kind))


def _canaries(kind: str) -> Iterable[str]:
    yield from _CANARIES[kind]
    # In every length, for patterns such as .{20}
    for n in range(1, 41):
        if kind == "PERSON":
            yield _NAME[:n].title()
        elif kind == "EMAIL_ADDRESS":
            yield f"{'jane.roe' * 5}"[: max(n - 7, 1)] + "@ex.org"
        elif kind == "US_BANK_NUMBER" and 6 <= n <= 17:
            yield _DIGITS[:n]
        elif kind == "URL":
            yield "https://a.example/" + "x" * max(n - 18, 1)


def _matches(pattern: Any, text: str) -> bool:
    """Whether a pattern matches all of a text in the time that it has."""
    try:
        return pattern.fullmatch(text, timeout=_SECONDS) is not None
    except TimeoutError:
        return False
