"""A vault back end that lives as long as the process."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from piirag.errors import UserErasedError
from piirag.vault.protocol import Entry, UserRecord
from piirag.vault.winners import marked, newly_known, winners


@dataclass(repr=False)
class _Kept:
    """What is kept of one user besides the record."""

    entries: dict[str, Entry] = field(default_factory=dict)
    by_index: dict[bytes, str] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)
    sessions: dict[str, tuple[float, bytes]] = field(default_factory=dict)


class MemoryBackend:
    """Keeps entries in dictionaries, encrypted like any other back end's."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._meta: dict[str, bytes] = {}
        self._users: dict[str, UserRecord] = {}
        self._kept: dict[str, _Kept] = {}

    def meta(self, name: str, value: bytes) -> bytes:
        with self._lock:
            return self._meta.setdefault(name, value)

    def read_meta(self, name: str) -> bytes | None:
        return self._meta.get(name)

    def user(self, tag: str) -> UserRecord | None:
        return self._users.get(tag)

    def tags(self) -> Iterator[str]:
        with self._lock:
            return iter(list(self._users))

    def create_user(self, tag: str, wrapped_key: bytes) -> UserRecord:
        with self._lock:
            return self._users.setdefault(tag, UserRecord(wrapped_key, None, 0))

    def rewrap(self, tag: str, old: bytes, new: bytes) -> bool:
        with self._lock:
            user = self._users.get(tag)
            if user is None or user.wrapped_key is None or user.wrapped_key != old:
                return False
            self._users[tag] = replace(user, wrapped_key=new)
            return True

    def _writable(self, tag: str, wrapped_key: bytes) -> tuple[UserRecord, _Kept]:
        user = self._users.get(tag)
        if user is None or user.erased_at is not None or user.wrapped_key != wrapped_key:
            raise UserErasedError
        return user, self._kept.setdefault(tag, _Kept())

    def put(self, tag: str, wrapped_key: bytes, entries: Sequence[Entry]) -> dict[str, Entry]:
        with self._lock:
            user, kept = self._writable(tag, wrapped_key)
            for entry in entries:
                if entry.token in kept.entries or entry.index in kept.by_index:
                    continue
                kept.entries[entry.token] = replace(entry, known=False)
                if entry.index is not None:
                    kept.by_index[entry.index] = entry.token
            tokens = [e.token for e in entries]
            tokens += [kept.by_index[e.index] for e in entries if e.index in kept.by_index]
            won = winners(entries, [kept.entries[t] for t in tokens if t in kept.entries])
            news = newly_known(entries, won)
            for token in news:
                kept.entries[token] = replace(kept.entries[token], known=True)
                kept.known[token] = user.version + 1
            if news:
                self._users[tag] = replace(user, version=user.version + 1)
            return marked(won, news)

    def get(self, tag: str, tokens: Sequence[str]) -> dict[str, bytes]:
        with self._lock:
            mine = self._kept.get(tag, _Kept()).entries
            return {token: mine[token].blob for token in tokens if token in mine}

    def find(self, tag: str, indexes: Sequence[bytes]) -> dict[bytes, Entry]:
        with self._lock:
            kept = self._kept.get(tag, _Kept())
            return {i: kept.entries[kept.by_index[i]] for i in indexes if i in kept.by_index}

    def entries(self, tag: str, *, known_since: int | None = None) -> Iterator[Entry]:
        with self._lock:
            kept = self._kept.get(tag, _Kept())
            mine = dict(kept.entries)
            known = dict(kept.known)
        if known_since is None:
            return iter(mine.values())
        return (mine[token] for token, version in known.items() if version > known_since)

    def count(self, tag: str) -> int:
        with self._lock:
            return len(self._kept.get(tag, _Kept()).entries)

    def discard(self, tag: str, tokens: Sequence[str]) -> int:
        with self._lock:
            kept = self._kept.get(tag, _Kept())
            gone = [
                kept.entries.pop(token) for token in dict.fromkeys(tokens) if token in kept.entries
            ]
            for entry in gone:
                kept.known.pop(entry.token, None)
                if entry.index is not None:
                    kept.by_index.pop(entry.index, None)
            return len(gone)

    def put_session(
        self, tag: str, wrapped_key: bytes, key: str, blob: bytes, *, expires_at: float, now: float
    ) -> bool:
        with self._lock:
            _, kept = self._writable(tag, wrapped_key)
            there = kept.sessions.get(key)
            if there is not None and there[0] > now:
                return False
            kept.sessions[key] = (expires_at, blob)
            return True

    def take_session(self, tag: str, key: str, now: float) -> bytes | None:
        with self._lock:
            user = self._users.get(tag)
            if user is None or user.erased_at is not None or tag not in self._kept:
                return None
            expires_at, blob = self._kept[tag].sessions.pop(key, (now, b""))
            return blob if expires_at > now else None

    def count_sessions(self, tag: str, now: float) -> int:
        with self._lock:
            sessions = self._kept.get(tag, _Kept()).sessions
            return sum(expires_at > now for expires_at, _ in sessions.values())

    def purge_sessions(self, now: float) -> int:
        gone = 0
        with self._lock:
            for kept in self._kept.values():
                dead = [k for k, (expires_at, _) in kept.sessions.items() if expires_at <= now]
                for key in dead:
                    del kept.sessions[key]
                gone += len(dead)
        return gone

    def count_expired(self, now: float) -> int:
        with self._lock:
            return sum(
                expires_at <= now
                for kept in self._kept.values()
                for expires_at, _ in kept.sessions.values()
            )

    def erase(self, tag: str, erased_at: float) -> int:
        with self._lock:
            gone = len(self._kept.pop(tag, _Kept()).entries)
            user = self._users.get(tag)
            version = user.version + 1 if user else 1
            if user is None or user.erased_at is None or user.wrapped_key is not None:
                at = erased_at if user is None or user.erased_at is None else user.erased_at
                self._users[tag] = UserRecord(None, at, version)
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
            self._kept.clear()
            self._users.clear()
