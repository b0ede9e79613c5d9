"""`langchain_chroma.Chroma`, embedded or on a server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from langchain_core.documents import Document

from langchain_piirag.dialects.base import Dialect
from piirag.erasure import ErasureTarget
from piirag.erasure.targets.chroma import ChromaTarget
from piirag.tenancy import TenantTags
from piirag.tenancy.languages.chroma import ChromaLanguage, where_document


class ChromaDialect(Dialect):
    """Chroma filters before it searches, so a result is always full."""

    kind = "chroma"
    language = ChromaLanguage()
    search_keywords = frozenset({"where_document"})

    @classmethod
    def serves(cls, store: Any) -> bool:
        """Whether this is a Chroma with a collection."""
        return super().serves(store) and hasattr(store, "_collection")

    def keywords(self, given: Mapping[str, Any], clean: Callable[[Any], Any]) -> dict[str, Any]:
        """`where_document`, its texts scrubbed like what they are looked for in."""
        found = given.get("where_document")
        return {} if found is None else {"where_document": clean(where_document(found))}

    def add(self, documents: list[Document], ids: list[str]) -> None:
        """Write documents; Chroma keeps metadata keys that are not named, so they are named."""
        there = self.store.get(ids=ids, include=["metadatas"])
        old = dict(zip(there["ids"], there["metadatas"], strict=True))
        whole = [
            Document(
                page_content=document.page_content,
                metadata={**dict.fromkeys(old.get(id) or {}), **document.metadata},
                id=id,
            )
            for document, id in zip(documents, ids, strict=True)
        ]
        self.store.add_documents(whole, ids=ids)

    def target(self, tags: TenantTags) -> ErasureTarget:
        """The collection."""
        return ChromaTarget(self.store._collection, tags)
