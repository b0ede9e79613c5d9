"""The journal of erasures: what was intended, how far it got, who is at it, who is on the list.

It names users by a keyed hash. The id that a resumed erasure needs is in it sealed under the
vault's master key, and is wiped once the erasure is complete; so is what a person who is no user is
known by. No text, no value, no id is ever written in clear.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

OPEN = "open"

# Steps of a whole erasure, journalled under no target, and those of one target, in their order.
TOMBSTONE = "tombstone"
COUNTED = "counted"
DELETED = "deleted"
VERIFIED = "verified"
RECLAIMED = "reclaimed"
KEYS_DESTROYED = "keys destroyed"

Steps = dict[tuple[str, str], dict[str, Any]]
"""(target, step) -> what was noted, for the steps that are done."""


@dataclass(frozen=True)
class Erasure:
    """One erasure in the journal.

    Args:
        id: Its name.
        subject: Keyed hash of the user.
        sealed: The user's id, sealed; None once the erasure is complete.
        physical: Whether bytes are to be reclaimed.
        status: ``"open"``, ``"partial"`` or ``"complete"``.
        started: Seconds since the epoch.
        finished: When the last run ended, or None.
        runs: How often it was begun or resumed.
        receipt: The receipt of the last run that ended, as JSON, or None.
    """

    id: str
    subject: str
    sealed: bytes | None = field(repr=False)
    physical: bool
    status: str
    started: float
    finished: float | None
    runs: int
    receipt: str | None = field(repr=False)


@dataclass(frozen=True)
class Suppressed:
    """A user who is not to come back.

    Args:
        subject: Keyed hash of the user.
        sealed: The user's id, sealed, or None where only the hash is kept.
        since: Seconds since the epoch.
    """

    subject: str
    sealed: bytes | None = field(repr=False)
    since: float


class Journal(Protocol):
    """Where erasures are noted. All methods are safe to call from several threads.

    A lease makes one process at a time carry out an erasure. It has to be renewed before it
    expires, which every `mark` does as well; then another process may take the erasure over, and
    whatever the former owner notes is refused with `LeaseLostError`.

    All methods raise `JournalError` where the journal cannot be read or written.
    """

    durable: bool
    """Whether it outlives the process."""

    def begin(self, subject: str, sealed: bytes, *, physical: bool, since: float) -> Erasure:
        """Note the intent to erase a user.

        Returns:
            The new erasure; or the one of this user that is not complete yet; or one that was
            completed after `since`, seconds since the epoch.
        """
        ...

    def get(self, id: str) -> Erasure:
        """An erasure as it is now."""
        ...

    def last(self, subject: str) -> Erasure | None:
        """The latest erasure of a user, or None."""
        ...

    def unfinished(self) -> Sequence[Erasure]:
        """All erasures that are not complete, the oldest first."""
        ...

    def acquire(self, id: str, owner: str, seconds: float) -> bool:
        """Take the lease unless another owner's is still running; whether it was taken."""
        ...

    def renew(self, id: str, owner: str, seconds: float) -> bool:
        """Have the lease run on; whether it still was the owner's."""
        ...

    def release(self, id: str, owner: str) -> None:
        """Give the lease back, if it still is the owner's."""
        ...

    def mark(
        self,
        id: str,
        owner: str,
        target: str,
        step: str,
        data: Mapping[str, Any],
        seconds: float,
    ) -> None:
        """Note that a step is done; what was noted first stays.

        Raises:
            LeaseLostError: The lease is another owner's by now.
        """
        ...

    def steps(self, id: str) -> Steps:
        """The steps that are done."""
        ...

    def finish(self, id: str, owner: str, status: str, receipt: str) -> None:
        """Keep the receipt, give the lease back and, where complete, wipe the sealed id.

        Raises:
            LeaseLostError: The lease is another owner's by now.
        """
        ...

    def expire(self, before: float) -> int:
        """Delete complete erasures that ended before a moment, with their steps and receipts.

        What is open or partial stays, and so does the suppression list.

        Returns:
            How many erasures were deleted.
        """
        ...

    def count_before(self, before: float) -> int:
        """How many erasures `expire` would delete."""
        ...

    def suppress(self, entries: Sequence[Suppressed]) -> None:
        """Put users on the suppression list; of one who is on it the older date stays."""
        ...

    def unsuppress(self, subject: str) -> bool:
        """Take a user off the list; whether the user was on it."""
        ...

    def suppressed(self) -> Sequence[Suppressed]:
        """The suppression list, the oldest first."""
        ...

    def reseal(self, subject: str, old: bytes, new: bytes) -> None:
        """Replace a sealed id, on the list and of erasures, where it still is `old`."""
        ...

    def close(self) -> None:
        """Release files and connections."""
        ...
