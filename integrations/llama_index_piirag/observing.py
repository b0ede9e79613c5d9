"""The call of a wrapper that is being made here, for whoever records it.

It is for records only: whose data a call may see is never decided by it (threat T14).
"""

from __future__ import annotations

from contextvars import ContextVar

from piirag.governance.observation import Observation

_current: ContextVar[Observation | None] = ContextVar("piirag_observation", default=None)


def current() -> Observation | None:
    """The call of a wrapper that is being made here, if any."""
    return _current.get()


class observed:
    """Lets observers find an observation while the model is called.

    It may be entered again and again, one time after the other, as for each chunk of a stream.

    Args:
        observation: The observation.
    """

    __slots__ = ("_observation", "_token")

    def __init__(self, observation: Observation) -> None:
        self._observation = observation

    def __enter__(self) -> None:
        self._token = _current.set(self._observation)

    def __exit__(self, *error: object) -> None:
        _current.reset(self._token)
