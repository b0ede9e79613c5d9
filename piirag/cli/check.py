"""`piirag check`."""

from __future__ import annotations

import json as encoder
from pathlib import Path
from typing import Annotated

import typer

from piirag.cli.common import PARTIAL, Config, exits


@exits
def check(
    config: Config = Path("piirag.toml"),
    json: Annotated[bool, typer.Option("--json", help="Print the lines as JSON.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="What cannot be seen counts as failed.")
    ] = False,
    live: Annotated[
        bool, typer.Option("--live/--no-live", help="Run the self-test with planted values.")
    ] = True,
) -> None:
    """Answer a checklist from the configuration and the code's objects, with evidence.

    Objects are named in the configuration: objects = ["ourapp.rag:chain"] in [check]. Their
    modules are imported. Exit codes: 0 no line fails, 3 a line fails (with --strict, or is
    unknown), 2 wrong usage.
    """
    from piirag.governance.check import check as run

    report = run(config, live=live)
    typer.echo(encoder.dumps(report.to_dict(), indent=2) if json else str(report))
    if not report.passed(strict=strict):
        raise typer.Exit(PARTIAL)
