"""What piirag knows about each LangChain vector store; one module a store.

A module is imported when a store of its kind is used, and needs nothing but that store's library.
"""

from __future__ import annotations

from typing import Any

from langchain_piirag.dialects.base import Dialect
from piirag.tenancy.registry import StoreRegistry

__all__ = ["Dialect", "dialect_for", "register_dialect", "supported"]

_STORES: StoreRegistry[Dialect] = StoreRegistry(
    __name__,
    {
        "Chroma": "chroma:ChromaDialect",
        "FAISS": "faiss:FAISSDialect",
        "InMemoryVectorStore": "in_memory:InMemoryDialect",
        "LanceDB": "lancedb:LanceDBDialect",
        "Milvus": "milvus:MilvusDialect",
        "PGVector": "pgvector:PGVectorDialect",
        "PGVectorStore": "pgvector_store:PGVectorStoreDialect",
        "QdrantVectorStore": "qdrant:QdrantDialect",
        "SQLiteVec": "sqlite_vec:SQLiteVecDialect",
    },
)


def register_dialect(class_name: str, dialect: type[Dialect]) -> None:
    """Teach `TenantVectorStore` a new kind of store.

    Args:
        class_name: Name of the store's class; classes derived from it are served too.
        dialect: What knows how to talk to it.
    """
    _STORES.register(class_name, dialect)


def supported() -> list[str]:
    """Names of the classes of stores whose users can be kept apart."""
    return _STORES.supported()


def dialect_for(store: Any) -> Dialect:
    """The dialect of a store.

    Raises:
        UnsupportedStoreError: A store whose users piirag cannot keep apart.
    """
    return _STORES.kind_of(store)(store)
