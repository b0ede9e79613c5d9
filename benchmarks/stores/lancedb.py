"""LanceDB in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.stores.base import (
    Embedder,
    Kind,
    Opened,
    first_target,
    langchain_driver,
    llama_index_driver,
)


def _opener(framework: str) -> Any:
    @contextmanager
    def opened(folder: Path) -> Iterator[Opened]:
        import lancedb

        embed = Embedder()
        connection = lancedb.connect(str(folder))
        driver: Any
        if framework == "langchain":
            from langchain_community.vectorstores import LanceDB

            driver = langchain_driver(LanceDB(connection, embed.langchain(), table_name="items"))
        else:
            from llama_index.vector_stores.lancedb import LanceDBVectorStore

            driver = llama_index_driver(LanceDBVectorStore(str(folder), "items"), embed)

        def bare(user: str) -> None:
            connection.open_table("items").delete(f"metadata.user_id = '{user}'")

        yield Opened(driver, first_target(driver), embed, bare, folders=[folder])

    return opened


KINDS = [
    Kind(
        "lancedb",
        "LanceDB",
        "LangChain",
        "LanceDB",
        ("lancedb", "lance", "langchain_community"),
        _opener("langchain"),
        timed=True,
    ),
    Kind(
        "lancedb",
        "LanceDB",
        "LlamaIndex",
        "LanceDBVectorStore",
        ("lancedb", "lance", "llama_index.vector_stores.lancedb"),
        _opener("llama_index"),
    ),
]
