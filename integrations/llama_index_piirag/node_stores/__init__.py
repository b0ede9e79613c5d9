"""What piirag knows about each LlamaIndex vector store; one module a store.

A module is imported when a store of its kind is used, and needs nothing but that store's library.
"""

from __future__ import annotations

from typing import Any

from llama_index_piirag.node_stores.base import NodeStore, Record, Search
from piirag.tenancy.registry import StoreRegistry

__all__ = ["NodeStore", "Record", "Search", "node_store_for", "register_node_store", "supported"]

_STORES: StoreRegistry[NodeStore] = StoreRegistry(
    __name__,
    {
        "ChromaVectorStore": "chroma:ChromaNodeStore",
        "FaissMapVectorStore": "faiss:FaissNodeStore",
        "FaissVectorStore": "faiss:FaissNodeStore",
        "LanceDBVectorStore": "lancedb:LanceDBNodeStore",
        "MilvusVectorStore": "milvus:MilvusNodeStore",
        "PGVectorStore": "postgres:PostgresNodeStore",
        "QdrantVectorStore": "qdrant:QdrantNodeStore",
        "SimpleVectorStore": "simple:SimpleNodeStore",
    },
)


def register_node_store(class_name: str, node_store: type[NodeStore]) -> None:
    """Teach `TenantVectorStore` a new kind of store.

    Args:
        class_name: Name of the store's class; classes derived from it are served too.
        node_store: What knows how to talk to it.
    """
    _STORES.register(class_name, node_store)


def supported() -> list[str]:
    """Names of the classes of stores whose users can be kept apart."""
    return _STORES.supported()


def node_store_for(vector_store: Any, docstore: Any = None) -> NodeStore:
    """What knows how to talk to a store.

    Args:
        vector_store: A LlamaIndex vector store.
        docstore: Where texts are, for a store that holds none.

    Raises:
        UnsupportedStoreError: A store whose users piirag cannot keep apart.
        ConfigurationError: A docstore for a store that holds its texts itself.
    """
    return _STORES.kind_of(vector_store)(vector_store, docstore)
