"""A LanceDB table as an erasure target, whichever framework wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from piirag.erasure.residue import Hit
from piirag.erasure.target import (
    Capabilities,
    ErasureTarget,
    StoredItem,
    Traces,
    register_resolver,
)
from piirag.erasure.targets.base import StoreTarget
from piirag.erasure.targets.lancedb_table import LanceItems, LanceRow
from piirag.errors import ErasureError
from piirag.tenancy.tags import TenantTags

_PAGE = 1000
_KEEPS = (
    "LanceDB keeps deleted rows in its files, and earlier versions of the table, which can be "
    "opened; so do its backups and the file system"
)
_ELSEWHERE = f"{_KEEPS}; this table is in an object store, whose files are not within reach"
_NO_LANCE = f"{_KEEPS}; to remove them the package pylance is needed (the extra piirag[lancedb])"


class LanceDBTarget(StoreTarget):
    """Deletes a user's rows from a LanceDB table by the tag they bear.

    After a plain delete all of it is still in the files, and in earlier versions of the table
    (measured with lancedb 0.40.0). `reclaim` writes the surviving rows anew and removes every
    earlier version: a process that reads one of those, or is writing at that moment, fails.

    Args:
        source: A `lancedb` table with the columns of the wrappers, or a `LanceItems`.
        tags: How rows name their user. See `StoreTarget`.

    Raises:
        UnsupportedStoreError: A table of another shape, or in LanceDB's cloud.
    """

    kind = "lancedb"

    def __init__(self, source: Any, tags: TenantTags | None = None) -> None:
        if not isinstance(source, LanceItems):
            source = LanceItems(source._conn, source.name)
        self._rows: LanceItems = source
        place = Path(source.uri) / f"{source.name}.lance"
        self._folder = place if "://" not in source.uri else None
        super().__init__(f"lancedb:{source.name}", (source.uri, source.name), tags)
        local = self._folder is not None and find_spec("lance") is not None
        self.capabilities = Capabilities(
            reclaim=local,
            scan=local,
            why_not=_KEEPS if local else _ELSEWHERE if self._folder is None else _NO_LANCE,
            export=True,
        )

    def _where(self, user_id: str) -> str:
        return self._rows.language().compare(self.tags.key, "$eq", self.tags.tag(user_id))

    def count(self, user_id: str) -> int:
        """How many rows of the user are there now."""
        return self.checked_guess(self._rows.count(self._where(user_id)))

    def items(self, user_id: str) -> Iterator[StoredItem]:
        """Every row of the user."""
        return self._items(self._where(user_id))

    def all_items(self) -> Iterator[StoredItem]:
        """Every row of the table."""
        return self._items(None)

    def delete(self, user_id: str) -> None:
        """Delete every row of the user, at once."""
        self._rows.remove(self._where(user_id))

    def delete_items(self, ids: Sequence[str]) -> None:
        """Delete items by id."""
        for start in range(0, len(ids), _PAGE):
            self._rows.remove(self._rows.among_ids(ids[start : start + _PAGE]))

    def replace_items(
        self, items: Sequence[StoredItem], vectors: Sequence[Sequence[float]] | None = None
    ) -> None:
        """Put other text and metadata into items that are there.

        Raises:
            InvalidInputError: Metadata or vectors that the table cannot hold.
        """
        new = {item.id: item for item in items}
        vector_of = {} if vectors is None else dict(zip(new, vectors, strict=True))
        ids = list(new)
        for start in range(0, len(ids), _PAGE):
            self._rows.change(
                [
                    LanceRow(id, new[id].text, new[id].metadata, vector_of.get(id))
                    for id in ids[start : start + _PAGE]
                ]
            )

    def vectors(self, user_id: str) -> Iterable[Sequence[float]]:
        """The vectors of the user's rows."""
        for row in self._rows.rows(self._where(user_id), vectors=True):
            if row.vector is not None:
                yield row.vector

    def files(self) -> list[Path]:
        """The folder of the table, where it is on this machine."""
        return [self._folder] if self._folder is not None and self._folder.is_dir() else []

    def hits(self, traces: Traces) -> list[Hit]:
        """Which traces stand in the files, as plain bytes and in what they unpack to."""
        from piirag.erasure.targets.lancedb_files import unpacked

        packed = [hit for folder in self.files() for hit in unpacked(folder, traces.needles)]
        return super().hits(traces) + packed

    def reclaim(self, user_id: str) -> None:
        """Write the rows that are left anew, and remove all earlier versions and files.

        Raises:
            ErasureError: The files are not within reach, or rows changed meanwhile.
        """
        from piirag.erasure.targets.lancedb_files import reclaim

        if not self.capabilities.reclaim or self._folder is None:
            raise ErasureError("the files of this LanceDB table are not within reach")
        if self._folder.is_dir():
            reclaim(self._folder)

    def _items(self, where: str | None) -> Iterator[StoredItem]:
        for row in self._rows.rows(where):
            yield StoredItem(row.id, row.text, row.metadata)


def lance_items(store: Any) -> LanceItems | None:
    """The table behind LangChain's or LlamaIndex's wrapper; None for anything else."""
    names = {base.__name__ for base in type(store).__mro__}
    if not names & {"LanceDB", "LanceDBVectorStore"} or not hasattr(store, "_connection"):
        return None
    table: Any = getattr(store, "_table", None)
    # A wrapper that was given a table has a connection to somewhere else.
    connection = getattr(table, "_conn", None) or store._connection
    name = table.name if hasattr(table, "name") else store._table_name
    if "LanceDB" in names:
        keys = {"id_key": store._id_key, "vector_key": store._vector_key}
        return LanceItems(connection, name, text_key=store._text_key, **keys)
    return LanceItems(
        connection,
        name,
        text_key=store.text_key,
        vector_key=store.vector_column_name,
        document_key=store.doc_id_key,
    )


def _resolve(item: Any) -> Iterable[ErasureTarget] | None:
    if type(item).__module__.startswith("lancedb.") and hasattr(item, "merge_insert"):
        return [LanceDBTarget(item)]
    found = lance_items(item)
    return None if found is None else [LanceDBTarget(found)]


register_resolver(_resolve)
