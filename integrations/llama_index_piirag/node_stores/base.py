"""What the parts that know one kind of LlamaIndex vector store have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from llama_index.core.schema import BaseNode, TextNode
from llama_index.core.vector_stores.types import BasePydanticVectorStore
from llama_index.core.vector_stores.utils import metadata_dict_to_node

from piirag.erasure import ErasureTarget
from piirag.errors import ConfigurationError
from piirag.tenancy import Language, Scope, TenantTags


@dataclass(frozen=True, repr=False)
class Record:
    """An item of a store.

    Args:
        id: Its id, with the tag of its user before it.
        text: Its text.
        metadata: As LlamaIndex's `node_to_metadata_dict` makes them, without the text: the node's
            own, ``_node_content``, ``_node_type``, and the ids of the document.
        embedding: Its vector.
        similarity: To what was searched for, as the store's own wrapper gives it.
    """

    id: str
    text: str | None
    metadata: Mapping[str, Any] | None
    embedding: Sequence[float] | None = field(default=None)
    similarity: float | None = None

    def __repr__(self) -> str:
        return f"Record({len(self.text or '')} characters)"


@dataclass(frozen=True, repr=False)
class Search:
    """What is searched for.

    Args:
        vector: Near to what.
        k: How many; at least one.
        ids: Only among these, which are there; None for among all.
        mode: Value of a `VectorStoreQueryMode`, one of the store's `modes`.
        text: The question, scrubbed; for modes that search in texts.
        vectors: Whether the records that are found need their vectors.
        options: ``alpha``, ``sparse_top_k``, ``hybrid_top_k`` where given, and the keywords of
            the call.
    """

    vector: list[float]
    k: int
    ids: list[str] | None = None
    mode: str = "default"
    text: str | None = None
    vectors: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Search({self.mode!r}, k={self.k})"


class NodeStore(ABC):
    """How to talk to one kind of LlamaIndex vector store, so that users stay apart.

    Nothing here scrubs, tags or scopes ids: `UserVectorStore` has done that before it calls, and
    checks every record that comes back. A derived class calls the native client where the wrapper
    is broken, and keeps to the wrapper's schema, so that what one wrote the other can read.

    Whatever a store cannot do must raise an error of piirag's own before the store is called.

    Args:
        store: The store.
        docstore: Where texts are, for a store that holds none.

    Raises:
        UnsupportedStoreError: This store is set up in a way in which its users cannot be kept
            apart, or its items not deleted; see `check`.
        ConfigurationError: A docstore for a store that holds its texts itself.
    """

    kind: ClassVar[str]
    """Short name of the store: ``"chroma"``."""
    language: ClassVar[Language[Any]]
    """How filters look to this store."""
    expires: ClassVar[bool] = False
    """Whether `language` knows ``$exists``, so that expired items are filtered by the store."""
    modes: ClassVar[frozenset[str]] = frozenset({"default"})
    """Query modes that `nearest` knows. ``mmr`` is made of ``default`` for every store."""
    search_keywords: ClassVar[frozenset[str]] = frozenset()
    """Keywords of the store's `query`. None of them can widen the result."""
    flat: ClassVar[bool] = True
    """Whether metadata may hold strings, numbers, booleans and None only, no lists or mappings."""
    takes_docstore: ClassVar[bool] = False
    batch: ClassVar[int] = 1000
    """How many items go into one call."""

    def __init__(self, store: BasePydanticVectorStore, docstore: Any = None) -> None:
        if docstore is not None and not self.takes_docstore:
            raise ConfigurationError(f"a {self.kind} store holds texts itself; give no docstore")
        self.store: Any = store
        self.docstore = docstore
        self.check()

    @classmethod
    def serves(cls, store: Any) -> bool:
        """Whether this is for a store whose class has a name that it is registered for."""
        return isinstance(store, BasePydanticVectorStore)

    def check(self) -> None:  # noqa: B027 - most stores are fine however they are set up
        """Look whether users can be kept apart in this store as it is set up.

        Raises:
            UnsupportedStoreError: They cannot.
        """

    @property
    def name(self) -> str:
        """What to call this store in messages; holds no personal data."""
        return self.kind

    def where(self, scope: Scope) -> Any:
        """A scope in the store's own language.

        Raises:
            InvalidInputError: The caller's filter asks what the store cannot express.
        """
        return self.language.translate(scope.clause(expiry=self.expires))

    # Reading

    @abstractmethod
    def rows(
        self,
        scope: Scope,
        ids: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> Iterator[Record]:
        """Items within a scope, without vectors.

        Args:
            scope: Whose.
            ids: Only those of these, at least one and at most `batch`; None for all.
            limit: At most so many.
        """

    @abstractmethod
    def nearest(self, search: Search, scope: Scope) -> list[Record]:
        """The items within a scope that are nearest, nearest first, with similarities.

        The scope must narrow before the `k` are chosen, not after. In mode ``default`` there are no
        more than `k`; other modes may have numbers of their own among the options.
        """

    def count(self, scope: Scope) -> int:
        """How many items are within a scope."""
        return sum(1 for _ in self.rows(scope))

    # Writing

    @abstractmethod
    def write(self, records: list[Record]) -> None:
        """Write items; one whose id is there already is replaced, metadata and all.

        Args:
            records: With distinct ids, at most `batch`.
        """

    @abstractmethod
    def remove(self, ids: list[str]) -> None:
        """Delete by id; ids that are not there are passed over.

        Args:
            ids: At least one, at most `batch`.
        """

    def remove_where(self, scope: Scope) -> None:
        """Delete what is within a scope; at once, where the store can."""
        ids = [record.id for record in self.rows(scope)]
        for start in range(0, len(ids), self.batch):
            self.remove(ids[start : start + self.batch])

    # Erasing

    @abstractmethod
    def target(self, tags: TenantTags) -> ErasureTarget:
        """What `delete_user` erases from: the native store, whichever framework wrote it."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


def node_of(record: Record) -> BaseNode:
    """The node of a record under the record's id, without its vector, whichever framework wrote it.

    Args:
        record: Scrubbed and checked: LlamaIndex's errors would quote it.
    """
    metadata = dict(record.metadata or {})
    if "_node_content" not in metadata:
        return TextNode(id_=record.id, text=record.text or "", metadata=metadata)
    node = metadata_dict_to_node(metadata, text=record.text or "")
    return node.model_copy(update={"id_": record.id, "embedding": None})
