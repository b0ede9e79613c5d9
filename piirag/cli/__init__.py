"""The `piirag` command; one module a command."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from piirag import __version__
from piirag.cli.audit import app as audit
from piirag.cli.common import complain
from piirag.cli.delete_user import delete_user, resume_erasures
from piirag.cli.demo import demo
from piirag.cli.export_user import export_user
from piirag.cli.subjects import erase_subject, find_subject
from piirag.cli.suppression import app as suppression
from piirag.cli.verify_erasure import verify_erasure
from piirag.cli.verify_receipt import public_key, verify_receipt
from piirag.errors import PiiragError

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Retrieval-augmented generation that is safe with personal data.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"piirag {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


app.command()(demo)
app.command()(delete_user)
app.command()(resume_erasures)
app.command()(verify_erasure)
app.command()(find_subject)
app.command()(erase_subject)
app.command()(export_user)
app.command()(verify_receipt)
app.command()(public_key)
app.add_typer(audit, name="audit")
app.add_typer(suppression, name="suppression")


def main() -> None:
    """Run the command line; an error of piirag ends it with one line and exit code 1."""
    try:
        app(prog_name="piirag")
    except PiiragError as error:
        complain(error)
        sys.exit(1)
