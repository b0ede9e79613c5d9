"""LlamaIndex index stores as erasure targets: which nodes an index consists of."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from llama_index.core.data_structs.data_structs import KG, IndexGraph, IndexStruct
from llama_index.core.storage.index_store import SimpleIndexStore
from llama_index.core.storage.index_store.types import BaseIndexStore

from llama_index_piirag.erasure_targets.persisted import OfFile, Persisted
from piirag.erasure import ErasureTarget, StoredItem, register_resolver
from piirag.erasure.targets.base import StoreTarget
from piirag.errors import ErasureError
from piirag.tenancy import TenantTags
from piirag.tenancy.binding import SEPARATOR

_NOT_PERSISTED = (
    "the index store was changed in memory; a file it was persisted to names the nodes until it "
    "is persisted again (pass IndexStoreTarget(store, persist_path=...))"
)
_SERVER = "the files of this index store are not within reach"
_NO_IDS = frozenset({"index_id", "summary", "embedding_dict", "rel_map", "context_dict"})


class IndexStoreTarget(OfFile, StoreTarget):
    """Takes the ids of a user's nodes out of the indexes in a LlamaIndex index store.

    Ids tell whose they are by the tag before them, as piirag writes them; an index whose own id
    begins with the tag is deleted whole. A keyword of which no other node is left goes as well.

    A tree or a knowledge graph holds texts that were made of several nodes: one that consists of
    a user's nodes only is deleted; one with others' in it is left alone, and the erasure is
    partial until the application has built it anew. The summaries of a tree are nodes in the
    docstore, and name nobody there.

    Args:
        store: Any LlamaIndex index store.
        tags: How ids name their user.
        persist_path: The file that a `SimpleIndexStore` is persisted to; see `DocstoreTarget`.
    """

    kind = "index store"

    def __init__(
        self,
        store: BaseIndexStore,
        tags: TenantTags | None = None,
        *,
        persist_path: str | Path | None = None,
    ) -> None:
        self._both = Persisted(store, persist_path, SimpleIndexStore.from_persist_path)
        super().__init__(
            f"{self.kind}:{type(store).__name__}", (id(store), str(persist_path or "")), tags
        )
        self.capabilities = self._both.capabilities(SimpleIndexStore, _NOT_PERSISTED, _SERVER)
        self._told = self.capabilities.why_not

    def count(self, user_id: str) -> int:
        """How many ids of the user's nodes stand in indexes, each once per index."""
        found = sum(1 for _ in self.items(user_id))
        nobodys = {id for id in self._all_ids() if SEPARATOR not in id}
        said = f"{len(nobodys)} ids name no user and stay" if nobodys else ""
        note = "; ".join(part for part in (self._told, said) if part)
        self.capabilities = replace(self.capabilities, why_not=note)
        return found

    def items(self, user_id: str) -> Iterator[StoredItem]:
        """Every id of a node of the user, with the kind of index it stands in."""
        tag = self.tags.tag(user_id)
        seen: dict[str, StoredItem] = {}
        for struct in self._structs():
            kind = {"index": struct.get_type().value}
            if struct.index_id.startswith(tag + SEPARATOR):
                seen[struct.index_id] = StoredItem(struct.index_id, None, kind)
            for id in _owned(struct, tag):
                seen[f"{struct.index_id}/{id}"] = StoredItem(f"{struct.index_id}/{id}", None, kind)
        return iter(seen.values())

    def all_items(self) -> Iterator[StoredItem]:
        """Every id of a node of everybody."""
        return (StoredItem(id, None) for id in self._all_ids())

    def delete(self, user_id: str) -> None:
        """Take out the ids of the user's nodes.

        Raises:
            ErasureError: A tree or knowledge graph holds other users' nodes too; it was left
                alone, the others were not.
        """
        tag = self.tags.tag(user_id)
        mixed = False
        with self._both.changed() as stores:
            for store in stores:
                for struct in list(store.index_structs()):
                    mixed = not _erase(store, struct, tag) or mixed
        if mixed:
            raise ErasureError(
                "a tree or knowledge graph was made of several users' nodes; build it anew"
            )

    def _structs(self) -> Iterator[IndexStruct]:
        return (struct for store in self._both.all() for struct in store.index_structs())

    def _all_ids(self) -> set[str]:
        return {id for struct in self._structs() for id in _ids(struct)}


def _erase(store: BaseIndexStore, struct: IndexStruct, tag: str) -> bool:
    """Take a user's ids out of one index; False where that cannot be done."""
    owned = set(_owned(struct, tag))
    if struct.index_id.startswith(tag + SEPARATOR):
        store.delete_index_struct(struct.index_id)
        return True
    if not owned:
        return True
    if isinstance(struct, (IndexGraph, KG)):
        if _leaves(struct) - owned:
            return False
        store.delete_index_struct(struct.index_id)
        return True
    smaller = copy.copy(struct)
    for part in fields(struct):
        if part.name not in {"index_id", "summary"}:
            setattr(smaller, part.name, _without(getattr(struct, part.name), owned))
    store.add_index_struct(smaller)
    return True


def _leaves(struct: IndexGraph | KG) -> set[str]:
    """The nodes that an index was made of; those above them in a tree are summaries."""
    if isinstance(struct, IndexGraph):
        above = {id for id, below in struct.node_id_to_children_ids.items() if below}
        return set(struct.all_nodes.values()) - above
    return _ids(struct)


def _without(value: Any, owned: set[str]) -> Any:
    """A table without some ids, and without what names nothing else any more."""
    if isinstance(value, dict):
        kept = {}
        for key, item in value.items():
            rest = _without(item, owned)
            emptied = isinstance(item, (list, set, dict)) and item and not rest
            if key not in owned and not emptied and not _is_in(item, owned):
                kept[key] = rest
        return kept
    if isinstance(value, (list, set)):
        return type(value)(item for item in value if not _is_in(item, owned))
    return value


def _is_in(item: Any, owned: set[str]) -> bool:
    return isinstance(item, str) and item in owned


def _ids(struct: IndexStruct) -> set[str]:
    """Everything in an index that may be the id of a node or document."""
    found: set[str] = set()
    for part in fields(struct):
        if part.name not in _NO_IDS:
            # The keys of this one are words, those of all others are ids.
            found |= set(_strings(getattr(struct, part.name), keys=part.name != "table"))
    return found


def _strings(value: Any, *, keys: bool) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            if keys and isinstance(key, str):
                yield key
            yield from _strings(item, keys=keys)
    elif isinstance(value, (list, set, tuple)):
        for item in value:
            yield from _strings(item, keys=keys)


def _owned(struct: IndexStruct, tag: str) -> list[str]:
    return sorted(id for id in _ids(struct) if id.startswith(tag + SEPARATOR))


def _resolve(item: Any) -> Iterable[ErasureTarget] | None:
    return [IndexStoreTarget(item)] if isinstance(item, BaseIndexStore) else None


register_resolver(_resolve)
