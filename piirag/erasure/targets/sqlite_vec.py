"""The tables of LangChain's `SQLiteVec` as an erasure target."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from piirag.erasure.target import Capabilities, ErasureTarget, StoredItem, register_resolver
from piirag.erasure.targets.base import StoreTarget
from piirag.erasure.targets.sqlite_file import files_of
from piirag.erasure.targets.sqlite_vec_table import LANGUAGE, VecRow, VecTable, known_as
from piirag.errors import ErasureError
from piirag.tenancy.languages.sqlite_vec import Condition
from piirag.tenancy.tags import TenantTags

# Two parameters to an id; SQLite before 3.32 takes 999 in one statement.
_PAGE = 400
_KEEPS = (
    "SQLite keeps the bytes of deleted rows in free pages until the file is rewritten; so do its "
    "backups and the file system"
)
_MEMORY = "this SQLite database is in memory only and has no files"


class SQLiteVecTarget(StoreTarget):
    """Deletes a user's rows from the tables of `SQLiteVec`, and their vectors.

    After a plain delete text, metadata and vectors are still in the file (measured with
    sqlite-vec 0.1.9). `reclaim` rewrites it; connections that read at that moment hinder it.

    Args:
        connection: An SQLite connection, with the extension sqlite-vec loaded.
        table: The table.
        tags: How rows name their user. See `StoreTarget`.

    Raises:
        UnsupportedStoreError: The table is not as `SQLiteVec` makes it.
    """

    kind = "sqlite-vec"

    def __init__(self, connection: Any, table: str, tags: TenantTags | None = None) -> None:
        self._table = VecTable(connection, table)
        files = {row[1]: row[2] for row in self._table.run("PRAGMA database_list")}
        self._file = Path(files["main"]) if files.get("main") else None
        identity = (str(self._file or id(connection)), table)
        super().__init__(f"sqlite-vec:{table}", identity, tags)
        self._table.index(self.tags.key)
        local = self._file is not None
        self.capabilities = Capabilities(
            reclaim=local, scan=local, why_not=_KEEPS if local else _MEMORY, export=True
        )

    def _where(self, user_id: str) -> Condition:
        return LANGUAGE.compare(self.tags.key, "$eq", self.tags.tag(user_id))

    def count(self, user_id: str) -> int:
        """How many rows of the user are there now."""
        return self.checked_guess(self._table.count(self._where(user_id)))

    def items(self, user_id: str) -> Iterator[StoredItem]:
        """Every row of the user."""
        return self._items(self._where(user_id))

    def all_items(self) -> Iterator[StoredItem]:
        """Every row of the table."""
        return self._items(None)

    def delete(self, user_id: str) -> None:
        """Delete every row of the user and their vectors, at once; and vectors of no row."""
        self._table.remove(self._where(user_id))
        self._table.remove_orphans()

    def delete_items(self, ids: Sequence[str]) -> None:
        """Delete items by id, and their vectors."""
        for start in range(0, len(ids), _PAGE):
            self._table.remove(known_as(ids[start : start + _PAGE]))

    def replace_items(
        self, items: Sequence[StoredItem], vectors: Sequence[Sequence[float]] | None = None
    ) -> None:
        """Put other text and metadata into items that are there, in one transaction.

        Raises:
            InvalidInputError: Metadata or vectors that the table cannot hold; nothing was changed.
        """
        new = [None] * len(items) if vectors is None else vectors
        self._table.change(
            [
                VecRow(item.id, item.text or "", item.metadata, vector)
                for item, vector in zip(items, new, strict=True)
            ]
        )

    def vectors(self, user_id: str) -> Iterable[Sequence[float]]:
        """The vectors of the user's rows."""
        for row in self._table.rows(self._where(user_id), vectors=True):
            if row.vector is not None:
                yield row.vector

    def files(self) -> list[Path]:
        """The database, and the files that SQLite keeps beside it."""
        return files_of(self._file)

    def reclaim(self, user_id: str) -> None:
        """Rewrite the database, without free pages, and empty its write-ahead log.

        Raises:
            ErasureError: It is in memory, or another connection hindered it.
        """
        if self._file is None:
            raise ErasureError("memory that was freed cannot be overwritten")
        before = self._table.count(None)
        self._table.remove_orphans()
        secure = int(self._table.run("PRAGMA secure_delete")[0][0])
        self._table.run("PRAGMA secure_delete = ON")
        # The file of a journal that is kept holds pages as they were.
        kept = self._table.run("PRAGMA journal_mode")[0][0] == "persist"
        try:
            if kept:
                self._table.run("PRAGMA journal_mode = DELETE")
            self._table.run("VACUUM")
            [(busy, *_)] = self._table.run("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            self._table.run(f"PRAGMA secure_delete = {secure}")
            if kept:
                self._table.run("PRAGMA journal_mode = PERSIST")
        if busy:
            raise ErasureError("another connection kept the write-ahead log from being emptied")
        if self._table.count(None) != before:
            raise ErasureError("the number of rows changed while bytes were removed")

    def _items(self, where: Condition | None) -> Iterator[StoredItem]:
        for row in self._table.rows(where):
            yield StoredItem(row.id, row.text, row.metadata)


def _resolve(item: Any) -> Iterable[ErasureTarget] | None:
    names = {base.__name__ for base in type(item).__mro__}
    if "SQLiteVec" in names and hasattr(item, "_connection") and hasattr(item, "_table"):
        return [SQLiteVecTarget(item._connection, item._table)]
    return None


register_resolver(_resolve)
