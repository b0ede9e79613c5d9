"""What a sink is: the two kinds there are."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from piirag.errors import ConfigurationError
from piirag.governance.audit.chain import Chain, Head
from piirag.governance.audit.record import iso_of, seconds_of
from piirag.governance.audit.verify import HEAD_LOST, Verification

FSYNC = ("always", "second", "never")


@dataclass(frozen=True)
class Query:
    """Which records are wanted; None for any.

    Args:
        request_id: The request, or what is a part of it.
        event: The kind.
        since: Not before, seconds since the epoch.
        until: Before.
        users: Tags of users.
    """

    request_id: str | None = None
    event: str | None = None
    since: float | None = None
    until: float | None = None
    users: Collection[str] | None = None

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Whether a record is wanted."""
        if self.request_id is not None and self.request_id not in (
            record.get("request_id"),
            record.get("parent_id"),
        ):
            return False
        if self.event is not None and record.get("event") != self.event:
            return False
        if self.users is not None and record.get("user") not in self.users:
            return False
        if self.since is None and self.until is None:
            return True
        time = seconds_of(str(record.get("time")))
        return (self.since is None or time >= self.since) and (
            self.until is None or time < self.until
        )


@runtime_checkable
class Sink(Protocol):
    """Somewhere records go to.

    `name` is what a logging policy calls it.
    """

    name: str

    def close(self) -> None:
        """Let go of files and connections."""
        ...


@runtime_checkable
class ForwardingSink(Sink, Protocol):
    """A sink that hands records on and cannot read them back."""

    def emit(self, record: Mapping[str, Any]) -> None:
        """Hand a record on."""
        ...


@runtime_checkable
class StoringSink(Sink, Protocol):
    """A sink that keeps one chain of records, to which several processes may add."""

    def bind(self, chain: Chain) -> None:
        """Told once, before the first record: how records are linked."""
        ...

    def append(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Add a record to the chain; gives it back with its place in it.

        Raises:
            AuditError: It could not be written.
        """
        ...

    def read(self, query: Query) -> Iterator[dict[str, Any]]:
        """The records that are wanted, in the order of the chain."""
        ...

    def verify(self, expected: Head | None = None) -> Verification:
        """Whether every record is there and as it was written.

        Args:
            expected: A record that has to be there, from an earlier look.
        """
        ...

    def expire(self, before: float) -> int:
        """Delete the records from before a moment; the chain can still be verified.

        Args:
            before: Seconds since the epoch.

        Returns:
            How many were deleted.
        """
        ...


def mark_of(sink: Sink) -> str:
    """What the mark of a sink's log is called beside the secrets of its tags."""
    path = getattr(sink, "path", None)
    return str(getattr(sink, "place", sink.name)) if path is None else mark_of_file(path)


def mark_of_file(path: str | Path) -> str:
    """The same of a log in a file."""
    return f"file {Path(path).resolve()}"


def lost() -> dict[str, Any]:
    """The log's own record that records were lost before it."""
    own = {"time": iso_of(time.time()), "event": "audit", "outcome": "error"}
    return {**own, "error.type": HEAD_LOST}


def check_fsync(fsync: str) -> str:
    """Refuse an unknown word.

    Raises:
        ConfigurationError: It is none of `FSYNC`.
    """
    if fsync not in FSYNC:
        raise ConfigurationError("fsync is one of " + ", ".join(FSYNC))
    return fsync
