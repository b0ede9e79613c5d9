"""A sweep reads, of many records, those that are over."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from piirag.governance.audit import AuditLog, Chain, PostgresSink, SQLiteSink
from piirag.governance.audit.sinks.sql import OVER
from piirag.testing.audit import KEY, record

_START = 1_700_000_000.0


def test_sqlite_goes_by_the_index_on_time(tmp_path: Path) -> None:
    sink = SQLiteSink(tmp_path / "audit.db")
    sink.open()
    sink.close()
    with sqlite3.connect(tmp_path / "audit.db") as db:
        plan = db.execute(f"EXPLAIN QUERY PLAN {OVER.format(records='audit_records')}", (1, 0, 0))
        steps = [row[-1] for row in plan]
    assert len(steps) == 1
    assert "USING INDEX audit_by_time" in steps[0]
    assert "SCAN" not in steps[0]


def test_postgres_goes_by_the_index_on_time(postgres_server: str, schema: str) -> None:
    import psycopg

    sink = PostgresSink(postgres_server, schema=schema)
    sink.open()
    sink.close()
    table = f"{schema}.audit_records"
    with psycopg.connect(postgres_server) as db:
        db.execute(
            f"INSERT INTO {table} SELECT n, n, 'model_call', NULL, NULL, NULL, 'x'"
            " FROM generate_series(1, 20000) AS n"
        )
        db.execute(f"ANALYZE {table}")
        text = OVER.format(records=table).replace("?", "%s")
        rows = db.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {text}", (201, float("-inf"), 0))
        plan = json.dumps(rows.fetchall())
    assert "audit_by_time" in plan
    assert "Seq Scan" not in plan
    assert '"Actual Rows": 200' in plan


def test_a_sweep_of_few_among_many_deletes_those_alone(tmp_path: Path) -> None:
    sink = SQLiteSink(tmp_path / "audit.db", fsync="never")
    sink.bind(Chain(KEY))
    for number in range(300):
        sink.append(record(number))
    sink.close()
    with AuditLog(tmp_path / "audit.db", key=KEY) as log:
        before = _START + 60 * 3
        assert log.count_before(before) == 3
        assert log.expire(before) == 3
        assert log.count_before(before) == 0
        assert log.verify().records == 297
        assert log.verify().ok
