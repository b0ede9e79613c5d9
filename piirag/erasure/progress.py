"""A progress bar for work that takes long. It shows counts, never a user."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

_T = TypeVar("_T")


def shown(items: Sequence[_T], title: str, wanted: bool) -> Iterator[_T]:
    """The items, with a bar on standard error that moves as they are taken.

    Args:
        items: What is worked through.
        title: What the bar says.
        wanted: Show it.
    """
    if not wanted or not items:
        yield from items
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        yield from progress.track(items, description=title)
