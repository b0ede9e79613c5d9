"""What is known about a provider: facts, each with its sources, their dates, and a confidence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

OLD_AFTER_DAYS = 180
"""From this age on, it is said that a fact is old."""

KINDS = ("third_party", "cloud_tenant", "router", "gateway", "self_hosted", "tracing")
CONFIDENCES = ("high", "medium", "low")
HIDDEN = ("region", "deployment", "tier", "upstream")

FACTS: Mapping[str, type] = {
    "trains_by_default": bool,
    "retention_days": int,
    "retention_limit_days": int,
    "zero_retention": bool,
    "dpa": bool,
    "baa": bool,
}


@dataclass(frozen=True)
class Source:
    """Where a fact was read.

    Attributes:
        url: Its address, or a package and its file.
        as_of: The date it gives; None where it gives none.
    """

    url: str
    as_of: date | None = None


@dataclass(frozen=True)
class Fact:
    """One fact about a provider.

    Attributes:
        name: Its name, a key of `FACTS`.
        value: What is the case; None where that is not known, which is never a "no".
        confidence: "high", "medium" or "low"; "contract" or "attested" for terms of one's own.
        note: What it means, shortly.
        sources: Where it was read; none where it is not known, or a matter of course.
        read_on: When the sources were read.
    """

    name: str
    value: bool | int | None
    confidence: str
    note: str = ""
    sources: tuple[Source, ...] = ()
    read_on: date | None = None

    @property
    def as_of(self) -> date | None:
        """The newest date that a source gives; None where none gives one."""
        return max((s.as_of for s in self.sources if s.as_of is not None), default=None)

    def age_days(self, today: date) -> int | None:
        """Days since `as_of`; None where no source has a date."""
        return None if self.as_of is None else (today - self.as_of).days

    def is_old(self, today: date, after_days: int = OLD_AFTER_DAYS) -> bool:
        """Whether it is older than this, or, without a date, was read longer ago than this."""
        since = self.as_of or self.read_on
        return since is not None and (today - since).days > after_days

    def age_said(self, today: date) -> str:
        """Its age in words, where there is something to say; empty for a new fact with a date."""
        if self.value is None or self.confidence in ("contract", "attested"):
            return ""
        if self.as_of is None:
            read = f", read on {self.read_on}" if self.read_on else ""
            old = f" more than {OLD_AFTER_DAYS} days ago" if self.is_old(today) else ""
            return f"no source gives a date{read}{old}"
        if self.is_old(today):
            return f"as of {self.as_of}, older than {OLD_AFTER_DAYS} days"
        return ""

    def to_dict(self) -> dict[str, Any]:
        """The fact as plain data."""
        return {
            "name": self.name,
            "value": self.value,
            "confidence": self.confidence,
            "note": self.note,
            "as_of": _iso(self.as_of),
            "read_on": _iso(self.read_on),
            "sources": [{"url": s.url, "as_of": _iso(s.as_of)} for s in self.sources],
        }


@dataclass(frozen=True)
class HostRule:
    """What the name of a host shows.

    Attributes:
        regex: Matches the host; its group ``region``, if any, is the region.
        places: Where it computes, where that is always the same: all of them, not one of them.
        hidden: What cannot be seen: of `HIDDEN`.
        region_in: The field of a request that says where it is computed.
        note: What to know about it.
    """

    regex: re.Pattern[str]
    places: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    region_in: str | None = None
    note: str = ""


@dataclass(frozen=True)
class Provider:
    """A provider, or one of its offers.

    Attributes:
        id: Its id in the registry.
        name: Its name.
        kind: One of `KINDS`.
        hosts: What its hosts show.
        facts: Facts by name; there is one for each key of `FACTS`.
        traps: What goes wrong easily.
        ports: Ports on which a self-hosted server listens by convention.
        hidden: What can be seen at none of its addresses.
        tier: The name of the plan, where several share the same hosts.
        regions: The places that one's own contract promises; None without such a contract.
        contract: The name of the contract that changed its facts.
        hosts_sources: Where the hosts were read.
    """

    id: str
    name: str
    kind: str
    hosts: tuple[HostRule, ...]
    facts: Mapping[str, Fact] = field(hash=False)
    traps: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    hidden: tuple[str, ...] = ()
    tier: str | None = None
    regions: tuple[str, ...] | None = None
    contract: str | None = None
    hosts_sources: tuple[Source, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The provider as plain data."""
        return {
            "id": self.id,
            "name": self.name,
            "kind": self.kind,
            "tier": self.tier,
            "contract": self.contract,
            "regions": None if self.regions is None else list(self.regions),
            "hosts": [rule.regex.pattern for rule in self.hosts],
            "facts": {name: fact.to_dict() for name, fact in self.facts.items()},
            "traps": list(self.traps),
        }


@dataclass(frozen=True)
class ModelRule:
    """A fact that some models change, on whatever platform.

    Attributes:
        model: Is searched for in the name of a model.
        fact: The name of the fact.
        at_least: The least it is.
        note: Why.
        sources: Where that was read.
    """

    model: re.Pattern[str]
    fact: str
    at_least: int
    note: str
    sources: tuple[Source, ...] = ()


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
