"""`piirag audit`: whether the audit log is whole, and what stands in it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from piirag.cli.common import FAILED, NOTHING, OK, exits, given_user
from piirag.config_file import DEFAULT_FILE
from piirag.errors import ConfigurationError

if TYPE_CHECKING:
    from piirag.governance.audit import AuditConfig, Chain, Verification
    from piirag.governance.audit.sinks import StoringSink

app = typer.Typer(no_args_is_help=True, help="The audit log: check it, and read it.")

_MARK = re.compile(r"(\d{1,18}):([0-9a-f]{64})")

Log = Annotated[
    Path | None,
    typer.Argument(
        help="The log: JSON lines, or SQLite where it ends in .db. Else the one of --config.",
        show_default=False,
    ),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", help="The file that names the log.", show_default=DEFAULT_FILE),
]
KeyFile = Annotated[
    Path | None, typer.Option(help="The file of the log's key, with a path.", show_default=False)
]
KeyEnv = Annotated[
    str | None, typer.Option(help="The variable that holds the key.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.command()
@exits
def verify(
    log: Log = None,
    config: Config = None,
    key_file: KeyFile = None,
    key_env: KeyEnv = None,
    expect: Annotated[
        str | None,
        typer.Option(help="NUMBER:HASH that an earlier run printed: that record has to be there."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check that no record was altered, removed, moved or cut off, and say which one was.

    Exit codes: 0 whole, 1 not whole, 4 no log there, 2 wrong usage.
    """
    sink, _, _ = _opened(log, config, key_file, key_env)
    try:
        found = sink.verify(_mark(expect))
    finally:
        sink.close()
    typer.echo(json.dumps(_as_json(found), indent=2) if as_json else _as_text(found))
    raise typer.Exit(OK if found.ok else FAILED)


@app.command()
@exits
def show(
    log: Log = None,
    config: Config = None,
    key_file: KeyFile = None,
    key_env: KeyEnv = None,
    request: Annotated[
        str | None, typer.Option(help="Records of this request, and of what is part of it.")
    ] = None,
    event: Annotated[str | None, typer.Option(help="Records of this kind.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Not before: ISO 8601, in UTC unless it says other.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Before: ISO 8601.")] = None,
    user: Annotated[
        str | None,
        typer.Option(help='Records of this user; needs the key. "-" reads it from standard input.'),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
) -> None:
    """Print records, one JSON object a line.

    One whose hash does not fit, under the key that was given, has "fits": false. That it stands
    where it was written is told by verify alone.

    Exit codes: 0 some were found, 4 none, 2 wrong usage.
    """
    from piirag.governance.audit.sinks import Query

    sink, chain, tags = _opened(log, config, key_file, key_env)
    count = wrong = 0
    try:
        users = None if user is None else tags(given_user(user))
        query = Query(request, event, _moment(since), _moment(until), users)
        for record in _first(sink.read(query), limit):
            count += 1
            if not chain.fits(record):
                wrong += 1
                record = {**record, "fits": False}
            typer.echo(json.dumps(record, sort_keys=True, ensure_ascii=False))
    finally:
        sink.close()
    if wrong:
        typer.echo(f"{wrong} do not fit: altered, forged, or of another key", err=True)
    raise typer.Exit(OK if count else NOTHING)


def _opened(
    log: Path | None, config: Path | None, key_file: Path | None, key_env: str | None
) -> tuple[StoringSink, Chain, Any]:
    """The sink, the chain it is bound to, and a function from a user to the user's tags."""
    from piirag.governance.audit import AuditConfig, Chain

    if log is not None and config is not None:
        raise ConfigurationError("give a log, or a configuration")
    if log is None:
        if key_file is not None or key_env is not None:
            raise ConfigurationError("the configuration names the key")
        chosen = AuditConfig.from_file(config or DEFAULT_FILE)
        if not chosen.on:
            raise ConfigurationError("the configuration names no audit log")
    else:
        table: dict[str, Any] = {"path": str(log.resolve())}
        if key_file is not None:
            table["key_file"] = str(key_file.resolve())
        if key_env is not None:
            table["key_env"] = key_env
        chosen = AuditConfig(Path(), table)
    if "path" in chosen.table and not _is_there(chosen):
        typer.echo("no audit log is there", err=True)
        raise typer.Exit(NOTHING)
    sink = chosen.sink()
    chain = Chain(chosen.key())
    sink.bind(chain)

    def tags(user_id: str) -> list[str]:
        secrets = chosen.tags()
        try:
            return secrets.of_user(user_id)
        finally:
            secrets.close()

    return sink, chain, tags


def _is_there(config: AuditConfig) -> bool:
    path = config.folder / str(config.table["path"])
    return path.exists() or os.path.exists(f"{path}.head")


def _first(records: Iterator[Any], limit: int | None) -> Iterator[Any]:
    for number, record in enumerate(records, 1):
        yield record
        if number == limit:
            return


def _mark(text: str | None) -> Any:
    from piirag.governance.audit import Head

    if text is None:
        return None
    match = _MARK.fullmatch(text)
    if match is None:
        raise ConfigurationError("expect is NUMBER:HASH, as an earlier run printed it")
    return Head(int(match[1]), match[2])


def _moment(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None:
        raise ConfigurationError("a moment is ISO 8601, such as 2026-01-31T12:00")
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _as_text(found: Verification) -> str:
    lines = [str(problem) for problem in found.problems]
    parts = [f"{found.records} records"]
    if found.expired:
        parts.append(f"{found.expired} expired")
    parts.append("under a key" if found.keyed else "without a key: a forger can make one that fits")
    if found.torn:
        parts.append("half a record of a killed writer at the end")
    lines.append(f"{'whole' if found.ok else 'NOT WHOLE'}: {', '.join(parts)}")
    if found.head.seq:
        lines.append(f"last: {found.head.seq}:{found.head.hash}")
    return "\n".join(lines)


def _as_json(found: Verification) -> dict[str, Any]:
    return {
        "ok": found.ok,
        "records": found.records,
        "expired": found.expired,
        "keyed": found.keyed,
        "torn": found.torn,
        "last": {"seq": found.head.seq, "hash": found.head.hash},
        "problems": [
            {"kind": p.kind, "place": p.place, "first": p.first, "last": p.last}
            for p in found.problems
        ],
    }
