"""What a record of the audit log costs, as a share of a call of a model that takes 20 ms.

The model sleeps for 20 ms, as a fast one behind a network does. Each call is followed by a record
of it: a prompt and a reply that a redactor made, four chunks, a filter, tags for user, session and
input. The share is the time of the write over the time of the call with it; the median of all
calls. Sinks take turns every twenty calls, so that what else runs on the machine meets all alike.
The peer is a bare `logging` handler that writes the same fields as a line of JSON, with nothing
checked, hashed, chained or locked.

``--texts unseen`` has the log's own guard redact the texts, for callers that have no redactor.

Run: python benchmarks/audit.py [--rounds N] [--texts redacted|unseen] [--json]
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from piirag.governance.audit import AuditLog, AuditRecord, JSONLinesSink, PostgresSink, SQLiteSink

MODEL_SECONDS = 0.02
BLOCK = 20
KEY = bytes(range(32))
PROMPT = (
    "Dear [PERSON_1], the invoice was sent to [EMAIL_ADDRESS_1] on Monday and we hope that the "
    "payment arrives soon. Please call us if anything is unclear, our team in the office will "
    "help you with the shipment and the return of order {}."
)
REPLY = "Dear [PERSON_1], thank you for your question about order {}; we will look into it."


def record(number: int) -> AuditRecord:
    """A record as a retrieval-augmented call leaves it."""
    return AuditRecord(
        "model_call",
        request_id=str(uuid.uuid4()),
        operation="chat",
        provider="openai",
        request_model="gpt-4o-mini",
        input_tokens=180,
        output_tokens=25,
        duration_s=MODEL_SECONDS,
        outcome="ok",
        prompt=PROMPT.format(number),
        reply=REPLY.format(number),
        input_hash=f"the question before it was redacted, number {number}",
        user=f"user-{number % 50}",
        session=f"session-{number % 200}",
        feature="support",
        filter={"user_id": f"user-{number % 50}", "year": 2026},
        chunks=[
            {"id": os.urandom(16).hex(), "score": 0.8, "source": "handbook.pdf"} for _ in range(4)
        ],
        decisions=[{"action": "redacted", "where": "prompt", "counts": {"PERSON": 1}}],
    )


def bare(folder: Path) -> Callable[[int], None]:
    """A line of JSON by a `logging` handler."""
    logger = logging.Logger("bare", logging.INFO)
    logger.addHandler(logging.FileHandler(folder / "bare.log"))
    return lambda number: logger.info("%s", json.dumps(record(number).to_dict()))


def candidates(folder: Path, texts: str) -> tuple[dict[str, Callable[[int], None]], list[AuditLog]]:
    """What is measured, and what is to be closed."""
    sinks: dict[str, Any] = {
        f"{name}, fsync {fsync}": make(folder / f"{fsync}{ending}", fsync=fsync)
        for name, ending, make in (
            ("JSON lines", ".jsonl", JSONLinesSink),
            ("SQLite", ".db", SQLiteSink),
        )
        for fsync in ("second", "always")
    }
    url = postgres(folder)
    if url is not None:
        for fsync in ("second", "always"):
            name = f"Postgres, fsync {fsync}"
            sinks[name] = PostgresSink(url, schema=f"audit_{fsync}", fsync=fsync)
    redacted = ("prompt", "reply") if texts == "redacted" else ()
    logs = [AuditLog(sink, key=KEY) for sink in sinks.values()]

    def writing(log: AuditLog) -> Callable[[int], None]:
        return lambda number: log.write(record(number), redacted=redacted)

    return dict(zip(sinks, map(writing, logs), strict=True)), logs


def postgres(folder: Path) -> str | None:
    """The URL of a server of our own; None where there is no package for one."""
    try:
        import pgserver
    except ImportError:
        return None
    url: str = pgserver.get_server(folder / "postgres").get_uri()
    return url


def measured(calls: dict[str, Callable[[int], None]], rounds: int) -> list[dict[str, Any]]:
    """Of each call: the share of the time, and milliseconds by the wall and of the processor."""
    taken: dict[str, list[tuple[float, float, float]]] = {name: [] for name in calls}
    for block in range(-1, -(-rounds // BLOCK)):
        for name, call in calls.items():
            for number in range(block * BLOCK, (block + 1) * BLOCK):
                start = time.perf_counter()
                time.sleep(MODEL_SECONDS)
                answered, busy = time.perf_counter(), time.process_time()
                call(number)
                end = time.perf_counter()
                if block >= 0:
                    work = time.process_time() - busy
                    share = (end - answered) / (end - start)
                    taken[name].append((share, end - answered, work))
    return [
        {
            "sink": name,
            "share_percent": round(100 * statistics.median(t[0] for t in times), 2),
            "wall_ms": round(1e3 * statistics.median(t[1] for t in times), 3),
            "processor_ms": round(1e3 * statistics.median(t[2] for t in times), 3),
        }
        for name, times in taken.items()
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--texts", choices=("redacted", "unseen"), default="redacted")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="piirag-") as name:
        calls, logs = candidates(Path(name), options.texts)
        try:
            rows = measured({"bare logging (peer)": bare(Path(name)), **calls}, options.rounds)
        finally:
            for log in logs:
                log.close()
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    table = Table("sink", "share of a call", "wall, ms", "processor, ms")
    for row in rows:
        table.add_row(
            row["sink"],
            f"{row['share_percent']:.2f} %",
            f"{row['wall_ms']:.3f}",
            f"{row['processor_ms']:.3f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
