"""Where chat histories live: memory, or any SQL database. Redis and others stand beside this.

What is stored here is scrubbed already; owners and sessions are keyed tags and hidden names.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import Any, Protocol

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage, message_to_dict, messages_from_dict

from piirag.errors import InvalidInputError, MissingDependencyError

_STAMP = "piirag"


def stamped(message: BaseMessage, at: float | None) -> BaseMessage:
    """A copy that bears the time it was written at; without it where that is None."""
    kwargs = {k: v for k, v in message.additional_kwargs.items() if k != _STAMP}
    if at is not None:
        kwargs[_STAMP] = {"at": at}
    return message.model_copy(update={"additional_kwargs": kwargs})


def written_at(message: BaseMessage) -> float | None:
    """When a message was written, in seconds since the epoch."""
    stamp = message.additional_kwargs.get(_STAMP)
    at = stamp.get("at") if isinstance(stamp, dict) else None
    return float(at) if isinstance(at, int | float) and not isinstance(at, bool) else None


class HistoryStore(Protocol):
    """A place for the histories of many owners. Safe to use from several threads."""

    def open(self, owner: str, session: str) -> BaseChatMessageHistory:
        """The history of a session; nothing is created before something is written."""
        ...

    def sessions(self, owner: str) -> list[str]:
        """The sessions of an owner."""
        ...

    def delete(self, owner: str, session: str) -> None:
        """Delete a session."""
        ...

    def count(self, owner: str) -> int:
        """How many messages an owner has."""
        ...

    def erase(self, owner: str) -> None:
        """Delete all sessions of an owner."""
        ...

    def sweep(self, before: float) -> int:
        """Delete all messages written before a moment; return how many."""
        ...

    def count_before(self, before: float) -> int:
        """How many messages were written before a moment."""
        ...


class _Rows(Protocol):
    """What a history needs of our own stores."""

    def _add(self, owner: str, session: str, rows: Sequence[tuple[float, str]]) -> None: ...
    def _read(self, owner: str, session: str) -> list[str]: ...
    def delete(self, owner: str, session: str) -> None: ...
    def _before(self, owner: str, session: str, before: float) -> int: ...


class StoredHistory(BaseChatMessageHistory):
    """One session in one of our own stores."""

    def __init__(self, store: _Rows, owner: str, session: str) -> None:
        self._store = store
        self._owner = owner
        self._session = session

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]
        """The messages, oldest first."""
        rows = self._store._read(self._owner, self._session)
        return messages_from_dict([json.loads(row) for row in rows])

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Store messages, all or none.

        Raises:
            InvalidInputError: A message that is no JSON.
        """
        rows = [(written_at(message) or 0.0, _to_json(message)) for message in messages]
        self._store._add(self._owner, self._session, rows)

    def clear(self) -> None:
        """Delete all messages."""
        self._store.delete(self._owner, self._session)

    def delete_before(self, before: float) -> int:
        """Delete what was written before a moment; return how many messages."""
        return self._store._before(self._owner, self._session, before)


def _to_json(message: BaseMessage) -> str:
    try:
        return json.dumps(message_to_dict(message), allow_nan=False)
    except (TypeError, ValueError):
        pass  # raised below, so that it does not become the context
    raise InvalidInputError("a part of a message cannot be written as JSON")


