"""FAISS, saved to a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.stores.base import (
    DIMENSIONS,
    Embedder,
    Kind,
    Opened,
    langchain_driver,
    llama_index_driver,
)


@contextmanager
def _langchain(folder: Path) -> Iterator[Opened]:
    import faiss
    from langchain_community.docstore.in_memory import InMemoryDocstore
    from langchain_community.vectorstores import FAISS

    from piirag.erasure.targets.faiss import FaissTarget

    embed, docstore = Embedder(), InMemoryDocstore()
    store = FAISS(embed.langchain(), faiss.IndexFlatL2(DIMENSIONS), docstore, {})
    driver = langchain_driver(store)

    def bare(user: str) -> None:
        items = docstore._dict.items()
        store.delete([id for id, item in items if item.metadata.get("user_id") == user])

    yield Opened(
        driver,
        FaissTarget(store, folder=folder),
        embed,
        bare,
        folders=[folder],
        save=lambda: store.save_local(str(folder)),
        in_memory=FaissTarget(store),
    )


def _llama_index(wrapper: str) -> Any:
    @contextmanager
    def opened(folder: Path) -> Iterator[Opened]:
        import faiss
        from llama_index.core import StorageContext
        from llama_index.core.storage.docstore import SimpleDocumentStore
        from llama_index.vector_stores.faiss import FaissMapVectorStore, FaissVectorStore

        from piirag.erasure.targets.faiss import FaissTarget

        embed, docstore, index = Embedder(), SimpleDocumentStore(), faiss.IndexFlatL2(DIMENSIONS)
        store: Any
        if wrapper == "FaissMapVectorStore":
            store = FaissMapVectorStore(faiss.IndexIDMap2(index))
        else:
            store = FaissVectorStore(index)
        driver = llama_index_driver(store, embed, docstore)
        context = StorageContext.from_defaults(vector_store=store, docstore=docstore)
        yield Opened(
            driver,
            FaissTarget(store, docstore=docstore, folder=folder),
            embed,
            lambda user: None,
            folders=[folder],
            save=lambda: context.persist(str(folder)),
        )

    return opened


_NEEDED = ("faiss", "llama_index.vector_stores.faiss")
KINDS = [
    Kind(
        "faiss",
        "FAISS",
        "LangChain",
        "FAISS",
        ("faiss", "langchain_community"),
        _langchain,
        timed=True,
    ),
    *(
        Kind("faiss", "FAISS", "LlamaIndex", wrapper, _NEEDED, _llama_index(wrapper))
        for wrapper in ("FaissMapVectorStore", "FaissVectorStore")
    ),
]
