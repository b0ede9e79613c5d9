"""What the benchmarks need of a store: opened through piirag, its files, its own way to delete."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from piirag import Policy, Scrubber
from piirag.erasure import ErasureTarget
from piirag.testing.tenancy import TenancyDriver

DIMENSIONS = 384
_WORD = re.compile(r"\w+")


class Embedder:
    """Vectors that were made in bulk, by their text; hashed words for any other text.

    Attributes:
        known: Text -> its vector.
        seen: The texts that were embedded by their words, as piirag passed them on.
    """

    def __init__(self) -> None:
        self.known: dict[str, list[float]] = {}
        self.seen: list[str] = []

    def __call__(self, text: str) -> list[float]:
        """The vector of a text, of length one."""
        found = self.known.get(text)
        if found is not None:
            return found
        self.seen.append(text)
        vector = np.full(DIMENSIONS, 0.001)
        for word in _WORD.findall(text.lower()):
            digest = hashlib.blake2b(word.encode(), digest_size=4).digest()
            vector[int.from_bytes(digest, "big") % DIMENSIONS] += 1.0
        whole: list[float] = (vector / np.linalg.norm(vector)).astype("f4").tolist()
        return whole

    def langchain(self) -> Any:
        """As an embedding model of LangChain."""
        from langchain_core.embeddings import Embeddings

        embed = self

        class Vectors(Embeddings):
            def embed_documents(self, texts: list[str]) -> list[list[float]]:
                return [embed(text) for text in texts]

            def embed_query(self, text: str) -> list[float]:
                return embed(text)

        return Vectors()

    def llama_index(self) -> Any:
        """As an embedding model of LlamaIndex."""
        from llama_index.core.base.embeddings.base import BaseEmbedding

        embed = self

        class Vectors(BaseEmbedding):
            def _get_text_embedding(self, text: str) -> list[float]:
                return embed(text)

            def _get_query_embedding(self, query: str) -> list[float]:
                return embed(query)

            async def _aget_query_embedding(self, query: str) -> list[float]:
                return embed(query)

        return Vectors()


def nothing() -> None:
    """What there is to do where there is nothing to do."""


@dataclass
class Opened:
    """A store, opened.

    Args:
        driver: Writes and reads through the framework's `TenantVectorStore`.
        target: What users are erased from.
        embed: Gives the vectors.
        bare: Deletes a user without piirag, by the store's own best call.
        folders: Where the store has its files; empty where it has none.
        log: Folders of a log that no rewriting of the store reaches; looked into separately.
        save: Called once something was written, where the store does not save by itself.
        settle: Called before files are read.
        in_memory: The target without its files, where the store does not save by itself: what its
            own deletion is compared with.
    """

    driver: TenancyDriver
    target: ErasureTarget
    embed: Embedder
    bare: Callable[[str], Any]
    folders: Sequence[Path] = ()
    log: Sequence[Path] = ()
    save: Callable[[], None] = nothing
    settle: Callable[[], None] = nothing
    in_memory: ErasureTarget | None = None

    def bulk(
        self,
        ids: Sequence[str],
        texts: Sequence[str],
        metadatas: Sequence[Mapping[str, Any]],
        vectors: Any,
    ) -> None:
        """Write items past the scrubber, by the part of piirag that writes to this store."""
        for begin in range(0, len(ids), 1000):
            part = slice(begin, begin + 1000)
            rows = (ids[part], texts[part], metadatas[part], vectors[part].tolist())
            if self.driver.framework == "langchain":
                self._documents(*rows)
            else:
                self._records(*rows)

    def _documents(self, ids: Any, texts: Any, metadatas: Any, vectors: Any) -> None:
        from langchain_core.documents import Document

        dialect: Any = self.driver.tenants._dialect
        self.embed.known.update(zip(texts, vectors, strict=True))
        rows = zip(ids, texts, metadatas, strict=True)
        documents = [Document(page_content=t, metadata=dict(m), id=i) for i, t, m in rows]
        for begin in range(0, len(ids), dialect.batch):
            part = slice(begin, begin + dialect.batch)
            dialect.add(documents[part], ids[part])
        for text in texts:
            del self.embed.known[text]

    def _records(self, ids: Any, texts: Any, metadatas: Any, vectors: Any) -> None:
        from llama_index_piirag.collection import Record

        rows = zip(ids, texts, metadatas, vectors, strict=True)
        self.driver.tenants._node_store.write([Record(i, t, dict(m), v) for i, t, m, v in rows])


Open = Callable[[Path], AbstractContextManager[Opened]]


@dataclass(frozen=True)
class Kind:
    """A store in one framework.

    Args:
        key: What the command line calls the store.
        store: What tables call it.
        framework: ``"LangChain"`` or ``"LlamaIndex"``.
        wrapper: The framework's class.
        modules: What must be installed.
        open: Opens an empty one in an empty folder.
        timed: Whether deletions from it are timed: one kind for each native store.
        missing: Says what else is missing; an empty string where nothing is.
    """

    key: str
    store: str
    framework: str
    wrapper: str
    modules: tuple[str, ...]
    open: Open = field(repr=False)
    timed: bool = False
    missing: Callable[[], str] = field(default=str, repr=False)

    @property
    def name(self) -> str:
        """What reports call it."""
        return f"{self.store} ({self.framework} {self.wrapper})"

    def why_not(self) -> str:
        """What is missing to run it here; an empty string where nothing is."""
        for module in self.modules:
            if not is_there(module):
                return f"the package {module} is missing"
        return self.missing()


def is_there(module: str) -> bool:
    """Whether a module is installed."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def scrubber() -> Scrubber:
    """Finds by patterns only: what is measured here is the stores."""
    return Scrubber(Policy(model="none"))


def langchain_driver(store: Any, **more: Any) -> Any:
    """A LangChain store, tenant-bound."""
    from langchain_piirag import TenantVectorStore
    from langchain_piirag.testing import LangChainDriver

    return LangChainDriver(TenantVectorStore(store, scrubber=scrubber()), **more)


def llama_index_driver(store: Any, embed: Embedder, docstore: Any = None, **more: Any) -> Any:
    """A LlamaIndex store, tenant-bound."""
    from llama_index_piirag import TenantVectorStore
    from llama_index_piirag.testing import LlamaIndexDriver

    options = {} if docstore is None else {"docstore": docstore}
    tenants = TenantVectorStore(store, scrubber=scrubber(), **options)
    return LlamaIndexDriver(tenants, embed.llama_index(), **more)


def first_target(driver: TenancyDriver) -> ErasureTarget:
    """The store's own target, of those that `delete_user` is given."""
    found: ErasureTarget = driver.tenants.erasure_targets()[0]
    return found


def files_below(folders: Sequence[Path]) -> Iterator[Path]:
    """Every file in folders, or the files themselves."""
    for folder in folders:
        if folder.is_file():
            yield folder
        elif folder.is_dir():
            yield from sorted(path for path in folder.rglob("*") if path.is_file())
