"""Every sink that stores, against the suite that others can run on theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from piirag.testing.audit import AuditSinkSuite, SinkUnderTest
from support import audit


class TestJSONLines(AuditSinkSuite):
    @pytest.fixture
    def under_test(self, tmp_path: Path) -> SinkUnderTest:
        return audit.jsonl(tmp_path / "audit.jsonl")


class TestJSONLinesWithoutWaiting(AuditSinkSuite):
    @pytest.fixture
    def under_test(self, tmp_path: Path) -> SinkUnderTest:
        return audit.jsonl(tmp_path / "audit.jsonl", fsync="never")


class TestRotatedJSONLines(AuditSinkSuite):
    @pytest.fixture
    def under_test(self, tmp_path: Path) -> SinkUnderTest:
        return audit.jsonl(tmp_path / "audit.jsonl", max_bytes=800, fsync="always")


class TestSQLite(AuditSinkSuite):
    @pytest.fixture
    def under_test(self, tmp_path: Path) -> SinkUnderTest:
        return audit.sqlite(tmp_path / "audit.db")


class TestPostgres(AuditSinkSuite):
    @pytest.fixture
    def under_test(self, postgres_server: str, schema: str) -> SinkUnderTest:
        return audit.postgres(postgres_server, schema)
