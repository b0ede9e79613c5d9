"""The erasure service: steps, journal, retries, several at once. Threats E5, E6, E8, E13-E17."""

from __future__ import annotations

import sqlite3
import threading
import time
from typing import Any

import pytest

from piirag import MemoryVault, delete_user
from piirag.erasure import COMPLETE, NOTHING_FOUND, PARTIAL, ErasureService
from piirag.erasure.journal_sqlite import SQLiteJournal
from piirag.erasure.lease import Lease
from piirag.erasure.retry import NO_RETRY
from piirag.errors import (
    ConfigurationError,
    ErasureError,
    InvalidUserIdError,
    LeaseLostError,
    UserErasedError,
    VaultKeyError,
)
from support.erasure import GONE, RowsTarget, files, service


def test_steps_are_noted_in_their_order_and_name_nobody(rows, vault, journal, tmp_path) -> None:
    receipt = service([rows], vault, journal).delete_user(GONE, physical=True)
    assert receipt.status == COMPLETE
    with sqlite3.connect(tmp_path / "erasure.db") as db:
        noted = db.execute("SELECT target, step FROM steps ORDER BY rowid").fetchall()
    assert noted == [
        ("", "tombstone"),
        ("rows", "counted"),
        ("rows", "deleted"),
        ("rows", "verified"),
        ("rows", "reclaimed"),
        ("vault", "counted"),
        ("vault", "deleted"),
        ("vault", "verified"),
        ("vault", "keys destroyed"),
    ]
    assert receipt.targets[0].reclaimed == "yes"
    assert receipt.targets[0].residue == {}
    assert receipt.targets[1].reclaimed == "not possible"
    assert receipt.targets[1].note
    assert rows.read("bob")
    assert vault.open("bob").values()


def test_E17_the_journal_holds_no_text_and_no_id(rows, vault, journal, tmp_path) -> None:
    class Down(RowsTarget):
        def delete(self, user_id: str) -> None:
            raise OSError(f"the store of {user_id} is down: the text number 1")

    down = Down(tmp_path / f"of_{GONE}", name=f"collection-{GONE}")
    down.fill(GONE)
    receipt = service([rows, down], vault, journal).delete_user(GONE)
    assert receipt.status == PARTIAL
    [open_erasure] = journal.unfinished()
    assert open_erasure.sealed is not None
    for data in (files(tmp_path), receipt.to_json().encode(), str(receipt).encode()):
        assert GONE.encode() not in data
        assert b"the text number" not in data
    assert receipt.targets[1].name == "collection-(user)"


def test_E5_E16_unknown_users_are_left_alone(rows, vault, journal) -> None:
    all_of = service([rows], vault, journal)
    receipt = all_of.delete_user("nobody_at_all", physical=True)
    assert receipt.status == NOTHING_FOUND
    assert "delete" not in rows.calls
    assert journal.last(receipt.subject) is None
    assert not vault.has_user("nobody_at_all")
    for wrong in (None, "", " ", 7, {"$ne": ""}):
        with pytest.raises(InvalidUserIdError):
            all_of.delete_user(wrong)
        with pytest.raises(InvalidUserIdError):
            all_of.delete_users(["bob", wrong])
    assert vault.count("bob") == 1
    with pytest.raises(ConfigurationError):
        all_of.delete_users("bob")


def test_many_users(rows, vault, journal, capsys) -> None:
    rows.fill("carol")
    all_of = service([rows], vault, journal)
    done = all_of.delete_users([GONE, "carol", "nobody", GONE], progress=True)
    assert [r.status for r in done] == [COMPLETE, COMPLETE, NOTHING_FOUND]
    assert len(rows.read("bob")) == 5
    shown = capsys.readouterr()
    assert GONE not in shown.out + shown.err


def test_E14_a_target_that_hashes_is_refused(rows, vault) -> None:
    rows.erases_by = "hash"
    with pytest.raises(ConfigurationError, match="hashes"):
        service([rows], vault)
    with pytest.raises(ConfigurationError, match="hashes"):
        delete_user(GONE, targets=[rows])
    assert len(rows.read(GONE)) == 5


def test_E13_E15_backups_and_copies_of_the_key_are_named(rows, vault) -> None:
    left = " ".join(service([rows], vault).delete_user(GONE).not_covered)
    for word in ("backups", "replicas", "master key", "write-ahead"):
        assert word in left


def test_E10_known_sinks_that_are_not_registered_are_named(rows, vault, tmp_path) -> None:
    other = RowsTarget(tmp_path / "other", "traces")
    known = ["files at the model's provider", other, rows, vault]
    receipt = service([rows], vault, not_covered=known).delete_user(GONE)
    assert receipt.not_covered[:2] == (
        "files at the model's provider",
        "traces (rows): known, but not registered",
    )
    assert not any(name.startswith("rows") for name in receipt.not_covered)
    for wrong in ("one text", [object()]):
        with pytest.raises(ConfigurationError):
            service([rows], vault, not_covered=wrong)


def test_a_journal_that_lasts_needs_a_vault(rows, journal) -> None:
    with pytest.raises(ConfigurationError, match="needs a vault"):
        ErasureService([rows], journal=journal)
    with pytest.raises(ConfigurationError):
        ErasureService([rows], vault="vault")
    with pytest.raises(ConfigurationError):
        ErasureService([])


