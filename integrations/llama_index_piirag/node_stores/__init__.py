"""What piirag knows about each LlamaIndex vector store; one module a store.

A module is imported when a store of its kind is used, and needs nothing but that store's library.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from llama_index_piirag.node_stores.base import NodeStore, Record, Search
from piirag.errors import UnsupportedStoreError

__all__ = ["NodeStore", "Record", "Search", "node_store_for", "register_node_store", "supported"]

# Class of the store, anywhere among its bases -> module of this package and class in it.
_KNOWN: dict[str, str | type[NodeStore]] = {
    "ChromaVectorStore": "chroma:ChromaNodeStore",
    "FaissMapVectorStore": "faiss:FaissNodeStore",
    "FaissVectorStore": "faiss:FaissNodeStore",
    "LanceDBVectorStore": "lancedb:LanceDBNodeStore",
    "MilvusVectorStore": "milvus:MilvusNodeStore",
    "PGVectorStore": "postgres:PostgresNodeStore",
    "QdrantVectorStore": "qdrant:QdrantNodeStore",
    "SimpleVectorStore": "simple:SimpleNodeStore",
}


def register_node_store(class_name: str, node_store: type[NodeStore]) -> None:
    """Teach `TenantVectorStore` a new kind of store.

    Args:
        class_name: Name of the store's class; classes derived from it are served too.
        node_store: What knows how to talk to it.
    """
    _KNOWN[class_name] = node_store


def supported() -> list[str]:
    """Names of the classes of stores whose users can be kept apart."""
    return sorted(_KNOWN)


def node_store_for(vector_store: Any, docstore: Any = None) -> NodeStore:
    """What knows how to talk to a store.

    Args:
        vector_store: A LlamaIndex vector store.
        docstore: Where texts are, for a store that holds none.

    Raises:
        UnsupportedStoreError: A store whose users piirag cannot keep apart.
        ConfigurationError: A docstore for a store that holds its texts itself.
    """
    for base in type(vector_store).__mro__:
        known = _KNOWN.get(base.__name__)
        if known is None:
            continue
        found = _loaded(known) if isinstance(known, str) else known
        if found.serves(vector_store):
            return found(vector_store, docstore)
    raise UnsupportedStoreError(
        f"{type(vector_store).__name__} is not supported; supported: {', '.join(supported())}"
    )


def _loaded(known: str) -> type[NodeStore]:
    module, name = known.split(":")
    found: type[NodeStore] = getattr(import_module(f"{__name__}.{module}"), name)
    return found
