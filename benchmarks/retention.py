"""A sweep of one per cent among a million messages, against a delete that reads all of them.

The peer is the same table without the index on the time, and one statement that deletes what is
over, as chat histories without one do. Both have the same rows, in the same database, swept in
the same run, twice: with the old messages at the beginning of the table, as time writes them, and
scattered among all others, which is the worst for an index. Printed besides the times: how many
rows went and how many are left, the plan, and for Postgres how many rows it looked at.

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
_TEXT = "x" * 400
_SCRUBBER = Scrubber(vault=MemoryVault())


def fill(store: SQLHistoryStore, rows: int, order: str) -> None:
    """One message in a hundred is over; a thousand owners."""
    at = {
        "in order of time": f"CASE WHEN i < {rows // 100} THEN {LIMIT - DAY - rows} + i"
        f" ELSE {NOW - 29 * DAY} + i * 2.0 END",
        "scattered": f"CASE WHEN i % 100 = 0 THEN {LIMIT - DAY} - i"
        f" ELSE {NOW} - (i % {int(29 * DAY)}) END",
    }[order]
    statement = (
        f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {rows - 1})"
        f" INSERT INTO {store._table.name} (owner, session, written_at, message)"
        f" SELECT 'owner' || (i % 1000), 'session' || (i % 7), {at}, '{_TEXT}' FROM n"
    )
    with store._engine.begin() as db:
        db.execute(sa.text(statement))
    settle(store)


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


def looked_at(store: SQLHistoryStore) -> str:
    """How many rows Postgres looks at to find what is over."""
    if store._engine.dialect.name == "sqlite":
        return ""
    where = f"FROM {store._table.name} WHERE written_at < {LIMIT}"
    with store._engine.connect() as db:
        db.exec_driver_sql("SET LOCAL max_parallel_workers_per_gather = 0")
        found = db.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) SELECT id {where}")
        scan = found.scalar_one()[0]["Plan"]
    rows = scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0)
    return f"; {int(rows)} rows looked at"


def ours(store: SQLHistoryStore) -> int:
    """A run of the retention runner."""
    histories = ChatHistories(store, scrubber=_SCRUBBER)
    return RetentionRunner([histories], clock=lambda: NOW).run().deleted


def peer(store: SQLHistoryStore) -> int:
    """One statement, without the index."""
    statement = sa.delete(store._table).where(store._table.c.written_at < LIMIT)
    with store._engine.begin() as db:
        return int(db.execute(statement).rowcount)


def compare(kind: str, urls: list[str], rows: int, order: str) -> None:
    """Fill two tables alike, sweep both, print what it took."""
    taken: dict[str, float] = {}
    for name, url, sweep in (("peer", urls[0], peer), ("piirag", urls[1], ours)):
        store = SQLHistoryStore(url, table=f"m_{name}_{order.split()[0]}")
        fill(store, rows, order)
        if name == "peer":
            without_index(store)
            settle(store)
        how = plan(store) + looked_at(store)
        started = time.perf_counter()
        gone = sweep(store)
        taken[name] = time.perf_counter() - started
        with store._engine.connect() as db:
            left = db.execute(sa.select(sa.func.count()).select_from(store._table)).scalar_one()
        print(f"{kind}, {order}, {name}: {taken[name]:.3f} s, {gone} deleted, {left} left; {how}")
        store.close()
    ratio = taken["peer"] / taken["piirag"]
    print(f"{kind}, {order}: the peer takes {ratio:.1f} times as long", flush=True)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", choices=["sqlite", "postgres"])
    given: Any = parser.parse_args()
    for order in ("in order of time", "scattered"):
        if given.only != "postgres":
            with tempfile.TemporaryDirectory(prefix="piirag-") as folder:
                files = [f"sqlite:///{folder}/{name}.db" for name in ("peer", "piirag")]
                compare("SQLite", files, given.rows, order)
        if given.only != "sqlite":
            from support.postgres import driver_url, url_of_server

            compare("Postgres", [driver_url(url_of_server(), "psycopg")] * 2, given.rows, order)


if __name__ == "__main__":
    main()
