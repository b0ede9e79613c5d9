"""Nodes of LlamaIndex as they stand in a docstore: what is in them, and changing it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from piirag.erasure.target import StoredItem
from piirag.errors import ErasureError

RELATED = "_relationships"
"""Metadata key of what a node repeats of its document's and its neighbours' metadata."""


def node_item(id: str, text: str | None, node: Any) -> StoredItem:
    """A node with all of its metadata.

    Args:
        id: Its id in the store.
        text: Its text.
        node: The node.
    """
    metadata = dict(node.metadata)
    related = {
        getattr(kind, "name", str(kind)): [dict(info.metadata) for info in _infos(found)]
        for kind, found in node.relationships.items()
        if any(info.metadata for info in _infos(found))
    }
    return StoredItem(id, text, {**metadata, RELATED: related} if related else metadata)


def renewed(node: Any, text: str | None, item: StoredItem) -> Any:
    """A copy of a node with the text and the metadata of an item.

    Args:
        node: The node; it stays as it is.
        text: Its text.
        item: As `node_item` gave it, changed.
    """
    changed = node.model_copy(deep=True)
    if item.text is not None and item.text != text:
        changed.set_content(item.text)
        if getattr(changed, "start_char_idx", None) is not None:
            # They would count characters of another text.
            changed.start_char_idx = changed.end_char_idx = None
    metadata = dict(item.metadata)
    related = metadata.pop(RELATED, {})
    changed.metadata = metadata
    for kind, found in changed.relationships.items():
        new = related.get(getattr(kind, "name", str(kind)), ())
        for info, held in zip(_infos(found), new, strict=False):
            info.metadata = dict(held)
    return changed


def forget_in_record(docstore: Any, node: Any, metadata: Mapping[str, Any], kept: str) -> None:
    """Change what the record of a document repeats of a node's metadata.

    LlamaIndex copies the metadata of a document's first node there, and leaves it.

    Args:
        docstore: The docstore.
        node: The node as it was.
        metadata: Its metadata now; empty where it is deleted.
        kept: The key of the tag, which stays.
    """
    record = None if node.ref_doc_id is None else docstore.get_ref_doc_info(node.ref_doc_id)
    if record is None:
        return
    new = {
        key: metadata.get(key) if node.metadata.get(key) == value and key != kept else value
        for key, value in record.metadata.items()
        if key == kept or node.metadata.get(key) != value or key in metadata
    }
    if new != record.metadata:
        put_record(docstore, node.ref_doc_id, record, new)


def put_node(docstore: Any, node: Any) -> None:
    """Put a changed node in place of the one that is there.

    The hash by which LlamaIndex tells that a document was changed stays: to whoever made it the
    document is the same, and would be taken in again as it was.
    """
    collection = getattr(docstore, "_metadata_collection", None)
    store = getattr(docstore, "_kvstore", None)
    told = None
    if collection is not None and store is not None:
        told = store.get(node.node_id, collection=collection)
    docstore.add_documents([node], allow_update=True)
    if told is not None:
        docstore._kvstore.put(node.node_id, told, collection=collection)


def put_record(docstore: Any, id: str, record: Any, metadata: Mapping[str, Any]) -> None:
    """Put other metadata into the record of a document.

    Raises:
        ErasureError: Records are kept in a way that is not known.
    """
    if not hasattr(docstore, "_ref_doc_collection") or not hasattr(docstore, "_kvstore"):
        raise ErasureError("this docstore keeps the records of documents in a way of its own")
    record.metadata = dict(metadata)
    docstore._kvstore.put(id, record.to_dict(), collection=docstore._ref_doc_collection)


def _infos(found: Any) -> Iterator[Any]:
    yield from found if isinstance(found, list) else (found,)
