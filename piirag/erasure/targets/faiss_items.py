"""What LangChain and LlamaIndex keep beside a FAISS index, brought to one shape."""

from __future__ import annotations

import hashlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from itertools import starmap
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from piirag.erasure.target import StoredItem
from piirag.erasure.targets.faiss_files import read_docstore, read_pickle
from piirag.erasure.targets.faiss_index import ids_of, is_map, vectors_at, without
from piirag.erasure.targets.llama_nodes import forget_in_record, node_item, put_node, renewed
from piirag.errors import ErasureError, InvalidInputError, UnsupportedStoreError
from piirag.tenancy.binding import SEPARATOR

_locks: WeakKeyDictionary[Any, threading.RLock] = WeakKeyDictionary()
_metadata: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()
_VECTORS = "default__vector_store.json"
_DOCSTORE = "docstore.json"
_IDS = ("document_id", "doc_id", "ref_doc_id")

Parts = tuple[str, str | None, Mapping[str, Any]]
"""Id, text and metadata."""


def lock_of(holder: Any) -> threading.RLock:
    """The lock of a store: neither FAISS nor the tables beside it may change during a search."""
    return _locks.setdefault(holder, threading.RLock())


def metadata_of(docstore: Any) -> dict[str, Any]:
    """Id -> metadata, which a reader may keep beside a docstore; deletions take it along."""
    return _metadata.setdefault(docstore, {})


def bears(key: str, tag: str, id: str, text: str | None, metadata: Mapping[str, Any]) -> bool:
    """Whether an item bears a tag: under a metadata key, or, of a vector whose node is gone,
    before its id."""
    found = metadata.get(key)
    if found is None and text is None:
        return id.startswith(tag + SEPARATOR)
    return bool(found == tag)


class FaissItems(ABC):
    """The items of a store, each with a place in its index."""

    lock: threading.RLock

    @property
    @abstractmethod
    def index(self) -> Any:
        """The FAISS index."""

    @abstractmethod
    def all(self) -> Iterator[StoredItem]:
        """Every item."""

    def parts(self) -> Iterator[Parts]:
        """Every item in its parts, for whoever looks at all of them and keeps few."""
        return ((item.id, item.text, item.metadata) for item in self.all())

    def tagged(self, key: str, tag: str) -> list[str]:
        """The ids of items that bear a tag."""
        return [parts[0] for parts in self.parts() if bears(key, tag, *parts)]

    @abstractmethod
    def places(self, ids: Sequence[str]) -> dict[str, int]:
        """Id -> place in the index; ids that have none are left out."""

    @abstractmethod
    def remove(self, ids: Sequence[str]) -> None:
        """Delete by id; ids that are not there are passed over."""

    def replace(
        self, items: Sequence[StoredItem], vectors: Mapping[str, Sequence[float]], kept: str
    ) -> None:
        """Put other texts and metadata, and some vectors, in place of items that are there.

        Args:
            items: Ids, new texts and metadata.
            vectors: Id -> new vector, for some of them.
            kept: The metadata key of users' tags.

        Raises:
            InvalidInputError: A vector of another length than those of the index; nothing was
                changed.
        """
        if {len(vector) for vector in vectors.values()} - {self.index.d}:
            raise InvalidInputError("a vector of another length than those of the index")
        with self.lock:
            self.put(items, kept)
            there = [id for id in self.places(list(vectors)) if id in vectors]
            if there:
                self.put_vectors({id: vectors[id] for id in there})

    @abstractmethod
    def put(self, items: Sequence[StoredItem], kept: str) -> None:
        """Put other texts and metadata in place of items that are there."""

    @abstractmethod
    def put_vectors(self, vectors: Mapping[str, Sequence[float]]) -> None:
        """Put other vectors in place of those of items that have one."""

    @abstractmethod
    def write(self, folder: Path) -> None:
        """Save to a folder."""

    @abstractmethod
    def saved(self, folder: Path) -> list[StoredItem]:
        """What was saved to a folder."""

    def vectors(self, ids: Sequence[str]) -> Any:
        """Vectors of items, in the order of places."""
        with self.lock:
            return vectors_at(self.index, sorted(self.places(ids).values()))

    def tidy(self) -> None:  # noqa: B027 - only one of them can have any
        """Remove vectors that no item belongs to."""

    def forget(self, ids: Sequence[str], kept: str) -> None:  # noqa: B027 - as above
        """Take the metadata of items that are deleted next out of what is kept about others."""


