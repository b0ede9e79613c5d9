"""From an address to what it is: the provider, the places where it computes, and what is hidden.

The address of the live client decides, and the model it asks for; never the name of a class or
what a field says, which environment variables, gateways and proxies override.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from piirag.governance.providers.endpoint import LOCAL, Destination, Endpoint
from piirag.governance.providers.facts import HostRule, Provider
from piirag.governance.providers.regions import Labels, labels_of
from piirag.governance.providers.registry import Registry

OWN_SERVER = "self_hosted_openai_compatible"

# Models that a local Ollama has computed at ollama.com; a tag may follow.
_CLOUD_MODEL = re.compile(r"[-:]cloud(?=$|[:@])")

# Amazon Bedrock: what a model id says about where it runs. An id begins with its vendor, or with
# the prefix of a profile; what begins with neither cannot be told.
_PROFILE = re.compile(r"^(us-gov|us|eu|apac|jp|au|ca|global)\.")
_VENDORS = frozenset(
    """
    ai21 amazon anthropic cohere deepseek google luma meta minimax mistral moonshot moonshotai
    nvidia openai qwen stability twelvelabs writer zai
    """.split()
)
_ARN = re.compile(r"^arn:aws[a-z-]*:bedrock:([a-z0-9-]*):\d*:([a-z-]+)/(.+)$")
_IN_REGION = ("foundation-model", "provisioned-model", "custom-model", "imported-model")

_LOCAL_NAMES = ("localhost", "ip6-localhost", "localhost.localdomain")
_PRIVATE_ENDINGS = (".local", ".internal", ".lan", ".home.arpa", ".intranet", ".svc")
# Not `is_private`, which holds reserved networks and those of documentation, too.
_PRIVATE = [
    ipaddress.ip_network(net)
    for net in "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 169.254.0.0/16 fc00::/7 fe80::/10".split()
]
_ZONE = re.compile(r"^[a-z0-9_-]+$")
# 16843009 and 0x1.1 are addresses to some clients, and names to others.
_NUMBERS = re.compile(r"^(?:0x[0-9a-f]*|\d+)(?:\.(?:0x[0-9a-f]*|\d+))*$")


@dataclass
class _Place:
    """What was found about where an endpoint computes."""

    places: tuple[Labels, ...] | None
    hidden: set[str]
    notes: list[str]
    named: bool = False  # the client names all of them, so that no contract narrows them down


def classify(endpoint: Endpoint, registry: Registry) -> Destination:
    """What an endpoint is.

    Args:
        endpoint: What was read.
        registry: What is known about providers.
    """
    if endpoint.unread:
        return Destination(endpoint, hidden=frozenset({"region"}), kind="unread")
    if endpoint.sdk == "in-process":
        return Destination(endpoint, places=(frozenset({LOCAL}),), kind="in-process")
    if endpoint.sdk == "callback":
        note = "it cannot be seen whether this callback sends anything"
        return Destination(endpoint, kind="in-process", notes=(note,))
    host = endpoint.host
    if not host:
        return Destination(endpoint, hidden=frozenset({"region"}), kind="unread")
    near = _nearness(host)
    if near:
        return _own_server(endpoint, registry, near)
    found = registry.at(host)
    if not found:
        return Destination(endpoint, hidden=frozenset({"region"}))
    place = _place(endpoint, *found[0][1:], found[0][0])
    candidates = tuple(provider for provider, _, _ in found)
    _agreed(place, candidates)
    if place.places is None:
        place.hidden.add("region")
    return Destination(
        endpoint,
        candidates,
        place.places,
        frozenset(place.hidden),
        "provider",
        tuple(place.notes),
    )


def _nearness(host: str) -> str:
    """ "loopback", "private", or empty for a host that may be anywhere."""
    if host in _LOCAL_NAMES or host.endswith(".localhost"):
        return "loopback"
    bare, percent, zone = host.partition("%")
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        if percent or _NUMBERS.match(host):
            return ""
        lone = "." not in host
        return "private" if lone or host.endswith(_PRIVATE_ENDINGS) else ""
    if percent and (address.version == 4 or not _ZONE.match(zone)):
        return ""  # some clients read another name in it
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped if mapped is not None else address
    if address.is_loopback or address.is_unspecified:
        return "loopback"
    near = any(address in net for net in _PRIVATE if net.version == address.version)
    return "private" if near else ""


def _own_server(endpoint: Endpoint, registry: Registry, near: str) -> Destination:
    model = endpoint.model or ""
    provider = _server(endpoint, registry)
    if _CLOUD_MODEL.search(model.strip().lower()):
        cloud = registry.providers.get("ollama_cloud")
        return Destination(
            endpoint,
            (cloud,) if cloud is not None else (),
            hidden=frozenset({"region"}),
            kind="forwarded",
            notes=(f"the model {model} is computed at ollama.com, not on the machine",),
        )
    hidden = set(provider.hidden) if provider is not None else set()
    notes = []
    if provider is not None and provider.kind == "gateway":
        hidden |= {"region", "upstream"}
    elif provider is not None and provider.id == "ollama_local" and not model:
        hidden.add("upstream")
        notes.append("no model is named: it may be one that is computed at ollama.com")
    if near == "private":
        hidden.add("region")
    if "upstream" not in hidden and near == "loopback":
        notes.append(f"what listens at {endpoint.host} may pass on what it gets: it cannot be seen")
    places = (frozenset({LOCAL}),) if near == "loopback" and "region" not in hidden else None
    candidates = (provider,) if provider is not None else ()
    return Destination(endpoint, candidates, places, frozenset(hidden), near, tuple(notes))


def _server(endpoint: Endpoint, registry: Registry) -> Provider | None:
    ident = {"ollama": "ollama_local", "lm_studio": "lm_studio"}.get(endpoint.sdk)
    if ident is None:
        port = endpoint.port
        ident = next((p.id for p in registry if port is not None and port in p.ports), OWN_SERVER)
    return registry.providers.get(ident)


def _place(endpoint: Endpoint, rule: HostRule, match: re.Match[str], provider: Provider) -> _Place:
    notes = [rule.note] if rule.note else []
    hidden = set(rule.hidden)
    places: tuple[Labels, ...] | None = None
    if rule.places:
        places = tuple(labels for place in rule.places if (labels := labels_of(place)))
    elif "region" in rule.regex.groupindex:
        labels = labels_of(match["region"])
        places = (labels,) if labels is not None else None
    found = _Place(places, hidden, notes)
    if provider.id == "bedrock":
        _bedrock(found, endpoint.model)
    elif provider.id == "vertex_gemini":
        _vertex(found, endpoint)
    elif provider.id == "azure_openai":
        _azure(found, endpoint)
    elif rule.region_in is not None:
        _in_body(found, endpoint, rule.region_in)
    return found


def _agreed(found: _Place, candidates: tuple[Provider, ...]) -> None:
    """Places that a contract promises count where none are seen, or as a part of those seen."""
    promised = next((p.regions for p in candidates if p.regions is not None), None)
    if promised is None:
        return
    places = tuple(labels for place in promised if (labels := labels_of(place)))
    seen = found.places
    narrows = all if found.named else any
    if seen is None or narrows(any(one & other for other in places) for one in seen):
        found.places = places
        found.hidden -= {"region", "deployment"}


def _bedrock(found: _Place, model: str | None) -> None:
    """The model id counts before the host: a profile runs where its prefix says."""
    if not model:
        found.places = None
        found.notes.append("no model is named: a profile may run in other regions")
        return
    model = model.strip().lower()
    arn = _ARN.match(model)
    if arn is not None:
        region, kind, model = arn.groups()
        if kind in _IN_REGION:
            found.places = _known(region) if region else found.places
            return
        if kind != "inference-profile":
            found.places = None
            found.notes.append(f"the {kind} hides where it runs")
            return
    profile = _PROFILE.match(model)
    if profile is not None:
        found.places = _known(profile[1])
        found.notes.append(f"the profile {profile[1]}. runs in any of its regions")
    elif arn is not None:
        found.places = None
        found.notes.append("the inference profile hides where it runs")
    elif model.startswith("arn:") or ("." in model and model.partition(".")[0] not in _VENDORS):
        found.places = None
        found.notes.append("its model id begins with no vendor and no profile that is known")


def _vertex(found: _Place, endpoint: Endpoint) -> None:
    """Host and location may differ, where somebody set the address by hand: both count."""
    if endpoint.region is not None and found.places is not None:
        location = _known(endpoint.region)
        found.places = None if location is None else (*found.places, *location)
        found.named = True


def _azure(found: _Place, endpoint: Endpoint) -> None:
    if (endpoint.model or "").startswith("claude") or "/anthropic" in endpoint.url:
        found.hidden.add("upstream")
        found.notes.append("Claude in Foundry is processed by Anthropic")


def _in_body(found: _Place, endpoint: Endpoint, name: str) -> None:
    found.places = _known(endpoint.body_region) if endpoint.body_region else None
    if found.places is None:
        found.notes.append(f"{name} is not set: the default of the workspace cannot be seen")


def _known(place: str) -> tuple[Labels, ...] | None:
    labels = labels_of(place)
    return None if labels is None else (labels,)
