"""What LangChain and LangGraph keep beside vectors, as erasure targets.

- `byte_stores`: key-value stores of documents, as parent-document retrievers use them.
- `embedding_caches`: `CacheBackedEmbeddings`.
- `llm_caches`: caches of models' replies.
- `records`: record managers of the indexing API.
- `graphs`: checkpoints and stores of LangGraph that are not piirag's own.
- `composites`: retrievers that consist of a vector store and a docstore.

Importing this package registers resolvers for all of them, none of which needs more than
LangChain's core. Chat histories, checkpointers and stores made by piirag are targets themselves.
"""

from langchain_piirag.erasure_targets import composites as _composites  # noqa: F401 - registers
from langchain_piirag.erasure_targets.byte_stores import KeyValueTarget
from langchain_piirag.erasure_targets.embedding_caches import EmbeddingCacheTarget
from langchain_piirag.erasure_targets.graphs import CheckpointsTarget, GraphStoreTarget
from langchain_piirag.erasure_targets.llm_caches import LLMCacheTarget
from langchain_piirag.erasure_targets.records import RecordManagerTarget
from piirag.erasure.targets.entries import cache_namespace

__all__ = [
    "CheckpointsTarget",
    "EmbeddingCacheTarget",
    "GraphStoreTarget",
    "KeyValueTarget",
    "LLMCacheTarget",
    "RecordManagerTarget",
    "cache_namespace",
]
