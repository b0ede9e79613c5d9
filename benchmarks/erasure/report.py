"""The tables of a run."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.erasure.matrix import wrong
from benchmarks.erasure.timing import ratios
from benchmarks.pages import markdown

_KINDS = ("texts", "metadata", "vectors")
_MATRIX = (
    "store",
    "class",
    "found before",
    "left by the delete",
    "left after `physical=True`",
    "others",
)
_NOT_ASKED = "not possible"


def _counts(found: dict[str, int]) -> str:
    return " / ".join(str(found.get(kind, 0)) for kind in _KINDS)


def _matrix_rows(results: dict[str, Any]) -> list[list[str]]:
    rows = []
    for figures in results.values():
        after = _counts(figures["after_physical"])
        if figures["reclaimed"] == _NOT_ASKED:
            after += ", its files are not within reach"
        if any(figures.get("in_log", {}).values()):
            after += f"; in the write-ahead log {_counts(figures['in_log'])}"
        changed = figures["others_changed"]
        rows.append(
            [
                figures["store"],
                f"{figures['framework']} `{figures['wrapper']}`",
                _counts(figures["before"]),
                _counts(figures["after_delete"]),
                after,
                f"changed: {', '.join(changed)}" if changed else "unchanged",
            ]
        )
    return rows


def matrix_table(results: dict[str, Any]) -> str:
    """The erasure matrix in Markdown."""
    return markdown(list(_MATRIX), _matrix_rows(results), left=2)


def show_matrix(results: dict[str, Any], skipped: dict[str, str]) -> None:
    """Print the erasure matrix, and what does not hold."""
    shown = Table(title="canaries in the files: texts / metadata / vectors")
    for column in _MATRIX:
        shown.add_column(column)
    for row in _matrix_rows(results):
        shown.add_row(*row)
    console = Console(width=170)
    console.print(shown)
    for name, figures in results.items():
        for line in wrong(figures):
            console.print(f"[bold red]{name}: {line}[/]")
    _show_skipped(console, skipped)


def _show_skipped(console: Console, skipped: dict[str, str]) -> None:
    for name, why in skipped.items():
        console.print(f"left out: {name}: {why}", markup=False)


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if value < 1 else f"{value:.1f}"


def _size(number: int) -> str:
    return f"{number:,}"


def _timing(results: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    every = sorted({int(size) for figures in results.values() for size in figures["sizes"]})
    head = ["store", "class"]
    head += [f"delete at {_size(size)} (s)" for size in every]
    head += ["ratio", "bare store's ratio"]
    head += [f"of bare call at {_size(size)}" for size in every]
    head += [f"`scan=False` at {_size(size)} (s)" for size in every]
    head += [f"`delete_user` at {_size(size)} (s)" for size in every]
    head += [f"reclaim at {_size(size)} (s)" for size in every]
    rows = []
    for figures in results.values():
        by_size, known = figures["sizes"], ratios(figures["sizes"])
        at = [by_size.get(str(size), {}) for size in every]
        over = [known["over_bare"].get(str(size)) for size in every]
        growth = [known["growth"], known["growth_bare"]]
        rows.append(
            [
                figures["store"],
                f"{figures['framework']} `{figures['wrapper']}`",
                *(_seconds(f.get("delete")) for f in at),
                *("-" if g is None else f"{g:.2f}" for g in growth),
                *("-" if o is None else f"{o:.2f}" for o in over),
                *(_seconds(f.get("verified")) for f in at),
                *(_seconds(f.get("delete_user")) for f in at),
                *(_seconds(f.get("reclaim")) for f in at),
            ]
        )
    return head, rows


def timing_table(results: dict[str, Any]) -> str:
    """The times in Markdown."""
    return markdown(*_timing(results), left=2)


def show_timing(results: dict[str, Any], skipped: dict[str, str]) -> None:
    """Print the times."""
    head, rows = _timing(results)
    shown = Table(title="deleting a user of 100 chunks; medians")
    for column in head:
        shown.add_column(column, justify="left" if column in {"store", "class"} else "right")
    for row in rows:
        shown.add_row(*row)
    console = Console(width=190)
    console.print(shown)
    _show_skipped(console, skipped)
