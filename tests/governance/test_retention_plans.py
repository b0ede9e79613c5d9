"""A sweep touches what is over, and nothing else: by the plans of the databases, and by counts."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from langchain_piirag import ChatHistories, RedisHistoryStore, SQLHistoryStore
from piirag import MasterKey, MemoryVault, Scrubber
from piirag.erasure import as_targets
from piirag.erasure.journal_postgres import PostgresJournal
from piirag.erasure.journal_sqlite import SQLiteJournal
from piirag.governance.retention import RetentionRunner
from support.dynamodb import dynamodb, table_name
from support.postgres import driver_url, url_of_server
from support.retention import DAY, NOW, ChunkPlace, redis_client
from support.vaults import Store

ROWS = 20_000
OVER = ROWS // 100


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SQLHistoryStore]:
    if request.param == "sqlite":
        made = SQLHistoryStore(f"sqlite:///{tmp_path}/chats.db")
    else:
        url = driver_url(url_of_server(), "psycopg")
        made = SQLHistoryStore(url, table=f"t{uuid.uuid4().hex[:12]}")
    made.SWEPT_AT_ONCE = OVER // 3
    yield made
    made.close()


def _fill(store: SQLHistoryStore) -> None:
    """One message in a hundred is over, scattered among the others."""
    for part in range(20):
        rows = []
        for number in range(part * ROWS // 20, (part + 1) * ROWS // 20):
            age = 40 * DAY + number if number % 100 == 0 else (number % 29) * DAY
            rows.append((NOW - age, "x" * 100))
        store._add(f"owner{part}", "s", rows)
    if store._engine.dialect.name == "postgresql":
        with store._engine.begin() as db:
            db.execute(store._sa.text(f"ANALYZE {store._table.name}"))


def _plan(store: SQLHistoryStore, statement: str, values: Any) -> str:
    with store._engine.connect() as db:
        if store._engine.dialect.name == "sqlite":
            rows = db.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            return "\n".join(str(row[3]) for row in rows)
        rows = db.exec_driver_sql(f"EXPLAIN {statement}", values)
        return "\n".join(str(row[0]) for row in rows)


def test_a_sweep_of_histories_goes_by_the_index(store: SQLHistoryStore) -> None:
    _fill(store)
    sent: list[tuple[str, Any]] = []

    @store._sa.event.listens_for(store._engine, "before_cursor_execute")
    def _note(_c: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if "EXPLAIN" not in statement:
            sent.append((statement, values))

    # The plans of the statements as they were sent, taken before anything is deleted.
    histories = ChatHistories(store, scrubber=Scrubber(vault=MemoryVault()))
    runner = RetentionRunner([histories], clock=lambda: NOW)
    with store._engine.connect() as db:
        found = db.execute(store._sa.select(store._table.c.id))
        before = {row[0] for row in found}
    sent.clear()
    assert runner.run().deleted == OVER
    swept = list(sent)
    deletes = [statement for statement, _ in swept if statement.startswith("DELETE")]
    assert len(deletes) == 4, "in batches, each a transaction"
    index = f"ix_{store._table.name}_written_at"
    for statement, values in swept:
        plan = _plan(store, statement, values)
        assert index in plan, plan
        assert "Seq Scan" not in plan and "SCAN" not in plan, plan
    with store._engine.connect() as db:
        left = {row[0] for row in db.execute(store._sa.select(store._table.c.id))}
    assert len(before - left) == OVER
    assert store.count_before(NOW - 30 * DAY) == 0
    assert sum(store.count(f"owner{part}") for part in range(20)) == ROWS - OVER


def test_postgres_reads_no_more_rows_than_are_over() -> None:
    url = driver_url(url_of_server(), "psycopg")
    store = SQLHistoryStore(url, table=f"t{uuid.uuid4().hex[:12]}")
    _fill(store)
    at = store._table.c.written_at
    statement = store._table.delete().where(at < NOW - 30 * DAY)
    text = str(statement.compile(store._engine, compile_kwargs={"literal_binds": True}))
    with store._engine.connect() as db:
        [found] = db.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {text}").scalar_one()
        db.rollback()
    scans: list[Any] = []

    def walk(node: Any) -> None:
        if "Scan" in node["Node Type"]:
            scans.append(node)
        for inner in node.get("Plans", []):
            walk(inner)

    walk(found["Plan"])
    assert {node["Actual Rows"] for node in scans} == {OVER}
    assert all(node.get("Rows Removed by Filter", 0) == 0 for node in scans)
    store.close()


def test_a_purge_of_vault_sessions_goes_by_the_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from piirag.vault.postgres import _PURGE

    lite = Store("sqlite", str(tmp_path / "vault.db"))
    vault = lite.vault(MasterKey.generate())
    sql = "EXPLAIN QUERY PLAN DELETE FROM sessions WHERE expires_at <= ?"
    [plan] = vault.backend._rows(sql, (NOW,))
    assert "INDEX sessions_expire" in plan[3]
    lite.close()
    place = Store("postgres", f"{url_of_server('psycopg_pool')}|s{uuid.uuid4().hex}")
    backend: Any = place.backend()
    insert = (
        "INSERT INTO {sessions} (tag, key, blob, expires_at) SELECT 't', n::text, '\\x00',"
        " %s + CASE WHEN n %% 100 = 0 THEN -n ELSE n END FROM generate_series(1, %s) n RETURNING 1"
    )
    assert len(backend._rows(insert, NOW, ROWS)) == ROWS
    import psycopg

    url, schema = place.address.split("|")
    with psycopg.connect(url, autocommit=True) as db:
        names = "SELECT tablename FROM pg_tables WHERE schemaname = %s AND tablename LIKE %s"
        [(table,)] = db.execute(names, (schema, "%sessions")).fetchall()
        db.execute(f"ANALYZE {schema}.{table}")  # type: ignore[arg-type]
    plan = "\n".join(str(row[0]) for row in backend._rows(f"EXPLAIN {_PURGE}", NOW, 10_000))
    assert "sessions_expire" in plan, plan
    assert "Seq Scan" not in plan, plan
    monkeypatch.setattr("piirag.vault.postgres._PURGED_AT_ONCE", OVER // 3)
    assert backend.purge_sessions(NOW) == OVER
    assert backend.purge_sessions(NOW) == 0
    place.close()


def test_the_journal_finds_old_receipts_by_an_index(tmp_path: Path) -> None:
    lite = SQLiteJournal(tmp_path / "erasure.db")
    condition = "status = 'complete' AND finished < ?"
    sql = f"EXPLAIN QUERY PLAN DELETE FROM {{erasures}} WHERE {condition}"
    [plan] = lite._do(lambda db: db.rows(sql, NOW))
    assert "INDEX by_end" in plan[3]
    lite.close()
    journal = PostgresJournal(url_of_server(), schema=f"s{uuid.uuid4().hex}")

    def explained(db: Any) -> str:
        db.change(
            "INSERT INTO {erasures} (id, subject, physical, status, started, finished, runs)"
            f" SELECT n::text, n::text, 0, 'complete', 0, n, 1 FROM generate_series(1, {ROWS}) n"
        )
        db._execute("ANALYZE {erasures}", ())
        rows = db.rows(f"EXPLAIN DELETE FROM {{erasures}} WHERE {condition}", float(OVER))
        return "\n".join(str(row[0]) for row in rows)

    plan = journal._do(explained)
    assert "by_end" in plan, plan
    assert "Seq Scan" not in plan, plan
    assert journal.expire(float(OVER)) == OVER - 1
    journal.close()


def test_chunks_in_postgres_are_found_by_an_index() -> None:
    place = ChunkPlace("pgvector", url_of_server("langchain_postgres"))
    [target] = as_targets(place.store)
    table: Any = target._table  # type: ignore[attr-defined]
    place.write({"1": {"expires_at": NOW - 1}, "2": {"expires_at": NOW + 1}, "3": {}})
    target.index_expiry()  # type: ignore[attr-defined]
    target.index_expiry()  # type: ignore[attr-defined]
    from piirag.erasure.targets.pgvector_files import analyze
    from piirag.tenancy.languages.pgvector_sql import sql

    # Of this collection: other tests have theirs in the same table.
    copy = sql(
        "INSERT INTO {} (id, collection_id, embedding, document, cmetadata)"
        " SELECT 'n' || n, collection_id, embedding, document, jsonb_build_object("
        " 'user_id', 'u', 'expires_at', 1700000000.0 + CASE WHEN n % 100 = 0 THEN -n ELSE n END)"
        " FROM generate_series(1, 20000) n, (SELECT * FROM {} WHERE {} LIMIT 1) one",
        *(table.sql, table.sql, table.part),
    )
    table.runner.rows(copy)
    table.runner.outside(sql("ANALYZE {}", table.sql))
    analyze(table.runner, table.sql)
    condition = table.until("expires_at", NOW, "user_id")
    statement = sql("EXPLAIN DELETE FROM {}", table.sql) + table.where(condition)
    plan = "\n".join(str(row[0]) for row in table.runner.rows(statement))
    assert "expires_at" in plan and "Index" in plan, plan
    assert "Seq Scan on langchain_pg_embedding" not in plan, plan
    assert RetentionRunner([place.store], clock=lambda: NOW).run().deleted == OVER + 1
    assert table.count(table.part) == 20_003 - OVER - 1
    assert target.count_until("expires_at", NOW) == 0  # type: ignore[attr-defined]


def test_a_sweep_in_dynamodb_reads_and_deletes_what_is_over() -> None:
    from langchain_piirag import DynamoDBHistoryStore

    with dynamodb() as client:
        store = DynamoDBHistoryStore(client, table=table_name(), clock=lambda: NOW)
        for part in range(4):
            rows = [(NOW - (40 if n == part else 1) * DAY, json.dumps(n)) for n in range(25)]
            store._add(f"owner{part}", "s", rows)
        counted = {"read": 0, "deletes": 0}
        calls: list[str] = []

        def _read(parsed: dict[str, Any], **_: Any) -> None:
            counted["read"] += parsed.get("ScannedCount", 0)

        client.meta.events.register("after-call.dynamodb.Query", _read)
        client.meta.events.register(
            "before-call.dynamodb.*", lambda model, **_: calls.append(model.name)
        )
        assert store.sweep(NOW - 30 * DAY) == 4
        assert counted["read"] == 4, "the index by time gives nothing that is younger"
        assert set(calls) == {"Query", "DeleteItem"}
        assert calls.count("DeleteItem") == 4
        assert sum(store.count(f"owner{part}") for part in range(4)) == 96


def test_a_sweep_in_redis_looks_at_no_session_that_is_younger() -> None:
    with redis_client() as client:
        store = RedisHistoryStore(client)
        for number in range(300):
            age = 40 if number % 100 == 0 else 1
            store._add("owner", f"s{number}", [(NOW - age * DAY, "1"), (NOW, "2")])
        client.config_resetstat()
        assert store.sweep(NOW - 30 * DAY) == 3
        calls = {
            name.removeprefix("cmdstat_"): stat["calls"]
            for name, stat in client.info("commandstats").items()
        }
        assert "scan" not in calls
        assert calls["lrem"] == 3
        assert calls["lrange"] <= 9, "three looks at each session that has something old"
        assert store.count("owner") == 597
        # Whatever wrote them: sessions that the set does not know yet are found once.
        client.delete(store._index)
        assert store.count_before(NOW) == 297
        assert store.sweep(NOW) == 297
        assert client.zcard(store._index) == 300
        client.delete(store._key("owner", "s5"))  # as Redis does by itself
        assert store.sweep(NOW + 1) == 299
        assert (client.exists(store._index), store.count("owner")) == (0, 0)


def test_an_erasure_leaves_no_session_in_the_set_of_redis() -> None:
    with redis_client() as client:
        store = RedisHistoryStore(client)
        for owner in ("gone", "stays"):
            store._add(owner, "s", [(NOW, "1")])
        client.delete(store._key("gone", "s"))
        store.erase("gone")
        assert client.zrange(store._index, 0, -1) == [b"stays:s"]
