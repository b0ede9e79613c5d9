"""The terms of one's own contract with a provider, in place of its public defaults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from piirag.errors import ConfigurationError
from piirag.governance.providers.facts import Fact, Source
from piirag.governance.providers.regions import ANY, check_regions
from piirag.governance.providers.terms import as_day, check_terms, tables_in


@dataclass(frozen=True)
class Contract:
    """What a contract says. Terms that are None stay as the registry has them.

    Attributes:
        provider: Id of the provider in the registry. One of a single plan, such as
            ``mistral_paid``, says that this plan is the one in use.
        agreement: Which contract: a name and a number by which it can be found.
        signed: From when on it holds.
        until: The last day on which it holds; None for no end.
        no_training: Whether it rules out training.
        dpa: Whether it includes a data processing agreement.
        baa: Whether it includes a business associate agreement.
        retention_days: For how long the provider keeps what it gets.
        zero_retention: Whether zero retention is agreed; `retention_days` is then 0.
        regions: Where the provider may process: all places, not one of them.

    Raises:
        ConfigurationError: Terms of the wrong kind.
    """

    provider: str
    agreement: str
    signed: date
    until: date | None = None
    no_training: bool | None = None
    dpa: bool | None = None
    baa: bool | None = None
    retention_days: int | None = None
    zero_retention: bool | None = None
    regions: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        where = f"contract with {str(self.provider)[:40]}"
        flags = {name: getattr(self, name) for name in ("no_training", "dpa", "baa")}
        flags["zero_retention"] = self.zero_retention
        texts = {"provider": self.provider, "agreement": self.agreement}
        check_terms(where, flags, self.retention_days, texts)
        object.__setattr__(self, "signed", as_day(self.signed, f"{where}: signed"))
        if self.until is not None:
            object.__setattr__(self, "until", as_day(self.until, f"{where}: until"))
        if self.regions is not None:
            checked = check_regions(self.regions, f"{where}: regions")
            if ANY in checked:
                raise ConfigurationError(f"{where}: regions names the regions that are agreed")
            object.__setattr__(self, "regions", tuple(sorted(checked)))

    @property
    def name(self) -> str:
        """The contract as it is told."""
        return f"contract {self.agreement}, signed {self.signed}"

    def holds(self, today: date) -> bool:
        """Whether it is in force."""
        return self.signed <= today and (self.until is None or today <= self.until)

    def facts(self) -> Mapping[str, Fact]:
        """What it says, as facts."""
        days = 0 if self.zero_retention and self.retention_days is None else self.retention_days
        values = {
            "trains_by_default": None if self.no_training is None else not self.no_training,
            "retention_days": days,
            "zero_retention": self.zero_retention,
            "dpa": self.dpa,
            "baa": self.baa,
        }
        source = (Source(self.name, self.signed),)
        return {
            name: Fact(name, value, "contract", self.name, source)
            for name, value in values.items()
            if value is not None
        }


def contracts_in(data: Mapping[str, Any]) -> list[Contract]:
    """The contracts of a ``[providers]`` table: ``[providers.contracts.PROVIDER]``.

    Raises:
        ConfigurationError: One that cannot be read.
    """
    keys = [item.name for item in fields(Contract) if item.name != "provider"]
    return [
        Contract(provider, **_given(table))
        for provider, table in tables_in(data, "contracts", keys)
    ]


def _given(table: Mapping[str, Any]) -> dict[str, Any]:
    return {"agreement": None, "signed": None, **table}


def ended(contracts: Iterable[Contract], today: date) -> list[Contract]:
    """The contracts that do not hold today."""
    return [contract for contract in contracts if not contract.holds(today)]
