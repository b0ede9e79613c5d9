"""`langchain_postgres.PGVectorStore`: a table with columns of one's own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from langchain_core.documents import Document

from langchain_piirag.dialects.base import Scored
from langchain_piirag.dialects.pgvector import TableDialect
from piirag.erasure.targets.pgvector_table import Found
from piirag.erasure.targets.pgvector_write import check_storable, upsert
from piirag.errors import InvalidInputError, UnsupportedStoreError
from piirag.tenancy.languages.pgvector_sql import Sql, name, sql, value

ID_KEY = "_piirag_id"
"""Metadata key of the id where the table's own are UUIDs, made from it."""

_NAMESPACE = uuid.UUID("6f1c9a54-6c5f-5c0e-9b62-6a3d7c1c5b1d")
_DISTANCES = {"<=>": "cosine", "<->": "l2", "<#>": "inner"}


class PGVectorStoreDialect(TableDialect):
    """Metadata may have columns of their own; what is in no column is in the JSON column.

    Ids may be text or UUIDs, which are then made from the ids of the documents. A hybrid search
    compares the texts of the user's items with the question of this very call.
    """

    kind = "pgvector"
    search_keywords = frozenset({"hybrid_search_config", "fts_query"})

    @classmethod
    def serves(cls, store: Any) -> bool:
        """Whether this is langchain-postgres's."""
        return super().serves(store) and hasattr(store, "_PGVectorStore__vs")

    @property
    def _inner(self) -> Any:
        return self.store._PGVectorStore__vs

    def check(self) -> None:
        """Look whether ids can be stored, and embeddings be made here.

        Raises:
            UnsupportedStoreError: They cannot.
        """
        if callable(getattr(self._inner.embedding_service, "embed_query_inline_template", None)):
            raise UnsupportedStoreError(
                "this embedding model runs in the database, which piirag does not call"
            )

    @property
    def distance(self) -> str:
        """The distance of the table."""
        return _DISTANCES[self._inner.distance_strategy.operator]

    def score(self, distance: float) -> float:
        """The distance; the inner product itself, as the wrapper gives it."""
        return -distance if self.distance == "inner" else distance

    # Hybrid search

    def keywords(self, given: Mapping[str, Any], clean: Callable[[Any], Any]) -> dict[str, Any]:
        """A hybrid search's configuration and the text to look for, scrubbed."""
        config, text = given.get("hybrid_search_config"), given.get("fts_query")
        if config is not None and not hasattr(config, "fusion_function"):
            raise InvalidInputError("hybrid_search_config must be a HybridSearchConfig")
        if config is not None and text is None:
            text = config.fts_query or None
        if text is not None and type(text) is not str:
            raise InvalidInputError("fts_query must be a string")
        if text is not None and config is None and self._inner.hybrid_search_config is None:
            raise InvalidInputError("fts_query needs a hybrid_search_config")
        options: dict[str, Any] = {} if config is None else {"config": config}
        return options if text is None else {**options, "text": clean(text)}

    def search(self, query: str, k: int, options: dict[str, Any]) -> Scored:
        """The nearest items; in a hybrid search, fused with those whose texts fit."""
        config = options.get("config", self._inner.hybrid_search_config)
        if config is None:
            return super().search(query, k, options)
        text = options.get("text", query)
        return self._fused(config, self.embedded(query), text, k, options["condition"])

    def search_by_vector(
        self, embedding: list[float], k: int, options: dict[str, Any]
    ) -> list[Document]:
        """The nearest items; fused with those that fit ``fts_query``, where it is given."""
        config = options.get("config", self._inner.hybrid_search_config)
        if config is None or "text" not in options:
            return super().search_by_vector(embedding, k, options)
        found = self._fused(config, embedding, options["text"], k, options["condition"])
        return [document for document, _ in found]

    def _fused(self, config: Any, vector: list[float], text: str, k: int, condition: Sql) -> Scored:
        # Never the configuration's own text: the wrapper leaves the first question in it for all.
        config = replace(config, fts_query=text)
        dense = self.table.nearest(
            vector, max(k, config.primary_top_k), condition, distance=self.distance
        )
        tokens = sql("to_tsvector({}{})", _language(config), self.table.text)
        if config.tsv_column:
            tokens = name(config.tsv_column)
        query = sql("plainto_tsquery({}{})", _language(config), value(text, "text"))
        sparse = self.table.ranked(
            tokens, query, max(k, config.secondary_top_k), condition, "ts_rank_cd"
        )
        rows = {row.id: row for row in [*sparse, *dense]}
        fused = config.fusion_function(
            [{"id": row.id, "distance": self.score(row.distance or 0.0)} for row in dense],
            [{"id": row.id, "distance": row.distance or 0.0} for row in sparse],
            **{**config.fusion_function_parameters, "fetch_top_k": k},
            distance_strategy=self._inner.distance_strategy,
        )
        return [(self.document(rows[one["id"]]), float(one["distance"])) for one in fused]

    # By id

    def stored_id(self, id: str) -> str:
        """The id, or the UUID made from it."""
        return id if self.table.ids_are_text else str(uuid.uuid5(_NAMESPACE, id))

    def document(self, row: Found) -> Document:
        """A row as a document, under the id that it was written with."""
        metadata = {key: held for key, held in row.metadata.items() if key != ID_KEY}
        id = row.metadata.get(ID_KEY)
        if type(id) is not str or self.stored_id(id) != row.id:
            id = row.id
        return Document(page_content=row.text or "", metadata=metadata, id=id)

    def add(self, documents: list[Document], ids: list[str]) -> None:
        """Write documents.

        Raises:
            InvalidInputError: What Postgres cannot store, or metadata for which the table has
                neither a column of their own nor one of JSON.
        """
        check_storable(ids)
        inner = self._inner
        columns = list(inner.metadata_columns)
        rows: list[dict[str, Any]] = []
        for document, id in zip(documents, ids, strict=True):
            metadata = dict(document.metadata)
            if not self.table.ids_are_text:
                metadata[ID_KEY] = id
            own = {column: metadata.pop(column, None) for column in columns}
            row: dict[str, Any] = {
                inner.id_column: self.stored_id(id),
                inner.content_column: document.page_content,
            }
            if inner.metadata_json_column:
                row[inner.metadata_json_column] = metadata
            elif metadata:
                raise InvalidInputError("metadata have a key that the table has no column for")
            rows.append({**row, **own})
        for row, vector in zip(rows, self.all_embedded(documents), strict=True):
            row[inner.embedding_column] = vector
        upsert(self.table, rows, id=inner.id_column, computed=self._tokens())

    def _tokens(self) -> dict[str, Sql]:
        config = self._inner.hybrid_search_config
        if not config or not config.tsv_column:
            return {}
        text = sql("r.{}", name(self._inner.content_column))
        return {config.tsv_column: sql("to_tsvector({}{})", _language(config), text)}


def _language(config: Any) -> Sql:
    if not config.tsv_lang:
        return sql("")
    return sql("{}, ", value(config.tsv_lang, "regconfig"))
