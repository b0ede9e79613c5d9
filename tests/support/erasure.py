"""Erasure targets and journals for tests: a real SQLite store, and failpoints that kill."""

from __future__ import annotations

import os
import signal
import sqlite3
from pathlib import Path
from typing import Any

from piirag import MasterKey
from piirag.erasure import Capabilities, ErasureService, Residue, StoredItem, Traces
from piirag.erasure.journal_sqlite import SQLiteJournal
from piirag.erasure.residue import scan_files
from piirag.erasure.retry import Retry

GONE = "alice_the_erased"
KEY = MasterKey.generate()
FAST = Retry(attempts=3, first=0, longest=0)


def service(targets: list[Any], vault: Any, journal: Any = None, **options: Any) -> ErasureService:
    """A service that does not wait between attempts."""
    return ErasureService(targets, vault=vault, journal=journal, retry=FAST, **options)


def files(folder: Path, pattern: str = "erasure.db*") -> bytes:
    """The bytes of the journal's files."""
    return b"".join(path.read_bytes() for path in folder.glob(pattern))


class RowsTarget:
    """Rows of users in a SQLite file of its own, in a folder of its own.

    Args:
        folder: Where the file is.
        name: What receipts call it.
    """

    kind = "rows"
    version = "rows 1"

    def __init__(self, folder: Path, name: str = "rows") -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.file = folder / "rows.db"
        self.name = name
        self.identity = ("rows", str(folder))
        self.capabilities = Capabilities(reclaim=True, scan=True)
        self.calls: list[str] = []
        with self._open() as db:
            db.execute("CREATE TABLE IF NOT EXISTS rows (user TEXT, text TEXT)")

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.file, timeout=0.05)
        db.execute("PRAGMA secure_delete=OFF")
        return db

    def fill(self, user: str, items: int = 5) -> None:
        with self._open() as db:
            rows = [(user, f"the text number {n} of {user} and nobody else") for n in range(items)]
            db.executemany("INSERT INTO rows VALUES (?, ?)", rows)

    def read(self, user: str) -> list[Any]:
        with self._open() as db:
            return db.execute("SELECT * FROM rows WHERE user = ? ORDER BY text", (user,)).fetchall()

    def count(self, user_id: str) -> int:
        self.calls.append("count")
        return len(self.read(user_id))

    def delete(self, user_id: str) -> None:
        self.calls.append("delete")
        with self._open() as db:
            db.execute("DELETE FROM rows WHERE user = ?", (user_id,))

    def items(self, user_id: str) -> Any:
        return iter(())

    def traces(self, user_id: str) -> Traces:
        return Traces({"texts": [text.encode() for _, text in self.read(user_id)]})

    def residue(self, traces: Traces) -> Residue:
        found: Residue = {}
        for hit in scan_files(self.folder, traces.needles):
            kinds = found.setdefault(hit.file, {})
            kinds[hit.kind] = kinds.get(hit.kind, 0) + 1
        return found

    def reclaim(self, user_id: str) -> None:
        self.calls.append("reclaim")
        db = self._open()
        db.execute("VACUUM")
        db.close()


class ListedRows(RowsTarget):
    """Rows that can be listed, and so exported."""

    def __init__(self, folder: Path, name: str = "rows") -> None:
        super().__init__(folder, name)
        self.capabilities = Capabilities(export=True)

    def items(self, user_id: str) -> Any:
        for number, (user, text) in enumerate(self.read(user_id)):
            yield StoredItem(str(number), text, {"user_id": user})


class KillingJournal(SQLiteJournal):
    """Kills its process (SIGKILL) before or after its n-th write.

    Args:
        path: The file.
        at: Which write, from 0; None never kills.
        after: Kill once the write is on the disk, not before.
    """

    _WRITES = ("begin", "acquire", "mark", "suppress", "finish", "release")

    def __init__(self, path: Path, at: int | None = None, *, after: bool = False) -> None:
        self.writes = 0
        self._at = at
        self._after = after
        super().__init__(path)

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in type(self)._WRITES:
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            here = self.writes == self._at
            self.writes += 1
            if here and not self._after:
                os.kill(os.getpid(), signal.SIGKILL)
            result = found(*args, **kwargs)
            if here:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call
