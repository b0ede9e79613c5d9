"""A FAISS store as an erasure target, in memory and in the files it is saved to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from piirag.erasure.target import Capabilities, ErasureTarget, StoredItem, register_resolver
from piirag.erasure.targets.base import StoreTarget
from piirag.erasure.targets.faiss_files import finish, replace_files
from piirag.erasure.targets.faiss_items import (
    FaissItems,
    LangChainItems,
    LlamaIndexItems,
    bears,
)
from piirag.errors import ConfigurationError, ErasureError
from piirag.tenancy.tags import TenantTags

_IN_MEMORY = (
    "the store was changed in memory; files it was saved to hold the items until it is saved again "
    "(pass FaissTarget(store, folder=...))"
)
_SAVED = "the files were replaced; the file system may keep the blocks of the old ones"


class FaissTarget(StoreTarget):
    """Deletes a user's items from LangChain's `FAISS` or LlamaIndex's FAISS stores.

    Args:
        store: The store.
        tags: How items name their user. See `StoreTarget`.
        docstore: Where texts and metadata are, for LlamaIndex's stores, which hold none.
        folder: Where the store is saved (`save_local`, or `StorageContext.persist`). What is there
            is counted along, and after a deletion the files are replaced at once by what is in
            memory. An error where they hold other users' items that the memory does not.
        index_name: The name of LangChain's files.

    Raises:
        ErasureError: Saving to the folder had been interrupted, and was finished; load the store
            again.
        ConfigurationError: A LlamaIndex store without its docstore.
        UnsupportedStoreError: A store whose items cannot be deleted.
    """

    kind = "faiss"

    def __init__(
        self,
        store: Any,
        tags: TenantTags | None = None,
        *,
        docstore: Any = None,
        folder: str | Path | None = None,
        index_name: str = "index",
    ) -> None:
        self._folder = None if folder is None else Path(folder)
        if self._folder is not None and self._folder.is_dir() and finish(self._folder):
            raise ErasureError("saving was interrupted and is finished now; load the store again")
        self._items = _items_of(store, docstore, index_name)
        identity = (id(store), str(self._folder or ""))
        super().__init__(f"faiss:{type(store).__name__}", identity, tags)
        saved = self._folder is not None
        self.capabilities = Capabilities(
            reclaim=saved,
            scan=saved,
            why_not=_SAVED if saved else _IN_MEMORY,
            delete_by="ids",
            export=True,
        )

    def count(self, user_id: str) -> int:
        """How many items of the user are there now, in memory and in the files."""
        if self._folder is not None:
            return super().count(user_id)
        with self._items.lock:
            return self.checked_guess(
                len(self._items.tagged(self.tags.key, self.tags.tag(user_id)))
            )

    def items(self, user_id: str) -> Iterator[StoredItem]:
        """Every item of the user, in memory and in the files."""
        tag = self.tags.tag(user_id)
        return (item for item in self.all_items() if self._is_of(tag, item))

    def all_items(self) -> Iterator[StoredItem]:
        """Every item, in memory and in the files; one that is in both comes once."""
        found = {item.id: item for item in self._saved()}
        with self._items.lock:
            found.update((item.id, item) for item in self._items.all())
        return iter(list(found.values()))

    def delete(self, user_id: str) -> None:
        """Delete every item of the user, from the files too.

        Raises:
            ErasureError: The files hold items that the store in memory does not; they were left.
        """
        tag = self.tags.tag(user_id)
        with self._items.lock:
            ids = self._items.tagged(self.tags.key, tag)
            if ids:
                self._items.remove(ids)
            self._items.tidy()
            self._save(lambda item: self._is_of(tag, item))

    def delete_items(self, ids: Sequence[str]) -> None:
        """Delete items by id, from the files too.

        Raises:
            ErasureError: As in `delete`.
        """
        gone = set(ids)
        with self._items.lock:
            there = [item.id for item in self._items.all() if item.id in gone]
            self._items.forget(there, self.tags.key)
            self._items.remove(there)
            self._save(lambda item: item.id in gone)

    def replace_items(
        self, items: Sequence[StoredItem], vectors: Sequence[Sequence[float]] | None = None
    ) -> None:
        """Put other text and metadata into items that are there, in the files too.

        Raises:
            ErasureError: As in `delete`.
            InvalidInputError: A vector of another length than those of the index; nothing was
                changed.
        """
        new = {item.id: item for item in items}
        vector_of = {} if vectors is None else dict(zip(new, vectors, strict=True))
        with self._items.lock:
            held = {item.id for item in self._items.all()}
            there = [item for id, item in new.items() if id in held]
            moved = {id: vector for id, vector in vector_of.items() if id in held}
            self._items.replace(there, moved, self.tags.key)
            self._save(lambda item: item.id in new, may_go=lambda item: False)

    def vectors(self, user_id: str) -> Iterable[Sequence[float]]:
        """The vectors of the user's items."""
        found: Iterable[Sequence[float]] = self._items.vectors([i.id for i in self.items(user_id)])
        return found

    def files(self) -> list[Path]:
        """The folder, if there is one."""
        return [self._folder] if self._folder is not None and self._folder.is_dir() else []

    def reclaim(self, user_id: str) -> None:
        """Replace the files by what is in memory.

        Raises:
            ErasureError: There is no folder, or its files hold items that the memory does not.
        """
        if self._folder is None:
            raise ErasureError("memory that was freed cannot be overwritten")
        tag = self.tags.tag(user_id)
        with self._items.lock:
            self._save(lambda item: True, may_go=lambda item: self._is_of(tag, item))

    def _is_of(self, tag: str, item: StoredItem) -> bool:
        return bears(self.tags.key, tag, item.id, item.text, item.metadata)

    def _saved(self) -> list[StoredItem]:
        return [] if self._folder is None else self._items.saved(self._folder)

    def _save(
        self,
        changed: Callable[[StoredItem], bool],
        may_go: Callable[[StoredItem], bool] | None = None,
    ) -> None:
        """Replace the files where they hold something that was changed.

        Args:
            changed: Whether an item was.
            may_go: Whether it may be gone from memory; where it was changed if None.
        """
        saved = self._saved()
        if self._folder is None or not any(map(changed, saved)):
            return
        gone = changed if may_go is None else may_go
        held = {parts[0] for parts in self._items.parts()}
        if any(item.id not in held and not gone(item) for item in saved):
            raise ErasureError(
                "the saved files hold items that the store in memory does not; load it again"
            )
        replace_files(self._folder, self._items.write)


def _items_of(store: Any, docstore: Any, index_name: str) -> FaissItems:
    if hasattr(store, "index_to_docstore_id"):
        return LangChainItems(store, index_name)
    if docstore is None:
        raise ConfigurationError(
            "LlamaIndex's FAISS stores hold vectors only; pass the docstore that has the texts"
        )
    return LlamaIndexItems(store, docstore)


def _resolve(item: Any) -> Iterable[ErasureTarget] | None:
    names = {base.__name__ for base in type(item).__mro__}
    if "FAISS" in names and hasattr(item, "index_to_docstore_id"):
        return [FaissTarget(item)]
    if "FaissVectorStore" in names and hasattr(item, "_faiss_index"):
        return [FaissTarget(item)]
    return None


register_resolver(_resolve)
