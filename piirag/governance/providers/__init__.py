"""Where models may run: a registry of providers, a policy, and what reads the live clients."""

from __future__ import annotations

from piirag.governance.providers.attestations import Attestation
from piirag.governance.providers.contracts import Contract
from piirag.governance.providers.endpoint import Destination, Endpoint, Verdict
from piirag.governance.providers.facts import Fact, Provider, Source
from piirag.governance.providers.http_guard import guard_http_client
from piirag.governance.providers.models import read_model
from piirag.governance.providers.policy import ProviderPolicy, ProviderWarning
from piirag.governance.providers.registry import Registry

__all__ = [
    "Attestation",
    "Contract",
    "Destination",
    "Endpoint",
    "Fact",
    "Provider",
    "ProviderPolicy",
    "ProviderWarning",
    "Registry",
    "Source",
    "Verdict",
    "guard_http_client",
    "read_model",
]
