"""What LlamaIndex keeps beside vectors, as erasure targets.

- `docstores`: documents, nodes and records about them.
- `index_stores`: which nodes an index consists of.
- `ingestion_caches`, `embedding_caches`: results of transformations, vectors of texts.
- `memories`: memories and chat stores that are not piirag's own.
- `composites`: pipelines, storage contexts and indexes that consist of several of these.

Importing this package registers resolvers for all of them. `TenantIndex` and `TenantChatStore` are
targets themselves.
"""

from llama_index_piirag.erasure_targets import composites as _composites  # noqa: F401 - registers
from llama_index_piirag.erasure_targets.docstores import DocstoreTarget
from llama_index_piirag.erasure_targets.embedding_caches import EmbeddingCacheTarget
from llama_index_piirag.erasure_targets.index_stores import IndexStoreTarget
from llama_index_piirag.erasure_targets.ingestion_caches import IngestionCacheTarget
from llama_index_piirag.erasure_targets.memories import ChatStoreTarget, MemoryTarget

__all__ = [
    "ChatStoreTarget",
    "DocstoreTarget",
    "EmbeddingCacheTarget",
    "IndexStoreTarget",
    "IngestionCacheTarget",
    "MemoryTarget",
]
