"""Keeping what a database driver raises away from the caller: its messages quote rows."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from piirag.errors import VaultError

_P = ParamSpec("_P")
_R = TypeVar("_R")


def withheld(
    message: str, errors: Callable[[], tuple[type[Exception], ...]]
) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """A decorator that turns a driver's exceptions into a `VaultError` with its type's name only.

    It is no context manager: what is raised while one is left carries the original along.

    Args:
        message: What could not be done.
        errors: Gives the exceptions to catch; called when one is raised, since the driver may be
            an optional library.
    """

    def decorate(method: Callable[_P, _R]) -> Callable[_P, _R]:
        @functools.wraps(method)
        def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            try:
                return method(*args, **kwargs)
            except Exception as error:
                if not isinstance(error, errors()):
                    raise
                reason = type(error).__name__
            raise VaultError(f"{message}: {reason}")

        return call

    return decorate
