"""One user's part of a Chroma collection: every call is filtered, every result is checked.

LlamaIndex's own `ChromaVectorStore` passes over an id that is there already when it adds, raises
on `delete_nodes(filters=...)`, and returns everything for empty filters (version 0.6.0). So the
native collection is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llama_index.core.indices.query.embedding_utils import get_top_k_mmr_embeddings

from llama_index_piirag.filters import TenantFilters, Where
from piirag.errors import ConfigurationError, InvalidInputError, UserErasedError
from piirag.tenancy import TenantBinding

# SQLite and Chroma bound the number of items a call may name (5,461 in chromadb 1.5.9).
_BATCH = 1000
_PREFETCH = 4.0


@dataclass(frozen=True, repr=False)
class Record:
    """An item of a collection."""

    id: str
    text: str | None
    metadata: Mapping[str, Any] | None
    embedding: Sequence[float] | None = field(default=None)
    distance: float | None = None

    def __repr__(self) -> str:
        return f"Record({len(self.text or '')} characters)"


class TenantCollection:
    """A Chroma collection as one user may see and change it.

    Args:
        collection: A chromadb `Collection`.
        binding: The user.
    """

    def __init__(self, collection: Any, binding: TenantBinding) -> None:
        self._collection = collection
        self._binding = binding
        self.filters = TenantFilters(binding, self.stored_document_ids)

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
        scoped = self._binding.scope_ids([id])
        prefix = self._binding.scoped("")
        bare = id.removeprefix(prefix)
        if bare in {id, ""} or there(scoped):
            return scoped
        return self._binding.scope_ids([bare])

    def _is_there(self, stored_ids: list[str]) -> bool:
        return any(True for _ in self._by_ids(stored_ids, self.filters.where(None)))

    def of_document(self, stored_ids: list[str]) -> Where:
        """The clause for the chunks of a document, given its stored ids."""
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
            for part in _parts(list(by_id)):
                written += part
                self._write(part, by_id)
            if stale:
                self.delete_ids(stale, self.filters.where(None))
        finally:
            # An erasure that began meanwhile may have counted already.
            erased = bool(written) and (epoch is None or self._binding.epoch() != epoch)
            for part in _parts(written if erased else []):
                self._collection.delete(ids=part)
        if erased:
            raise UserErasedError

    def _write(self, ids: list[str], by_id: Mapping[str, Record]) -> None:
        before = {record.id: record.metadata or {} for record in self._there(ids)}
        self._collection.upsert(
            ids=ids,
            embeddings=[_vector(by_id[id]) for id in ids],
            documents=[by_id[id].text or "" for id in ids],
            # Chroma keeps keys that are not named; None removes them.
            metadatas=[
                {**dict.fromkeys(before.get(id, {})), **(by_id[id].metadata or {})} for id in ids
            ],
        )

    def _there(self, ids: list[str]) -> Iterator[Record]:
        return _records(self._collection.get(ids=ids, include=["metadatas"]))

    def delete_ids(self, stored_ids: Sequence[str], where: Where) -> int:
        """Delete the items of a list that fit a clause; return how many there were."""
        found = [record.id for record in self._by_ids(stored_ids, where)]
        for part in _parts(found):
            self._collection.delete(ids=part)
        return len(found)

    def delete_where(self, where: Where) -> int:
        """Delete the items that fit a clause, at once; return how many there were."""
        found = self.count(where)
        if found:
            self._collection.delete(where=where)
        return found

    # Reading

    def count(self, where: Where) -> int:
        """How many items fit a clause."""
        return len(self._collection.get(where=where, include=[])["ids"])

    def get(
        self, where: Where, stored_ids: Sequence[str] | None = None, limit: int | None = None
    ) -> list[Record]:
        """Items that fit a clause, all of them or those of a list."""
        if stored_ids is not None:
            return list(self._by_ids(stored_ids, where))[:limit]
        return list(_records(self._collection.get(where=where, limit=limit)))

    def search(
        self, embedding: Sequence[float], k: int, where: Where, stored_ids: Sequence[str] | None
    ) -> list[Record]:
        """The items nearest to a vector, nearest first."""
        return self._nearest(embedding, k, where, stored_ids, ["documents", "metadatas"])

    def search_mmr(
        self,
        embedding: Sequence[float],
        k: int,
        where: Where,
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
        fetch = int(fixed) if fixed is not None else int(k * (factor or _PREFETCH))
        parts = ["documents", "metadatas", "embeddings"]
        near = self._nearest(embedding, max(k, fetch), where, stored_ids, parts)
        if not near:
            return []
        _, chosen = get_top_k_mmr_embeddings(
            query_embedding=list(embedding),
            embeddings=[_vector(record) for record in near],
            similarity_top_k=k,
            embedding_ids=list(range(len(near))),
            mmr_threshold=threshold,
        )
        return [near[index] for index in chosen]

    def _nearest(
        self,
        embedding: Sequence[float],
        k: int,
        where: Where,
        stored_ids: Sequence[str] | None,
        parts: list[str],
    ) -> list[Record]:
        if type(k) is not int or k < 0:
            raise ConfigurationError("similarity_top_k must be a number of items")
        options: dict[str, Any] = {}
        if stored_ids is not None:
            # Chroma raises on ids that are not there.
            options["ids"] = [record.id for record in self._by_ids(stored_ids, where)]
        if not k or options.get("ids") == []:
            return []
        found = self._collection.query(
            query_embeddings=[list(embedding)],
            n_results=k,
            where=where,
            include=[*parts, "distances"],
            **options,
        )
        first = {
            key: value[0] if value is not None else None
            for key, value in found.items()
            if key in {"ids", "documents", "metadatas", "embeddings", "distances"}
        }
        return list(_records(first))

    def _by_ids(self, stored_ids: Sequence[str], where: Where) -> Iterator[Record]:
        # `get(ids=[])` would return nothing in one version and everything in another.
        for part in _parts(list(dict.fromkeys(stored_ids))):
            yield from _records(self._collection.get(ids=part, where=where))


def _vector(record: Record) -> list[float]:
    # Chroma returns an array, which has no truth value.
    return [] if record.embedding is None else [float(value) for value in record.embedding]


def _parts(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), _BATCH):
        yield ids[start : start + _BATCH]


def _records(found: Mapping[str, Any]) -> Iterator[Record]:
    def column(name: str) -> Any:
        values = found.get(name)
        return values if values is not None else [None] * len(found["ids"])

    columns = [column(name) for name in ("documents", "metadatas", "embeddings", "distances")]
    for id, text, metadata, embedding, distance in zip(found["ids"], *columns, strict=True):
        yield Record(id, text, metadata, embedding, distance)
