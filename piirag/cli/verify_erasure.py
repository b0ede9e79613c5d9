"""`piirag verify-erasure`."""

from __future__ import annotations

import json as encoder
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from piirag.cli.common import NOTHING, OK, PARTIAL, Config, exits, given_user, open_service

if TYPE_CHECKING:
    from piirag.erasure.verify import Verification


@exits
def verify_erasure(
    user: Annotated[
        str,
        typer.Argument(help='The user id. "-" reads it from standard input.', show_default=False),
    ],
    config: Config = Path("piirag.toml"),
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Look again whether anything of a user is there: stores, their files, the journal.

    Nothing is changed. Exit codes: 0 erased and nothing found, 3 something found, unfinished or
    unreadable, 4 nothing found and never erased as far as the journal knows, 2 wrong usage.
    """
    service = open_service(config)
    try:
        found = service.verify(given_user(user))
    finally:
        service.close()
    typer.echo(encoder.dumps(found.to_dict(), indent=2) if json else _told(found))
    if not found.absent:
        raise typer.Exit(PARTIAL)
    raise typer.Exit(OK if found.erased is not None else NOTHING)


def _told(found: Verification) -> str:
    lines = [found.status]
    for target in found.targets:
        state = f"{target.found} items" if target.error is None else f"failed: {target.error}"
        lines.append(f"- {target.name}: {state}")
        for file, kinds in (target.residue or {}).items():
            counts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
            lines.append(f"  in the bytes of {file}: {counts}")
    if found.erased is not None:
        lines.append(f"erased {datetime.fromtimestamp(found.erased, UTC):%Y-%m-%d %H:%M:%S} UTC")
    else:
        lines.append("the journal holds no complete erasure")
    if found.unfinished:
        lines.append("an erasure is not finished")
    if found.refused is not None:
        lines.append("writes are refused" if found.refused else "writes are not refused")
    if found.journal_clean is False:
        lines.append("the journal's file holds the user's id in clear")
    return "\n".join([*lines, *([found.note] if found.note else [])])
