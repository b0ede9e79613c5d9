"""`piirag export-user`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from piirag.cli.common import NOTHING, OK, PARTIAL, Config, exits, given_user, open_service
from piirag.errors import ConfigurationError


@exits
def export_user(
    user: Annotated[
        str,
        typer.Argument(help='The user id. "-" reads it from standard input.', show_default=False),
    ],
    jsonl: Annotated[
        Path | None, typer.Option("--jsonl", help="A file for JSON lines, one record a line.")
    ] = None,
    json: Annotated[
        Path | None, typer.Option("--json", help="A file for one JSON document.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="A file for a page that people can read.")
    ] = None,
    zip: Annotated[
        Path | None, typer.Option("--zip", help="A file for a ZIP with the JSON and the page.")
    ] = None,
    config: Config = Path("piirag.toml"),
    as_stored: Annotated[
        bool,
        typer.Option("--as-stored", help="Leave pseudonyms in place of what they stand for."),
    ] = False,
) -> None:
    """Write what is held of a user to files: chunks, conversations, values in the vault.

    What could not be exported is named. The files can be read by their owner only.
    Exit codes: 0 everything, 3 something could not be listed, 4 nothing there, 2 wrong usage.
    """
    if jsonl is None and json is None and html is None and zip is None:
        raise ConfigurationError("name a file: --zip, --jsonl, --json or --html")
    service = open_service(config)
    try:
        export = service.export_user(given_user(user), reveal=not as_stored)
        done = export.write(json_lines=jsonl, json=json, html=html, zip=zip)
    finally:
        service.close()
    typer.echo(str(done))
    if not done.complete:
        raise typer.Exit(PARTIAL)
    raise typer.Exit(OK if done.items else NOTHING)
