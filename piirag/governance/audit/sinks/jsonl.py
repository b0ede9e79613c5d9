"""JSON lines: a file to which several processes add one chain of records."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from piirag.errors import AuditError, ConfigurationError
from piirag.governance.audit.chain import Chain, Head, canonical, is_half, not_behind, parsed
from piirag.governance.audit.record import iso_of
from piirag.governance.audit.sinks.base import Query, check_fsync, lost
from piirag.governance.audit.sinks.flusher import Flusher
from piirag.governance.audit.sinks.head_file import (
    State,
    note,
    read_removed,
    read_state,
    write_state,
)
from piirag.governance.audit.sinks.jsonl_files import (
    Files,
    Paths,
    last_line,
    lines_of,
    reading,
)
from piirag.governance.audit.sinks.jsonl_sweep import sweep
from piirag.governance.audit.sinks.locks import unlock
from piirag.governance.audit.verify import HEAD, Problem, Verification, verified

log = logging.getLogger("piirag.audit")

_T = TypeVar("_T")


class JSONLinesSink:
    """Appends records to a file of JSON lines, mode 0600, and rotates it.

    Each record is one `write` under a lock that all processes on this machine share, so that they
    make one chain. A process that is killed in the middle of it leaves half a line at most, which
    the next writer cuts off. The files may lie on no network file system that lacks `flock`.

    Args:
        path: The file; its folder must exist. ``PATH.head`` and ``PATH.removed`` stand beside it.
        max_bytes: A file that has grown so large is rotated; None for any size.
        daily: Rotate at midnight, UTC.
        fsync: When records are on the disk for sure. A killed process loses none in any case; a
            machine that loses power loses: with ``"second"`` those of the last second or so, with
            ``"always"`` none, at the cost of a wait for the disk a record, with ``"never"`` what
            the operating system had not written yet.

    Raises:
        ConfigurationError: A limit below 1, or an unknown word.
    """

    name = "jsonl"

    def __init__(
        self,
        path: str | Path,
        *,
        max_bytes: int | None = 64 * 1024 * 1024,
        daily: bool = True,
        fsync: str = "second",
    ) -> None:
        if max_bytes is not None and max_bytes < 1:
            raise ConfigurationError("max_bytes is at least 1")
        self.path = Path(path)
        self._paths = Paths(self.path)
        self._max_bytes = max_bytes
        self._daily = daily
        self._fsync = check_fsync(fsync)
        self._chain = Chain()
        self._files: Files | None = None
        self._flusher = Flusher(self._sync)
        self._noted: tuple[bytes, State | None] = (b"", None)
        self._last = Head()

    def bind(self, chain: Chain) -> None:
        """Told once, before the first record: how records are linked."""
        self._chain = chain
        self._noted = (b"", None)
        self._last = Head()

    def open(self) -> None:
        """Open the files for writing; `append` does so where it has not been done.

        Raises:
            ConfigurationError: They cannot be opened.
        """
        reason = ""
        try:
            self._open()
        except OSError as error:
            reason = error.strerror or type(error).__name__
        if reason:
            raise ConfigurationError(f"cannot open the audit log: {reason}")

    def append(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Add a record to the chain; see `StoringSink`."""
        return _guarded(lambda: self._append(record))

    def _append(self, record: Mapping[str, Any]) -> dict[str, Any]:
        files = self._open()
        with files.locked():
            state = self._state(files)
            day = iso_of(time.time())[:10]
            sealed = self._chain.sealed(record, state.head)
            line = canonical(sealed) + b"\n"
            if self._is_full(state, day, len(line)):
                state = self._rotate(files, state)
            _write(files.current, line, state.size)
            day = state.day if state.size and state.day else day
            size = state.size + len(line)
            state = State(sealed["seq"], sealed["hash"], state.first, size, day)
            self._noted = write_state(files.head, state, self._chain), state
            self._last = state.head
            if self._fsync == "always":
                os.fdatasync(files.current)
        if self._fsync == "second":
            self._flusher.wake()
        return sealed

    def read(self, query: Query) -> Iterator[dict[str, Any]]:
        """The records that are wanted, in the order of the chain; unreadable lines are left out."""
        for _, line in self._lines():
            record = parsed(line)
            if record is not None and query.matches(record):
                yield record

    def _lines(self) -> Iterator[tuple[str, bytes]]:
        with reading(self._paths) as (head, files):
            sizes = [os.fstat(file.fileno()).st_size for _, file in files]
            if head is not None:
                unlock(head)
            for (path, file), size in zip(files, sizes, strict=True):
                for number, line in enumerate(lines_of(file, size), 1):
                    yield f"{path.name}:{number}", line.removesuffix(b"\n")

    def verify(self, expected: Head | None = None) -> Verification:
        """Whether every record is there and as it was written.

        Args:
            expected: A record that has to be there, from an earlier look.

        Raises:
            AuditError: It cannot be read, or there is none.
        """
        return _guarded(lambda: self._verify(expected))

    def _verify(self, expected: Head | None) -> Verification:
        problems = []
        settled: Container[int] = ()
        with contextlib.suppress(AuditError):
            # Before the files are opened: a sweep may go on beside this.
            settled = read_removed(self._paths.removed, self._chain).settled
        with reading(self._paths) as (handle, files):
            if handle is None and not files:
                raise AuditError("there is no audit log under this name")
            state = None
            try:
                state = None if handle is None else read_state(note(handle), self._chain)
                if handle is not None and not os.fstat(handle).st_size and self._paths.are_new():
                    # The first writer has opened it and written nothing yet.
                    state = State()
                removed = read_removed(self._paths.removed, self._chain).removed
            except AuditError:
                removed = []
                problems.append(Problem(HEAD))
            sizes = [os.fstat(file.fileno()).st_size for _, file in files]
            if handle is not None:
                unlock(handle)
            # Half a line that the head knows nothing of is of a writer that was killed.
            torn = 0
            if files and state is not None and sizes[-1] > state.size:
                end = os.pread(files[-1][1].fileno(), sizes[-1] - state.size, state.size)
                half = end[end.rfind(b"\n") + 1 :]
                torn = len(half) if is_half(half) else 0
                sizes[-1] -= torn
            lines = (
                (f"{path.name}:{number}", line.removesuffix(b"\n"))
                for (path, file), size in zip(files, sizes, strict=True)
                for number, line in enumerate(lines_of(file, size), 1)
            )
            return verified(
                lines,
                self._chain,
                head=None if state is None else state.head,
                removed=removed,
                settled=settled,
                expected=expected,
                problems=problems,
                torn=torn > 0,
            )

    def expire(self, before: float) -> int:
        """Delete the records from before a moment; see `StoringSink`."""
        return _guarded(lambda: self._expire(before))

    def _expire(self, before: float) -> int:
        files = self._open()

        @contextlib.contextmanager
        def locked() -> Iterator[State]:
            with files.locked():
                yield self._state(files)

        def resized(state: State) -> None:
            files.reopen()
            size = os.fstat(files.current).st_size
            write_state(files.head, replace(state, size=size), self._chain)

        return sweep(self._paths, self._chain, before, locked, resized)

    def _open(self) -> Files:
        if self._files is None:
            self._files = Files(
                self._paths, lambda handle: write_state(handle, State(), self._chain)
            )
        return self._files

    def _state(self, files: Files) -> State:
        """Where the log stands, after a look at what a writer that was killed left behind."""
        data = note(files.head)
        # Nobody else has written since this object did, most often.
        state = self._noted[1] if data == self._noted[0] else read_state(data, self._chain)
        size = os.fstat(files.current).st_size
        if state is None:
            return self._without_head(files)
        if state.size != size:
            state = self._recovered(files, state, size)
        head = not_behind(state.head, self._last)
        if head != state.head:
            log.warning("the audit log went back to an older state: records are gone")
        return replace(state, seq=head.seq, hash=head.hash)

    def _without_head(self, files: Files) -> State:
        """Go on behind the last record there is, and put on record that more may have been."""
        last, first = Head(), 1
        for path in [*self._paths.all_rotated(), self.path]:
            line = last_line(path)
            record = parsed(line) if line else None
            if line and (record is None or not self._chain.fits(record)):
                raise AuditError("the audit log has no head, and its last line was altered")
            if record is not None:
                first = last.seq + 1
                last = Head(record["seq"], record["hash"])
        for gone in read_removed(self._paths.removed, self._chain).removed:
            if gone.last > last.seq:
                last = Head(gone.last, gone.hash)
        last = not_behind(last, self._last)
        log.warning("the audit log had no head: records at its end may be gone")
        size = _whole(files.current)
        own = lost()
        sealed = self._chain.sealed(own, last)
        line = canonical(sealed) + b"\n"
        _write(files.current, line, size)
        state = State(sealed["seq"], sealed["hash"], first, size + len(line), own["time"][:10])
        write_state(files.head, state, self._chain)
        return state

    def _recovered(self, files: Files, state: State, size: int) -> State:
        """What stands after a writer was killed, or the file is not what it was."""
        rotated = self._paths.rotated(state.first)
        if size == 0 and rotated.exists():
            return State(state.seq, state.hash, state.seq + 1)
        if size < state.size:
            line = last_line(self.path)
            record = parsed(line) if line else None
            if record is None or (record["seq"], record["hash"]) != (state.seq, state.hash):
                # The number goes on, so that what is missing stays to be seen.
                log.warning("the audit log is shorter than it was: records are gone")
            return replace(state, size=_whole(files.current))
        extra = os.pread(files.current, size - state.size, state.size)
        for line in extra.split(b"\n")[:-1]:
            record = parsed(line)
            if record is None or not self._chain.fits(record):
                continue
            if (record["seq"], record["prev"]) == (state.seq + 1, state.hash):
                state = replace(state, seq=record["seq"], hash=record["hash"])
        return replace(state, size=_whole(files.current, cut=True))

    def _is_full(self, state: State, day: str, more: int) -> bool:
        if state.size == 0:
            return False
        if self._daily and state.day and state.day != day:
            return True
        return self._max_bytes is not None and state.size + more > self._max_bytes

    def _rotate(self, files: Files, state: State) -> State:
        if self._fsync != "never":
            os.fdatasync(files.current)
        target = self._paths.rotated(state.first)
        if target.exists():
            # Only after the log went back. What stands there is evidence, and is not replaced.
            target = self._paths.rotated(state.seq)
        os.rename(self.path, target)
        files.reopen()
        state = State(state.seq, state.hash, state.seq + 1)
        write_state(files.head, state, self._chain)
        return state

    def _sync(self) -> None:
        files = self._files
        if files is not None:
            with files.locked():
                handle = os.dup(files.current)
            try:
                os.fdatasync(handle)
            finally:
                os.close(handle)

    def close(self) -> None:
        """Close the files."""
        self._flusher.close()
        if self._files is not None:
            self._files.close()
            self._files = None

    def __repr__(self) -> str:
        return "JSONLinesSink(...)"


def _write(handle: int, line: bytes, size: int) -> None:
    """Write a whole line, or nothing."""
    written = 0
    try:
        written = os.write(handle, line)
    finally:
        if written < len(line):
            os.ftruncate(handle, size)
    if written < len(line):
        raise AuditError("the audit log cannot be written: no space left")


def _whole(handle: int, *, cut: bool = False) -> int:
    """Have a file end with a whole line; its size then.

    Args:
        handle: The file.
        cut: Cut half a record off, rather than end its line. What cannot be one is evidence.
    """
    size = os.fstat(handle).st_size
    end = size
    while end > 0:
        start = max(0, end - 65536)
        found = os.pread(handle, end - start, start).rfind(b"\n")
        if found >= 0:
            end = start + found + 1
            break
        end = start
    if end == size:
        return size
    if cut and is_half(os.pread(handle, size - end, end)):
        os.ftruncate(handle, end)
        return end
    os.write(handle, b"\n")
    return size + 1


def _guarded(work: Callable[[], _T]) -> _T:
    reason = ""
    try:
        return work()
    except OSError as error:
        reason = error.strerror or type(error).__name__
    raise AuditError(f"the audit log cannot be read or written: {reason}")
