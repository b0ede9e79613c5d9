"""`piirag delete-user` and `piirag resume-erasures`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from piirag.cli.common import (
    NOTHING,
    OK,
    PARTIAL,
    Config,
    Json,
    Receipts,
    code_of,
    exits,
    given_users,
    open_service,
    show_receipt,
)

if TYPE_CHECKING:
    from piirag.erasure import ErasureService

_CODES = "Exit codes: 0 complete, 3 partial (run resume-erasures), 4 nothing found, 2 wrong usage."


@exits
def delete_user(
    user: Annotated[
        str | None,
        typer.Argument(help='The user id. "-" reads it from standard input.', show_default=False),
    ] = None,
    users_from: Annotated[
        Path | None, typer.Option(help='A file of user ids, one a line. "-" is standard input.')
    ] = None,
    config: Config = Path("piirag.toml"),
    physical: Annotated[
        bool, typer.Option("--physical", help="Also remove the deleted bytes from files.")
    ] = False,
    scan: Annotated[bool, typer.Option(help="Look in files for what was deleted.")] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count what would be deleted.")
    ] = False,
    receipts: Receipts = None,
    json: Json = False,
    show_id: Annotated[
        bool, typer.Option("--show-id", help="Print user ids beside what was done.")
    ] = False,
) -> None:
    """Erase a user from every store that the configuration names.

    A user id on the command line stays in the shell's history; "-" keeps it out of there.
    """
    users = given_users(user, users_from)
    service = open_service(config)
    try:
        if dry_run:
            raise typer.Exit(_count(service, users, show_id))
        done = service.delete_users(users, physical=physical, scan=scan, progress=len(users) > 1)
        users = list(dict.fromkeys(users))
        for user_id, receipt in zip(users, done, strict=True):
            if show_id:
                typer.echo(f"user {user_id}")
            show_receipt(receipt, receipts, json)
    finally:
        service.close()
    raise typer.Exit(code_of(done) if done else NOTHING)


delete_user.__doc__ = f"{delete_user.__doc__}\n    {_CODES}"


@exits
def resume_erasures(
    config: Config = Path("piirag.toml"),
    receipts: Receipts = None,
    json: Json = False,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for a process that is at it, or died.")
    ] = 90.0,
) -> None:
    """Finish erasures that were interrupted, or in which a store failed.

    Exit codes: 0 complete, 3 still partial, 4 nothing to resume, 2 wrong usage.
    """
    service = open_service(config)
    try:
        done = service.resume(wait=wait, progress=True)
        for receipt in done:
            show_receipt(receipt, receipts, json)
        left = bool(service.journal.unfinished())
    finally:
        service.close()
    if left:
        raise typer.Exit(PARTIAL)
    raise typer.Exit(OK if done else NOTHING)


def _count(service: ErasureService, users: list[str], show_id: bool) -> int:
    failed = total = 0
    for number, user_id in enumerate(dict.fromkeys(users), 1):
        typer.echo(f"user {user_id}" if show_id else f"user {number}")
        for name, found, error in service.count(user_id):
            typer.echo(f"- {name}: {found} items" if error is None else f"- {name}: {error}")
            failed += error is not None
            total += found or 0
    if failed:
        return PARTIAL
    return OK if total else NOTHING
