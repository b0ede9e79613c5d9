"""Embedding caches as erasure targets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from langchain_core.embeddings import Embeddings
from langchain_core.stores import BaseStore

from langchain_piirag.erasure_targets.byte_stores import (
    KeyValueTarget,
    coded,
    folder_of,
    remove_empty_folders,
)
from piirag.erasure import Capabilities, ErasureTarget, StoredItem, register_resolver
from piirag.erasure.targets.entries import EntriesTarget, Entry, owners_of
from piirag.errors import ConfigurationError
from piirag.tenancy import TenantTags
from piirag.vault.vault import Vault


class EmbeddingCacheTarget(EntriesTarget):
    """Deletes a user's vectors from a store behind LangChain's `CacheBackedEmbeddings`.

    Its keys are hashes of texts, its values bare vectors: neither says whose they are. Give each
    user a namespace of their own, ``namespace=cache_namespace(vault, user_id)``. While there are
    entries outside of such a namespace, an erasure is partial, unless they are cleared.

    Args:
        store: The byte store, or what encodes its keys.
        vault: The vault that made the namespaces.
        clear_unattributed: See `EntriesTarget`. What is cleared is computed again when it is
            asked for.
    """

    kind = "embedding cache"
    refuses = True
    recomputed = True

    def __init__(
        self,
        store: BaseStore[str, Any],
        vault: Vault | None = None,
        *,
        clear_unattributed: bool = False,
    ) -> None:
        if not isinstance(store, BaseStore):
            raise ConfigurationError("an embedding cache is a store, or CacheBackedEmbeddings")
        self._store, _, _ = coded(store)
        self._root = folder_of(self._store)
        super().__init__(
            f"{self.kind}:{type(self._store).__name__}",
            str(self._root) if self._root is not None else id(self._store),
            TenantTags(vault=vault, keyed=vault is not None),
            clear_unattributed=clear_unattributed,
        )
        self._knows = vault is not None
        like = KeyValueTarget(store).capabilities
        self.capabilities = Capabilities(
            reclaim=like.reclaim, scan=like.scan, why_not=like.why_not, delete_by="ids", export=True
        )

    def entries(self) -> Iterator[Entry]:
        """Every entry, without its vector."""
        for key in list(self._store.yield_keys()):
            # A plain prefix may as well be the name of a model: only a keyed one tells.
            owners = owners_of(key, None, self.tags) if self._knows else frozenset[str]()
            yield Entry(key, owners, StoredItem(key, None))

    def remove(self, entries: Sequence[Entry]) -> None:
        """Delete entries, and the folders that they leave empty."""
        self._store.mdelete([entry.key for entry in entries])
        if self._root is not None:
            for entry in entries:
                remove_empty_folders(self._root, (self._root / entry.key).parent)

    def files(self) -> list[Path]:
        """The folder of a `LocalFileStore`."""
        return [self._root] if self._root is not None and self._root.exists() else []

    def reclaim(self, user_id: str) -> None:
        """Nothing is left to do: each entry was a file of its own, and is deleted."""
        if self._root is None:
            raise NotImplementedError


def caches_of(
    embeddings: Any, vault: Vault | None = None, *, clear_unattributed: bool = False
) -> list[EmbeddingCacheTarget]:
    """The targets behind a `CacheBackedEmbeddings`: its caches of documents and questions."""
    stores = [embeddings.document_embedding_store, embeddings.query_embedding_store]
    return [
        EmbeddingCacheTarget(store, vault, clear_unattributed=clear_unattributed)
        for store in stores
        if store is not None
    ]


def _resolve(item: Any) -> Iterable[ErasureTarget] | None:
    if isinstance(item, Embeddings) and hasattr(item, "document_embedding_store"):
        return list(caches_of(item))
    return None


register_resolver(_resolve)
