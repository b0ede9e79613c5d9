"""The frameworks' own stores in memory, saved to a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.stores.base import Embedder, Kind, Opened, langchain_driver, llama_index_driver


@contextmanager
def _langchain(folder: Path) -> Iterator[Opened]:
    from langchain_core.vectorstores import InMemoryVectorStore

    from piirag.erasure.targets.in_memory import InMemoryTarget

    embed, file = Embedder(), folder / "store.json"
    store = InMemoryVectorStore(embed.langchain())
    driver = langchain_driver(store)

    def bare(user: str) -> None:
        items = store.store.items()
        store.delete([id for id, item in items if item["metadata"].get("user_id") == user])

    yield Opened(
        driver,
        InMemoryTarget(store, persist_path=file),
        embed,
        bare,
        folders=[folder],
        save=lambda: store.dump(str(file)),
        in_memory=InMemoryTarget(store),
    )


@contextmanager
def _llama_index(folder: Path) -> Iterator[Opened]:
    from llama_index.core.vector_stores import MetadataFilter, MetadataFilters, SimpleVectorStore

    from piirag.erasure.targets.in_memory import InMemoryTarget

    embed, file = Embedder(), folder / "store.json"
    store = SimpleVectorStore()
    driver = llama_index_driver(store, embed)

    def bare(user: str) -> None:
        store.delete_nodes(
            filters=MetadataFilters(filters=[MetadataFilter(key="user_id", value=user)])
        )

    yield Opened(
        driver,
        InMemoryTarget(store, persist_path=file),
        embed,
        bare,
        folders=[folder],
        save=lambda: store.persist(str(file)),
        in_memory=InMemoryTarget(store),
    )


KINDS = [
    Kind(
        "in-memory",
        "in memory",
        "LangChain",
        "InMemoryVectorStore",
        ("langchain_core",),
        _langchain,
        timed=True,
    ),
    Kind(
        "in-memory",
        "in memory",
        "LlamaIndex",
        "SimpleVectorStore",
        ("llama_index.core",),
        _llama_index,
        timed=True,
    ),
]
