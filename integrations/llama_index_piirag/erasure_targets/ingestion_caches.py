"""LlamaIndex's ingestion cache as an erasure target."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from llama_index.core.ingestion import IngestionCache
from llama_index.core.schema import MetadataMode
from llama_index.core.storage.kvstore import SimpleKVStore
from llama_index.core.storage.kvstore.types import BaseKVStore

from llama_index_piirag.erasure_targets.persisted import OfFile, Persisted
from piirag.erasure import ErasureTarget, StoredItem, register_resolver
from piirag.erasure.targets.entries import EntriesTarget, Entry, owners_of
from piirag.erasure.targets.llama_nodes import node_item
from piirag.errors import ConfigurationError
from piirag.tenancy import TenantTags

_NOT_PERSISTED = (
    "the cache was changed in memory; a file it was persisted to holds the nodes until it is "
    "persisted again (pass IngestionCacheTarget(cache, persist_path=...))"
)
_SERVER = "the files of this cache are not within reach"


class IngestionCacheTarget(OfFile, EntriesTarget):
    """Deletes the entries of an ingestion cache in which nodes of a user are.

    An entry holds all nodes of one step of a run, and cannot be had in part: one in which others'
    nodes are as well is deleted, and computed again when that run is made again. Nodes name their
    user in their metadata, or before their ids; entries whose nodes do neither make the erasure
    partial, unless they are cleared. An entry without nodes is passed over.

    Args:
        cache: The cache, over any key-value store.
        tags: How nodes name their user; metadata key ``user_id`` if None.
        collections: Further collections that `cache_collection` was given. Those of a
            `SimpleKVStore` are all found. One that is called like the user's tag, or whose name
            begins with it and a colon, is the user's.
        persist_path: The file that a cache over a `SimpleKVStore` is persisted to (in a pipeline's
            folder, ``llama_cache``). It is counted along, and replaced after a deletion.
        clear_unattributed: See `EntriesTarget`.

    Raises:
        ConfigurationError: No cache, or collections that are no list.
    """

    kind = "ingestion cache"
    refuses = True
    recomputed = True

    def __init__(
        self,
        cache: IngestionCache,
        tags: TenantTags | None = None,
        *,
        collections: Sequence[str] = (),
        persist_path: str | Path | None = None,
        clear_unattributed: bool = False,
    ) -> None:
        if not isinstance(cache, IngestionCache):
            raise ConfigurationError("expected an IngestionCache")
        if isinstance(collections, str):
            raise ConfigurationError("collections is a list of names")
        self._cache = cache
        self._names = list(dict.fromkeys([cache.collection, *collections]))
        self._both = Persisted(cache.cache, persist_path, SimpleKVStore.from_persist_path)
        super().__init__(
            f"{self.kind}:{type(cache.cache).__name__}",
            (id(cache.cache), str(persist_path or "")),
            tags,
            clear_unattributed=clear_unattributed,
        )
        self.capabilities = self._both.capabilities(SimpleKVStore, _NOT_PERSISTED, _SERVER)

    def entries(self) -> Iterator[Entry]:
        """Every entry that holds nodes, in memory and in the file; once if it is in both."""
        seen = set()
        for store in self._both.all():
            for collection in self._collections(store):
                for key in store.get_all(collection=collection):
                    if (collection, key) not in seen:
                        seen.add((collection, key))
                        yield from self._entry(store, collection, key)

    def remove(self, entries: Sequence[Entry]) -> None:
        """Delete entries, in memory and in the file."""
        with self._both.changed() as stores:
            for store in stores:
                for collection, key in (entry.key for entry in entries):
                    store.delete(key, collection=collection)
                    _drop_if_empty(store, collection, self._names)

    def delete(self, user_id: str) -> None:
        """See `EntriesTarget.delete`; collections that are called like the user go as well."""
        super().delete(user_id)
        tag = self.tags.tag(user_id)
        stores = self._both.all()
        if any(name == tag for store in stores for name in self._collections(store)):
            with self._both.changed() as changing:
                for store in changing:
                    _drop_if_empty(store, tag, self._names)

    def _entry(self, store: BaseKVStore, collection: str, key: str) -> Iterator[Entry]:
        reader = IngestionCache(cache=store, collection=collection, nodes_key=self._cache.nodes_key)
        nodes = reader.get(key)
        if not nodes:
            return
        named = owners_of(f"{collection}:-", None, self.tags)
        owners: set[str] = set(named if collection not in self._names else ())
        for node in nodes:
            owners |= owners_of(node.id_, dict(node.metadata), self.tags)
        texts = [node.get_content(metadata_mode=MetadataMode.NONE) for node in nodes]
        # Each under a name of its own, so that each can be looked for in files.
        held: dict[str, Any] = {f"text {number}": text for number, text in enumerate(texts)}
        whole = [dict(node_item(node.id_, None, node).metadata) for node in nodes]
        held.update((f"metadata {number}", found) for number, found in enumerate(whole) if found)
        item = StoredItem(f"{collection}/{key}", None, held)
        yield Entry((collection, key), frozenset(owners), item)

    def _collections(self, store: BaseKVStore) -> list[str]:
        found = list(store.to_dict()) if isinstance(store, SimpleKVStore) else []
        return found or self._names


def _drop_if_empty(store: BaseKVStore, collection: str, kept: list[str]) -> None:
    """Forget a collection of a store in memory: its name may be a user's."""
    tables = getattr(store, "_collections_mappings", None)
    if isinstance(tables, dict) and collection not in kept and tables.get(collection) == {}:
        del tables[collection]


def _resolve(item: Any) -> Iterable[ErasureTarget] | None:
    return [IngestionCacheTarget(item)] if isinstance(item, IngestionCache) else None


register_resolver(_resolve)
