"""One destination against a policy: what speaks against it, and what was gone by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from piirag.governance.providers.attestations import Attestation
from piirag.governance.providers.endpoint import LOCAL, Destination
from piirag.governance.providers.facts import Fact, ModelRule, Provider, Source
from piirag.governance.providers.regions import ANY, Labels, area_of, labels_of

if TYPE_CHECKING:
    from piirag.governance.providers.policy import ProviderPolicy

_OWN = ("loopback", "private", "in-process")


@dataclass
class Findings:
    """What was found about destinations, in order."""

    reasons: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    facts: list[tuple[str, Fact]] = field(default_factory=list)
    relied_on: list[str] = field(default_factory=list)
    needs: list[tuple[str, str]] = field(default_factory=list)


class Judge:
    """Judges one destination.

    Args:
        policy: The policy.
        destination: The destination.
        rules: What some models change.
        today: The date.
        found: Where the findings go.
    """

    def __init__(
        self,
        policy: ProviderPolicy,
        destination: Destination,
        rules: Sequence[ModelRule],
        today: date,
        found: Findings,
    ) -> None:
        self._policy = policy
        self._to = destination
        self._rules = rules
        self._today = today
        self._found = found
        about = [
            item
            for item in policy.attestations
            if item.is_about(destination.endpoint.names, destination.endpoint.model)
            # A class is attested to for what cannot be read of it, and for nothing that can.
            and (destination.kind == "unread" or not item.endpoint.startswith("class:"))
        ]
        self._attested = [item for item in about if item.holds(today)]
        self._expired = [item for item in about if not item.holds(today)]

    def judge(self) -> None:
        """Add the findings."""
        to = self._to
        for note in to.notes:
            self._warn(note)
        if to.kind == "unread":
            why = to.endpoint.unread or "the client has no address"
            if not self._attested:
                needed = [name for name, wanted in self._needed().items() if wanted]
                ask = f"; {self._ask('region', *needed)}" if to.endpoint.holder else ""
                self._deny(why + ask)
                return
        self._way()
        if to.endpoint.sdk == "callback":
            return
        if to.kind in _OWN and not self._policy.self_hosted_ok:
            self._deny("self-hosted endpoints are not allowed")
            return
        self._upstream()
        self._places()
        if to.kind in _OWN and not self._is_gateway():
            return  # one's own server: there is nobody to have an agreement with
        candidates = self._candidates()
        if not candidates and to.kind != "unread":
            self._unknown()
        if not candidates:
            self._terms(None)
        for provider in candidates:
            self._terms(provider)

    # The way there

    def _way(self) -> None:
        endpoint = self._to.endpoint
        for proxy in endpoint.proxies:
            self._warn(f"calls pass the proxy {proxy}, a further hop")
            if endpoint.scheme != "https":
                self._deny(f"without TLS, the proxy {proxy} reads what passes")
        if endpoint.scheme == "http" and self._to.kind in ("provider", "unknown"):
            self._deny("calls leave without TLS")

    def _upstream(self) -> None:
        behind = self._said("upstream") if "upstream" in self._to.hidden else None
        near = self._to.kind in _OWN
        if "upstream" in self._to.hidden and (not behind or (behind == LOCAL and not near)):
            who = self._to.candidates[0].name if self._to.candidates else "the endpoint"
            self._deny(f"who answers behind {who} cannot be seen; {self._ask('upstream')}")

    def _is_gateway(self) -> bool:
        behind = self._said("upstream") if "upstream" in self._to.hidden else None
        gateway = any(provider.kind == "gateway" for provider in self._to.candidates)
        return behind != LOCAL and (gateway or behind is not None)

    # Where

    def _places(self) -> None:
        allowed = frozenset(self._policy.allowed_regions)
        if ANY in allowed or self._to.places == (frozenset({LOCAL}),):
            return
        places = self._seen_or_attested()
        for place in places or ():
            if not place & allowed:
                self._deny(
                    f"it computes in {_shown(place)}, and allowed is {', '.join(sorted(allowed))}"
                )

    def _seen_or_attested(self) -> tuple[Labels, ...] | None:
        hidden = self._to.hidden & {"region", "deployment"}
        if not hidden:
            return self._to.places
        seen = self._to.places
        if seen is None and (region := self._said("region")) is not None:
            seen = _one(region)
        if "deployment" in hidden:
            return self._deployed(seen)
        if seen is None:
            self._deny(f"its region cannot be seen; {self._ask('region')}")
        return seen

    def _deployed(self, seen: tuple[Labels, ...] | None) -> tuple[Labels, ...] | None:
        deployment = self._said("deployment")
        if deployment == "global":
            return _one("global")
        if deployment is None or seen is None:
            missing = ["region"] if seen is None else []
            missing += ["deployment"] if deployment is None else []
            said = " and ".join("type of deployment" if m == "deployment" else m for m in missing)
            self._deny(f"its {said} cannot be seen; {self._ask(*missing)}")
            return None
        areas = tuple(area_of(place) for place in seen)
        if deployment == "data_zone" and not all({"eu", "us"} & area for area in areas):
            self._deny("data zones are in the EU and the USA only")
            return None
        return areas

    # Terms

    def _candidates(self) -> list[Provider]:
        candidates = list(self._to.candidates)
        if len(candidates) < 2:
            return candidates
        under_contract = [provider for provider in candidates if provider.contract]
        tier = self._said("tier")
        if tier is not None:
            return [p for p in candidates if p.tier == tier] or candidates
        return under_contract or candidates

    def _unknown(self) -> None:
        needed = [name for name, wanted in self._needed().items() if wanted]
        if not self._attested:
            self._deny(f"nothing is known about this host; {self._ask('region', *needed)}")

    def _needed(self) -> dict[str, bool]:
        policy = self._policy
        return {
            "no_training": policy.require_no_training,
            "dpa": policy.require_dpa,
            "baa": policy.require_baa,
            "retention_days": policy.max_retention_days is not None,
        }

    def _terms(self, provider: Provider | None) -> None:
        if provider is None and not self._attested:
            return
        policy = self._policy
        name = provider.name if provider is not None else self._to.said
        if policy.require_no_training:
            trains = self._fact(provider, "trains_by_default", "no_training")
            if trains is None or trains.value is not False:
                how = "may train" if trains is None or trains.value is None else "trains"
                tier = self._tier_hint(provider)
                self._deny(f"{name} {how} on what it gets{tier}; {self._ask('no_training')}")
        for wanted, key, what in (
            (policy.require_dpa, "dpa", "data processing agreement"),
            (policy.require_baa, "baa", "business associate agreement"),
        ):
            if wanted:
                fact = self._fact(provider, key, key)
                if fact is not None and fact.value is False:
                    self._deny(f"there is no {what} with {name}")
                elif fact is None or fact.value is None:
                    self._deny(f"no {what} with {name} is known; {self._ask(key)}")
        if policy.max_retention_days is not None:
            self._retention(provider, name, policy.max_retention_days)

    def _retention(self, provider: Provider | None, name: str, most: int) -> None:
        fact = self._fact(provider, "retention_days", "retention_days")
        limit = provider.facts["retention_limit_days"] if provider is not None else None
        agreed = fact is not None and fact.confidence in ("contract", "attested")
        if (fact is None or fact.value is None) and limit is not None and limit.value is not None:
            assert provider is not None
            fact, limit = self._use(provider.id, limit), None
        if fact is None or fact.value is None:
            self._deny(
                f"it is not known for how long {name} keeps data; {self._ask('retention_days')}"
            )
            return
        fact = self._raised(provider, fact)
        days = int(fact.value or 0)
        if days > most:
            self._deny(f"{name} keeps data for {days} days, and allowed is {most}")
        elif limit is not None and limit.value is not None and limit.value > most and not agreed:
            self._warn(f"{name} may keep some data for up to {limit.value} days: {limit.note}")

    def _raised(self, provider: Provider | None, fact: Fact) -> Fact:
        """Some models need a time that no contract shortens."""
        model = self._to.endpoint.model or ""
        for rule in self._rules:
            about = rule.fact == "retention_days" and rule.model.search(model)
            if about and int(fact.value or 0) < rule.at_least:
                raised = Fact(fact.name, rule.at_least, "high", rule.note, rule.sources)
                return self._use(provider.id if provider is not None else self._to.said, raised)
        return fact

    def _fact(self, provider: Provider | None, name: str, term: str) -> Fact | None:
        """What counts: what was attested, else what the registry or a contract says."""
        stated = [a for a in self._attested if getattr(a, term) is not None]
        attested = _worst(stated, term)
        ident = provider.id if provider is not None else self._to.said
        contract = provider is not None and provider.facts[name].confidence == "contract"
        if attested is not None and not contract:
            value = getattr(attested, term)
            value = not value if term == "no_training" else value
            self._rely(attested)
            source = (Source(attested.name, attested.on),)
            return self._use(ident, Fact(name, value, "attested", attested.name, source))
        return self._use(ident, provider.facts[name]) if provider is not None else None

    def _use(self, ident: str, fact: Fact) -> Fact:
        if fact.value is not None and (ident, fact) not in self._found.facts:
            self._found.facts.append((ident, fact))
            if fact.confidence == "contract" and fact.note not in self._found.relied_on:
                self._found.relied_on.append(fact.note)
        return fact

    # Words

    def _said(self, term: str) -> str | None:
        stated = [item for item in self._attested if getattr(item, term) is not None]
        values = {str(getattr(item, term)) for item in stated}
        if len(values) > 1:
            self._warn(f"attestations contradict each other about its {term}: none counts")
        if len(values) != 1:
            return None
        self._rely(stated[0])
        return values.pop()

    def _rely(self, item: Attestation) -> None:
        if item.name not in self._found.relied_on:
            self._found.relied_on.append(item.name)

    def _tier_hint(self, provider: Provider | None) -> str:
        if provider is None or "tier" not in self._to.hidden or len(self._to.candidates) < 2:
            return ""
        return ", as far as can be seen: the plan is hidden (attest tier = 'paid')"

    def _ask(self, *terms: str) -> str:
        expired = "" if not self._expired else f" (one ended on {self._expired[-1].until})"
        unread = self._to.kind == "unread"
        about = f"class:{self._to.endpoint.holder}" if unread else self._to.said
        for term in terms:
            if (about, term) not in self._found.needs:
                self._found.needs.append((about, term))
        of = f" of {about!r}" if unread else ""
        return f"attest to {', '.join(terms)}{of}{expired}"

    def _deny(self, reason: str) -> None:
        self._add(self._found.reasons, f"{self._to.said}: {reason}")

    def _warn(self, text: str) -> None:
        self._add(self._found.warnings, f"{self._to.said}: {text}")

    @staticmethod
    def _add(texts: list[str], text: str) -> None:
        if text not in texts:
            texts.append(text)


def _worst(stated: Sequence[Attestation], term: str) -> Attestation | None:
    """Of several attestations, the one that says least in favour."""
    if term == "retention_days":
        return max(stated, key=lambda item: item.retention_days or 0, default=None)
    return min(stated, key=lambda item: bool(getattr(item, term)), default=None)


def _one(place: str) -> tuple[Labels, ...] | None:
    labels = labels_of(place)
    return None if labels is None else (labels,)


def _shown(place: Iterable[str]) -> str:
    return "/".join(sorted(place, key=lambda label: (-len(label), label)))
