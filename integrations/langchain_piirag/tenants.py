"""A vector store that many users share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from langchain_core.vectorstores import VectorStore

from langchain_piirag.dialects import dialect_for
from langchain_piirag.vectorstores import UserVectorStore
from piirag.detection.known import Known
from piirag.erasure import ErasureTarget
from piirag.erasure.targets.vault import VaultTarget
from piirag.governance.audit import AuditLog
from piirag.governance.recorder import Recorder
from piirag.governance.stamps import Stamp, check_stamp
from piirag.redaction.scrubber import Scrubber
from piirag.tenancy import SHARED, Space, TenantBinding, TenantTags, spaces


class TenantVectorStore:
    """A vector store whose items belong to users; `for_user` gives each their own view.

    Args:
        store: A LangChain vector store of a kind that `langchain_piirag.dialects` knows: Chroma,
            Qdrant, PGVector, PGVectorStore, LanceDB, Milvus, FAISS, SQLiteVec or
            InMemoryVectorStore.
        scrubber: Scrubs what is written and what is asked.
        known_from: Entity type -> metadata keys that hold known values:
            ``{"PERSON": ["customer"]}``.
        tenant_key: Metadata key of the tag that names the user of an item.
        keyed_user_ids: Store a keyed hash in place of the user id. Any string may then be a user
            id, and an e-mail address used as one stays out of the store.
        stamp: Written into the metadata of every item: source, writer, time, label. See `Stamp`.
        audit: The log that every write and search leaves a record in: an `AuditLog`, or a path for
            one. A search that is part of a retriever's run with a `PIICallbackHandler` is recorded
            by that instead.

    Raises:
        ConfigurationError: A stamp that holds personal data.
        UnsupportedStoreError: A store whose users piirag cannot keep apart.
    """

    def __init__(
        self,
        store: VectorStore,
        *,
        scrubber: Scrubber,
        known_from: Mapping[str, Sequence[str]] | None = None,
        tenant_key: str = "user_id",
        keyed_user_ids: bool = False,
        stamp: Stamp | None = None,
        audit: AuditLog | str | Path | None = None,
    ) -> None:
        self._dialect = dialect_for(store)
        self._store = store
        self._scrubber = scrubber
        self._known_from = known_from
        self._stamp = check_stamp(stamp, scrubber)
        self._recorder = None if audit is None else Recorder(audit)
        self._tags = TenantTags(tenant_key, scrubber.vault, keyed_user_ids)

    def for_user(
        self,
        user_id: str,
        *,
        known: Known | None = None,
        shared: bool = False,
        groups: Sequence[str] = (),
    ) -> UserVectorStore:
        """One user's view: a `VectorStore` that reads and writes that user's items only.

        Args:
            user_id: Set by the server side, never taken from a request as it is.
            known: Values the application knows that may stand in questions: a name that stands
                in none of the user's own chunks is not found in a question otherwise.
            shared: Whether the user reads the shared space besides. Ids of its items begin with
                the tag of the space.
            groups: Groups whose items the user reads besides. Set by the server side.

        Raises:
            InvalidUserIdError: Missing, empty, no string, or outside the safe alphabet; also of a
                group.
        """
        reads = spaces(shared, groups)
        return self._view(user_id, known, reads)

    def shared(self, *, known: Known | None = None) -> UserVectorStore:
        """The shared space: written here only, read by users made with ``shared=True``."""
        return self._view(SHARED, known)

    def group(self, name: str, *, known: Known | None = None) -> UserVectorStore:
        """The space of a group: written here only, read by users whose ``groups`` name it.

        Raises:
            InvalidUserIdError: A name outside the alphabet of plain user ids.
        """
        return self._view(Space.of(name), known)

    def _view(
        self, owner: str | Space, known: Known | None, reads: Sequence[Space] = ()
    ) -> UserVectorStore:
        binding = TenantBinding(
            self._scrubber, owner, self._tags, self._known_from, known, reads, self._stamp
        )
        return UserVectorStore(self._dialect, binding, self._recorder)

    def erasure_targets(self) -> list[ErasureTarget]:
        """What `delete_user` has to erase from: the store and the vault."""
        return [self._dialect.target(self._tags), VaultTarget(self._scrubber.vault)]

    def __repr__(self) -> str:
        return f"TenantVectorStore({type(self._store).__name__})"
