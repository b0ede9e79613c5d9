"""`piirag pia`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from piirag.cli.common import Config, exits, write_file
from piirag.errors import ConfigurationError


@exits
def pia(
    config: Config = Path("piirag.toml"),
    scan: Annotated[
        Path | None, typer.Option(help="The JSON report that `piirag scan` wrote of the corpus.")
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option(
            help="A TOML file of what people have filled in. It is made where there is none, and "
            "gets new questions; answers in it are never changed."
        ),
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="A file for the assessment as Markdown.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="A file for the assessment as one HTML page.")
    ] = None,
    records: Annotated[
        Path | None, typer.Option(help="A file for the records of processing (Article 30), CSV.")
    ] = None,
    date: Annotated[
        str | None, typer.Option(help="The date on the document, YYYY-MM-DD; today if left out.")
    ] = None,
) -> None:
    """Write a draft of the data protection impact assessment from the configuration.

    Without a file to write, the Markdown goes to standard output. Points that only a person can
    fill in are marked; how many are open is said on standard error.
    """
    from piirag.governance.assessment import (
        add_questions,
        assessment,
        gather,
        question_keys,
        read_answers,
        records_csv,
        to_html,
        to_markdown,
    )

    day = _day(date)
    facts = gather(config, scan=scan)
    document = assessment(facts, date=day)
    if answers is not None:
        add_questions(answers, document.humans)
        given = read_answers(answers, question_keys(facts))
        document = assessment(facts, date=day, answers=given)
    if markdown is not None:
        write_file(markdown, to_markdown(document))
    if html is not None:
        write_file(html, to_html(document))
    if records is not None:
        write_file(records, records_csv(facts, date=day))
    if markdown is None and html is None and records is None:
        typer.echo(to_markdown(document), nl=False)
    left = len(document.open)
    typer.echo(f"{left} of {len(document.humans)} points are left for a person", err=True)


def _day(given: str | None) -> str:
    if given is None:
        return f"{datetime.now(UTC):%Y-%m-%d}"
    reason = ""
    try:
        return f"{datetime.strptime(given, '%Y-%m-%d'):%Y-%m-%d}"
    except ValueError:
        reason = "the date is written YYYY-MM-DD"
    raise ConfigurationError(reason)
