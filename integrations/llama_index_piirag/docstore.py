"""A user's view of a docstore that many share."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from llama_index.core.schema import BaseNode
from llama_index.core.storage.docstore.types import BaseDocumentStore, RefDocInfo
from llama_index.core.storage.kvstore.types import DEFAULT_BATCH_SIZE

from llama_index_piirag.erasure_targets.docstores import DocstoreTarget
from llama_index_piirag.records import from_document
from llama_index_piirag.scrubbing import (
    bare_id,
    require_text_node,
    scrub_nodes,
    scrub_nodes_again,
    without_scope,
)
from piirag.erasure import ErasureTarget
from piirag.erasure.targets.vault import VaultTarget
from piirag.errors import InvalidInputError, TenancyError, UserErasedError
from piirag.tenancy import Chunk, TenantBinding


class UserDocstore(BaseDocumentStore):
    """One user's part of a shared docstore; made by `UserIndex.docstore`.

    What follows ids into a docstore (auto-merging, previous and next nodes, recursive retrieval)
    finds the user's own nodes in it, and those of spaces that the user may read. Whatever is
    written is scrubbed and tagged; whatever is read is looked up under the user's own ids, and
    its tag is checked.

    Args:
        docstore: Any LlamaIndex docstore; not to be given out to users.
        binding: The user.
        persist_path: The file it is persisted to; see `DocstoreTarget`.
    """

    def __init__(
        self,
        docstore: BaseDocumentStore,
        binding: TenantBinding,
        persist_path: str | Path | None = None,
    ) -> None:
        self._inner = docstore
        self._binding = binding
        self._persist_path = persist_path

    # Writing

    def add_documents(
        self,
        docs: Sequence[BaseNode],
        allow_update: bool = True,
        batch_size: int = DEFAULT_BATCH_SIZE,
        store_text: bool = True,
    ) -> None:
        """Scrub documents or nodes and write them.

        The hash that is noted of a document is that of the document as it was given, so that an
        ingestion pipeline knows it again.

        Raises:
            InvalidInputError: Something that is no text node; or one that is there already, and
                `allow_update` is false.
            TenancyError: A node names another user.
            DetectionError: The detector failed; nothing was written.
            UserErasedError: The user was erased; nothing of this is left.
        """
        docs = list(docs)
        clean = scrub_nodes(self._binding, docs)
        if not allow_update and any(
            self._inner.get_document(node.id_, raise_error=False) is not None for node in clean
        ):
            raise InvalidInputError("a node of this id is there already")
        written = {node.id_ for node in clean}
        stale = [self._binding.scoped(bare_id(self._binding, node)) for node in docs]
        self.put(clean, batch_size=batch_size, store_text=store_text)
        # Written under their own ids before the names in them were known.
        self.remove([id for id in stale if id not in written])
        # Those of nodes stay as they are: what tells their document stands beside them.
        self._note_hashes(
            {
                new.node_id: given.hash
                for given, new in zip(docs, clean, strict=True)
                if given.source_node is None
            }
        )

    def put(self, nodes: Sequence[BaseNode], **options: Any) -> None:
        """Write nodes that were scrubbed and tagged already.

        Args:
            nodes: As `scrub_nodes` made them for this user.
            **options: As for `add_documents` of the docstore.

        Raises:
            UserErasedError: The user was erased; nothing of this is left.
        """
        if not nodes:
            return
        epoch = self._binding.epoch()
        self._inner.add_documents(nodes, allow_update=True, **options)
        # An erasure that began meanwhile may have counted already.
        if epoch is None or self._binding.epoch() != epoch:
            self.remove([node.id_ for node in nodes])
            raise UserErasedError

    def remove(self, stored_ids: Sequence[str]) -> None:
        """Delete what is the user's own by stored id; other ids are passed over."""
        for id in filter(self._is_own, dict.fromkeys(stored_ids)):
            self._inner.delete_document(id, raise_error=False)

    def remove_ref_docs(self, stored_ids: Sequence[str]) -> None:
        """Delete documents of the user and their nodes by stored id."""
        for id in filter(self._is_own, dict.fromkeys(stored_ids)):
            self._inner.delete_ref_doc(id, raise_error=False)
            self._inner.delete_document(id, raise_error=False)

    def delete_document(self, doc_id: str, raise_error: bool = True) -> None:
        """Delete a document or node of the user.

        Raises:
            InvalidInputError: No id; or there is none, and `raise_error` is true.
        """
        there = [id for id in self._own_ids(doc_id) if self._read(id) is not None]
        self.remove(there)
        if raise_error and not there:
            raise _not_found()

    def delete_ref_doc(self, ref_doc_id: str, raise_error: bool = True) -> None:
        """Delete a document of the user and all of its nodes. See `delete_document`."""
        ids = self._own_ids(ref_doc_id)
        there = [id for id in ids if self._inner.get_ref_doc_info(id) is not None]
        self.remove_ref_docs(there)
        if raise_error and not there:
            raise _not_found()

    def set_document_hash(self, doc_id: str, doc_hash: str) -> None:
        """Note the hash of a document of the user."""
        self.set_document_hashes({doc_id: doc_hash})

    def set_document_hashes(self, doc_hashes: dict[str, str]) -> None:
        """Note the hashes of documents of the user.

        Raises:
            UserErasedError: The user was erased.
        """
        # Makes a user known who was never seen, under whose key ids may be hashed.
        self._binding.chunks.scrubber.vault.open(self._binding.user_id)
        self._note_hashes({self._written_id(id): hash for id, hash in doc_hashes.items()})

    def _note_hashes(self, hashes: dict[str, str]) -> None:
        """Note hashes by stored id.

        A docstore lists ids by hashes, one for each. So a hash bears the user's tag: the same
        document of another user has another one.
        """
        if not hashes:
            return
        epoch = self._binding.epoch()
        if epoch is None:
            raise UserErasedError
        self._inner.set_document_hashes(
            {id: self._binding.scoped(hash) for id, hash in hashes.items()}
        )
        if self._binding.epoch() != epoch:
            self.remove(list(hashes))
            raise UserErasedError

    def persist(self, persist_path: str = "", fs: Any = None) -> NoReturn:
        """Refused: a file would hold the documents of all users. Persist the docstore itself."""
        raise TenancyError("persist the docstore that the users share, not a user's view of it")

    # Reading

    def get_document(self, doc_id: str, raise_error: bool = True) -> BaseNode | None:
        """A document or node of the user, or of a space that the user may read.

        Args:
            doc_id: The id, as nodes of this user name each other.
            raise_error: Whether it must be there.

        Raises:
            InvalidInputError: No id; or there is none, and `raise_error` is true.
            TenancyError: What stands under the user's id bears another user's tag, or none.
        """
        for id in self._readable_ids(doc_id):
            node = self._read(id)
            if node is not None and self._binding.is_live(node.metadata):
                return scrub_nodes_again(self._binding, [node])[0]
        if raise_error:
            raise _not_found()
        return None

    @property
    def docs(self) -> dict[str, BaseNode]:
        """The user's own documents and nodes by id; reads the whole docstore."""
        found = {
            id: from_document(self._binding, id, require_stored(node))
            for id, node in self._inner.docs.items()
            if self._is_own(id)
        }
        alive = [node for node in found.values() if self._binding.is_live(node.metadata)]
        return {node.node_id: node for node in scrub_nodes_again(self._binding, alive)}

    def document_exists(self, doc_id: str) -> bool:
        """Whether the user has, or may read, a document of this id."""
        return self.get_document(doc_id, raise_error=False) is not None

    def get_document_hash(self, doc_id: str) -> str | None:
        """The hash of a document of the user."""
        found = (self._inner.get_document_hash(id) for id in self._own_ids(doc_id))
        hash = next((hash for hash in found if hash is not None), None)
        return None if hash is None else without_scope(self._binding, hash)

    def get_all_document_hashes(self) -> dict[str, str]:
        """The user's own documents by their hashes."""
        every = self._inner.get_all_document_hashes()
        own = {hash: id for hash, id in every.items() if self._is_own(id)}
        bare = partial(without_scope, self._binding)
        return {bare(hash): bare(id) for hash, id in own.items()}

    def get_ref_doc_info(self, ref_doc_id: str) -> RefDocInfo | None:
        """What is recorded of a document of the user.

        Raises:
            InvalidInputError: No id.
            TenancyError: It bears another user's tag.
        """
        for id in self._own_ids(ref_doc_id):
            found = self._inner.get_ref_doc_info(id)
            if found is not None:
                return self._record(found)
        return None

    def get_all_ref_doc_info(self) -> dict[str, RefDocInfo] | None:
        """What is recorded of the user's own documents."""
        every = self._inner.get_all_ref_doc_info() or {}
        return {
            without_scope(self._binding, id): self._record(found)
            for id, found in every.items()
            if self._is_own(id)
        }

    # Async

    async def async_add_documents(
        self,
        docs: Sequence[BaseNode],
        allow_update: bool = True,
        batch_size: int = DEFAULT_BATCH_SIZE,
        store_text: bool = True,
    ) -> None:
        """Scrub documents or nodes and write them. See `add_documents`."""
        await asyncio.to_thread(self.add_documents, docs, allow_update, batch_size, store_text)

    async def aget_document(self, doc_id: str, raise_error: bool = True) -> BaseNode | None:
        """A document or node. See `get_document`."""
        return await asyncio.to_thread(self.get_document, doc_id, raise_error)

    async def adelete_document(self, doc_id: str, raise_error: bool = True) -> None:
        """Delete a document or node of the user. See `delete_document`."""
        await asyncio.to_thread(self.delete_document, doc_id, raise_error)

    async def adelete_ref_doc(self, ref_doc_id: str, raise_error: bool = True) -> None:
        """Delete a document of the user and its nodes. See `delete_document`."""
        await asyncio.to_thread(self.delete_ref_doc, ref_doc_id, raise_error)

    async def adocument_exists(self, doc_id: str) -> bool:
        """Whether there is a document of this id. See `document_exists`."""
        return await asyncio.to_thread(self.document_exists, doc_id)

    async def aset_document_hash(self, doc_id: str, doc_hash: str) -> None:
        """Note the hash of a document of the user."""
        await asyncio.to_thread(self.set_document_hash, doc_id, doc_hash)

    async def aset_document_hashes(self, doc_hashes: dict[str, str]) -> None:
        """Note the hashes of documents of the user."""
        await asyncio.to_thread(self.set_document_hashes, doc_hashes)

    async def aget_document_hash(self, doc_id: str) -> str | None:
        """The hash of a document of the user."""
        return await asyncio.to_thread(self.get_document_hash, doc_id)

    async def aget_all_document_hashes(self) -> dict[str, str]:
        """The user's own documents by their hashes."""
        return await asyncio.to_thread(self.get_all_document_hashes)

    async def aget_ref_doc_info(self, ref_doc_id: str) -> RefDocInfo | None:
        """What is recorded of a document of the user."""
        return await asyncio.to_thread(self.get_ref_doc_info, ref_doc_id)

    async def aget_all_ref_doc_info(self) -> dict[str, RefDocInfo] | None:
        """What is recorded of the user's own documents."""
        return await asyncio.to_thread(self.get_all_ref_doc_info)

    def erasure_targets(self) -> list[ErasureTarget]:
        """What `delete_user` has to erase from: the whole docstore, and the vault."""
        return [self.erasure_target(), VaultTarget(self._binding.chunks.scrubber.vault)]

    def erasure_target(self) -> ErasureTarget:
        """The docstore that the users share."""
        return DocstoreTarget(self._inner, self._binding.tags, persist_path=self._persist_path)

    # Ids

    def _is_own(self, stored_id: str) -> bool:
        return stored_id.startswith(self._binding.scoped(""))

    def _own_ids(self, id: str) -> list[str]:
        """The ids under which something of the user may be stored, given the caller's.

        As in `TenantCollection.stored_ids`, an id that bears the tag already is understood too.
        """
        bare = without_scope(self._binding, id) if isinstance(id, str) else id
        return self._binding.scope_ids([id] if bare in {id, ""} else [id, bare])

    def _readable_ids(self, id: str) -> list[str]:
        every = self._binding.read_ids([id])
        return [*self._own_ids(id), *(stored for stored in every if not self._is_own(stored))]

    def _written_id(self, id: str) -> str:
        """The id under which a hash is noted: that of the document, however it was named."""
        as_given = self._binding.scope_ids([id])[0]
        bare = without_scope(self._binding, id)
        if bare in {id, ""} or self._inner.document_exists(as_given):
            return as_given
        return self._binding.scope_ids([bare])[0]

    def _read(self, stored_id: str) -> BaseNode | None:
        node = self._inner.get_document(stored_id, raise_error=False)
        if node is None:
            return None
        return from_document(self._binding, stored_id, require_stored(node))

    def _record(self, found: RefDocInfo) -> RefDocInfo:
        metadata = dict(found.metadata)
        if self._binding.tags.key in metadata:
            _, metadata = self._binding.outward(None, metadata)
        [clean] = self._binding.again([Chunk("", metadata)])
        ids = [without_scope(self._binding, id) for id in found.node_ids if self._is_own(id)]
        return RefDocInfo(node_ids=ids, metadata=dict(clean.metadata))

    def __repr__(self) -> str:
        return f"UserDocstore({type(self._inner).__name__})"


def require_stored(node: BaseNode) -> BaseNode:
    """A node as it is stored; of an index node, not the object that something put into it."""
    if getattr(node, "obj", None) is not None:
        node = node.model_copy(update={"obj": None})
    return require_text_node(node)


def _not_found() -> InvalidInputError:
    return InvalidInputError("no such document of this user")
