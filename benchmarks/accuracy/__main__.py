"""Measure how much personal data is hidden, by piirag and by stock Presidio, on the same texts.

Run: python -m benchmarks.accuracy [--corpora DIR] [--corpus NAME ...] [--system NAME ...]

Without a folder of corpora, web text and social media are left out.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.accuracy.corpora import CORPORA, Corpus, corpora_folder, load
from benchmarks.accuracy.report import Results, errors, show
from benchmarks.accuracy.results import described, measure, rounded


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--corpora", metavar="DIR", help="folder with the files of others")
    parser.add_argument("--corpus", nargs="+", choices=sorted(CORPORA), metavar="NAME")
    parser.add_argument("--system", nargs="+", metavar="NAME", help="names as in the tables")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the chart")
    parser.add_argument("--page", type=Path, metavar="FILE", help="fill in the tables of a page")
    parser.add_argument(
        "--errors", type=int, default=0, metavar="N", help="show N errors each, with their text"
    )
    return parser


def _wanted(names: Sequence[str] | None, folder: Path | None) -> dict[str, Corpus]:
    if names:
        return {name: CORPORA[name] for name in names}
    there = {
        name: corpus
        for name, corpus in CORPORA.items()
        if not corpus.file or (folder is not None and (folder / corpus.file).exists())
    }
    for name in CORPORA.keys() - there.keys():
        print(f"left out: {name}, no {CORPORA[name].file} (--corpora DIR)", file=sys.stderr)
    return there


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    options = _parser().parse_args(arguments)
    from benchmarks.accuracy.systems import systems

    builders = systems()
    unknown = set(options.system or ()) - set(builders)
    if unknown:
        raise SystemExit(f"no system {sorted(unknown)}; there are {list(builders)}")
    folder = corpora_folder(options.corpora)
    corpora = {name: load(name, folder) for name in _wanted(options.corpus, folder)}
    results: Results = {name: {} for name in corpora}
    # All are built first: a system that cannot be built shows at once.
    wanted = [name for name in builders if not options.system or name in options.system]
    finds = {name: builders[name]() for name in wanted}
    for system, find in finds.items():
        for name, samples in corpora.items():
            print(f"{system}: {name} ...", file=sys.stderr)
            results[name][system], counted = measure(name, samples, find)
            if stopped := getattr(find, "stopped", 0):
                print(f"{system}: {name}: {stopped} texts not let through", file=sys.stderr)
                results[name][system]["stopped"], find.stopped = stopped, 0  # type: ignore[attr-defined]
            if options.errors:
                for line in errors(counted, samples, find, options.errors):
                    print(f"{system} | {name} | {line}")
    about = {name: described(name, samples) for name, samples in corpora.items()}
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        data = {"corpora": about, "results": rounded(results)}
        options.json.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")
    if options.plot:
        from benchmarks.accuracy.plot import draw

        options.plot.parent.mkdir(parents=True, exist_ok=True)
        draw(results, options.plot)
    if options.page:
        from benchmarks.accuracy.page import fill

        options.page.write_text(fill(options.page.read_text(), about, results))
    show(results)


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # the second look warns of every leak it closes
    main()
