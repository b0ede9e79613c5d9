"""What only its owners know of a deployment: the `[assessment]` table of `piirag.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from piirag.config_file import read_toml, table_of
from piirag.errors import ConfigurationError

TABLE = "assessment"

_TEXTS = ("system", "controller", "contact", "representative", "dpo", "lawful_basis", "decisions")
_LISTS = ("purposes", "data_subjects", "recipients", "transfers", "security")

DECISIONS = ("none", "assisted", "automated")
"""Whether the system decides about persons: not at all, with a person who decides, or alone."""


@dataclass(frozen=True)
class AssessmentConfig:
    """Who is responsible, for what, about whom.

    What is left empty is marked in the assessment as a point that a person has to fill in.

    Args:
        system: What the system is called.
        controller: Who decides on purposes and means, with an address.
        contact: Whom a person can write to.
        representative: The representative in the Union, where there has to be one.
        dpo: The data protection officer.
        lawful_basis: Article 6, and for special categories Article 9, and why.
        decisions: ``"none"``, ``"assisted"`` or ``"automated"``: whether the system's answers
            decide about persons (Article 22). Empty where nobody has said.
        purposes: What the data are processed for.
        data_subjects: About whom the corpus and the conversations are.
        recipients: Who else gets data, beside the providers of models.
        transfers: Transfers to third countries, with the safeguard of each.
        security: Measures beside those of piirag.

    Raises:
        ConfigurationError: A value of the wrong kind.
    """

    system: str = ""
    controller: str = ""
    contact: str = ""
    representative: str = ""
    dpo: str = ""
    lawful_basis: str = ""
    decisions: str = ""
    purposes: tuple[str, ...] = ()
    data_subjects: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    transfers: tuple[str, ...] = ()
    security: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.decisions not in ("", *DECISIONS):
            raise ConfigurationError(f"{TABLE}: decisions is one of {', '.join(DECISIONS)}")

    @classmethod
    def from_file(cls, path: str | Path) -> AssessmentConfig:
        """Read the table of a file; all empty where there is none.

        Raises:
            ConfigurationError: The file cannot be read, or something in the table is wrong.
        """
        return cls.from_data(read_toml(path))

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> AssessmentConfig:
        """Read the table of what a file holds. See `from_file`."""
        table = table_of(data, TABLE, [f.name for f in fields(cls)])
        for key in _TEXTS:
            if not isinstance(table.get(key, ""), str):
                raise ConfigurationError(f"{TABLE}: {key} must be a text")
        for key in _LISTS:
            value = table.get(key, [])
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                raise ConfigurationError(f"{TABLE}: {key} must be a list of texts")
        given: dict[str, Any] = {key: table[key].strip() for key in _TEXTS if key in table}
        given |= {key: tuple(table[key]) for key in _LISTS if key in table}
        return cls(**given)
