"""Checkpoints and stores of LangGraph that piirag did not make, as erasure targets.

`TenantCheckpointer` and `TenantStore` are targets themselves; these are for what an application
wrote without them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from piirag.conversations.ids import item_id
from piirag.erasure import (
    Capabilities,
    ErasureTarget,
    Residue,
    StoredItem,
    Traces,
    register_resolver,
)
from piirag.erasure.targets.entries import is_keyed
from piirag.errors import ConfigurationError, ErasureError
from piirag.tenancy import TenantTags

_FILES = "deleted rows may stay in the files of the database until it reuses or compacts them"
_PAGE = 200


def is_saver(item: Any) -> bool:
    """Whether something is a checkpointer of LangGraph's, which need not be installed."""
    return _is_a(item, "BaseCheckpointSaver")


def is_store(item: Any) -> bool:
    """Whether something is a store of LangGraph's."""
    return _is_a(item, "BaseStore")


def _is_a(item: Any, name: str) -> bool:
    bases = type(item).__mro__
    return any(b.__name__ == name and b.__module__.startswith("langgraph.") for b in bases)


class _GraphTarget:
    """What both have in common: nothing is known of files."""

    kind: str
    name: str
    identity: Any
    capabilities: Capabilities

    def traces(self, user_id: str) -> Traces:
        """Nothing: files are not searched."""
        return Traces()

    def residue(self, traces: Traces) -> Residue:
        """Nothing: files are not searched."""
        return {}

    def reclaim(self, user_id: str) -> None:
        """Not possible here."""
        raise NotImplementedError


class CheckpointsTarget(_GraphTarget):
    """Deletes a user's threads from a LangGraph checkpointer.

    LangGraph copies what ``configurable`` holds into the metadata of each checkpoint: a config
    with ``{"thread_id": ..., "user_id": ...}`` makes threads that can be told apart. Threads are
    deleted whole.

    Args:
        saver: `InMemorySaver`, `SqliteSaver`, `PostgresSaver`, any that is not asynchronous only.
        tags: How checkpoints name their user; metadata key ``user_id`` if None.
        threads: A user's threads, for an application that keeps them elsewhere. They count along.

    Raises:
        ConfigurationError: No checkpointer.
    """

    kind = "checkpoints"

    def __init__(
        self,
        saver: Any,
        tags: TenantTags | None = None,
        *,
        threads: Callable[[str], Iterable[str]] | None = None,
    ) -> None:
        if not is_saver(saver):
            raise ConfigurationError("expected a checkpointer of LangGraph's")
        self._saver = saver
        self._tags = tags if tags is not None else TenantTags()
        self._threads = threads
        self.name = f"{self.kind}:{type(saver).__name__}"
        self.identity = (self.kind, id(saver), self._tags.key, self._tags.keyed)
        self.capabilities = Capabilities(why_not=_FILES, delete_by="ids", export=True)

    def count(self, user_id: str) -> int:
        """How many checkpoints of the user there are now."""
        return sum(len(found) for found in self._of(user_id).values())

    def delete(self, user_id: str) -> None:
        """Delete the user's threads.

        Raises:
            ErasureError: A thread holds checkpoints of several users; it was left alone.
        """
        tag = self._tags.tag(user_id)
        mixed = False
        for thread in self._of(user_id):
            named = {
                found.metadata.get(self._tags.key)
                for found in self._saver.list({"configurable": {"thread_id": thread}})
            }
            if named <= {tag, None}:
                self._saver.delete_thread(thread)
            else:
                mixed = True
        if mixed:
            raise ErasureError("a thread holds checkpoints of several users; it was left alone")

    def items(self, user_id: str) -> Iterator[StoredItem]:
        """Every checkpoint of the user, its channels as text."""
        for thread, found in self._of(user_id).items():
            for checkpoint in found:
                values = checkpoint.checkpoint.get("channel_values", {})
                name = checkpoint.config["configurable"]
                id = f"{thread}/{name.get('checkpoint_ns', '')}/{name.get('checkpoint_id', '')}"
                yield StoredItem(id, str(values), dict(checkpoint.metadata))

    def _of(self, user_id: str) -> dict[str, list[Any]]:
        """Thread -> checkpoints."""
        tag = self._tags.tag(user_id)
        found: dict[str, list[Any]] = {}
        for checkpoint in self._saver.list(None, filter={self._tags.key: tag}):
            # Read again: a saver may pass over a filter.
            if checkpoint.metadata.get(self._tags.key) == tag:
                found.setdefault(checkpoint.config["configurable"]["thread_id"], [])
        for thread in self._threads(user_id) if self._threads is not None else ():
            found.setdefault(thread, [])
        for thread in found:
            # Those that name nobody are of the thread that is deleted whole.
            found[thread] = list(self._saver.list({"configurable": {"thread_id": thread}}))
        return {thread: checkpoints for thread, checkpoints in found.items() if checkpoints}


