"""A user's view of a key-value store of documents that many share: the parents of chunks."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langchain_core.documents import Document
from langchain_core.load import dumps, loads
from langchain_core.stores import BaseStore

from langchain_piirag.documents import to_chunk
from langchain_piirag.erasure_targets.byte_stores import KeyValueTarget, coded, folder_of
from piirag.erasure import ErasureTarget
from piirag.erasure.targets.vault import VaultTarget
from piirag.errors import ConfigurationError, InvalidInputError, UserErasedError
from piirag.tenancy import Chunk, TenantBinding
from piirag.vault.keys import keyed_hash

# What a key may be where it becomes the name of a file: never a path, nor hidden.
_NAME = re.compile(r"[A-Za-z0-9_\-][A-Za-z0-9_.\-]{0,127}")


class UserDocstore(BaseStore[str, Document]):
    """One user's part of a shared store of documents; made by `UserVectorStore.docstore`.

    Give it to a `ParentDocumentRetriever` or `MultiVectorRetriever` as its ``docstore``: chunks
    then lead to documents of this user only, and of spaces that the user may read, whatever ids
    they name. What is written is scrubbed and tagged; what is read is looked up under the user's
    own keys, its tag is checked, and it is scrubbed once more.

    Args:
        store: Any LangChain key-value store; not to be given out to users.
        binding: The user.
        encoded: Whether values are bytes in the store (`LocalFileStore`, `InMemoryByteStore`,
            Redis); `create_kv_docstore` reads what is written so. False for a store that holds
            documents, or encodes them itself.

    Raises:
        ConfigurationError: No key-value store, or a view of a user.
    """

    def __init__(
        self, store: BaseStore[str, Any], binding: TenantBinding, *, encoded: bool = False
    ) -> None:
        if not isinstance(store, BaseStore) or isinstance(store, UserDocstore):
            raise ConfigurationError("a docstore is a key-value store of LangChain, and no view")
        self._inner = store
        self._binding = binding
        self._encoded = encoded
        self._in_files = folder_of(coded(store)[0]) is not None

    # Writing

    def mset(self, key_value_pairs: Sequence[tuple[str, Document]]) -> None:
        """Scrub documents and write them; one whose key is there already is replaced.

        Args:
            key_value_pairs: Keys, as chunks of this user name them, and documents.

        Raises:
            InvalidInputError: Something that is no document, or no key.
            TenancyError: A document names another user.
            DetectionError: The detector failed; nothing was written.
            UserErasedError: The user was erased; nothing of this is left.
        """
        pairs = list(key_value_pairs)
        keys = [self._key(key) for key, _ in pairs]
        clean = self._binding.inward([to_chunk(document) for _, document in pairs])
        written = [
            (key, self._written(Document(page_content=c.text, metadata=dict(c.metadata), id=c.id)))
            for key, c in zip(keys, clean, strict=True)
        ]
        if not written:
            return
        epoch = self._binding.epoch()
        self._inner.mset(written)
        # An erasure that began meanwhile may have counted already.
        if epoch is None or self._binding.epoch() != epoch:
            self._inner.mdelete(keys)
            raise UserErasedError

    def mdelete(self, keys: Sequence[str]) -> None:
        """Delete documents of this user; keys that are not there are passed over."""
        stored = list(dict.fromkeys(map(self._key, keys)))
        there = [
            key
            for key, value in zip(stored, self._inner.mget(stored), strict=True)
            if value is not None
        ]
        if there:
            self._inner.mdelete(there)

    # Reading

    def mget(self, keys: Sequence[str]) -> list[Document | None]:
        """The documents under keys: the user's own, else those of spaces the user may read.

        Args:
            keys: As the chunks of this user name them.

        Returns:
            For each key its document, or None.

        Raises:
            InvalidInputError: No key.
            TenancyError: What stands under the user's key bears another user's tag, or none.
        """
        keys = list(keys)
        found: dict[int, Document] = {}
        for tag in self._binding.readable:
            missing = [n for n in range(len(keys)) if n not in found]
            stored = [self._key(keys[n], tag) for n in missing]
            values = self._inner.mget(stored) if stored else []
            for n, value in zip(missing, values, strict=True):
                document = None if value is None else self._read(value)
                if document is not None:
                    found[n] = document
        clean = dict(zip(found, self._outward(list(found.values())), strict=True))
        return [clean.get(n) for n in range(len(keys))]

    def yield_keys(self, *, prefix: str | None = None) -> Iterator[str]:
        """The keys of the user's own documents; lists those of the whole store."""
        own = self._prefix(self._binding.tag)
        # Without a prefix, which some stores take for a folder and some for a pattern.
        for key in list(self._inner.yield_keys()):
            if key.startswith(own) and key[len(own) :].startswith(prefix or ""):
                yield key[len(own) :]

    def erasure_targets(self) -> list[ErasureTarget]:
        """What `delete_user` has to erase from: the whole store, and the vault."""
        return [self.erasure_target(), VaultTarget(self._binding.chunks.scrubber.vault)]

    def erasure_target(self) -> ErasureTarget:
        """The store that the users share."""
        return KeyValueTarget(self._inner, self._binding.tags)

    # Keys and values

    def _prefix(self, tag: str) -> str:
        return f"{tag}/" if self._in_files else f"{tag}:"

    def _key(self, key: Any, tag: str | None = None) -> str:
        """The key under which the store knows a document.

        Chunks name their document in their metadata, which are scrubbed: a key that holds a value
        is therefore scrubbed in the same way. As the name of a file it may have to be hashed.
        """
        if not isinstance(key, str) or not key:
            raise InvalidInputError("a key is missing or empty")
        chunks = self._binding.chunks
        clean = str(chunks.metadata({"doc_id": key}, remember=False)["doc_id"])
        if self._in_files and not _NAME.fullmatch(clean):
            digest = keyed_hash(chunks.scrubber.secret(chunks.user_id, "ids"), clean)
            clean = f"id-{base64.b32encode(digest[:16]).decode().lower().rstrip('=')}"
        return self._prefix(tag or self._binding.tag) + clean

    def _written(self, document: Document) -> Any:
        return dumps(document).encode() if self._encoded else document

    def _read(self, value: Any) -> Document | None:
        """A document that has not expired."""
        document = value
        if self._encoded:
            document = loads(bytes(value).decode(), allowed_objects=[Document])
        if not isinstance(document, Document):
            raise InvalidInputError("what the store holds under this key is no document")
        self._binding.tags.require(self._binding.readable, document.metadata)
        return document if self._binding.is_live(document.metadata) else None

    def _outward(self, found: Sequence[Document]) -> list[Document]:
        own: list[tuple[str | None, Mapping[str, Any]]] = [
            self._binding.outward(doc.id, doc.metadata) for doc in found
        ]
        chunks = [
            Chunk(doc.page_content, metadata, id)
            for doc, (id, metadata) in zip(found, own, strict=True)
        ]
        return [
            Document(page_content=chunk.text, metadata=dict(chunk.metadata), id=chunk.id)
            for chunk in self._binding.again(chunks)
        ]

    def __repr__(self) -> str:
        return f"UserDocstore({type(self._inner).__name__})"
