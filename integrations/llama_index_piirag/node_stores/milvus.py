"""LlamaIndex's `MilvusVectorStore`: Milvus Lite or a server; dense, sparse or full text, hybrid.

It puts values into expressions unescaped, ignores a filter whose value is None, and keeps two items
with one id unless told to replace (version 1.2.0). So the native client is called.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from llama_index_piirag.node_stores.base import NodeStore, Record, Search
from piirag.erasure import ErasureTarget
from piirag.erasure.targets.milvus import MilvusTarget
from piirag.erasure.targets.milvus_schema import STRONG, Layout, layout, pages
from piirag.errors import ConfigurationError, InvalidInputError
from piirag.tenancy import Scope, TenantTags
from piirag.tenancy.languages.milvus import MilvusLanguage, among

# Milvus returns no more.
_MOST = 16_384
_ID_BYTES = 65_535


class MilvusNodeStore(NodeStore):
    """Milvus filters while it searches, so a result is always full."""

    kind = "milvus"
    language = MilvusLanguage()
    expires = True
    modes = frozenset({"default", "sparse", "text_search", "hybrid"})
    flat = False

    _known: Layout | None = None

    @classmethod
    def serves(cls, store: Any) -> bool:
        """Whether this is a Milvus with a client."""
        return super().serves(store) and hasattr(store, "embedding_field")

    @property
    def _client(self) -> Any:
        return self.store.client

    @property
    def name(self) -> str:
        """The name of the collection."""
        return str(self.store.collection_name)

    @property
    def _layout(self) -> Layout:
        """The fields of the collection, which the wrapper has made."""
        if self._known is None:
            self._known = layout(self._client, self.name)
        if self._known is None:
            raise ConfigurationError("the Milvus collection of this store is not there")
        return self._known

    def where(self, scope: Scope) -> str:
        """A scope as an expression."""
        language = self._layout.language(None, self.store.text_key)
        return language.translate(scope.clause(expiry=True))

    def _among(self, scope: Scope, ids: Sequence[str] | None) -> str:
        where = self.where(scope)
        return where if ids is None else f"{where} and {among(self._layout.primary, ids)}"

    # Reading

    def rows(
        self,
        scope: Scope,
        ids: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> Iterator[Record]:
        """Items within a scope. See `NodeStore.rows`."""
        where = self._among(scope, ids)
        if ids is None and (limit is None or limit > _MOST):
            for page in pages(self._client, self.name, where, ["*"]):
                yield from (self._record(row) for row in page)
            return
        options = {} if limit is None else {"limit": limit}
        found = self._client.query(self.name, filter=where, output_fields=["*"], **options)
        yield from (self._record(row) for row in found)

    def nearest(self, search: Search, scope: Scope) -> list[Record]:
        """The nearest items; also by words, or by both. See `NodeStore.nearest`."""
        where, k = self._among(scope, search.ids), min(search.k, _MOST)
        if search.mode == "default":
            if not self.store.enable_dense:
                raise ConfigurationError("this Milvus store has no dense vectors")
            found = self._client.search(
                limit=k, filter=where, **self._options(), **self._dense(search)
            )
            return [self._record(hit) for hit in found[0]]
        if not self.store.enable_sparse:
            raise ConfigurationError("this mode needs a MilvusVectorStore with enable_sparse=True")
        if not search.text:
            raise InvalidInputError("this mode needs a question")
        if search.mode == "hybrid":
            return self._hybrid(search, where, k)
        found = self._client.search(limit=k, filter=where, **self._options(), **self._words(search))
        return [self._record(hit) for hit in found[0]]

    def _options(self) -> dict[str, Any]:
        return {"collection_name": self.name, "output_fields": ["*"]}

    def _dense(self, search: Search) -> dict[str, Any]:
        return {
            "data": [search.vector],
            "anns_field": self.store.embedding_field,
            "search_params": self.store.search_config or {},
        }

    def _words(self, search: Search) -> dict[str, Any]:
        encode = getattr(self.store.sparse_embedding_function, "encode_queries", None)
        return {
            "data": [search.text] if encode is None else encode([search.text]),
            "anns_field": self.store.sparse_embedding_field,
            # The wrapper leaves out a fifth of the words, which Milvus Lite does not know.
            "search_params": {},
        }

    def _hybrid(self, search: Search, where: str, k: int) -> list[Record]:
        """By vector and by words, ranked together as the store is set up."""
        from pymilvus import AnnSearchRequest, RRFRanker, WeightedRanker

        if not search.vector:
            raise InvalidInputError("this mode needs a vector besides the question")
        words = self._words(search)
        full_text = not hasattr(self.store.sparse_embedding_function, "encode_queries")
        requests = [
            AnnSearchRequest(
                data=[search.vector],
                anns_field=self.store.embedding_field,
                param={
                    "metric_type": self.store.similarity_metric,
                    "params": self.store.search_config or {},
                },
                limit=k,
                expr=where,
            ),
            AnnSearchRequest(
                data=words["data"],
                anns_field=words["anns_field"],
                param={"metric_type": "BM25" if full_text else "IP"},
                limit=k,
                expr=where,
            ),
        ]
        given = self.store.hybrid_ranker_params or {}
        if self.store.hybrid_ranker == "WeightedRanker":
            ranker: Any = WeightedRanker(*given.get("weights", (1.0, 1.0)))
        else:
            ranker = RRFRanker(given.get("k", 60))
        found = self._client.hybrid_search(reqs=requests, ranker=ranker, limit=k, **self._options())
        return [self._record(hit) for hit in found[0]]

    def count(self, scope: Scope) -> int:
        """How many items are within a scope."""
        [row] = self._client.query(
            self.name,
            filter=self.where(scope),
            output_fields=["count(*)"],
            consistency_level=STRONG,
        )
        return int(row["count(*)"])

    def _record(self, found: Any) -> Record:
        """A record from a hit of a search or a row of a query."""
        fields = self._layout
        entity = dict(found["entity"]) if "entity" in found else dict(found)
        vector = entity.get(self.store.embedding_field)
        apart = {fields.primary, self.store.text_key, *fields.vectors}
        metadata = {k: v for k, v in entity.items() if k not in apart and v is not None}
        distance = found.get("distance") if "entity" in found else None
        return Record(
            str(found[fields.primary]),
            entity.get(self.store.text_key),
            metadata,
            vector if isinstance(vector, list) else None,
            None if distance is None else float(distance),
        )

    # Writing

    def write(self, records: list[Record]) -> None:
        """Write items; Milvus Lite keeps metadata keys that are not named, so they are named.

        Raises:
            InvalidInputError: Metadata under the name of a field, or an id that is too long.
        """
        fields = self._layout
        taken = {fields.primary, self.store.text_key, *fields.vectors}
        for record in records:
            if len(record.id.encode()) > _ID_BYTES:
                raise InvalidInputError("an id is too long for Milvus")
            for key in record.metadata or {}:
                if key in taken or key.startswith("$"):
                    raise InvalidInputError(f"Milvus uses the metadata key {key!r} itself")
        there = self._client.query(
            self.name,
            filter=among(fields.primary, [record.id for record in records]),
            output_fields=["*"],
        )
        old = {row[fields.primary]: dict(row) for row in there}
        kept = {*taken, *fields.scalars, *fields.json}
        self._client.upsert(
            self.name,
            [
                {
                    **dict.fromkeys(key for key in old.get(record.id, ()) if key not in kept),
                    **self._row(record),
                }
                for record in records
            ],
        )

    def _row(self, record: Record) -> dict[str, Any]:
        text = record.text or ""
        row = {
            self.store.doc_id_field: "None",
            **(record.metadata or {}),
            self._layout.primary: record.id,
            self.store.text_key: text,
        }
        if self.store.enable_dense:
            row[self.store.embedding_field] = list(record.embedding or ())
        encode = getattr(self.store.sparse_embedding_function, "encode_documents", None)
        if self.store.enable_sparse and encode is not None:
            row[self.store.sparse_embedding_field] = encode([text])[0]
        return row

    def remove(self, ids: list[str]) -> None:
        """Delete by id. See `NodeStore.remove`."""
        self._client.delete(self.name, filter=among(self._layout.primary, ids))

    def remove_where(self, scope: Scope) -> None:
        """Delete what is within a scope, at once."""
        self._client.delete(self.name, filter=self.where(scope))

    def target(self, tags: TenantTags) -> ErasureTarget:
        """The collection."""
        return MilvusTarget(self._client, self.name, tags, text_field=self.store.text_key)
