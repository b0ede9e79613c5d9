"""The types of quasi-identifier, and which of them say the same thing about a person."""

from __future__ import annotations

DATE_OF_BIRTH = "DATE_OF_BIRTH"
AGE = "AGE"
POSTCODE = "POSTCODE"
RESIDENCE = "RESIDENCE"
EMPLOYER = "EMPLOYER"
JOB_TITLE = "JOB_TITLE"
NATIONALITY = "NATIONALITY"
GENDER = "GENDER"
MARITAL_STATUS = "MARITAL_STATUS"
EDUCATION = "EDUCATION"

_KIND_OF = {
    # Age and date of birth are one fact, and so are city and postcode: two of a kind narrow a
    # crowd down no more than the finer one does.
    DATE_OF_BIRTH: "birth",
    AGE: "birth",
    POSTCODE: "place",
    RESIDENCE: "place",
    EMPLOYER: "employer",
    JOB_TITLE: "job",
    NATIONALITY: "nationality",
    GENDER: "gender",
    MARITAL_STATUS: "family",
    EDUCATION: "education",
}

QUASI_TYPES = frozenset(_KIND_OF)
"""Entity types of findings that are quasi-identifiers."""

_POSTCODES = ("POSTCODE", "POSTAL_CODE", "ZIP_CODE")


def is_quasi(entity_type: str) -> bool:
    """Whether findings of this type are quasi-identifiers: ours, or a country's postcode."""
    return entity_type in QUASI_TYPES or is_postcode(entity_type)


def is_postcode(entity_type: str) -> bool:
    """Whether this is a postcode, such as `UK_POSTCODE` or `CA_POSTAL_CODE`."""
    return entity_type.endswith(_POSTCODES) or entity_type == "DE_PLZ"


def kind_of(entity_type: str) -> str:
    """What a quasi-identifier tells: ``"birth"``, ``"place"``, ``"employer"`` and so on."""
    return "place" if is_postcode(entity_type) else _KIND_OF[entity_type]
