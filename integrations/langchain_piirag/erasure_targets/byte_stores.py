"""LangChain's key-value stores of documents as erasure targets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from langchain_core.documents import Document
from langchain_core.stores import BaseStore

from piirag.erasure import Capabilities, ErasureTarget, StoredItem, register_resolver
from piirag.erasure.targets.entries import EntriesTarget, Entry, batches, owners_of
from piirag.errors import ErasureError
from piirag.tenancy import TenantTags

_MEMORY = "the store is in memory only and has no files"
_OUT_OF_REACH = "the files of this store are not within reach"
_PAGE = 200


class KeyValueTarget(EntriesTarget):
    """Deletes a user's entries from a LangChain `BaseStore`.

    A document names its user in its metadata, as `PIIDocumentScrubber` and `TenantVectorStore`
    tag them; anything else by its key: ``"alice:doc-1"``, or ``"alice/doc-1"`` in a
    `LocalFileStore`, whose keys are paths. What names nobody stays, and is counted in the receipt.

    Args:
        store: `InMemoryStore`, `InMemoryByteStore`, `LocalFileStore`, `RedisStore`, any other. Of
            one that encodes its keys and values (`create_kv_docstore`), the store within is read:
            the outer one lists keys under which it finds nothing.
        tags: How entries name their user; metadata key ``user_id`` if None.
        clear_unattributed: See `EntriesTarget`.
    """

    kind = "key-value store"
    vectorless = True

    def __init__(
        self,
        store: BaseStore[str, Any],
        tags: TenantTags | None = None,
        *,
        clear_unattributed: bool = False,
    ) -> None:
        self._store, self._decode, self._encode = coded(store)
        self._root = folder_of(self._store)
        super().__init__(
            f"{self.kind}:{type(self._store).__name__}",
            str(self._root) if self._root is not None else id(self._store),
            tags,
            clear_unattributed=clear_unattributed,
        )
        memory = isinstance(getattr(self._store, "store", None), dict)
        local = self._root is not None
        self.capabilities = Capabilities(
            reclaim=local,
            scan=local,
            why_not="" if local else _MEMORY if memory else _OUT_OF_REACH,
            delete_by="ids",
            export=True,
        )

    def entries(self) -> Iterator[Entry]:
        """Every entry, page by page."""
        # Listed first: dictionaries and folders must not change while they are walked. And listed
        # without a prefix, which some stores take for a folder and some for a pattern.
        for keys in batches(list(self._store.yield_keys()), _PAGE):
            values = self._store.mget(keys)
            for key, value in zip(keys, values, strict=True):
                if value is not None:
                    text, metadata = self._read(value)
                    owners = owners_of(key, metadata, self.tags)
                    yield Entry(key, owners, StoredItem(key, text, metadata))

    def remove(self, entries: Sequence[Entry]) -> None:
        """Delete entries, and the folders that they leave empty: their names tell whose."""
        self._store.mdelete([entry.key for entry in entries])
        if self._root is not None:
            for entry in entries:
                remove_empty_folders(self._root, (self._root / entry.key).parent)

    def replace_items(
        self, items: Sequence[StoredItem], vectors: Sequence[Sequence[float]] | None = None
    ) -> None:
        """Put other text and metadata into documents, other text into texts.

        Raises:
            ErasureError: An entry is neither a document nor a text; nothing was changed.
        """
        new = {item.id: item for item in items}
        keys = list(new)
        found = zip(keys, self._store.mget(keys), strict=True) if keys else ()
        changed = [(key, self._renewed(v, new[key])) for key, v in found if v is not None]
        for batch in batches(changed, _PAGE):
            self._store.mset(batch)

    def _renewed(self, value: Any, item: StoredItem) -> Any:
        old = self._decoded(value)
        if isinstance(old, Document) and (isinstance(value, Document) or self._encode is not None):
            metadata = dict(item.metadata)
            if self.tags.key not in old.metadata:
                # `all_items` put it there.
                metadata.pop(self.tags.key, None)
            new = old.model_copy(update={"page_content": item.text or "", "metadata": metadata})
            return new if isinstance(value, Document) or self._encode is None else self._encode(new)
        if isinstance(value, bytes) and value == value.decode("utf-8", "replace").encode():
            return (item.text or "").encode()
        if isinstance(value, str):
            return item.text or ""
        raise ErasureError("an entry of this store is neither a document nor a text")

    def files(self) -> list[Path]:
        """The folder of a `LocalFileStore`."""
        return [self._root] if self._root is not None and self._root.exists() else []

    def reclaim(self, user_id: str) -> None:
        """Nothing is left to do: each entry was a file of its own, and is deleted."""
        if self._root is None:
            raise NotImplementedError

    def _read(self, value: Any) -> tuple[str | None, Mapping[str, Any]]:
        """Text and metadata of a value: a document, as an object or as JSON, or anything."""
        value = self._decoded(value)
        if isinstance(value, Document):
            return value.page_content, value.metadata
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        if isinstance(value, str):
            return value, _metadata_in(value)
        if isinstance(value, Mapping):
            inner = value.get("metadata")
            return str(value), inner if isinstance(inner, Mapping) else value
        return str(value), {}

    def _decoded(self, value: Any) -> Any:
        if isinstance(value, bytes) and self._decode is not None:
            with suppress(Exception):  # written by something else
                return self._decode(value)
        return value


def coded(store: Any) -> tuple[Any, Any, Any]:
    """The store that holds the bytes, and what decodes and encodes the values in it."""
    decode = encode = None
    for _ in range(8):
        within = getattr(store, "store", None)
        if not isinstance(within, BaseStore):
            break
        decode = decode or getattr(store, "value_deserializer", None)
        encode = encode or getattr(store, "value_serializer", None)
        store = within
    return store, decode, encode


def folder_of(store: Any) -> Path | None:
    """The folder of a store that keeps each entry in a file."""
    root = getattr(store, "root_path", None)
    return root if isinstance(root, Path) else None


def remove_empty_folders(root: Path, folder: Path) -> None:
    """Remove a folder below a root, and those above it, as far as they are empty."""
    while folder != root and root in folder.parents:
        try:
            folder.rmdir()
        except OSError:
            return  # not empty, or gone already
        folder = folder.parent


def _metadata_in(text: str) -> Mapping[str, Any]:
    """The metadata of a document that was written as JSON; empty for any other text."""
    if not text.startswith("{"):
        return {}
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    fields = data.get("kwargs", data)
    metadata = fields.get("metadata") if isinstance(fields, dict) else None
    return metadata if isinstance(metadata, dict) else {}


def _resolve(item: Any) -> Iterable[ErasureTarget] | None:
    return [KeyValueTarget(item)] if isinstance(item, BaseStore) else None


register_resolver(_resolve)
