"""An annotated text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

DIRECT = frozenset(
    {
        "PERSON",
        "STREET_ADDRESS",
        "EMAIL_ADDRESS",
        "PHONE_NUMBER",
        "CREDIT_CARD",
        "IBAN_CODE",
        "BANK_ACCOUNT",
        "US_SSN",
        "NATIONAL_ID",
        "PASSPORT",
        "DRIVER_LICENSE",
        "MEDICAL_RECORD",
        "IP_ADDRESS",
        "LICENSE_PLATE",
        "SECRET",
        "CRYPTO",
    }
)
"""Types that point at one person, or open her accounts, by themselves.

Account names and links are annotated but not among them: they point at a person only for those who
look the account up, and a detector that masks every handle is not what most users want. Places,
organisations, dates, ages, titles, jobs and nationalities describe a person without naming her.
"""


class Label(NamedTuple):
    """An annotated value: ``text[start:end]`` is of this type."""

    start: int
    end: int
    entity_type: str


@dataclass(frozen=True, slots=True)
class Sample:
    """An annotated text.

    Args:
        text: The text.
        labels: Its annotated values, in order of position; they do not overlap.
        locale: Locale of the person it is about, such as ``"de_AT"``; empty where unknown.
        source: Where it comes from: a template, a file, a document kind.
    """

    text: str
    labels: tuple[Label, ...]
    locale: str = ""
    source: str = ""

    @property
    def lower(self) -> Sample:
        """The same in lower case; offsets hold."""
        return Sample(same_length(self.text, str.lower), self.labels, self.locale, self.source)

    @property
    def upper(self) -> Sample:
        """The same in capitals; offsets hold."""
        return Sample(same_length(self.text, str.upper), self.labels, self.locale, self.source)


def same_length(text: str, change: object) -> str:
    """Apply a change of case letter by letter, leaving out letters that would become two."""
    assert callable(change)
    changed = str(change(text))
    if len(changed) == len(text):
        return changed
    return "".join(c if len(d := str(change(c))) != 1 else d for c in text)
