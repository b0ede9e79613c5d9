"""The call of a wrapper that is being made here, for whoever records it.

It is for records only: whose data a call may see is never decided by it (threat T14).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from piirag.governance.observation import Observation

_current: ContextVar[Observation | None] = ContextVar("piirag_observation", default=None)


def current() -> Observation | None:
    """The call of a wrapper that is being made here, if any."""
    return _current.get()


@contextmanager
def observed(observation: Observation) -> Iterator[None]:
    """Let observers find an observation while the model is called."""
    token = _current.set(observation)
    try:
        yield
    finally:
        _current.reset(token)
