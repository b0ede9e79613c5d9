"""What the commands share: exit codes, the configuration, ids that do not reach the shell."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TypeVar

import typer

from piirag.errors import ConfigurationError, InvalidInputError, MissingDependencyError, PiiragError

if TYPE_CHECKING:
    from piirag.erasure import ErasureReceipt, ErasureService

OK = 0
FAILED = 1
USAGE = 2
PARTIAL = 3
NOTHING = 4

_P = ParamSpec("_P")
_R = TypeVar("_R")

Receipts = Annotated[
    Path | None,
    typer.Option(help="A folder for the receipts, as JSON and as pages: ERASURE.json, .html."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the receipts as JSON.")]
Config = Annotated[
    Path, typer.Option("--config", help="The file that names vault, journal and stores.")
]


def exits(command: Callable[_P, _R]) -> Callable[_P, _R]:
    """A decorator: wrong ids and configurations end a command with code 2 and one line."""

    @functools.wraps(command)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return command(*args, **kwargs)
        except MissingDependencyError:
            raise
        except (ConfigurationError, InvalidInputError) as error:
            complain(error)
            raise typer.Exit(USAGE) from None

    return call


def complain(error: PiiragError) -> None:
    """An error as one line on standard error."""
    print(f"piirag: {' '.join(str(error).split())}", file=sys.stderr)


def open_service(config: Path, **options: Any) -> ErasureService:
    """The service that a configuration names.

    Raises:
        PiiragError: It cannot be opened; nothing was done.
    """
    from piirag.config_stores import StoresConfig

    return StoresConfig.from_file(config).open_service(**options)


def given_user(user: str) -> str:
    """The user id of the command line; ``-`` reads it from standard input.

    Raises:
        ConfigurationError: Standard input is no text.
    """
    return _text_of(sys.stdin.readline).rstrip("\r\n") if user == "-" else user


def given_users(user: str | None, file: Path | None) -> list[str]:
    """The user ids of the command line, or of a file with one a line.

    Raises:
        ConfigurationError: Neither, both, or a file that cannot be read.
    """
    if (user is None) == (file is None):
        raise ConfigurationError("give a user, or a file of users")
    if file is None:
        return [given_user(str(user))]
    text = _text_of(sys.stdin.read if str(file) == "-" else lambda: file.read_text("utf-8"))
    return [line for line in text.split("\n") if line]


def _text_of(read: Callable[[], str]) -> str:
    """What is read, without the mark that some editors put before UTF-8."""
    reason = ""
    try:
        return read().removeprefix("\ufeff")
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
    raise ConfigurationError(f"what was given cannot be read: {reason}")


def read_file(path: Path, longest: int) -> bytes:
    """A file of a command.

    Args:
        path: The file.
        longest: How many bytes it may have.

    Raises:
        ConfigurationError: It cannot be read, or is longer.
    """
    reason = ""
    try:
        with path.open("rb") as file:
            data = file.read(longest + 1)
        reason = "too long" if len(data) > longest else ""
    except OSError as error:
        reason = error.strerror or type(error).__name__
    if reason:
        raise ConfigurationError(f"the file cannot be read: {reason}")
    return data


def write_file(path: Path, text: str) -> None:
    """Write a file that only its owner may read, in place of an older one.

    Raises:
        ConfigurationError: It cannot be written.
    """
    from piirag.erasure.export_write import Draft

    reason = ""
    try:
        draft = Draft(path)
        try:
            draft.file.write(text)
            draft.finish()
        finally:
            draft.drop()
    except OSError as error:
        reason = error.strerror or type(error).__name__
    if reason:
        raise ConfigurationError(f"a file cannot be written: {reason}")


def show_receipt(receipt: ErasureReceipt, folder: Path | None, json: bool) -> None:
    """Print a receipt, and put it into a folder, as JSON and as a page."""
    if folder is not None:
        write_file(folder / f"{receipt.id}.json", receipt.to_json() + "\n")
        write_file(folder / f"{receipt.id}.html", receipt.to_html())
    typer.echo(receipt.to_json() if json else str(receipt))


def code_of(receipts: list[ErasureReceipt]) -> int:
    """The exit code for what was done."""
    from piirag.erasure import NOTHING_FOUND

    if any(not receipt.complete for receipt in receipts):
        return PARTIAL
    if all(receipt.status == NOTHING_FOUND for receipt in receipts):
        return NOTHING
    return OK
