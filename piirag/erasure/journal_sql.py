"""What the journals in SQL databases share: the statements, which both dialects understand."""

from __future__ import annotations

import json
import uuid
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from piirag.erasure.journal import OPEN, Erasure, Steps, Suppressed
from piirag.erasure.receipt import COMPLETE
from piirag.errors import JournalError, LeaseLostError

_T = TypeVar("_T")

TABLES = ("erasures", "steps", "suppressed")
# `{blob}` and `{real}` are the dialect's names of types, the others tables.
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS {erasures} (id TEXT PRIMARY KEY, subject TEXT NOT NULL,"
    " sealed {blob}, physical INTEGER NOT NULL, status TEXT NOT NULL, started {real} NOT NULL,"
    " finished {real}, runs INTEGER NOT NULL, receipt TEXT, owner TEXT, lease {real})",
    "CREATE UNIQUE INDEX IF NOT EXISTS {one_open} ON {erasures} (subject)"
    " WHERE status <> 'complete'",
    "CREATE INDEX IF NOT EXISTS {by_subject} ON {erasures} (subject, started)",
    "CREATE INDEX IF NOT EXISTS {by_end} ON {erasures} (finished) WHERE status = 'complete'",
    "CREATE TABLE IF NOT EXISTS {steps} (erasure TEXT NOT NULL, target TEXT NOT NULL,"
    " step TEXT NOT NULL, at {real} NOT NULL, data TEXT NOT NULL,"
    " PRIMARY KEY (erasure, target, step))",
    "CREATE TABLE IF NOT EXISTS {suppressed} (subject TEXT PRIMARY KEY, sealed {blob},"
    " since {real} NOT NULL)",
)
_OVER = "status = 'complete' AND finished < ?"
_COLUMNS = "id, subject, sealed, physical, status, started, finished, runs, receipt"


