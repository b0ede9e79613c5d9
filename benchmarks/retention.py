"""A sweep of one per cent among a million messages, against a delete that reads all of them.

The peer is the same table without the index on the time, and one statement that deletes what is
over, as chat histories without one do. Both have the same rows, in the same database, swept in
the same run. What is printed besides the times is how many rows went, how many are left, and what
the database says it did: the plan of the statement, and for Postgres how many rows it read.

Run: python benchmarks/retention.py [--rows 1000000] [--only sqlite]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent.parent / "tests"))

import sqlalchemy as sa

from langchain_piirag import ChatHistories, SQLHistoryStore
from piirag import MemoryVault, Scrubber
from piirag.governance.retention import RetentionRunner

DAY = 86_400.0
NOW = 1_700_000_000.0
LIMIT = NOW - 30 * DAY
_PART = 20_000
_TEXT = "x" * 400
_SCRUBBER = Scrubber(vault=MemoryVault())


def fill(store: SQLHistoryStore, rows: int) -> None:
    """One message in a hundred is over, scattered among the others; a thousand owners."""
    for start in range(0, rows, _PART):
        values = [
            {
                "owner": f"owner{number % 1000}",
                "session": f"session{number % 7}",
                "written_at": NOW
                - (40 * DAY + number if number % 100 == 0 else number % 2_500_000),
                "message": _TEXT,
            }
            for number in range(start, min(rows, start + _PART))
        ]
        with store._engine.begin() as db:
            db.execute(store._table.insert(), values)
    settle(store)


def _age(number: int) -> float:
    return 40 * DAY + number if number % 100 == 0 else number % 2_500_000


def settle(store: SQLHistoryStore) -> None:
    """What a database does by itself in time: statistics, and all of it on disk."""
    statements = {"sqlite": ["ANALYZE"], "postgresql": ["VACUUM ANALYZE", "CHECKPOINT"]}
    with store._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        for statement in statements[store._engine.dialect.name]:
            table = f" {store._table.name}" if statement.endswith("ANALYZE") else ""
            db.exec_driver_sql(statement + table)


def without_index(store: SQLHistoryStore) -> None:
    """Make a table the peer's."""
    with store._engine.begin() as db:
        db.exec_driver_sql(f"DROP INDEX ix_{store._table.name}_written_at")


def plan(store: SQLHistoryStore) -> str:
    """How the database goes about deleting what is over."""
    statement = sa.delete(store._table).where(store._table.c.written_at < LIMIT)
    text = statement.compile(store._engine, compile_kwargs={"literal_binds": True})
    lite = store._engine.dialect.name == "sqlite"
    with store._engine.connect() as db:
        rows = db.exec_driver_sql(f"EXPLAIN {'QUERY PLAN ' if lite else ''}{text}").fetchall()
    if lite:
        return "; ".join(str(row[3]) for row in rows)
    return "; ".join(str(row[0]).split("(cost")[0].strip(" ->") for row in rows)


def ours(store: SQLHistoryStore) -> int:
    """A run of the retention runner."""
    histories = ChatHistories(store, scrubber=_SCRUBBER)
    return RetentionRunner([histories], clock=lambda: NOW).run().deleted


def peer(store: SQLHistoryStore) -> int:
    """One statement, without the index."""
    statement = sa.delete(store._table).where(store._table.c.written_at < LIMIT)
    with store._engine.begin() as db:
        return int(db.execute(statement).rowcount)


def compare(kind: str, urls: list[str], rows: int) -> None:
    """Fill two tables alike, sweep both, print what it took."""
    taken: dict[str, float] = {}
    for name, url, sweep in (("peer", urls[0], peer), ("piirag", urls[1], ours)):
        store = SQLHistoryStore(url, table=f"messages_{name}")
        fill(store, rows)
        if name == "peer":
            without_index(store)
            settle(store)
        how = plan(store)
        started = time.perf_counter()
        gone = sweep(store)
        taken[name] = time.perf_counter() - started
        with store._engine.connect() as db:
            left = db.execute(sa.select(sa.func.count()).select_from(store._table)).scalar_one()
        print(f"{kind} {name}: {taken[name]:.3f} s, {gone} deleted, {left} left; {how}")
        store.close()
    print(f"{kind}: the peer takes {taken['peer'] / taken['piirag']:.1f} times as long")


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", choices=["sqlite", "postgres"])
    given: Any = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="piirag-") as folder:
        if given.only != "postgres":
            files = [f"sqlite:///{folder}/{name}.db" for name in ("peer", "piirag")]
            compare("SQLite", files, given.rows)
        if given.only != "sqlite":
            from support.postgres import driver_url, url_of_server

            compare("Postgres", [driver_url(url_of_server(), "psycopg")] * 2, given.rows)


if __name__ == "__main__":
    main()
