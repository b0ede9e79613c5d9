"""The report of a scan for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from piirag.governance.scan.report import ScanReport

_MOST_SOURCES = 25


def report_rich(report: ScanReport) -> Group:
    """Tables of what was found, where, and what was not read."""
    parts: list[Any] = []
    for part in _parts(report):
        parts += [Text(""), part] if isinstance(part, Table) else [part]
    return Group(*parts)


def _parts(report: ScanReport) -> Iterator[Any]:
    yield Text(report.headline, style="bold")
    if report.sample is not None:
        yield Text(f"a sample: {report.sample.read:,} of {report.sample.seen:,} texts")
    found = {**report.findings, **report.special}
    if found:
        table = _table("Type", ">Findings", ">Texts")
        for kind, n in found.items():
            special = " (special category)" if kind in report.special else ""
            table.add_row(Text(kind + special), f"{n:,}", f"{report.texts_by_type.get(kind, 0):,}")
        yield table
    if report.combinations:
        table = _table("Details that single people out in combination", ">Texts")
        for kinds, n in report.combinations.items():
            table.add_row(Text(" + ".join(kinds)), f"{n:,}")
        yield table
    listed = [s for s in report.sources if s.findings or s.special or s.notes]
    if listed:
        table = _table("Source", ">Texts", ">With data", "What")
        for source in listed[:_MOST_SOURCES]:
            counts = {**source.findings, **source.special}
            what = ", ".join(f"{kind} {n:,}" for kind, n in counts.items())
            what = "; ".join(part for part in (what, *source.notes) if part)
            table.add_row(
                _text(source.name),
                f"{source.texts:,}",
                f"{source.texts_with_findings:,}",
                Text(what),
            )
        yield table
        if len(listed) > _MOST_SOURCES:
            yield Text(f"{len(listed) - _MOST_SOURCES:,} more sources with findings", style="dim")
    if report.examples:
        yield Text("")
    for example in {e.entity_type: e for e in reversed(report.examples)}.values():
        line = Text(f"{example.entity_type}: ", style="dim")
        for piece, found_as in example.segments:
            line.append(_printable(piece), style="bold reverse" if found_as else "")
        yield line
    not_read = {**report.skipped_by_reason}
    not_read |= {f"the detector failed ({error})": n for error, n in report.unread.items()}
    if not_read:
        table = _table("Not read", ">How many")
        for reason, n in not_read.items():
            table.add_row(Text(reason), f"{n:,}")
        yield table


def _table(*heads: str) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    for head in heads:
        number = head.startswith(">")
        table.add_column(head.lstrip(">"), justify="right" if number else "left", overflow="fold")
    return table


def _text(name: str) -> Text:
    return Text(_printable(name))


def _printable(text: str) -> str:
    """Without what a terminal would take for a command."""
    return "".join(c if c.isprintable() else "\ufffd" if c not in " \n\t" else " " for c in text)
