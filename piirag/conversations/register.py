"""Which sessions there are, for stores that cannot list them."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Protocol

from piirag.errors import ConfigurationError


class SessionRegister(Protocol):
    """Remembers the sessions of each owner. It sees keyed tags and hidden names only."""

    def add(self, owner: str, session: str) -> None:
        """Note a session; before anything is written into it."""
        ...

    def sessions(self, owner: str | None = None) -> list[tuple[str, str]]:
        """Owners and sessions: of one owner, or of all."""
        ...

    def drop(self, owner: str, session: str) -> None:
        """Forget a session; after it was cleared."""
        ...


class SQLiteSessionRegister:
    """A register in one SQLite file, mode 0600, that several processes may share.

    Args:
        path: The file; its folder must exist. ``":memory:"`` for one that ends with the process.

    Raises:
        ConfigurationError: The file cannot be opened.
    """

    def __init__(self, path: str | Path = ":memory:") -> None:
        self._lock = threading.Lock()
        failed = ""
        try:
            if str(path) != ":memory:":
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(str(path), timeout=30, check_same_thread=False)
            self._db.execute("PRAGMA secure_delete = ON")
            with self._db:
                self._db.execute(
                    "CREATE TABLE IF NOT EXISTS sessions ("
                    "owner TEXT NOT NULL, session TEXT NOT NULL, PRIMARY KEY (owner, session))"
                )
        except (OSError, sqlite3.Error) as error:
            failed = type(error).__name__
        if failed:
            raise ConfigurationError(f"the session register cannot be opened: {failed}")

    def add(self, owner: str, session: str) -> None:
        """Note a session."""
        with self._lock, self._db:
            self._db.execute("INSERT OR IGNORE INTO sessions VALUES (?, ?)", (owner, session))

    def sessions(self, owner: str | None = None) -> list[tuple[str, str]]:
        """Owners and sessions: of one owner, or of all."""
        where, values = ("WHERE owner = ?", (owner,)) if owner is not None else ("", ())
        query = f"SELECT owner, session FROM sessions {where} ORDER BY owner, session"
        with self._lock, closing(self._db.execute(query, values)) as rows:
            return [(str(o), str(s)) for o, s in rows]

    def drop(self, owner: str, session: str) -> None:
        """Forget a session."""
        with self._lock, self._db:
            self._db.execute(
                "DELETE FROM sessions WHERE owner = ? AND session = ?", (owner, session)
            )

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __repr__(self) -> str:
        return "SQLiteSessionRegister(...)"