class LangChainItems(FaissItems):
    """LangChain's `FAISS`: a docstore, and a table from place to id.

    Args:
        store: The wrapper.
        name: The name of its files.

    Raises:
        UnsupportedStoreError: Index and table do not fit.
    """

    def __init__(self, store: Any, name: str = "index") -> None:
        self._store = store
        self._name = name
        self.lock = lock_of(store)
        table = store.index_to_docstore_id
        if store.index.ntotal != len(table) or (table and max(table) != len(table) - 1):
            raise UnsupportedStoreError(
                "the index and the docstore of this FAISS store do not belong together; if saving "
                "it was interrupted, make its FaissTarget with folder=... and load it again"
            )

    @property
    def index(self) -> Any:
        """The FAISS index."""
        return self._store.index

    def all(self) -> Iterator[StoredItem]:
        """Every document, and those that a deletion was interrupted before."""
        return starmap(StoredItem, self.parts())

    def parts(self) -> Iterator[Parts]:
        """Every document in its parts: making items takes longer than a deletion."""
        more = list(getattr(self._store.docstore, "_dict", ()))
        search = self._store.docstore.search
        for id in dict.fromkeys([*self._store.index_to_docstore_id.values(), *more]):
            found = search(id)
            text = getattr(found, "page_content", None)
            yield str(id), text, getattr(found, "metadata", None) or {}

    def tagged(self, key: str, tag: str) -> list[str]:
        """The ids of documents that bear a tag; of LangChain's own docstore without searching it
        for each, which takes longer than the deletion."""
        held = getattr(self._store.docstore, "_dict", None)
        if type(held) is not dict:
            return super().tagged(key, tag)
        try:
            own = [str(id) for id, found in held.items() if found.metadata.get(key) == tag]
        except AttributeError:  # something that is no document
            return super().tagged(key, tag)
        lost = set(self._store.index_to_docstore_id.values()).difference(held)
        return [*own, *(str(id) for id in lost if bears(key, tag, str(id), None, {}))]

    def places(self, ids: Sequence[str]) -> dict[str, int]:
        """Id -> place in the index."""
        wanted = set(ids)
        table = self._store.index_to_docstore_id
        return {id: place for place, id in table.items() if id in wanted}

    def remove(self, ids: Sequence[str]) -> None:
        """Delete documents, their vectors first: what is left of a crash is found again."""
        wanted = set(ids)
        with self.lock:
            table = self._store.index_to_docstore_id
            gone = [place for place, id in table.items() if id in wanted]
            self._drop(gone)
            # The docstore says in words that it has none.
            docstore = self._store.docstore
            there = [id for id in dict.fromkeys(ids) if not isinstance(docstore.search(id), str)]
            if there:
                docstore.delete(there)

    def put(self, items: Sequence[StoredItem], kept: str) -> None:
        """Put other texts and metadata in place of documents; others keep the old object."""
        docstore = self._store.docstore
        new: dict[str, Any] = {}
        for item in items:
            found = docstore.search(item.id)
            if hasattr(found, "page_content"):
                fields = {"page_content": item.text or "", "metadata": dict(item.metadata)}
                new[item.id] = found.model_copy(update=fields)
        if new:
            docstore.delete(list(new))
            docstore.add(new)

    def put_vectors(self, vectors: Mapping[str, Sequence[float]]) -> None:
        """Put other vectors in place of those of documents; they get the last places."""
        import numpy as np

        new = np.array(list(vectors.values()), dtype=np.float32)
        if getattr(self._store, "_normalize_L2", False):
            import faiss

            faiss.normalize_L2(new)
        self._drop([p for p, id in self._store.index_to_docstore_id.items() if id in vectors])
        table = self._store.index_to_docstore_id
        self._store.index.add(new)
        table.update(enumerate(vectors, len(table)))

    def _drop(self, places: Sequence[int]) -> None:
        """Remove vectors, and move up what stands behind them in the table."""
        if places:
            gone = set(places)
            table = self._store.index_to_docstore_id
            self._store.index = without(self._store.index, places)
            stay = [id for place, id in sorted(table.items()) if place not in gone]
            self._store.index_to_docstore_id = dict(enumerate(stay))

    def write(self, folder: Path) -> None:
        """Save to a folder."""
        self._store.save_local(str(folder), self._name)

    def saved(self, folder: Path) -> list[StoredItem]:
        """What was saved to a folder."""
        path = folder / f"{self._name}.pkl"
        return read_pickle(path) if path.exists() else []


