"""The frameworks' own stores in memory as erasure targets, and the files they are saved to."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from piirag.erasure.target import Capabilities, ErasureTarget, StoredItem, register_resolver
from piirag.erasure.targets.base import StoreTarget
from piirag.errors import ErasureError
from piirag.tenancy.tags import TenantTags

TEXT_KEY = "_node_text"
"""Where `SimpleNodeStore` keeps a node's text: LlamaIndex's simple store has no place for it."""

_IN_MEMORY = (
    "the store was changed in memory; a file it was saved to holds the items until they are "
    "deleted there too (pass InMemoryTarget(store, persist_path=...))"
)
_SAVED = "the file was replaced; the file system may keep the blocks of the old one"

_Tables = dict[str, Any]


class InMemoryTarget(StoreTarget):
    """Deletes a user's items from LangChain's `InMemoryVectorStore` or LlamaIndex's simple one.

    Args:
        store: The store.
        tags: How items name their user. See `StoreTarget`.
        persist_path: The file that the store is saved to (`dump` or `persist`). It is counted
            along, and after a deletion replaced at once by one without the user's items; what
            else is in it stays.
    """

    kind = "in memory"

    def __init__(
        self,
        store: Any,
        tags: TenantTags | None = None,
        *,
        persist_path: str | Path | None = None,
    ) -> None:
        self._store = store
        self._file = None if persist_path is None else Path(persist_path)
        identity = (id(store), str(self._file or ""))
        super().__init__(f"in memory:{type(store).__name__}", identity, tags)
        saved = self._file is not None
        self.capabilities = Capabilities(
            reclaim=saved,
            scan=saved,
            why_not=_SAVED if saved else _IN_MEMORY,
            delete_by="ids",
            export=True,
        )

    def items(self, user_id: str) -> Iterator[StoredItem]:
        """Every item of the user, in memory and in the file."""
        tag = self.tags.tag(user_id)
        return (item for item in self.all_items() if item.metadata.get(self.tags.key) == tag)

    def all_items(self) -> Iterator[StoredItem]:
        """Every item, in memory and in the file; one that is in both comes once."""
        seen: dict[str, StoredItem] = {}
        for tables in (self._saved(), self._tables()):
            seen.update((item.id, item) for item in _items(tables))
        return iter(list(seen.values()))

    def delete(self, user_id: str) -> None:
        """Delete every item of the user, from the file too."""
        self._delete(self._tables(), user_id)
        saved = self._saved()
        if self._delete(saved, user_id):
            self._save(saved)

    def delete_items(self, ids: Sequence[str]) -> None:
        """Delete items by id, from the file too."""
        self._drop(self._tables(), ids)
        saved = self._saved()
        if self._drop(saved, ids):
            self._save(saved)

    def replace_items(
        self, items: Sequence[StoredItem], vectors: Sequence[Sequence[float]] | None = None
    ) -> None:
        """Put other text and metadata into items that are there, in the file too."""
        new = {item.id: item for item in items}
        vector_of = {} if vectors is None else dict(zip(new, vectors, strict=True))
        _replace(self._tables(), new, vector_of)
        saved = self._saved()
        if _replace(saved, new, vector_of):
            self._save(saved)

    def vectors(self, user_id: str) -> Iterable[Sequence[float]]:
        """The vectors of the user's items."""
        ids = {item.id for item in self.items(user_id)}
        for tables in (self._saved(), self._tables()):
            found = tables.get("embedding_dict")
            if found is None:
                found = {id: item.get("vector") for id, item in tables.items()}
            yield from (vector for id, vector in list(found.items()) if id in ids and vector)

    def files(self) -> list[Path]:
        """The file, if there is one."""
        return [] if self._file is None or not self._file.exists() else [self._file]

    def reclaim(self, user_id: str) -> None:
        """Nothing is left to do: the file was written anew.

        Raises:
            ErasureError: There is no file that could have been.
        """
        if self._file is None:
            raise ErasureError("memory that was freed cannot be overwritten")

    def _tables(self) -> _Tables:
        """What the store consists of: items by id, or LlamaIndex's three tables."""
        data = getattr(self._store, "data", None)
        if data is None:
            own: _Tables = self._store.store
            return own
        return {
            name: getattr(data, name)
            for name in ("embedding_dict", "metadata_dict", "text_id_to_ref_doc_id")
            if getattr(data, name) is not None
        }

    def _saved(self) -> _Tables:
        if self._file is None or not self._file.exists():
            return {}
        saved: Any = None
        # A JSON error keeps the whole of what it read.
        with self._file.open(encoding="utf-8") as file, contextlib.suppress(ValueError):
            saved = json.load(file)
        if not isinstance(saved, dict):
            raise ErasureError("the file that the store is saved to cannot be read")
        return saved

    def _delete(self, tables: _Tables, user_id: str) -> bool:
        tag = self.tags.tag(user_id)
        ids = [item.id for item in _items(tables) if item.metadata.get(self.tags.key) == tag]
        return self._drop(tables, ids)

    @staticmethod
    def _drop(tables: _Tables, ids: Sequence[str]) -> bool:
        """Whether one of them was there."""
        gone = False
        for table in tables.values() if "embedding_dict" in tables else (tables,):
            for id in ids:
                gone = table.pop(id, None) is not None or gone
        return gone

    def _save(self, tables: _Tables) -> None:
        """Write the file anew beside the old one, then replace it: never half a file."""
        path = self._file
        if path is None:
            return
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(tables, file)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, path.stat().st_mode & 0o777)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def _items(tables: _Tables) -> Iterator[StoredItem]:
    if "embedding_dict" in tables:
        for id, metadata in list((tables.get("metadata_dict") or {}).items()):
            yield StoredItem(id, metadata.get(TEXT_KEY), metadata)
        return
    for id, item in list(tables.items()):
        yield StoredItem(id, item.get("text"), item.get("metadata") or {})


def _replace(
    tables: _Tables, new: dict[str, StoredItem], vectors: dict[str, Sequence[float]]
) -> bool:
    """Whether one of them was there."""
    simple = "embedding_dict" in tables
    held: _Tables = (tables.get("metadata_dict") or {}) if simple else tables
    there = [id for id in new if id in held]
    for id in there:
        metadata = dict(new[id].metadata)
        if simple:
            if TEXT_KEY in held[id]:
                metadata[TEXT_KEY] = new[id].text
            held[id] = metadata
            if id in vectors:
                tables["embedding_dict"][id] = list(vectors[id])
        else:
            vector = vectors.get(id, held[id].get("vector"))
            text = new[id].text
            held[id] = {**held[id], "text": text, "metadata": metadata, "vector": vector}
    return bool(there)


def _resolve(item: Any) -> Iterable[ErasureTarget] | None:
    names = {base.__name__ for base in type(item).__mro__}
    langchain = "InMemoryVectorStore" in names and isinstance(getattr(item, "store", None), dict)
    simple = "SimpleVectorStore" in names and hasattr(getattr(item, "data", None), "metadata_dict")
    return [InMemoryTarget(item)] if langchain or simple else None


register_resolver(_resolve)
