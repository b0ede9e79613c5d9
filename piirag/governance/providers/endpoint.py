"""Where a client sends to, as read from the live client, and what that turns out to be."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from piirag.governance.providers.facts import Fact, Provider
from piirag.governance.providers.regions import Labels

# Clients do not agree on the host of a URL with these in it.
_AMBIGUOUS = re.compile(r"[\x00-\x20\x7f\\]")

LOCAL = "local"
"""The place of what never leaves the machine."""


@dataclass(frozen=True)
class Endpoint:
    """What a live client says about where it sends to. It holds no keys, and is a cache's key.

    Attributes:
        url: Its base URL; empty where there is none.
        model: The model that is asked for, if one is named.
        sdk: What kind of client: "openai", "ollama" and so on; "in-process" where nothing is sent.
        holder: The class of the object that holds it: ``langchain_openai.chat_models.ChatOpenAI``.
        region: The region that the client itself names.
        body_region: The place that the request names in its body.
        proxies: Proxies on the way, without user and password.
        unread: Why it cannot be told where this sends to; empty where it can.
    """

    url: str = ""
    model: str | None = None
    sdk: str = ""
    holder: str = ""
    region: str | None = None
    body_region: str | None = None
    proxies: tuple[str, ...] = ()
    unread: str = ""

    @property
    def host(self) -> str:
        """The host, in lower case, without brackets."""
        return _split(self.url)[0]

    @property
    def port(self) -> int | None:
        """The port, if the URL has one."""
        return _split(self.url)[1]

    @property
    def scheme(self) -> str:
        """The scheme of the URL."""
        return self.url.partition(":")[0].lower() if "://" in self.url else ""

    @property
    def names(self) -> frozenset[str]:
        """The names under which an attestation may speak of it."""
        names = {f"class:{self.holder}"} if self.holder else set()
        host, port = _split(self.url)
        if host and not self.unread:
            shown = f"[{host}]" if ":" in host else host
            port = port or {"https": 443, "http": 80}.get(self.scheme)
            names |= {host, shown, f"{shown}:{port}"}
        return frozenset(names)


@dataclass(frozen=True)
class Destination:
    """An endpoint, and what is known about it.

    Attributes:
        endpoint: What was read.
        candidates: The providers it may be; several where plans share a host; none for a host
            that nobody knows.
        places: Where it computes, each place by its labels: all of them, not one of them. None
            where that cannot be seen.
        hidden: What cannot be seen: of region, deployment, tier, upstream.
        kind: "provider", "loopback", "private", "in-process", "forwarded" (by a local server),
            "unknown" or "unread".
        notes: What is to be said about it.
    """

    endpoint: Endpoint
    candidates: tuple[Provider, ...] = ()
    places: tuple[Labels, ...] | None = None
    hidden: frozenset[str] = frozenset()
    kind: str = "unknown"
    notes: tuple[str, ...] = ()

    @property
    def provider(self) -> str | None:
        """Id of the provider; None where it is unknown, or may be one of several."""
        return self.candidates[0].id if len(self.candidates) == 1 else None

    @property
    def said(self) -> str:
        """The destination as it is told."""
        return _address(self.endpoint) or self.endpoint.holder or self.endpoint.sdk

    def to_dict(self) -> dict[str, Any]:
        """The destination as plain data."""
        return {
            "address": _address(self.endpoint),
            "held_by": self.endpoint.holder,
            "sdk": self.endpoint.sdk,
            "model": self.endpoint.model,
            "providers": [provider.id for provider in self.candidates],
            "kind": self.kind,
            "places": None if self.places is None else [sorted(p) for p in self.places],
            "hidden": sorted(self.hidden),
            "proxies": list(self.endpoint.proxies),
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Verdict:
    """What the policy says about a model.

    Attributes:
        decision: "allow" or "deny".
        reasons: Why it is denied; empty where it is allowed.
        warnings: What does not stop a call, but is to be known.
        facts: What was gone by: each fact with the id of its provider.
        relied_on: The attestations and contracts that count in it.
        destinations: Where the model sends to.
        needs: What an operator would have to attest to: an endpoint, and a term of an attestation.
    """

    decision: str
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    facts: tuple[tuple[str, Fact], ...] = field(default=(), hash=False)
    relied_on: tuple[str, ...] = ()
    destinations: tuple[Destination, ...] = ()
    needs: tuple[tuple[str, str], ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether calls may leave."""
        return self.decision == "allow"

    @property
    def provider(self) -> str | None:
        """Id of the provider, where there is one, and only one."""
        ids = {destination.provider for destination in self.destinations}
        return ids.pop() if len(ids) == 1 else None

    def to_dict(self) -> dict[str, Any]:
        """The verdict as plain data, for reports."""
        return {
            "decision": self.decision,
            "reasons": list(self.reasons),
            "warnings": list(self.warnings),
            "facts": [{"provider": ident, **fact.to_dict()} for ident, fact in self.facts],
            "relied_on": list(self.relied_on),
            "destinations": [destination.to_dict() for destination in self.destinations],
            "needs": [{"endpoint": endpoint, "term": term} for endpoint, term in self.needs],
        }


def _split(url: str) -> tuple[str, int | None]:
    if _AMBIGUOUS.search(url):
        return "", None
    try:
        parts = urlsplit(url)
        return (parts.hostname or "").lower().rstrip("."), parts.port
    except ValueError:
        return "", None


def _address(endpoint: Endpoint) -> str:
    host, port = _split(endpoint.url)
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"
