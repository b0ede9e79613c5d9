"""Scrubbing everything a node consists of: text, metadata, ids, relationships, embedding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from llama_index.core.schema import (
    BaseNode,
    IndexNode,
    MediaResource,
    MetadataMode,
    Node,
    RelatedNodeInfo,
    TextNode,
)

from piirag.detection.known import Known
from piirag.errors import InvalidInputError
from piirag.governance.stamps import STAMP_KEYS
from piirag.tenancy import EXPIRES_KEY, Chunk, TenantBinding

_Related = RelatedNodeInfo | list[RelatedNodeInfo]


def scrub_nodes(
    binding: TenantBinding,
    nodes: Sequence[BaseNode],
    *,
    known: Known | None = None,
    tag: bool = True,
    stored: bool = False,
) -> list[BaseNode]:
    """Scrub nodes of one user; the same node gives the same result every time.

    Args:
        binding: The user.
        nodes: Documents and text nodes; not changed. They may bear the user's tag already.
        known: Values the application knows to stand in them.
        tag: Whether the results name their user, in metadata and ids, as they are stored.
        stored: Whether they go into a store now. See `piirag.governance.stamps.Stamp`.

    Returns:
        Copies. A node loses its embedding where that was made from text that has changed.

    Raises:
        InvalidInputError: Something that is no text node.
        TenancyError: A node bears another user's tag.
        DetectionError: The detector failed.
        UserErasedError: The user was erased.
    """
    if isinstance(nodes, str | bytes | BaseNode) or not isinstance(nodes, Sequence):
        raise InvalidInputError("nodes must be a list of documents or nodes")
    checked = [require_text_node(node) for node in nodes]
    return _Batch(binding, checked, known, tag, stored).scrubbed()


def scrub_nodes_again(binding: TenantBinding, nodes: Sequence[BaseNode]) -> list[BaseNode]:
    """Scrub retrieved nodes once more: their text and all metadata. Stores nothing, keeps ids.

    What was stored before a value became known, or by something that does not scrub, is clean
    from here on.
    """
    # The time of expiry stays a number, which would look like a phone number. What something else
    # wrote there as text is searched like any other.
    expiry = [node.metadata.get(EXPIRES_KEY) for node in nodes]
    nodes = [_without_expiry(node) for node in nodes]
    table = _place([_metadata_of(node) for node in nodes])
    extra = [Chunk("", metadata) for _, metadata in table.values()]
    clean = binding.chunks.again([*(_chunk(node, {}) for node in nodes), *extra])
    metadata = {key: clean[len(nodes) + index].metadata for key, (index, _) in table.items()}

    def relation(info: RelatedNodeInfo) -> RelatedNodeInfo:
        return info.model_copy(update={"metadata": dict(metadata[repr(info.metadata)])})

    results = []
    for node, chunk, expires in zip(nodes, clean, expiry, strict=False):
        kept = {EXPIRES_KEY: expires} if isinstance(expires, int | float) else {}
        update: dict[str, Any] = {
            "metadata": {**metadata[repr(node.metadata)], **kept},
            "relationships": {
                kind: [relation(i) for i in info] if isinstance(info, list) else relation(info)
                for kind, info in node.relationships.items()
            },
        }
        result = node.model_copy(update=update)
        if chunk.text != _text(node):
            result.set_content(chunk.text)
        binding.chunks.note(chunk.text, result.metadata)
        results.append(result)
    return results


def hide_nodes(binding: TenantBinding, nodes: Sequence[BaseNode]) -> list[BaseNode]:
    """Scrub retrieved nodes of others, for a user who is not to read what stands in them.

    Their pseudonyms are made with the user's key, and the vault does not keep what they stand
    for: nobody can turn them back, unless the user's own texts hold the same value.

    Args:
        binding: The user who asks.
        nodes: Text nodes, whosesoever; not changed.

    Returns:
        Copies. They bear their tag, which models do not see, and have lost their relationships.

    Raises:
        InvalidInputError: Something that is no text node.
        DetectionError: The detector failed.
    """
    nodes = [require_text_node(node) for node in nodes]
    chunks = [_chunk(node, node.metadata) for node in nodes]
    results = []
    for node, chunk in zip(nodes, binding.chunks.again(chunks, remember=False), strict=True):
        update: dict[str, Any] = {
            "id_": binding.chunks.id(node.id_),
            "metadata": dict(chunk.metadata),
            "relationships": {},
        }
        if isinstance(node, IndexNode):
            update["index_id"] = binding.chunks.id(node.index_id)
        for name in ("excluded_embed_metadata_keys", "excluded_llm_metadata_keys"):
            keys = dict.fromkeys([*getattr(node, name), binding.tags.key])
            update[name] = list(binding.chunks.metadata(dict.fromkeys(keys), remember=False))
        changed = chunk.text != _text(node)
        if changed and isinstance(node, TextNode):
            update |= {"start_char_idx": None, "end_char_idx": None}
        clean = node.model_copy(update=update)
        if changed:
            clean.set_content(chunk.text)
        if embedded_text(clean) != embedded_text(node):
            clean.embedding = None
        results.append(clean)
    return results


def _without_expiry(node: BaseNode) -> BaseNode:
    if not isinstance(node.metadata.get(EXPIRES_KEY), int | float):
        return node
    bare = {key: value for key, value in node.metadata.items() if key != EXPIRES_KEY}
    return node.model_copy(update={"metadata": bare})


def _metadata_of(node: BaseNode) -> list[dict[str, Any]]:
    return [node.metadata, *(info.metadata for info in _related(node))]


def _place(groups: Iterable[Iterable[dict[str, Any]]]) -> dict[str, tuple[int, dict[str, Any]]]:
    """Each piece of metadata once, by its repr: where it stands among all, and itself."""
    table: dict[str, tuple[int, dict[str, Any]]] = {}
    for group in groups:
        for metadata in group:
            table.setdefault(repr(metadata), (len(table), metadata))
    return table


def require_text_node(node: Any) -> BaseNode:
    """Return the node, or raise `InvalidInputError` where part of it cannot be searched."""
    if not isinstance(node, BaseNode):
        raise InvalidInputError(f"expected a document or node, not {type(node).__name__}")
    known_kind: type[BaseNode] = TextNode if isinstance(node, TextNode) else Node
    if isinstance(node, IndexNode):
        if node.obj is not None:
            raise InvalidInputError("an index node that holds an object cannot be searched")
        known_kind = IndexNode
    if not isinstance(node, known_kind) or set(type(node).model_fields) - set(
        known_kind.model_fields
    ):
        raise InvalidInputError(
            f"a node of type {type(node).__name__} has parts that cannot be searched"
        )
    if isinstance(node, Node):
        media = (node.image_resource, node.audio_resource, node.video_resource)
        text = node.text_resource
        if any(media) or (text is not None and (text.data or text.path or text.url)):
            raise InvalidInputError("a node with media cannot be searched")
    return node


def _chunk(node: BaseNode, metadata: Mapping[str, Any], id: str | None = None) -> Chunk:
    start = getattr(node, "start_char_idx", None)
    return Chunk(_text(node), metadata, id, source=node.ref_doc_id, start=start)


class _Batch:
    """Nodes that are scrubbed together, so that each piece of metadata is looked at once.

    A chunk's relationships repeat the metadata of its document and of both its neighbours.
    """

    def __init__(
        self,
        binding: TenantBinding,
        nodes: list[BaseNode],
        known: Known | None,
        tag: bool,
        stored: bool,
    ) -> None:
        self._binding = binding
        self._nodes = nodes
        self._tag = tag
        self._ids: dict[str, str] = {}
        self._keys: dict[str, str] = {}
        chunks = [_chunk(node, node.metadata, bare_id(binding, node)) for node in nodes]
        table = _place(_metadata_of(node) for node in nodes)
        extra = [Chunk("", metadata, whole=False) for _, metadata in table.values()]
        self._chunks = binding.inward([*chunks, *extra], known, stored=stored)
        self._metadata = {
            key: self._chunks[len(nodes) + index].metadata for key, (index, _) in table.items()
        }

    def scrubbed(self) -> list[BaseNode]:
        return [
            self._node(node, chunk) for node, chunk in zip(self._nodes, self._chunks, strict=False)
        ]

    def _node(self, node: BaseNode, chunk: Chunk) -> BaseNode:
        id, metadata = self._named(chunk.id, chunk.metadata)
        tagged = _tagged(self._binding, node.metadata)
        update: dict[str, Any] = {
            "id_": id,
            "metadata": metadata,
            "excluded_embed_metadata_keys": self._excluded(
                node.excluded_embed_metadata_keys, metadata
            ),
            "excluded_llm_metadata_keys": self._excluded(node.excluded_llm_metadata_keys, metadata),
            "relationships": {
                kind: self._relation(info, tagged) for kind, info in node.relationships.items()
            },
        }
        changed = chunk.text != _text(node)
        if isinstance(node, IndexNode):
            index_id = self._scoped(node.index_id, tagged)
            update["index_id"] = index_id if self._tag else without_scope(self._binding, index_id)
        if isinstance(node, TextNode):
            update["text"] = chunk.text
            if changed:
                # They count characters of the raw document, and so tell how long a value was.
                update |= {"start_char_idx": None, "end_char_idx": None}
        elif isinstance(node, Node) and node.text_resource is not None and changed:
            resource = MediaResource(text=chunk.text, mimetype=node.text_resource.mimetype)
            update["text_resource"] = resource
        clean = node.model_copy(update=update)
        if embedded_text(clean) != embedded_text(node):
            clean.embedding = None
        return clean

    def _relation(self, info: _Related, tagged: bool) -> _Related:
        if isinstance(info, list):
            return [self._one_relation(item, tagged) for item in info]
        return self._one_relation(info, tagged)

    def _one_relation(self, info: RelatedNodeInfo, tagged: bool) -> RelatedNodeInfo:
        scoped = self._scoped(info.node_id, tagged or _tagged(self._binding, info.metadata))
        id, metadata = self._named(scoped, self._metadata[repr(info.metadata)])
        # The hash goes: it is unkeyed, and may have been taken of the raw text.
        return RelatedNodeInfo(node_id=id, node_type=info.node_type, metadata=metadata)

    def _scoped(self, id: str, tagged: bool) -> str:
        """The id under which a node that another one names is stored."""
        bare = without_scope(self._binding, id) if tagged else id
        if bare not in self._ids:
            self._ids[bare] = self._binding.scoped(self._binding.chunks.id(bare) or "")
        return self._ids[bare]

    def _named(self, id: str | None, metadata: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        if self._tag:
            return id or "", dict(metadata)
        bare, own = self._binding.outward(id, metadata)
        return bare or "", own

    def _excluded(self, keys: Sequence[str], metadata: Mapping[str, Any]) -> list[str]:
        """Keys that a model does not see: the tag and the stamps are for stores and logs."""
        tenant_key = self._binding.tags.key
        ours = {tenant_key, *STAMP_KEYS}
        clean = [self._key(key) for key in keys if key not in ours]
        clean += [key for key in STAMP_KEYS if key in metadata]
        return [*clean, tenant_key] if self._tag else clean

    def _key(self, key: str) -> str:
        """A metadata key as `ChunkScrubber` spells it, so that it goes on being excluded."""
        if key not in self._keys:
            self._keys[key] = next(iter(self._binding.chunks.metadata({key: None})))
        return self._keys[key]


def bare_id(binding: TenantBinding, node: BaseNode) -> str:
    """A node's id as the caller knows it; a tagged node may bear the scope there too."""
    tagged = _tagged(binding, node.metadata)
    return without_scope(binding, node.id_) if tagged else node.id_


def _tagged(binding: TenantBinding, metadata: Mapping[str, Any]) -> bool:
    return bool(metadata.get(binding.tags.key) == binding.tag)


def without_scope(binding: TenantBinding, id: str) -> str:
    """An id as the caller knows it, given the id under which it is stored, or given itself."""
    return id.removeprefix(binding.scoped(""))


def embedded_text(node: BaseNode) -> str:
    """What an embedding model gets to see of a node."""
    return node.get_content(metadata_mode=MetadataMode.EMBED)


def _text(node: BaseNode) -> str:
    return node.get_content(metadata_mode=MetadataMode.NONE)


def _related(node: BaseNode) -> Iterator[RelatedNodeInfo]:
    for info in node.relationships.values():
        yield from info if isinstance(info, list) else (info,)
