"""LangChain's `InMemoryVectorStore`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain_core.documents import Document

from langchain_piirag.dialects.base import Dialect
from piirag.erasure import ErasureTarget
from piirag.erasure.targets.in_memory import InMemoryTarget
from piirag.tenancy import Scope, TenantTags
from piirag.tenancy.filters import MetadataLanguage, matches


class InMemoryDialect(Dialect):
    """The store takes a function for a filter, and applies it before it searches."""

    kind = "in memory"
    language = MetadataLanguage()
    expires = True

    @classmethod
    def serves(cls, store: Any) -> bool:
        """Whether this keeps its items in a dictionary."""
        return super().serves(store) and isinstance(getattr(store, "store", None), dict)

    def search_options(self, scope: Scope) -> dict[str, Any]:
        """The filter as a function of a document."""
        clause = self.language.translate(scope.clause(expiry=True))

        def fits(document: Document) -> bool:
            return matches(clause, document.metadata)

        return {"filter": fits}

    def relevance(self) -> Callable[[float], float]:
        """Scores are cosine similarities; those below 0 have no relevance."""
        return lambda score: min(max(score, 0.0), 1.0)

    def target(self, tags: TenantTags) -> ErasureTarget:
        """The dictionary. A file it is dumped to needs an `InMemoryTarget` of its own."""
        return InMemoryTarget(self.store, tags)
