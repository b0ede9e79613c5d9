"""What drives a tenant-bound store, whatever the framework: for `piirag.testing.tenancy`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import pytest


@dataclass(frozen=True)
class Item:
    """A chunk to write, or one that came back.

    Args:
        id: Its id, as the caller knows it.
        text: Its text.
        metadata: Its metadata, as the caller knows them.
    """

    id: str
    text: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ReadPath:
    """One way to read from a view.

    Args:
        name: What it is called.
        read: From a view, a number of items, a filter and keywords to items. The filter is a
            mapping whatever the framework; keywords go to the store.
        complete: Whether it returns everything, where that is fewer than the number asked for.
    """

    name: str
    read: Callable[[Any, int, Any, Mapping[str, Any]], list[Item]]
    complete: bool = True


class TenancyDriver(ABC):
    """What the suite needs to drive a tenant-bound store of some framework.

    Args:
        tenants: The framework's `TenantVectorStore`.
    """

    framework: str

    def __init__(self, tenants: Any) -> None:
        self.tenants = tenants

    @property
    @abstractmethod
    def key(self) -> str:
        """Metadata key of the tenant's tag."""

    @property
    @abstractmethod
    def known_keywords(self) -> frozenset[str]:
        """Keywords that some read path takes."""

    @abstractmethod
    def paths(self) -> Sequence[ReadPath]:
        """Every way to read."""

    @abstractmethod
    def write(self, view: Any, items: Sequence[Item]) -> list[str]:
        """Write items; return their ids."""

    @abstractmethod
    def get(self, view: Any, ids: Sequence[str]) -> list[Item]:
        """Items by id."""

    @abstractmethod
    def remove(self, view: Any, ids: Sequence[str]) -> None:
        """Delete by id."""

    @abstractmethod
    def untouched(self) -> AbstractContextManager[None]:
        """Within it, a call to the store fails the test."""

    def plant(self, id: str, text: str, metadata: Mapping[str, Any]) -> None:
        """Write an item past piirag, with the store's own means."""
        pytest.skip("this driver cannot write past piirag")
