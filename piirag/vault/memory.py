"""A vault back end that lives as long as the process."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

from piirag.errors import UserErasedError
from piirag.vault.protocol import Entry, UserRecord


class MemoryBackend:
    """Keeps entries in dictionaries, encrypted like any other back end's."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._meta: dict[str, bytes] = {}
        self._users: dict[str, UserRecord] = {}
        self._entries: dict[str, dict[str, Entry]] = {}
        self._known: dict[str, dict[str, int]] = {}

    def meta(self, name: str, value: bytes) -> bytes:
        with self._lock:
            return self._meta.setdefault(name, value)

    def user(self, tag: str) -> UserRecord | None:
        return self._users.get(tag)

    def create_user(self, tag: str, wrapped_key: bytes) -> UserRecord:
        with self._lock:
            return self._users.setdefault(tag, UserRecord(wrapped_key, None, 0))

    def put(self, tag: str, wrapped_key: bytes, entries: Sequence[Entry]) -> dict[str, bytes]:
        with self._lock:
            user = self._users.get(tag)
            if user is None or user.erased_at is not None or user.wrapped_key != wrapped_key:
                raise UserErasedError
            known = self._known.setdefault(tag, {})
            mine = self._entries.setdefault(tag, {})
            news = 0
            for entry in entries:
                there = mine.setdefault(entry.token, entry)
                if entry.known and (there is entry or not there.known):
                    mine[entry.token] = replace(there, known=True)
                    known[entry.token] = user.version + 1
                    news += 1
            if news:
                self._users[tag] = replace(user, version=user.version + 1)
            return {entry.token: mine[entry.token].blob for entry in entries}

    def get(self, tag: str, tokens: Sequence[str]) -> dict[str, bytes]:
        with self._lock:
            mine = self._entries.get(tag, {})
            return {token: mine[token].blob for token in tokens if token in mine}

    def entries(self, tag: str, *, known_since: int | None = None) -> Iterator[Entry]:
        with self._lock:
            mine = dict(self._entries.get(tag, {}))
            known = dict(self._known.get(tag, {}))
        if known_since is None:
            return iter(mine.values())
        return (mine[token] for token, version in known.items() if version > known_since)

    def count(self, tag: str) -> int:
        return len(self._entries.get(tag, {}))

    def erase(self, tag: str, erased_at: float) -> int:
        with self._lock:
            gone = len(self._entries.pop(tag, {}))
            self._known.pop(tag, None)
            user = self._users.get(tag)
            version = user.version + 1 if user else 1
            if user is None or user.erased_at is None or user.wrapped_key is not None:
                self._users[tag] = UserRecord(None, erased_at, version)
            return gone

    def tombstone(self, tag: str, erased_at: float) -> None:
        with self._lock:
            user = self._users.get(tag) or UserRecord(None, None, 0)
            if user.erased_at is None:
                self._users[tag] = replace(user, erased_at=erased_at)

    def reinstate(self, tag: str) -> bool:
        with self._lock:
            user = self._users.get(tag)
            if user is None or user.erased_at is None:
                return False
            if user.wrapped_key is None:
                del self._users[tag]
            else:
                self._users[tag] = replace(user, erased_at=None)
            return True

    def close(self) -> None:
        with self._lock:
            self._entries.clear()
            self._users.clear()
