"""LangGraph stores (long-term memory): namespaces apart by user, items scrubbed on write."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn

from piirag.conversations import ConversationTarget, ConversationUser, Retention
from piirag.conversations.ids import item_id
from piirag.detection.known import Known
from piirag.errors import (
    ConfigurationError,
    MissingDependencyError,
    TenancyError,
)
from piirag.redaction import Scrubber
from piirag.user_id import check_user_id

if importlib.util.find_spec("langgraph") is None:
    raise MissingDependencyError("langgraph", "agents")

from langgraph.store.base import BaseStore

from langchain_piirag.stores_user import AT, PAGE, ROOT, UserStore

__all__ = ["TenantStore", "UserStore"]


class TenantStore(BaseStore):
    """Wraps any LangGraph store that many users share.

    Namespaces and keys are stored encrypted under a key of the user, so none can be guessed or
    read by another user; the values of items are scrubbed before they reach the store, and with
    them what it embeds. Questions are scrubbed by the same rules.

    Use `for_user`. The store itself refuses every operation: a LangGraph store is not told whose
    request it serves, and there is no default.

    Args:
        store: `InMemoryStore`, `SqliteStore`, `PostgresStore`, their async forms, any other.
        scrubber: Does the work; its vault has the keys.
        retention_days: An item last written earlier is never returned, and deleted by `sweep`.
            Searching then reads all that match.
        reveal: Return items with the values put back.
        known: Values the application knows to stand in items.
        allow_media: Store encoded images, audio and files, into which nobody can look.
        clock: Seconds since the epoch; for tests.

    Raises:
        ConfigurationError: No store, or an unusable retention.
    """

    def __init__(
        self,
        store: BaseStore,
        *,
        scrubber: Scrubber,
        retention_days: float | None = None,
        reveal: bool = False,
        known: Known | None = None,
        allow_media: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not isinstance(store, BaseStore):
            raise ConfigurationError("store must be a BaseStore")
        self.store = store
        self.scrubber = scrubber
        self.retention = Retention(retention_days, clock)
        self.reveal = reveal
        self.known = known
        self.allow_media = allow_media

    def for_user(self, user_id: str) -> UserStore:
        """The store of one user; cheap, so make one per request.

        Raises:
            InvalidUserIdError: No usable user id.
        """
        return UserStore(self, check_user_id(user_id))

    def batch(self, ops: Iterable[Any]) -> NoReturn:
        """Refused: it names no user."""
        raise TenancyError("a store names no user: use for_user(...)")

    async def abatch(self, ops: Iterable[Any]) -> NoReturn:
        """Refused: it names no user."""
        raise TenancyError("a store names no user: use for_user(...)")

    def sweep(self, now: float | None = None, *, before: float | None = None) -> int:
        """Delete the items of all users that are over.

        Args:
            now: Seconds since the epoch; the clock's time if None.
            before: Items last written before this moment are over, whatever the limit.

        Returns:
            How many items were deleted.
        """
        limit = self.retention.until(before)
        gone = 0
        for item in self._over(limit, now):
            fresh = self.store.get(item.namespace, item.key)
            # It may have been written anew since it was read.
            if fresh is not None and limit.is_over(fresh.value.get(AT), now):
                self.store.delete(item.namespace, item.key)
                gone += 1
        return gone

    def count_over(self, now: float | None = None, *, before: float | None = None) -> int:
        """How many items `sweep` would delete."""
        return len(self._over(self.retention.until(before), now))

    def _over(self, limit: Retention, now: float | None) -> list[Any]:
        if not limit.ends:
            return []
        return [i for i in self._items((ROOT,)) if limit.is_over(i.value.get(AT), now)]

    def erasure_targets(self) -> list[Any]:
        """What `delete_user` covers: all of a user's items, and the vault."""
        from piirag.erasure import as_targets

        own = ConversationTarget(
            kind="store",
            name=f"store:{type(self.store).__name__}",
            store=self.store,
            vault=self.scrubber.vault,
            count=lambda owner: len(self._items((ROOT, owner))),
            delete=self._erase,
            items=self._told,
            all_items=self._all_told,
            delete_items=self._delete,
        )
        return [own, *as_targets(self.scrubber.vault)]

    def _told(self, user_id: str) -> Iterator[Any]:
        """Every item of a user, as it is stored."""
        from piirag.erasure.export_values import plain
        from piirag.erasure.target import StoredItem

        user = ConversationUser(self.scrubber, user_id)
        for item in self._items((ROOT, user.owner)):
            metadata = {
                "namespace": [user.show(label) for label in item.namespace[2:]],
                "key": user.show(item.key),
                "value": {name: part for name, part in item.value.items() if name != AT},
                "written_at": item.value.get(AT),
            }
            yield StoredItem(item_id(item), None, plain(metadata))

    def _all_told(self) -> Iterator[Any]:
        """Every item of everybody, with its owner's tag."""
        from piirag.erasure.target import StoredItem

        for item in self._items((ROOT,)):
            label = {"user_id": item.namespace[1]} if len(item.namespace) > 1 else {}
            yield StoredItem(item_id(item), None, {"value": dict(item.value), **label})

    def _delete(self, ids: Sequence[str]) -> None:
        for item in self._items((ROOT,)):
            if item_id(item) in ids:
                self.store.delete(item.namespace, item.key)

    def _erase(self, owner: str) -> None:
        for item in self._items((ROOT, owner)):
            self.store.delete(item.namespace, item.key)

    def _items(self, prefix: tuple[str, ...]) -> list[Any]:
        """All items under a prefix, read whole before anything is deleted."""
        items: list[Any] = []
        while page := self.store.search(prefix, limit=PAGE, offset=len(items), refresh_ttl=False):
            items += page
        # A store may match a prefix as text; a label that merely begins like it is not under it.
        return [i for i in items if tuple(i.namespace[: len(prefix)]) == prefix]

    def __repr__(self) -> str:
        return f"TenantStore({type(self.store).__name__})"
