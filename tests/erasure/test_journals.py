"""The journals in SQLite, in memory and in Postgres keep the same promises. Threat E8."""

from __future__ import annotations

import stat
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from piirag import MasterKey, SQLiteVault
from piirag.erasure import COMPLETE, PARTIAL, ErasureService
from piirag.erasure.journal import Journal, Suppressed
from piirag.erasure.journal_postgres import PostgresJournal
from piirag.erasure.journal_sqlite import MemoryJournal, SQLiteJournal
from piirag.erasure.retry import NO_RETRY
from piirag.errors import ConfigurationError, JournalError, LeaseLostError
from support.erasure import RowsTarget


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Journal]]:
    """Opens the journal as one more process would; the one in memory is always the same."""
    kept: list[Journal] = []

    def open_one() -> Journal:
        if request.param == "memory" and kept:
            return kept[0]
        if request.param == "memory":
            found: Journal = MemoryJournal()
        elif request.param == "sqlite":
            found = SQLiteJournal(tmp_path / "erasure.db")
        else:
            found = PostgresJournal(url, schema=schema)
        kept.append(found)
        return found

    schema = f"s{uuid.uuid4().hex}"
    url = request.getfixturevalue("postgres_server") if request.param == "postgres" else ""
    yield open_one
    for journal in set(kept):
        journal.close()


def test_one_open_erasure_a_user(opened: Any) -> None:
    one, two = opened(), opened()
    first = one.begin("s", b"1", physical=False, since=0)
    assert two.begin("s", b"2", physical=False, since=0) == first
    assert two.begin("s", b"2", physical=True, since=0).physical
    assert one.begin("other", b"3", physical=False, since=0).id != first.id
    assert [e.subject for e in two.unfinished()] == ["s", "other"]
    assert one.acquire(first.id, "me", 60)
    one.finish(first.id, "me", PARTIAL, "{}")
    assert one.get(first.id).sealed == b"1"
    assert one.acquire(first.id, "me", 60)
    one.finish(first.id, "me", COMPLETE, "{}")
    done = two.get(first.id)
    assert (done.status, done.sealed, done.runs, done.receipt) == (COMPLETE, None, 2, "{}")
    assert not two.acquire(first.id, "me", 60), "what is complete stays so"
    # Whoever counted before it was complete is handed it; whoever counted later begins anew.
    assert two.begin("s", b"4", physical=True, since=done.finished - 1).id == first.id
    assert two.begin("s", b"4", physical=False, since=done.finished + 1).id != first.id
    assert two.last("s").id != first.id
    assert two.last("nobody") is None


def test_one_that_reclaimed_nothing_does_not_answer_one_that_asks_for_it(opened: Any) -> None:
    journal = opened()
    first = journal.begin("s", b"1", physical=False, since=0)
    journal.acquire(first.id, "me", 60)
    journal.finish(first.id, "me", COMPLETE, "{}")
    assert journal.begin("s", b"1", physical=False, since=0).id == first.id
    assert journal.begin("s", b"1", physical=True, since=0).id != first.id


def test_of_many_that_want_the_lease_one_gets_it(opened: Any) -> None:
    journals = [opened() for _ in range(4)]
    erasure = journals[0].begin("s", b"1", physical=False, since=0)
    taken: list[bool] = []
    threads = [
        threading.Thread(target=lambda j=j, k=k: taken.append(j.acquire(erasure.id, str(k), 60)))
        for k, j in enumerate(journals)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(taken) == [False, False, False, True]


def test_only_the_owner_notes_and_ends(opened: Any) -> None:
    journal = opened()
    id = journal.begin("s", b"1", physical=False, since=0).id
    assert journal.acquire(id, "me", 60)
    journal.mark(id, "me", "target", "counted", {"found": 3}, 60)
    journal.mark(id, "me", "target", "counted", {"found": 0}, 60)
    assert journal.renew(id, "me", 60)
    assert not journal.renew(id, "other", 60)
    for call in (
        lambda: journal.mark(id, "other", "target", "deleted", {}, 60),
        lambda: journal.finish(id, "other", COMPLETE, "{}"),
    ):
        with pytest.raises(LeaseLostError):
            call()
    journal.release(id, "other")
    assert journal.renew(id, "me", 60)
    journal.release(id, "me")
    assert not journal.renew(id, "me", 60)
    assert opened().steps(id) == {("target", "counted"): {"found": 3}}


def test_the_suppression_list(opened: Any) -> None:
    journal = opened()
    journal.suppress([Suppressed("a", None, 2.5), Suppressed("b", b"sealed", 1.5)])
    journal.suppress([Suppressed("a", b"later", 9.0), Suppressed("b", b"other", 9.0)])
    listed = [Suppressed("b", b"sealed", 1.5), Suppressed("a", b"later", 2.5)]
    assert list(opened().suppressed()) == listed
    id = journal.begin("b", b"sealed", physical=False, since=0).id
    journal.reseal("b", b"sealed", b"new")
    journal.reseal("b", b"sealed", b"newer")
    assert journal.suppressed()[0].sealed == b"new"
    assert journal.get(id).sealed == b"new"
    assert journal.unsuppress("a")
    assert not journal.unsuppress("a")
    assert len(journal.suppressed()) == 1


def test_what_is_not_in_it_is_told(opened: Any) -> None:
    with pytest.raises(JournalError, match="no such erasure"):
        opened().get("nothing")


def test_a_whole_erasure(opened: Any, tmp_path: Path) -> None:
    vault = SQLiteVault(tmp_path / "vault.db", MasterKey.generate())
    rows = RowsTarget(tmp_path / "rows")
    rows.fill("alice_the_erased")
    rows.fill("bob")
    journal = opened()
    service = ErasureService([rows], vault=vault, journal=journal, retry=NO_RETRY)
    receipt = service.delete_user("alice_the_erased", physical=True)
    assert receipt.status == COMPLETE
    assert opened().last(receipt.subject).receipt == receipt.to_json()
    assert len(rows.read("bob")) == 5


def test_the_file_is_private(tmp_path: Path) -> None:
    SQLiteJournal(tmp_path / "erasure.db").begin("s", b"1", physical=False, since=0)
    for file in tmp_path.glob("erasure.db*"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name


def test_a_postgres_that_goes_away_is_told_and_used_again(postgres_server: str) -> None:
    import psycopg

    journal = PostgresJournal(postgres_server, schema=f"s{uuid.uuid4().hex}")
    id = journal.begin("s", b"1", physical=False, since=0).id
    pid = journal._connection.info.backend_pid
    with psycopg.connect(postgres_server, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (pid,))
    with pytest.raises(JournalError) as error:
        journal.get(id)
    assert error.value.__cause__ is None
    assert error.value.__context__ is None
    assert journal.get(id).id == id
    journal.close()
    for names in ({"schema": "no; DROP"}, {"prefix": "A"}):
        with pytest.raises(ConfigurationError):
            PostgresJournal(postgres_server, **names)
    with pytest.raises(JournalError):
        PostgresJournal("postgresql://127.0.0.1:1/nothing?connect_timeout=2")
