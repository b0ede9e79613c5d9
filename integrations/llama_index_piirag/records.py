"""Between LlamaIndex nodes and the records of a Chroma collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llama_index.core.schema import BaseNode, MetadataMode, Node, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.utils import metadata_dict_to_node, node_to_metadata_dict

from llama_index_piirag.filters import DOCUMENT_KEYS
from llama_index_piirag.scrubbing import without_scope
from piirag.errors import InvalidInputError
from piirag.tenancy import TenantBinding

_CONTENT = "_node_content"
_RESERVED = DOCUMENT_KEYS | {_CONTENT, "_node_type"}


def to_record(node: BaseNode) -> tuple[str, dict[str, Any]]:
    """Text and metadata of a record, as LlamaIndex's own `ChromaVectorStore` writes them.

    Args:
        node: Scrubbed and tagged.

    Raises:
        InvalidInputError: Metadata that Chroma cannot hold.
    """
    for value in node.metadata.values():
        if value is not None and not isinstance(value, str | int | float):
            raise InvalidInputError(
                f"Chroma holds strings, numbers and booleans, no {type(value).__name__} in metadata"
            )
    if not all(isinstance(key, str) for key in node.metadata):
        raise InvalidInputError("the keys of metadata must be strings")
    metadata = node_to_metadata_dict(node, remove_text=True, flat_metadata=True)
    flat = {key: "" if value is None else value for key, value in metadata.items()}
    return node.get_content(metadata_mode=MetadataMode.NONE), flat


def from_record(
    binding: TenantBinding, id: str, text: str | None, metadata: Mapping[str, Any] | None
) -> BaseNode:
    """The node of a record, whichever framework wrote it, as the caller knows it.

    Raises:
        TenancyError: The record, or a node it is related to, is another user's.
    """
    bare, own = binding.outward(id, dict(metadata or {}))
    written = _written(own, text or "")
    if written is None:
        plain = {key: own[key] for key in sorted(own) if key not in {_CONTENT, "_node_type"}}
        return TextNode(id_=bare or "", text=text or "", metadata=plain)
    tenant_key = binding.tags.key
    update = {
        "id_": bare,
        "embedding": None,
        "metadata": _metadata(own, written.metadata, tenant_key),
        "relationships": {
            kind: [_relation(binding, item) for item in info]
            if isinstance(info, list)
            else _relation(binding, info)
            for kind, info in written.relationships.items()
        },
        "excluded_embed_metadata_keys": _without(written.excluded_embed_metadata_keys, tenant_key),
        "excluded_llm_metadata_keys": _without(written.excluded_llm_metadata_keys, tenant_key),
    }
    return written.model_copy(update=update)


def _written(own: Mapping[str, Any], text: str) -> BaseNode | None:
    """What LlamaIndex wrote along with the text; None where something else wrote the record."""
    if _CONTENT not in own:
        return None
    try:
        node = metadata_dict_to_node(dict(own), text=text)
    except Exception:  # noqa: BLE001 - its message quotes the record; the text is there anyway
        return None
    # No index nodes: they hold other objects, which LlamaIndex would retrieve from in turn.
    return node if type(node) in {TextNode, Node} else None


def _metadata(own: Mapping[str, Any], written: Mapping[str, Any], tenant_key: str) -> Any:
    """The record's own metadata, which others may have changed since; None was written as ""."""
    kept = {key: value for key, value in own.items() if key not in _RESERVED}
    for key, value in written.items():
        if (value is None and kept.get(key) == "") or key in _RESERVED:
            kept[key] = value
    # Chroma returns keys in any order; what models get to see must not change with it.
    order = {key: place for place, key in enumerate(written)}
    keys = sorted(kept, key=lambda key: (order.get(key, len(order)), key))
    return {key: kept[key] for key in keys if key != tenant_key}


def _relation(binding: TenantBinding, info: RelatedNodeInfo) -> RelatedNodeInfo:
    metadata = dict(info.metadata)
    if binding.tags.key in metadata:
        _, metadata = binding.outward(None, metadata)
    return info.model_copy(
        update={"node_id": without_scope(binding, info.node_id), "metadata": metadata}
    )


def _without(keys: list[str], key: str) -> list[str]:
    return [k for k in keys if k != key]
