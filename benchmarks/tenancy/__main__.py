"""Conformance matrix: store x framework x threat, over generated hostile input.

Run: python -m benchmarks.tenancy [--store NAME ...] [--framework NAME ...]

Exit code 1 where a row of another tenant came back, a row was lost, or a call that had to be
refused was not, or not by an error of piirag's own before the store was called.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.pages import fill, kept
from benchmarks.stores import Kind, each, keys, names, wanted
from benchmarks.tenancy import hostile, threats
from benchmarks.tenancy.cells import Run
from benchmarks.tenancy.report import failures, show, table

STEPS: list[Callable[[Run], None]] = [
    hostile.keywords,
    threats.changed_options,
    hostile.user_ids,
    threats.no_user,
    hostile.filters,
    threats.near_names,
    hostile.item_ids,
    threats.kinds_of_index,
    threats.references,
    threats.combined,
    threats.paths,
    threats.contexts,
    threats.lists,
    threats.embedded,
    threats.counts,
]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tenancy", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument(
        "--store", nargs="+", choices=keys(), metavar="NAME", help="; ".join(keys())
    )
    parser.add_argument("--framework", nargs="+", choices=["langchain", "llamaindex"])
    parser.add_argument(
        "--scale", type=float, default=1.0, help="share of the hostile input, for a quick look"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    parser.add_argument("--page", type=Path, metavar="FILE", help="fill in the table of a page")
    return parser


def measure(kind: Kind, scale: float) -> dict[str, Any]:
    """All threats against one store."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, kind.open(Path(folder)) as opened:
        run = Run(opened, scale)
        for step in STEPS:
            step(run)
    return {
        "store": kind.store,
        "framework": kind.framework,
        "wrapper": kind.wrapper,
        "paths": len(run.paths),
        "hostile": run.hostile,
        "seconds": round(time.perf_counter() - started, 1),
        "threats": {threat: cell.as_dict() for threat, cell in run.cells.items()},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for.

    Returns:
        The exit code.
    """
    options = _parser().parse_args(arguments)
    kinds = wanted(options.store, options.framework)
    results, skipped = each(kinds, lambda kind: measure(kind, options.scale))
    shown = results
    if options.json:
        shown = kept(options.json, "tenancy", results, names())["tenancy"]
    if options.page:
        tables = {"tenancy": table(shown)}
        options.page.write_text(fill(options.page.read_text(), tables))
    show(results, skipped)
    bad = sum(failures(c) for figures in results.values() for c in figures["threats"].values())
    stopped = any(why.startswith("stopped") for why in skipped.values())
    return 1 if bad or stopped else 0


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    sys.exit(main())
