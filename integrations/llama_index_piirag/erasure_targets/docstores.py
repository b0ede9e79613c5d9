"""LlamaIndex docstores as erasure targets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from llama_index.core.schema import MetadataMode
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.storage.docstore.types import BaseDocumentStore

from llama_index_piirag.erasure_targets.persisted import OfFile, Persisted
from piirag.erasure import (
    ErasureTarget,
    StoredItem,
    Traces,
    register_resolver,
)
from piirag.erasure.targets.base import StoreTarget
from piirag.erasure.targets.entries import is_keyed, owners_of, still_in_json, with_json
from piirag.erasure.targets.llama_nodes import (
    forget_in_record,
    node_item,
    put_node,
    put_record,
    renewed,
)
from piirag.errors import ErasureError
from piirag.tenancy import TenantTags
from piirag.tenancy.binding import SEPARATOR

_NOT_PERSISTED = (
    "the docstore was changed in memory; a file it was persisted to holds the documents until it "
    "is persisted again (pass DocstoreTarget(docstore, persist_path=...))"
)
_SERVER = "the files of this docstore are not within reach"


class DocstoreTarget(OfFile, StoreTarget):
    """Deletes a user's documents and nodes from a LlamaIndex docstore by the tag they bear.

    `PIIIngestionPipeline`, `PIINodeScrubber` and `TenantIndex` put the tag into metadata and
    before ids. A document that was stored without a tag is nobody's and stays; the receipt says
    how many there are. Not covered is the ingestion cache beside a docstore: see
    `IngestionCacheTarget`.

    Args:
        docstore: Any LlamaIndex docstore, over any key-value store: `SimpleDocumentStore`, those
            for Redis, Postgres, MongoDB.
        tags: How documents name their user; metadata key ``user_id`` if None.
        persist_path: The file that a `SimpleDocumentStore` is persisted to. It is counted along,
            and replaced, at once, after a deletion. What else is in it stays.
    """

    kind = "docstore"
    vectorless = True

    def __init__(
        self,
        docstore: BaseDocumentStore,
        tags: TenantTags | None = None,
        *,
        persist_path: str | Path | None = None,
    ) -> None:
        self._both = Persisted(docstore, persist_path, SimpleDocumentStore.from_persist_path)
        identity = (id(docstore), str(persist_path or ""))
        super().__init__(f"docstore:{type(docstore).__name__}", identity, tags)
        self.capabilities = self._both.capabilities(SimpleDocumentStore, _NOT_PERSISTED, _SERVER)
        self._told = self.capabilities.why_not

    def count(self, user_id: str) -> int:
        """Documents, nodes and records about them, in memory and in the file.

        Raises:
            ErasureError: All documents name their users by keyed ids, which were not expected.
        """
        tag = self.tags.tag(user_id)
        stores = self._both.all()
        ids: set[str] = set()
        nobodys: set[str] = set()
        named: set[str] = set()
        for store in stores:
            ids |= _ids_of(store, tag, self.tags.key)
            for id, node in store.docs.items():
                owners = owners_of(id, dict(node.metadata), self.tags)
                named |= owners
                nobodys |= set() if owners else {id}
        if self._guessed and not ids and named and all(map(is_keyed, named)):
            raise ErasureError("this docstore names its users by keyed ids; pass TenantTags")
        said = f"{len(nobodys)} documents name no user and stay" if nobodys else ""
        note = "; ".join(part for part in (self._told, said) if part)
        self.capabilities = replace(self.capabilities, why_not=note)
        return len(ids)

    def items(self, user_id: str) -> Iterator[StoredItem]:
        """Every document, node and record of the user; one that is in both places comes once."""
        tag = self.tags.tag(user_id)
        found: dict[str, StoredItem] = {}
        for store in self._both.all():
            nodes = store.docs
            for id in sorted(_ids_of(store, tag, self.tags.key)):
                node = nodes.get(id)
                found.setdefault(id, _item(id, node) if node is not None else _record(store, id))
        return iter(found.values())

    def all_items(self) -> Iterator[StoredItem]:
        """Every document, node and record of everybody; twice where memory and file differ."""
        seen: dict[str, StoredItem] = {}
        for number, store in enumerate(self._both.all()):
            nodes = store.docs
            ids = [*nodes, *(id for id in store.get_all_ref_doc_info() or () if id not in nodes)]
            for id in ids:
                item = _item(id, nodes[id]) if id in nodes else _record(store, id)
                if number == 0:
                    seen[id] = item
                elif seen.get(id) == item:
                    continue
                yield item

    def delete_items(self, ids: Sequence[str]) -> None:
        """Delete documents and nodes by id, and what is recorded about them.

        Of a record whose other nodes stay, the metadata are taken.
        """
        with self._both.changed() as stores:
            for store in stores:
                for id in ids:
                    self._delete_one(store, id)

    def replace_items(
        self, items: Sequence[StoredItem], vectors: Sequence[Sequence[float]] | None = None
    ) -> None:
        """Put other text and metadata into documents and nodes that are there, and into records."""
        new = {item.id: item for item in items}
        with self._both.changed() as stores:
            for store in stores:
                for id, item in new.items():
                    self._replace_one(store, id, item)

    def _delete_one(self, docstore: BaseDocumentStore, id: str) -> None:
        node = docstore.get_document(id, raise_error=False)
        if node is not None:
            forget_in_record(docstore, node, {}, self.tags.key)
        docstore.delete_document(id, raise_error=False)
        record = docstore.get_ref_doc_info(id)
        if record is None:
            return
        if any(docstore.get_document(n, raise_error=False) is not None for n in record.node_ids):
            kept = {k: v for k, v in record.metadata.items() if k == self.tags.key}
            put_record(docstore, id, record, kept)
        else:
            docstore.delete_ref_doc(id, raise_error=False)

    def _replace_one(self, docstore: BaseDocumentStore, id: str, item: StoredItem) -> None:
        node = docstore.get_document(id, raise_error=False)
        if node is None:
            record = docstore.get_ref_doc_info(id)
            if record is not None:
                put_record(docstore, id, record, item.metadata)
            return
        new = renewed(node, node.get_content(metadata_mode=MetadataMode.NONE), item)
        put_node(docstore, new)
        forget_in_record(docstore, node, new.metadata, self.tags.key)

    def delete(self, user_id: str) -> None:
        """Delete every document and node of the user, and what is recorded about them.

        Raises:
            ErasureError: A record of a document lists other users' nodes too.
        """
        tag = self.tags.tag(user_id)
        with self._both.changed() as stores:
            for store in stores:
                self._delete(store, tag)

    def traces(self, user_id: str) -> Traces:
        """See `StoreTarget.traces`; texts also as they stand in JSON."""
        return with_json(super().traces(user_id), self.items(user_id))

    def _still_used(self, suspects: set[bytes]) -> set[bytes]:
        return super()._still_used(suspects) | still_in_json(suspects, self.all_items())

    def _delete(self, docstore: BaseDocumentStore, tag: str) -> None:
        # Hashes are listed by hash: of two documents with one hash only one comes up at a time.
        while ids := _ids_of(docstore, tag, self.tags.key):
            for id in sorted(ids):
                docstore.delete_document(id, raise_error=False)
            self._delete_records(docstore, tag)
            if _ids_of(docstore, tag, self.tags.key) >= ids:
                raise ErasureError("documents are still there after they were deleted")

    def _delete_records(self, docstore: BaseDocumentStore, tag: str) -> None:
        """Delete what is left about documents; `delete_ref_doc` would take all nodes with it."""
        key = self.tags.key
        for id, info in (docstore.get_all_ref_doc_info() or {}).items():
            if not _is_of(tag, key, id, info.metadata):
                continue
            nodes = [docstore.get_document(n, raise_error=False) for n in info.node_ids]
            if any(n is not None and n.metadata.get(key) != tag for n in nodes):
                raise ErasureError("a record of a document lists other users' nodes")
            docstore.delete_ref_doc(id, raise_error=False)


def _item(id: str, node: Any) -> StoredItem:
    return node_item(id, node.get_content(metadata_mode=MetadataMode.NONE), node)


def _record(docstore: BaseDocumentStore, id: str) -> StoredItem:
    record = docstore.get_ref_doc_info(id)
    return StoredItem(id, None, {} if record is None else dict(record.metadata))


def _is_of(tag: str, key: str, id: str, metadata: Any) -> bool:
    found = metadata.get(key) if isinstance(metadata, dict) else None
    return found == tag if found is not None else id.startswith(tag + SEPARATOR)


def _ids_of(docstore: BaseDocumentStore, tag: str, key: str) -> set[str]:
    """Ids of all that a docstore holds of a user: documents, nodes, hashes, references."""
    ids = {id for id, node in docstore.docs.items() if _is_of(tag, key, id, dict(node.metadata))}
    records = docstore.get_all_ref_doc_info() or {}
    ids.update(id for id, info in records.items() if _is_of(tag, key, id, info.metadata))
    hashed = docstore.get_all_document_hashes().values()
    ids.update(id for id in hashed if id.startswith(tag + SEPARATOR))
    return ids


def _resolve(item: Any) -> Iterable[ErasureTarget] | None:
    return [DocstoreTarget(item)] if isinstance(item, BaseDocumentStore) else None


register_resolver(_resolve)
