"""Stores of every kind in a Postgres, each with a table or collection of its own."""

from __future__ import annotations

import uuid
from typing import Any

from lexical_langchain import LexicalEmbeddings
from support.llama_fakes import HashedEmbedding
from support.postgres import driver_url

PACKAGES = ("langchain_postgres", "llama_index.vector_stores.postgres")


def fresh_name() -> str:
    """A name that no table has yet."""
    return f"t{uuid.uuid4().hex[:12]}"


def pgvector(server: str, **options: Any) -> Any:
    """LangChain's `PGVector`."""
    from langchain_postgres import PGVector

    options = {"collection_name": fresh_name(), **options}
    return PGVector(LexicalEmbeddings(), connection=driver_url(server, "psycopg"), **options)


def pg_vector_store(
    server: str, id_type: str = "TEXT", driver: str = "psycopg", **options: Any
) -> Any:
    """LangChain's `PGVectorStore`."""
    from langchain_postgres import Column, PGEngine, PGVectorStore

    engine = PGEngine.from_connection_string(driver_url(server, driver))
    embeddings, table = LexicalEmbeddings(), fresh_name()
    columns = options.pop("metadata_columns", [])
    create = {"store_metadata": options.pop("store_metadata", True)}
    create |= {k: v for k, v in options.items() if k == "hybrid_search_config"}
    engine.init_vectorstore_table(
        table,
        len(embeddings.embed_query("x")),
        id_column=Column("langchain_id", id_type),
        metadata_columns=columns,
        **create,
    )
    names = [column.name for column in columns]
    return PGVectorStore.create_sync(engine, embeddings, table, metadata_columns=names, **options)


def llama_index(server: str, **options: Any) -> Any:
    """LlamaIndex's `PGVectorStore`."""
    from llama_index.vector_stores.postgres import PGVectorStore

    return PGVectorStore.from_params(
        connection_string=driver_url(server, "psycopg2"),
        async_connection_string=driver_url(server, "asyncpg"),
        table_name=fresh_name(),
        embed_dim=len(HashedEmbedding().get_text_embedding("x")),
        **options,
    )
