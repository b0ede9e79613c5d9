"""A user's view of a vector store that many share."""

from __future__ import annotations

import math
import time
import uuid
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import run_in_executor
from langchain_core.stores import BaseStore
from langchain_core.vectorstores import VectorStore

from langchain_piirag.dialects import Dialect
from langchain_piirag.documents import to_chunk
from langchain_piirag.embeddings import ScrubbedEmbeddings
from langchain_piirag.retrievers import TenantRetriever
from langchain_piirag.searching import Seen, note_ingested, searched
from piirag.detection.known import Known
from piirag.errors import InvalidInputError, TenancyError, UserErasedError
from piirag.governance.recorder import Recorder
from piirag.tenancy import Chunk, TenantBinding

if TYPE_CHECKING:
    from langchain_piirag.combined import CombinedRetriever
    from langchain_piirag.docstores import UserDocstore

_MOST = 2**31 - 1

T = TypeVar("T")

# What LlamaIndex adds to the metadata of a chunk that it wrote.
_LLAMA_INDEX_KEYS = frozenset(
    {"_node_content", "_node_type", "document_id", "doc_id", "ref_doc_id"}
)


class UserVectorStore(VectorStore):
    """One user's view of a shared vector store; made by `TenantVectorStore.for_user`.

    Whatever is written is scrubbed and tagged; whatever is asked is scrubbed and filtered; every
    item that comes back is checked once more. Filters of the caller narrow the search within the
    user's items and can never widen it.
    """

    def __init__(
        self, dialect: Dialect, binding: TenantBinding, recorder: Recorder | None = None
    ) -> None:
        self._dialect = dialect
        self._binding = binding
        self._recorder = recorder

    @property
    def embeddings(self) -> Embeddings | None:
        """The store's embedding model, behind the scrubber."""
        inner = self._dialect.embeddings
        if inner is None:
            return None
        chunks = self._binding.chunks
        return ScrubbedEmbeddings(
            inner, scrubber=chunks.scrubber, user_id=chunks.user_id, known=chunks.asked_about
        )

    def docstore(self, store: BaseStore[str, Any], *, encoded: bool = False) -> UserDocstore:
        """This user's view of a store of documents that the chunks here are parts of.

        Give it to `ParentDocumentRetriever` or `MultiVectorRetriever` as the ``docstore``.

        Args:
            store: A key-value store that all users share.
            encoded: Whether it holds bytes; see `UserDocstore`.

        Raises:
            ConfigurationError: No key-value store.
        """
        # Imported here: it is a target of erasure, whose resolvers import this module.
        from langchain_piirag.docstores import UserDocstore

        return UserDocstore(store, self._binding, encoded=encoded)

    # Writing

    def add_documents(
        self, documents: list[Document], *, known: Known | None = None, **kwargs: Any
    ) -> list[str]:
        """Scrub documents and add them; one with an id that is there already replaces it.

        Args:
            documents: What to add; not changed.
            known: Values the application knows to stand in them, found in every spelling.
            **kwargs: ``ids``, and ``batch_size`` as LangChain's indexing API passes it.

        Returns:
            The ids, as `get_by_ids` and `delete` take them. An id that holds personal data is
            replaced by a keyed hash.

        Raises:
            InvalidInputError: Documents or ids of the wrong kind, or an unknown keyword.
            TenancyError: A document names another user.
            DetectionError: The detector failed; nothing was added.
            UserErasedError: The user was erased.
        """
        ids = kwargs.pop("ids", None)
        self._refuse(kwargs, frozenset({"batch_size"}))
        documents = list(documents)
        chunks = [to_chunk(document) for document in documents]
        if ids is not None:
            ids = list(ids)
            if len(ids) != len(chunks):
                raise InvalidInputError("there must be as many ids as documents")
        chunks = [
            Chunk(c.text, c.metadata, (ids[i] if ids else None) or c.id or str(uuid.uuid4()))
            for i, c in enumerate(chunks)
        ]
        began = time.perf_counter()
        clean = self._binding.inward(chunks, known, stored=True)
        prefix = len(self._binding.scoped(""))
        stale = [
            self._binding.scoped(str(before.id))
            for before, after in zip(chunks, clean, strict=True)
            if before.id != str(after.id)[prefix:]
        ]
        self._write(clean, stale)
        if self._recorder is not None:
            note_ingested(self._recorder, self._binding, chunks, clean, began)
        return [str(chunk.id)[prefix:] for chunk in clean]

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        known: Known | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Scrub texts and add them. See `add_documents`."""
        self._refuse(kwargs, frozenset())
        if isinstance(texts, str):
            raise InvalidInputError("add_texts takes a list of strings")
        checked = list(texts)
        if not all(isinstance(text, str) for text in checked):
            raise InvalidInputError("every text must be a string")
        if metadatas is not None and len(metadatas) != len(checked):
            raise InvalidInputError("there must be as many metadatas as texts")
        documents = [
            Document(page_content=text, metadata=(metadatas[i] if metadatas else None) or {})
            for i, text in enumerate(checked)
        ]
        return self.add_documents(documents, ids=ids, known=known)

    def _write(self, chunks: list[Chunk], stale: list[str]) -> None:
        """Write in batches; take back what was written if the user is erased meanwhile."""
        # Of several with one id the last one is kept, as if each had been added alone.
        by_id = {str(chunk.id): chunk for chunk in chunks}
        epoch = self._binding.epoch()
        written: list[str] = []
        try:
            for ids in self._parts(list(by_id)):
                written += ids
                self._dialect.add(
                    [
                        Document(page_content=c.text, metadata=dict(c.metadata), id=c.id)
                        for c in (by_id[id] for id in ids)
                    ],
                    ids,
                )
            # Written under their own ids before the names in them were known.
            self._remove_present([id for id in stale if id not in by_id])
        finally:
            # An erasure that began meanwhile may have counted already.
            erased = bool(written) and (epoch is None or self._binding.epoch() != epoch)
            if erased:
                self._remove(written)
        if erased:
            raise UserErasedError

    def _remove_present(self, ids: list[str]) -> None:
        """Remove what is there: stores log an id that they are to delete, whoever bears it."""
        for part in self._parts(ids):
            there = {document.id for document in self._dialect.get(part)}
            self._remove([id for id in part if id in there])

    def _remove(self, ids: list[str]) -> None:
        for part in self._parts(ids):
            self._dialect.delete(part)

    def _parts(self, ids: list[str]) -> list[list[str]]:
        size = self._dialect.batch
        return [ids[k : k + size] for k in range(0, len(ids), size)]

    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> bool | None:
        """Delete items of this user by id; ids that are not there are passed over.

        Raises:
            InvalidInputError: No ids: to erase a user, call `delete_user`.
        """
        self._refuse(kwargs, frozenset())
        if ids is None:
            raise InvalidInputError("delete needs ids; to erase a user, call delete_user")
        self._remove_present(list(dict.fromkeys(self._binding.scope_ids(ids))))
        return True

    # Reading

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """Items of this user by id; those that are not there are left out."""
        scoped = list(dict.fromkeys(self._binding.read_ids(ids)))
        found = [doc for part in self._parts(scoped) for doc in self._dialect.get(part)]
        return self._outward([doc for doc in found if self._is_live(doc)])

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """Items of this user most similar to a question.

        Args:
            query: The question; scrubbed before it is embedded.
            k: How many.
            **kwargs: ``filter``, a mapping such as ``{"year": {"$gte": 2020}}`` whatever the store
                (see `piirag.tenancy.filters`), and keywords that the store's dialect lets
                through, such as ``where_document`` for Chroma. They narrow the result within the
                user's own items.

        Raises:
            TenancyError: A filter on the tenant key, or an unknown keyword.
            InvalidInputError: A filter that the store cannot carry out.
        """
        return [doc for doc, _ in self.similarity_search_with_score(query, k, **kwargs)]

    def similarity_search_with_score(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """Items of this user most similar to a question, with the store's scores."""
        options = self._options(kwargs)
        with self._searched(kwargs, query) as seen:
            clean = self._binding.chunks.question(query)
            found = self._full(
                k, lambda n: self._dialect.search(clean, n, options), lambda pair: pair[0]
            )
            documents = self._outward([doc for doc, _ in found])
            seen(documents, [score for _, score in found])
        return [(doc, score) for doc, (_, score) in zip(documents, found, strict=True)]

    def similarity_search_with_relevance_scores(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """Items with scores from 0 to 1. See `VectorStore`, which writes the texts of items into
        a warning where a score lies outside; here the warning holds none.
        """
        least = kwargs.pop("score_threshold", None)
        found = self._similarity_search_with_relevance_scores(query, k, **kwargs)
        if not all(0.0 <= score <= 1.0 for _, score in found):
            warnings.warn("relevance scores outside of 0 to 1", stacklevel=2)
        return [pair for pair in found if least is None or pair[1] >= least]

    async def asimilarity_search_with_relevance_scores(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """See `similarity_search_with_relevance_scores`."""
        search = partial(self.similarity_search_with_relevance_scores, query, k, **kwargs)
        return await run_in_executor(None, search)

    def similarity_search_by_vector(
        self, embedding: list[float], k: int = 4, **kwargs: Any
    ) -> list[Document]:
        """Items of this user most similar to a vector."""
        options, vector = self._options(kwargs), _vector(embedding)
        with self._searched(kwargs) as seen:
            found = self._full(
                k, lambda n: self._dialect.search_by_vector(vector, n, options), lambda doc: doc
            )
            documents = self._outward(found)
            seen(documents, None)
        return documents

    def max_marginal_relevance_search(
        self,
        query: str,
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        **kwargs: Any,
    ) -> list[Document]:
        """Items of this user that are similar to a question and differ among themselves."""
        options = self._options(kwargs)
        with self._searched(kwargs, query) as seen:
            clean = self._binding.chunks.question(query)
            _check_mmr(fetch_k, lambda_mult)
            found = self._full(
                k,
                lambda n: self._dialect.search_mmr(clean, n, max(n, fetch_k), lambda_mult, options),
                lambda doc: doc,
            )
            documents = self._outward(found)
            seen(documents, None)
        return documents

    def max_marginal_relevance_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        **kwargs: Any,
    ) -> list[Document]:
        """Items of this user that are similar to a vector and differ among themselves."""
        options, vector = self._options(kwargs), _vector(embedding)
        _check_mmr(fetch_k, lambda_mult)
        with self._searched(kwargs) as seen:
            found = self._full(
                k,
                lambda n: self._dialect.search_mmr_by_vector(
                    vector, n, max(n, fetch_k), lambda_mult, options
                ),
                lambda doc: doc,
            )
            documents = self._outward(found)
            seen(documents, None)
        return documents

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        return self._dialect.relevance()

    def as_retriever(self, **kwargs: Any) -> TenantRetriever:
        """A retriever over this user's items. See `VectorStore.as_retriever`."""
        tags = [*(kwargs.pop("tags", None) or []), *self._get_retriever_tags()]
        return TenantRetriever(vectorstore=self, tags=tags, **kwargs)

    def combined(self, retriever: BaseRetriever) -> CombinedRetriever:
        """A retriever made of several, of which every part has to be this user's.

        Args:
            retriever: An ensemble, one of several questions, of parents, with a compressor or a
                reranker, over what `as_retriever` and `docstore` gave.

        Raises:
            TenancyError: A part of it is not this user's, or nobody can tell.
        """
        from langchain_piirag.combined import CombinedRetriever

        return CombinedRetriever(retriever, self._binding)

    @classmethod
    def from_texts(cls, *args: Any, **kwargs: Any) -> UserVectorStore:
        """Not offered: a view is made from a store, by `TenantVectorStore(...).for_user(...)`.

        Raises:
            InvalidInputError: Always.
        """
        raise InvalidInputError("use TenantVectorStore(store, scrubber=...).for_user(user_id)")

    def _searched(
        self, kwargs: Mapping[str, Any], query: str | None = None
    ) -> AbstractContextManager[Seen]:
        return searched(self._recorder, self._binding, query, kwargs.get("filter"))

    def _options(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """The keywords of a search: the filter, and what the dialect lets through."""
        self._refuse(kwargs, self._dialect.search_keywords | {"filter"})
        given = {k: v for k, v in kwargs.items() if k != "filter"}
        return {
            **self._dialect.keywords(given, self._binding.chunks.filter),
            **self._dialect.search_options(self._binding.scope(kwargs.get("filter"))),
        }

    def _full(
        self, k: int, fetch: Callable[[int], Sequence[T]], document: Callable[[T], Document]
    ) -> list[T]:
        """What a search finds and is still alive: `k` of it, as long as there is so much."""
        if type(k) is not int or not 0 <= k <= _MOST:
            raise InvalidInputError("k must be a number of documents")
        wanted = k
        while wanted:
            found = fetch(wanted)
            for item in found:
                self._binding.tags.require(self._binding.readable, document(item).metadata)
            alive = [item for item in found if self._is_live(document(item))]
            if len(alive) >= k or len(found) < wanted or wanted == _MOST:
                return alive[:k]
            wanted = min(2 * wanted, _MOST)
        return []

    def _is_live(self, document: Document) -> bool:
        return self._binding.is_live(document.metadata)

    @staticmethod
    def _refuse(kwargs: Mapping[str, Any], allowed: frozenset[str]) -> None:
        unknown = sorted(set(kwargs) - allowed)
        if unknown:
            raise TenancyError(
                f"unknown keywords {', '.join(unknown)}: a store that ignores one would return "
                "every user's items"
            )

    def _outward(self, found: Sequence[Document]) -> list[Document]:
        """Check, scrub once more, and name items as the caller knows them."""
        own = [self._binding.outward(doc.id, doc.metadata) for doc in found]
        chunks = [
            Chunk(doc.page_content, _without_llama_index(metadata), id)
            for doc, (id, metadata) in zip(found, own, strict=True)
        ]
        return [
            Document(page_content=chunk.text, metadata=dict(chunk.metadata), id=chunk.id)
            for chunk in self._binding.again(chunks)
        ]

    def __repr__(self) -> str:
        return f"UserVectorStore({self._dialect.kind})"


def _without_llama_index(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """Metadata without what LlamaIndex adds; ``doc_id`` alone is LangChain's, of a parent."""
    if not metadata.keys() & {"_node_content", "_node_type"}:
        return metadata
    return {key: value for key, value in metadata.items() if key not in _LLAMA_INDEX_KEYS}


def _vector(embedding: Any) -> list[float]:
    """A vector of finite numbers, as a plain list.

    Raises:
        InvalidInputError: It is none.
    """
    try:
        vector = [float(value) for value in embedding]
    except (TypeError, ValueError, OverflowError):
        vector = []
    if isinstance(embedding, str) or not vector or not all(map(math.isfinite, vector)):
        raise InvalidInputError("an embedding is a list of finite numbers")
    return vector


def _check_mmr(fetch_k: Any, lambda_mult: Any) -> None:
    if type(fetch_k) is not int or not 0 <= fetch_k <= _MOST:
        raise InvalidInputError("fetch_k must be a number of documents")
    if isinstance(lambda_mult, bool) or not isinstance(lambda_mult, int | float):
        raise InvalidInputError("lambda_mult must be a number")
