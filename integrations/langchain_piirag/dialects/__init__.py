"""What piirag knows about each LangChain vector store; one module a store.

A module is imported when a store of its kind is used, and needs nothing but that store's library.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from langchain_piirag.dialects.base import Dialect
from piirag.errors import UnsupportedStoreError

__all__ = ["Dialect", "dialect_for", "register_dialect", "supported"]

# Class of the store, anywhere among its bases -> module of this package and class in it.
_KNOWN: dict[str, str | type[Dialect]] = {
    "Chroma": "chroma:ChromaDialect",
    "FAISS": "faiss:FAISSDialect",
    "InMemoryVectorStore": "in_memory:InMemoryDialect",
    "LanceDB": "lancedb:LanceDBDialect",
    "Milvus": "milvus:MilvusDialect",
    "PGVector": "pgvector:PGVectorDialect",
    "PGVectorStore": "pgvector_store:PGVectorStoreDialect",
    "QdrantVectorStore": "qdrant:QdrantDialect",
    "SQLiteVec": "sqlite_vec:SQLiteVecDialect",
}


def register_dialect(class_name: str, dialect: type[Dialect]) -> None:
    """Teach `TenantVectorStore` a new kind of store.

    Args:
        class_name: Name of the store's class; classes derived from it are served too.
        dialect: What knows how to talk to it.
    """
    _KNOWN[class_name] = dialect


def supported() -> list[str]:
    """Names of the classes of stores whose users can be kept apart."""
    return sorted(_KNOWN)


def dialect_for(store: Any) -> Dialect:
    """The dialect of a store.

    Raises:
        UnsupportedStoreError: A store whose users piirag cannot keep apart.
    """
    for base in type(store).__mro__:
        known = _KNOWN.get(base.__name__)
        if known is None:
            continue
        dialect = _loaded(known) if isinstance(known, str) else known
        if dialect.serves(store):
            return dialect(store)
    raise UnsupportedStoreError(
        f"{type(store).__name__} is not supported; supported: {', '.join(supported())}"
    )


def _loaded(known: str) -> type[Dialect]:
    module, name = known.split(":")
    found: type[Dialect] = getattr(import_module(f"{__name__}.{module}"), name)
    return found
