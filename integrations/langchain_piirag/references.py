"""Whether a list belongs to the current call alone."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import inspect
import operator
import sys
import types
from concurrent.futures import Future
from concurrent.futures.thread import _WorkItem
from typing import Any

_OURS = ("langchain_core.", "langchain_piirag.")
_MAY_PERSIST = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def is_private(items: list[Any]) -> bool:
    """Whether nothing but the call under way refers to this list.

    A retriever that returns its own list, or one from a cache, would be changed for good if the
    list were. The garbage collector knows most containers that refer to it. What does not count
    is the call itself: functions that run, LangChain's coroutines and what it passes their
    arguments in, the record that a tracer makes of a run, and the future of a worker thread that
    has handed the list over and not yet let go of it. What the collector does not know (an array
    of numpy's, other containers written in C) is not seen.

    Args:
        items: The list.
    """
    referrers = gc.get_referrers(items)
    holders = [h for h in referrers if not _is_passing(h) and not _is_handing_over(h, referrers)]
    tuples = [h for h in holders if isinstance(h, tuple)]
    outputs = [h for h in holders if isinstance(h, dict) and set(h) == {"documents"}]
    if len(tuples) + len(outputs) < len(holders):
        return False
    ours = (referrers, holders, tuples, outputs)
    return all(
        _is_passing(h) or _is_argument(h) or _is_one_of(h, ours) for h in _referrers(tuples)
    ) and all(_is_passing(h) or _is_one_of(h, ours) or _is_run(h) for h in _referrers(outputs))


def _is_one_of(holder: Any, ours: tuple[Any, ...]) -> bool:
    """Whether it is one of our own lists; a function, so that no variable of ours is a cell."""
    return any(map(functools.partial(operator.is_, holder), ours))


def _running() -> list[types.FrameType]:
    """The frames of functions that run, in all threads; those of this module aside."""
    frames = []
    for top in sys._current_frames().values():
        frame: types.FrameType | None = top
        while frame is not None:
            if frame.f_globals is not globals():
                frames.append(frame)
            frame = frame.f_back
    del top, frame
    return frames


def _is_passing(holder: Any) -> bool:
    """Whether it is a part of the call under way, and over with it."""
    if isinstance(holder, types.FrameType):
        return _is_ours(holder) or any(holder is frame for frame in _running())
    if isinstance(holder, types.CoroutineType):
        frame = holder.cr_frame
        return holder.cr_running or (frame is not None and _is_ours(frame))
    if isinstance(holder, types.GeneratorType):
        return holder.gi_running
    if isinstance(holder, functools.partial):
        return _is_handler_call(holder)
    return False


def _is_ours(frame: types.FrameType) -> bool:
    """Whether it is LangChain's coroutine. Such a frame may outlive its call where others keep it;
    LangChain keeps none."""
    persists = frame.f_code.co_flags & _MAY_PERSIST
    name = f"{frame.f_globals.get('__name__')}."
    return persists == inspect.CO_COROUTINE and name.startswith(_OURS)


def _is_handler_call(call: functools.partial[Any]) -> bool:
    """Whether LangChain calls a handler by this, in a thread and a context of its own."""
    own = isinstance(getattr(call.func, "__self__", None), contextvars.Context)
    first = call.args[0] if call.args else None
    named = getattr(first, "__name__", "") or getattr(call.func, "__name__", "")
    return (own or inspect.ismethod(call.func)) and named == "on_retriever_end"


def _is_argument(cell: Any) -> bool:
    """Whether this is a variable of a function of LangChain's that calls handlers."""
    if not isinstance(cell, types.CellType):
        return False
    # That of a coroutine that runs, and is shared with nothing, has no holder that is known.
    kept = [h for h in gc.get_referrers(cell) if not (isinstance(h, list) or _is_passing(h))]
    return not kept or _is_cell_of(cell, _OURS)


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
        isinstance(h, _WorkItem) or _is_passing(h) or h is ours or _is_chaining(h)
        for h in gc.get_referrers(future)
    )


def _is_chaining(cell: Any) -> bool:
    """Whether this is a variable of a function of asyncio's that hands results on."""
    return isinstance(cell, types.CellType) and _is_cell_of(cell, ("asyncio.futures.",))


def _is_cell_of(cell: types.CellType, modules: tuple[str, ...]) -> bool:
    """Whether a variable is shared by functions of these modules only."""
    holders = gc.get_referrers(cell)
    closures = [c for c in holders if isinstance(c, tuple)]
    functions = [f for c in closures for f in gc.get_referrers(c) if inspect.isfunction(f)]
    calls = [h for h in holders if _is_passing(h)]
    return bool(functions or calls) and all(
        f"{f.__module__}.".startswith(modules) for f in functions
    )


def _referrers(things: list[Any]) -> list[Any]:
    return gc.get_referrers(*things) if things else []


def _is_run(holder: Any) -> bool:
    """Whether this is a tracer's run, or the dictionary of its fields."""
    if isinstance(holder, dict):
        return {"outputs", "run_type"} <= set(holder)
    return type(holder).__name__ in {"Run", "RunTree"}
