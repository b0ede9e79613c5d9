"""pgvector in a Postgres of our own, on a Unix socket."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.stores.base import (
    DIMENSIONS,
    Embedder,
    Kind,
    Opened,
    first_target,
    langchain_driver,
    llama_index_driver,
)
from piirag.testing.tenancy import Item, ReadPath


@contextmanager
def _server() -> Iterator[Any]:
    """A connection to a new server; it ends with the connection."""
    import pgserver
    import psycopg

    # The path of a Unix socket may have 107 characters only.
    folder = Path(tempfile.mkdtemp(prefix="piirag-"))
    server = None
    try:
        # Starting has a limit of ten seconds, which is short on a busy machine.
        for attempt in range(4):
            try:
                server = pgserver.get_server(folder / "postgres")
                break
            except (subprocess.SubprocessError, AssertionError):
                if attempt == 3:
                    raise
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
            yield connection, server.get_uri()
    finally:
        if server is not None:
            server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _url(url: str, driver: str) -> str:
    """The URL for SQLAlchemy with a driver."""
    return "postgresql+" + driver + url[len(urlsplit(url).scheme) :]


def _opened(connection: Any, driver: Any, embed: Embedder, table: str, column: str) -> Opened:
    folder = Path(connection.execute("SHOW data_directory").fetchone()[0])
    delete = f"DELETE FROM {table} WHERE {column} ->> 'user_id' = %s"
    return Opened(
        driver,
        first_target(driver),
        embed,
        lambda user: connection.execute(delete, [user]),
        # All databases, what is common to them, what is sorted on the disk; all but the log.
        folders=[p for p in folder.iterdir() if p.is_dir() and p.name != "pg_wal"],
        log=[folder / "pg_wal"],
        settle=lambda: connection.execute("CHECKPOINT"),
    )


@contextmanager
def _pgvector(folder: Path) -> Iterator[Opened]:
    from langchain_postgres import PGVector

    embed = Embedder()
    with _server() as (connection, url):
        store = PGVector(
            embed.langchain(),
            connection=_url(url, "psycopg"),
            collection_name="items",
            embedding_length=DIMENSIONS,
        )
        driver = langchain_driver(store)
        opened = _opened(connection, driver, embed, "langchain_pg_embedding", "cmetadata")
        # The wrapper makes an index that serves this operator.
        delete = "DELETE FROM langchain_pg_embedding WHERE cmetadata @> %s::jsonb"
        opened.bare = lambda user: connection.execute(delete, [f'{{"user_id": "{user}"}}'])
        yield opened
        store._engine.dispose()


@contextmanager
def _pg_vector_store(folder: Path) -> Iterator[Opened]:
    from langchain_postgres import Column, PGEngine, PGVectorStore
    from langchain_postgres.v2.hybrid_search_config import HybridSearchConfig

    config = HybridSearchConfig()

    def hybrid(view: Any, k: int, filter: Any, keywords: Mapping[str, Any]) -> list[Item]:
        found = view.similarity_search(
            "number", k, filter=filter, hybrid_search_config=config, **keywords
        )
        return [Item(str(doc.id), doc.page_content, doc.metadata) for doc in found]

    embed = Embedder()
    with _server() as (connection, url):
        engine = PGEngine.from_connection_string(_url(url, "psycopg"))
        engine.init_vectorstore_table("items", DIMENSIONS, id_column=Column("langchain_id", "TEXT"))
        store = PGVectorStore.create_sync(engine, embed.langchain(), "items")
        driver = langchain_driver(store, more=[ReadPath("hybrid", hybrid)])
        yield _opened(connection, driver, embed, "items", "langchain_metadata")


@contextmanager
def _llama_index(folder: Path) -> Iterator[Opened]:
    from llama_index.vector_stores.postgres import PGVectorStore

    embed = Embedder()
    with _server() as (connection, url):
        store = PGVectorStore.from_params(
            connection_string=_url(url, "psycopg2"),
            async_connection_string=_url(url, "asyncpg"),
            table_name="items",
            embed_dim=DIMENSIONS,
            hybrid_search=True,
        )
        from llama_index_piirag.testing import mode_paths

        more = mode_paths(embed.llama_index(), "hybrid", "sparse", "text_search", complete=False)
        driver = llama_index_driver(store, embed, more=more)
        yield _opened(connection, driver, embed, "data_items", "metadata_")


_LANGCHAIN = ("pgserver", "psycopg", "langchain_postgres")
KINDS = [
    Kind("pgvector", "pgvector", "LangChain", "PGVector", _LANGCHAIN, _pgvector, timed=True),
    Kind("pgvector", "pgvector", "LangChain", "PGVectorStore", _LANGCHAIN, _pg_vector_store),
    Kind(
        "pgvector",
        "pgvector",
        "LlamaIndex",
        "PGVectorStore",
        ("pgserver", "psycopg", "llama_index.vector_stores.postgres"),
        _llama_index,
    ),
]
