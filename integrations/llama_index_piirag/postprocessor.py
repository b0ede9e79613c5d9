"""Scrubbing retrieved nodes once more, when a question is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle

from llama_index_piirag.scrubbing import scrub_nodes
from llama_index_piirag.tracing import unspanned
from piirag.errors import InvalidInputError
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

    Raises:
        InvalidUserIdError: Missing or unsafe.
    """

    _binding: TenantBinding = PrivateAttr()

    def __init__(
        self,
        scrubber: Scrubber,
        *,
        user_id: str,
        known_from: Mapping[str, Sequence[str]] | None = None,
        tenant_key: str = "user_id",
        keyed_user_ids: bool = False,
    ) -> None:
        super().__init__()
        tags = TenantTags(tenant_key, scrubber.vault, keyed_user_ids)
        self._binding = TenantBinding(scrubber, user_id, tags, known_from)

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
        clean = scrub_nodes(self._binding, [found.node for found in nodes], tag=False)
        return [
            NodeWithScore(node=node, score=found.score)
            for node, found in zip(clean, nodes, strict=True)
        ]

    @unspanned
    async def _apostprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._postprocess_nodes, nodes, query_bundle)
