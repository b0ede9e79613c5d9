"""Tables of the results, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.accuracy.metrics import Find, Mask, Score, is_letter
from benchmarks.accuracy.sample import DIRECT, Sample
from benchmarks.accuracy.split import HELD_BACK_LOCALES

Results = dict[str, dict[str, Any]]  # corpus -> system -> figures


_WIDTH = 120  # where there is no terminal to ask


def percent(share: float | None) -> str:
    """A share as people read it."""
    return "-" if share is None else f"{share:.1%}"


def _table(title: str, first: str, columns: list[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column(first)
    for name in columns:
        table.add_column(name, justify="right")
    return table


def tables(results: Results) -> Iterator[Table]:
    """All tables: the headlines first, then each corpus by type, by family, by case, by locale."""
    systems = list(dict.fromkeys(name for by_system in results.values() for name in by_system))
    head = _table(
        "Strict share hidden (direct identifiers; persons in web and social)", "", systems
    )
    over = _table("Over-redaction: masked letters that belong to no value", "", systems)
    for corpus, by_system in results.items():
        figures = [by_system.get(name, {}) for name in systems]
        if any("per_100_lines" in f for f in figures):
            lines = [f"{f['per_100_lines']:.2f}" if f else "-" for f in figures]
            head.add_section()
            head.add_row(f"{corpus}: findings in 100 lines", *lines)
            continue
        values = next(f["values"] for f in figures if f)
        head.add_row(f"{corpus} ({values} values)", *(percent(f.get("hidden")) for f in figures))
        over.add_row(corpus, *(percent(f.get("over_redaction")) for f in figures))
    yield head
    yield over
    for corpus, by_system in results.items():
        if all("types" in figures for figures in by_system.values()):
            yield from _details(corpus, by_system)


def _details(corpus: str, by_system: dict[str, Any]) -> Iterator[Table]:
    systems = list(by_system)
    first = next(iter(by_system.values()))
    table = _table(f"{corpus}: hidden by type (* direct identifier)", "type (values)", systems)
    for kind, about in first["types"].items():
        name = f"{kind}{'*' if about['direct'] else ''} ({about['values']})"
        table.add_row(name, *(percent(f["types"][kind]["hidden"]) for f in by_system.values()))
    yield table
    table = _table(f"{corpus}: F1 of spans, exact / overlapping", "family", systems)
    empty = {"exact_f1": 0.0, "overlap_f1": 0.0}
    for kind in sorted({kind for f in by_system.values() for kind in f["spans"]}):
        cells = [f["spans"].get(kind, empty) for f in by_system.values()]
        table.add_row(kind, *(f"{c['exact_f1']:.2f} / {c['overlap_f1']:.2f}" for c in cells))
    yield table
    if "persons_by_case" not in first:
        return
    table = _table(f"{corpus}: persons hidden, by case and by locale", "", systems)
    for case in first["persons_by_case"]:
        table.add_row(case, *(percent(f["persons_by_case"][case]) for f in by_system.values()))
    table.add_section()
    for locale, about in first["persons_by_locale"].items():
        mark = "^" if locale in HELD_BACK_LOCALES else ""
        name = f"{locale}{mark} ({about['values']})"
        shares = [f["persons_by_locale"][locale]["hidden"] for f in by_system.values()]
        table.add_row(name, *map(percent, shares))
    table.caption = "^ left out of training"
    yield table


def errors(counted: Score, samples: list[Sample], find: Find, most: int) -> Iterator[str]:
    """Lines that show missed values and what was masked for nothing, with a little context.

    They hold the text of the corpus; whoever runs this asks for it.

    Args:
        counted: The counts over the corpus, with missed values.
        samples: The corpus.
        find: The system.
        most: How many of each to show, spread over the corpus.
    """
    missed = [(s, label) for s, label in counted.missed if label.entity_type in DIRECT]
    for sample, label in _spread(missed, most):
        found = ", ".join(
            f"{kind}:{sample.text[a:b]!r}"
            for a, b, kind in find(sample.text)
            if a < label.end and label.start < b
        )
        around = _around(sample.text, label.start, label.end)
        yield f"missed {label.entity_type} {sample.locale} {sample.source}: {around}  found: {found}"
    extra = []
    for sample in samples:
        annotated = Mask(sample.text, [(a, b) for a, b, _ in sample.labels])
        for start, end, kind in find(sample.text):
            letters = [i for i in range(start, end) if is_letter(sample.text[i])]
            if letters and not any(map(annotated.covers, letters)):
                extra.append((sample, start, end, kind))
    for sample, start, end, kind in _spread(extra, most):
        yield f"extra {kind} {sample.source}: {_around(sample.text, start, end)}"


def _spread(items: list[Any], most: int) -> list[Any]:
    step = max(1, -(-len(items) // most)) if most else 1
    return items[::step][:most]


def _around(text: str, start: int, end: int) -> str:
    left, right = text[max(0, start - 40) : start], text[end : end + 40]
    return repr(f"{left}⟦{text[start:end]}⟧{right}")


def show(results: Results, console: Console | None = None) -> None:
    """Print all tables."""
    if console is None:
        screen = Console()
        console = screen if screen.is_terminal else Console(width=_WIDTH)
    for table in tables(results):
        console.print(table)
        console.print()
