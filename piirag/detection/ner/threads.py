"""Threads that lend a hand: a few a process, shared by all callers, idle while there is no work.

The model runs outside Python's lock, so two rows of a text, or two texts of a batch, can be read
at the same time. The caller always works as well: where no helper is free, where none can be
started, and in a process that is about to end, the caller does everything alone. So nothing waits
for a queue, whoever else uses it.
"""

from __future__ import annotations

import contextlib
import contextvars
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")

# More threads than that would be taken from the application's own.
_MOST = 4


def cores() -> int:
    """Processor cores that this process may use, four at most."""
    try:
        usable = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        usable = os.cpu_count() or 1
    return min(_MOST, usable)


class _Here(threading.local):
    helps = False


class _Helpers:
    """The helpers of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self.here = _Here()

    def submit(self, work: Callable[[], None]) -> Future[None]:
        """Have a helper do something when one is free.

        Raises:
            RuntimeError: No thread can be started, or the interpreter is shutting down.
        """
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(
                    max(1, cores() - 1), "piirag-helper", initializer=self._begin
                )
            pool = self._pool
        # A pool that cannot start a thread raises, and keeps the work for its next thread all
        # the same. So the work is claimed by a future of ours, which is cancelled then.
        claim: Future[None] = Future()

        def claimed() -> None:
            if claim.set_running_or_notify_cancel():
                try:
                    work()
                except BaseException as error:  # noqa: BLE001 - raised where it is waited for
                    claim.set_exception(error)
                else:
                    claim.set_result(None)

        try:
            # Recognisers of others may look at context variables of the caller.
            pool.submit(contextvars.copy_context().run, claimed)
        except RuntimeError:
            # Where a thread of an earlier call has begun it meanwhile, it is waited for as usual.
            if claim.cancel():
                raise
        return claim

    def _begin(self) -> None:
        self.here.helps = True


_helpers = _Helpers()


def _start_afresh() -> None:
    # The threads stay behind in the parent, and the lock may be held by one of them.
    global _helpers
    _helpers = _Helpers()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh)


class Shared(Generic[_T, _R]):
    """Work that the helpers begin at once and the caller finishes.

    Args:
        work: Called once for each item, from several threads at once.
        items: The items; they are begun in this order.
        threads: How many threads at most, the caller's included; the number of cores, at most
            four, if None.
        ahead: Whether the caller has something else to do first, so that one item is worth a
            helper.
    """

    def __init__(
        self,
        work: Callable[[_T], _R],
        items: Sequence[_T],
        threads: int | None = None,
        *,
        ahead: bool = False,
    ) -> None:
        self._work = work
        self._left = deque(enumerate(items))
        self._results: list[Any] = [None] * len(items)
        self._futures: list[Future[None]] = []
        helpers = _helpers
        # A helper that waits for helpers could wait forever.
        most = 0 if helpers.here.helps else (threads or cores()) - 1
        with contextlib.suppress(RuntimeError):
            for _ in range(min(most, len(items) - (not ahead))):
                self._futures.append(helpers.submit(self._take))

    def _take(self) -> None:
        try:
            while self._left:
                try:
                    i, item = self._left.popleft()
                except IndexError:  # another thread was quicker
                    return
                self._results[i] = self._work(item)
        except BaseException:
            self._left.clear()
            raise

    def results(self) -> list[_R]:
        """Do what is left, and wait for what the helpers have begun.

        Returns:
            What the work returned, in the order of the items.

        Raises:
            Exception: What it raised; the items not yet begun are left out then.
        """
        try:
            self._take()
        finally:
            started = [future for future in self._futures if not future.cancel()]
            for future in started:
                future.exception()  # waits
        for future in started:
            future.result()
        return self._results

    def cancel(self) -> None:
        """Leave out what no helper has begun."""
        self._left.clear()
        for future in self._futures:
            future.cancel()


def work_through(
    work: Callable[[_T], _R], items: Sequence[_T], threads: int | None = None
) -> list[_R]:
    """Call a function for every item, in this thread and in those that are free.

    The arguments are those of `Shared`, and the results those of `Shared.results`.
    """
    return Shared(work, items, threads).results()
