"""A vector store, or anything else that an erasure can read, as something to scan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from piirag.erasure.target import DeletableTarget, ErasureTarget, as_targets
from piirag.governance.scan.formats import Keys, value_records
from piirag.governance.scan.record import Record, Skipped


class Stores:
    """What stores hold: texts, metadata and ids.

    Args:
        objects: Erasure targets, or what `as_targets` makes targets of: a Chroma collection, a
            LangChain or LlamaIndex vector store.

    Raises:
        ConfigurationError: Nothing is known of this kind of object.
    """

    def __init__(self, *objects: Any) -> None:
        self._targets = [target for item in objects for target in as_targets(item)]
        self.total: int | None = None
        self.done = 0

    def records(self) -> Iterator[Record | Skipped]:
        """Every item of everybody. What cannot be read is told and does not end it."""
        for target in self._targets:
            if not isinstance(target, DeletableTarget):
                yield Skipped(target.name, "it cannot list what everybody has in it")
                continue
            failed = ""
            try:
                yield from self._items(target)
            except Exception as error:  # noqa: BLE001 - a store that is down; its words quote data
                failed = type(error).__name__
            if failed:
                yield Skipped(target.name, f"reading stopped ({failed})", whole=False, failed=True)

    def _items(self, target: DeletableTarget) -> Iterator[Record | Skipped]:
        keys = Keys()
        kind = _kind(target)
        for item in target.all_items():
            self.done += 1
            about = {"id": item.id, **{str(k): v for k, v in item.metadata.items()}}
            yield from value_records(target.name, kind, about, keys, text=item.text or "")


def _kind(target: ErasureTarget) -> str:
    return target.kind or "store"
