"""Filling the tables of the documentation with the figures of a run.

A table stands between ``<!-- figures: NAME -->`` and ``<!-- end -->``; what is there is replaced.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.accuracy.families import family
from benchmarks.accuracy.report import Results, percent
from benchmarks.accuracy.split import HELD_BACK_LOCALES
from benchmarks.accuracy.systems import PIIRAG

_REGION = re.compile(r"(<!-- figures: ([a-z]+) -->\n).*?(<!-- end -->)", re.S)
_COLUMNS = 4  # locales side by side


def fill(page: str, about: dict[str, Any], results: Results) -> str:
    """Put the figures of a run in the place of those of the last one.

    Args:
        page: The page, in Markdown.
        about: Corpus -> what it is.
        results: Corpus -> system -> figures.

    Returns:
        The page. A table for which the run has no figures stays as it was.
    """

    def replace(match: re.Match[str]) -> str:
        rows = _TABLES[match[2]](about, results)
        return match[0] if rows is None else f"{match[1]}{rows}\n{match[3]}"

    return _REGION.sub(replace, page)


def _markdown(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _systems(results: Results) -> list[str]:
    return list(dict.fromkeys(name for by_system in results.values() for name in by_system))


def _chart(about: dict[str, Any], results: Results) -> str | None:
    return "![Share of values hidden whole, by corpus and system](figures/accuracy.png)"


def _headline(about: dict[str, Any], results: Results) -> str | None:
    systems = _systems(results)
    rows = []
    for corpus, by_system in results.items():
        if any("hidden" in f for f in by_system.values()):
            values = next(f["values"] for f in by_system.values() if "hidden" in f)
            shares = [percent(by_system.get(name, {}).get("hidden")) for name in systems]
            rows.append([f"{about[corpus]['what']} ({values:,} values)", *shares])
    return _markdown(["hidden whole", *systems], rows) if rows else None


def _excess(about: dict[str, Any], results: Results) -> str | None:
    systems = _systems(results)
    rows = []
    for corpus, by_system in results.items():
        figures = [by_system.get(name, {}) for name in systems]
        if any("per_100_lines" in f for f in figures):
            lines = next(f["lines"] for f in figures if f)
            cells = [f"{f['per_100_lines']:.1f}" if f else "-" for f in figures]
            rows.append([f"findings in 100 of {lines:,} clean technical lines", *cells])
        else:
            name = about[corpus]["what"]
            rows.append([name, *(percent(f.get("over_redaction")) for f in figures)])
    return _markdown(["masked for nothing", *systems], rows) if rows else None


def _types(about: dict[str, Any], results: Results) -> str | None:
    by_system = results.get("records", {})
    first = next(iter(by_system.values()), None)
    if first is None:
        return None
    rows = [
        [
            f"{kind} ({figures['values']})",
            *(percent(f["types"][kind]["hidden"]) for f in by_system.values()),
        ]
        for kind, figures in first["types"].items()
        if figures["direct"]
    ]
    return _markdown(["direct identifier", *by_system], rows)


def _spans(about: dict[str, Any], results: Results) -> str | None:
    by_system = results.get("records", {})
    first = next(iter(by_system.values()), None)
    if first is None:
        return None
    annotated = {family(kind) for kind in first["types"]}
    empty = {"exact_f1": 0.0, "overlap_f1": 0.0}
    rows = []
    for kind in sorted(annotated):
        cells = [f["spans"].get(kind, empty) for f in by_system.values()]
        if any(cell["overlap_f1"] for cell in cells):
            shown = [f"{c['exact_f1']:.2f} / {c['overlap_f1']:.2f}" for c in cells]
            rows.append([kind, *shown])
    return _markdown(["F1, exact / overlapping", *by_system], rows)


def _cases(about: dict[str, Any], results: Results) -> str | None:
    cases = ("as written", "lower case", "CAPITALS")
    rows = [
        [about[corpus]["what"], *(percent(figures["persons_by_case"][case]) for case in cases)]
        for corpus, by_system in results.items()
        for system, figures in by_system.items()
        if system == PIIRAG and "persons_by_case" in figures
    ]
    return _markdown(["persons hidden by piirag", *cases], rows) if rows else None


def _locales(about: dict[str, Any], results: Results) -> str | None:
    cells: list[str] = []
    for corpus in ("records", "scripts"):
        figures = results.get(corpus, {}).get(PIIRAG, {})
        for locale, of in sorted(figures.get("persons_by_locale", {}).items()):
            mark = "*" if locale in HELD_BACK_LOCALES else ""
            cells += [f"`{locale}`{mark}", percent(of["hidden"])]
    if not cells:
        return None
    width = 2 * _COLUMNS
    cells += [""] * (-len(cells) % width)
    rows = [cells[i : i + width] for i in range(0, len(cells), width)]
    lines = [["locale", "hidden"] * _COLUMNS, ["---", "--:"] * _COLUMNS, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


_TABLES: dict[str, Callable[[dict[str, Any], Results], str | None]] = {
    "chart": _chart,
    "headline": _headline,
    "excess": _excess,
    "types": _types,
    "spans": _spans,
    "cases": _cases,
    "locales": _locales,
}
