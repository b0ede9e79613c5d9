"""Trying again what a store could not do just now."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from piirag.errors import (
    ConfigurationError,
    InvalidUserIdError,
    PiiragError,
    StoreError,
    UserErasedError,
    VaultError,
    VaultKeyError,
)

# Of a program that is wrong, which does not get better by waiting.
_FOR_GOOD = (NotImplementedError, TypeError, AttributeError, UserErasedError, VaultKeyError)


@dataclass(frozen=True)
class Retry:
    """How often, and after which pauses, a call to a store is tried again.

    Pauses double from `first` up to `longest`, with a random part. Failures of the store are
    tried again; refusals of piirag's own are not.

    Args:
        attempts: Calls in all, the first included.
        first: The first pause, in seconds.
        longest: The longest pause, in seconds.
        sleep: What waits; for tests.

    Raises:
        ConfigurationError: No attempts, or pauses below zero.
    """

    attempts: int = 4
    first: float = 0.2
    longest: float = 5.0
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.first < 0 or self.longest < 0:
            raise ConfigurationError("retry needs at least one attempt and no pause below zero")

    def attempt(self, call: Callable[[str], Any], user_id: str) -> tuple[Any, str | None]:
        """Call a target, again where it failed.

        Returns:
            Its result and None; or None and the type of the exception, whose message may hold
            data and is dropped.

        Raises:
            InvalidUserIdError: The target cannot hold such a user id.
        """
        return self.run(lambda: call(user_id))

    def run(self, call: Callable[[], Any]) -> tuple[Any, str | None]:
        """As `attempt`, for a call without argument."""
        if self.attempts > 1:
            from tenacity import Retrying, retry_if_exception, stop_after_attempt
            from tenacity.wait import wait_exponential, wait_random

            pauses = wait_exponential(multiplier=self.first, max=self.longest)
            trying = Retrying(
                stop=stop_after_attempt(self.attempts),
                wait=pauses + wait_random(0, self.first),
                retry=retry_if_exception(_passing),
                sleep=self.sleep,
                reraise=True,
            )
            once, call = call, lambda: trying(once)
        try:
            return call(), None
        except InvalidUserIdError:
            raise
        except Exception as failed:  # noqa: BLE001 - any failure makes the receipt partial
            return None, named(failed)


def named(error: Exception) -> str:
    """What an exception is called where its message, which may hold data, is dropped."""
    return f"{type(error).__module__}.{type(error).__qualname__}"


NO_RETRY = Retry(attempts=1)


def _passing(error: BaseException) -> bool:
    """Whether a failure may pass."""
    if not isinstance(error, Exception) or isinstance(error, _FOR_GOOD):
        return False
    return not isinstance(error, PiiragError) or isinstance(error, (StoreError, VaultError))
