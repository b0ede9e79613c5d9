"""How long a user's deletion takes: piirag's beside the bare store's own best call."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.stores import Kind, Opened
from benchmarks.stores.base import DIMENSIONS
from piirag.erasure import delete_user

OF_ONE = 100
SIZES = (5_000, 50_000)
_WARM_UP = 1
_WORDS = 40
_WAYS = ("bare", "delete", "verified", "delete_user")


class Users:
    """Users with 100 chunks each, interleaved, written past the scrubber.

    Args:
        opened: The store, empty.
        users: How many.
    """

    def __init__(self, opened: Opened, users: int) -> None:
        self.opened = opened
        self._numbers = np.random.default_rng(7)
        self._next = 0
        # A hundred users at a time, item by item: nobody's items lie side by side.
        for begin in range(0, users, 100):
            self._write(range(begin, min(begin + 100, users)))

    def _write(self, users: range) -> None:
        rows = [(user, item) for item in range(OF_ONE) for user in users]
        filler = " ".join(["word"] * _WORDS)
        vectors = self._numbers.normal(size=(len(rows), DIMENSIONS)).astype("<f4")
        self.opened.bulk(
            [f"{name(user)}:{item}" for user, item in rows],
            [f"chunk {item} of {name(user)} {filler}" for user, item in rows],
            [{"user_id": name(user), "n": item} for user, item in rows],
            vectors,
        )

    def next(self) -> str:
        """A user who is still there."""
        self._next += 1
        return name(self._next - 1)


def name(number: int) -> str:
    """A user's id."""
    return f"user-{number}-x"


def measure(kind: Kind, size: int, rounds: int, reclaims: int) -> dict[str, Any]:
    """Build a store and time deletions from it.

    The bare call, piirag's delete, `delete_user` without a search of files (count, delete, count
    again, receipt) and the whole of it take turns, each with a user of its own, in the same store;
    the first turn is not counted.

    Args:
        kind: The store.
        size: How many chunks there are at least, all along.
        rounds: How often each is timed.
        reclaims: How often bytes are reclaimed, after one deletion each.

    Returns:
        Medians in seconds.
    """
    users = -(-size // OF_ONE) + len(_WAYS) * (rounds + _WARM_UP) + reclaims
    with tempfile.TemporaryDirectory() as folder, kind.open(Path(folder)) as opened:
        started = time.perf_counter()
        timed: Any = opened.in_memory or opened.target
        users_of = Users(opened, users)
        built = time.perf_counter() - started
        ways: dict[str, Callable[[str], Any]] = {
            "bare": opened.bare,
            "delete": timed.delete,
            "verified": lambda user: delete_user(user, targets=[timed], scan=False),
            "delete_user": lambda user: delete_user(user, targets=[timed]),
        }
        times: dict[str, list[float]] = {way: [] for way in ways}
        for turn in range(rounds + _WARM_UP):
            # Whoever comes first finds the store as the last turn left it.
            first = turn % len(_WAYS)
            order = _WAYS[first:] + _WAYS[:first]
            for way in order:
                user = users_of.next()
                seconds = _timed(lambda w=way, u=user: ways[w](u))
                if timed.count(user):
                    raise RuntimeError(f"{way} deleted nothing")
                if turn >= _WARM_UP:
                    times[way].append(seconds)
        figures = {way: statistics.median(found) for way, found in times.items()}
        figures["built"] = built
        if opened.target.capabilities.reclaim and reclaims:
            figures["reclaim"] = statistics.median(
                _reclaim(opened, users_of.next()) for _ in range(reclaims)
            )
    return figures


def _reclaim(opened: Opened, user: str) -> float:
    """Seconds for the part that a delete leaves to `physical=True`.

    For a store that does not save by itself: for the deletion from the files it was saved to.
    """
    target = opened.target
    if opened.in_memory is not None:
        opened.save()
        return _timed(lambda: (target.delete(user), target.reclaim(user)))
    opened.bare(user)
    return _timed(lambda: target.reclaim(user))


def _timed(call: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def ratios(figures: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What the figures of several sizes come to.

    Args:
        figures: Size, as a string -> medians.
    """
    sizes = sorted(figures, key=int)
    first, last = figures[sizes[0]], figures[sizes[-1]]
    return {
        "sizes": [int(size) for size in sizes],
        "growth": last["delete"] / first["delete"] if len(sizes) > 1 else None,
        "growth_bare": last["bare"] / first["bare"] if len(sizes) > 1 else None,
        "over_bare": {size: figures[size]["delete"] / figures[size]["bare"] for size in sizes},
    }
