"""piirag for LangChain: drop-in transformers, stores, retrievers, models and callbacks."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

from piirag.errors import MissingDependencyError

if importlib.util.find_spec("langchain_core") is None:
    raise MissingDependencyError("langchain-core", "langchain")

if TYPE_CHECKING:
    from langchain_piirag.callbacks import PIICallbackHandler
    from langchain_piirag.documents import PIIDocumentScrubber
    from langchain_piirag.embeddings import ScrubbedEmbeddings
    from langchain_piirag.model import RedactedModel
    from langchain_piirag.retrievers import PIIRetriever, TenantRetriever
    from langchain_piirag.splitters import PIITextSplitter
    from langchain_piirag.tracing import create_anonymizer
    from langchain_piirag.vectorstores import TenantVectorStore, UserVectorStore
    from piirag.erasure import delete_user

_HOME = {
    "PIICallbackHandler": "langchain_piirag.callbacks",
    "PIIDocumentScrubber": "langchain_piirag.documents",
    "PIIRetriever": "langchain_piirag.retrievers",
    "PIITextSplitter": "langchain_piirag.splitters",
    "RedactedModel": "langchain_piirag.model",
    "ScrubbedEmbeddings": "langchain_piirag.embeddings",
    "TenantRetriever": "langchain_piirag.retrievers",
    "TenantVectorStore": "langchain_piirag.vectorstores",
    "UserVectorStore": "langchain_piirag.vectorstores",
    "create_anonymizer": "langchain_piirag.tracing",
    "delete_user": "piirag.erasure",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'langchain_piirag' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "PIICallbackHandler",
    "PIIDocumentScrubber",
    "PIIRetriever",
    "PIITextSplitter",
    "RedactedModel",
    "ScrubbedEmbeddings",
    "TenantRetriever",
    "TenantVectorStore",
    "UserVectorStore",
    "create_anonymizer",
    "delete_user",
]
