"""What an operator states about an endpoint where a client cannot see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from fnmatch import fnmatchcase
from typing import Any

from piirag.errors import ConfigurationError
from piirag.governance.providers.regions import ANY, labels_of
from piirag.governance.providers.terms import as_day, check_terms, tables_in

DEPLOYMENTS = ("regional", "data_zone", "global")


@dataclass(frozen=True)
class Attestation:
    """A statement, by whom, when, and until when. What it leaves out, it does not state.

    Attributes:
        endpoint: A host (``r.openai.azure.com``), with a port (``127.0.0.1:1234``), or a class
            whose calls piirag cannot read (``class:ourapp.models.OurModel``).
        by: Who states it.
        on: When it was stated.
        until: The last day on which it counts.
        model: A pattern (``gpt-*``) of the models it is about; all if None.
        region: Where the endpoint computes.
        deployment: "regional", "data_zone" or "global".
        tier: The plan, as the registry names it: "free" or "paid".
        upstream: Who answers behind it; "local" for a server that passes nothing on.
        no_training: Whether what is sent trains nothing.
        dpa: Whether there is a data processing agreement.
        baa: Whether there is a business associate agreement.
        retention_days: For how long it keeps what it gets.

    Raises:
        ConfigurationError: Something missing or of the wrong kind.
    """

    endpoint: str
    by: str
    on: date
    until: date
    model: str | None = None
    region: str | None = None
    deployment: str | None = None
    tier: str | None = None
    upstream: str | None = None
    no_training: bool | None = None
    dpa: bool | None = None
    baa: bool | None = None
    retention_days: int | None = None

    def __post_init__(self) -> None:
        where = f"attestation for {str(self.endpoint)[:60]}"
        flags = {name: getattr(self, name) for name in ("no_training", "dpa", "baa")}
        given = {name: getattr(self, name) for name in ("model", "tier", "upstream")}
        texts = {"endpoint": self.endpoint, "by": self.by}
        texts.update({name: value for name, value in given.items() if value is not None})
        check_terms(where, flags, self.retention_days, texts)
        object.__setattr__(self, "on", as_day(self.on, f"{where}: on"))
        object.__setattr__(self, "until", as_day(self.until, f"{where}: until"))
        if self.until < self.on:
            raise ConfigurationError(f"{where}: it ends before it begins")
        if "://" in self.endpoint or self.endpoint.rstrip("/") != self.endpoint:
            raise ConfigurationError(f"{where}: endpoint is a host, without scheme and path")
        if not self.endpoint.startswith("class:"):
            object.__setattr__(self, "endpoint", self.endpoint.lower())
        if self.deployment not in (None, *DEPLOYMENTS):
            raise ConfigurationError(f"{where}: deployment is one of {', '.join(DEPLOYMENTS)}")
        if self.region is not None and (self.region == ANY or labels_of(self.region) is None):
            raise ConfigurationError(f"{where}: no region {self.region[:40]!r} is known")

    @property
    def name(self) -> str:
        """The attestation as it is told."""
        return f"attested for {self.endpoint} by {self.by} on {self.on}, until {self.until}"

    def holds(self, today: date) -> bool:
        """Whether it counts."""
        return self.on <= today <= self.until

    def is_about(self, endpoints: frozenset[str], model: str | None) -> bool:
        """Whether it is about an endpoint, under one of its names, and a model there."""
        if self.endpoint not in endpoints:
            return False
        return self.model is None or (model is not None and fnmatchcase(model, self.model))


def attestations_in(data: Mapping[str, Any]) -> list[Attestation]:
    """The attestations of a ``[providers]`` table: ``[providers.attestations.NAME]``.

    Raises:
        ConfigurationError: One that cannot be read.
    """
    keys = [item.name for item in fields(Attestation)]
    needed: dict[str, Any] = dict.fromkeys(("endpoint", "by", "on", "until"))
    return [
        Attestation(**{**needed, **table}) for _, table in tables_in(data, "attestations", keys)
    ]
