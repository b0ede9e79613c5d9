"""The models of the application, as the provider policy sees them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from piirag.errors import PiiragError
from piirag.governance.assessment.facts import Processor
from piirag.governance.check.config import CheckConfig, load

if TYPE_CHECKING:
    from piirag.governance.providers import ProviderPolicy

_DEMANDS = (
    ("allowed_regions", "regions"),
    ("require_no_training", "no training"),
    ("require_dpa", "data processing agreement"),
    ("require_baa", "business associate agreement"),
    ("max_retention_days", "kept for at most (days)"),
    ("self_hosted_ok", "own servers allowed"),
)


def demands(policy: ProviderPolicy) -> Mapping[str, str]:
    """What a provider policy demands, in words."""
    from piirag.governance.assessment.readers import shown

    return {
        title: shown(getattr(policy, name)) for name, title in _DEMANDS if hasattr(policy, name)
    }


def seen(policy: ProviderPolicy, path: Path) -> tuple[tuple[Processor, ...], tuple[str, ...]]:
    """The models that a configuration names, and those that could not be looked at.

    Those of ``models`` in ``[providers]``, and those within ``objects`` in ``[check]``. Code of
    the application is imported; nothing is sent.
    """
    folder = path.resolve().parent
    named = load(tuple(policy.models), folder)
    around = load(CheckConfig.from_file(path).objects, folder)
    failed = {**named.failed, **around.failed}
    unread = tuple(f"{name}: {error} while it was loaded" for name, error in failed.items())
    models = {**named.objects, **_within(around.objects)}
    return tuple(p for name, model in models.items() for p in asked(policy, name, model)), unread


def asked(policy: ProviderPolicy, name: str, model: Any) -> list[Processor]:
    """What the policy says of one model: an entry for each destination."""
    problem = ""
    try:
        verdict = policy.check(model)
    except PiiragError as error:
        problem = type(error).__name__
    if problem:
        return [Processor(name, "", allowed=None, reasons=(problem,))]
    notes = (*verdict.reasons, *verdict.warnings, *verdict.relied_on)
    if not verdict.destinations:
        return [Processor(name, "", allowed=verdict.allowed, reasons=notes)]
    return [
        Processor(
            name,
            " or ".join(provider.name for provider in where.candidates) or _kind(where.kind),
            where.endpoint.host,
            _region(where.places),
            verdict.allowed,
            tuple(dict.fromkeys((*notes, *where.notes))),
        )
        for where in verdict.destinations
    ]


def _within(objects: Mapping[str, Any]) -> dict[str, Any]:
    from piirag.governance.check.code import models_in

    return {seen.path: seen.inner for seen in models_in(objects) if seen.inner is not None}


def _region(places: Any) -> str:
    if places is None:
        return ""
    return ", ".join(sorted({"/".join(sorted(labels)) for labels in places}))


def _kind(kind: str) -> str:
    return {"in-process": "in this process", "loopback": "this machine"}.get(kind, "")
