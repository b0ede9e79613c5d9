"""Chat histories in Redis."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.chat_history import BaseChatMessageHistory

from langchain_piirag.history_stores import StoredHistory
from piirag.errors import ConfigurationError

_AT_ONCE = 1000


class RedisHistoryStore:
    """Histories in Redis: a list per session, and a sorted set of sessions by their oldest message.

    Args:
        client: A `redis.Redis`, with or without ``decode_responses``.
        prefix: What the keys begin with.
        ttl_seconds: Redis deletes a session this long after the last message was written, sweep
            or not. `ChatHistories` sets it to its retention; None for no time where it has none.

    Raises:
        ConfigurationError: A prefix with other characters than letters, digits, ``:_.-``.
    """

    def __init__(
        self, client: Any, *, prefix: str = "piirag:chat", ttl_seconds: int | None = None
    ) -> None:
        if not re.fullmatch(r"[A-Za-z0-9:_.-]{1,200}", prefix):
            # It is part of a pattern when keys are listed.
            raise ConfigurationError("a prefix holds letters, digits, ':', '_', '.' and '-' only")
        self._redis = client
        self._prefix = prefix
        self._index = f"{prefix}~oldest"
        self._ttl = ttl_seconds

    def open(self, owner: str, session: str) -> BaseChatMessageHistory:
        """The history of a session."""
        return StoredHistory(self, owner, session)

    def keep_for(self, seconds: float) -> None:
        """Have Redis delete sessions this long after their last message, unless it does sooner."""
        ttl = math.ceil(seconds)
        self._ttl = ttl if self._ttl is None else min(ttl, self._ttl)

    @property
    def native_expiry(self) -> str:
        """What deletes messages without a sweep; empty where nothing does."""
        return "" if self._ttl is None else f"Redis, {self._ttl} s after a session's last message"

    def sessions(self, owner: str) -> list[str]:
        """The sessions of an owner."""
        return sorted(key.rpartition(":")[2] for key in self._keys(owner))

    def delete(self, owner: str, session: str) -> None:
        """Delete a session."""
        # In this order: what is written meanwhile is noted after it was written.
        self._redis.zrem(self._index, f"{owner}:{session}")
        self._redis.delete(self._key(owner, session))

    def count(self, owner: str) -> int:
        """How many messages an owner has."""
        return sum(int(self._redis.llen(key)) for key in self._keys(owner))

    def erase(self, owner: str) -> None:
        """Delete all sessions of an owner."""
        # Also the notes of sessions that Redis deleted by itself.
        for member, _ in list(self._redis.zscan_iter(self._index, match=f"{owner}:*", count=1000)):
            self._redis.zrem(self._index, member)
        for key in list(self._keys(owner)):
            self._redis.delete(key)

    def sweep(self, before: float) -> int:
        """Delete all messages written before a moment; other sessions are not looked at."""
        gone = 0
        while members := self._over(before, at_once=_AT_ONCE):
            for member in members:
                gone += self._trim(f"{self._prefix}:{member}", before)
                self._file(member)
        return gone

    def count_before(self, before: float) -> int:
        """How many messages were written before a moment."""
        over = 0
        for member in self._over(before):
            rows = self._redis.lrange(f"{self._prefix}:{member}", 0, -1)
            over += sum(float(json.loads(row)[0]) < before for row in rows)
        return over

    def _over(self, before: float, *, at_once: int | None = None) -> list[str]:
        """Sessions whose oldest message was written before a moment."""
        if not self._redis.exists(self._index):
            for key in list(self._keys("*")):
                self._file(key[len(self._prefix) + 1 :])
        part = {} if at_once is None else {"start": 0, "num": at_once}
        found = self._redis.zrangebyscore(self._index, "-inf", f"({before!r}", **part)
        return [member.decode() if isinstance(member, bytes) else str(member) for member in found]

    def _file(self, member: str) -> None:
        """Note the oldest message of a session, or that there is none."""
        key = f"{self._prefix}:{member}"
        if not self._redis.exists(key):
            self._redis.zrem(self._index, member)
        # Whoever writes notes it after it has written: what came in meanwhile is seen by one of us.
        if head := self._redis.lrange(key, 0, 0):
            self._redis.zadd(self._index, {member: float(json.loads(head[0])[0])})

    def _add(self, owner: str, session: str, rows: Sequence[tuple[float, str]]) -> None:
        key = self._key(owner, session)
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.rpush(key, *[json.dumps([at, text]) for at, text in rows])
            if self._ttl is not None:
                pipe.expire(key, self._ttl)
            pipe.execute()
        # Not in the transaction: in a cluster, the set may be in another place.
        self._redis.zadd(self._index, {f"{owner}:{session}": rows[0][0]}, nx=True)

    def _read(self, owner: str, session: str) -> list[str]:
        rows = self._redis.lrange(self._key(owner, session), 0, -1)
        return [str(json.loads(row)[1]) for row in rows]

    def _before(self, owner: str, session: str, before: float) -> int:
        return self._trim(self._key(owner, session), before)

    def _trim(self, key: str, before: float) -> int:
        """Messages are in order of time, so what is over stands at the head of the list."""
        gone = 0
        while rows := self._redis.lrange(key, 0, 0):
            if float(json.loads(rows[0])[0]) >= before:
                break
            gone += int(self._redis.lrem(key, 1, rows[0]))
        return gone

    def _keys(self, owner: str) -> Iterator[str]:
        for key in self._redis.scan_iter(match=f"{self._prefix}:{owner}:*", count=1000):
            yield key.decode() if isinstance(key, bytes) else str(key)

    def _key(self, owner: str, session: str) -> str:
        return f"{self._prefix}:{owner}:{session}"

    def __repr__(self) -> str:
        return "RedisHistoryStore(...)"
