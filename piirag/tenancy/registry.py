"""Which class knows how to talk to which kind of vector store. For any framework."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Generic, Protocol, TypeVar

from piirag.errors import UnsupportedStoreError


class _Serving(Protocol):
    @classmethod
    def serves(cls, store: Any) -> bool:
        """Whether this is for a store whose class has a name that it is registered for."""
        ...


T = TypeVar("T", bound=_Serving)


class StoreRegistry(Generic[T]):
    """Finds what talks to a store by the names of its class and of that one's bases.

    Args:
        package: Whose modules are imported when a store of their kind is used.
        known: Name of a store's class -> ``"module:class"`` within the package.
    """

    def __init__(self, package: str, known: Mapping[str, str]) -> None:
        self._package = package
        self._known: dict[str, str | type[T]] = dict(known)

    def register(self, class_name: str, kind: type[T]) -> None:
        """Add a kind of store, or replace one.

        Args:
            class_name: Name of the store's class; classes derived from it are served too.
            kind: What knows how to talk to it.
        """
        self._known[class_name] = kind

    def supported(self) -> list[str]:
        """Names of the classes of stores."""
        return sorted(self._known)

    def kind_of(self, store: Any) -> type[T]:
        """What knows how to talk to a store.

        Raises:
            UnsupportedStoreError: Nothing does.
        """
        for base in type(store).__mro__:
            known = self._known.get(base.__name__)
            if known is None:
                continue
            found = self._loaded(known) if isinstance(known, str) else known
            if found.serves(store):
                return found
        raise UnsupportedStoreError(
            f"{type(store).__name__} is not supported; supported: {', '.join(self.supported())}"
        )

    def _loaded(self, known: str) -> type[T]:
        module, name = known.split(":")
        found: type[T] = getattr(import_module(f"{self._package}.{module}"), name)
        return found

    def __repr__(self) -> str:
        return f"StoreRegistry({len(self._known)} kinds)"
