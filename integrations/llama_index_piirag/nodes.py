"""Scrubbing nodes in an ingestion pipeline."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.schema import BaseNode, TransformComponent

from llama_index_piirag import erasure as _erasure  # noqa: F401 - registers its resolver
from llama_index_piirag.scrubbing import scrub_nodes
from llama_index_piirag.tracing import unspanned
from piirag.detection.known import Known, check_known
from piirag.errors import ConfigurationError
from piirag.governance.stamps import Stamp, check_stamp
from piirag.redaction.scrubber import Scrubber
from piirag.tenancy import TenantBinding, TenantTags
from piirag.vault.keys import derive, keyed_hash


class PIINodeScrubber(TransformComponent):
    """Replaces personal data in documents and nodes: text, metadata, ids, relationships.

    Put it first in a pipeline: a value that a splitter cuts in two can no longer be found. The
    nodes passed in are not changed; the same document gives the same text, id and hash, so that
    the cache and the docstore skip what they have seen.

    In a plain `IngestionPipeline` it cleans what comes after it, and no more. The pipeline itself
    writes the raw documents into its docstore, hands them to tracers, and names cache entries by
    an unkeyed hash of them. Where there is a docstore, use `PIIIngestionPipeline`.

    Args:
        scrubber: Does the work.
        user_id: The tenant the documents belong to.
        known: Values the application knows to stand in the documents, found in every spelling:
            ``{"PERSON": ["Jane Roe"]}``.
        known_from: Entity type -> metadata keys that hold known values:
            ``{"PERSON": ["customer"]}``.
        tag: Name the user in each node: metadata[tenant_key], unseen by embedding models and
            LLMs, and before each id. Documents of two users with one id then do not overwrite
            each other in a docstore, and can be told apart when a user is erased.
        tenant_key: Metadata key of the tag.
        keyed_user_ids: Write a keyed hash in place of the user id.
        stamp: Written into the metadata of every node: source, writer, label. See `Stamp`.

    Raises:
        InvalidUserIdError: Missing or unsafe.
        ConfigurationError: A stamp that holds personal data.
    """

    _binding: TenantBinding = PrivateAttr()
    _known: dict[str, list[str]] = PrivateAttr()
    _tag: bool = PrivateAttr()
    _settings: str = PrivateAttr()

    def __init__(
        self,
        scrubber: Scrubber,
        *,
        user_id: str,
        known: Known | None = None,
        known_from: Mapping[str, Sequence[str]] | None = None,
        tag: bool = True,
        tenant_key: str = "user_id",
        keyed_user_ids: bool = False,
        stamp: Stamp | None = None,
    ) -> None:
        super().__init__()
        tags = TenantTags(tenant_key, scrubber.vault, keyed_user_ids)
        stamp = check_stamp(stamp, scrubber)
        self._binding = TenantBinding(scrubber, user_id, tags, known_from, stamp=stamp)
        self._known = check_known(known)
        self._tag = tag
        settings = (scrubber.policy, self._known, known_from, tag, tenant_key, keyed_user_ids)
        self._settings = repr(settings) if stamp is None else repr((*settings, vars(stamp)))

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex serialises this class."""
        return "PIINodeScrubber"

    @property
    def binding(self) -> TenantBinding:
        """The user whose nodes these are."""
        return self._binding

    @unspanned
    def __call__(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[BaseNode]:
        """Scrub nodes.

        Args:
            nodes: Documents and text nodes.
            **kwargs: What the pipeline passes to every step; none matters here.

        Returns:
            Copies.

        Raises:
            InvalidInputError: Something that is no text node.
            TenancyError: A node bears another user's tag.
            DetectionError: The detector failed; nothing was let through.
            UserErasedError: The user was erased.
        """
        return scrub_nodes(self._binding, nodes, known=self._known, tag=self._tag)

    async def acall(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[BaseNode]:
        """Scrub nodes, in a thread of its own. See `__call__`."""
        return await asyncio.to_thread(self, nodes, **kwargs)

    def fingerprint(self, *, versioned: bool = True) -> str:
        """A keyed hash of user and settings, under which a cache may keep results.

        Results of two users differ, and so do those before and after an erasure.

        Args:
            versioned: Whether it changes when the user's known values do.

        Raises:
            UserErasedError: The user was erased.
        """
        vault = self._binding.chunks.scrubber.vault.open(self._binding.user_id)
        assert vault is not None
        detector = type(self._binding.chunks.scrubber.detector).__qualname__
        version = vault.version if versioned else None
        key = derive(vault.hash_key, "ingestion-cache")
        return keyed_hash(key, f"{self._settings}|{detector}|{version}").hex()

    def to_dict(self, **kwargs: Any) -> dict[str, Any]:
        """What the pipeline's cache goes by: the fingerprint, and no setting in the clear."""
        return {"class_name": self.class_name(), "fingerprint": self.fingerprint()}

    def __getstate__(self) -> dict[str, Any]:
        raise ConfigurationError(
            "a PIINodeScrubber cannot be sent to another process (num_workers): the vault and "
            "its keys stay in this one"
        )

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return [("tag", self._tag)]
