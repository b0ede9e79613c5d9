"""piirag for LangChain: drop-in transformers, stores, retrievers, models and callbacks."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

from piirag.errors import MissingDependencyError

if importlib.util.find_spec("langchain_core") is None:
    raise MissingDependencyError("langchain-core", "langchain")

if TYPE_CHECKING:
    from langchain_piirag.agent_protect import ProtectedAgent, protect
    from langchain_piirag.callbacks import PIICallbackHandler
    from langchain_piirag.chat_model import RedactedChatModel
    from langchain_piirag.checkpoints import TenantCheckpointer
    from langchain_piirag.docstores import UserDocstore
    from langchain_piirag.documents import PIIDocumentScrubber
    from langchain_piirag.embeddings import ScrubbedEmbeddings
    from langchain_piirag.history import ChatHistories, ScrubbedChatMessageHistory
    from langchain_piirag.history_dynamodb import DynamoDBHistoryStore
    from langchain_piirag.history_redis import RedisHistoryStore
    from langchain_piirag.history_stores import MemoryHistoryStore, SQLHistoryStore
    from langchain_piirag.history_wrapped import WrappedHistoryStore
    from langchain_piirag.middleware import PIIRedactionMiddleware
    from langchain_piirag.model import RedactedModel
    from langchain_piirag.provider_guard import ProviderGuard, guard_model
    from langchain_piirag.retrievers import PIIRetriever, TenantRetriever
    from langchain_piirag.splitters import PIITextSplitter
    from langchain_piirag.stores import TenantStore
    from langchain_piirag.tenants import TenantVectorStore
    from langchain_piirag.traces import langsmith_options
    from langchain_piirag.tracing import create_anonymizer
    from langchain_piirag.vectorstores import UserVectorStore
    from piirag.erasure import delete_user
    from piirag.errors import ToolCallError

_HOME = {
    "ChatHistories": "langchain_piirag.history",
    "DynamoDBHistoryStore": "langchain_piirag.history_dynamodb",
    "MemoryHistoryStore": "langchain_piirag.history_stores",
    "PIICallbackHandler": "langchain_piirag.callbacks",
    "PIIDocumentScrubber": "langchain_piirag.documents",
    "PIIRedactionMiddleware": "langchain_piirag.middleware",
    "PIIRetriever": "langchain_piirag.retrievers",
    "PIITextSplitter": "langchain_piirag.splitters",
    "ProtectedAgent": "langchain_piirag.agent_protect",
    "ProviderGuard": "langchain_piirag.provider_guard",
    "RedactedChatModel": "langchain_piirag.chat_model",
    "RedactedModel": "langchain_piirag.model",
    "RedisHistoryStore": "langchain_piirag.history_redis",
    "SQLHistoryStore": "langchain_piirag.history_stores",
    "ScrubbedChatMessageHistory": "langchain_piirag.history",
    "ScrubbedEmbeddings": "langchain_piirag.embeddings",
    "TenantCheckpointer": "langchain_piirag.checkpoints",
    "TenantRetriever": "langchain_piirag.retrievers",
    "TenantStore": "langchain_piirag.stores",
    "TenantVectorStore": "langchain_piirag.tenants",
    "ToolCallError": "piirag.errors",
    "UserDocstore": "langchain_piirag.docstores",
    "UserVectorStore": "langchain_piirag.vectorstores",
    "WrappedHistoryStore": "langchain_piirag.history_wrapped",
    "create_anonymizer": "langchain_piirag.tracing",
    "delete_user": "piirag.erasure",
    "guard_model": "langchain_piirag.provider_guard",
    "langsmith_options": "langchain_piirag.traces",
    "protect": "langchain_piirag.agent_protect",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'langchain_piirag' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "ChatHistories",
    "DynamoDBHistoryStore",
    "MemoryHistoryStore",
    "PIICallbackHandler",
    "PIIDocumentScrubber",
    "PIIRedactionMiddleware",
    "PIIRetriever",
    "PIITextSplitter",
    "ProtectedAgent",
    "ProviderGuard",
    "RedactedChatModel",
    "RedactedModel",
    "RedisHistoryStore",
    "SQLHistoryStore",
    "ScrubbedChatMessageHistory",
    "ScrubbedEmbeddings",
    "TenantCheckpointer",
    "TenantRetriever",
    "TenantStore",
    "TenantVectorStore",
    "ToolCallError",
    "UserDocstore",
    "UserVectorStore",
    "WrappedHistoryStore",
    "create_anonymizer",
    "delete_user",
    "guard_model",
    "langsmith_options",
    "protect",
]
