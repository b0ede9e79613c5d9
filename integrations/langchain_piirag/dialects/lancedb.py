"""`langchain_community.vectorstores.LanceDB`, over a folder or an object store.

As it is set up by default the wrapper replaces the whole table with what is added, filters what it
has found already, and returns no ids (langchain-community 0.4.2). So the table is called past it,
in the wrapper's schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.documents import Document

from langchain_piirag.dialects.rows import RowsDialect
from piirag.erasure import ErasureTarget
from piirag.erasure.targets.lancedb import LanceDBTarget, lance_items
from piirag.erasure.targets.lancedb_table import LanceItems, LanceRow
from piirag.errors import UnsupportedStoreError
from piirag.tenancy import Scope, TenantTags
from piirag.tenancy.languages.lancedb import LanceDBLanguage


class LanceDBDialect(RowsDialect):
    """A result is always full: rows are filtered before they are searched.

    Full-text and hybrid search are not offered: their scores weigh words by how often everybody's
    texts have them.
    """

    kind = "lancedb"
    language = LanceDBLanguage()
    expires = True

    @classmethod
    def serves(cls, store: Any) -> bool:
        """Whether this has a connection."""
        return super().serves(store) and hasattr(store, "_connection")

    def check(self) -> None:
        """Look whether the table is in a folder or an object store, and has all columns."""
        found = lance_items(self.store)
        if found is None:
            raise UnsupportedStoreError("this LanceDB has no table")
        self._rows: LanceItems = found

    def search_options(self, scope: Scope) -> dict[str, Any]:
        """The filter as SQL."""
        return {"where": self._rows.language().translate(scope.clause(expiry=True))}

    def nearest(
        self, vector: list[float], k: int, options: dict[str, Any], *, vectors: bool = False
    ) -> Sequence[LanceRow]:
        """The nearest rows, with LanceDB's distances."""
        return self._rows.nearest(vector, k, options["where"], vectors=vectors)

    def document(self, row: LanceRow) -> Document:
        """A row as a document."""
        return Document(page_content=row.text or "", metadata=dict(row.metadata), id=row.id)

    def add(self, documents: list[Document], ids: list[str]) -> None:
        """Write documents; those that are there already are replaced in the same step."""
        texts = [document.page_content for document in documents]
        vectors = self.store.embeddings.embed_documents(texts)
        self._rows.write(
            [
                LanceRow(id, document.page_content, document.metadata, vector)
                for id, document, vector in zip(ids, documents, vectors, strict=True)
            ]
        )

    def delete(self, ids: list[str]) -> None:
        """Delete by id."""
        self._rows.remove(self._rows.among_ids(ids))

    def get(self, ids: Sequence[str]) -> list[Document]:
        """Documents by id."""
        found = {row.id: self.document(row) for row in self._rows.rows(self._rows.among_ids(ids))}
        return [found[id] for id in ids if id in found]

    def target(self, tags: TenantTags) -> ErasureTarget:
        """The table."""
        return LanceDBTarget(self._rows, tags)
