"""`piirag suppression`: the list of users who are not to come back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from piirag.cli.common import NOTHING, OK, PARTIAL, Config, exits, given_users, open_service

app = typer.Typer(
    no_args_is_help=True, help="The erased users who are not to come back with a backup."
)


@app.command("export")
@exits
def export_list(
    file: Annotated[Path, typer.Argument(help="A new file.", show_default=False)],
    config: Config = Path("piirag.toml"),
) -> None:
    """Write the list to a file, to be kept apart from the backups. It names nobody in clear."""
    service = open_service(config)
    try:
        typer.echo(f"{service.suppression.export_file(file)} users")
    finally:
        service.close()


@app.command()
@exits
def reapply(
    file: Annotated[
        Path | None, typer.Option("--import", help="An exported list to be added first.")
    ] = None,
    candidates_from: Annotated[
        Path | None,
        typer.Option(help="A file of user ids, one a line, for entries that hold hashes only."),
    ] = None,
    config: Config = Path("piirag.toml"),
) -> None:
    """Erase again whoever is on the list: after a store or the vault came back from a backup.

    Exit codes: 0 done, 3 partial, 4 nothing had come back, 2 wrong usage.
    """
    candidates = [] if candidates_from is None else given_users(None, candidates_from)
    service = open_service(config)
    try:
        if file is not None:
            typer.echo(f"{service.suppression.import_file(file)} users imported")
        done = service.suppression.reapply(service, candidates=candidates)
    finally:
        service.close()
    for receipt in done.receipts:
        typer.echo(str(receipt))
    typer.echo(
        f"{len(done.receipts)} erased again, {done.absent} absent, {done.unmatched} not looked for"
    )
    if not done.complete:
        raise typer.Exit(PARTIAL)
    raise typer.Exit(OK if done.receipts else NOTHING)
