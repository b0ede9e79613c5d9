"""Keyed tags for users, sessions and inputs, which nobody can trace back once the key is gone.

A tag is made under a secret of the user's own, drawn at random, one for each generation. Who
forgets a user destroys that secret, and who lets a generation expire destroys all of its secrets:
the tags stay in the log, and no key there is leads from a user to them (threat E12). Nothing here
keeps a user id: secrets stand under a keyed hash of it.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import re
import sqlite3
import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from piirag.errors import AuditError, ConfigurationError
from piirag.user_id import check_user_id
from piirag.vault.keys import derive

_T = TypeVar("_T")

DAY = 86_400.0
OWN = re.compile(r"[uski]_[0-9a-f]{32}")
"""What the tags made here look like: of a user, a session, a key or id, an input."""

_SECRET = 32
# Secrets are kept in memory so long. Who is forgotten by another process may in this time be
# tagged under the old secret here; no look-up leads to it any more.
_KEPT_SECONDS = 5.0
_MOST_KEPT = 10_000
_BUSY_SECONDS = 30.0

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS {generations} (number BIGINT PRIMARY KEY, secret {blob} NOT NULL)",
    "CREATE TABLE IF NOT EXISTS {secrets} (generation BIGINT NOT NULL, lookup {blob} NOT NULL,"
    " secret {blob} NOT NULL, PRIMARY KEY (generation, lookup))",
    "CREATE TABLE IF NOT EXISTS {begun} (log {blob} PRIMARY KEY)",
)

Execute = Callable[..., Any]
"""Runs a statement with ``?`` for values; gives rows."""


class Tagger:
    """Makes tags under one secret.

    Args:
        secret: The secret.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def user(self) -> str:
        """The tag of the user whose secret it is."""
        return self._made("u", "user")

    def session(self, session_id: str) -> str:
        """The tag of a session."""
        return self._made("s", session_id)

    def input(self, text: str) -> str:
        """The tag of a text: the same for the same text, of the same user, in a generation."""
        return self._made("i", text)

    def keyed(self, value: str) -> str:
        """The tag of anything else, such as a tenant in a filter or the id of a chunk."""
        return self._made("k", value)

    def _made(self, kind: str, value: str) -> str:
        body = f"{kind}|{value}".encode("utf-8", "surrogatepass")
        return f"{kind}_{hmac.digest(self._secret, body, 'sha256').hex()[:32]}"

    def __repr__(self) -> str:
        return "Tagger(...)"


