"""LangGraph stores (long-term memory): namespaces apart by user, items scrubbed on write."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NoReturn

from langchain_core.runnables import run_in_executor

from piirag.conversations import ConversationTarget, ConversationUser, Retention
from piirag.conversations.ids import item_id
from piirag.detection.known import Known
from piirag.errors import (
    ConfigurationError,
    InvalidInputError,
    MissingDependencyError,
    TenancyError,
)
from piirag.redaction import Scrubber
from piirag.user_id import check_user_id

try:
    from langgraph.store.base import (
        BaseStore,
        GetOp,
        Item,
        ListNamespacesOp,
        MatchCondition,
        PutOp,
        SearchItem,
        SearchOp,
    )
except ImportError:
    _missing = True
else:
    _missing = False
if _missing:
    raise MissingDependencyError("langgraph", "agents")

ROOT = "piirag"
AT = "piirag_at"
_PAGE = 200


class UserStore(BaseStore):
    """One user's items; made by `TenantStore.for_user`.

    A `BaseStore`: pass it to ``graph.compile(store=...)``.
    """

    def __init__(self, parent: TenantStore, user_id: str) -> None:
        self._parent = parent
        self._user = ConversationUser(
            parent.scrubber, user_id, known=parent.known, allow_media=parent.allow_media
        )
        self.supports_ttl = parent.store.supports_ttl
        self.ttl_config = parent.store.ttl_config

    def batch(self, ops: Iterable[Any]) -> list[Any]:
        """Carry out operations for this user.

        Raises:
            InvalidInputError: A part of an item that cannot be searched; nothing was stored.
            DetectionError: The detector failed; nothing was stored.
            TenancyError: The store returned an item of another user's.
            UserErasedError: The user was erased.
        """
        plan = self._plan(list(ops))
        results = self._parent.store.batch([op for op in plan.inner if op is not None])
        plan.check(lambda: self._parent.store.batch(plan.undo))
        return self._finish(plan, list(results), self._more)

    async def abatch(self, ops: Iterable[Any]) -> list[Any]:
        """As `batch`."""
        plan = await run_in_executor(None, self._plan, list(ops))
        results = await self._parent.store.abatch([op for op in plan.inner if op is not None])
        erased: list[bool] = []
        try:
            await run_in_executor(None, plan.check, lambda: erased.append(True))
        finally:
            if erased:
                await self._parent.store.abatch(plan.undo)
        fetched: dict[int, list[Any]] = {}
        if self._parent.retention.days is not None:
            sent = [(n, op) for n, op in enumerate(plan.inner) if op is not None]
            for (number, op), page in zip(sent, results, strict=True):
                if isinstance(op, SearchOp):
                    fetched[number] = [i async for i in self._amore(op, page)]
        return await run_in_executor(
            None, self._finish, plan, list(results), lambda number, *_: iter(fetched[number])
        )

    def _plan(self, ops: list[Any]) -> _Plan:
        if any(isinstance(op, PutOp) and op.value is not None for op in ops):
            writing = self._user.writing()
        else:
            writing = None
        known = self._user.exists()
        # One search for all that is written.
        puts = [op for op in ops if isinstance(op, PutOp) and op.value is not None]
        if not all(isinstance(op.value, dict) for op in puts):
            raise InvalidInputError("the value of an item is a dict")
        clean = iter(self._user.scrub([op.value for op in puts]) if puts else [])
        inner: list[Any] = []
        for op in ops:
            if not known and not isinstance(op, PutOp):
                inner.append(None)
            elif isinstance(op, PutOp):
                value = None if op.value is None else next(clean)
                inner.append(self._put(op, value) if known or value is not None else None)
            elif isinstance(op, GetOp):
                inner.append(
                    op._replace(namespace=self._space(op.namespace), key=self._name(op.key))
                )
            elif isinstance(op, SearchOp):
                inner.append(self._search(op))
            elif isinstance(op, ListNamespacesOp):
                inner.append(self._list(op))
            else:
                raise InvalidInputError("an operation of an unknown kind")
        return _Plan(ops, inner, writing)

    def _put(self, op: PutOp, value: dict[str, Any] | None) -> PutOp:
        if value is not None:
            value = {**value, AT: self._parent.retention.now()}
        return op._replace(namespace=self._space(op.namespace), key=self._name(op.key), value=value)

    def _search(self, op: SearchOp) -> SearchOp:
        clause = op.filter
        if clause:
            if AT in clause:
                raise InvalidInputError(f"a filter may not name {AT!r}: piirag sets it")
            clause = self._user.scrub(dict(clause), remember=False)
        query = self._user.scrub(op.query, remember=False) if op.query else op.query
        if self._parent.retention.days is not None:
            # The first page of all; see `_found`.
            op = op._replace(limit=_PAGE, offset=0)
        return op._replace(
            namespace_prefix=self._space(op.namespace_prefix), filter=clause, query=query
        )

    def _list(self, op: ListNamespacesOp) -> ListNamespacesOp:
        """The owner's prefix, and-ed with the caller's conditions."""
        mine = (ROOT, self._user.owner)
        conditions = [MatchCondition("prefix", mine)]
        for condition in op.match_conditions or ():
            path = tuple("*" if part == "*" else self._name(part) for part in condition.path)
            head = mine if condition.match_type == "prefix" else ()
            conditions.append(condition._replace(path=(*head, *path)))
        depth = None if op.max_depth is None else op.max_depth + len(mine)
        return op._replace(match_conditions=tuple(conditions), max_depth=depth)

    def _space(self, namespace: tuple[str, ...]) -> tuple[str, ...]:
        return (ROOT, self._user.owner, *(self._name(label) for label in namespace))

    def _name(self, name: str) -> str:
        # A key of the user exists by now: writing made it, and reading ended without it.
        hidden = self._user.hide(name)
        if hidden is None:
            raise TenancyError("this user has nothing stored")
        return hidden

    def _finish(
        self, plan: _Plan, results: list[Any], more: Callable[[int, Any, Any], Iterator[Any]]
    ) -> list[Any]:
        finished: list[Any] = []
        left = iter(results)
        for number, (op, inner) in enumerate(zip(plan.ops, plan.inner, strict=True)):
            if inner is None:
                finished.append([] if isinstance(op, SearchOp | ListNamespacesOp) else None)
                continue
            result = next(left)
            if isinstance(op, GetOp):
                result = None if result is None else self._shown(result)
            elif isinstance(op, SearchOp):
                result = self._found(op, result, partial(more, number, inner))
            elif isinstance(op, ListNamespacesOp):
                result = [self._namespace(space) for space in result]
            finished.append(result)
        return finished

    def _found(self, op: SearchOp, result: list[Any], more: Callable[[Any], Any]) -> list[Any]:
        if self._parent.retention.days is None:
            return [self._shown(item) for item in result]
        # What is over may fill the page; so all is fetched, and the page cut afterwards.
        shown = [item for item in map(self._shown, more(result)) if item is not None]
        return shown[op.offset : op.offset + op.limit]

    def _more(self, number: int, op: SearchOp, page: Any) -> Iterator[Any]:
        yield from page
        while len(page) == _PAGE:
            op = op._replace(offset=op.offset + _PAGE)
            page = self._parent.store.batch([op])[0]
            yield from page

    async def _amore(self, op: SearchOp, page: Any) -> Any:
        for item in page:
            yield item
        while len(page) == _PAGE:
            op = op._replace(offset=op.offset + _PAGE)
            page = (await self._parent.store.abatch([op]))[0]
            for item in page:
                yield item

    def _shown(self, item: Any) -> Any:
        """An item as the user knows it; None where its time is over."""
        namespace = self._namespace(item.namespace)
        key = self._user.show(item.key)
        if key is None:
            raise TenancyError("the store returned an item that is not this user's")
        if self._parent.retention.is_over(item.value.get(AT)):
            return None
        value = {name: part for name, part in item.value.items() if name != AT}
        if self._parent.reveal:
            value = self._user.reveal(value)
        fields = {
            "value": value,
            "key": key,
            "namespace": namespace,
            "created_at": item.created_at,
            "updated_at": item.updated_at,
        }
        return (
            SearchItem(**fields, score=item.score)
            if isinstance(item, SearchItem)
            else Item(**fields)
        )

    def _namespace(self, namespace: tuple[str, ...]) -> tuple[str, ...]:
        if tuple(namespace[:2]) != (ROOT, self._user.owner):
            raise TenancyError("the store returned an item that is not this user's")
        labels = [self._user.show(label) for label in namespace[2:]]
        if None in labels:
            raise TenancyError("the store returned an item that is not this user's")
        return tuple(label for label in labels if label is not None)

    def __repr__(self) -> str:
        return f"UserStore({type(self._parent.store).__name__})"


class _Plan:
    """Operations as the wrapped store gets them; None for those that have nothing to do."""

    def __init__(self, ops: list[Any], inner: list[Any], writing: Any) -> None:
        self.ops = ops
        self.inner = inner
        self._writing = writing
        self.undo = [
            op._replace(value=None)
            for op in inner
            if isinstance(op, PutOp) and op.value is not None
        ]

    def check(self, undo: Callable[[], Any]) -> None:
        if self._writing is not None:
            self._writing.check(undo)


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

    def sweep(self, now: float | None = None) -> int:
        """Delete the items of all users that are over.

        Args:
            now: Seconds since the epoch; the clock's time if None.

        Returns:
            How many items were deleted.
        """
        if self.retention.days is None:
            return 0
        gone = 0
        for item in self._items((ROOT,)):
            if self.retention.is_over(item.value.get(AT), now):
                fresh = self.store.get(item.namespace, item.key)
                # It may have been written anew since it was read.
                if fresh is not None and self.retention.is_over(fresh.value.get(AT), now):
                    self.store.delete(item.namespace, item.key)
                    gone += 1
        return gone

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
        while page := self.store.search(prefix, limit=_PAGE, offset=len(items), refresh_ttl=False):
            items += page
        # A store may match a prefix as text; a label that merely begins like it is not under it.
        return [i for i in items if tuple(i.namespace[: len(prefix)]) == prefix]

    def __repr__(self) -> str:
        return f"TenantStore({type(self.store).__name__})"
