"""The tables behind LangChain's and LlamaIndex's wrappers, known by their shape."""

from __future__ import annotations

from typing import Any, Literal, overload

from piirag.erasure.targets.pgvector_runner import AsyncEngineRunner, EngineRunner
from piirag.erasure.targets.pgvector_table import PGTable
from piirag.errors import ConfigurationError, UnsupportedStoreError
from piirag.tenancy.languages.pgvector_sql import name, sql, value

PART = "collection_id"
"""Column of LangChain's `PGVector` that tells collections apart."""


@overload
def table_of(store: Any, *, missing_ok: Literal[False] = False) -> PGTable: ...


@overload
def table_of(store: Any, *, missing_ok: bool) -> PGTable | None: ...


def table_of(store: Any, *, missing_ok: bool = False) -> PGTable | None:
    """The table behind a wrapper.

    Args:
        store: LangChain's `PGVector` or `PGVectorStore`, or LlamaIndex's `PGVectorStore`.
        missing_ok: Whether to return None for something else.

    Raises:
        ConfigurationError: Something else.
        UnsupportedStoreError: A wrapper that works in an event loop only.
    """
    names = {base.__name__ for base in type(store).__mro__}
    if "PGVector" in names and hasattr(store, "session_maker"):
        return _collection(store)
    if "PGVectorStore" in names and hasattr(store, "_PGVectorStore__vs"):
        return _langchain_table(store)
    if "PGVectorStore" in names and hasattr(store, "connection_string"):
        return _llama_index_table(store)
    if missing_ok:
        return None
    raise ConfigurationError(f"{type(store).__name__} is no table in Postgres that is known")


def _collection(store: Any) -> PGTable:
    """A collection of `PGVector`; all of them share a table."""
    if getattr(store, "async_mode", False) or store._engine is None:
        raise UnsupportedStoreError(
            "a PGVector in async mode works in its own event loop only; open it without "
            "async_mode, the async methods of a user's view work with that"
        )
    items, collections = store.EmbeddingStore.__table__, store.CollectionStore.__table__
    schema = (collections.schema,) if collections.schema else ()
    own = sql(
        "(SELECT {} FROM {} WHERE {} = {})",
        name("uuid"),
        name(*schema, collections.name),
        name("name"),
        value(store.collection_name, "text"),
    )
    return PGTable(
        store._engine,
        items.name,
        schema=items.schema,
        text="document",
        metadata="cmetadata",
        part=sql("{} = {}", name(PART), own),
        part_name=store.collection_name,
    )


def _langchain_table(store: Any) -> PGTable:
    engine, inner = store._engine, store._PGVectorStore__vs
    if engine._loop is None:
        raise UnsupportedStoreError(
            "a PGEngine without a loop of its own works in one event loop only; make it with "
            "PGEngine.from_connection_string"
        )
    return PGTable(
        AsyncEngineRunner(engine),
        inner.table_name,
        schema=inner.schema_name,
        id=inner.id_column,
        text=inner.content_column,
        vector=inner.embedding_column,
        metadata=inner.metadata_json_column,
        columns=list(inner.metadata_columns),
    )


def _llama_index_table(store: Any) -> PGTable:
    from sqlalchemy import make_url

    def engine() -> Any:
        # Connects, and creates the table, at the first call.
        store._initialize()
        return store._engine

    url = make_url(store.connection_string) if store._engine is None else store._engine.url
    return PGTable(
        EngineRunner(engine, url),
        store._table_class.__tablename__,
        schema=store.schema_name,
        id="node_id",
        key="id",
        metadata="metadata_",
    )
