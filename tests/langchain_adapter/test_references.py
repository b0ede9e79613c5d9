"""Whether a list belongs to the current call alone."""

from __future__ import annotations

import asyncio
import functools
import gc
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from langchain_piirag.references import is_private


def _done(result: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(result)
    return future


def test_a_future_that_only_a_frame_holds_is_passing() -> None:
    """A worker thread lets go of its future a moment after the result is there."""
    items = ["a"]
    future = _done(items)
    assert is_private(items)
    vars(future)  # with its attributes as a dictionary of their own
    assert is_private(items)


def test_a_future_that_is_kept_is_a_cache() -> None:
    items = ["a"]
    kept = {"question": _done(items)}
    assert not is_private(items)
    vars(kept["question"])
    assert not is_private(items)


def test_a_list_that_is_kept_is_not_private() -> None:
    items = ["a"]
    kept = [items]
    assert not is_private(items)
    assert kept


def _by_partial() -> tuple[Any, list[str]]:
    items = ["a"]
    return functools.partial(lambda held, _: held, items), items


def _by_generator() -> tuple[Any, list[str]]:
    def forever() -> Iterator[list[str]]:
        items = ["a"]
        while True:
            yield items

    steps = forever()
    return steps, next(steps)


def _by_tuple_in_a_closure() -> tuple[Any, list[str]]:
    held = (["a"],)
    return lambda: held, held[0]


def _by_coroutine() -> tuple[Any, list[str]]:
    async def held(items: list[str]) -> list[str]:
        await asyncio.sleep(0)
        return items

    items = ["a"]
    running = held(items)
    running.send(None)
    return running, items


@pytest.mark.parametrize(
    "made", [_by_partial, _by_generator, _by_tuple_in_a_closure, _by_coroutine]
)
def test_a_list_that_what_persists_holds_is_not_private(made: Any) -> None:
    keeper, items = made()
    assert not is_private(items)
    if hasattr(keeper, "close"):
        keeper.close()
    del keeper, made
    gc.collect()
    assert is_private(items)


async def test_a_future_of_asyncio_that_is_chained_to_a_thread_is_passing() -> None:
    """The callback that chained it to the thread's future lives a moment longer."""
    items = ["a"]
    source: Future[Any] = Future()
    chained = asyncio.wrap_future(source)
    callbacks = list(source._done_callbacks)  # as long as the thread calls them
    source.set_result(items)
    assert await chained is items
    await asyncio.sleep(0)  # the loop forgets what it has just called
    assert callbacks
    source = Future()
    assert is_private(items)


async def test_a_future_of_asyncio_in_a_closure_is_a_cache() -> None:
    items = ["a"]
    future = asyncio.get_running_loop().create_future()
    future.set_result(items)

    def cached() -> Any:
        return future

    assert not is_private(items)
    assert cached().result() is items
