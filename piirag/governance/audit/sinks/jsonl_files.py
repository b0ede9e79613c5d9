"""The files of a log of JSON lines: the current one, those it was rotated into, and the lock."""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from piirag.governance.audit.sinks.locks import lock, unlock

_BLOCK = 1 << 16


@dataclass(frozen=True)
class Paths:
    """The names of a log's files.

    Args:
        current: The file that is written to: ``audit.jsonl``. Rotated ones stand beside it, with
            the number of their first record: ``audit.000000000001.jsonl``.
    """

    current: Path

    @property
    def head(self) -> Path:
        """The note of the last record, and the writers' lock."""
        return self.current.with_name(self.current.name + ".head")

    @property
    def removed(self) -> Path:
        """The note of what was deleted because its time was over."""
        return self.current.with_name(self.current.name + ".removed")

    def rotated(self, first: int) -> Path:
        """The name of a rotated file by its first record."""
        return self.current.with_name(f"{self.current.stem}.{first:012d}{self.current.suffix}")

    def are_new(self) -> bool:
        """Whether there is none but the head."""
        return not (self.current.exists() or self.removed.exists() or self.all_rotated())

    def all_rotated(self) -> list[Path]:
        """The rotated files in the order of the chain."""
        stem, suffix = re.escape(self.current.stem), re.escape(self.current.suffix)
        name = re.compile(rf"{stem}\.(\d{{12,}}){suffix}")
        found = [(m, p) for p in self.current.parent.iterdir() if (m := name.fullmatch(p.name))]
        return [path for _, path in sorted(found, key=lambda item: int(item[0][1]))]


class Files:
    """The open files of a writer, and the lock that keeps writers apart.

    Args:
        paths: Their names.
        begin: Told, with the head's file, that the log is a new one. It is told before there is
            any other file: a log with files and an empty head lost its head.

    Raises:
        OSError: They cannot be opened.
    """

    def __init__(self, paths: Paths, begin: Callable[[int], object] = lambda handle: None) -> None:
        self._paths = paths
        self._begin = begin
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self.current = -1
        self.head = -1
        self._ids: dict[int, tuple[int, int]] = {}
        with self.locked():
            pass

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep all other writers out; both files are those that stand under the names now."""
        if self._pid != os.getpid():
            # A lock that a thread of the parent held is held forever in the child, and a lock on
            # a file that both have open is one lock.
            self._pid, self._lock = os.getpid(), threading.RLock()
            self.close()
        with self._lock:
            self._lock_head()
            try:
                if not self._same(self.current, self._paths.current):
                    if not os.fstat(self.head).st_size and self._paths.are_new():
                        self._begin(self.head)
                    self.reopen()
                yield
            finally:
                unlock(self.head)

    def _lock_head(self) -> None:
        while True:
            if self.head < 0:
                self.head = self._opened(self._paths.head, os.O_RDWR)
            lock(self.head)
            if self._same(self.head, self._paths.head):
                return
            os.close(self.head)
            self.head = -1

    def _same(self, handle: int, path: Path) -> bool:
        """Whether an open file is the one under this name."""
        if handle < 0:
            return False
        try:
            there = os.stat(path)
        except FileNotFoundError:
            return False
        return self._ids[handle] == (there.st_ino, there.st_dev)

    def _opened(self, path: Path, flags: int) -> int:
        handle = opened(path, flags)
        mine = os.fstat(handle)
        self._ids[handle] = (mine.st_ino, mine.st_dev)
        return handle

    def reopen(self) -> None:
        """Open the current file anew."""
        if self.current >= 0:
            os.close(self.current)
            self.current = -1
        self.current = self._opened(self._paths.current, os.O_RDWR | os.O_APPEND)

    def close(self) -> None:
        """Close both."""
        for handle in (self.current, self.head):
            if handle >= 0:
                os.close(handle)
        self.current = self.head = -1


def opened(path: Path, flags: int) -> int:
    """Open a file of which only its owner shall read, and create it if it is not there."""
    handle = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with contextlib.suppress(OSError):
        os.fchmod(handle, 0o600)
    return handle


@contextlib.contextmanager
def reading(paths: Paths) -> Iterator[tuple[int | None, list[tuple[Path, IO[bytes]]]]]:
    """Every file of a log, opened at one moment between two records.

    Yields:
        The file of the head, None where there is none, and the others in the order of the chain.
    """
    with contextlib.ExitStack() as stack:
        head = _opened_head(paths)
        if head is None and paths.are_new():
            yield None, []
            return
        # Whoever made the files has made the head before them, and since the first look perhaps.
        head = _opened_head(paths) if head is None else head
        if head is not None:
            stack.callback(os.close, head)
            lock(head, shared=True)
        files: list[tuple[Path, IO[bytes]]] = []
        for path in [*paths.all_rotated(), paths.current]:
            with contextlib.suppress(FileNotFoundError):
                files.append((path, stack.enter_context(path.open("rb"))))
        yield head, files


def _opened_head(paths: Paths) -> int | None:
    try:
        return os.open(paths.head, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None


def lines_of(file: IO[bytes], size: int) -> Iterator[bytes]:
    """The lines of a file up to a size, without their ends; the last may have had none."""
    left = size
    for line in file:
        line = line[:left]
        left -= len(line)
        if line:
            yield line
        if left <= 0:
            return


def last_line(path: Path) -> bytes:
    """The last whole line of a file, without its end; empty where there is none."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        data = b""
        while end > 0 and data.count(b"\n") < 2:
            step = min(_BLOCK, end)
            end -= step
            file.seek(end)
            data = file.read(step) + data
    whole, _, _ = data.rpartition(b"\n")
    return whole.rpartition(b"\n")[2]