class LlamaIndexItems(FaissItems):
    """LlamaIndex's FAISS stores, over an `IndexIDMap`; texts and metadata are in a docstore.

    `FaissMapVectorStore` has tables from ids of nodes to ids of vectors. `FaissVectorStore` has
    none: there the id of a vector is a hash of its node's.

    Args:
        store: The wrapper.
        docstore: The docstore.

    Raises:
        UnsupportedStoreError: An index without ids of its own that is not empty: LlamaIndex names
            vectors by their place there, which a deletion would change.
    """

    def __init__(self, store: Any, docstore: Any) -> None:
        self._store = store
        self._docstore = docstore
        self.lock = lock_of(docstore)
        if not is_map(store.client):
            if store.client.ntotal:
                raise UnsupportedStoreError(
                    "LlamaIndex's FaissVectorStore cannot delete what it wrote; use "
                    "FaissMapVectorStore over an IndexIDMap2, or begin with an empty index"
                )
            import faiss

            # Keeps its data where the given index has it.
            store._faiss_index = faiss.IndexIDMap2(store.client)

    @property
    def index(self) -> Any:
        """The FAISS index."""
        return self._store.client

    @property
    def _tables(self) -> tuple[dict[str, int], dict[int, str]] | None:
        forth = getattr(self._store, "_node_id_to_faiss_id_map", None)
        return None if forth is None else (forth, self._store._faiss_id_to_node_id_map)

    def vector_id(self, id: str) -> int:
        """The id of a node's vector, whether it is there or not."""
        if self._tables is not None and id in self._tables[0]:
            return int(self._tables[0][id])
        return int.from_bytes(hashlib.sha256(id.encode("utf-8", "surrogatepass")).digest()[:8]) >> 1

    def add(self, ids: Sequence[str], vectors: Any) -> None:
        """Add vectors of nodes that are not there.

        Raises:
            ErasureError: The id of a vector is taken; nothing was added.
        """
        import numpy as np

        numbers = [self.vector_id(id) for id in ids]
        taken = set(ids_of(self.index).tolist()).intersection(numbers)
        if taken or len(set(numbers)) != len(numbers):
            raise ErasureError("the id of a vector is taken by another node")
        self.index.add_with_ids(vectors, np.asarray(numbers, dtype=np.int64))
        if self._tables is not None:
            self._tables[0].update(zip(ids, numbers, strict=True))
            self._tables[1].update(zip(numbers, ids, strict=True))

    def all(self) -> Iterator[StoredItem]:
        """Every node, and every vector without one whose node's id is known."""
        nodes = self._docstore.docs
        for id, node in nodes.items():
            yield node_item(id, getattr(node, "text", None), node)
        for id in list(self._tables[0]) if self._tables is not None else ():
            if id not in nodes:
                yield StoredItem(id, None, {})

    def places(self, ids: Sequence[str]) -> dict[str, int]:
        """Id -> place in the index."""
        by_number = {number: place for place, number in enumerate(ids_of(self.index).tolist())}
        found = {id: by_number.get(self.vector_id(id)) for id in ids}
        return {id: place for id, place in found.items() if place is not None}

    def remove(self, ids: Sequence[str]) -> None:
        """Delete nodes, their vectors first: what is left of a crash is found again."""
        with self.lock:
            gone = list(self.places(ids).values())
            if gone:
                self._store._faiss_index = without(self.index, gone)
            for id in ids:
                if self._tables is not None and id in self._tables[0]:
                    self._tables[1].pop(self._tables[0].pop(id), None)
                self._docstore.delete_document(id, raise_error=False)
                metadata_of(self._docstore).pop(id, None)

    def put(self, items: Sequence[StoredItem], kept: str) -> None:
        """Put other texts and metadata in place of nodes."""
        beside = metadata_of(self._docstore)
        for item in items:
            node = self._docstore.get_document(item.id, raise_error=False)
            if node is None:
                continue
            new = renewed(node, getattr(node, "text", None), item)
            put_node(self._docstore, new)
            forget_in_record(self._docstore, node, new.metadata, kept)
            if item.id in beside:
                ids = {key: beside[item.id][key] for key in _IDS if key in beside[item.id]}
                beside[item.id] = {**new.metadata, **ids}

    def put_vectors(self, vectors: Mapping[str, Sequence[float]]) -> None:
        """Put other vectors in place of those of nodes."""
        import numpy as np

        self._store._faiss_index = without(self.index, list(self.places(list(vectors)).values()))
        self.add(list(vectors), np.array(list(vectors.values()), dtype=np.float32))

    def forget(self, ids: Sequence[str], kept: str) -> None:
        """Take the metadata of nodes out of the record of their document."""
        with self.lock:
            for id in ids:
                node = self._docstore.get_document(id, raise_error=False)
                if node is not None:
                    forget_in_record(self._docstore, node, {}, kept)

    def tidy(self) -> None:
        """Remove vectors that no node belongs to."""
        with self.lock:
            known = {self.vector_id(item.id) for item in self.all()}
            numbers = ids_of(self.index).tolist()
            gone = [place for place, number in enumerate(numbers) if number not in known]
            if gone:
                self._store._faiss_index = without(self.index, gone)

    def write(self, folder: Path) -> None:
        """Save to a folder, as `StorageContext.persist` does."""
        self._store.persist(str(folder / _VECTORS))
        self._docstore.persist(str(folder / _DOCSTORE))

    def saved(self, folder: Path) -> list[StoredItem]:
        """What was saved to a folder."""
        path = folder / _DOCSTORE
        return read_docstore(path) if path.exists() else []
