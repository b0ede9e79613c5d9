"""Anything that an application can count and delete by itself, as an erasure target."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any

from piirag.erasure.target import Capabilities, Residue, StoredItem, Traces
from piirag.errors import ConfigurationError, ErasureError
from piirag.user_id import check_user_id


class CallableTarget:
    """Erases by an application's own functions.

    They are never called without a usable user id, and never believed: after `delete`, `count`
    is asked again.

    Args:
        count: How many items of a user are there, read from the store itself.
        delete: Deletes all items of a user, and nothing else. What it returns means nothing.
        name: What the receipt calls it; holds no personal data.
        kind: What sort of store it is.
        items: The items of a user, for an export.
        reclaim: Removes the bytes of deleted items from files, for ``physical=True``.
        why_not: What a reader of the receipt should know.
        identity: Something hashable that two targets share when they hold the same items.

    Raises:
        ConfigurationError: A function that is none, or no name.
    """

    def __init__(
        self,
        count: Callable[[str], int],
        delete: Callable[[str], Any],
        *,
        name: str,
        kind: str = "callable",
        items: Callable[[str], Iterable[StoredItem]] | None = None,
        reclaim: Callable[[str], Any] | None = None,
        why_not: str = "",
        identity: Hashable = None,
    ) -> None:
        if not all(callable(f) for f in (count, delete, items or count, reclaim or count)):
            raise ConfigurationError("a callable target is made of functions")
        if not isinstance(name, str) or not name or not isinstance(kind, str) or not kind:
            raise ConfigurationError("a callable target needs a name")
        self.name = name
        self.kind = kind
        self.identity = (kind, id(self) if identity is None else identity)
        told = why_not or ("" if reclaim else "what is left in the files of this store is unknown")
        self.capabilities = Capabilities(
            reclaim=reclaim is not None, why_not=told, export=items is not None
        )
        self._count = count
        self._delete = delete
        self._items = items
        self._reclaim = reclaim

    def count(self, user_id: str) -> int:
        """How many items of the user are there now.

        Raises:
            ErasureError: The function returned no number.
        """
        found = self._count(check_user_id(user_id))
        if type(found) is not int or found < 0:
            raise ErasureError("the function that counts returned no number")
        return found

    def delete(self, user_id: str) -> None:
        """Delete every item of the user."""
        self._delete(check_user_id(user_id))

    def items(self, user_id: str) -> Iterator[StoredItem]:
        """Every item of the user.

        Raises:
            ErasureError: No function was given for it.
        """
        if self._items is None:
            raise ErasureError("this target cannot list what it holds")
        return iter(self._items(check_user_id(user_id)))

    def traces(self, user_id: str) -> Traces:
        """Nothing: files are not searched."""
        return Traces()

    def residue(self, traces: Traces) -> Residue:
        """Nothing: files are not searched."""
        return {}

    def reclaim(self, user_id: str) -> None:
        """Remove the bytes of deleted items, where the application can."""
        if self._reclaim is None:
            raise NotImplementedError
        self._reclaim(check_user_id(user_id))

    def __repr__(self) -> str:
        return f"CallableTarget({self.kind!r})"
