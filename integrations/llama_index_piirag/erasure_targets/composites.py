"""Pipelines, contexts and indexes of LlamaIndex that consist of several stores, as targets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from llama_index.core.graph_stores import SimpleGraphStore
from llama_index.core.indices.base import BaseIndex
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.storage import StorageContext

from llama_index_piirag.erasure_targets.docstores import DocstoreTarget
from llama_index_piirag.erasure_targets.index_stores import IndexStoreTarget
from llama_index_piirag.erasure_targets.ingestion_caches import IngestionCacheTarget
from piirag.erasure import ErasureTarget, as_targets, register_resolver
from piirag.erasure.targets.vault import VaultTarget
from piirag.errors import ConfigurationError
from piirag.tenancy import TenantTags

if TYPE_CHECKING:
    from llama_index_piirag.vector_store import UserVectorStore


def _resolve(item: Any) -> Iterable[ErasureTarget] | None:
    # Imported here: these modules import `erasure`, and with it this package.
    from llama_index_piirag.vector_store import UserVectorStore

    if isinstance(item, UserVectorStore):
        return _of_view(item)
    if isinstance(item, IngestionPipeline):
        return _of_pipeline(item)
    if isinstance(item, BaseIndex):
        return _of_context(item.storage_context)
    return _of_context(item) if isinstance(item, StorageContext) else None


def _of_view(view: UserVectorStore) -> list[ErasureTarget]:
    binding = view.binding
    chunks = view.collection
    return [chunks.store.target(binding.tags), VaultTarget(binding.chunks.scrubber.vault)]


def _of_pipeline(pipeline: IngestionPipeline) -> list[ErasureTarget]:
    from llama_index_piirag.pipeline import PIIIngestionPipeline

    tags = pipeline._scrub.binding.tags if isinstance(pipeline, PIIIngestionPipeline) else None
    targets: list[ErasureTarget] = []
    if pipeline.vector_store is not None:
        targets += as_targets(pipeline.vector_store)
    if pipeline.docstore is not None:
        targets.append(_of_docstore(pipeline.docstore, tags))
    if pipeline.cache is not None:
        targets.append(IngestionCacheTarget(pipeline.cache, tags))
    return targets


def _of_context(context: StorageContext) -> list[ErasureTarget]:
    """Docstore, index store and vector stores.

    Raises:
        ConfigurationError: There is a graph store, from which nobody's data can be erased.
    """
    graph = context.graph_store
    simple = isinstance(graph, SimpleGraphStore) and not graph.get_rel_map()
    if not simple or getattr(context, "property_graph_store", None) is not None:
        raise ConfigurationError(
            "a graph store names no users; pass the other stores one by one, and name the graph "
            "store in not_covered"
        )
    targets: list[ErasureTarget] = []
    for store in context.vector_stores.values():
        targets += as_targets(store)
    return [*targets, _of_docstore(context.docstore), IndexStoreTarget(context.index_store)]


def _of_docstore(docstore: Any, tags: TenantTags | None = None) -> ErasureTarget:
    from llama_index_piirag.docstore import UserDocstore

    if isinstance(docstore, UserDocstore):
        return docstore.erasure_target()
    return DocstoreTarget(docstore, tags)


register_resolver(_resolve)
