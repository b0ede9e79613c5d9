"""One user's view of a LangGraph store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import run_in_executor
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

from piirag.conversations import ConversationUser
from piirag.errors import (
    InvalidInputError,
    TenancyError,
)

if TYPE_CHECKING:
    from langchain_piirag.stores import TenantStore

ROOT = "piirag"
"""The first label of every namespace."""

AT = "piirag_at"
"""Key of the time of writing, in seconds since the epoch."""

PAGE = 200
"""Items that are read at once."""


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
            op = op._replace(limit=PAGE, offset=0)
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
        while len(page) == PAGE:
            op = op._replace(offset=op.offset + PAGE)
            page = self._parent.store.batch([op])[0]
            yield from page

    async def _amore(self, op: SearchOp, page: Any) -> Any:
        for item in page:
            yield item
        while len(page) == PAGE:
            op = op._replace(offset=op.offset + PAGE)
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
