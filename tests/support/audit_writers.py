"""Processes that write to one audit log, some of them until they are killed."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from piirag.governance.audit import Chain, JSONLinesSink, PostgresSink, SQLiteSink
from piirag.testing.audit import KEY, record


def opened(where: str) -> Any:
    """A sink by its place: a path, or the URL of a server and a schema."""
    if where.startswith("postgres"):
        url, _, schema = where.rpartition("#")
        sink: Any = PostgresSink(url, schema=schema)
    elif where.endswith(".db"):
        sink = SQLiteSink(Path(where))
    else:
        # A few records a file, so that many are killed while they rotate.
        sink = JSONLinesSink(Path(where), max_bytes=1500)
    sink.bind(Chain(KEY))
    return sink


def write(where: str, count: int, told: Connection | None = None) -> None:
    """Write records, and tell the number of each once it is written."""
    sink = opened(where)
    for number in range(count):
        seq = sink.append(record(number, prompt="[PERSON_1] " * 20))["seq"]
        if told is not None:
            told.send(seq)
    sink.close()


def write_and_sweep(where: str, count: int, before: float) -> None:
    """Write records, and delete old ones now and then."""
    sink = opened(where)
    for number in range(count):
        sink.append(record(number))
        if number % 10 == 9:
            sink.expire(before)
    sink.close()


def killed_at_a_random_moment(
    start: Callable[..., Any], pipe: Callable[..., Any], where: str, seed: int
) -> int:
    """Have a process write, kill it, and give the number of the last record it told of."""
    rng = random.Random(seed)
    theirs: Connection
    ours, theirs = pipe(duplex=False)
    process = start(target=write, args=(where, 100_000, theirs))
    process.start()
    theirs.close()
    last = 0
    for _ in range(rng.randrange(1, 25)):
        last = ours.recv()
    for _ in range(rng.randrange(0, 4000)):
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    while True:
        try:
            last = ours.recv()
        except (EOFError, OSError):
            return last
