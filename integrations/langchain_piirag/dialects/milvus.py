"""`langchain_milvus.Milvus`: Milvus Lite or a server; dense, sparse, full text, hybrid."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings

from langchain_piirag.dialects.base import Dialect, Scored
from piirag.erasure import ErasureTarget
from piirag.erasure.targets.milvus import MilvusTarget
from piirag.errors import ConfigurationError, InvalidInputError, UnsupportedStoreError
from piirag.tenancy import Scope, TenantTags
from piirag.tenancy.languages.milvus import MilvusLanguage, among

# Milvus returns no more.
_MOST = 16_384
_ID_BYTES = 65_535
_RANKERS = ("rrf", "weighted")


class MilvusDialect(Dialect):
    """Milvus filters while it searches, so a result is always full.

    The wrapper's own schema is kept. It writes metadata over ids, texts and vectors of the same
    name, so such metadata are refused; and `pymilvus` puts ids into expressions as they are
    (2.6.17), so ids are quoted here.
    """

    kind = "milvus"
    language = MilvusLanguage()
    filter_keyword = "expr"
    expires = True
    search_keywords = frozenset({"param", "ranker_params", "ranker_type"})

    @classmethod
    def serves(cls, store: Any) -> bool:
        """Whether this is a Milvus with a client."""
        return super().serves(store) and hasattr(store, "_primary_field")

    def check(self) -> None:
        """Look whether metadata and ids are kept, and connect what the wrapper leaves unconnected.

        Raises:
            UnsupportedStoreError: A fixed schema, which drops metadata, the tag among them; or ids
                that Milvus makes.
        """
        from pymilvus import connections

        store = self.store
        if store.auto_id:
            raise UnsupportedStoreError("make the Milvus store with auto_id=False: ids name users")
        if not store.enable_dynamic_field and not store._metadata_field:
            raise UnsupportedStoreError(
                "make the Milvus store with enable_dynamic_field=True: a fixed schema drops "
                "metadata, the tag of the user among them"
            )
        # langchain-milvus 0.3.3 opens a connection that its own calls do not find.
        if not connections.has_connection(store.alias):
            connections.connect(alias=store.alias, **store._connection_args)

    @property
    def embeddings(self) -> Embeddings | None:
        """The model of the dense vectors; None where there is none."""
        found = [e for e in self._embedders() if isinstance(e, Embeddings)]
        return found[0] if found else None

    def _embedders(self) -> list[Any]:
        found: list[Any] = self.store._as_list(self.store.embedding_func)
        return found

    @property
    def _reserved(self) -> set[str]:
        store = self.store
        return {store._primary_field, store._text_field, *store.vector_fields}

    def _language(self) -> MilvusLanguage:
        store = self.store
        if store._metadata_field:
            return MilvusLanguage(store._metadata_field)
        fields = {*store.fields, *([store._partition_key_field] * bool(store._partition_key_field))}
        return MilvusLanguage("$meta", fields - self._reserved, self._reserved)

    # Searching

    def search_options(self, scope: Scope) -> dict[str, Any]:
        """The filter as an expression."""
        return {"expr": self._language().translate(scope.clause(expiry=True))}

    def keywords(self, given: Mapping[str, Any], clean: Callable[[Any], Any]) -> dict[str, Any]:
        """How to search and how to rank, as Milvus takes it; there are no texts in it."""
        named = {name: value for name, value in given.items() if value is not None}
        if "param" in named:
            named["param"] = _params(named["param"])
        if named.get("ranker_type", "rrf") not in _RANKERS:
            raise InvalidInputError("ranker_type is 'rrf' or 'weighted'")
        ranked = {"ranker_type", "ranker_params"} & set(named)
        if ranked and not self.store._is_multi_vector:
            raise InvalidInputError(f"{min(ranked)} is for stores with several vectors")
        if "ranker_params" in named:
            named["ranker_params"] = _numbers(named["ranker_params"])
        return named

    def search(self, query: str, k: int, options: dict[str, Any]) -> Scored:
        """The items most similar to a question, with Milvus's scores."""
        store, k = self.store, min(k, _MOST)
        if store._is_multi_vector:
            # So many of each are ranked; the wrapper's own number is 4.
            found = store._collection_hybrid_search(query, k=k, fetch_k=k, **options)
        else:
            embedders = self._embedders()
            asked = embedders[0].embed_query(query) if embedders else query
            found = store._collection_search(asked, k=k, **options)
        return [(self._document(hit), float(hit["distance"])) for hit in _hits(found)]

    def search_by_vector(
        self, embedding: list[float], k: int, options: dict[str, Any]
    ) -> list[Document]:
        """The items most similar to a vector."""
        return [self._document(hit) for hit in self._near(embedding, k, options)]

    def _near(self, embedding: list[float], k: int, options: dict[str, Any]) -> list[Any]:
        if self.store._is_multi_vector or self.store._is_sparse:
            raise InvalidInputError("this store has not one dense vector to an item")
        return _hits(self.store._collection_search(embedding, k=min(k, _MOST), **options))

    def search_mmr(
        self, query: str, k: int, fetch_k: int, lambda_mult: float, options: dict[str, Any]
    ) -> list[Document]:
        """Items that are similar to a question and differ among themselves."""
        model = self.embeddings
        if model is None:
            raise InvalidInputError("this store has not one dense vector to an item")
        asked = model.embed_query(query)
        return self.search_mmr_by_vector(asked, k, fetch_k, lambda_mult, options)

    def search_mmr_by_vector(
        self,
        embedding: list[float],
        k: int,
        fetch_k: int,
        lambda_mult: float,
        options: dict[str, Any],
    ) -> list[Document]:
        """Items that are similar to a vector and differ among themselves."""
        import numpy as np
        from langchain_milvus.vectorstores.milvus import maximal_marginal_relevance

        hits = self._near(embedding, fetch_k, options)
        if not hits:
            return []
        vectors = self._vectors(hits)
        chosen = maximal_marginal_relevance(
            np.array(embedding), vectors, k=min(k, len(hits)), lambda_mult=lambda_mult
        )
        return [self._document(hits[at]) for at in chosen if at >= 0]

    def _vectors(self, hits: list[Any]) -> list[list[float]]:
        """The vectors of hits; a server leaves them out of the hits where fields are named."""
        [field] = self.store.vector_fields
        held = [hit["entity"].get(field) for hit in hits]
        if all(vector is not None for vector in held):
            return held
        primary = self.store._primary_field
        rows = self.store.client.query(
            self.store.collection_name,
            filter=among(primary, [self._id(hit) for hit in hits]),
            output_fields=[primary, field],
        )
        by_id = {row[primary]: row[field] for row in rows}
        return [by_id[self._id(hit)] for hit in hits]

    def relevance(self) -> Callable[[float], float]:
        """What turns a score into a relevance between 0 and 1.

        Raises:
            ConfigurationError: None is known for this metric, or for several vectors.
        """
        with suppress(ValueError):
            found: Callable[[float], float] = self.store._select_relevance_score_fn()
            return found
        raise ConfigurationError("this Milvus store has no relevance scores")

    # By id

    def add(self, documents: list[Document], ids: list[str]) -> None:
        """Write documents; Milvus Lite keeps metadata keys that are not named, so they are named.

        Raises:
            InvalidInputError: Metadata that would be written over an id, a text or a vector, or
                that Milvus cannot hold; or an id that is too long.
        """
        store = self.store
        if any(len(id.encode()) > _ID_BYTES for id in ids):
            raise InvalidInputError("an id is too long for Milvus")
        for document in documents:
            self._check(document.metadata)
        texts = [document.page_content for document in documents]
        vectors = [model.embed_documents(texts) for model in self._embedders()]
        metadatas = [dict(document.metadata) for document in documents]
        if not store.client.has_collection(store.collection_name):
            store._init(embeddings=vectors, metadatas=metadatas)
        elif not store._metadata_field:
            old = {str(row[store._primary_field]): row for row in self._rows(ids)}
            kept = {*store.fields, *self._reserved}
            metadatas = [
                {**dict.fromkeys(k for k in old.get(id, ()) if k not in kept), **metadata}
                for id, metadata in zip(ids, metadatas, strict=True)
            ]
        rows = store._prepare_insert_list(
            texts=texts, embeddings=vectors, metadatas=metadatas, ids=ids, force_ids=True
        )
        store.client.upsert(store.collection_name, rows, timeout=store.timeout)

    def _check(self, metadata: Mapping[str, Any]) -> None:
        taken = set() if self.store._metadata_field else self._reserved
        for key in metadata:
            if key in taken or key.startswith("$"):
                raise InvalidInputError(f"Milvus uses the metadata key {key!r} itself")
        with suppress(TypeError, ValueError, RecursionError):
            json.dumps(metadata, allow_nan=False)
            return
        raise InvalidInputError("Milvus holds what JSON has in metadata, nothing else")

    def delete(self, ids: list[str]) -> None:
        """Delete by id."""
        client, name = self.store.client, self.store.collection_name
        if client.has_collection(name):
            client.delete(name, filter=among(self.store._primary_field, ids))

    def get(self, ids: Sequence[str]) -> list[Document]:
        """Items by id."""
        return [self._document(row) for row in self._rows(ids)]

    def _rows(self, ids: Sequence[str]) -> list[Any]:
        client, name = self.store.client, self.store.collection_name
        if not client.has_collection(name):
            return []
        where = among(self.store._primary_field, ids)
        return list(client.query(name, filter=where, output_fields=["*"]))

    def _id(self, hit: Any) -> str:
        return str(hit[self.store._primary_field])

    def _document(self, found: Any) -> Document:
        """A document from a hit of a search or a row of a query."""
        store = self.store
        entity = dict(found["entity"]) if "entity" in found else dict(found)
        metadata = entity.get(store._metadata_field) if store._metadata_field else entity
        return Document(
            page_content=entity.get(store._text_field) or "",
            metadata={
                key: value
                for key, value in (metadata or {}).items()
                if value is not None and (store._metadata_field or key not in self._reserved)
            },
            id=self._id(found),
        )

    def target(self, tags: TenantTags) -> ErasureTarget:
        """The collection."""
        return MilvusTarget(
            self.store.client,
            self.store.collection_name,
            tags,
            metadata_field=self.store._metadata_field,
            text_field=self.store._text_field,
            may_be_missing=True,
        )


def _hits(found: Any) -> list[Any]:
    return list(found[0]) if found else []


def _params(value: Any) -> dict[str, Any]:
    """Search parameters: a metric, and numbers.

    Raises:
        InvalidInputError: Something else.
    """
    if not isinstance(value, Mapping) or not set(value) <= {"metric_type", "params"}:
        raise InvalidInputError("param holds 'metric_type' and 'params'")
    if not isinstance(value.get("metric_type", ""), str):
        raise InvalidInputError("param holds 'metric_type' and 'params'")
    return {**value, **({"params": _numbers(value["params"])} if "params" in value else {})}


def _numbers(value: Any) -> dict[str, Any]:
    def is_number(item: Any) -> bool:
        return isinstance(item, int | float)

    good = isinstance(value, Mapping) and all(
        type(key) is str and (is_number(item) or (type(item) is list and all(map(is_number, item))))
        for key, item in value.items()
    )
    if not good:
        raise InvalidInputError("parameters of a search are numbers")
    return dict(value)
