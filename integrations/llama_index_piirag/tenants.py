"""A vector store that many users share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
)

from llama_index_piirag import erasure as _erasure  # noqa: F401 - registers its resolver
from llama_index_piirag.collection import TenantCollection
from llama_index_piirag.node_stores import node_store_for
from llama_index_piirag.vector_store import UserVectorStore
from piirag.detection.known import Known, check_known
from piirag.erasure import ErasureTarget
from piirag.erasure.targets.vault import VaultTarget
from piirag.governance.audit import AuditLog
from piirag.governance.recorder import Recorder
from piirag.governance.stamps import Stamp, check_stamp
from piirag.redaction.scrubber import Scrubber
from piirag.tenancy import SHARED, Space, TenantBinding, TenantTags, spaces


class TenantVectorStore:
    """A vector store whose chunks belong to users; `for_user` gives each their own view.

    Args:
        vector_store: A LlamaIndex vector store of a kind that `llama_index_piirag.node_stores`
            knows: Chroma, Qdrant, Postgres, LanceDB, Milvus, FAISS, or LlamaIndex's own simple
            one.
        scrubber: Scrubs what is written.
        known_from: Entity type -> metadata keys that hold known values:
            ``{"PERSON": ["customer"]}``.
        tenant_key: Metadata key of the tag that names the user of a chunk.
        keyed_user_ids: Store a keyed hash in place of the user id. Any string may then be a user
            id, and an e-mail address used as one stays out of the store.
        embed_model: Embeds anew what was embedded before it was scrubbed. If None, such a node
            is refused: its vector gives the raw text away.
        known: Values the application knows that may stand in questions and filters.
        docstore: Where the texts are, for a store that holds none and was filled without piirag.
        stamp: Written into the metadata of every chunk: source, writer, time, label. See `Stamp`.
        audit: The log that every write leaves a record in: an `AuditLog`, or a path for one.
            `PIIInstrumentation` records retrievals.

    Raises:
        UnsupportedStoreError: A store whose users piirag cannot keep apart.
        ConfigurationError: A docstore for a store that holds its texts itself, or a stamp that
            holds personal data.
    """

    def __init__(
        self,
        vector_store: BasePydanticVectorStore,
        *,
        scrubber: Scrubber,
        known_from: Mapping[str, Sequence[str]] | None = None,
        tenant_key: str = "user_id",
        keyed_user_ids: bool = False,
        embed_model: BaseEmbedding | None = None,
        known: Known | None = None,
        docstore: Any = None,
        stamp: Stamp | None = None,
        audit: AuditLog | str | Path | None = None,
    ) -> None:
        self.scrubber = scrubber
        self.known = check_known(known)
        self.tags = TenantTags(tenant_key, scrubber.vault, keyed_user_ids)
        self._node_store = node_store_for(vector_store, docstore)
        self._known_from = known_from
        self._embed_model = embed_model
        self._stamp = check_stamp(stamp, scrubber)
        self._recorder = None if audit is None else Recorder(audit)

    def for_user(
        self, user_id: str, *, shared: bool = False, groups: Sequence[str] = ()
    ) -> UserVectorStore:
        """One user's view: a LlamaIndex vector store that holds that user's chunks only.

        Args:
            user_id: Set by the server side, never taken from a request as it is.
            shared: Whether the user reads the shared space besides. Ids of its chunks begin with
                the tag of the space.
            groups: Groups whose chunks the user reads besides. Set by the server side.

        Raises:
            InvalidUserIdError: Missing, empty, no string, or outside the safe alphabet; also of a
                group.
        """
        return self._view(user_id, spaces(shared, groups))

    def shared(self) -> UserVectorStore:
        """The shared space: written here only, read by users made with ``shared=True``."""
        return self._view(SHARED)

    def group(self, name: str) -> UserVectorStore:
        """The space of a group: written here only, read by users whose ``groups`` name it.

        Raises:
            InvalidUserIdError: A name outside the alphabet of plain user ids.
        """
        return self._view(Space.of(name))

    def _view(self, owner: str | Space, reads: Sequence[Space] = ()) -> UserVectorStore:
        binding = TenantBinding(
            self.scrubber, owner, self.tags, self._known_from, self.known, reads, self._stamp
        )
        return UserVectorStore(
            TenantCollection(self._node_store, binding), binding, self._embed_model, self._recorder
        )

    def erasure_targets(self) -> list[ErasureTarget]:
        """What `delete_user` has to erase from: the store and the vault."""
        return [self._node_store.target(self.tags), VaultTarget(self.scrubber.vault)]

    def __repr__(self) -> str:
        return f"TenantVectorStore({self._node_store.name!r})"
