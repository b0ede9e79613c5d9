"""A store, a vault or the journal that is down, locked or read-only. Threat E8."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from piirag import SQLiteVault
from piirag.erasure import COMPLETE, PARTIAL
from piirag.erasure.journal_sqlite import SQLiteJournal
from piirag.erasure.retry import Retry
from piirag.errors import (
    ConfigurationError,
    ErasureError,
    InvalidUserIdError,
    JournalError,
    UserErasedError,
    VaultKeyError,
)
from support.erasure import GONE, KEY, RowsTarget, service


def test_E8_what_failed_is_resumed_and_the_receipt_tells_what_was_found_at_first(
    rows, vault, journal
) -> None:
    class Down(RowsTarget):
        up = False

        def delete(self, user_id: str) -> None:
            if not self.up:
                raise OSError
            super().delete(user_id)

    down = Down(rows.folder.parent / "down", "down")
    down.fill(GONE, 7)
    all_of = service([rows, down], vault, journal)
    first = all_of.delete_user(GONE)
    assert first.status == PARTIAL
    assert [t.error for t in first.targets] == [None, "builtins.OSError", None]
    assert vault.is_erased(GONE)
    assert all_of.resume()[0].status == PARTIAL
    down.up = True
    # Another process, which knows the vault and the journal only.
    other = service([rows, down], SQLiteVault(rows.folder.parent / "vault.db", KEY), journal)
    [last] = other.resume()
    assert last.status == COMPLETE
    assert last.id == first.id
    assert last.runs == 3
    assert [t.deleted for t in last.targets] == [5, 7, 1]
    assert other.resume() == []
    assert journal.last(last.subject).sealed is None


def test_E8_a_target_that_is_not_registered_any_more_keeps_the_receipt_partial(
    rows, vault, journal, tmp_path
) -> None:
    class Down(RowsTarget):
        def delete(self, user_id: str) -> None:
            raise OSError

    down = Down(tmp_path / "down", "down")
    down.fill(GONE)
    service([rows, down], vault, journal).delete_user(GONE)
    [receipt] = service([rows], vault, journal).resume()
    assert receipt.status == PARTIAL
    assert receipt.targets[-1].name == "down"
    assert "not among" in receipt.targets[-1].note


def test_a_store_that_is_locked_by_another_process(rows, vault, journal) -> None:
    lock = sqlite3.connect(rows.file, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    all_of = service([rows], vault, journal)
    first = all_of.delete_user(GONE)
    assert first.status == PARTIAL
    assert first.targets[0].error == "sqlite3.OperationalError"
    assert first.targets[0].found is None
    assert first.targets[0].deleted == 0
    lock.execute("ROLLBACK")
    [receipt] = all_of.resume()
    assert receipt.status == COMPLETE
    assert receipt.targets[0].deleted == 5


def test_a_store_that_is_read_only(rows, vault, journal, monkeypatch) -> None:
    def read_only() -> sqlite3.Connection:
        return sqlite3.connect(f"file:{rows.file}?mode=ro", uri=True, timeout=0.05)

    all_of = service([rows], vault, journal)
    with monkeypatch.context() as patched:
        patched.setattr(rows, "_open", read_only)
        first = all_of.delete_user(GONE)
    assert first.status == PARTIAL
    assert first.targets[0].error == "sqlite3.OperationalError"
    assert first.targets[0].found == 5
    assert [r.status for r in all_of.resume()] == [COMPLETE]


def test_a_vault_that_is_down_leaves_a_partial_receipt_until_it_refuses_writes(
    rows, vault, journal, monkeypatch
) -> None:
    def down(*args: Any) -> None:
        raise OSError

    all_of = service([rows], vault, journal)
    with monkeypatch.context() as patched:
        patched.setattr(vault.backend, "tombstone", down)
        first = all_of.delete_user(GONE)
    assert first.status == PARTIAL, "no tombstone, no completion"
    vault.reinstate(GONE)
    assert [r.status for r in all_of.resume()] == [COMPLETE]
    assert vault.is_erased(GONE)


def test_retries_store_failures_but_not_refusals_of_our_own(rows, vault, journal) -> None:
    pauses: list[float] = []
    retry = Retry(attempts=4, first=0.5, longest=1.5, sleep=pauses.append)
    calls = []

    def fails(user_id: str) -> None:
        calls.append(user_id)
        raise OSError

    assert retry.attempt(fails, "u") == (None, "builtins.OSError")
    assert len(calls) == 4
    assert len(pauses) == 3
    assert all(low <= p <= low + 0.5 for p, low in zip(pauses, [0.5, 1.0, 1.5], strict=True))
    for error in (ErasureError, UserErasedError, VaultKeyError, NotImplementedError):
        calls.clear()

        def refuses(user_id: str, error: Any = error) -> None:
            calls.append(user_id)
            raise error

        retry.attempt(refuses, "u")
        assert len(calls) == 1, error
    with pytest.raises(InvalidUserIdError):
        retry.attempt(lambda u: (_ for _ in ()).throw(InvalidUserIdError("x")), "u")
    for wrong in ({"attempts": 0}, {"first": -1}):
        with pytest.raises(ConfigurationError):
            Retry(**wrong)


def test_a_store_that_comes_back_within_the_retries_makes_a_complete_receipt(
    rows, vault, journal, monkeypatch
) -> None:
    original, failures = rows.delete, iter([True, True])

    def flaky(user_id: str) -> None:
        if next(failures, False):
            raise ConnectionResetError
        original(user_id)

    monkeypatch.setattr(rows, "delete", flaky)
    assert service([rows], vault, journal).delete_user(GONE).status == COMPLETE


def test_a_journal_that_cannot_be_used_stops_the_erasure_before_anything_is_deleted(
    rows, vault, tmp_path
) -> None:
    with pytest.raises(JournalError):
        SQLiteJournal(tmp_path / "no" / "such" / "folder.db")
    (tmp_path / "text.db").write_text("no database at all, but a text that is long enough" * 20)
    with pytest.raises(JournalError):
        SQLiteJournal(tmp_path / "text.db")
    locked = SQLiteJournal(tmp_path / "locked.db", timeout=0.05)
    lock = sqlite3.connect(tmp_path / "locked.db", isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    with pytest.raises(JournalError):
        service([rows], vault, locked).delete_user(GONE)
    assert len(rows.read(GONE)) == 5
    assert not vault.is_erased(GONE)