class UserTags:
    """Makes tags; a back end keeps their secrets.

    Args:
        key: The log's key, which a look-up needs too; None for secrets that whoever reads the
            back end can use.
        days: How long a generation lasts. Tags of a user differ from one to the next.
        keep_days: How long a generation's tags can be traced back after it has ended.
        clock: Seconds since the epoch.

    Raises:
        ConfigurationError: Days that are no positive numbers.
    """

    def __init__(
        self,
        *,
        key: bytes | None = None,
        days: float = 30,
        keep_days: float = 90,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not (days > 0 and keep_days >= 0):
            raise ConfigurationError("days is above 0, keep_days at least 0")
        self._key = b"" if key is None else derive(key, "audit-user")
        self._days = days
        self._keep_days = keep_days
        self._clock = clock
        self._swept = -1
        self._kept: dict[tuple[int, str | None], tuple[float, bytes]] = {}

    @abstractmethod
    def _do(self, work: Callable[[Execute], _T]) -> _T:
        """Carry out work in one transaction."""

    def tagger(self, user_id: str | None = None) -> Tagger:
        """Makes the tags of a user in the generation of today, or of nobody in particular.

        Args:
            user_id: The user.

        Raises:
            InvalidUserIdError: No usable user id.
            AuditError: The secrets cannot be read or written.
        """
        if user_id is not None:
            check_user_id(user_id)
        return Tagger(self._secret(user_id))

    def of_user(self, user_id: str) -> list[str]:
        """The tags of a user in every generation that is left, of which there is a secret."""
        check_user_id(user_id)

        def work(execute: Execute) -> list[bytes]:
            secrets = []
            for number, salt in execute("SELECT number, secret FROM {generations}"):
                lookup = self._lookup(bytes(salt), user_id)
                sql = "SELECT secret FROM {secrets} WHERE generation = ? AND lookup = ?"
                secrets += [bytes(row[0]) for row in execute(sql, number, lookup)]
            return secrets

        return [Tagger(secret).user() for secret in self._do(work)]

    def forget(self, user_id: str) -> int:
        """Destroy a user's secrets; how many there were."""
        check_user_id(user_id)

        def work(execute: Execute) -> int:
            count = 0
            for number, salt in execute("SELECT number, secret FROM {generations}"):
                lookup = self._lookup(bytes(salt), user_id)
                there = "SELECT 1 FROM {secrets} WHERE generation = ? AND lookup = ?"
                count += len(execute(there, number, lookup))
                gone = "DELETE FROM {secrets} WHERE generation = ? AND lookup = ?"
                execute(gone, number, lookup)
            return count

        count = self._do(work)
        self._kept.clear()
        self._wipe()
        return count

    def expire(self) -> int:
        """Destroy the secrets of generations whose time is over; how many generations."""
        first_kept = (self._clock() / DAY - self._keep_days) / self._days

        def work(execute: Execute) -> int:
            # A generation has ended once the next one has begun.
            over = execute("SELECT number FROM {generations} WHERE number + 1 <= ?", first_kept)
            for (number,) in over:
                execute("DELETE FROM {secrets} WHERE generation = ?", number)
                execute("DELETE FROM {generations} WHERE number = ?", number)
            return len(over)

        count = self._do(work)
        self._kept.clear()
        if count:
            self._wipe()
        return count

    def has_begun(self, log: str) -> bool:
        """Whether records were written to a log.

        Args:
            log: What the log is called.
        """
        sql = "SELECT 1 FROM {begun} WHERE log = ?"
        return bool(self._do(lambda execute: execute(sql, self._mark(log))))

    def note_begun(self, log: str) -> None:
        """Keep the mark that records were written to a log: it outlives the log's files.

        Args:
            log: What the log is called.
        """
        sql = "INSERT INTO {begun} VALUES (?) ON CONFLICT DO NOTHING"
        self._do(lambda execute: execute(sql, self._mark(log)))

    def _mark(self, log: str) -> bytes:
        # Of another key, and so another chain, there is another mark.
        return hmac.digest(self._key or b"no key", f"begun|{log}".encode(), "sha256")

    def _secret(self, user_id: str | None) -> bytes:
        number = int(self._clock() / DAY // self._days)
        if number != self._swept:
            # Where nobody sweeps, the first tag of a generation does.
            self._swept = number
            self.expire()
        now = time.monotonic()
        kept = self._kept.get((number, user_id))
        if kept is not None and now - kept[0] < _KEPT_SECONDS:
            return kept[1]
        secret = self._do(lambda execute: self._drawn(execute, number, user_id))
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[number, user_id] = (now, secret)
        return secret

    def _drawn(self, execute: Execute, number: int, user_id: str | None) -> bytes:
        sql = "SELECT secret FROM {generations} WHERE number = ?"
        rows = execute(sql, number)
        if not rows:
            insert = "INSERT INTO {generations} VALUES (?, ?) ON CONFLICT DO NOTHING"
            execute(insert, number, os.urandom(_SECRET))
            rows = execute(sql, number)
        salt = bytes(rows[0][0])
        if user_id is None:
            return self._lookup(salt, "")
        lookup = self._lookup(salt, user_id)
        sql = "SELECT secret FROM {secrets} WHERE generation = ? AND lookup = ?"
        rows = execute(sql, number, lookup)
        if not rows:
            insert = "INSERT INTO {secrets} VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
            execute(insert, number, lookup, os.urandom(_SECRET))
            rows = execute(sql, number, lookup)
        return bytes(rows[0][0])

    def _lookup(self, salt: bytes, user_id: str) -> bytes:
        body = user_id.encode("utf-8", "surrogatepass")
        return hmac.digest(hmac.digest(salt, self._key, "sha256"), body, "sha256")

    def _wipe(self) -> None:
        """Have what was deleted overwritten, where the back end can."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the back end."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


class SQLiteTags(UserTags):
    """Keeps the secrets in a SQLite file, mode 0600, that several processes may share.

    Secrets that are destroyed are overwritten (`secure_delete`). A copy of the file, as in a
    backup, still has them.

    Args:
        path: The file; its folder must exist.
        **options: As for `UserTags`.

    Raises:
        ConfigurationError: It cannot be opened.
    """

    def __init__(self, path: str | Path, **options: Any) -> None:
        super().__init__(**options)
        self.path: Path | None = Path(path)
        self._start(str(path))

    def _start(self, path: str) -> None:
        self._where = path
        self._pid = -1
        reason = ""
        try:
            self._connect()
        except (OSError, sqlite3.Error) as error:
            reason = type(error).__name__
        if reason:
            raise ConfigurationError(f"cannot open the secrets of the audit log: {reason}")

    def _connect(self) -> None:
        if self.path is not None:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            os.chmod(self.path, 0o600)
        self._pid, self._lock = os.getpid(), threading.RLock()
        self._db = sqlite3.connect(
            self._where, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._db.execute("PRAGMA secure_delete=ON")
        self._db.execute("PRAGMA synchronous=NORMAL")
        for attempt in range(100):
            try:
                self._db.execute("PRAGMA journal_mode=WAL")
                break
            except sqlite3.OperationalError:
                # While another process does the same, SQLite does not wait.
                if attempt == 99:
                    raise
                time.sleep(0.02)
        for statement in SCHEMA:
            self._db.execute(_sqlite(statement))

    def _do(self, work: Callable[[Execute], _T]) -> _T:
        reason = ""
        try:
            if self._pid != os.getpid() and self.path is not None:
                self._connect()  # SQLite's connections must not be used in a child
            with self._lock:
                return self._inside(work)
        except (sqlite3.Error, OSError) as error:
            reason = type(error).__name__
        raise AuditError(f"the secrets of the audit log cannot be read or written: {reason}")

    def _inside(self, work: Callable[[Execute], _T]) -> _T:
        began = False

        def execute(text: str, *values: Any) -> list[Any]:
            nonlocal began
            if not began and not text.startswith("SELECT"):
                # Most look-ups change nothing, and need no lock.
                self._db.execute("BEGIN IMMEDIATE")
                began = True
            return self._db.execute(_sqlite(text), values).fetchall()

        try:
            result = work(execute)
        except BaseException:
            if began:
                self._db.execute("ROLLBACK")
            raise
        if began:
            self._db.execute("COMMIT")
        return result

    def _wipe(self) -> None:
        with self._lock, contextlib.suppress(sqlite3.Error):
            # Best effort: another process that reads at this moment keeps the log alive.
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        with self._lock:
            self._db.close()


class MemoryTags(SQLiteTags):
    """Keeps the secrets as long as the process lives: its tags cannot be traced back later."""

    def __init__(self, **options: Any) -> None:
        UserTags.__init__(self, **options)
        self.path = None
        self._start(":memory:")


def _sqlite(text: str) -> str:
    return text.format(blob="BLOB", **_NAMES)


_NAMES: dict[str, str] = {name: f"audit_{name}" for name in ("generations", "secrets", "begun")}
TABLES: Sequence[str] = tuple(_NAMES)
