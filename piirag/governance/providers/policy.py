"""Which endpoints may be called: the policy, and what it says about a model."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from piirag.config_file import read_toml, table_of
from piirag.errors import ConfigurationError, ProviderPolicyError
from piirag.governance.providers.attestations import Attestation, attestations_in
from piirag.governance.providers.classify import classify
from piirag.governance.providers.contracts import Contract, contracts_in, ended
from piirag.governance.providers.endpoint import Endpoint, Verdict
from piirag.governance.providers.hops import http_clients_read
from piirag.governance.providers.judge import Findings, Judge
from piirag.governance.providers.models import read_model
from piirag.governance.providers.redirects import watch
from piirag.governance.providers.regions import check_regions
from piirag.governance.providers.registry import Registry
from piirag.governance.providers.tracing import tracing_endpoints

OnStale = Literal["warn", "deny", "ignore"]

_KEYS = """
allowed_regions require_no_training require_dpa require_baa max_retention_days self_hosted_ok
check_tracers on_stale registry models attestations contracts
""".split()
_FLAGS = ("require_no_training", "require_dpa", "require_baa", "self_hosted_ok", "check_tracers")
_EPOCH = date(1970, 1, 1)
_KEPT = 1024


class ProviderWarning(UserWarning):
    """What does not stop a call, but is to be known: an old fact, a proxy, a hidden upstream."""


@dataclass(eq=False)
class ProviderPolicy:
    """Which endpoints models may be called at.

    It reads the live clients at every call, so that environment variables, gateways, options of a
    call and clients that were changed count as they are. What cannot be read, and what cannot be
    seen, is refused until somebody attests to it. To change a policy, make another.

    Args:
        allowed_regions: Areas ("eu", "eea", "us"), countries ("de", "uk") or regions
            ("eu-central-1") in which data may be processed; "any" for all.
        require_no_training: Whether what is sent must train nothing.
        require_dpa: Whether there must be a data processing agreement.
        require_baa: Whether there must be a business associate agreement (HIPAA).
        max_retention_days: For how long a provider may keep what it gets, in days; None for any
            time.
        self_hosted_ok: Whether servers on this machine, or attested ones in the own network, may
            be called.
        attestations: What operators state where it cannot be seen.
        contracts: Terms of own contracts, in place of the registry's.
        on_stale: What becomes of a fact that is older than 180 days or whose sources give no
            date: "warn", "deny" or "ignore".
        check_tracers: Whether a call is refused too where a tracer that is switched on, or among
            its callbacks, is forbidden.
        registry: What is known about providers; that of piirag if None.
        models: Where the application's model objects are, as ``module:attribute``, for
            `piirag check`.
        clock: Returns the time in seconds since 1970.

    Raises:
        ConfigurationError: Something of the wrong kind.
    """

    allowed_regions: Collection[str]
    require_no_training: bool = True
    require_dpa: bool = True
    require_baa: bool = False
    max_retention_days: int | None = 30
    self_hosted_ok: bool = True
    attestations: Sequence[Attestation] = ()
    contracts: Sequence[Contract] = ()
    on_stale: OnStale = "warn"
    check_tracers: bool = True
    registry: Registry | None = None
    models: Sequence[str] = ()
    clock: Callable[[], float] = time.time
    _verdicts: dict[tuple[Endpoint, ...], Verdict] = field(default_factory=dict, repr=False)
    _day: int = field(default=-1, repr=False)
    _today_registry: Registry = field(init=False, repr=False)
    _warned: set[str] = field(default_factory=set, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        self.allowed_regions = check_regions(self.allowed_regions, "allowed_regions")
        for name in _FLAGS:
            if not isinstance(getattr(self, name), bool):
                raise ConfigurationError(f"{name} is true or false")
        days = self.max_retention_days
        if days is not None and (type(days) is not int or days < 0):
            raise ConfigurationError("max_retention_days is a number of days, or None")
        if self.on_stale not in ("warn", "deny", "ignore"):
            raise ConfigurationError("on_stale is 'warn', 'deny' or 'ignore'")
        if isinstance(self.models, str) or not all(_is_place(item) for item in self.models):
            raise ConfigurationError("models is a list of module:attribute")
        self.attestations, self.contracts = tuple(self.attestations), tuple(self.contracts)
        self._check_kinds()
        if self.registry is None:
            self.registry = Registry.load()
        self._today_registry = self.registry.with_contracts(self.contracts)

    def _check_kinds(self) -> None:
        if not all(isinstance(item, Attestation) for item in self.attestations):
            raise ConfigurationError("attestations is a list of Attestation")
        if not all(isinstance(item, Contract) for item in self.contracts):
            raise ConfigurationError("contracts is a list of Contract")

    @classmethod
    def from_file(cls, path: str | Path) -> ProviderPolicy:
        """The policy in the ``[providers]`` table of a ``piirag.toml``.

        Raises:
            ConfigurationError: There is none, or something in it is wrong.
        """
        table = table_of(read_toml(path), "providers", _KEYS)
        if "allowed_regions" not in table:
            raise ConfigurationError(f"{path}: [providers] has no allowed_regions")
        given = {key: table[key] for key in table if key not in ("attestations", "contracts")}
        if "registry" in given:
            given["registry"] = Registry.load(Path(path).parent / str(given["registry"]))
        return cls(**given, attestations=attestations_in(table), contracts=contracts_in(table))

    def check(
        self, model: Any, *, options: Mapping[str, Any] | None = None, config: Any = None
    ) -> Verdict:
        """What the policy says about a model.

        Args:
            model: A model, embedding model or reranker of LangChain or LlamaIndex, whatever it is
                wrapped in, or an SDK's client.
            options: The options of a call, which may name another model.
            config: A LangChain config, which may choose among models.
        """
        return self._look_up(read_model(model, options, config))

    def enforce(
        self,
        model: Any,
        *,
        options: Mapping[str, Any] | None = None,
        config: Any = None,
        callbacks: Any = None,
    ) -> Verdict:
        """Refuse a model that the policy forbids. Call it before anything is sent.

        Args:
            model: As for `check`, as for what follows.
            options: The options of the call.
            config: A LangChain config.
            callbacks: Callbacks of the call, among which there may be tracers.

        Raises:
            ProviderPolicyError: It is forbidden, or a tracer is; the error says why.
        """
        with http_clients_read() as clients:
            endpoints = read_model(model, options, config)
        verdict = self.insist(self._look_up(endpoints))
        for http, url in clients:
            watch(http, url, self)
        if self.check_tracers:
            self.enforce_tracing(callbacks)
        return verdict

    def insist(self, verdict: Verdict) -> Verdict:
        """Raise where a verdict forbids; give its warnings, each once.

        Raises:
            ProviderPolicyError: It forbids.
        """
        if not verdict.allowed:
            raise ProviderPolicyError(verdict.reasons, verdict.provider)
        for text in verdict.warnings:
            if text not in self._warned:
                self._warned.add(text)
                warnings.warn(text, ProviderWarning, stacklevel=3)
        return verdict

    def check_url(self, url: str, model: str | None = None) -> Verdict:
        """What the policy says about an address.

        Args:
            url: Its URL.
            model: The model that is asked for there.
        """
        return self.check_endpoints((Endpoint(url, model),))

    def check_endpoints(self, endpoints: Iterable[Endpoint]) -> Verdict:
        """What the policy says about endpoints that were read: all of them must be allowed."""
        read = tuple(endpoints)
        with self._lock:
            self._begin_day()
            verdict = self._verdicts.get(read)
            if verdict is None:
                if len(self._verdicts) >= _KEPT:
                    self._verdicts.clear()
                verdict = self._verdicts[read] = self._judged(read)
        return verdict

    def check_tracing(self, callbacks: Any = None) -> Verdict:
        """What the policy says about tracers, which send prompts and replies too.

        Looked at are what the environment switches on (LangSmith, Langfuse, OTLP), what is
        registered with OpenTelemetry in this process, and the callbacks that are given.

        Args:
            callbacks: Callbacks of a model or a config.
        """
        endpoints = tracing_endpoints(callbacks)
        return self._look_up(endpoints) if endpoints else Verdict("allow")

    def enforce_tracing(self, callbacks: Any = None) -> Verdict:
        """Refuse tracers that the policy forbids. See `check_tracing`.

        Raises:
            ProviderPolicyError: One is forbidden; the error says why.
        """
        return self.insist(self.check_tracing(callbacks))

    @property
    def today(self) -> date:
        """The date by the clock, in UTC."""
        return datetime.fromtimestamp(self.clock(), UTC).date()

    def _look_up(self, endpoints: tuple[Endpoint, ...]) -> Verdict:
        # Where the same was read before on this day, there is nothing more to do.
        if int(self.clock() // 86400) == self._day:
            known = self._verdicts.get(endpoints)
            if known is not None:
                return known
        return self.check_endpoints(endpoints)

    def _begin_day(self) -> None:
        """Verdicts hold for a day: attestations and contracts end, facts grow old."""
        day = int(self.clock() // 86400)
        if day != self._day:
            self._verdicts.clear()
            over = ended(self.contracts, _EPOCH + timedelta(days=day))
            assert self.registry is not None
            self._today_registry = self.registry.with_contracts(
                contract for contract in self.contracts if contract not in over
            )
            self._day = day

    def _judged(self, endpoints: tuple[Endpoint, ...]) -> Verdict:
        found = Findings()
        today = _EPOCH + timedelta(days=self._day)
        registry = self._today_registry
        destinations = tuple(classify(endpoint, registry) for endpoint in endpoints)
        for destination in destinations:
            Judge(self, destination, registry.model_rules, today, found).judge()
            if destination.endpoint.unread and destination.endpoint.url and not found.reasons:
                # Who attests to what cannot be read does not attest to the address, which can.
                seen = classify(replace(destination.endpoint, unread=""), registry)
                Judge(self, seen, registry.model_rules, today, found).judge()
        if not destinations:
            found.reasons.append("no model was found in what is called")
        self._look_at_ages(found, today)
        return Verdict(
            "deny" if found.reasons else "allow",
            tuple(found.reasons),
            tuple(found.warnings),
            tuple(found.facts),
            tuple(found.relied_on),
            destinations,
            tuple(found.needs),
        )

    def _look_at_ages(self, found: Findings, today: date) -> None:
        by_provider: dict[str, list[str]] = {}
        for ident, fact in found.facts:
            said = fact.age_said(today)
            if said:
                by_provider.setdefault(ident, []).append(f"{fact.name}: {said}")
        for ident, ages in by_provider.items():
            text = f"facts about {ident} may be out of date: " + "; ".join(ages)
            if self.on_stale == "deny":
                found.reasons.append(text)
            elif self.on_stale == "warn":
                found.warnings.append(text)


def _is_place(item: Any) -> bool:
    return isinstance(item, str) and item.count(":") == 1
