"""Whether a list belongs to the current call alone."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import types
from concurrent.futures import Future
from concurrent.futures.thread import _WorkItem
from typing import Any

# What holds a list that is merely being passed along: frames, coroutines and their arguments.
# LangChain's async manager keeps the arguments of a call in a closure.
_PASSING = (types.FrameType, types.CoroutineType, types.GeneratorType, functools.partial)
_ARGUMENTS = (*_PASSING, types.CellType)


def is_private(items: list[Any]) -> bool:
    """Whether nothing but the call under way refers to this list.

    A retriever that returns its own list, or one from a cache, would be changed for good if the
    list were. The garbage collector knows every container that refers to it. Frames do not count,
    nor tuples that nothing but frames refers to (the arguments of calls under way), nor the
    record that a tracer makes of a run, nor the future of a worker thread that has handed the list
    over and not yet let go of it.

    Args:
        items: The list.
    """
    referrers = gc.get_referrers(items)
    holders = [
        h for h in referrers if not isinstance(h, _PASSING) and not _is_handing_over(h, referrers)
    ]
    tuples = [h for h in holders if isinstance(h, tuple)]
    outputs = [h for h in holders if isinstance(h, dict) and set(h) == {"documents"}]
    if len(tuples) + len(outputs) < len(holders):
        return False
    ours = (referrers, holders, tuples, outputs)
    return all(
        isinstance(h, _ARGUMENTS) or any(h is own for own in ours) for h in _referrers(tuples)
    ) and all(
        isinstance(h, _PASSING) or any(h is own for own in ours) or _is_run(h)
        for h in _referrers(outputs)
    )


def _is_handing_over(holder: Any, ours: list[Any]) -> bool:
    """Whether this is a future that nothing keeps but a thread at work, or its attributes.

    asyncio's own future of such a thread is kept by the functions that chain the two.
    """
    future = holder
    if isinstance(holder, dict) and "_result" in holder:
        future = next((f for f in gc.get_referrers(holder) if isinstance(f, Future)), None)
    if not isinstance(future, Future | asyncio.Future) or isinstance(future, asyncio.Task):
        return False
    return all(
        isinstance(h, (*_PASSING, _WorkItem)) or h is ours or _is_chaining(h)
        for h in gc.get_referrers(future)
    )


def _is_chaining(cell: Any) -> bool:
    """Whether this is a variable of a function of asyncio's that hands results on."""
    if not isinstance(cell, types.CellType):
        return False
    closures = [c for c in gc.get_referrers(cell) if isinstance(c, tuple)]
    functions = [f for c in closures for f in gc.get_referrers(c) if inspect.isfunction(f)]
    return bool(functions) and all(f.__module__ == "asyncio.futures" for f in functions)


def _referrers(things: list[Any]) -> list[Any]:
    return gc.get_referrers(*things) if things else []


def _is_run(holder: Any) -> bool:
    """Whether this is a tracer's run, or the dictionary of its fields."""
    if isinstance(holder, dict):
        return {"outputs", "run_type"} <= set(holder)
    return type(holder).__name__ in {"Run", "RunTree"}
