"""Fields that hold names of code hold no long numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from piirag.governance.audit import AuditLog, AuditRecord
from piirag.governance.record_names import name_of
from piirag.testing.audit import KEY


@pytest.mark.parametrize("value", ["4111_1111_1111_1111", "004930901820", "536904399"])
def test_long_numbers_are_no_names(value: str, tmp_path: Path) -> None:
    with AuditLog(tmp_path / "a.jsonl", key=KEY) as log:
        log.write(AuditRecord("model_call", provider=value, request_model=f"m-{value}"))
    assert value not in (tmp_path / "a.jsonl").read_text()


@pytest.mark.parametrize("name", ["claude-sonnet-4-20250514", "gpt-4o-2024-08-06"])
def test_names_of_models_stay(name: str, tmp_path: Path) -> None:
    with AuditLog(tmp_path / "a.jsonl", key=KEY) as log:
        log.write(AuditRecord("model_call", request_model=name, server_address="192.168.100.200"))
        [record] = log.records()
    assert record["gen_ai.request.model"] == name
    assert record["server.address"] == "192.168.100.200"


def test_only_our_own_errors_name_another() -> None:
    error = ValueError("x")
    error.error_type = "Jane.Roe"  # type: ignore[attr-defined]
    assert name_of(error) == "builtins.ValueError"
