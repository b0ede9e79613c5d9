"""The hash chain: every record holds the hash of the one before it.

With a key the hashes are HMAC-SHA256, so that who has the log but not the key cannot make a chain
that fits. Without one they are SHA-256: they show accidents, and changes by somebody who does not
take the trouble to compute the rest of the chain anew.
"""

from __future__ import annotations

import bisect
import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from piirag.errors import AuditError, ConfigurationError
from piirag.governance.audit.record import SCHEMA_VERSION
from piirag.vault.keys import derive

GENESIS = "0" * 64
"""`prev` of the first record."""

LEAST_KEY_BYTES = 16


@dataclass(frozen=True)
class Head:
    """The last record of a chain.

    Args:
        seq: Its number; 0 before the first.
        hash: Its hash.
    """

    seq: int = 0
    hash: str = GENESIS


def not_behind(found: Head, written: Head) -> Head:
    """Where to go on: behind what was found, or behind what the same writer wrote last.

    A log that went back, because somebody put an older state of it in its place, goes on with the
    numbers that it had, so that what is gone stays to be seen.

    Args:
        found: The last record, as the log has it now.
        written: The last one that this writer wrote.
    """
    replaced = found.seq == written.seq and found.hash != written.hash
    return written if found.seq < written.seq or replaced else found


@dataclass(frozen=True)
class Removed:
    """Records that were deleted because their time was over; the chain goes on behind them.

    Args:
        first: The number of the first.
        last: The number of the last.
        hash: The hash of the last.
    """

    first: int
    last: int
    hash: str

    @property
    def first_last(self) -> tuple[int, int]:
        """The first and the last number."""
        return self.first, self.last


class Spans:
    """Ranges of numbers, of which it can be asked whether a number is in one.

    Args:
        ranges: First and last numbers.
        but: Ranges that are not meant.
    """

    def __init__(
        self, ranges: Iterable[tuple[int, int]], but: Iterable[tuple[int, int]] = ()
    ) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in sorted(ranges):
            if self._lasts and first <= self._lasts[-1] + 1:
                self._lasts[-1] = max(last, self._lasts[-1])
            else:
                self._firsts.append(first)
                self._lasts.append(last)
        but = tuple(but)
        self._but = Spans(but) if but else None

    def __contains__(self, number: object) -> bool:
        if not isinstance(number, int):
            return False
        place = bisect.bisect_right(self._firsts, number)
        within = place > 0 and number <= self._lasts[place - 1]
        return within and (self._but is None or number not in self._but)


@dataclass(frozen=True)
class Chain:
    """Links records, under a key or without one.

    Args:
        key: At least 128 bits; None for plain hashes.

    Raises:
        ConfigurationError: The key is too short.
    """

    key: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.key is not None:
            check_key(self.key)
            object.__setattr__(self, "_derived", derive(self.key, "audit-chain"))

    @property
    def keyed(self) -> bool:
        """Whether there is a key."""
        return self.key is not None

    def digest(self, purpose: str, data: bytes) -> str:
        """The hash of some bytes, 64 hexadecimal digits.

        Args:
            purpose: What they are; the same bytes for another purpose have another hash.
            data: The bytes.
        """
        body = purpose.encode() + b"\0" + data
        if self.key is None:
            return hashlib.sha256(body).hexdigest()
        key: bytes = self._derived  # type: ignore[attr-defined]
        return hmac.digest(key, body, "sha256").hex()

    def sealed(self, record: Mapping[str, Any], head: Head) -> dict[str, Any]:
        """A record with its place in the chain.

        Args:
            record: The record.
            head: The one before it.
        """
        whole = {**record, "schema": SCHEMA_VERSION, "seq": head.seq + 1, "prev": head.hash}
        whole["hash"] = self.digest("record", canonical(whole))
        return whole

    def fits(self, record: Mapping[str, Any]) -> bool:
        """Whether a record's hash is that of the record."""
        body = {key: value for key, value in record.items() if key != "hash"}
        return hmac.compare_digest(
            self.digest("record", canonical(body)), str(record.get("hash", ""))
        )


def canonical(record: Mapping[str, Any]) -> bytes:
    """The one way a record is written: sorted names, no spaces, ASCII only.

    Raises:
        AuditError: It is not JSON.
    """
    try:
        return json.dumps(
            record, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True
        ).encode("ascii")
    except (TypeError, ValueError, RecursionError):
        pass
    raise AuditError("an audit record is not JSON data")


def parsed(line: bytes) -> dict[str, Any] | None:
    """The record that a line holds; None where it is none in the one way it may be written."""
    try:
        record = json.loads(line)
        good = (
            isinstance(record, dict)
            and type(record.get("seq")) is int
            and isinstance(record.get("prev"), str)
            and isinstance(record.get("hash"), str)
            and canonical(record) == line
        )
    except (ValueError, RecursionError, AuditError):
        return None
    return record if good else None


_HALF = re.compile(rb'(?:\{(?:"[ -~]*)?)?\0*')


def is_half(line: bytes) -> bool:
    """Whether bytes can be half a record: of a writer that was killed, or lost power.

    Args:
        line: What stands behind the last whole line.
    """
    if not _HALF.fullmatch(line):
        return False
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return True
    # All of it but the end of the line: then it is as it was written.
    return parsed(line) is not None


def check_key(key: Any) -> None:
    """Refuse a key that is none.

    Raises:
        ConfigurationError: No bytes, or under 128 bits.
    """
    if not isinstance(key, bytes) or len(key) < LEAST_KEY_BYTES:
        raise ConfigurationError(f"the key of the audit log has at least {LEAST_KEY_BYTES} bytes")
