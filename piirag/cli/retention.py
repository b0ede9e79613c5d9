"""`piirag retention`: how long what is kept, and deleting what is over."""

from __future__ import annotations

import json as encoder
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from piirag.cli.common import NOTHING, OK, PARTIAL, Config, exits

if TYPE_CHECKING:
    from piirag.governance.retention import RetentionReceipt, RetentionRunner

app = typer.Typer(no_args_is_help=True, help="How long what is kept, and deleting what is over.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
@exits
def run(
    config: Config = Path("piirag.toml"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count what would be deleted.")
    ] = False,
    json: Json = False,
) -> None:
    """Delete what is over, everywhere that the configuration names. Made for cron.

    Exit codes: 0 done, 3 partial (a store failed, or another run is under way), 4 nothing was
    over, 2 wrong usage.
    """
    runner = _runner(config, create=not dry_run)
    try:
        receipt = runner.run(dry_run=dry_run)
    finally:
        runner.close()
    typer.echo(receipt.to_json() if json else str(receipt))
    raise typer.Exit(_code(receipt))


@app.command()
@exits
def show(config: Config = Path("piirag.toml"), json: Json = False) -> None:
    """Print what is kept where, for how long, and what deletes it by itself."""
    from piirag.governance.retention.receipt import told

    runner = _runner(config, create=False)
    try:
        plan = runner.plan()
        policy = runner.policy
    finally:
        runner.close()
    periods = {kind: policy.seconds(kind) for kind in policy.kinds()}
    if json:
        entries: list[dict[str, Any]] = [
            {"name": t.name, "kind": t.kind, "period": t.period, "native": t.native} for t in plan
        ]
        typer.echo(encoder.dumps({"periods": periods, "targets": entries}, indent=2))
        return
    # A target may bring a period of its own along.
    for kind, seconds in {**{t.kind: t.period for t in plan}, **periods}.items():
        typer.echo(f"{kind}: kept {told(seconds)}")
        for target in plan:
            if target.kind == kind:
                by_itself = f"; {target.native}" if target.native else ""
                typer.echo(f"- {target.name}{by_itself}")


def _runner(config: Path, *, create: bool) -> RetentionRunner:
    from piirag.governance.retention import RetentionRunner

    return RetentionRunner.from_file(config, create=create)


def _code(receipt: RetentionReceipt) -> int:
    if not receipt.complete:
        return PARTIAL
    return OK if receipt.deleted or any(t.over for t in receipt.targets) else NOTHING
