"""Locks on files that all processes of a machine share."""

from __future__ import annotations

from typing import Any

from piirag.errors import ConfigurationError


def lock(handle: int, *, shared: bool = False) -> None:
    """Wait for the lock on an open file.

    Args:
        handle: The file.
        shared: Others may hold it too, where theirs is shared.

    Raises:
        ConfigurationError: This system has no `flock`.
        OSError: The file system has none.
    """
    flock = _flock()
    flock.flock(handle, flock.LOCK_SH if shared else flock.LOCK_EX)


def unlock(handle: int) -> None:
    """Give the lock on an open file back."""
    flock = _flock()
    flock.flock(handle, flock.LOCK_UN)


def _flock() -> Any:
    try:
        import fcntl
    except ImportError:
        fcntl = None  # type: ignore[assignment, unused-ignore]
    if fcntl is None:
        raise ConfigurationError("an audit log of JSON lines needs flock; use SQLite here")
    return fcntl
