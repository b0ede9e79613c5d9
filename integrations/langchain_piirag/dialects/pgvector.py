"""`langchain_postgres.PGVector`: collections that share a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.documents import Document

from langchain_piirag.dialects.rows import RowsDialect
from piirag.erasure import ErasureTarget
from piirag.erasure.targets.pgvector import PGVectorTarget
from piirag.erasure.targets.pgvector_table import Found, PGTable
from piirag.erasure.targets.pgvector_wrappers import PART, table_of
from piirag.erasure.targets.pgvector_write import check_storable, is_storable, upsert
from piirag.errors import UnsupportedStoreError
from piirag.tenancy import Scope, TenantTags


class TableDialect(RowsDialect):
    """A table in Postgres, with SQL of our own in place of the wrapper's.

    The wrappers ignore a filter that is empty, mistake a list for what it holds, find too little
    where there is an approximate index, and replace items of another collection that have the same
    id (langchain-postgres 0.0.19). Here, a condition holds types apart, a search compares all
    items of the user, and an id of another collection is an error. Scores are the wrapper's.
    """

    expires = True
    batch = 200

    def __init__(self, store: Any) -> None:
        self.table: PGTable = table_of(store)
        super().__init__(store)

    def search_options(self, scope: Scope) -> dict[str, Any]:
        """The condition."""
        return {"condition": self.table.language.translate(scope.clause(expiry=True))}

    @property
    def distance(self) -> str:
        """The distance this store is set up for: one of `DISTANCES`."""
        raise NotImplementedError

    def nearest(
        self, vector: list[float], k: int, options: dict[str, Any], *, vectors: bool = False
    ) -> Sequence[Found]:
        """The nearest rows."""
        return self.table.nearest(
            vector, k, options["condition"], distance=self.distance, vectors=vectors
        )

    # By id

    def stored_id(self, id: str) -> str:
        """The id as the column takes it."""
        return id

    def document(self, row: Found) -> Document:
        """A row as a document."""
        return Document(page_content=row.text or "", metadata=row.metadata, id=row.id)

    def all_embedded(self, documents: list[Document]) -> list[list[float]]:
        """The vectors of documents that can be stored."""
        check_storable([[document.page_content, document.metadata] for document in documents])
        texts = [document.page_content for document in documents]
        return [list(map(float, v)) for v in self.store.embeddings.embed_documents(texts)]

    def delete(self, ids: list[str]) -> None:
        """Delete by id."""
        if ids := self.possible(ids):
            self.table.delete(self.table.ids(ids))

    def get(self, ids: Sequence[str]) -> list[Document]:
        """Items by id."""
        known = self.possible(ids)
        return (
            [self.document(row) for row in self.table.rows(self.table.ids(known))] if known else []
        )

    def possible(self, ids: Sequence[str]) -> list[str]:
        """Those ids that Postgres can hold, as they are stored; others are not there."""
        return [self.stored_id(id) for id in ids if is_storable(id)]

    # Erasing

    def target(self, tags: TenantTags) -> ErasureTarget:
        """The table, or the part of it that this store is."""
        return PGVectorTarget(self.table, tags)


class PGVectorDialect(TableDialect):
    """A collection of `PGVector`."""

    kind = "pgvector"

    @classmethod
    def serves(cls, store: Any) -> bool:
        """Whether this is langchain-postgres's, not an older one's."""
        return super().serves(store) and hasattr(store, "session_maker")

    def check(self) -> None:
        """Look whether its metadata are JSONB.

        Raises:
            UnsupportedStoreError: They are not.
        """
        if not getattr(self.store, "use_jsonb", False):
            raise UnsupportedStoreError("a PGVector needs use_jsonb=True")

    @property
    def distance(self) -> str:
        """The distance of the collection."""
        return str(self.store._distance_strategy.value)

    def add(self, documents: list[Document], ids: list[str]) -> None:
        """Write documents.

        Raises:
            InvalidInputError: What Postgres cannot store, or an id that an item of another
                collection has: ids are unique in the whole table.
        """
        check_storable(ids)
        vectors = self.all_embedded(documents)
        collection = self._collection()
        rows = [
            {
                "id": id,
                PART: collection,
                "embedding": vector,
                "document": document.page_content,
                "cmetadata": document.metadata,
            }
            for document, vector, id in zip(documents, vectors, ids, strict=True)
        ]
        upsert(self.table, rows, id="id", part=PART)

    def _collection(self) -> str:
        with self.store._make_sync_session() as session:
            found = self.store.get_collection(session)
            if found is None:
                raise UnsupportedStoreError("the collection of this PGVector was deleted")
            return str(found.uuid)
