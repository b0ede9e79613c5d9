"""Measure how long an erasure takes (or, with --matrix, what it takes away), store by store.

Run: python -m benchmarks.erasure [--store NAME ...] [--sizes N ...]
     python -m benchmarks.erasure --matrix [--store NAME ...] [--framework NAME ...]

With --matrix, the exit code is 1 where a canary is left that should not be, was not found before,
or others' chunks changed.
"""

from __future__ import annotations

import argparse
import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.erasure import matrix, report, timing
from benchmarks.pages import fill, kept
from benchmarks.stores import Kind, each, keys, names, wanted


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.erasure", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--matrix", action="store_true", help="what is left, not how long it takes")
    parser.add_argument(
        "--store", nargs="+", choices=keys(), metavar="NAME", help="; ".join(keys())
    )
    parser.add_argument("--framework", nargs="+", choices=["langchain", "llamaindex"])
    parser.add_argument("--sizes", nargs="+", type=int, default=list(timing.SIZES), metavar="N")
    parser.add_argument("--rounds", type=int, default=5, help="how often each call is timed")
    parser.add_argument("--reclaims", type=int, default=1, help="how often bytes are reclaimed")
    parser.add_argument("--canaries", type=int, default=matrix.OF_ONE)
    parser.add_argument("--users", type=int, default=matrix.USERS)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    parser.add_argument("--page", type=Path, metavar="FILE", help="fill in the tables of a page")
    return parser


def _time(kind: Kind, sizes: Sequence[int], rounds: int, reclaims: int) -> dict[str, Any]:
    by_size = {}
    for size in sizes:
        figures = timing.measure(kind, size, rounds, reclaims)
        by_size[str(size)] = {name: round(value, 5) for name, value in figures.items()}
    return {
        "store": kind.store,
        "framework": kind.framework,
        "wrapper": kind.wrapper,
        "sizes": by_size,
    }


def _merge(path: Path, part: str, results: dict[str, Any]) -> dict[str, Any]:
    """Figures of this run over those in the file; sizes that were not run stay."""
    if part == "timing" and path.exists():
        import json

        older = json.loads(path.read_text()).get(part, {})
        for name, figures in results.items():
            sizes = {**older.get(name, {}).get("sizes", {}), **figures["sizes"]}
            figures["sizes"] = dict(sorted(sizes.items(), key=lambda pair: int(pair[0])))
    merged: dict[str, Any] = kept(path, part, results, names())[part]
    return merged


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for.

    Returns:
        The exit code.
    """
    options = _parser().parse_args(arguments)
    kinds = wanted(options.store, options.framework)
    if options.matrix:
        part, name = "matrix", "erasure"
        results, skipped = each(
            kinds, lambda kind: matrix.measure(kind, options.canaries, options.users)
        )
    else:
        part, name = "timing", "deletes"
        kinds = [kind for kind in kinds if kind.timed]
        results, skipped = each(
            kinds, lambda kind: _time(kind, options.sizes, options.rounds, options.reclaims)
        )
    shown = _merge(options.json, part, results) if options.json else results
    if options.page:
        table = report.matrix_table if options.matrix else report.timing_table
        options.page.write_text(fill(options.page.read_text(), {name: table(shown)}))
    (report.show_matrix if options.matrix else report.show_timing)(shown, skipped)
    bad = options.matrix and any(matrix.wrong(figures) for figures in results.values())
    stopped = any(why.startswith("stopped") for why in skipped.values())
    return 1 if bad or stopped else 0


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    sys.exit(main())
