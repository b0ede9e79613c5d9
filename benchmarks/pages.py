"""Filling the tables of a page with the figures of a run.

A table stands between ``<!-- figures: NAME -->`` and ``<!-- end -->``; what is there is replaced.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

_REGION = re.compile(r"(<!-- figures: ([a-z-]+) -->\n).*?(<!-- end -->)", re.S)


def fill(page: str, tables: Mapping[str, str]) -> str:
    """Put tables in the place of those of the last run; a region without a table stays."""
    return _REGION.sub(
        lambda m: f"{m[1]}{tables[m[2]]}\n{m[3]}" if tables.get(m[2]) else m[0], page
    )


def markdown(head: list[str], rows: Iterable[list[str]], left: int = 1) -> str:
    """A table in Markdown.

    Args:
        head: Its first row.
        rows: The others.
        left: How many columns are flush left; figures follow.
    """
    lines = [head, [*["---"] * left, *["--:"] * (len(head) - left)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def kept(
    path: Path, part: str, new: Mapping[str, Any], order: Sequence[str] = ()
) -> dict[str, Any]:
    """The figures in a file with those of this run in the place of older ones of the same name.

    A run of some stores leaves the figures of the others alone.

    Args:
        path: The file; it need not be there.
        part: The key in it that has the figures of such runs.
        new: Name -> figures.
        order: Names in the order in which they are to stand; others come last.

    Returns:
        The whole file, written already.
    """
    whole: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    found = {**whole.get(part, {}), **new}
    whole[part] = {name: found[name] for name in [*(n for n in order if n in found), *found]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
    return whole
