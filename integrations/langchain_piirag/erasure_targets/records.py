"""Record managers of LangChain's indexing API as erasure targets, kept in step with the stores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from langchain_core.indexing import RecordManager
from langchain_core.indexing.base import InMemoryRecordManager

from piirag.erasure import Capabilities, ErasureTarget, StoredItem, as_targets, register_resolver
from piirag.erasure.targets.base import StoreTarget
from piirag.erasure.targets.entries import EntriesTarget, Entry, batches, is_keyed, owners_of
from piirag.erasure.targets.sqlite_file import file_of, files_of, reclaim_file
from piirag.errors import ConfigurationError
from piirag.tenancy import TenantTags
from piirag.tenancy.binding import SEPARATOR

_MEMORY = "the records are in memory only and have no files"
_SERVER = "the files of this database are not within reach"


class RecordManagerTarget(EntriesTarget):
    """Deletes a user's records, and those of chunks that are in no store any more.

    `index(...)` skips what the record manager says is there. So a chunk that was erased from the
    store alone would never be indexed again (threat E7), and its record, with the name of its
    source, would stay. A record is the user's if the namespace, the source or the key begins with
    the user's tag (``"alice/docs"``, ``"alice:letter.txt"``), or if the chunk in one of `stores`
    is.

    Args:
        manager: `SQLRecordManager` with a plain engine: then the records of all namespaces in
            its table are searched. `InMemoryRecordManager`, or any other, of which namespace and
            keys are known only.
        tags: How records and chunks name their user; metadata key ``user_id`` if None.
        stores: What the indexing API wrote into: `TenantVectorStore`, vector stores, or anything
            `as_targets` knows. With every deletion, records of this namespace whose chunk is in
            none of them are dropped, whosever they were: then the order of the targets matters
            not, nor when an erasure was interrupted. Their ids are read in full for it.

    Raises:
        ConfigurationError: A store that cannot list what it holds, or an engine that is
            asynchronous.
    """

    kind = "record manager"
    what = "records"

    def __init__(
        self, manager: RecordManager, tags: TenantTags | None = None, *, stores: Sequence[Any] = ()
    ) -> None:
        if not isinstance(manager, RecordManager):
            raise ConfigurationError("expected a record manager of LangChain's")
        if isinstance(stores, str) or not isinstance(stores, Sequence):
            raise ConfigurationError("stores is a list")
        self._manager = manager
        self._engine = getattr(manager, "engine", None)
        if hasattr(self._engine, "sync_engine"):
            raise ConfigurationError(
                "this record manager is asynchronous; pass one over the same database that is not"
            )
        self._path = file_of(self._engine)
        found = [target for store in stores for target in as_targets(store)]
        self._stores = [target for target in found if isinstance(target, StoreTarget)]
        if stores and not self._stores:
            raise ConfigurationError("none of the stores can list what it holds")
        identity = (self._place(), None if self._engine is not None else manager.namespace)
        super().__init__(f"{self.kind}:{type(manager).__name__}", identity, tags)
        local = self._path is not None
        self.capabilities = Capabilities(
            reclaim=local,
            scan=local,
            why_not="" if local else _MEMORY if self._engine is None else _SERVER,
            delete_by="ids",
            export=True,
        )

    def _place(self) -> str | int:
        """Where the records are: targets over the same place are one."""
        if self._engine is None:
            return id(self._manager)
        if self._path is not None:
            return str(self._path.resolve())
        # Each engine over memory has a database of its own.
        sqlite = self._engine.url.get_backend_name() == "sqlite"
        return id(self._engine) if sqlite else str(self._engine.url)

    def count(self, user_id: str) -> int:
        """How many records are the user's by their names, or by their chunks in the stores."""
        tag = self.tags.tag(user_id)
        entries = list(self.entries())
        found = len(self._of(user_id, tag, entries))
        named = {owner for entry in entries for owner in entry.owners}
        self._right = self._right or not all(map(is_keyed, named))
        if self._guessed and not self._right and not self._stores and entries:
            self.checked_guess(found)
        # Whose the others are, the stores can tell; where there is none, nobody can.
        self._say(0 if self._stores else sum(not entry.owners for entry in entries))
        return found

    def items(self, user_id: str) -> Iterator[StoredItem]:
        """Every record of the user."""
        tag = self.tags.tag(user_id)
        return (entry.item for entry in self._of(user_id, tag, self.entries()))

    def delete(self, user_id: str) -> None:
        """Delete the user's records, and those whose chunk is in no store."""
        tag = self.tags.tag(user_id)
        for batch in batches(self._of(user_id, tag, self.entries())):
            self.remove(batch)
        self.reconcile()

    def reconcile(self) -> int:
        """Drop the records of this namespace whose chunk is in no store any more.

        After chunks were deleted without the indexing API, this has them indexed again.

        Returns:
            How many were dropped; 0 where no stores were given.

        Raises:
            Exception: Whatever a store raises that cannot be read; nothing was dropped then.
        """
        if not self._stores:
            return 0
        # Records first: a chunk that is written meanwhile is recorded after it is in the store.
        keys = self._manager.list_keys()
        there: set[str] = set()
        for store in self._stores:
            for item in store.all_items():
                there |= _names(item, self.tags.key)
        lost = [key for key in keys if key not in there]
        for batch in batches(lost):
            self._manager.delete_keys(batch)
        return len(lost)

    def entries(self) -> Iterator[Entry]:
        """Every record within reach."""
        for namespace, key, group in self._rows():
            names = (owners_of(name, None, self.tags) for name in (namespace, group, key))
            owners = next((found for found in names if found), frozenset[str]())
            item = StoredItem(f"{namespace}\n{key}", None, {"source": group} if group else {})
            yield Entry((namespace, key), owners, item)

    def may_be(self, entry: Entry, tag: str) -> bool:
        """Whether a record is the user's by one of its names."""
        names = (entry.key[0], entry.item.metadata.get("source"), entry.key[1])
        return any(
            isinstance(name, str) and (name == tag or name.startswith((f"{tag}:", f"{tag}/")))
            for name in names
        )

    def remove(self, entries: Sequence[Entry]) -> None:
        """Delete records."""
        if self._engine is None:
            self._manager.delete_keys([entry.key[1] for entry in entries])
            return
        from sqlalchemy import text

        statement = text("DELETE FROM upsertion_record WHERE namespace = :namespace AND key = :key")
        with self._engine.begin() as connection:
            rows = [{"namespace": e.key[0], "key": e.key[1]} for e in entries]
            connection.execute(statement, rows)

    def files(self) -> list[Path]:
        """The file of a SQLite database."""
        return files_of(self._path)

    def reclaim(self, user_id: str) -> None:
        """Rewrite the SQLite file without deleted rows."""
        reclaim_file(self._path)

    def _rows(self) -> Iterator[tuple[str, str, str | None]]:
        """Namespace, key and source of every record."""
        if self._engine is not None:
            from sqlalchemy import text

            query = text("SELECT namespace, key, group_id FROM upsertion_record")
            with self._engine.connect() as connection:
                rows = connection.execute(query).fetchall()
            yield from ((str(n), str(k), g) for n, k, g in rows)
        elif isinstance(self._manager, InMemoryRecordManager):
            for key, record in list(self._manager.records.items()):
                yield self._manager.namespace, key, record["group_id"]
        else:
            for key in self._manager.list_keys():
                yield self._manager.namespace, key, None

    def _of(self, user_id: str, tag: str, entries: Iterable[Entry]) -> list[Entry]:
        """Those that are the user's, by their names or by their chunks."""
        chunks = self._chunks_of(user_id)
        own = self._manager.namespace  # what the stores hold says nothing of other namespaces
        return [
            entry
            for entry in entries
            if self.may_be(entry, tag) or (entry.key[0] == own and entry.key[1] in chunks)
        ]

    def _chunks_of(self, user_id: str) -> set[str]:
        """The keys under which the indexing API knows the user's chunks in the stores."""
        found: set[str] = set()
        for store in self._stores:
            for item in store.items(user_id):
                found |= _names(item, self.tags.key)
        return found


def _names(item: StoredItem, key: str) -> set[str]:
    """The ids of a chunk: in the store, and without the tag before it, as a user's view says."""
    tag = item.metadata.get(key)
    prefix = f"{tag}{SEPARATOR}"
    bare = item.id.removeprefix(prefix) if isinstance(tag, str) else item.id
    return {item.id, bare}


def _resolve(item: Any) -> Iterable[ErasureTarget] | None:
    return [RecordManagerTarget(item)] if isinstance(item, RecordManager) else None


register_resolver(_resolve)
