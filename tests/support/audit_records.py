"""Audit logs of tests: records read back, and checked against the schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from piirag.governance.audit import AuditLog, AuditRecord

KEY = bytes(range(32))
_CHAIN = {"schema", "seq", "prev", "hash"}


def audit_log(folder: Path) -> AuditLog:
    """A log under a key, in a folder of its own."""
    (folder / "log").mkdir()
    return AuditLog(folder / "log" / "audit.jsonl", key=KEY)


def records(log: AuditLog, event: str | None = None) -> list[dict[str, Any]]:
    """The records of a log, each read as the schema says."""
    assert log.path is not None
    found = [json.loads(line) for line in log.path.read_text().splitlines()]
    for record in found:
        AuditRecord.from_dict({k: v for k, v in record.items() if k not in _CHAIN})
    return [record for record in found if event in (None, record["event"])]


def decisions(record: dict[str, Any]) -> list[tuple[str, str, dict[str, int]]]:
    """What was decided: action, where, and counts."""
    return [(d["action"], d["where"], d.get("counts", {})) for d in record["decisions"]]