class Statements:
    """Runs statements inside one transaction.

    Args:
        execute: Runs a statement with ``?`` for values; gives a cursor.
        now: Seconds since the epoch, by the clock all processes share.
    """

    def __init__(self, execute: Callable[[str, Sequence[Any]], Any], now: float) -> None:
        self._execute = execute
        self.now = now

    def rows(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows a query gives."""
        return [tuple(row) for row in self._execute(text, values).fetchall()]

    def change(self, text: str, *values: Any) -> int:
        """How many rows a statement changed."""
        return int(self._execute(text, values).rowcount)


class SQLJournal:
    """A journal in a database; see `piirag.erasure.journal.Journal` for what the methods do."""

    durable = True

    @abstractmethod
    def _do(self, work: Callable[[Statements], _T]) -> _T:
        """Carry out work in one transaction that no other writer gets into."""

    def begin(self, subject: str, sealed: bytes, *, physical: bool, since: float) -> Erasure:
        def work(db: Statements) -> Erasure:
            rows = db.rows(
                f"SELECT {_COLUMNS} FROM {{erasures}} WHERE subject = ?"
                " AND (status <> 'complete' OR finished >= ?) ORDER BY status = 'complete'",
                *(subject, since),
            )
            if rows:
                found = _erasure(rows[0])
                if physical and not found.physical and found.status != COMPLETE:
                    db.change("UPDATE {erasures} SET physical = 1 WHERE id = ?", found.id)
                    return _get(db, found.id)
                # One that reclaimed nothing is no answer to a call that asks for it.
                if found.physical or not physical:
                    return found
            id = uuid.uuid4().hex
            db.change(
                "INSERT INTO {erasures} (id, subject, sealed, physical, status, started, runs)"
                " VALUES (?, ?, ?, ?, ?, ?, 0)",
                *(id, subject, sealed, int(physical), OPEN, db.now),
            )
            return _get(db, id)

        return self._do(work)

    def get(self, id: str) -> Erasure:
        return self._do(lambda db: _get(db, id))

    def last(self, subject: str) -> Erasure | None:
        rows = self._do(
            lambda db: db.rows(
                f"SELECT {_COLUMNS} FROM {{erasures}} WHERE subject = ?"
                " ORDER BY started DESC LIMIT 1",
                subject,
            )
        )
        return _erasure(rows[0]) if rows else None

    def unfinished(self) -> Sequence[Erasure]:
        rows = self._do(
            lambda db: db.rows(
                f"SELECT {_COLUMNS} FROM {{erasures}} WHERE status <> 'complete' ORDER BY started"
            )
        )
        return [_erasure(row) for row in rows]

    def acquire(self, id: str, owner: str, seconds: float) -> bool:
        def work(db: Statements) -> bool:
            taken = db.change(
                "UPDATE {erasures} SET owner = ?, lease = ?, runs = runs + 1 WHERE id = ?"
                " AND status <> 'complete' AND (owner IS NULL OR lease < ?)",
                *(owner, db.now + seconds, id, db.now),
            )
            return taken == 1

        return self._do(work)

    def renew(self, id: str, owner: str, seconds: float) -> bool:
        return self._do(lambda db: _renew(db, id, owner, seconds))

    def release(self, id: str, owner: str) -> None:
        self._do(
            lambda db: db.change(
                "UPDATE {erasures} SET owner = NULL, lease = NULL WHERE id = ? AND owner = ?",
                *(id, owner),
            )
        )

    def mark(
        self,
        id: str,
        owner: str,
        target: str,
        step: str,
        data: Mapping[str, Any],
        seconds: float,
    ) -> None:
        def work(db: Statements) -> None:
            if not _renew(db, id, owner, seconds):
                raise LeaseLostError
            db.change(
                "INSERT INTO {steps} (erasure, target, step, at, data) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (erasure, target, step) DO NOTHING",
                *(id, target, step, db.now, json.dumps(dict(data))),
            )

        self._do(work)

    def steps(self, id: str) -> Steps:
        rows = self._do(
            lambda db: db.rows("SELECT target, step, data FROM {steps} WHERE erasure = ?", id)
        )
        return {(target, step): json.loads(data) for target, step, data in rows}

    def finish(self, id: str, owner: str, status: str, receipt: str) -> None:
        def work(db: Statements) -> None:
            changed = db.change(
                "UPDATE {erasures} SET status = ?, receipt = ?, finished = ?, owner = NULL,"
                " lease = NULL, sealed = CASE WHEN ? = 'complete' THEN NULL ELSE sealed END"
                " WHERE id = ? AND owner = ?",
                *(status, receipt, db.now, status, id, owner),
            )
            if changed != 1:
                raise LeaseLostError

        self._do(work)

    def expire(self, before: float) -> int:
        def work(db: Statements) -> int:
            db.change(
                "DELETE FROM {steps} WHERE erasure IN"
                f" (SELECT id FROM {{erasures}} WHERE {_OVER})",
                before,
            )
            return db.change(f"DELETE FROM {{erasures}} WHERE {_OVER}", before)

        return self._do(work)

    def count_before(self, before: float) -> int:
        sql = f"SELECT count(*) FROM {{erasures}} WHERE {_OVER}"
        return int(self._do(lambda db: db.rows(sql, before))[0][0])

    def suppress(self, entries: Sequence[Suppressed]) -> None:
        def work(db: Statements) -> None:
            for entry in entries:
                db.change(
                    "INSERT INTO {suppressed} (subject, sealed, since) VALUES (?, ?, ?)"
                    " ON CONFLICT (subject) DO UPDATE SET"
                    " sealed = coalesce({suppressed}.sealed, excluded.sealed)",
                    *(entry.subject, entry.sealed, entry.since),
                )

        self._do(work)

    def unsuppress(self, subject: str) -> bool:
        sql = "DELETE FROM {suppressed} WHERE subject = ?"
        return self._do(lambda db: db.change(sql, subject)) == 1

    def suppressed(self) -> Sequence[Suppressed]:
        sql = "SELECT subject, sealed, since FROM {suppressed} ORDER BY since, subject"
        rows = self._do(lambda db: db.rows(sql))
        return [Suppressed(subject, _bytes(sealed), since) for subject, sealed, since in rows]

    def reseal(self, subject: str, old: bytes, new: bytes) -> None:
        def work(db: Statements) -> None:
            for table in ("erasures", "suppressed"):
                sql = f"UPDATE {{{table}}} SET sealed = ? WHERE subject = ? AND sealed = ?"
                db.change(sql, new, subject, old)

        self._do(work)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


def _renew(db: Statements, id: str, owner: str, seconds: float) -> bool:
    sql = "UPDATE {erasures} SET lease = ? WHERE id = ? AND owner = ?"
    return db.change(sql, db.now + seconds, id, owner) == 1


def _get(db: Statements, id: str) -> Erasure:
    rows = db.rows(f"SELECT {_COLUMNS} FROM {{erasures}} WHERE id = ?", id)
    if not rows:
        raise JournalError("no such erasure is in the journal")
    return _erasure(rows[0])


def _erasure(row: tuple[Any, ...]) -> Erasure:
    id, subject, sealed, physical, status, started, finished, runs, receipt = row
    return Erasure(
        id, subject, _bytes(sealed), bool(physical), status, started, finished, runs, receipt
    )


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)