class MemoryHistoryStore:
    """Histories that end with the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[tuple[str, str], list[tuple[float, str]]] = {}

    def open(self, owner: str, session: str) -> BaseChatMessageHistory:
        """The history of a session."""
        return StoredHistory(self, owner, session)

    def sessions(self, owner: str) -> list[str]:
        """The sessions of an owner."""
        with self._lock:
            return sorted(session for of, session in self._rows if of == owner)

    def delete(self, owner: str, session: str) -> None:
        """Delete a session."""
        with self._lock:
            self._rows.pop((owner, session), None)

    def count(self, owner: str) -> int:
        """How many messages an owner has."""
        with self._lock:
            return sum(len(rows) for (of, _), rows in self._rows.items() if of == owner)

    def erase(self, owner: str) -> None:
        """Delete all sessions of an owner."""
        for session in self.sessions(owner):
            self.delete(owner, session)

    def sweep(self, before: float) -> int:
        """Delete all messages written before a moment."""
        with self._lock:
            keys = list(self._rows)
        return sum(self._before(*key, before) for key in keys)

    def count_before(self, before: float) -> int:
        """How many messages were written before a moment."""
        with self._lock:
            return sum(at < before for rows in self._rows.values() for at, _ in rows)

    def _add(self, owner: str, session: str, rows: Sequence[tuple[float, str]]) -> None:
        with self._lock:
            self._rows.setdefault((owner, session), []).extend(rows)

    def _read(self, owner: str, session: str) -> list[str]:
        with self._lock:
            return [text for _, text in self._rows.get((owner, session), [])]

    def _before(self, owner: str, session: str, before: float) -> int:
        with self._lock:
            rows = self._rows.get((owner, session), [])
            kept = [row for row in rows if row[0] >= before]
            if kept:
                self._rows[(owner, session)] = kept
            else:
                self._rows.pop((owner, session), None)
            return len(rows) - len(kept)

    def __repr__(self) -> str:
        return "MemoryHistoryStore()"


class SQLHistoryStore:
    """Histories in a table of any database that SQLAlchemy speaks to.

    Args:
        engine: An SQLAlchemy engine, or a URL such as ``"sqlite:///chats.db"``.
        table: The table's name; it is created if it is not there.

    Raises:
        MissingDependencyError: SQLAlchemy is not installed.
    """

    SWEPT_AT_ONCE = 10_000

    def __init__(self, engine: Any, *, table: str = "piirag_chat_messages") -> None:
        try:
            import sqlalchemy as sa
        except ImportError:
            sa = None  # type: ignore[assignment]
        if sa is None:
            raise MissingDependencyError("SQLAlchemy", "sql")
        self._sa = sa
        self._engine = sa.create_engine(engine) if isinstance(engine, str) else engine
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _secure_delete)
        self._table = sa.Table(
            table,
            sa.MetaData(),
            sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
            sa.Column("owner", sa.String(64), nullable=False),
            sa.Column("session", sa.String(1400), nullable=False),
            sa.Column("written_at", sa.Float(53), nullable=False, index=True),
            sa.Column("message", sa.Text, nullable=False),
            sa.Index(f"ix_{table}_session", "owner", "session"),
        )
        self._table.create(self._engine, checkfirst=True)

    def open(self, owner: str, session: str) -> BaseChatMessageHistory:
        """The history of a session."""
        return StoredHistory(self, owner, session)

    def sessions(self, owner: str) -> list[str]:
        """The sessions of an owner."""
        c = self._table.c
        query = self._sa.select(c.session).where(c.owner == owner).distinct().order_by(c.session)
        with self._engine.connect() as db:
            return [str(row[0]) for row in db.execute(query)]

    def delete(self, owner: str, session: str) -> None:
        """Delete a session."""
        c = self._table.c
        self._run(self._table.delete().where(c.owner == owner, c.session == session))

    def count(self, owner: str) -> int:
        """How many messages an owner has."""
        c = self._table.c
        query = self._sa.select(self._sa.func.count()).where(c.owner == owner)
        with self._engine.connect() as db:
            return int(db.execute(query).scalar_one())

    def erase(self, owner: str) -> None:
        """Delete all sessions of an owner."""
        self._run(self._table.delete().where(self._table.c.owner == owner))

    def sweep(self, before: float) -> int:
        """Delete all messages written before a moment, oldest first.

        The index on the time finds them, and each `SWEPT_AT_ONCE` are a transaction of their own,
        so that nobody who writes waits for all of them.
        """
        at = self._table.c.written_at
        # The time of the last one of a batch. Others of the same moment go along.
        last = self._sa.select(at).where(at < before).order_by(at).limit(1)
        last = last.offset(self.SWEPT_AT_ONCE - 1)
        gone = 0
        while True:
            with self._engine.connect() as db:
                upto = db.execute(last).scalar_one_or_none()
            if upto is None:
                return gone + self._run(self._table.delete().where(at < before))
            gone += self._run(self._table.delete().where(at <= upto))

    def count_before(self, before: float) -> int:
        """How many messages were written before a moment."""
        query = self._sa.select(self._sa.func.count()).where(self._table.c.written_at < before)
        with self._engine.connect() as db:
            return int(db.execute(query).scalar_one())

    def close(self) -> None:
        """Release the connections."""
        self._engine.dispose()

    def _add(self, owner: str, session: str, rows: Sequence[tuple[float, str]]) -> None:
        values = [
            {"owner": owner, "session": session, "written_at": at, "message": text}
            for at, text in rows
        ]
        with self._engine.begin() as db:
            db.execute(self._table.insert(), values)

    def _read(self, owner: str, session: str) -> list[str]:
        c = self._table.c
        query = self._sa.select(c.message).where(c.owner == owner, c.session == session)
        with self._engine.connect() as db:
            return [str(row[0]) for row in db.execute(query.order_by(c.id))]

    def _before(self, owner: str, session: str, before: float) -> int:
        c = self._table.c
        return self._run(
            self._table.delete().where(
                c.owner == owner, c.session == session, c.written_at < before
            )
        )

    def _run(self, statement: Any) -> int:
        with self._engine.begin() as db:
            return int(db.execute(statement).rowcount)

    def __repr__(self) -> str:
        return "SQLHistoryStore(...)"


def _secure_delete(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA secure_delete = ON")
