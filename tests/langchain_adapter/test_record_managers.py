"""Record managers as erasure targets: which of them are one and the same (threat E7)."""

from __future__ import annotations

from pathlib import Path

from langchain_classic.indexes import SQLRecordManager
from sqlalchemy import create_engine

from langchain_piirag.erasure_targets import RecordManagerTarget
from piirag import delete_user
from piirag.tenancy import TenantTags


def _manager(url: str) -> SQLRecordManager:
    manager = SQLRecordManager("docs", engine=create_engine(url))
    manager.create_schema()
    manager.update(["alice:1"], group_ids=["alice:letter.txt"])
    return manager


def test_E7_two_databases_in_memory_are_two() -> None:
    managers = [_manager("sqlite://"), _manager("sqlite://")]
    delete_user("alice", [RecordManagerTarget(manager, TenantTags()) for manager in managers])
    assert [manager.list_keys() for manager in managers] == [[], []]


def test_a_file_is_one_however_many_engines_are_over_it(tmp_path: Path) -> None:
    managers = [_manager(f"sqlite:///{tmp_path}/{at}records.db") for at in ("", "./")]
    one, other = (RecordManagerTarget(manager, TenantTags()) for manager in managers)
    assert one.identity == other.identity
