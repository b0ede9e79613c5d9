"""One user's part of a vector store: every call is filtered, every result is checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from llama_index.core.indices.query.embedding_utils import get_top_k_mmr_embeddings

from llama_index_piirag.filters import TenantFilters
from llama_index_piirag.node_stores import NodeStore, Record, Search
from piirag.errors import ConfigurationError, InvalidInputError, UserErasedError
from piirag.tenancy import Scope, TenantBinding

__all__ = ["Record", "TenantCollection", "check_count"]

_PREFETCH = 4.0
_MOST = 2**31 - 1


class TenantCollection:
    """A vector store as one user may see and change it.

    Args:
        store: What knows how to talk to the store.
        binding: The user.
    """

    def __init__(self, store: NodeStore, binding: TenantBinding) -> None:
        self.store = store
        self._binding = binding
        self.filters = TenantFilters(binding, self.stored_document_ids, store.where)

    # Ids

    def stored_ids(self, ids: Sequence[str]) -> list[str]:
        """The ids under which items may be stored, given the caller's.

        An id that a pipeline has put the user's tag before already is understood as well; where
        both readings are possible, the one that is there wins.

        Raises:
            InvalidInputError: No list of non-empty strings.
        """
        if isinstance(ids, str) or not isinstance(ids, Sequence):
            raise InvalidInputError("ids must be a list of strings")
        return [stored for id in ids for stored in self._readings(id, self._is_there)]

    def stored_document_ids(self, id: str) -> list[str]:
        """The ids under which chunks may name their document. See `stored_ids`."""
        return self._readings(id, lambda stored: bool(self.count(self.of_document(stored))))

    def _readings(self, id: str, there: Callable[[list[str]], bool]) -> list[str]:
        scoped = self._binding.read_ids([id])
        prefix = self._binding.scoped("")
        bare = id.removeprefix(prefix)
        if bare in {id, ""} or there(scoped):
            return scoped
        return self._binding.scope_ids([bare])

    def _is_there(self, stored_ids: list[str]) -> bool:
        return any(True for _ in self._by_ids(stored_ids, self.filters.where(None)))

    def of_document(self, stored_ids: list[str]) -> Scope:
        """The chunks of a document, given its stored ids."""
        return self.filters.where(None, {"document_id": {"$in": stored_ids}})

    # Writing

    def upsert(self, records: Sequence[Record], stale: Sequence[str] = ()) -> None:
        """Write items; those whose ids are there already are replaced.

        Args:
            records: With ids and tags of this user.
            stale: Ids under which the same items were written before a name in them was known.

        Raises:
            UserErasedError: The user was erased while this was written; nothing of it is left.
        """
        by_id = {record.id: record for record in records}
        epoch = self._binding.epoch()
        written: list[str] = []
        try:
            for part in self._parts(list(by_id)):
                written += part
                self.store.write([by_id[id] for id in part])
            if stale:
                self.delete_ids([id for id in stale if id not in by_id], self.filters.where(None))
        finally:
            # An erasure that began meanwhile may have counted already.
            erased = bool(written) and (epoch is None or self._binding.epoch() != epoch)
            for part in self._parts(written if erased else []):
                self.store.remove(part)
        if erased:
            raise UserErasedError

    def delete_ids(self, stored_ids: Sequence[str], scope: Scope) -> int:
        """Delete the user's own items of a list within a scope; return how many there were."""
        found = [record.id for record in self._by_ids(stored_ids, scope.to_change())]
        for part in self._parts(found):
            self.store.remove(part)
        return len(found)

    def delete_where(self, scope: Scope) -> int:
        """Delete the user's own items within a scope; return how many there were."""
        own = scope.to_change()
        found = self.store.count(own)
        if found:
            self.store.remove_where(own)
        return found

    # Reading

    def count(self, scope: Scope) -> int:
        """How many items are within a scope."""
        return self.store.count(scope)

    def get(
        self, scope: Scope, stored_ids: Sequence[str] | None = None, limit: int | None = None
    ) -> list[Record]:
        """Items within a scope, all of them or those of a list; without those that expired."""
        if stored_ids is not None:
            return [r for r in self._by_ids(stored_ids, scope) if self._is_live(r)][:limit]
        if limit is None:
            return [record for record in self.store.rows(scope) if self._is_live(record)]
        return self._full(limit, lambda n: list(self.store.rows(scope, limit=n)))

    def search(
        self, search: Search, scope: Scope, stored_ids: Sequence[str] | None
    ) -> list[Record]:
        """The items nearest to what is searched for, nearest first.

        In modes that search in texts there may be more of them than `k`, or less.
        """
        if stored_ids is not None:
            search = _with(search, ids=[record.id for record in self._by_ids(stored_ids, scope)])
        if search.ids == []:
            return []
        return self._full(search.k, lambda n: self.store.nearest(_with(search, k=n), scope))

    def search_mmr(
        self,
        search: Search,
        scope: Scope,
        stored_ids: Sequence[str] | None,
        options: Mapping[str, Any],
    ) -> list[Record]:
        """Items near to a vector that differ among themselves (maximal marginal relevance)."""
        threshold = options.get("mmr_threshold")
        factor, fixed = options.get("mmr_prefetch_factor"), options.get("mmr_prefetch_k")
        if threshold is not None and not 0 <= threshold <= 1:
            raise InvalidInputError("mmr_threshold must be between 0 and 1")
        if factor is not None and fixed is not None:
            raise InvalidInputError("give mmr_prefetch_factor or mmr_prefetch_k, not both")
        k = check_count(search.k)
        fetch = int(fixed) if fixed is not None else int(k * (factor or _PREFETCH))
        wide = _with(search, k=min(max(k, fetch), _MOST), mode="default", vectors=True)
        near = self.search(wide, scope, stored_ids)
        if not near:
            return []
        _, chosen = get_top_k_mmr_embeddings(
            query_embedding=list(search.vector),
            embeddings=[list(record.embedding or ()) for record in near],
            similarity_top_k=k,
            embedding_ids=list(range(len(near))),
            mmr_threshold=threshold,
        )
        return [near[index] for index in chosen]

    def _full(self, k: int, fetch: Callable[[int], list[Record]]) -> list[Record]:
        """What is found and has not expired: `k` of it, as long as there is so much.

        A search in texts may find more than it is asked for, by numbers of its own.
        """
        wanted = check_count(k)
        while wanted:
            found = fetch(wanted)
            alive = [record for record in found if self._is_live(record)]
            if len(alive) >= k or len(found) < wanted or wanted == _MOST:
                return alive if wanted == k else alive[:k]
            wanted = min(2 * wanted, _MOST)
        return []

    def _is_live(self, record: Record) -> bool:
        metadata = dict(record.metadata or {})
        self._binding.tags.require(self._binding.readable, metadata)
        return self._binding.is_live(metadata)

    def _by_ids(self, stored_ids: Sequence[str], scope: Scope) -> Iterator[Record]:
        for part in self._parts(list(dict.fromkeys(stored_ids))):
            yield from self.store.rows(scope, part)

    def _parts(self, ids: list[str]) -> Iterator[list[str]]:
        for start in range(0, len(ids), self.store.batch):
            yield ids[start : start + self.store.batch]


def check_count(k: Any, name: str = "similarity_top_k") -> int:
    """Return a number of items to look for.

    Raises:
        ConfigurationError: It is none.
    """
    if type(k) is not int or not 0 <= k <= _MOST:
        raise ConfigurationError(f"{name} must be a number of items")
    return k


def _with(search: Search, **changes: Any) -> Search:
    fields = {name: getattr(search, name) for name in search.__dataclass_fields__}
    return Search(**{**fields, **changes})
