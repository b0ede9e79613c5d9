"""A vault back end in Redis, or a Redis cluster."""

from __future__ import annotations

import importlib.util
import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from piirag.errors import ConfigurationError, MissingDependencyError, UserErasedError, VaultError
from piirag.vault import redis_scripts as scripts
from piirag.vault.keyring import KeyRing
from piirag.vault.keys import MasterKey
from piirag.vault.protocol import Entry, UserRecord
from piirag.vault.vault import Vault
from piirag.vault.withheld import withheld

_PREFIX = re.compile(r"[A-Za-z0-9_.:\-]{1,64}")
_AT_ONCE = 500
_LONGEST_TTL = 100 * 366 * 86_400


def _errors() -> tuple[type[Exception], ...]:
    from redis.exceptions import RedisError

    return RedisError, UnicodeError, OSError


_guarded = withheld("the vault in Redis cannot be reached or used", _errors)


class RedisBackend:
    """Keeps entries in Redis 6.2 or newer, shared by any number of processes.

    All keys of a user carry the user's tag in braces, so that a cluster keeps them together.
    What has to happen in one step is a Lua script.

    Redis keeps what it was told to: with an append-only file, deleted ciphertext and deleted data
    keys stay in the file until Redis rewrites it (`BGREWRITEAOF`), and a failover may lose the
    last writes, erasures included.

    Args:
        redis: A URL (``redis://``, ``rediss://``, ``unix://``), or a client of the package
            `redis` that does not decode responses: `Redis` or `RedisCluster`.
        prefix: What all keys begin with: letters, digits, and ``_ . : -``.
        ttl: Delete a user's values and data key this many seconds after the last write for the
            user; None to keep them until they are erased. Sessions end with the data key, if not
            before. Tombstones are kept in any case.

    Raises:
        MissingDependencyError: The package `redis` is not installed.
        ConfigurationError: An unusable prefix, time to live or client.
        VaultError: Redis cannot be reached.
    """

    def __init__(
        self, redis: str | Any, *, prefix: str = "piirag", ttl: float | None = None
    ) -> None:
        if not _PREFIX.fullmatch(prefix):
            raise ConfigurationError("a prefix has 1 to 64 letters, digits and _ . : - only")
        number = isinstance(ttl, int | float) and not isinstance(ttl, bool)
        if ttl is not None and not (number and 0 < ttl <= _LONGEST_TTL):
            raise ConfigurationError("ttl must be a number of seconds, above 0")
        self._prefix = prefix
        self._ttl = 0 if ttl is None else math.ceil(ttl * 1000)
        self._owned = isinstance(redis, str)
        self._redis = _client(redis)
        self._scripts = {
            name: self._redis.register_script(getattr(scripts, name))
            for name in (
                "CREATE_USER",
                "REWRAP",
                "PUT",
                "PUT_SESSION",
                "TAKE_SESSION",
                "DISCARD",
                "ERASE",
                "TOMBSTONE",
                "REINSTATE",
            )
        }
        self._call(self._redis.ping)

    @_guarded
    def _call(self, call: Callable[..., Any], *values: Any) -> Any:
        return call(*values)

    def _run(self, name: str, keys: Sequence[str], *values: Any) -> Any:
        return self._call(self._scripts[name], keys, values)

    def _key(self, tag: str, part: str) -> str:
        return f"{self._prefix}:{{{tag}}}:{part}"

    def _keys(self, tag: str, parts: str) -> list[str]:
        return [self._key(tag, part) for part in parts]

    def meta(self, name: str, value: bytes) -> bytes:
        key = f"{self._prefix}:meta"
        self._call(self._redis.hsetnx, key, name, value)
        return bytes(self._call(self._redis.hget, key, name))

    def read_meta(self, name: str) -> bytes | None:
        value: bytes | None = self._call(self._redis.hget, f"{self._prefix}:meta", name)
        return value

    def user(self, tag: str) -> UserRecord | None:
        fields = ["w", "a", "v"]
        return _record(self._call(self._redis.hmget, self._key(tag, "u"), fields))

    def tags(self) -> Iterator[str]:
        # A scan may name a key twice.
        seen: set[str] = set()
        start, end = self._key("|", "u").split("|")
        found = self._redis.scan_iter(match=self._key("*", "u"), count=_AT_ONCE)
        while (key := self._call(next, found, None)) is not None:
            tag = key.decode()[len(start) : -len(end)]
            if tag not in seen:
                seen.add(tag)
                yield tag

    def create_user(self, tag: str, wrapped_key: bytes) -> UserRecord:
        record = _record(self._run("CREATE_USER", self._keys(tag, "u"), wrapped_key, self._ttl))
        if record is None:
            raise VaultError("the vault in Redis cannot be used: a user was not created")
        return record

    def rewrap(self, tag: str, old: bytes, new: bytes) -> bool:
        return bool(self._run("REWRAP", self._keys(tag, "u"), old, new))

    def put(self, tag: str, wrapped_key: bytes, entries: Sequence[Entry]) -> dict[str, Entry]:
        won: dict[str, Entry] = {}
        # An empty write is refused for an erased user like any other.
        for k in range(0, len(entries) or 1, _AT_ONCE):
            part = entries[k : k + _AT_ONCE]
            values: list[Any] = [wrapped_key, self._ttl]
            for e in part:
                values += [e.token, _packed(e), e.index or b"", int(e.known)]
            got = self._run("PUT", self._keys(tag, "ueik"), *values)
            if got == [b"erased"]:
                raise UserErasedError
            for n, entry in enumerate(part):
                token, packed, known = got[3 * n : 3 * n + 3]
                won[entry.token] = _entry(token, packed, bool(known))
        return won

    def _packed_of(self, tag: str, tokens: Sequence[Any]) -> Iterator[tuple[Any, bytes]]:
        for k in range(0, len(tokens), _AT_ONCE):
            part = list(tokens[k : k + _AT_ONCE])
            found = self._call(self._redis.hmget, self._key(tag, "e"), part)
            yield from ((t, packed) for t, packed in zip(part, found, strict=True) if packed)

    def get(self, tag: str, tokens: Sequence[str]) -> dict[str, bytes]:
        return {t: _entry(b"", packed).blob for t, packed in self._packed_of(tag, tokens)}

    def find(self, tag: str, indexes: Sequence[bytes]) -> dict[bytes, Entry]:
        tokens: list[bytes] = []
        for k in range(0, len(indexes), _AT_ONCE):
            part = list(indexes[k : k + _AT_ONCE])
            held = self._call(self._redis.hmget, self._key(tag, "i"), part)
            tokens += [token for token in held if token is not None]
        found = list(self._packed_of(tag, tokens))
        known = self._known(tag, [token for token, _ in found])
        entries = (_entry(token, packed, token in known) for token, packed in found)
        return {e.index: e for e in entries if e.index is not None}

    def _known(self, tag: str, tokens: Sequence[bytes]) -> set[bytes]:
        known: set[bytes] = set()
        for k in range(0, len(tokens), _AT_ONCE):
            part = list(tokens[k : k + _AT_ONCE])
            scores = self._call(self._redis.zmscore, self._key(tag, "k"), part)
            known.update(t for t, score in zip(part, scores, strict=True) if score is not None)
        return known

    def entries(self, tag: str, *, known_since: int | None = None) -> Iterator[Entry]:
        since = "-inf" if known_since is None else f"({known_since}"
        known = self._call(self._redis.zrangebyscore, self._key(tag, "k"), since, "+inf")
        if known_since is not None:
            for token, packed in self._packed_of(tag, known):
                yield _entry(token, packed, True)
            return
        there = set(known)
        seen: set[bytes] = set()
        found = self._redis.hscan_iter(self._key(tag, "e"), count=_AT_ONCE)
        while (pair := self._call(next, found, None)) is not None:
            if pair[0] not in seen:
                seen.add(pair[0])
                yield _entry(pair[0], pair[1], pair[0] in there)

    def count(self, tag: str) -> int:
        return int(self._call(self._redis.hlen, self._key(tag, "e")))

    def discard(self, tag: str, tokens: Sequence[str]) -> int:
        gone = 0
        for k in range(0, len(tokens), _AT_ONCE):
            gone += int(self._run("DISCARD", self._keys(tag, "eik"), *tokens[k : k + _AT_ONCE]))
        return gone

    def put_session(
        self, tag: str, wrapped_key: bytes, key: str, blob: bytes, *, expires_at: float, now: float
    ) -> bool:
        keys = [*self._keys(tag, "ux"), self._key(tag, f"s:{key}"), *self._keys(tag, "eik")]
        values = (wrapped_key, self._ttl, key, blob, _ms(expires_at), _ms(now))
        (status,) = self._run("PUT_SESSION", keys, *values)
        if status == b"erased":
            raise UserErasedError
        return bool(status == b"stored")

    def take_session(self, tag: str, key: str, now: float) -> bytes | None:
        keys = [*self._keys(tag, "ux"), self._key(tag, f"s:{key}")]
        blob: bytes | None = self._run("TAKE_SESSION", keys, key, _ms(now))
        return blob

    def count_sessions(self, tag: str, now: float) -> int:
        return int(self._call(self._redis.zcount, self._key(tag, "x"), f"({_ms(now)}", "+inf"))

    def purge_sessions(self, now: float) -> int:
        """Nothing to do: Redis deletes what has expired."""
        return 0

    def count_expired(self, now: float) -> int:
        """None: Redis deletes what has expired."""
        return 0

    def erase(self, tag: str, erased_at: float) -> int:
        while True:
            sessions = self._call(self._redis.zrange, self._key(tag, "x"), 0, -1)
            keys = self._keys(tag, "ueikx")
            keys += [self._key(tag, f"s:{key.decode()}") for key in sessions]
            gone = int(self._run("ERASE", keys, repr(erased_at), *sessions))
            # A session that came in between was not among the keys; now it will be.
            if gone >= 0:
                return gone

    def tombstone(self, tag: str, erased_at: float) -> None:
        self._run("TOMBSTONE", self._keys(tag, "ueik"), repr(erased_at))

    def reinstate(self, tag: str) -> bool:
        return bool(self._run("REINSTATE", self._keys(tag, "ueik"), self._ttl))

    def close(self) -> None:
        """Close the connections, unless the client was passed in."""
        if self._owned:
            self._redis.close()

    def __repr__(self) -> str:
        return "RedisBackend(...)"


