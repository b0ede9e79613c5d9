"""How items lie in points of Qdrant: ids, texts and vectors, whichever framework wrote them."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

ID_KEY = "_piirag_id"
"""Metadata key of an item's id: Qdrant's own ids are numbers and UUIDs only."""

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def point_id(id: str, under: str = "") -> str | int:
    """The id of a point from an item's id.

    Ids that piirag makes have the user's tag and a colon in them, so none of them is a UUID or a
    number; one that is comes from Qdrant.

    Args:
        id: The item's.
        under: Under which key of the payload metadata are; empty where they are the payload.
            Frameworks that share a collection must not replace each other's items, which they
            could not read.
    """
    if _UUID.fullmatch(id):
        return id
    if id.isascii() and id.isdigit():
        return int(id)
    whole = f"piirag\0{under}\0{id}".encode("utf-8", "surrogatepass")
    return str(uuid.UUID(bytes=hashlib.sha256(whole).digest()[:16]))


def item_id(point: Any, metadata: Mapping[str, Any]) -> str:
    """The id of an item from that of its point and its metadata."""
    found = metadata.get(ID_KEY)
    return found if isinstance(found, str) else str(point)


def node_text(payload: Mapping[str, Any]) -> str | None:
    """The text in the node that LlamaIndex wrote; None where there is none."""
    content = payload.get("_node_content")
    try:
        node = json.loads(content) if isinstance(content, str) else None
    except ValueError:
        return None
    if not isinstance(node, dict):
        return None
    resource = node.get("text_resource")
    found = node.get("text") or (resource.get("text") if isinstance(resource, dict) else None)
    return found if isinstance(found, str) else None


def with_text(content: Any, text: str) -> Any:
    """LlamaIndex's node, with another text."""
    try:
        node = json.loads(content)
    except (TypeError, ValueError):
        return content
    if isinstance(node.get("text_resource"), dict):
        node["text_resource"]["text"] = text
    if "text" in node or "text_resource" not in node:
        node["text"] = text
    return json.dumps(node, ensure_ascii=False)


def dense_of(old: Any, new: Sequence[float] | None) -> Any:
    """The vectors of a point without the sparse ones, the dense one replaced if there is a new."""
    if not isinstance(old, dict):
        return old if new is None else list(new)
    dense = {name: vector for name, vector in old.items() if isinstance(vector, list)}
    return dense if new is None else {name: list(new) for name in dense}
