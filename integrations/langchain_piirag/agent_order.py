"""Searching what is streamed in another thread than the event loop's, in order."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from langchain_piirag.agent_errors import Caught


class InOrder:
    """Does the work for the parts of a stream in a thread of its own, one after the other.

    What streams is called in the event loop, and whatever searches there keeps the loop from
    serving others. Parts must not overtake each other, so there is one thread for a stream.
    """

    def __init__(self) -> None:
        self._context = contextvars.copy_context()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="piirag")
        self._failed: Exception | None = None
        self._used = False

    def submit(self, work: Callable[[Any], Any], part: Any) -> None:
        """Have work done for a part, after all that was submitted before."""
        self._used = True
        self._thread.submit(self._context.run, self._do, work, part)

    def _do(self, work: Callable[[Any], Any], part: Any) -> None:
        if self._failed is not None:
            # What comes after a part that failed must not go out without it.
            return
        with Caught() as caught:
            work(part)
        self._failed = caught.error

    async def flush(self, last: Callable[[], Any] | None = None) -> None:
        """Wait until everything is done.

        Args:
            last: Done after all else.

        Raises:
            PiiragError: The first that the work for a part raised.
        """
        if last is not None:
            self.submit(lambda _: last(), None)
        if self._used:
            await asyncio.get_running_loop().run_in_executor(self._thread, _nothing)
        if self._failed is not None:
            raise self._failed

    def close(self) -> None:
        """Let the thread end; what still waits is dropped."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def __repr__(self) -> str:
        return f"InOrder(failed={self._failed is not None})"


def _nothing() -> None:
    """What waits in line for all that came before."""
