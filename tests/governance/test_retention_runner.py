"""Policies, runs and their receipts: what fails keeps nothing else from its turn."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest

from langchain_piirag import ChatHistories
from piirag import Scrubber
from piirag.conversations import RetentionSweeper
from piirag.erasure import SigningKey
from piirag.errors import (
    ConfigurationError,
    InvalidInputError,
    ReceiptError,
    RetentionError,
    StoreError,
)
from piirag.governance.audit import AuditLog
from piirag.governance.retention import (
    AUDIT,
    CONVERSATIONS,
    EXPIRED_CHUNKS,
    RECEIPTS,
    VAULT_SESSIONS,
    CallableRetention,
    FileLock,
    PostgresLock,
    RetentionPolicy,
    RetentionReceipt,
    RetentionRunner,
    verify_retention_receipt,
)
from piirag.vault import MemoryVault
from support.canary import Canaries
from support.postgres import url_of_server

DAY = 86_400.0
NOW = 1_700_000_000.0
SECRET = "ottoline@brightmail.com"


def _target(deleted: int = 1, kind: str = CONVERSATIONS, name: str = "a store") -> Any:
    return CallableRetention(lambda before: deleted, kind=kind, name=name)


def _failing(error: Exception, name: str = "a broken store") -> Any:
    def expire(before: float) -> int:
        raise error

    return CallableRetention(expire, kind=CONVERSATIONS, name=name)


# Policies


def test_the_defaults_of_a_policy() -> None:
    policy = RetentionPolicy()
    assert {kind: policy.seconds(kind) for kind in policy.kinds()} == {
        CONVERSATIONS: 30 * DAY,
        AUDIT: 90 * DAY,
        VAULT_SESSIONS: 900.0,
        RECEIPTS: 3650 * DAY,
        "chunks": None,
        EXPIRED_CHUNKS: 0.0,
    }
    with pytest.raises(ConfigurationError):
        policy.seconds("anything else")


def test_a_policy_from_a_file(tmp_path: Path) -> None:
    toml = tmp_path / "piirag.toml"
    toml.write_text("[vault]\n")
    assert RetentionPolicy.from_file(toml) == RetentionPolicy()
    toml.write_text(
        '[retention]\nconversations_days = 7.5\naudit_days = "forever"\n'
        'receipts = "receipts"\n[retention.others_days]\nsearches = 3\ndrafts = "forever"\n'
    )
    policy = RetentionPolicy.from_file(toml)
    assert (policy.conversations_days, policy.audit_days) == (7.5, None)
    assert policy.seconds("searches") == 3 * DAY
    assert policy.seconds("drafts") is None


@pytest.mark.parametrize(
    "line",
    [
        "conversations_days = 0",
        "audit_days = -1",
        "receipts_days = true",
        'chunks_days = "30"',
        "vault_sessions_minutes = inf",
        "conversation_days = 30",
        "others_days = 3",
        "others_days = {searches = 0}",
        "others_days = {conversations = 4}",
    ],
)
def test_an_unusable_policy_is_refused(tmp_path: Path, line: str) -> None:
    toml = tmp_path / "piirag.toml"
    toml.write_text(f"[retention]\n{line}\n")
    with pytest.raises(ConfigurationError):
        RetentionPolicy.from_file(toml)


def test_each_kind_has_its_own_moment() -> None:
    given: dict[str, float] = {}

    def target(kind: str, **options: Any) -> CallableRetention:
        return CallableRetention(lambda b: given.setdefault(kind, b) and 0, kind=kind, **options)

    policy = RetentionPolicy(others_days={"searches": 2})
    targets = [
        target(CONVERSATIONS),
        target(AUDIT),
        target(VAULT_SESSIONS, ends=True),
        target(RECEIPTS),
        target("chunks"),
        target("searches", days=9),
        target("drafts", days=4),
    ]
    receipt = RetentionRunner(targets, policy=policy, clock=lambda: NOW).run()
    assert given == {
        CONVERSATIONS: NOW - 30 * DAY,
        AUDIT: NOW - 90 * DAY,
        VAULT_SESSIONS: NOW,  # sessions carry their end
        RECEIPTS: NOW - 3650 * DAY,
        "searches": NOW - 2 * DAY,  # the policy's word counts
        "drafts": NOW - 4 * DAY,
    }, "chunks are kept for ever by default"
    [chunks] = [t for t in receipt.targets if t.kind == "chunks"]
    assert (chunks.period, chunks.before, chunks.deleted) == (None, None, 0)
    with pytest.raises(ConfigurationError, match="no period"):
        RetentionRunner([target("unheard of")])
    with pytest.raises(ConfigurationError):
        RetentionRunner([])


def test_a_target_given_twice_is_expired_once() -> None:
    vault = MemoryVault()
    assert len(RetentionRunner([vault, vault]).targets) == 1


# Runs and receipts


def test_one_that_fails_does_not_keep_the_others_from_it(tmp_path: Path) -> None:
    stores = [
        _target(2, name="first"),
        _failing(RuntimeError(SECRET), "second"),
        _failing(RetentionError(SECRET, deleted=4), "third"),
        _failing(StoreError("DynamoDB", "botocore.ThrottlingException"), "fourth"),
        _target(3, name="fifth"),
    ]
    runner = RetentionRunner(stores, receipts=tmp_path)
    receipt = runner.run()
    assert (receipt.status, receipt.complete, receipt.deleted) == ("partial", False, 9)
    assert [(t.name, t.deleted, t.error) for t in receipt.targets] == [
        ("first", 2, None),
        ("second", 0, "builtins.RuntimeError"),
        ("third", 4, "piirag.errors.RetentionError"),
        ("fourth", 0, "botocore.ThrottlingException"),
        ("fifth", 3, None),
    ]
    assert not Canaries([SECRET]).scan_bytes(receipt.to_json().encode())
    assert len(list(tmp_path.iterdir())) == 1
    sweeper = RetentionSweeper([runner])
    assert (sweeper.sweep_now(), sweeper.failures) == (9, 1)


def test_a_receipt_is_signed_and_kept(tmp_path: Path) -> None:
    key = SigningKey.generate()
    runner = RetentionRunner([_target(5)], signing_key=key, receipts=tmp_path, clock=lambda: NOW)
    receipt = runner.run()
    [file] = tmp_path.iterdir()
    assert file.name == f"retention-{receipt.id}.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert verify_retention_receipt(file.read_bytes(), key.public) == receipt
    data = json.loads(file.read_text())
    assert data["deleted"] == 5
    data["targets"][0]["deleted"] = 4
    with pytest.raises(ReceiptError):
        verify_retention_receipt(json.dumps(data), key.public)
    with pytest.raises(ReceiptError):
        verify_retention_receipt(file.read_bytes(), SigningKey.generate().public)
    with pytest.raises(ReceiptError):
        RetentionReceipt.from_json(json.dumps(data))  # the sum is not what it says
    # Runs of which nothing is to tell leave none.
    RetentionRunner([_target(0)], receipts=tmp_path).run()
    RetentionRunner([_target(5)], receipts=tmp_path).run(dry_run=True)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", "piirag-erasure-receipt/1"),
        ("status", "well"),
        ("started", "now"),
        ("dry_run", 1),
        ("targets", [{"name": "x"}]),
        ("unknown", 1),
    ],
)
def test_what_is_no_receipt_is_refused(field: str, value: Any) -> None:
    data = RetentionRunner([_target()]).run().to_dict()
    assert RetentionReceipt.from_json(json.dumps(data)).deleted == 1
    with pytest.raises(ReceiptError):
        RetentionReceipt.from_json(json.dumps({**data, field: value}))


def test_a_receipt_that_cannot_be_kept_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "receipts"
    folder.mkdir()
    runner = RetentionRunner([_target(5)], receipts=folder)
    folder.rmdir()
    with pytest.raises(RetentionError) as caught:
        runner.run()
    assert caught.value.deleted == 5
    assert caught.value.__context__ is None
    with pytest.raises(ConfigurationError):
        RetentionRunner([_target()], receipts=folder)


def test_the_audit_log_is_told(tmp_path: Path) -> None:
    told: list[Any] = []

    class Log:
        def write(self, record: Any) -> None:
            told.append(record)

    receipt = RetentionRunner([_target(5)], audit=Log(), clock=lambda: NOW).run()
    assert told == [
        {
            "event": "retention",
            "time": "2023-11-14T22:13:20.000Z",
            "request_id": receipt.id,
            "duration_s": 0.0,
            "outcome": "ok",
        }
    ]
    log = AuditLog(tmp_path / "audit.jsonl")
    RetentionRunner([_target(5), _failing(RuntimeError(SECRET))], audit=log).run()
    log.close()
    [line] = (tmp_path / "audit.jsonl").read_text().splitlines()
    written = json.loads(line)
    assert (written["event"], written["outcome"]) == ("retention", "error")
    assert written["error.type"] == "builtins.RuntimeError"


def test_an_audit_log_that_fails_makes_it_partial() -> None:
    class Log:
        def write(self, record: Any) -> None:
            raise OSError(SECRET)

    receipt = RetentionRunner([_target(5)], audit=Log()).run()
    assert (receipt.status, receipt.deleted) == ("partial", 5)
    assert receipt.targets[-1].error == "builtins.OSError"


# Several at once


def _lock(kind: str, folder: Path, name: str) -> Any:
    if kind == "file":
        return FileLock(folder / "lock")
    return PostgresLock(url_of_server(), name=name)


@pytest.mark.parametrize("kind", ["file", "postgres"])
def test_of_two_runs_at_once_one_works(tmp_path: Path, kind: str) -> None:
    begun, go_on, done = threading.Event(), threading.Event(), []
    name = uuid.uuid4().hex

    def slow(before: float) -> int:
        begun.set()
        assert go_on.wait(30)
        return 1

    first = RetentionRunner(
        [CallableRetention(slow, kind=CONVERSATIONS)], lock=_lock(kind, tmp_path, name)
    )
    thread = threading.Thread(target=lambda: done.append(first.run()))
    thread.start()
    assert begun.wait(30)
    second = RetentionRunner([_target()], lock=_lock(kind, tmp_path, name))
    busy = second.run()
    same = first.run()
    counted = second.run(dry_run=True)
    go_on.set()
    thread.join()
    assert (busy.status, busy.deleted, busy.targets) == ("busy", 0, ())
    assert same.status == "busy", "neither do the threads of one runner"
    assert counted.status == "complete", "counting waits for nobody"
    assert done[0].deleted == 1
    assert second.run().deleted == 1


def test_a_lock_ends_with_a_process_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom piirag.governance.retention import FileLock\n"
        "lock = FileLock(sys.argv[1])\nassert lock.acquire()\nprint('held', flush=True)\n"
        "time.sleep(60)"
    )
    path = tmp_path / "lock"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    assert not FileLock(path).acquire()
    process.kill()
    process.wait(30)
    lock = FileLock(path)
    assert lock.acquire()
    lock.release()
    process.stdout.close()


def test_a_lock_that_cannot_be_used_deletes_nothing(tmp_path: Path) -> None:
    called: list[float] = []
    target = CallableRetention(lambda b: called.append(b) or 0, kind=CONVERSATIONS)
    with pytest.raises(RetentionError):
        RetentionRunner([target], lock=FileLock(tmp_path / "missing" / "lock")).run()
    with pytest.raises(RetentionError):
        RetentionRunner([target], lock=PostgresLock("postgresql://127.0.0.1:1/none")).run()
    assert called == []


@pytest.mark.parametrize("now", [float("nan"), float("inf"), -float("inf")])
def test_a_moment_that_is_none_is_refused(now: float) -> None:
    given: list[float] = []
    target = CallableRetention(lambda before: given.append(before) or 0, kind=CONVERSATIONS)
    with pytest.raises(InvalidInputError):
        RetentionRunner([target]).run(now)
    assert given == []


@pytest.mark.parametrize(("days", "kept"), [(2, 2), (None, 30), (60, 30)])
def test_the_receipt_tells_the_stricter_of_two_limits(days: float | None, kept: int) -> None:
    histories = ChatHistories(
        scrubber=Scrubber(vault=MemoryVault()), retention_days=days, clock=lambda: NOW
    )
    runner = RetentionRunner(
        [histories], policy=RetentionPolicy(conversations_days=30), clock=lambda: NOW
    )
    [told] = runner.run().targets
    assert (told.period, told.before) == (kept * DAY, NOW - kept * DAY)
    assert runner.plan()[0].period == kept * DAY


def test_a_store_with_a_limit_under_a_policy_without_one() -> None:
    histories = ChatHistories(
        scrubber=Scrubber(vault=MemoryVault()), retention_days=2, clock=lambda: NOW
    )
    policy = RetentionPolicy(conversations_days=None)
    [told] = RetentionRunner([histories], policy=policy, clock=lambda: NOW).run().targets
    assert (told.period, told.before) == (2 * DAY, NOW - 2 * DAY)
