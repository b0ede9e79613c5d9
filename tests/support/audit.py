"""Stores of the audit log as the conformance suite drives them."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from piirag.governance.audit import JSONLinesSink, PostgresSink, SQLiteSink
from piirag.governance.audit.sinks.jsonl_files import Paths
from piirag.testing.audit import SinkUnderTest


def jsonl(path: Path, **options: Any) -> SinkUnderTest:
    """Files of JSON lines."""

    def files() -> list[Path]:
        return [p for p in [*Paths(path).all_rotated(), path] if p.exists()]

    def lines() -> list[bytes]:
        return [line for file in files() for line in file.read_bytes().splitlines()]

    def put(new: list[bytes]) -> None:
        # Every line stays in the file it stood in.
        home = {_seq(line): file for file in files() for line in file.read_bytes().splitlines()}
        found: dict[Path, list[bytes]] = {file: [] for file in files()}
        for line in new:
            found[home.get(_seq(line), path)].append(line + b"\n")
        for file, content in found.items():
            file.write_bytes(b"".join(content))

    return SinkUnderTest(lambda: JSONLinesSink(path, **options), lines, put)


def sqlite(path: Path) -> SinkUnderTest:
    """A table in SQLite."""

    def lines() -> list[bytes]:
        with sqlite3.connect(path) as db:
            rows = db.execute("SELECT line FROM audit_records ORDER BY seq").fetchall()
        return [line.encode() for (line,) in rows]

    def put(new: list[bytes]) -> None:
        with sqlite3.connect(path) as db:
            old = db.execute("SELECT * FROM audit_records").fetchall()
            db.execute("DELETE FROM audit_records")
            for row in _rows(old, new):
                db.execute("INSERT INTO audit_records VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    return SinkUnderTest(lambda: SQLiteSink(path), lines, put)


def postgres(url: str, schema: str) -> SinkUnderTest:
    """A table in Postgres."""
    import psycopg

    table = f"{schema}.audit_records"

    def lines() -> list[bytes]:
        with psycopg.connect(url) as db:
            rows = db.execute(f"SELECT line FROM {table} ORDER BY seq").fetchall()
        return [line.encode() for (line,) in rows]

    def put(new: list[bytes]) -> None:
        with psycopg.connect(url) as db:
            db.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
            old = db.execute(f"SELECT * FROM {table}").fetchall()
            db.execute(f"DELETE FROM {table}")
            for row in _rows(old, new):
                db.execute(f"INSERT INTO {table} VALUES (%s, %s, %s, %s, %s, %s, %s)", row)
            db.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")

    return SinkUnderTest(lambda: PostgresSink(url, schema=schema), lines, put)


def _seq(line: bytes) -> Any:
    try:
        return json.loads(line).get("seq")
    except (ValueError, AttributeError):
        return None


def _rows(old: list[Any], new: list[bytes]) -> list[tuple[Any, ...]]:
    """The old rows with other lines in them."""
    columns = {row[0]: row[:-1] for row in old}
    return [(*columns[_seq(line)], line.decode()) for line in new]