def test_two_threads_that_erase_one_user_end_with_one_receipt(rows, vault, journal) -> None:
    entered, go_on = threading.Event(), threading.Event()
    original = rows.delete

    def slow(user_id: str) -> None:
        entered.set()
        assert go_on.wait(30)
        original(user_id)

    rows.delete = slow
    one = service([rows], vault, journal, lease=0.3)
    two = service([rows], vault, SQLiteJournal(journal.path), lease=0.3)
    receipts: list[Any] = []
    threads = [
        threading.Thread(target=lambda s=s: receipts.append(s.delete_user(GONE)))
        for s in (one, two)
    ]
    threads[0].start()
    assert entered.wait(30)
    threads[1].start()
    # Longer than the lease: it is renewed while the store takes its time.
    time.sleep(0.9)
    assert two.resume() == [], "another is at it"
    with pytest.raises(ErasureError, match="another process"):
        two.delete_user(GONE, wait=0)
    go_on.set()
    for thread in threads:
        thread.join(30)
    assert receipts[0] == receipts[1]
    assert receipts[0].targets[0].deleted == 5


def test_a_lease_that_ran_out_is_taken_over_and_the_former_owner_notes_nothing(
    vault, journal
) -> None:
    erasure = journal.begin("s", b"sealed", physical=False, since=0)
    old, new = Lease(journal, erasure.id, 0.05), Lease(journal, erasure.id, 60)
    assert old.acquire()
    assert not new.acquire()
    time.sleep(0.1)
    assert new.acquire()
    with pytest.raises(LeaseLostError):
        journal.mark(erasure.id, old.owner, "t", "deleted", {}, 60)
    with pytest.raises(LeaseLostError):
        journal.finish(erasure.id, old.owner, COMPLETE, "{}")
    assert journal.steps(erasure.id) == {}
    journal.mark(erasure.id, new.owner, "t", "counted", {"found": 3}, 60)
    journal.mark(erasure.id, new.owner, "t", "counted", {"found": 0}, 60)
    assert journal.steps(erasure.id) == {("t", "counted"): {"found": 3}}


def test_bytes_that_an_interrupted_run_deleted_are_not_called_gone(
    rows, vault, journal, monkeypatch
) -> None:
    """What to look for is kept in memory only; a resumed run must not claim to have looked."""
    all_of = service([rows], vault, journal)

    def killed(self: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("piirag.erasure.steps.TargetWork._verified", killed)
        with pytest.raises(KeyboardInterrupt):
            all_of.delete_user(GONE)
    [receipt] = all_of.resume()
    assert receipt.status == COMPLETE
    assert receipt.targets[0].deleted == 5
    assert receipt.targets[0].residue is None
    assert "not searched" in receipt.targets[0].note


def test_E6_a_write_during_the_erasure_does_not_bring_the_user_back(rows, vault, journal) -> None:
    original = rows.delete
    refused = []

    def delete(user_id: str) -> None:
        original(user_id)
        try:
            vault.open(user_id).put([("late", {"v": 1}, False)])
        except UserErasedError:
            refused.append(True)

    rows.delete = delete
    assert service([rows], vault, journal).delete_user(GONE).status == COMPLETE
    assert refused == [True]
    assert vault.count(GONE) == 0


def test_reinstated_users_come_back_and_leave_the_list(rows, vault, journal) -> None:
    all_of = service([rows], vault, journal)
    all_of.delete_user(GONE)
    assert GONE in all_of.suppression
    assert all_of.reinstate(GONE)
    assert GONE not in all_of.suppression
    vault.open(GONE)
    assert not all_of.reinstate(GONE)


def test_the_wrong_master_key_resumes_nobody(rows, vault, journal) -> None:
    altered = b"sealed by somebody else, or altered"
    erasure = journal.begin("f" * 64, altered, physical=False, since=0)
    all_of = service([rows], vault, journal)
    with pytest.raises(VaultKeyError):
        all_of.resume()
    assert journal.get(erasure.id).status == "open"


def test_asking_for_bytes_later_reclaims_in_the_open_erasure_too(rows, vault, journal) -> None:
    original, down = rows.delete, [True]

    def delete(user_id: str) -> None:
        if down:
            raise OSError
        original(user_id)

    rows.delete = delete
    all_of = service([rows], vault, journal)
    assert all_of.delete_user(GONE).targets[0].reclaimed == "not asked"
    down.clear()
    receipt = all_of.delete_user(GONE, physical=True)
    assert receipt.status == COMPLETE
    assert receipt.targets[0].reclaimed == "yes"
    assert receipt.targets[0].residue == {}


def test_count_changes_nothing(rows, vault, journal) -> None:
    found = service([rows], vault, journal).count(GONE)
    assert found == [("rows", 5, None), ("vault", 1, None)]
    assert not vault.is_erased(GONE)


def test_reprs_show_nothing(rows, vault, journal) -> None:
    all_of = service([rows], vault, journal)
    all_of.delete_user(GONE)
    shown = [repr(x) for x in (all_of, journal, all_of.suppression, journal.suppressed()[0])]
    assert not any(GONE in text or "sealed" in text for text in shown)


def test_without_a_vault_and_without_a_journal(rows) -> None:
    receipt = ErasureService([rows], retry=NO_RETRY).delete_user(GONE)
    assert (receipt.status, receipt.subject) == (COMPLETE, None)
    vault = MemoryVault()
    vault.open("x").put([("t", {"v": 1}, False)])
    assert ErasureService([vault]).delete_user("x").status == COMPLETE
