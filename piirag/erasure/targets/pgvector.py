"""Tables of vectors in Postgres as erasure targets, whichever framework made them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from piirag.erasure.residue import held_in
from piirag.erasure.target import Capabilities, ErasureTarget, StoredItem, register_resolver
from piirag.erasure.targets import pgvector_files
from piirag.erasure.targets.base import StoreTarget, float32, held_by
from piirag.erasure.targets.pgvector_table import Found, PGTable
from piirag.erasure.targets.pgvector_wrappers import table_of
from piirag.erasure.targets.pgvector_write import change
from piirag.errors import StoreError
from piirag.tenancy.languages.pgvector_sql import Sql
from piirag.tenancy.tags import TenantTags

_PAGE = 1000
_LARGEST_SCAN = 1024**3
_KEEPS = (
    "Postgres keeps the bytes of deleted rows in the table's files until VACUUM FULL; the "
    "write-ahead log, its archives, replicas, base backups and the file system keep what was "
    "written, and no program here reaches them"
)
_COMPRESSED = "texts that Postgres compressed are not found by searching its files"
_NOT_SCANNED = (
    "the files were not searched: that needs pg_read_server_files, and at most 1 GiB of them"
)
_NOT_OWNED = (
    "the planner's statistics keep samples of deleted rows, and anybody who may read the table may "
    "read them, until its owner runs ANALYZE; this role is not the owner"
)
_STATISTICS = (
    "the files of pg_statistic may keep samples of the columns: only a superuser or the owner of "
    "the database can rewrite them"
)


class PGVectorTarget(StoreTarget):
    """Deletes a user's rows from a table in Postgres by the tag they bear.

    A plain delete leaves texts, metadata and vectors in the files of the table, of its indexes
    and of the planner's statistics; `reclaim` rewrites them, and the table is locked meanwhile.

    Args:
        table: The table, or LangChain's or LlamaIndex's wrapper around one.
        tags: How rows name their user. See `StoreTarget`.
        scan: Whether to search the table's files for what was deleted. If None, where the role
            may read them and they have at most 1 GiB.

    Raises:
        ConfigurationError: No table that is known.
        UnsupportedStoreError: A wrapper that cannot be used here.
    """

    kind = "pgvector"

    def __init__(
        self, table: Any, tags: TenantTags | None = None, *, scan: bool | None = None
    ) -> None:
        self._table: PGTable = table if isinstance(table, PGTable) else table_of(table)
        self._scan = scan
        self._capabilities: Capabilities | None = None
        super().__init__(f"pgvector:{self._table.name}", self._table.identity, tags)

    @property
    def capabilities(self) -> Capabilities:
        """What can be done; asked of the database once, when it is wanted."""
        if self._capabilities is None:
            try:
                self._capabilities = self._asked()
            except StoreError:
                # The receipt says what failed: counting will.
                return Capabilities(reclaim=True, why_not=_KEEPS, export=True)
        return self._capabilities

    @capabilities.setter
    def capabilities(self, given: Capabilities) -> None:
        self._capabilities = given

    def _asked(self) -> Capabilities:
        runner, table = self._table.runner, self._table.sql
        scan = self._scan is not False and pgvector_files.may_read_files(runner)
        if self._scan is None and scan:
            scan = pgvector_files.size(runner, table) <= _LARGEST_SCAN
        notes = [_KEEPS, _COMPRESSED if scan else _NOT_SCANNED]
        if not pgvector_files.owns_table(runner, table):
            notes.append(_NOT_OWNED)
        if not pgvector_files.owns_database(runner):
            notes.append(_STATISTICS)
        return Capabilities(reclaim=True, scan=scan, why_not="; ".join(notes), export=True)

    def _mine(self, user_id: str) -> Sql:
        language = self._table.language
        return language.translate({self.tags.key: {"$eq": self.tags.tag(user_id)}})

    def count(self, user_id: str) -> int:
        """How many rows of the user are there now."""
        return self.checked_guess(self._table.count(self._mine(user_id)))

    def items(self, user_id: str) -> Iterator[StoredItem]:
        """Every row of the user."""
        return map(_item, self._table.pages(self._mine(user_id)))

    def all_items(self) -> Iterator[StoredItem]:
        """Every row."""
        return map(_item, self._table.pages(None))

    def delete(self, user_id: str) -> None:
        """Delete every row of the user at once, and refresh the planner's statistics, which hold
        samples of rows and are read with SQL."""
        table = self._table
        clean = table.delete(self._mine(user_id), pgvector_files.never_sampled(table.sql))
        if clean != [(True,)]:
            pgvector_files.analyze(table.runner, table.sql)

    def delete_items(self, ids: Sequence[str]) -> None:
        """Delete rows by id, and refresh the planner's statistics."""
        there = self._table.possible(ids)
        for start in range(0, len(there), _PAGE):
            self._table.delete(self._table.ids(there[start : start + _PAGE]))
        if there:
            pgvector_files.analyze(self._table.runner, self._table.sql)

    def index_expiry(self, key: str = "expires_at") -> None:
        """Create the index with which rows that are over are found without reading the table.

        Raises:
            UnsupportedStoreError: Metadata are not in a column of type jsonb.
        """
        self._table.index_until(key)

    def count_until(self, key: str, moment: float) -> int:
        """How many rows have a number under a metadata key that is at most this."""
        return self._table.count(self._table.until(key, moment, self.tags.key))

    def count_without(self, key: str) -> int:
        """How many rows that name a user have no number under a metadata key."""
        return self._table.count(self._table.without(key, self.tags.key))

    def delete_until(self, key: str, moment: float) -> int:
        """Delete the rows with a number under a metadata key that is at most this, and refresh
        the planner's statistics where there were some."""
        gone = self._table.delete_counted(self._table.until(key, moment, self.tags.key))
        if gone:
            pgvector_files.analyze(self._table.runner, self._table.sql)
        return gone

    def replace_items(
        self, items: Sequence[StoredItem], vectors: Sequence[Sequence[float]] | None = None
    ) -> None:
        """Put other text and metadata into rows that are there, and refresh the statistics.

        Raises:
            InvalidInputError: Metadata that the table cannot hold.
        """
        new = {item.id: item for item in items}
        vector_of = {} if vectors is None else dict(zip(new, vectors, strict=True))
        there = self._table.possible(list(new))
        for start in range(0, len(there), _PAGE):
            part = [new[id] for id in there[start : start + _PAGE]]
            rows = [
                self._table.row(item.id, item.text or "", item.metadata, vector_of.get(item.id))
                for item in part
            ]
            change(self._table, rows)
        if there:
            pgvector_files.analyze(self._table.runner, self._table.sql)

    def vectors(self, user_id: str) -> Iterable[Sequence[float]]:
        """The vectors of the user's rows."""
        found = self._table.pages(self._mine(user_id), vectors=True)
        return (row.vector for row in found if row.vector is not None)

    def _still_used(self, suspects: set[bytes]) -> set[bytes]:
        """Texts, metadata and vectors that other rows have too, of other collections as well:
        all are in the same files, and finding them proves nothing."""
        vectors: set[bytes] = set()

        def texts() -> Iterator[bytes]:
            for row in self._table.pages(None, vectors=True, whole=True):
                if row.vector is not None:
                    vectors.add(float32(row.vector))
                yield held_by(_item(row))

        return held_in(suspects, texts()) | (suspects & vectors)

    def files(self) -> list[Path]:
        """The files of the table and its indexes; the planner's statistics are of all tables, and
        what is in them of another one is not this target's."""
        if not self.capabilities.scan:
            return []
        return pgvector_files.server_files(self._table.runner, self._table.sql)

    def reclaim(self, user_id: str) -> None:
        """Rewrite table, indexes and statistics without deleted rows (`VACUUM FULL`).

        Nobody can use the table for the time this takes: seconds for thousands of rows, about a
        minute for 50,000 with an HNSW index.

        Raises:
            ErasureError: An older transaction may still see the deleted rows, or the role owns
                neither table nor database.
            StoreError: The table could not be locked, or something else failed.
        """
        pgvector_files.rewrite(self._table.runner, self._table.sql)


def _item(row: Found) -> StoredItem:
    return StoredItem(row.id, row.text, row.metadata)


def _resolve(item: Any) -> Iterable[ErasureTarget] | None:
    if isinstance(item, PGTable):
        return [PGVectorTarget(item)]
    table = table_of(item, missing_ok=True)
    return None if table is None else [PGVectorTarget(table)]


register_resolver(_resolve)