class GraphStoreTarget(_GraphTarget):
    """Deletes a user's items from a LangGraph store.

    An item is the user's if a label of its namespace is the user's tag, as in
    ``("memories", "alice")``, or if its value names the user.

    Args:
        store: `InMemoryStore`, `SqliteStore`, `PostgresStore`, any that is not asynchronous only.
        tags: How items name their user; ``value["user_id"]`` if None.

    Raises:
        ConfigurationError: No store.
    """

    kind = "graph store"
    vectorless = True

    def __init__(self, store: Any, tags: TenantTags | None = None) -> None:
        if not is_store(store):
            raise ConfigurationError("expected a store of LangGraph's")
        self._store = store
        self.tags = tags if tags is not None else TenantTags()
        self.name = f"{self.kind}:{type(store).__name__}"
        self.identity = (self.kind, id(store), self.tags.key, self.tags.keyed)
        self.capabilities = Capabilities(why_not=_FILES, delete_by="ids", export=True)

    def count(self, user_id: str) -> int:
        """How many items of the user there are now."""
        return len(self._of(user_id))

    def delete(self, user_id: str) -> None:
        """Delete every item of the user."""
        for item in self._of(user_id):
            self._store.delete(item.namespace, item.key)

    def items(self, user_id: str) -> Iterator[StoredItem]:
        """Every item of the user."""
        for item in self._of(user_id):
            yield StoredItem(item_id(item), None, dict(item.value))

    def all_items(self) -> Iterator[StoredItem]:
        """Every item of everybody, with its tag where that is a keyed one in the namespace."""
        for item in self._all():
            named = [label for label in item.namespace if self.tags.keyed and is_keyed(label)]
            label = {self.tags.key: named[0]} if len(named) == 1 else {}
            yield StoredItem(item_id(item), None, {**label, **item.value})

    def delete_items(self, ids: Sequence[str]) -> None:
        """Delete items by id."""
        wanted = set(ids)
        for item in self._all() if wanted else ():
            if item_id(item) in wanted:
                self._store.delete(item.namespace, item.key)

    def replace_items(
        self, items: Sequence[StoredItem], vectors: Sequence[Sequence[float]] | None = None
    ) -> None:
        """Put other values, which are the metadata, into items that are there.

        A store that searches by vector computes the new one by itself.
        """
        new = {item.id: dict(item.metadata) for item in items}
        for item in self._all() if new else ():
            value = new.get(item_id(item))
            if value is not None:
                if self.tags.key not in item.value:
                    # `all_items` put it there.
                    value.pop(self.tags.key, None)
                self._store.put(item.namespace, item.key, value)

    def _of(self, user_id: str) -> list[Any]:
        tag = self.tags.tag(user_id)
        return [
            item
            for item in self._all()
            if tag in item.namespace or item.value.get(self.tags.key) == tag
        ]

    def _all(self) -> list[Any]:
        """Read in full before anything is deleted: pages move when items go."""
        found: list[Any] = []
        while page := self._store.search((), limit=_PAGE, offset=len(found), refresh_ttl=False):
            found += page
        return found


def _resolve(item: Any) -> Iterable[ErasureTarget] | None:
    if is_saver(item):
        return [CheckpointsTarget(item)]
    return [GraphStoreTarget(item)] if is_store(item) else None


register_resolver(_resolve)
