"""Views and retrievers of LangChain that consist of several stores, as erasure targets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from langchain_core.retrievers import BaseRetriever
from langchain_core.stores import BaseStore

from langchain_piirag.erasure_targets.byte_stores import KeyValueTarget
from langchain_piirag.vectorstores import UserVectorStore
from piirag.erasure import ErasureTarget, as_targets, register_resolver
from piirag.erasure.targets.vault import VaultTarget
from piirag.tenancy import TenantTags


def _resolve(item: Any) -> Iterable[ErasureTarget] | None:
    """A user's view of a store; a parent-document or multi-vector retriever."""
    if isinstance(item, UserVectorStore):
        binding = item._binding
        return [item._dialect.target(binding.tags), VaultTarget(binding.chunks.scrubber.vault)]
    docstore, store = getattr(item, "docstore", None), getattr(item, "vectorstore", None)
    if not isinstance(item, BaseRetriever) or not isinstance(docstore, BaseStore):
        return None
    # Imported here: it imports this package.
    from langchain_piirag.docstores import UserDocstore

    if isinstance(docstore, UserDocstore):
        return [*as_targets(store), docstore.erasure_target()]
    return [*as_targets(store), KeyValueTarget(docstore, _tags_of(store))]


def _tags_of(store: Any) -> TenantTags | None:
    """How the children name their user; the parents do it likewise."""
    return store._binding.tags if isinstance(store, UserVectorStore) else None


register_resolver(_resolve)
