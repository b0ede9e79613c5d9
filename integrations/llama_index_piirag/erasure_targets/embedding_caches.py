"""LlamaIndex's embedding cache as an erasure target."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.storage.kvstore import SimpleKVStore
from llama_index.core.storage.kvstore.types import BaseKVStore

from llama_index_piirag.erasure_targets.persisted import OfFile, Persisted
from piirag.erasure import ErasureTarget, StoredItem, register_resolver
from piirag.erasure.targets.entries import EntriesTarget, Entry
from piirag.errors import ConfigurationError
from piirag.tenancy import TenantTags

_COLLECTION = "embeddings"
_NOT_PERSISTED = (
    "the cache was changed in memory; a file it was persisted to holds texts and vectors until it "
    "is persisted again (pass EmbeddingCacheTarget(cache, persist_path=...))"
)
_SERVER = "the files of this cache are not within reach"


class EmbeddingCacheTarget(OfFile, EntriesTarget):
    """The cache behind ``embeddings_cache`` of a LlamaIndex embedding model.

    Its keys are whole texts, of anybody: while there are any, an erasure is partial, unless they
    are cleared. Where texts must be attributed, give each user a model with a cache of their own
    and pass it as ``user_id``'s.

    Args:
        cache: The key-value store.
        user_id: The only user whose texts are in it; None where there are several.
        persist_path: The file that a `SimpleKVStore` is persisted to.
        clear_unattributed: See `EntriesTarget`. What is cleared is computed again when it is
            asked for.

    Raises:
        ConfigurationError: No key-value store.
        InvalidUserIdError: No usable user id.
    """

    kind = "embedding cache"
    refuses = True
    recomputed = True

    def __init__(
        self,
        cache: BaseKVStore,
        *,
        user_id: str | None = None,
        persist_path: str | Path | None = None,
        clear_unattributed: bool = False,
    ) -> None:
        if not isinstance(cache, BaseKVStore):
            raise ConfigurationError("an embedding cache is a key-value store, or a model with one")
        self._both = Persisted(cache, persist_path, SimpleKVStore.from_persist_path)
        super().__init__(
            f"{self.kind}:{type(cache).__name__}",
            (id(cache), str(persist_path or "")),
            TenantTags(),
            clear_unattributed=clear_unattributed,
        )
        self._owners = frozenset[str]() if user_id is None else frozenset({self.tags.tag(user_id)})
        self.capabilities = self._both.capabilities(SimpleKVStore, _NOT_PERSISTED, _SERVER)

    def entries(self) -> Iterator[Entry]:
        """Every text, without its vector."""
        seen: set[str] = set()
        for store in self._both.all():
            for text in store.get_all(collection=_COLLECTION):
                if text not in seen:
                    seen.add(text)
                    yield Entry(text, self._owners, StoredItem(text, text))

    def remove(self, entries: Sequence[Entry]) -> None:
        """Delete entries, in memory and in the file."""
        with self._both.changed() as stores:
            for store in stores:
                for entry in entries:
                    store.delete(entry.key, collection=_COLLECTION)


def _resolve(item: Any) -> Iterable[ErasureTarget] | None:
    cache = getattr(item, "embeddings_cache", None)
    if isinstance(item, BaseEmbedding) and isinstance(cache, BaseKVStore):
        return [EmbeddingCacheTarget(cache)]
    return None


register_resolver(_resolve)
