"""Deleting old records from a log of JSON lines."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from piirag.errors import AuditError
from piirag.governance.audit.chain import Chain, Removed, Spans, parsed
from piirag.governance.audit.record import seconds_of
from piirag.governance.audit.sinks.head_file import (
    Deleted,
    State,
    merged,
    read_removed,
    replace_file,
    write_removed,
)
from piirag.governance.audit.sinks.jsonl_files import Paths
from piirag.governance.audit.sinks.locks import lock

Locked = Callable[[], AbstractContextManager[State]]


@dataclass
class _Sorted:
    """What of a file is over, and what stays."""

    kept: list[bytes] = field(default_factory=list)
    gone: list[Removed] = field(default_factory=list)


def sweep(
    paths: Paths,
    chain: Chain,
    before: float,
    locked: Locked,
    resized: Callable[[State], None],
) -> int:
    """Delete the records from before a moment.

    Files that were rotated are read while writers go on; the current one under their lock. What
    will be deleted is noted first: interrupted at any point, the log still verifies, and the next
    sweep deletes the rest. A line that cannot be read, or does not fit, stays: it is evidence.

    Args:
        paths: The files.
        chain: How records are linked.
        before: Seconds since the epoch.
        locked: Keeps writers out; gives where the log stands.
        resized: Told, with writers kept out, that the current file is another one now.

    Returns:
        How many were deleted.
    """
    with _only_sweep(paths.current.parent):
        with locked():
            rotated = paths.all_rotated()
        count = 0
        for path in rotated:
            count += _swept(paths, path, chain, before)
        with locked() as state:
            # Rotated in the meantime, perhaps.
            for path in [p for p in paths.all_rotated() if p not in rotated]:
                count += _swept(paths, path, chain, before)
            swept = _swept(paths, paths.current, chain, before)
            if swept:
                resized(state)
        known = read_removed(paths.removed, chain)
        if known.pending:
            write_removed(paths.removed, Deleted(known.removed), chain)
        return count + swept


def _swept(paths: Paths, path: Path, chain: Chain, before: float) -> int:
    known = read_removed(paths.removed, chain)
    found = _sorted(path, chain, before, known)
    if not found.gone:
        return 0
    # What an interrupted sweep left stays pending until this one has been through all files.
    pending = [*known.pending, *((r.first, r.last) for r in merged([], found.gone))]
    write_removed(paths.removed, Deleted(merged(known.removed, found.gone), pending), chain)
    if found.kept or path == paths.current:
        replace_file(path, b"".join(found.kept))
    else:
        path.unlink()
    return len(found.gone)


def _sorted(path: Path, chain: Chain, before: float, known: Deleted) -> _Sorted:
    result = _Sorted()
    pending, settled = Spans(known.pending), known.settled
    with path.open("rb") as file:
        for line in file:
            record = parsed(line.removesuffix(b"\n"))
            if (
                record is not None
                and (_is_over(record.get("time"), before) or record["seq"] in pending)
                # One that was deleted and came back is evidence.
                and record["seq"] not in settled
                and chain.fits(record)
            ):
                result.gone.append(Removed(record["seq"], record["seq"], record["hash"]))
            else:
                result.kept.append(line)
    return result


def _is_over(time: object, before: float) -> bool:
    try:
        return isinstance(time, str) and seconds_of(time) < before
    except AuditError:
        return False


@contextlib.contextmanager
def _only_sweep(folder: Path) -> Iterator[None]:
    """One sweep at a time: a lock on the folder, which writers do not take."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        lock(handle)
        yield
    finally:
        os.close(handle)
