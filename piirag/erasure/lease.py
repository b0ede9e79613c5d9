"""Holding an erasure while this process works at it."""

from __future__ import annotations

import contextlib
import threading
import uuid
from types import TracebackType

from piirag.erasure.journal import Journal
from piirag.errors import JournalError


class Lease:
    """Renews a lease in the background, so that one long step does not lose it.

    Leaving it gives the lease back, whatever happened. A process that dies gives nothing back;
    then the lease runs out.

    Args:
        journal: Where the lease is.
        erasure: Which erasure.
        seconds: How long the lease runs without being renewed.
    """

    def __init__(self, journal: Journal, erasure: str, seconds: float) -> None:
        self.owner = uuid.uuid4().hex
        self.seconds = seconds
        self._journal = journal
        self._erasure = erasure
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def acquire(self) -> bool:
        """Take the lease, unless another has it; whether it was taken."""
        return self._journal.acquire(self._erasure, self.owner, self.seconds)

    def __enter__(self) -> Lease:
        if self._journal.durable:
            name = "piirag-erasure-lease"
            self._thread = threading.Thread(target=self._renew, name=name, daemon=True)
            self._thread.start()
        return self

    def _renew(self) -> None:
        while not self._stop.wait(self.seconds / 3):
            # A journal that is down for a moment: the next step tells whether the lease is lost.
            with contextlib.suppress(JournalError):
                if not self._journal.renew(self._erasure, self.owner, self.seconds):
                    return

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        with contextlib.suppress(JournalError):
            self._journal.release(self._erasure, self.owner)
