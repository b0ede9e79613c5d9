"""`piirag find-subject` and `piirag erase-subject`: people who need not be users."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from piirag.cli.common import (
    FAILED,
    NOTHING,
    OK,
    PARTIAL,
    Config,
    Json,
    Receipts,
    code_of,
    complain,
    exits,
    given_users,
    open_service,
    read_file,
    show_receipt,
    write_file,
)
from piirag.errors import ConfigurationError, InvalidInputError

if TYPE_CHECKING:
    from piirag.erasure import ErasureService, SubjectPreview

_LONGEST = 256 * 1024 * 1024

Value = Annotated[
    str | None,
    typer.Argument(
        help='What the person is known by: a mail address, a name. "-" reads it from standard '
        "input.",
        show_default=False,
    ),
]
ValuesFrom = Annotated[
    Path | None,
    typer.Option(help='A file of what the person is known by, one a line. "-" is standard input.'),
]
TenantsFrom = Annotated[
    Path | None,
    typer.Option(help="A file of the user ids that may be searched, one a line. Else everybody."),
]
Shared = Annotated[
    bool, typer.Option("--shared", help="With --tenants-from: search the shared space too.")
]


@exits
def find_subject(
    value: Value = None,
    values_from: ValuesFrom = None,
    config: Config = Path("piirag.toml"),
    tenants_from: TenantsFrom = None,
    shared: Shared = False,
    types: Annotated[
        list[str] | None, typer.Option("--type", help="Look only for this entity type.")
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Leave other spellings of names and numbers out.")
    ] = False,
    save: Annotated[
        Path | None,
        typer.Option(help="Write the preview to a file: for review, and for erase-subject."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the preview as JSON.")] = False,
    show_ids: Annotated[
        bool, typer.Option("--show-ids", help="Put the items' ids in the stores into the preview.")
    ] = False,
) -> None:
    """Find every chunk that mentions a person, by the pseudonyms that stand for the person.

    Nothing is changed. The preview holds neither text nor what the person is known by.
    Exit codes: 0 found, 3 something could not be searched, 4 nothing found, 2 wrong usage.
    """
    values = given_users(value, values_from)
    service = open_service(config)
    try:
        found = service.find_subject(
            values,
            tenants=_tenants(tenants_from, shared),
            entity_types=types or None,
            spellings=not exact,
            progress=True,
        )
    finally:
        service.close()
    written = found.to_json(show_ids=show_ids, clean=_cleaner(values))
    if save is not None:
        write_file(save, written + "\n")
    typer.echo(written if json else str(found))
    if not found.complete:
        raise typer.Exit(PARTIAL)
    raise typer.Exit(OK if found.mentions or found.values else NOTHING)


@exits
def erase_subject(
    value: Value = None,
    values_from: ValuesFrom = None,
    config: Config = Path("piirag.toml"),
    preview: Annotated[
        Path | None,
        typer.Option(help="What find-subject saved. Decisions in it may have been changed."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Erase what is found now, without a saved preview.")
    ] = False,
    rescrub: Annotated[
        bool,
        typer.Option("--rescrub", help="Take the person out of the chunks; do not delete them."),
    ] = False,
    tenants_from: TenantsFrom = None,
    shared: Shared = False,
    receipts: Receipts = None,
    json: Json = False,
) -> None:
    """Erase what a preview found of a person: chunks, and values in the vault.

    What is to be reviewed stays: change its decision in the saved preview to "erase" or "keep".
    Exit codes: 0 complete, 3 partial (something failed, or waits for a review), 4 nothing found,
    2 wrong usage.
    """
    values = given_users(value, values_from)
    if preview is not None and yes:
        raise ConfigurationError("give --preview or --yes, not both")
    saved = None if preview is None else _saved(preview)
    tenants = _tenants(tenants_from, shared)
    service = open_service(config)
    try:
        if saved is None:
            saved = _found_now(service, values, tenants, yes)
        done = service.erase_subject(
            values,
            saved,
            how="rescrub" if rescrub else "delete",
            tenants=tenants,
            progress=True,
        )
    finally:
        service.close()
    show_receipt(done, receipts, json)
    raise typer.Exit(code_of([done]))


def _found_now(
    service: ErasureService, values: list[str], tenants: list[Any] | None, yes: bool
) -> SubjectPreview:
    found = service.find_subject(values, tenants=tenants)
    if not yes:
        typer.echo(str(found))
        complain(InvalidInputError("nothing was erased: give --preview FILE, or --yes"))
        raise typer.Exit(FAILED)
    return found


def _tenants(file: Path | None, shared: bool) -> list[Any] | None:
    from piirag.tenancy.tags import SHARED

    if file is None:
        if shared:
            raise ConfigurationError("--shared goes with --tenants-from; else all is searched")
        return None
    return [*given_users(None, file), *([SHARED] if shared else [])]


def _cleaner(values: list[str]) -> Callable[[str], str]:
    from piirag.erasure.covering import Mask
    from piirag.erasure.person import Person

    # As they were looked for, without the white space around them.
    return Mask(*Person(values).values).text


def _saved(path: Path) -> SubjectPreview:
    from piirag.erasure import SubjectPreview

    return SubjectPreview.from_json(read_file(path, _LONGEST))
