"""Whether a list belongs to the current call alone."""

from __future__ import annotations

import functools
import gc
import types
from typing import Any

# What holds a list that is merely being passed along: frames, coroutines and their arguments.
_PASSING = (types.FrameType, types.CoroutineType, types.GeneratorType, functools.partial)


def is_private(items: list[Any]) -> bool:
    """Whether nothing but the call under way refers to this list.

    A retriever that returns its own list, or one from a cache, would be changed for good if the
    list were. The garbage collector knows every container that refers to it. Frames do not count,
    nor tuples that nothing but frames refers to (the arguments of calls under way), nor the
    record that a tracer makes of a run.

    Args:
        items: The list.
    """
    tuples = []
    for referrer in gc.get_referrers(items):
        if isinstance(referrer, tuple):
            tuples.append(referrer)
        elif not _passes(referrer):
            return False
    holders = gc.get_referrers(*tuples) if tuples else []
    # LangChain's async manager keeps the arguments of a call in a closure.
    return all(h is tuples or isinstance(h, types.CellType) or _passes(h) for h in holders)


def _passes(referrer: Any) -> bool:
    if isinstance(referrer, dict):
        return set(referrer) == {"documents"}
    return isinstance(referrer, _PASSING)
