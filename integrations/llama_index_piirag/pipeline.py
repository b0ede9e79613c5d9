"""An ingestion pipeline that stores nothing raw: docstore, cache, vector store, traces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.schema import BaseNode, Document, TransformComponent

from llama_index_piirag.nodes import PIINodeScrubber
from llama_index_piirag.tenants import TenantVectorStore
from llama_index_piirag.tracing import unspanned
from llama_index_piirag.vector_store import UserVectorStore
from piirag.detection.known import Known
from piirag.errors import ConfigurationError, TenancyError
from piirag.governance.stamps import Stamp
from piirag.redaction.scrubber import Scrubber


class PIIIngestionPipeline(IngestionPipeline):
    """An `IngestionPipeline` for one user that scrubs its input before anything else sees it.

    A plain pipeline with a `PIINodeScrubber` in it returns clean nodes and still keeps the raw
    documents in its docstore. Here documents are scrubbed before de-duplication, caching and
    tracing, and once more after every step, before the result is cached: an extractor may have
    written a value back into the metadata, and a splitter may have put a value together.

    Nodes bear the user's tag (see `PIINodeScrubber`), so docstore, cache and vector store may be
    shared by users, and `delete_user` finds what is whose in the first and the last. A cache entry
    holds all nodes of a run, of which none can be removed alone: it is not covered by
    `delete_user`. Clear it (`pipeline.cache.clear()`), or give each user a `cache_collection`.

    Args:
        scrubber: Does the work.
        user_id: The tenant the documents belong to.
        known: Values the application knows to stand in the documents.
        known_from: Entity type -> metadata keys that hold known values.
        tenant_key: Metadata key of the user's tag.
        keyed_user_ids: Store a keyed hash in place of the user id.
        stamp: Written into the metadata of every node: source, writer, label. Give it to the
            `TenantVectorStore` too, which adds the time. See `Stamp`.
        **pipeline: As for `IngestionPipeline`. `vector_store` may be a `TenantVectorStore`.

    Raises:
        InvalidUserIdError: Missing or unsafe.
        TenancyError: The vector store is another user's, or the docstore strategy would delete
            other users' documents.
    """

    _scrub: PIINodeScrubber = PrivateAttr()

    def __init__(
        self,
        scrubber: Scrubber,
        *,
        user_id: str,
        known: Known | None = None,
        known_from: Mapping[str, Sequence[str]] | None = None,
        tenant_key: str = "user_id",
        keyed_user_ids: bool = False,
        stamp: Stamp | None = None,
        **pipeline: Any,
    ) -> None:
        scrub = PIINodeScrubber(
            scrubber,
            user_id=user_id,
            known=known,
            known_from=known_from,
            tenant_key=tenant_key,
            keyed_user_ids=keyed_user_ids,
            stamp=stamp,
        )
        store = pipeline.get("vector_store")
        if isinstance(store, TenantVectorStore):
            store = pipeline["vector_store"] = store.for_user(user_id)
        if isinstance(store, UserVectorStore) and store.tag != scrub.binding.tag:
            raise TenancyError("the vector store is bound to another user")
        if pipeline.get("documents") is not None:
            pipeline["documents"] = scrub(list(pipeline["documents"]))
        super().__init__(**pipeline)
        self._scrub = scrub
        self.transformations = [ScrubbedStep(step, scrub) for step in self.transformations]
        self._check(None)

    def run(
        self,
        show_progress: bool = False,
        documents: list[Document] | None = None,
        nodes: Sequence[BaseNode] | None = None,
        cache_collection: str | None = None,
        in_place: bool = True,
        store_doc_text: bool = True,
        num_workers: int | None = None,
        **kwargs: Any,
    ) -> Sequence[BaseNode]:
        """Scrub and ingest. See `IngestionPipeline.run`.

        Returns:
            The nodes as they are stored: scrubbed, tagged, with the user's tag before their ids.

        Raises:
            InvalidInputError: Something that is no text node.
            DetectionError: The detector failed; nothing was stored.
            UserErasedError: The user was erased.
            ConfigurationError: More than one worker process.
        """
        self._check(num_workers)
        clean = self._scrub(list(super()._prepare_inputs(documents, nodes)))
        result: Sequence[BaseNode] = super().run(
            show_progress=show_progress,
            nodes=clean,
            cache_collection=cache_collection,
            in_place=in_place,
            store_doc_text=store_doc_text,
            **kwargs,
        )
        return result

    async def arun(
        self,
        show_progress: bool = False,
        documents: list[Document] | None = None,
        nodes: Sequence[BaseNode] | None = None,
        cache_collection: str | None = None,
        in_place: bool = True,
        store_doc_text: bool = True,
        num_workers: int | None = None,
        **kwargs: Any,
    ) -> Sequence[BaseNode]:
        """Scrub and ingest. See `run`."""
        self._check(num_workers)
        clean = await self._scrub.acall(list(super()._prepare_inputs(documents, nodes)))
        result: Sequence[BaseNode] = await super().arun(
            show_progress=show_progress,
            nodes=clean,
            cache_collection=cache_collection,
            in_place=in_place,
            store_doc_text=store_doc_text,
            **kwargs,
        )
        return result

    def _prepare_inputs(
        self, documents: Sequence[Document] | None, nodes: Sequence[BaseNode] | None
    ) -> Sequence[BaseNode]:
        # `run` has gathered and scrubbed all inputs; gathering again would add the raw ones.
        return list(nodes or ())

    def _check(self, num_workers: int | None) -> None:
        if self.docstore_strategy == DocstoreStrategy.UPSERTS_AND_DELETE:
            raise TenancyError(
                "docstore strategy 'upserts_and_delete' deletes every document that is not in "
                "this run, other users' among them; use 'upserts'"
            )
        if num_workers is not None and num_workers > 1:
            raise ConfigurationError(
                "several worker processes are not supported: the vault and its keys stay in this "
                "one"
            )


class ScrubbedStep(TransformComponent):
    """One step of a pipeline, its result scrubbed before it is cached or passed on."""

    _step: TransformComponent = PrivateAttr()
    _scrub: PIINodeScrubber = PrivateAttr()

    def __init__(self, step: TransformComponent, scrub: PIINodeScrubber) -> None:
        super().__init__()
        self._step = step
        self._scrub = scrub

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex serialises this class."""
        return "ScrubbedStep"

    @unspanned
    def __call__(self, nodes: Sequence[BaseNode], **kwargs: Any) -> Sequence[BaseNode]:
        """Run the step, then scrub."""
        return self._scrub(list(self._step(nodes, **kwargs)))

    async def acall(self, nodes: Sequence[BaseNode], **kwargs: Any) -> Sequence[BaseNode]:
        """Run the step, then scrub."""
        return await self._scrub.acall(list(await self._step.acall(nodes, **kwargs)))

    def to_dict(self, **kwargs: Any) -> dict[str, Any]:
        """What the cache goes by: the step, and whose nodes these are."""
        return {
            "class_name": self.class_name(),
            "step": self._step.to_dict(**kwargs),
            "fingerprint": self._scrub.fingerprint(versioned=False),
        }

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return [("step", self._step)]
