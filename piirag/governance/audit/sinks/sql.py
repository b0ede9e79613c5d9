"""What the sinks in SQL databases share: the tables, and statements both dialects understand."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from piirag.errors import AuditError
from piirag.governance.audit.chain import Chain, Head, Removed, Spans, canonical, not_behind, parsed
from piirag.governance.audit.record import seconds_of
from piirag.governance.audit.sinks.base import Query, lost
from piirag.governance.audit.sinks.head_file import merged
from piirag.governance.audit.verify import HEAD, Problem, Verification, verified

_T = TypeVar("_T")
Execute = Callable[..., list[Any]]
"""Runs a statement with ``?`` for values; gives the rows, if it has any."""

TABLES = ("records", "head", "removed")
INDEXES = ("by_time", "by_request", "by_parent", "by_user")
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS {records} (seq BIGINT PRIMARY KEY, time {real} NOT NULL,"
    " event TEXT NOT NULL, request_id TEXT, parent_id TEXT, user_tag TEXT, line TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS {by_time} ON {records} (time, seq)",
    "CREATE INDEX IF NOT EXISTS {by_request} ON {records} (request_id)",
    "CREATE INDEX IF NOT EXISTS {by_parent} ON {records} (parent_id)",
    "CREATE INDEX IF NOT EXISTS {by_user} ON {records} (user_tag)",
    "CREATE TABLE IF NOT EXISTS {head} (one INTEGER PRIMARY KEY CHECK (one = 1),"
    " seq BIGINT NOT NULL, hash TEXT NOT NULL, mac TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS {removed} (first BIGINT PRIMARY KEY, last BIGINT NOT NULL,"
    " hash TEXT NOT NULL, mac TEXT NOT NULL)",
)
_PAGE = 1000
# A batch of a sweep is one transaction: writers wait for one batch at most.
_BATCH = 5000
_COLUMNS = "seq, time, event, request_id, parent_id, user_tag, line"
OVER = (
    f"SELECT {_COLUMNS} FROM {{records}} WHERE time < ? AND (time, seq) > (?, ?)"
    f" ORDER BY time, seq LIMIT {_BATCH}"
)
"""Some of the records from before a moment, behind a place: by the index on time alone."""


class SQLSink:
    """A chain of records in a table; see `StoringSink` for what the methods do."""

    name = "sql"
    kind = "sql"

    def __init__(self) -> None:
        self._chain = Chain()
        self._lock = threading.RLock()
        self._last = Head()
        self._is_open = False

    def open(self) -> None:
        """Create the tables where there are none; `append` does so where it has not been done.

        New tables get the note of a log without records at once, in the same transaction: tables
        without a note are those of a log that lost it.

        Raises:
            AuditError: They cannot be created.
        """
        if not self._is_open:
            self._create()
            self._is_open = True

    @abstractmethod
    def _create(self) -> None:
        """Create what is missing; call `_begin` where there was no table of records or head."""

    @abstractmethod
    def _is_there(self, execute: Execute) -> bool:
        """Whether there are tables."""

    def _begin(self, execute: Execute) -> None:
        new = Head()
        sql = (
            "INSERT INTO {head} (one, seq, hash, mac) VALUES (1, ?, ?, ?) ON CONFLICT (one)"
            " DO NOTHING"
        )
        execute(sql, new.seq, new.hash, self._mac(new.seq, new.hash))

    @abstractmethod
    def _write(self, work: Callable[[Execute], _T]) -> _T:
        """Carry out work in one transaction that no other writer gets into."""

    @abstractmethod
    def _read(self, work: Callable[[Execute], _T]) -> _T:
        """Carry out work in one transaction that sees one state of the tables."""

    @abstractmethod
    def _deleting(self, execute: Execute) -> None:
        """Have this transaction be one that may delete."""

    def bind(self, chain: Chain) -> None:
        self._chain = chain
        self._last = Head()

    def append(self, record: Mapping[str, Any]) -> dict[str, Any]:
        self.open()
        sealed = self._write(lambda execute: self._append(execute, record))
        with self._lock:
            # Only now it is sure to be there; another thread may have been faster.
            self._last = max(self._last, Head(sealed["seq"], sealed["hash"]), key=lambda h: h.seq)
        return sealed

    def _append(self, execute: Execute, record: Mapping[str, Any]) -> dict[str, Any]:
        head = self._head(execute, locked=True)
        if head is None:
            head = self._without_head(execute)
        return self._add(execute, record, not_behind(head, self._last))

    def _add(self, execute: Execute, record: Mapping[str, Any], head: Head) -> dict[str, Any]:
        sealed = self._chain.sealed(record, head)
        execute(f"INSERT INTO {{records}} ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", *_row(sealed))
        self._set_head(execute, Head(sealed["seq"], sealed["hash"]))
        return sealed

    def _set_head(self, execute: Execute, head: Head) -> None:
        sql = (
            "INSERT INTO {head} (one, seq, hash, mac) VALUES (1, ?, ?, ?) ON CONFLICT (one)"
            " DO UPDATE SET seq = excluded.seq, hash = excluded.hash, mac = excluded.mac"
        )
        execute(sql, head.seq, head.hash, self._mac(head.seq, head.hash))

    def _head(self, execute: Execute, *, locked: bool = False) -> Head | None:
        rows = execute("SELECT seq, hash, mac FROM {head}")
        if not rows:
            return None
        [[seq, hash, mac]] = rows
        if mac != self._mac(seq, hash):
            raise AuditError("the head of the audit log was altered, or belongs to another key")
        return Head(seq, hash)

    def _mac(self, seq: int, hash: str) -> str:
        return self._chain.digest("head", canonical({"seq": seq, "hash": hash}))

    def _without_head(self, execute: Execute) -> Head:
        """Go on behind the last record there is, and put on record that more may have been."""
        rows = execute(f"SELECT {_COLUMNS} FROM {{records}} ORDER BY seq DESC LIMIT 1")
        last = Head()
        if rows:
            record = parsed(str(rows[0][-1]).encode())
            if record is None or not self._chain.fits(record):
                raise AuditError("the audit log has no head, and its last record was altered")
            last = Head(record["seq"], record["hash"])
        for gone in self._removed(execute):
            if gone.last > last.seq:
                last = Head(gone.last, gone.hash)
        last = not_behind(last, self._last)
        sealed = self._add(execute, lost(), last)
        return Head(sealed["seq"], sealed["hash"])

    def _removed(self, execute: Execute) -> list[Removed]:
        found = []
        for first, last, hash, mac in execute(
            "SELECT first, last, hash, mac FROM {removed} ORDER BY first"
        ):
            if mac != self._mac_of(Removed(first, last, hash)):
                raise AuditError("the note of deleted records was altered, or is of another key")
            found.append(Removed(first, last, hash))
        return found

    def _mac_of(self, gone: Removed) -> str:
        return self._chain.digest(
            "removed", canonical({"first": gone.first, "last": gone.last, "hash": gone.hash})
        )

    def read(self, query: Query) -> Iterator[dict[str, Any]]:
        if query.users is not None:
            yield from self._of_users(query)
            return
        where, values = _where(query)
        yield from self._pages(where, values, query)

    def _of_users(self, query: Query) -> Iterator[dict[str, Any]]:
        for user in sorted(query.users or ()):
            where, values = _where(query)
            yield from self._pages([*where, "user_tag = ?"], [*values, user], query)

    def _pages(self, where: list[str], values: list[Any], query: Query) -> Iterator[dict[str, Any]]:
        last = 0
        clause = " AND ".join(["seq > ?", *where])
        sql = f"SELECT seq, line FROM {{records}} WHERE {clause} ORDER BY seq LIMIT {_PAGE}"
        while True:
            rows = self._read(lambda execute, last=last: self._page(execute, sql, last, *values))  # type: ignore[misc]
            for seq, line in rows:
                last = seq
                record = parsed(str(line).encode())
                if record is not None and query.matches(record):
                    yield record
            if len(rows) < _PAGE:
                return

    def exists(self) -> bool:
        """Whether there are tables."""
        return self._read(self._is_there)

    def _page(self, execute: Execute, sql: str, *values: Any) -> list[Any]:
        return execute(sql, *values) if self._is_there(execute) else []

    def verify(self, expected: Head | None = None) -> Verification:
        """Whether every record is there and as it was written.

        Args:
            expected: A record that has to be there, from an earlier look.

        Raises:
            AuditError: It cannot be read, or there is none.
        """
        return self._read(lambda execute: self._verify(execute, expected))

    def _verify(self, execute: Execute, expected: Head | None) -> Verification:
        if not self._is_there(execute):
            raise AuditError("there is no audit log under this name")
        problems: list[Problem] = []
        head, removed = None, []
        try:
            head = self._head(execute)
            removed = self._removed(execute)
        except AuditError:
            problems.append(Problem(HEAD))

        def lines() -> Iterator[tuple[str, bytes]]:
            last = -(2**62)
            sql = f"SELECT {_COLUMNS} FROM {{records}} WHERE seq > ? ORDER BY seq LIMIT {_PAGE}"
            while rows := execute(sql, last):
                for row in rows:
                    last = row[0]
                    yield f"row {last}", _line(row)

        return verified(
            lines(),
            self._chain,
            head=head,
            removed=removed,
            # Deleting and noting it are one transaction.
            settled=Spans(gone.first_last for gone in removed),
            expected=expected,
            problems=problems,
        )

    def expire(self, before: float) -> int:
        self.open()
        count = 0
        place: tuple[float, int] | None = (float("-inf"), 0)
        while place is not None:
            here = place
            place, gone = self._write(lambda execute, here=here: self._batch(execute, before, here))  # type: ignore[misc]
            count += gone
        return count

    def _batch(
        self, execute: Execute, before: float, place: tuple[float, int]
    ) -> tuple[tuple[float, int] | None, int]:
        """Delete some records that are over; where to go on, and how many were deleted."""
        self._deleting(execute)
        rows = execute(OVER, before, *place)
        if not rows:
            return None, 0
        gone = []
        for row in rows:
            # What was altered stays: it is evidence.
            record = parsed(_line(row))
            if record is not None and self._chain.fits(record):
                gone.append(Removed(row[0], row[0], record["hash"]))
        if gone:
            for entry in merged(gone, []):
                sql = "DELETE FROM {records} WHERE seq BETWEEN ? AND ?"
                execute(sql, entry.first, entry.last)
            self._note(execute, gone)
        return (rows[-1][1], rows[-1][0]), len(gone)

    def _note(self, execute: Execute, gone: list[Removed]) -> None:
        known = self._removed(execute)
        now = merged(known, gone)
        for entry in known:
            if entry not in now:
                execute("DELETE FROM {removed} WHERE first = ?", entry.first)
        for entry in now:
            if entry not in known:
                sql = "INSERT INTO {removed} (first, last, hash, mac) VALUES (?, ?, ?, ?)"
                execute(sql, entry.first, entry.last, entry.hash, self._mac_of(entry))

    def close(self) -> None:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


def _row(record: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        record["seq"],
        seconds_of(record["time"]),
        record["event"],
        record.get("request_id"),
        record.get("parent_id"),
        record.get("user"),
        canonical(record).decode("ascii"),
    )


def _line(row: Any) -> bytes:
    """The line of a row; empty, which fits no chain, where the columns are not the line's."""
    line = str(row[-1]).encode("utf-8", "surrogatepass")
    record = parsed(line)
    try:
        return line if record is not None and _row(record) == tuple(row) else b""
    except (AuditError, KeyError):
        return b""


def _where(query: Query) -> tuple[list[str], list[Any]]:
    where: list[str] = []
    values: list[Any] = []
    if query.request_id is not None:
        where.append("(request_id = ? OR parent_id = ?)")
        values += [query.request_id, query.request_id]
    for clause, value in (
        ("event = ?", query.event),
        ("time >= ?", query.since),
        ("time < ?", query.until),
    ):
        if value is not None:
            where.append(clause)
            values.append(value)
    return where, values
