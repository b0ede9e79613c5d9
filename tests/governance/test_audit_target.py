"""The audit log in erasures and exports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from piirag import delete_user, export_user
from piirag.governance.audit import AuditLog, PostgresSink, PostgresTags
from piirag.governance.audit.target import AuditTarget
from piirag.testing.audit import KEY
from piirag.testing.erasure import ErasureTargetSuite, TargetUnderTest


@pytest.fixture(params=["audit.jsonl", "audit.db", "postgres"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> AuditLog:
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_server")
        schema = request.getfixturevalue("schema")
        tags = PostgresTags(url, schema=schema, key=KEY)
        return AuditLog(PostgresSink(url, schema=schema), key=KEY, tags=tags)
    return AuditLog(tmp_path / request.param, key=KEY)


def _write(log: AuditLog, user: str) -> None:
    for number in range(3):
        log.write({"event": "model_call", "user": user, "session": f"s{number}", "prompt": "Hi."})


class TestAuditTarget(ErasureTargetSuite):
    @pytest.fixture
    def under_test(self, log: AuditLog) -> TargetUnderTest:
        return TargetUnderTest(
            AuditTarget(log),
            lambda user: _write(log, user),
            lambda user: list(log.records(user_id=user)),
        )


def test_erasing_a_user_ends_the_link_and_leaves_the_chain(log: AuditLog) -> None:
    for user in ("alice", "bob"):
        _write(log, user)
    before = list(log.records())
    receipt = delete_user("alice", targets=[log])
    assert receipt.complete
    assert receipt.targets[0].kind == "audit log"
    assert "records stay" in receipt.targets[0].note
    assert list(log.records()) == before
    assert list(log.records(user_id="alice")) == []
    assert len(list(log.records(user_id="bob"))) == 3
    assert log.verify().ok
    # Neither can a session, nor a guessed input, be traced back.
    again = log.session_hash("s0", "alice")
    assert again not in {record["session"] for record in before}


def test_a_user_is_given_the_records(log: AuditLog) -> None:
    for user in ("alice", "bob"):
        _write(log, user)
    exported = [json.dumps(part) for part in export_user("alice", targets=[log]).records()]
    assert sum('"model_call"' in part for part in exported) == 3
    assert log.user_tag("alice") in "".join(exported)
    assert log.user_tag("bob") not in "".join(exported)
