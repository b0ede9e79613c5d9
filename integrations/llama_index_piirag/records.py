"""Between LlamaIndex nodes and the records of a vector store."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.core.schema import (
    BaseNode,
    IndexNode,
    MetadataMode,
    Node,
    RelatedNodeInfo,
    TextNode,
)
from llama_index.core.vector_stores.utils import metadata_dict_to_node, node_to_metadata_dict

from llama_index_piirag.filters import DOCUMENT_KEYS
from llama_index_piirag.scrubbing import without_scope
from piirag.errors import InvalidInputError
from piirag.governance.stamps import STAMP_KEYS
from piirag.tenancy import TenantBinding
from piirag.tenancy.binding import SEPARATOR

_CONTENT = "_node_content"
_RESERVED = DOCUMENT_KEYS | {_CONTENT, "_node_type"}
_DEEPEST = 12


def to_record(node: BaseNode, *, flat: bool = True) -> tuple[str, dict[str, Any]]:
    """Text and metadata of a record, as LlamaIndex's own wrappers write them.

    Args:
        node: Scrubbed and tagged.
        flat: Whether the store holds no lists and mappings in metadata.

    Raises:
        InvalidInputError: Metadata that the store cannot hold.
    """
    for value in node.metadata.values():
        _check(value, flat)
    if not all(isinstance(key, str) for key in node.metadata):
        raise InvalidInputError("the keys of metadata must be strings")
    if taken := _RESERVED & set(node.metadata) - DOCUMENT_KEYS:
        raise InvalidInputError(f"LlamaIndex uses the metadata key {min(taken)!r} itself")
    metadata = node_to_metadata_dict(node, remove_text=True, flat_metadata=flat)
    whole = {key: "" if value is None and flat else value for key, value in metadata.items()}
    return node.get_content(metadata_mode=MetadataMode.NONE), whole


def _check(value: Any, flat: bool, depth: int = 0) -> None:
    if value is None or isinstance(value, str | int):
        return
    if isinstance(value, float) and math.isfinite(value):
        return
    if flat or depth > _DEEPEST or not isinstance(value, list | tuple | Mapping):
        holds = "strings, numbers and booleans" if flat else "what JSON has"
        raise InvalidInputError(
            f"the store holds {holds} in metadata, no {type(value).__name__} like this"
        )
    if isinstance(value, Mapping) and not all(isinstance(key, str) for key in value):
        raise InvalidInputError("the keys of metadata must be strings")
    for item in value.values() if isinstance(value, Mapping) else value:
        _check(item, flat, depth + 1)


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
        unseen = [key for key in STAMP_KEYS if key in plain]
        return TextNode(
            id_=bare or "",
            text=text or "",
            metadata=plain,
            excluded_embed_metadata_keys=unseen,
            excluded_llm_metadata_keys=list(unseen),
        )
    return _outward(binding, written, bare, _metadata(own, written.metadata, binding.tags.key))


def from_document(binding: TenantBinding, id: str, node: BaseNode) -> BaseNode:
    """A node of a docstore, as the caller knows it.

    Args:
        binding: The user.
        id: The id under which it is stored.
        node: As it is stored; not changed.

    Raises:
        TenancyError: It, or a node it is related to, is another user's.
    """
    bare, own = binding.outward(id, node.metadata)
    return _outward(binding, node, bare, own)


def _outward(
    binding: TenantBinding, stored: BaseNode, bare: str | None, metadata: dict[str, Any]
) -> BaseNode:
    tenant_key = binding.tags.key
    update: dict[str, Any] = {
        "id_": bare,
        "embedding": None,
        "metadata": metadata,
        "relationships": {
            kind: [_relation(binding, item) for item in info]
            if isinstance(info, list)
            else _relation(binding, info)
            for kind, info in stored.relationships.items()
        },
        "excluded_embed_metadata_keys": _without(stored.excluded_embed_metadata_keys, tenant_key),
        "excluded_llm_metadata_keys": _without(stored.excluded_llm_metadata_keys, tenant_key),
    }
    if isinstance(stored, IndexNode):
        spaces = tuple(f"{tag}{SEPARATOR}" for tag in binding.readable)
        if stored.index_id.startswith(spaces):
            # Not the object it may hold: LlamaIndex would retrieve from it in turn.
            update |= {"obj": None, "index_id": without_scope(binding, stored.index_id)}
        else:
            # Written by something else: it leads nowhere.
            stored = TextNode(**{name: getattr(stored, name) for name in TextNode.model_fields})
    return stored.model_copy(update=update)


def _written(own: Mapping[str, Any], text: str) -> BaseNode | None:
    """What LlamaIndex wrote along with the text; None where something else wrote the record."""
    if _CONTENT not in own:
        return None
    try:
        node = metadata_dict_to_node(dict(own), text=text)
    except Exception:  # noqa: BLE001 - its message quotes the record; the text is there anyway
        return None
    return node if type(node) in {TextNode, Node, IndexNode} else None


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


def _without(keys: Sequence[str], key: str) -> list[str]:
    return [k for k in keys if k != key]
