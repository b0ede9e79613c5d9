"""Scrubbing retrieved nodes once more, when a question is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Literal

from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import BaseNode, NodeWithScore, QueryBundle

from llama_index_piirag.owners import Owners
from llama_index_piirag.scrubbing import hide_nodes, scrub_nodes
from llama_index_piirag.tracing import unspanned
from piirag.errors import ConfigurationError, InvalidInputError
from piirag.redaction.scrubber import Scrubber
from piirag.tenancy import TenantBinding, TenantTags


class PIINodePostprocessor(BaseNodePostprocessor):
    """Scrubs retrieved nodes: text, metadata, ids. Works on the results of any retriever.

    What was stored before a value became known, or by something that does not scrub, is clean
    from here on. The nodes passed in are not changed, since a retriever may share them.

    Args:
        scrubber: Does the work.
        user_id: The user who asks.
        known_from: Entity type -> metadata keys that hold known values.
        tenant_key: Metadata key of a user's tag. A node that bears another user's is refused.
        keyed_user_ids: Whether tags are keyed hashes.
        others: ``"hide"`` lets nodes of others and of all through, and the values in them become
            pseudonyms that nobody can turn back. A node without a tag beside one that bears one
            counts as such. ``"refuse"`` raises `TenancyError`.

    Raises:
        InvalidUserIdError: Missing or unsafe.
        ConfigurationError: Another `others`.
    """

    _binding: TenantBinding = PrivateAttr()
    _hides: bool = PrivateAttr()

    def __init__(
        self,
        scrubber: Scrubber,
        *,
        user_id: str,
        known_from: Mapping[str, Sequence[str]] | None = None,
        tenant_key: str = "user_id",
        keyed_user_ids: bool = False,
        others: Literal["refuse", "hide"] = "refuse",
    ) -> None:
        if others not in ("refuse", "hide"):
            raise ConfigurationError("others is one of refuse, hide")
        super().__init__()
        tags = TenantTags(tenant_key, scrubber.vault, keyed_user_ids)
        self._binding = TenantBinding(scrubber, user_id, tags, known_from)
        self._hides = others == "hide"

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex serialises this class."""
        return "PIINodePostprocessor"

    @unspanned
    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        if not all(isinstance(found, NodeWithScore) for found in nodes):
            raise InvalidInputError("expected a list of NodeWithScore")
        clean = self._clean([found.node for found in nodes])
        return [
            NodeWithScore(node=node, score=found.score)
            for node, found in zip(clean, nodes, strict=True)
        ]

    def _clean(self, nodes: list[BaseNode]) -> list[BaseNode]:
        binding = self._binding
        if not self._hides or not any(binding.tags.key in node.metadata for node in nodes):
            return scrub_nodes(binding, nodes, tag=False)
        owners = Owners(
            binding.user_id,
            tenant=binding.user_id,
            scrubber=binding.chunks.scrubber,
            tenant_key=binding.tags.key,
        )
        own = [owners.of_metadata(node.metadata) == (True, None) for node in nodes]
        tag = {binding.tags.key: binding.tag}
        mine = [
            node.model_copy(update={"metadata": {**node.metadata, **tag}})
            for node, is_own in zip(nodes, own, strict=True)
            if is_own
        ]
        theirs = [node for node, is_own in zip(nodes, own, strict=True) if not is_own]
        # The user's own first: what is remembered there has the same pseudonym everywhere.
        scrubbed = iter(scrub_nodes(binding, mine, tag=False))
        hidden = iter(hide_nodes(binding, theirs))
        return [next(scrubbed if is_own else hidden) for is_own in own]

    @unspanned
    async def _apostprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._postprocess_nodes, nodes, query_bundle)
