"""Whether a list belongs to the current call alone."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

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
