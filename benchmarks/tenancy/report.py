"""The tables of a run."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.pages import markdown

THREATS = [f"T{n}" for n in range(1, 19)]
TOTALS = ("asked", "foreign", "refused", "wrong")
_FAILURES = ("foreign", "missing", "wrong", "touched", "through")


def failures(cell: dict[str, Any]) -> int:
    """What should be zero."""
    return sum(int(cell.get(name, 0)) for name in _FAILURES)


def total(figures: dict[str, Any], name: str) -> int:
    """The sum over all threats."""
    return sum(int(cell.get(name, 0)) for cell in figures["threats"].values())


def _mark(cell: dict[str, Any]) -> str:
    bad = failures(cell)
    return f"**{bad}**" if bad else "-" if not cell["asked"] else "0"


def table(results: dict[str, Any]) -> str:
    """The matrix in Markdown."""
    head = ["store", "class", "read paths", "hostile inputs", "calls", *THREATS, "other errors"]
    rows = [
        [
            figures["store"],
            f"{figures['framework']} `{figures['wrapper']}`",
            str(figures["paths"]),
            f"{figures['hostile']:,}",
            f"{total(figures, 'asked'):,}",
            *(_mark(figures["threats"][threat]) for threat in THREATS),
            str(total(figures, "wrong")),
        ]
        for figures in results.values()
    ]
    return markdown(head, rows, left=2)


def show(results: dict[str, Any], skipped: dict[str, str]) -> None:
    """Print the matrix, and what is wrong in it."""
    shown = Table(title="failures by threat: rows of another tenant, lost rows, errors not ours")
    for name in ("store", "class", "calls", "refused"):
        shown.add_column(name, no_wrap=name != "class")
    for threat in THREATS:
        shown.add_column(threat, justify="right", no_wrap=True)
    for figures in results.values():
        marks = [_mark(figures["threats"][threat]).strip("*") for threat in THREATS]
        shown.add_row(
            figures["store"],
            f"{figures['framework']} {figures['wrapper']}",
            f"{total(figures, 'asked'):,}",
            f"{total(figures, 'refused'):,}",
            *(mark if mark in "0-" else f"[bold red]{mark}[/]" for mark in marks),
        )
    console = Console(width=200)
    console.print(shown)
    for name, figures in results.items():
        console.print(
            f"{name}: {figures['paths']} read paths, {figures['hostile']:,} hostile inputs, "
            f"{total(figures, 'asked'):,} calls, {total(figures, 'rows'):,} rows, "
            f"{total(figures, 'foreign')} of another tenant, "
            f"{total(figures, 'refused'):,} refused, {total(figures, 'wrong')} other errors",
            highlight=False,
        )
        for threat, cell in figures["threats"].items():
            if failures(cell) or cell.get("skipped"):
                about = {k: v for k, v in cell.items() if k not in {"asked", "rows", "refused"}}
                console.print(f"  {threat}: {about}", markup=False)
    for name, why in skipped.items():
        console.print(f"left out: {name}: {why}", markup=False)
