"""What can be erased from: the protocol of erasure targets, and how objects become targets."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any, Protocol, runtime_checkable

from piirag.errors import ConfigurationError


@dataclass(frozen=True)
class Capabilities:
    """What a target can do.

    Args:
        reclaim: It can remove deleted bytes from its files (`physical=True`).
        scan: It can look for deleted bytes in its files.
        why_not: Why it cannot, or what a reader of the receipt should know.
        delete_by: ``"filter"`` where one call deletes all items of a user, at once; ``"ids"`` where
            they are listed and deleted one by one or in batches, so that a crash leaves a part.
        export: It can list the items of a user: it is a `ListingTarget`.
    """

    reclaim: bool = False
    scan: bool = False
    why_not: str = ""
    delete_by: str = "filter"
    export: bool = False


@dataclass(frozen=True, repr=False)
class StoredItem:
    """An item of a user as it stands in a store.

    Args:
        id: Its id in the store.
        text: Its text; None where the store holds none.
        metadata: Its metadata.
    """

    id: str
    text: str | None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"StoredItem({len(self.text or '')} characters)"


Residue = dict[str, dict[str, int]]
"""File -> kind of data -> deleted items whose bytes are still in it."""


@dataclass
class Traces:
    """What to look for on disk after a deletion, taken before it. Holds no text of its own."""

    needles: dict[str, list[bytes]] = field(default_factory=dict, repr=False)


@runtime_checkable
class ErasureTarget(Protocol):
    """Something that holds a user's data and can delete it.

    A target may have an attribute `identity`, anything hashable: of several with the same one,
    the first is erased.

    `delete` must remove everything of this user and nothing of anybody else; it is called again
    until `count` is 0, and may be called for a user of whom nothing is there.
    """

    name: str
    kind: str
    capabilities: Capabilities

    def count(self, user_id: str) -> int:
        """How many items of the user are there now, read from the store itself."""
        ...

    def delete(self, user_id: str) -> None:
        """Delete every item of the user."""
        ...

    def traces(self, user_id: str) -> Traces:
        """What to look for on disk once the user is deleted; called before the deletion."""
        ...

    def residue(self, traces: Traces) -> Residue:
        """How many of the traces are still in the files."""
        ...

    def reclaim(self, user_id: str) -> None:
        """Remove the bytes of deleted items from the store's files."""
        ...


@runtime_checkable
class ListingTarget(ErasureTarget, Protocol):
    """An erasure target that can list what it holds of a user."""

    def items(self, user_id: str) -> Iterator[StoredItem]:
        """Every item of the user, read page by page from the store itself."""
        ...


@runtime_checkable
class DeletableTarget(ListingTarget, Protocol):
    """A listing target that reads what everybody has, and deletes items one by one.

    What is erased of a person who is no user needs it: the person stands in items of many users.

    A target may have an attribute `recomputed`, true where what it holds can be computed again, as
    in a cache: then an item is deleted where its text should be replaced and cannot be.
    """

    def all_items(self) -> Iterator[StoredItem]:
        """Every item of everybody, page by page."""
        ...

    def delete_items(self, ids: Sequence[str]) -> None:
        """Delete items by their ids in the store, and no others; unknown ids do nothing."""
        ...


@runtime_checkable
class EditableTarget(DeletableTarget, Protocol):
    """A target whose items can be changed one by one, too.

    It may have an attribute `vectorless`, true where it has no vectors: none are computed for it.
    """

    def replace_items(
        self, items: Sequence[StoredItem], vectors: Sequence[Sequence[float]] | None = None
    ) -> None:
        """Put other text and metadata into items that are there; unknown ids do nothing.

        Args:
            items: Id, new text, new metadata (all of it).
            vectors: The vectors of the new texts, one for each; None to keep the old ones.
        """
        ...


Resolver = Callable[[Any], Iterable[ErasureTarget] | None]
_resolvers: list[Resolver] = []


def register_resolver(resolver: Resolver) -> None:
    """Teach `delete_user` a new kind of object; it returns None for what it does not know."""
    _resolvers.append(resolver)


def as_targets(item: Any) -> list[ErasureTarget]:
    """The erasure targets behind an object.

    An object may be a target itself, have a method `erasure_targets()`, or be of a kind that a
    resolver knows: a vault, the native object of a store (a Chroma collection), or LangChain's or
    LlamaIndex's wrapper around one.

    Raises:
        ConfigurationError: Nothing is known of this kind of object.
    """
    if isinstance(item, ErasureTarget):
        return [item]
    own = getattr(item, "erasure_targets", None)
    if callable(own):
        return list(own())
    _load_own()
    for resolver in _resolvers:
        found = resolver(item)
        if found is not None:
            return list(found)
    raise ConfigurationError(f"no erasure target is known for {type(item).__name__}")


@cache
def _load_own() -> None:
    """Import piirag's own targets, which register resolvers; none of them loads its store."""
    from piirag.erasure import targets

    for module in pkgutil.iter_modules(targets.__path__):
        import_module(f"{targets.__name__}.{module.name}")