class RedisVault(Vault):
    """A vault in Redis, or a Redis cluster.

    Args:
        redis: A URL, or a client of the package `redis`; see `RedisBackend`.
        key: The master key; read from the environment variable `PIIRAG_MASTER_KEY` if None.
        prefix: What all keys begin with.
        ttl: Delete a user's values and data key this many seconds after the last write for the
            user; None to keep them until they are erased.

    Raises:
        MissingDependencyError: The package `redis` is not installed.
        ConfigurationError: An unusable prefix, time to live or client.
        VaultError: Redis cannot be reached.
        VaultKeyError: No key, or not the one this vault was written under.
    """

    def __init__(
        self,
        redis: str | Any,
        key: MasterKey | KeyRing | None = None,
        *,
        prefix: str = "piirag",
        ttl: float | None = None,
    ) -> None:
        key = key or MasterKey.from_env()
        super().__init__(RedisBackend(redis, prefix=prefix, ttl=ttl), key)


def _client(redis: str | Any) -> Any:
    if importlib.util.find_spec("redis") is None:
        raise MissingDependencyError("redis", "redis")
    if not isinstance(redis, str):
        encoder = getattr(redis, "get_encoder", None)
        if encoder is None or encoder().decode_responses:
            raise ConfigurationError(
                "redis must be a URL or a client of the package redis with decode_responses=False"
            )
        return redis
    from redis import Redis

    try:
        return Redis.from_url(redis, decode_responses=False)
    except ValueError:
        pass  # its message may quote the URL, and with it a password
    raise ConfigurationError("redis must be a URL of the form redis://, rediss:// or unix://")


def _ms(seconds: float) -> int:
    return math.ceil(seconds * 1000)


def _packed(entry: Entry) -> bytes:
    """An entry as Redis holds it: length of the index, index, blob."""
    index = entry.index or b""
    return bytes([len(index)]) + index + entry.blob


def _entry(token: bytes, packed: bytes, known: bool = False) -> Entry:
    length = packed[0]
    index = packed[1 : 1 + length]
    return Entry(token.decode(), packed[1 + length :], known, index or None)


def _record(fields: Sequence[bytes | None]) -> UserRecord | None:
    wrapped, erased_at, version = fields
    if version is None:
        return None
    return UserRecord(wrapped, None if erased_at is None else float(erased_at), int(version))
