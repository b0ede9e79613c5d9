"""`piirag providers`."""

from __future__ import annotations

import json as encoder
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from piirag.cli.common import OK, PARTIAL, exits

if TYPE_CHECKING:
    from rich.table import Table

    from piirag.governance.providers import Fact, Provider, Registry

_COLUMNS = {
    "trains_by_default": "trains",
    "retention_days": "kept (days)",
    "zero_retention": "zero retention",
    "dpa": "DPA",
    "baa": "BAA",
}


@exits
def providers(
    config: Annotated[
        Path | None,
        typer.Option("--config", help="A piirag.toml: its contracts count, in place of defaults."),
    ] = None,
    stale: Annotated[
        bool, typer.Option("--stale", help="Only facts that are old, or have no date.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Show what is known about providers of models, from when, and how sure it is.

    A question mark is what is not known, which is never a "no". Exit codes: 0, or with --stale 3
    where a fact is older than 180 days or has no date; 2 wrong usage.
    """
    registry, today = _registry(config), datetime.now(UTC).date()
    found = [
        (provider, fact, said)
        for provider in registry
        for fact in provider.facts.values()
        if (said := fact.age_said(today))
    ]
    if json:
        typer.echo(encoder.dumps(_plain(registry, found, today, stale), indent=2))
    elif stale:
        _print(_stale_table(found))
    else:
        _print(_table(registry, today))
        typer.echo(_summary(registry, found, today))
    raise typer.Exit(PARTIAL if stale and found else OK)


def _registry(config: Path | None) -> Registry:
    from piirag.governance.providers import ProviderPolicy, Registry

    if config is None:
        return Registry.load()
    policy = ProviderPolicy.from_file(config)
    assert policy.registry is not None
    return policy.registry.with_contracts(
        contract for contract in policy.contracts if contract.holds(policy.today)
    )


def _table(registry: Registry, today: date) -> Table:
    from rich.table import Table

    table = Table(title=f"Providers, read on {registry.read_on}", expand=False)
    for name in ("id", "kind", *_COLUMNS.values(), "as of", "sure"):
        table.add_column(name, overflow="fold")
    for provider in registry:
        facts = [provider.facts[name] for name in _COLUMNS]
        table.add_row(
            provider.id,
            provider.kind.replace("_", " "),
            *(_shown(provider, fact) for fact in facts),
            _age([fact for fact in facts if fact.value is not None], today),
            _sureness(facts),
        )
    return table


def _shown(provider: Provider, fact: Fact) -> str:
    limit = provider.facts["retention_limit_days"].value
    if fact.value is None:
        most = fact.name == "retention_days" and limit is not None
        return f"up to {limit}" if most else "?"
    if isinstance(fact.value, bool):
        text = "yes" if fact.value else "no"
    else:
        text = str(fact.value)
        if limit is not None and limit > fact.value and fact.confidence != "contract":
            text = f"{text}, some {limit}"
    return f"{text} (contract)" if fact.confidence == "contract" else text


def _age(known: list[Fact], today: date) -> str:
    dates = [fact.as_of for fact in known if fact.as_of is not None]
    if not dates:
        return "no date" if known else "-"
    undated = ", some no date" if len(dates) < len(known) else ""
    old = " (old)" if any(fact.is_old(today) for fact in known) else ""
    return f"{min(dates)}{old}{undated}"


def _sureness(facts: list[Fact]) -> str:
    order = ("low", "medium", "high", "contract")
    known = [fact.confidence for fact in facts if fact.value is not None]
    return min(known, key=order.index) if known else "-"


def _stale_table(found: list[tuple[Provider, Fact, str]]) -> Table:
    from rich.table import Table

    table = Table(title="Facts that are old, or have no date", expand=False)
    for name in ("provider", "fact", "age", "source"):
        table.add_column(name, overflow="fold")
    for provider, fact, said in found:
        source = fact.sources[0].url if fact.sources else "-"
        table.add_row(provider.id, fact.name, said, source)
    return table


def _summary(registry: Registry, found: list[tuple[Provider, Fact, str]], today: date) -> str:
    known = [f for provider in registry for f in provider.facts.values() if f.value is not None]
    old = [fact for _, fact, _ in found if fact.is_old(today)]
    undated = [fact for _, fact, _ in found if fact.as_of is None]
    return (
        f"{len(known)} facts are known; {len(old)} are older than 180 days, "
        f"{len(undated)} have sources without a date. `piirag providers --stale` lists them; "
        "--json gives sources and notes."
    )


def _plain(
    registry: Registry, found: list[tuple[Provider, Fact, str]], today: date, stale: bool
) -> dict[str, Any]:
    aged = [
        {"provider": provider.id, "age": said, "old": fact.is_old(today), **fact.to_dict()}
        for provider, fact, said in found
    ]
    plain: dict[str, Any] = {"read_on": registry.read_on.isoformat(), "stale": aged}
    return plain if stale else {**plain, "providers": [p.to_dict() for p in registry]}


def _print(table: Table) -> None:
    from rich.console import Console

    console = Console()
    # Into a file or a pipe, a table has the width that it needs.
    Console(width=None if console.is_terminal else 200).print(table)
