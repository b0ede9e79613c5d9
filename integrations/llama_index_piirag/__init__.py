"""piirag for LlamaIndex: ingestion, tenant-bound indices, postprocessors, models and erasure.

Names are loaded on first use. Two more things LlamaIndex does are worth knowing: every method
that implements one of its abstract methods is traced with its raw arguments, and the ingestion
cache and docstore keep what goes into a pipeline. The parts here stand in front of both.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

from piirag.errors import MissingDependencyError

if (
    importlib.util.find_spec("llama_index") is None
    or importlib.util.find_spec("llama_index.core") is None
):
    raise MissingDependencyError("llama-index-core", "llama-index")

if TYPE_CHECKING:
    from llama_index_piirag.agent import RedactedAgent
    from llama_index_piirag.chat import RedactedChatEngine
    from llama_index_piirag.docstore import UserDocstore
    from llama_index_piirag.erasure import DocstoreTarget
    from llama_index_piirag.function_llm import RedactedFunctionCallingLLM
    from llama_index_piirag.index import TenantIndex, UserIndex
    from llama_index_piirag.instrumentation import PIIInstrumentation
    from llama_index_piirag.llm import RedactedLLM
    from llama_index_piirag.memory import TenantChatStore
    from llama_index_piirag.nodes import PIINodeScrubber
    from llama_index_piirag.pipeline import PIIIngestionPipeline
    from llama_index_piirag.postprocessor import PIINodePostprocessor
    from llama_index_piirag.provider_guard import guard_model
    from llama_index_piirag.query_engine import TenantQueryEngine
    from llama_index_piirag.retriever import TenantRetriever
    from llama_index_piirag.scrubbed_memory import ScrubbedMemory
    from llama_index_piirag.tenants import TenantVectorStore
    from llama_index_piirag.vector_store import UserVectorStore
    from piirag.erasure import delete_user

_HOME = {
    "DocstoreTarget": "erasure",
    "PIIIngestionPipeline": "pipeline",
    "PIIInstrumentation": "instrumentation",
    "PIINodePostprocessor": "postprocessor",
    "PIINodeScrubber": "nodes",
    "RedactedAgent": "agent",
    "RedactedChatEngine": "chat",
    "RedactedFunctionCallingLLM": "function_llm",
    "RedactedLLM": "llm",
    "TenantChatStore": "memory",
    "ScrubbedMemory": "scrubbed_memory",
    "TenantIndex": "index",
    "TenantQueryEngine": "query_engine",
    "TenantRetriever": "retriever",
    "TenantVectorStore": "tenants",
    "UserDocstore": "docstore",
    "UserIndex": "index",
    "UserVectorStore": "vector_store",
    # Found by way of `erasure`, which teaches it docstores.
    "delete_user": "erasure",
    "guard_model": "provider_guard",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"llama_index_piirag.{_HOME[name]}"), name)
    raise AttributeError(f"module 'llama_index_piirag' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "DocstoreTarget",
    "PIIIngestionPipeline",
    "PIIInstrumentation",
    "PIINodePostprocessor",
    "PIINodeScrubber",
    "RedactedAgent",
    "RedactedChatEngine",
    "RedactedFunctionCallingLLM",
    "RedactedLLM",
    "ScrubbedMemory",
    "TenantChatStore",
    "TenantIndex",
    "TenantQueryEngine",
    "TenantRetriever",
    "TenantVectorStore",
    "UserDocstore",
    "UserIndex",
    "UserVectorStore",
    "delete_user",
    "guard_model",
]
