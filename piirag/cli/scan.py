"""`piirag scan`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from piirag.cli.common import OK, Config, exits, write_file
from piirag.errors import ConfigurationError

if TYPE_CHECKING:
    from piirag.governance.scan import ScanReport, Source
    from piirag.governance.scan.run import Progress
    from piirag.policy import Policy

ANY = "any"
"""What `--fail-on` takes for any finding."""

FOUND = 3
UNREAD = 5


@exits
def scan(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files and folders.", show_default=False)
    ] = None,
    config: Config = Path("piirag.toml"),
    store: Annotated[
        list[str] | None,
        typer.Option("--store", help='A store of the configuration, by name or kind; "all".'),
    ] = None,
    table: Annotated[
        list[str] | None,
        typer.Option("--table", help="A SQLite file, a SQLAlchemy URL, or env:NAME of one."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="A table to read; all of them if left out.")
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option("--policy", help="A file with a policy; that of the configuration, if any."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", help="A file for a page that people can read.")
    ] = None,
    show_values: Annotated[
        bool,
        typer.Option(
            "--show-values", help="Show what was found; the report is personal data then."
        ),
    ] = False,
    sample: Annotated[
        str | None, typer.Option("--sample", help="So many texts of each source, or a share: 5%.")
    ] = None,
    examples: Annotated[int, typer.Option(min=0, help="Masked examples of each type.")] = 3,
    fail_on: Annotated[
        str | None,
        typer.Option(
            "--fail-on", help='Exit code 3 for more findings than this, or of these types; "any".'
        ),
    ] = None,
) -> None:
    """Count the personal data in files, folders, stores and tables; nothing is changed.

    Values and names are masked unless --show-values is given.
    Exit codes: 0 done, 3 what --fail-on names was found, 5 --fail-on is given, and something could
    not be looked at, 2 wrong usage.
    """
    from piirag.governance.scan import scan as run

    limit = _limit(fail_on)
    part = _sample(sample)
    chosen = _policy(policy, config)
    sources = _sources(paths or [], store or [], table or [], only, config)
    with _shown(sources) as progress:
        report = run(
            *sources,
            policy=chosen,
            sample=part,
            examples=examples,
            show_values=show_values,
            progress=progress,
        )
    if html is not None:
        write_file(html, report.to_html())
    if json:
        typer.echo(report.to_json().encode("utf-8", "replace").decode())
    else:
        _print(report)
    raise typer.Exit(_code(report, limit))


def _limit(fail_on: str | None) -> int | frozenset[str] | None:
    if fail_on is None:
        return None
    if re.fullmatch(r"[0-9]{1,18}", fail_on.strip()):
        return int(fail_on)
    if fail_on.strip().lower() == ANY:
        return 0
    from piirag.detection.entity_types import slip_of
    from piirag.detection.text import shown_type

    types = [kind.strip().upper() for kind in fail_on.split(",") if kind.strip()]
    for kind in types:
        meant = slip_of(kind, [])
        if meant:
            raise ConfigurationError(f"--fail-on: unknown entity type; did you mean {meant}?")
        if shown_type(kind) != kind:
            raise ConfigurationError("--fail-on takes a number, any, or entity types")
    if not types:
        raise ConfigurationError("--fail-on takes a number, any, or entity types")
    return frozenset(types)


def _sample(text: str | None) -> int | float | None:
    if text is None:
        return None
    bare = text.strip()
    try:
        number = float(bare.removesuffix("%"))
    except ValueError:
        number = -1.0
    if bare.endswith("%"):
        return number / 100 if 0 < number < 100 else None if number == 100 else _no_sample()
    return int(number) if number >= 1 and number.is_integer() else _no_sample()


def _no_sample() -> float:
    raise ConfigurationError("--sample takes a number of texts, or a share such as 5%")


def _policy(path: Path | None, config: Path) -> Policy | None:
    from piirag.config_file import read_toml
    from piirag.policy import Policy

    if path is not None:
        return Policy.from_file(path)
    if config.is_file() and "policy" in read_toml(config):
        return Policy.from_file(config)
    return None


def _sources(
    paths: list[Path],
    stores: list[str],
    tables: list[str],
    only: list[str] | None,
    config: Path,
) -> list[Source]:
    from piirag.governance.scan import Files

    found: list[Source] = []
    if paths:
        files = Files(paths)
        files.measure()
        found.append(files)
    found += _tables(tables, only)
    if stores:
        found.append(_stores(stores, config))
    if not found:
        raise ConfigurationError("name what to scan: paths, --store or --table")
    return found


def _tables(given: list[str], only: list[str] | None) -> Iterator[Source]:
    """Databases, each with those of the named tables that it has; each has to be somewhere."""
    from piirag.governance.scan import Tables

    if not only:
        yield from (Tables(_database(table)) for table in given)
        return
    if not given:
        raise ConfigurationError("--only names a table of a --table")
    known = {table: Tables(_database(table)).names() for table in given}
    if None not in known.values():
        for number, name in enumerate(only, 1):
            if not any(name in (names or ()) for names in known.values()):
                raise ConfigurationError(f"--only number {number} names no table that is there")
    for table, names in known.items():
        mine = only if names is None else [name for name in only if name in names]
        yield Tables(_database(table), only=mine)


def _database(given: str) -> str:
    if given.startswith("env:"):
        from piirag.config_file import secret_from_env

        return secret_from_env(given.removeprefix("env:"))
    return given


def _stores(names: list[str], config: Path) -> Source:
    from piirag.config_stores import StoresConfig
    from piirag.governance.scan import Stores

    file = StoresConfig.from_file(config)
    targets = file.open_targets(file.open_vault())
    known = {name for target in targets for name in (target.name, target.kind)}
    for name in names:
        if name != "all" and name not in known:
            told = ", ".join(sorted(target.name for target in targets)) or "none"
            raise ConfigurationError(f"no such store; there are: {told}")
    chosen = [t for t in targets if {t.name, t.kind, "all"} & set(names)]
    return Stores(*chosen)


@contextmanager
def _shown(sources: list[Source]) -> Iterator[Progress | None]:
    """A progress bar on standard error, where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns: list[Any] = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        tasks = {id(s): bar.add_task(type(s).__name__, total=s.total) for s in sources}

        def progress(source: Source, texts: int) -> None:
            told = f"{type(source).__name__}, {texts:,} texts"
            bar.update(
                tasks[id(source)], completed=source.done, total=source.total, description=told
            )

        yield progress


def _print(report: ScanReport) -> None:
    from rich.console import Console

    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        # Masks and names have characters that not every terminal can show.
        reconfigure(errors="replace")
    width = None if sys.stdout.isatty() else int(os.environ.get("COLUMNS", "120"))
    Console(width=width, soft_wrap=False, highlight=False).print(report)


def _code(report: ScanReport, limit: int | frozenset[str] | None) -> int:
    if limit is None:
        return OK
    if isinstance(limit, int):
        found = report.total > limit
    else:
        found = bool(limit & (report.findings.keys() | report.special.keys() | report.quasi.keys()))
    if found:
        return FOUND
    return UNREAD if report.failures else OK
