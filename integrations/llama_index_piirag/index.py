"""An index that many users share, and each user's view of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.indices.vector_store.base import VectorStoreIndex
from llama_index.core.indices.vector_store.retrievers import VectorIndexRetriever
from llama_index.core.ingestion import arun_transformations, run_transformations
from llama_index.core.llms import LLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import BaseNode, Document, TransformComponent
from llama_index.core.settings import Settings
from llama_index.core.storage import StorageContext
from llama_index.core.storage.docstore.types import BaseDocumentStore
from llama_index.core.vector_stores.types import BasePydanticVectorStore

from llama_index_piirag.combined import CombinedRetriever
from llama_index_piirag.docstore import UserDocstore
from llama_index_piirag.erasure import DocstoreTarget
from llama_index_piirag.llm import RedactedLLM
from llama_index_piirag.query_engine import TenantQueryEngine
from llama_index_piirag.retriever import TenantRetriever
from llama_index_piirag.scrubbing import embedded_text, scrub_nodes
from llama_index_piirag.tenants import TenantVectorStore
from llama_index_piirag.vector_store import UserVectorStore
from piirag.detection.known import Known
from piirag.erasure import ErasureTarget
from piirag.errors import ConfigurationError, TenancyError
from piirag.governance.audit import AuditLog
from piirag.governance.stamps import Stamp
from piirag.redaction.scrubber import Scrubber

_RETRIEVER = frozenset(
    """
    similarity_top_k vector_store_query_mode filters node_ids doc_ids callback_manager embed_model
    verbose vector_store_kwargs
    """.split()
)
_ENGINE = frozenset(
    """
    response_synthesizer node_postprocessors callback_manager response_mode text_qa_template
    refine_template summary_template simple_template output_cls use_async streaming verbose
    """.split()
)


class TenantIndex:
    """An index whose documents belong to users; `for_user` gives each their own view.

    Args:
        vector_store: A LlamaIndex vector store of a kind that `TenantVectorStore` takes, or a
            `TenantVectorStore`.
        scrubber: Scrubs what is written and what is asked.
        embed_model: Embeds scrubbed text; LlamaIndex's `Settings.embed_model` if None.
        known_from: Entity type -> metadata keys that hold known values:
            ``{"PERSON": ["customer"]}``.
        tenant_key: Metadata key of the tag that names the user of a chunk.
        keyed_user_ids: Store a keyed hash in place of the user id.
        known: Values the application knows that may stand in questions and filters.
        docstore: Where scrubbed nodes are kept beside the vector store, and deleted from.
        docstore_path: The file the docstore is persisted to; see `DocstoreTarget`.
        transformations: Split a scrubbed document; LlamaIndex's `Settings.transformations` if
            None.
        stamp: Written into the metadata of every chunk: source, writer, time, label. See `Stamp`.
        audit: The log that every write leaves a record in: an `AuditLog`, or a path for one.

    Raises:
        UnsupportedStoreError: A store whose users piirag cannot keep apart.
        ConfigurationError: A `TenantVectorStore` with another scrubber, or beside a stamp or a
            log; a stamp that holds personal data.
    """

    def __init__(
        self,
        vector_store: BasePydanticVectorStore | TenantVectorStore,
        *,
        scrubber: Scrubber,
        embed_model: BaseEmbedding | None = None,
        known_from: Mapping[str, Sequence[str]] | None = None,
        tenant_key: str = "user_id",
        keyed_user_ids: bool = False,
        known: Known | None = None,
        docstore: BaseDocumentStore | None = None,
        docstore_path: str | None = None,
        transformations: Sequence[TransformComponent] | None = None,
        stamp: Stamp | None = None,
        audit: AuditLog | str | Path | None = None,
    ) -> None:
        self._embed_model: BaseEmbedding = embed_model or Settings.embed_model
        if isinstance(vector_store, TenantVectorStore):
            if stamp is not None or audit is not None:
                raise ConfigurationError("give stamp and audit to the TenantVectorStore")
            if vector_store.scrubber is not scrubber:
                raise ConfigurationError("the vector store has another scrubber than the index")
            self._store = vector_store
        else:
            self._store = TenantVectorStore(
                vector_store,
                scrubber=scrubber,
                known_from=known_from,
                tenant_key=tenant_key,
                keyed_user_ids=keyed_user_ids,
                embed_model=self._embed_model,
                known=known,
                stamp=stamp,
                audit=audit,
            )
        self._docstore = docstore
        self._docstore_path = docstore_path
        self._transformations = None if transformations is None else list(transformations)

    def for_user(
        self, user_id: str, *, shared: bool = False, groups: Sequence[str] = ()
    ) -> UserIndex:
        """One user's view; cheap, so make one per request.

        Args:
            user_id: Set by the server side, never taken from a request as it is.
            shared: Whether the user reads the shared space besides.
            groups: Groups whose chunks the user reads besides. Set by the server side.

        Raises:
            InvalidUserIdError: Missing, empty, no string, or outside the safe alphabet; also of a
                group.
        """
        return self._over(self._store.for_user(user_id, shared=shared, groups=groups))

    def shared(self) -> UserIndex:
        """The shared space: written here only, read by users made with ``shared=True``."""
        return self._over(self._store.shared())

    def group(self, name: str) -> UserIndex:
        """The space of a group: written here only, read by users whose ``groups`` name it.

        Raises:
            InvalidUserIdError: A name outside the alphabet of plain user ids.
        """
        return self._over(self._store.group(name))

    def _over(self, store: UserVectorStore) -> UserIndex:
        transformations = self._transformations or Settings.transformations
        docstore = None
        if self._docstore is not None:
            docstore = UserDocstore(self._docstore, store.binding, self._docstore_path)
        return UserIndex(store, self._embed_model, transformations, docstore, self._store.known)

    def erasure_targets(self) -> list[ErasureTarget]:
        """What `delete_user` has to erase from: collection, docstore, vault."""
        targets = self._store.erasure_targets()
        if self._docstore is not None:
            tags, path = self._store.tags, self._docstore_path
            targets.insert(1, DocstoreTarget(self._docstore, tags, persist_path=path))
        return targets

    def __repr__(self) -> str:
        return f"TenantIndex({self._store!r})"


class UserIndex:
    """One user's view of a shared index; made by `TenantIndex.for_user`.

    Documents are scrubbed before they are split, chunks before they are embedded, questions
    before they are embedded or traced.
    """

    def __init__(
        self,
        vector_store: UserVectorStore,
        embed_model: BaseEmbedding,
        transformations: Sequence[TransformComponent],
        docstore: UserDocstore | None = None,
        known: Known | None = None,
    ) -> None:
        self._store = vector_store
        self._known = known
        self._binding = vector_store.binding
        self._transformations = list(transformations)
        self._docstore = docstore
        self._index = VectorStoreIndex.from_vector_store(vector_store, embed_model=embed_model)

    @property
    def vector_store(self) -> UserVectorStore:
        """The user's view of the vector store."""
        return self._store

    @property
    def docstore(self) -> UserDocstore:
        """The user's view of the docstore, for what follows ids into one.

        Nodes that are to be found there and not embedded, such as the parents of an auto-merging
        retriever, are written with its `add_documents`.

        Raises:
            ConfigurationError: The index was made without a docstore.
        """
        if self._docstore is None:
            raise ConfigurationError("this index has no docstore; pass TenantIndex(docstore=...)")
        return self._docstore

    @property
    def storage_context(self) -> StorageContext:
        """The user's views of docstore and vector store, for ``AutoMergingRetriever``.

        Raises:
            ConfigurationError: The index was made without a docstore.
        """
        return StorageContext.from_defaults(docstore=self.docstore, vector_store=self._store)

    # Writing

    def insert(self, document: Document, *, known: Known | None = None) -> None:
        """Scrub, split, embed and store a document. See `insert_documents`."""
        self.insert_documents([document], known=known)

    def insert_documents(
        self, documents: Sequence[Document], *, known: Known | None = None
    ) -> None:
        """Scrub, split, embed and store documents.

        Args:
            documents: Not changed.
            known: Values the application knows to stand in them.

        Raises:
            InvalidInputError: Something that is no text document.
            TenancyError: A document names another user.
            DetectionError: The detector failed; nothing was stored.
            UserErasedError: The user was erased.
        """
        clean = scrub_nodes(self._binding, documents, known=known)
        chunks = list(run_transformations(clean, self._transformations, in_place=False))
        self.insert_nodes(chunks)
        if self._docstore is not None:
            self._docstore.set_document_hashes({doc.id_: doc.hash for doc in clean})

    def insert_nodes(self, nodes: Sequence[BaseNode], *, known: Known | None = None) -> None:
        """Scrub, embed and store nodes. See `insert_documents`."""
        clean = self._ready(nodes, known)
        self._index.insert_nodes(clean)
        if self._docstore is not None:
            self._docstore.put(clean)

    async def ainsert(self, document: Document, *, known: Known | None = None) -> None:
        """Scrub, split, embed and store a document. See `insert_documents`."""
        await self.ainsert_documents([document], known=known)

    async def ainsert_documents(
        self, documents: Sequence[Document], *, known: Known | None = None
    ) -> None:
        """Scrub, split, embed and store documents. See `insert_documents`."""
        clean = await asyncio.to_thread(scrub_nodes, self._binding, documents, known=known)
        chunks = await arun_transformations(clean, self._transformations, in_place=False)
        await self.ainsert_nodes(list(chunks))
        if self._docstore is not None:
            await self._docstore.aset_document_hashes({doc.id_: doc.hash for doc in clean})

    async def ainsert_nodes(self, nodes: Sequence[BaseNode], *, known: Known | None = None) -> None:
        """Scrub, embed and store nodes. See `insert_documents`."""
        clean = await asyncio.to_thread(self._ready, nodes, known)
        await self._index.ainsert_nodes(clean)
        if self._docstore is not None:
            await asyncio.to_thread(self._docstore.put, clean)

    def _ready(self, nodes: Sequence[BaseNode], known: Known | None) -> list[BaseNode]:
        clean = scrub_nodes(self._binding, nodes, known=known)
        return [node for node in clean if embedded_text(node)]

    # Deleting

    def delete_nodes(self, node_ids: Sequence[str]) -> int:
        """Delete chunks of the user, from the docstore too; return how many there were."""
        chunks = self._store.collection
        stored = chunks.stored_ids(node_ids)
        if self._docstore is not None:
            self._docstore.remove(stored)
        return chunks.delete_ids(stored, chunks.filters.where(None))

    def delete_ref_doc(self, ref_doc_id: str) -> int:
        """Delete a document and its chunks, from the docstore too.

        Returns:
            How many chunks there were; 0 for a document that is not there, or not this user's.
        """
        chunks = self._store.collection
        stored = chunks.stored_document_ids(ref_doc_id)
        if self._docstore is not None:
            self._docstore.remove_ref_docs(stored)
        return chunks.delete_where(chunks.of_document(stored))

    async def adelete_nodes(self, node_ids: Sequence[str]) -> int:
        """Delete chunks of the user. See `delete_nodes`."""
        return await asyncio.to_thread(self.delete_nodes, node_ids)

    async def adelete_ref_doc(self, ref_doc_id: str) -> int:
        """Delete a document and its chunks. See `delete_ref_doc`."""
        return await asyncio.to_thread(self.delete_ref_doc, ref_doc_id)

    # Asking

    def as_retriever(self, **kwargs: Any) -> TenantRetriever:
        """A retriever over the user's chunks.

        Args:
            **kwargs: ``similarity_top_k``, ``filters``, ``vector_store_query_mode`` (``default``
                or ``mmr``), ``vector_store_kwargs``, ``doc_ids``, ``node_ids``, ``embed_model``,
                ``callback_manager``, ``verbose``.

        Raises:
            TenancyError: A filter on the tenant key, or an unknown keyword.
            InvalidInputError: A filter that the store cannot carry out.
        """
        _refuse(kwargs, _RETRIEVER)
        self._store.collection.filters.where(kwargs.get("filters"))
        inner = VectorIndexRetriever(self._index, **kwargs)
        return TenantRetriever(
            inner,
            self._binding,
            callback_manager=kwargs.get("callback_manager"),
            verbose=kwargs.get("verbose", False),
        )

    def combined(self, retriever: BaseRetriever) -> CombinedRetriever:
        """A retriever made of several, of which every part has to be this user's.

        Args:
            retriever: Auto-merging, recursive, fusion, over what `as_retriever` and
                `storage_context` gave.

        Raises:
            TenancyError: A part of it is not this user's, or nobody can tell.
        """
        return CombinedRetriever(retriever, self._binding)

    def as_query_engine(self, llm: LLM | None = None, **kwargs: Any) -> TenantQueryEngine:
        """A query engine over the user's chunks.

        Args:
            llm: Gets placeholders only: a model that is no `RedactedLLM` is wrapped into one.
                LlamaIndex's `Settings.llm` if None.
            **kwargs: As for `as_retriever` and `RetrieverQueryEngine.from_args`. A
                ``response_synthesizer`` of your own brings its own model: wrap that one.

        Raises:
            TenancyError: A model bound to another user, a filter on the tenant key, or an unknown
                keyword.
        """
        _refuse(kwargs, _RETRIEVER | _ENGINE)
        retriever = self.as_retriever(**{k: v for k, v in kwargs.items() if k in _RETRIEVER})
        chunks = self._binding.chunks
        model = llm
        if model is None and kwargs.get("response_synthesizer") is None:
            model = Settings.llm
        if model is not None and not isinstance(model, RedactedLLM):
            model = RedactedLLM(model, scrubber=chunks.scrubber)
        if isinstance(model, RedactedLLM):
            model = model.sealed(chunks.scrubber, chunks.user_id)
        options = {k: v for k, v in kwargs.items() if k in _ENGINE}
        engine = RetrieverQueryEngine.from_args(retriever, llm=model, **options)
        return TenantQueryEngine(engine, self._binding, self._known)

    def __repr__(self) -> str:
        return "UserIndex(...)"


def _refuse(kwargs: Mapping[str, Any], allowed: frozenset[str]) -> None:
    unknown = sorted(set(kwargs) - allowed)
    if unknown:
        raise TenancyError(
            f"unknown keywords {', '.join(unknown)}: one that is passed over may have been meant "
            "to narrow the search"
        )
