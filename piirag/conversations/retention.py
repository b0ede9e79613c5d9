"""How long conversations are kept, and what deletes them."""

from __future__ import annotations

import copy
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from piirag.errors import ConfigurationError, RetentionError

_DAY = 86_400.0
_log = logging.getLogger("piirag.retention")

Clock = Callable[[], float]
"""Seconds since the epoch."""


class Retention:
    """A limit in days.

    Args:
        days: How long to keep; None for ever.
        clock: Seconds since the epoch; for tests.

    Raises:
        ConfigurationError: Not a positive number.
    """

    def __init__(self, days: float | None = None, clock: Clock = time.time) -> None:
        if days is not None and (
            isinstance(days, bool) or not isinstance(days, int | float) or not 0 < days < 1e6
        ):
            raise ConfigurationError("retention_days is a positive number of days, or None")
        self.days = days
        self.clock = clock
        self._before = float("-inf")

    def now(self) -> float:
        """Seconds since the epoch."""
        return float(self.clock())

    def cutoff(self, now: float | None = None) -> float:
        """What was written before this moment is over; minus infinity where nothing ends."""
        if self.days is None:
            return self._before
        own = (self.now() if now is None else float(now)) - self.days * _DAY
        return max(own, self._before)

    def until(self, before: float | None) -> Retention:
        """The same limit, or a stricter one: what was written before a moment is over as well."""
        if before is None:
            return self
        made = copy.copy(self)
        made._before = max(self._before, float(before))
        return made

    @property
    def ends(self) -> bool:
        """Whether anything is ever over."""
        return self.days is not None or self._before > float("-inf")

    def is_over(self, at: Any, now: float | None = None) -> bool:
        """Whether what was written then is to be deleted. What bears no time is."""
        if not self.ends:
            return False
        if isinstance(at, bool) or not isinstance(at, int | float):
            return True
        return at < self.cutoff(now)


class Sweepable(Protocol):
    """A store of conversations that can delete what is over.

    Those of piirag take a keyword `before` besides, a moment before which everything is over
    whatever their own limit says, and have `count_over`, which counts what `sweep` would delete.
    """

    def sweep(self, now: float | None = None) -> int:
        """Delete what is over; return how many items were deleted."""
        ...


class RetentionSweeper:
    """Sweeps stores from time to time, in a thread of its own.

    A conversation that is over is never returned, swept or not; this is what removes it from
    the store. Call `sweep_now` from a job of your own instead where a thread is not wanted.

    Args:
        stores: What to sweep: `ChatHistories`, `TenantCheckpointer`, `TenantStore`,
            `TenantChatStore`, or a `RetentionRunner` with all that a policy covers.
        every: Seconds between two sweeps.

    Raises:
        ConfigurationError: Nothing that can be swept, or no positive interval.
    """

    def __init__(self, stores: Sequence[Sweepable], *, every: float = 3600.0) -> None:
        if not stores or not all(callable(getattr(s, "sweep", None)) for s in stores):
            raise ConfigurationError("a sweeper needs stores that can be swept")
        if not every > 0:
            raise ConfigurationError("every is a positive number of seconds")
        self._stores = list(stores)
        self._every = every
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.failures = 0

    def sweep_now(self) -> int:
        """Sweep every store once; one that fails does not keep the others from it.

        Returns:
            How many items were deleted.
        """
        deleted = 0
        for store in self._stores:
            try:
                deleted += store.sweep()
            except RetentionError as error:
                self.failures += 1
                deleted += error.deleted
                _log.warning("a retention sweep was partial: %s", error)
            except Exception as error:  # noqa: BLE001 - tried again at the next sweep
                self.failures += 1
                _log.warning("a retention sweep failed: %s", type(error).__name__)
        return deleted

    def start(self) -> RetentionSweeper:
        """Begin; the thread ends with the process, or with `stop`."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="piirag-retention", daemon=True)
            self._thread.start()
        return self

    def stop(self) -> None:
        """End it, and wait for a sweep that is under way."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while True:
            self.sweep_now()
            if self._stop.wait(self._every):
                return

    def __enter__(self) -> RetentionSweeper:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"RetentionSweeper({len(self._stores)} stores)"
