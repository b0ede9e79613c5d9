"""Has the disk keep what was written, at most once a second, in a thread of its own."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable

_SECONDS = 1.0


class Flusher:
    """Calls a function within a second of a write.

    Args:
        sync: The function; an `OSError` of it is ignored, since the next write meets it too.
    """

    def __init__(self, sync: Callable[[], None]) -> None:
        self._sync = sync
        self._pid = 0
        self._thread: threading.Thread | None = None
        self._wanted = threading.Event()
        self._closed = threading.Event()

    def wake(self) -> None:
        """Something was written."""
        if self._pid != os.getpid():
            # The first write of this process; a child has no thread of its parent's.
            self._pid = os.getpid()
            self._wanted, self._closed = threading.Event(), threading.Event()
            self._thread = threading.Thread(target=self._run, name="piirag-audit", daemon=True)
            self._thread.start()
        self._wanted.set()

    def _run(self) -> None:
        wanted, closed = self._wanted, self._closed
        while not closed.is_set():
            wanted.wait()
            closed.wait(_SECONDS)
            wanted.clear()
            with contextlib.suppress(OSError):
                self._sync()

    def close(self) -> None:
        """Sync what is left, and end the thread."""
        if self._thread is not None and self._pid == os.getpid():
            self._closed.set()
            self._wanted.set()
            self._thread.join()
        self._thread, self._pid = None, 0
