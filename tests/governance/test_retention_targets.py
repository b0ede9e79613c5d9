"""Sessions of the vault, receipts, chunks: nothing younger is lost, nothing older stays."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from piirag import MasterKey, SQLiteVault
from piirag.conversations import RetentionSweeper
from piirag.erasure import COMPLETE, PARTIAL, ErasureReceipt, TargetReceipt, as_targets
from piirag.erasure.journal import Suppressed
from piirag.erasure.journal_postgres import PostgresJournal
from piirag.erasure.journal_sqlite import MemoryJournal, SQLiteJournal
from piirag.errors import ConfigurationError, InvalidInputError, RetentionError
from piirag.governance.retention import (
    CHUNKS,
    EXPIRED_CHUNKS,
    AuditTarget,
    CallableRetention,
    ChunksTarget,
    ConversationsTarget,
    JournalTarget,
    ReceiptFolder,
    RetentionPolicy,
    RetentionReceipt,
    RetentionRunner,
    VaultSessionsTarget,
    as_retention_targets,
)
from piirag.redaction.mapping import RedactionMapping
from piirag.vault import MemoryVault, SessionVault
from piirag.vault.vault import Vault
from support.postgres import url_of_server
from support.retention import DAY, NOW, ChunkPlace, redis_client
from support.vaults import Store

YEARS = 3650 * DAY
EDGES = [-1.0, -0.001, 0.0, 0.001, 1.0]
MOMENTS = st.lists(
    st.one_of(st.floats(-5000, 5000, width=32), st.sampled_from(EDGES)), min_size=1, max_size=10
)
BUSY = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


# Sessions of the vault


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def vault(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Vault]:
    address = str(tmp_path / "vault.db")
    if request.param == "postgres":
        address = f"{url_of_server('psycopg_pool')}|s{uuid.uuid4().hex}"
    store = Store(request.param, address)
    vault = store.vault(MasterKey.generate())
    vault.sessions = SessionVault(vault, clock=lambda: NOW - 6000)  # type: ignore[misc]
    yield vault
    store.close()


def _mapping() -> RedactionMapping:
    mapping = RedactionMapping()
    mapping.add("[EMAIL_ADDRESS_1]", "jane@example.com", "EMAIL_ADDRESS")
    return mapping


@BUSY
@given(ends=MOMENTS)
def test_sessions_go_at_their_end(vault: Vault, ends: list[float]) -> None:
    for number, end in enumerate(ends):
        ttl = 6000 + end
        vault.sessions.put(_mapping(), user_id="u", session_id=f"call {number}", ttl=ttl)
    # As the vault sealed it: ends are sums of floats.
    over = sum((NOW - 6000) + (6000 + end) <= NOW for end in ends)
    runner = RetentionRunner([vault], clock=lambda: NOW)
    assert runner.run(dry_run=True).targets[0].over == over
    assert runner.run().deleted == over
    assert vault.backend.count_sessions(vault.tag("u"), NOW - 6000) == len(ends) - over
    assert runner.run(now=NOW + 1e6).deleted == len(ends) - over


def test_sessions_in_redis_go_without_a_sweep() -> None:
    with redis_client() as client:
        from piirag.vault import RedisVault

        vault = RedisVault(client, MasterKey.generate())
        vault.sessions.put(_mapping(), user_id="u", session_id="short", ttl=0.2)
        vault.sessions.put(_mapping(), user_id="u", session_id="long", ttl=60)
        for _ in range(100):
            if len(list(client.scan_iter(match="*:s:*"))) == 1:
                break
            time.sleep(0.02)
        assert vault.sessions.count("u") == 1
        [key] = client.scan_iter(match="*:s:*")
        assert 0 < client.pttl(key) <= 60_000
        target = VaultSessionsTarget(vault)
        assert target.native == "Redis, at the end of each session"
        assert (target.count(time.time()), target.expire(time.time())) == (0, 0)


def test_a_policy_limits_how_long_a_session_may_wait() -> None:
    vault = MemoryVault()
    vault.sessions.put(_mapping(), user_id="u", session_id="1", ttl=86_400)
    RetentionPolicy(vault_sessions_minutes=5).limit_sessions(vault)
    with pytest.raises(InvalidInputError, match="at most 300 s"):
        vault.sessions.put(_mapping(), user_id="u", session_id="2", ttl=301)
    vault.sessions.put(_mapping(), user_id="u", session_id="3")
    # The default is the limit where that is less than 15 minutes.
    assert vault.sessions.count_expired(time.time() + 301) == 1
    for bad in (0, -1, True, float("nan"), "5", 31 * DAY):
        with pytest.raises(InvalidInputError):
            vault.sessions.limit(bad)  # type: ignore[arg-type]


# Receipts


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    if request.param == "memory":
        found: Any = MemoryJournal()
    elif request.param == "sqlite":
        found = SQLiteJournal(tmp_path / "erasure.db")
    else:
        found = PostgresJournal(url_of_server(), schema=f"s{uuid.uuid4().hex}")
    yield found
    found.close()


def _erasure(journal: Any, status: str, finished: float) -> str:
    done = journal.begin(uuid.uuid4().hex, b"sealed", physical=False, since=0)
    assert journal.acquire(done.id, "me", 60)
    journal.mark(done.id, "me", "target", "deleted", {}, 60)
    journal.finish(done.id, "me", status, "{}")
    sql = "UPDATE {erasures} SET finished = ? WHERE id = ?"
    assert journal._do(lambda db: db.change(sql, finished, done.id)) == 1
    return str(done.id)


def _left(journal: Any) -> set[str]:
    return {row[0] for row in journal._do(lambda db: db.rows("SELECT id FROM {erasures}"))}


@BUSY
@given(ages=MOMENTS, partial=st.sets(st.integers(0, 9)))
def test_receipts_go_after_years_and_open_erasures_never(
    journal: Any, ages: list[float], partial: set[int]
) -> None:
    kept, over = set(), 0
    for number, age in enumerate(ages):
        status = PARTIAL if number in partial else COMPLETE
        finished = NOW - YEARS + age
        id = _erasure(journal, status, finished)
        stays = status == PARTIAL or finished >= NOW - YEARS
        kept |= {id} if stays else set()
        over += not stays
    open_one = journal.begin(uuid.uuid4().hex, b"sealed", physical=False, since=0)
    kept.add(open_one.id)
    journal.suppress([Suppressed("gone", None, NOW - 2 * YEARS)])
    runner = RetentionRunner([journal], clock=lambda: NOW)
    assert runner.run(dry_run=True).targets[0].over == over
    assert runner.run().deleted == over
    assert _left(journal) == kept
    assert [entry.subject for entry in journal.suppressed()] == ["gone"]
    steps = journal._do(lambda db: db.rows("SELECT DISTINCT erasure FROM {steps}"))
    assert {row[0] for row in steps} == kept - {open_one.id}, "steps go with their erasure"
    for table in ("steps", "erasures"):
        journal._do(lambda db, table=table: db.change(f"DELETE FROM {{{table}}}"))


def test_files_of_receipts(tmp_path: Path) -> None:
    def erasure(name: str, status: str, finished: float) -> None:
        target = TargetReceipt("t", "k", 1, 0, "no")
        receipt = ErasureReceipt(status, None, finished, finished, (target,), id=name)
        (tmp_path / f"{name}.json").write_text(receipt.to_json())
        (tmp_path / f"{name}.html").write_text("page")

    erasure("old", COMPLETE, NOW - YEARS - 1)
    erasure("young", COMPLETE, NOW - YEARS)
    erasure("partial", PARTIAL, NOW - 2 * YEARS)
    run = RetentionReceipt("complete", 0, NOW - YEARS - 1, ())
    (tmp_path / "retention-1.json").write_text(run.to_json())
    (tmp_path / "other.json").write_text('{"finished": 1}')
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "link.json").symlink_to(tmp_path / "old.json")
    runner = RetentionRunner([ReceiptFolder(tmp_path)], clock=lambda: NOW)
    assert runner.run(dry_run=True).targets[0].over == 2
    assert runner.run().deleted == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("broken.json", "link.json", "other.json"),
        *("partial.html", "partial.json", "young.html", "young.json"),
    ]


# Chunks


@pytest.fixture(params=["in memory", "chroma", "qdrant", "pgvector"])
def place(request: pytest.FixtureRequest) -> ChunkPlace:
    if request.param == "pgvector":
        return ChunkPlace("pgvector", url_of_server("langchain_postgres"))
    return ChunkPlace(request.param)


@BUSY
@given(ends=MOMENTS)
def test_chunks_go_at_their_end(place: ChunkPlace, ends: list[float]) -> None:
    chunks: dict[str, dict[str, Any]] = {
        uuid.uuid4().hex: {"expires_at": NOW + end} for end in ends
    }
    without = {uuid.uuid4().hex: {}, uuid.uuid4().hex: {"other": NOW - 5}}
    place.write({**chunks, **without})
    kept = {id for id, metadata in chunks.items() if metadata["expires_at"] > NOW}
    runner = RetentionRunner([place.store], clock=lambda: NOW)
    before = place.left()
    counted = {t.kind: t.over for t in runner.run(dry_run=True).targets}
    assert counted == {EXPIRED_CHUNKS: len(chunks) - len(kept), CHUNKS: None}
    assert place.left() == before
    assert runner.run().deleted == len(chunks) - len(kept)
    assert place.left() == before - (set(chunks) - kept)
    assert runner.run(now=NOW + 1e6).deleted == len(kept)
    assert set(without) <= place.left()


def test_chunks_may_have_a_period_too(place: ChunkPlace) -> None:
    limit = NOW - 10 * DAY
    place.write(
        {
            "old": {"piirag_ingested_at": limit - 1},
            "edge": {"piirag_ingested_at": limit},
            "young": {"piirag_ingested_at": NOW},
            "unknown": {"n": 1},
        }
    )
    assert RetentionRunner([place.store], clock=lambda: NOW).run().deleted == 0
    policy = RetentionPolicy(chunks_days=10)
    assert RetentionRunner([place.store], policy=policy, clock=lambda: NOW).run().deleted == 1
    assert place.left() == {"edge", "young", "unknown"}


def test_a_time_that_is_no_number_deletes_nothing(place: ChunkPlace) -> None:
    place.write({"text": {"expires_at": str(NOW - 9)}, "flag": {"expires_at": False}})
    assert RetentionRunner([place.store], clock=lambda: NOW).run().deleted == 0
    assert place.left() == {"text", "flag"}


def test_an_applications_own_items_stay(place: ChunkPlace) -> None:
    own = {f"own{end}": {"expires_at": end, "piirag_ingested_at": end} for end in (0, -1, 1000)}
    place.write(own, tag=None)
    place.write({"ours": {"expires_at": 1000.0}})
    policy = RetentionPolicy(chunks_days=10)
    runner = RetentionRunner([place.store], policy=policy, clock=lambda: NOW)
    assert sum(t.over or 0 for t in runner.run(dry_run=True).targets) == 1
    assert runner.run().deleted == 1
    assert place.left() == set(own)


def test_more_of_an_applications_own_items_than_a_page() -> None:
    place = ChunkPlace("chroma")
    place.write({f"own{n}": {"expires_at": 0} for n in range(1200)}, tag=None)
    place.write({f"ours{n}": {"expires_at": 0} for n in range(1200)})
    place.write({f"late{n}": {"expires_at": 0} for n in range(10)}, tag=None)
    assert RetentionRunner([place.store], clock=lambda: NOW).run().deleted == 1200
    assert len(place.left()) == 1210 and not any(id.startswith("ours") for id in place.left())


def test_chunks_of_unknown_age_are_told(place: ChunkPlace) -> None:
    [target] = as_targets(place.store)
    # In Postgres, tests share a collection.
    earlier = target.count_without("piirag_ingested_at")  # type: ignore[attr-defined]
    place.write(
        # In Postgres, ids of all collections are in one table.
        {
            "age unknown": {},
            "age a text": {"piirag_ingested_at": "x"},
            "age known": {"piirag_ingested_at": NOW},
        }
    )
    place.write({"age of our own": {}}, tag=None)
    policy = RetentionPolicy(chunks_days=10)
    for dry_run in (True, False):
        receipt = RetentionRunner([place.store], policy=policy, clock=lambda: NOW).run(
            dry_run=dry_run
        )
        notes = {t.kind: t.note for t in receipt.targets}
        assert notes == {
            EXPIRED_CHUNKS: "",
            CHUNKS: f"{earlier + 2} chunks bear no piirag_ingested_at and stay: "
            "their stores had no Stamp",
        }
        assert " chunks bear no piirag_ingested_at" in str(receipt)
    # Nobody looks where they are kept for ever.
    assert [t.note for t in RetentionRunner([place.store], clock=lambda: NOW).run().targets] == [
        "",
        "",
    ]


def test_bytes_of_chunks_are_reclaimed_where_that_is_asked(tmp_path: Path) -> None:
    import chromadb

    from piirag.erasure.targets.chroma import ChromaTarget

    client = chromadb.PersistentClient(str(tmp_path))
    collection = client.create_collection("chunks", embedding_function=None)
    said = ["a text that is over, and that nobody else has"]
    collection.add(
        ids=["1"],
        embeddings=[[1.0, 0.0]],
        documents=said,
        metadatas=[{"expires_at": NOW - 1, "user_id": "u"}],
    )
    collection.add(ids=["2"], embeddings=[[0.0, 1.0]], documents=["stays"], metadatas=[{"n": 1}])
    target = ChunksTarget(ChromaTarget(collection), physical=True)
    assert target.expire(NOW) == 1
    data = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert said[0].encode() not in data
    assert b"stays" in data


# What else there is


def test_objects_become_targets() -> None:
    class Log:
        def write(self, record: Any) -> None: ...

        def expire(self, before: float) -> int:
            return int(before)

        def count_before(self, before: float) -> int:
            return int(before) + 1

    class Sweepable:
        def sweep(self, now: float | None = None) -> int:
            return 3

    class Own:
        def retention_targets(self) -> list[Any]:
            return [CallableRetention(lambda before: 0, kind="x", days=1)]

    [audit] = as_retention_targets(Log())
    assert isinstance(audit, AuditTarget)
    assert (audit.expire(5.0), audit.count(5.0)) == (5, 6)
    [swept] = as_retention_targets(Sweepable())
    assert isinstance(swept, ConversationsTarget)
    # One of somebody else's goes by its own limit, and cannot count.
    assert (swept.expire(5.0), swept.count(5.0)) == (3, None)
    assert as_retention_targets(Own())[0].kind == "x"
    assert isinstance(as_retention_targets(MemoryVault())[0], VaultSessionsTarget)
    assert isinstance(as_retention_targets(MemoryJournal())[0], JournalTarget)
    with pytest.raises(ConfigurationError):
        as_retention_targets(object())
    with pytest.raises(ConfigurationError):
        AuditTarget(object())
    with pytest.raises(ConfigurationError):
        ConversationsTarget(object())  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [None, True, -1, "3", 2.0])
def test_a_function_that_returns_no_number_is_an_error(given: Any) -> None:
    target = CallableRetention(lambda before: given, kind="x", count=lambda before: given, days=1)
    for call in (target.expire, target.count):
        with pytest.raises(RetentionError):
            call(0.0)


def test_a_sqlite_vault_is_swept_by_a_thread(tmp_path: Path) -> None:
    vault = SQLiteVault(tmp_path / "vault.db", MasterKey.generate())
    vault.sessions.put(_mapping(), user_id="u", session_id="1", ttl=0.01)
    runner = RetentionRunner([vault])
    with contextlib.closing(vault), runner.start(every=0.02) as sweeper:
        assert isinstance(sweeper, RetentionSweeper)
        for _ in range(200):
            if not vault.backend.count_sessions(vault.tag("u"), 0):
                break
            time.sleep(0.01)
        assert vault.backend.count_sessions(vault.tag("u"), 0) == 0
