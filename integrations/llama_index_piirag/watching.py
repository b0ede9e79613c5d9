"""What records model calls that no event tells of: those that were stopped before they began."""

from __future__ import annotations

import threading
from typing import Any, Protocol


class Watcher(Protocol):
    """Something that records refused calls."""

    def refused(self, model: Any, user_id: str | None, text: str, error: BaseException) -> None:
        """A call was stopped before anything was sent."""
        ...


_lock = threading.Lock()
_watchers: tuple[Watcher, ...] = ()


def watch(watcher: Watcher) -> None:
    """Have a watcher told of refused calls."""
    global _watchers
    with _lock:
        _watchers = (*_watchers, watcher)


def unwatch(watcher: Watcher) -> None:
    """Tell it no more."""
    global _watchers
    with _lock:
        _watchers = tuple(other for other in _watchers if other is not watcher)


def note_refusal(model: Any, user_id: str | None, text: str, error: BaseException) -> None:
    """Tell the watchers of a refused call.

    Args:
        model: The wrapped model.
        user_id: Its user.
        text: The input before redaction; a keyed hash of it is kept at most.
        error: Why it was stopped.
    """
    for watcher in _watchers:
        watcher.refused(model, user_id, text, error)
