"""What stands beside a log of JSON lines: the note of its last record, and of what was deleted.

The note of the last record is what shows a log that was cut off at its end. Its file also carries
the lock that writers of several processes take.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from piirag.errors import AuditError
from piirag.governance.audit.chain import GENESIS, Chain, Head, Removed, Spans, canonical

_BYTES = 512


@dataclass(frozen=True)
class State:
    """Where a log stands.

    Args:
        seq: The number of the last record.
        hash: Its hash.
        first: The number that the first record of the current file had.
        size: Bytes of the current file.
        day: The day of the current file, ``2026-01-31``; empty while there is no record in it.
    """

    seq: int = 0
    hash: str = GENESIS
    first: int = 1
    size: int = 0
    day: str = ""

    @property
    def head(self) -> Head:
        """The last record."""
        return Head(self.seq, self.hash)


def note(handle: int) -> bytes:
    """The note in an open file, as it stands there; empty where there is none."""
    return os.pread(handle, _BYTES, 0)


def read_state(data: bytes, chain: Chain) -> State | None:
    """What a note says; None where it is empty.

    Raises:
        AuditError: It was altered, or made under another key.
    """
    if not data.rstrip():
        return None
    try:
        found = json.loads(data)
        mac = found.pop("mac")
        state = State(**found)
        good = (
            mac == chain.digest("head", _body(state))
            and all(type(n) is int and n >= 0 for n in (state.seq, state.first, state.size))
            and isinstance(state.hash, str)
            and isinstance(state.day, str)
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, AuditError):
        good = False
    if not good:
        raise AuditError("the head of the audit log was altered, or belongs to another key")
    return state


def write_state(handle: int, state: State, chain: Chain) -> bytes:
    """Put the note into an open file, in one write of one sector; gives it back."""
    body = _body(state)
    mac = chain.digest("head", body).encode()
    data = (body[:-1] + b',"mac":"' + mac + b'"}').ljust(_BYTES - 1) + b"\n"
    os.pwrite(handle, data, 0)
    return data


def _body(state: State) -> bytes:
    return canonical(vars(state))


Ranges = Sequence[tuple[int, int]]
"""First and last numbers of records."""


@dataclass(frozen=True)
class Deleted:
    """What was deleted because its time was over.

    Args:
        removed: The ranges, with the hash of the last record of each.
        pending: Those of them that a sweep was about to delete: they may still be there.
    """

    removed: list[Removed] = field(default_factory=list)
    pending: Ranges = ()

    @property
    def settled(self) -> Spans:
        """The numbers of which no record can be there any more."""
        return Spans((r.first_last for r in self.removed), self.pending)


def read_removed(path: Path, chain: Chain) -> Deleted:
    """What was deleted because its time was over.

    Raises:
        AuditError: The note of it was altered, or made under another key.
    """
    try:
        found: Any = json.loads(path.read_bytes())
        mac = found.pop("mac")
        good = mac == chain.digest("removed", canonical(found))
        if good:
            removed = [Removed(*entry) for entry in found["removed"]]
            return Deleted(removed, [(first, last) for first, last in found["pending"]])
    except FileNotFoundError:
        return Deleted()
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, AuditError):
        pass
    raise AuditError("the note of deleted records was altered, or belongs to another key")


def write_removed(path: Path, deleted: Deleted, chain: Chain) -> None:
    """Replace the note of what was deleted; never half of it."""
    body: dict[str, Any] = {
        "removed": [[r.first, r.last, r.hash] for r in deleted.removed],
        "pending": [list(entry) for entry in deleted.pending],
    }
    mac = chain.digest("removed", canonical(body))
    replace_file(path, json.dumps({**body, "mac": mac}).encode() + b"\n")


def replace_file(path: Path, data: bytes) -> None:
    """Put a whole file, mode 0600, in the place of another."""
    draft = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def merged(removed: Sequence[Removed], more: Sequence[Removed]) -> list[Removed]:
    """Both, in order, with neighbours made one."""
    result: list[Removed] = []
    for entry in sorted([*removed, *more], key=lambda r: (r.first, r.last)):
        if result and entry.first <= result[-1].last + 1:
            if entry.last > result[-1].last:
                result[-1] = replace(result[-1], last=entry.last, hash=entry.hash)
        else:
            result.append(entry)
    return result
