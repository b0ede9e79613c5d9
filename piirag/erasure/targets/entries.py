"""What the targets for caches, docstores and registers have in common: entries under keys."""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from piirag.erasure.residue import held_in
from piirag.erasure.target import StoredItem, Traces
from piirag.erasure.targets.base import StoreTarget, pieces
from piirag.errors import ConfigurationError, ErasureError
from piirag.tenancy.tags import TenantTags
from piirag.vault.vault import Vault

_KEYED = re.compile(r"(u[0-9a-f]{32})[:/]")
_PLAIN = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.\-]{0,127})[:/].")
_BATCH = 500

NOBODYS = (
    "entries in this store do not say whose they are, and may be anybody's; pass "
    "clear_unattributed=True to have every erasure delete them"
)


@dataclass(frozen=True, repr=False)
class Entry:
    """An entry of a store.

    Args:
        key: What the store deletes it by.
        owners: The tags it names; none where nobody can tell whose it is.
        item: What it holds.
    """

    key: Any
    owners: frozenset[str]
    item: StoredItem

    def __repr__(self) -> str:
        return f"Entry({len(self.owners)} owners)"


def owners_of(key: Any, metadata: Mapping[str, Any] | None, tags: TenantTags) -> frozenset[str]:
    """The tag that an entry names: in its metadata or, without one there, before its key.

    Args:
        key: Such as ``"alice:doc-1"``, or ``"alice/doc-1"`` where keys are paths.
        metadata: The entry's.
        tags: How entries name their user.
    """
    found = (metadata or {}).get(tags.key)
    if isinstance(found, str):
        return frozenset({found})
    match = (_KEYED if tags.keyed else _PLAIN).match(key) if isinstance(key, str) else None
    return frozenset({match[1]} if match else ())


def cache_namespace(vault: Vault, user_id: str) -> str:
    """A prefix for the keys of one user's cache entries, by which erasure finds them.

    Pass it as the `namespace` of `CacheBackedEmbeddings`, say: what a cache keeps under hashes
    tells nobody otherwise whose it is.

    Args:
        vault: Gives the key of the hash.
        user_id: The user.

    Returns:
        A keyed hash and a slash; no user id in the clear. Good for keys that are paths.

    Raises:
        InvalidUserIdError: No usable user id.
    """
    return f"{vault.tenant_tag(user_id)}/"


class EntriesTarget(StoreTarget):
    """Deletes the entries that name a user.

    A derived class defines `entries` and `remove`, and sets `kind` and `capabilities`.

    An entry that names nobody stays, and the receipt says how many there are; a cache, in which
    such an entry may well be the user's, is refused (`refuses`): the erasure is partial then.

    Args:
        name: What the receipt calls it.
        identity: See `StoreTarget`.
        tags: How entries name their user.
        clear_unattributed: Have every erasure delete the entries that name nobody. They count as
            the user's, whoever that is: so an erasure of a user of whom nothing is there empties
            a cache of them, too.
    """

    refuses = False
    """Whether entries that name nobody make an erasure partial."""
    what = "entries"
    recomputed = False
    """Whether what is in the store can be computed again."""

    def __init__(
        self,
        name: str,
        identity: Hashable,
        tags: TenantTags | None = None,
        *,
        clear_unattributed: bool = False,
    ) -> None:
        if type(clear_unattributed) is not bool:
            raise ConfigurationError("clear_unattributed is a boolean")
        super().__init__(name, identity, tags)
        self._clears = clear_unattributed
        self._told: str | None = None

    @abstractmethod
    def entries(self) -> Iterator[Entry]:
        """Every entry, of everybody, read from the store itself."""

    @abstractmethod
    def remove(self, entries: Sequence[Entry]) -> None:
        """Delete entries; those that are gone already are passed over."""

    def may_be(self, entry: Entry, tag: str) -> bool:
        """Whether an entry is deleted with a user."""
        return tag in entry.owners or (self._clears and not entry.owners)

    def count(self, user_id: str) -> int:
        """How many entries of the user are there now.

        Raises:
            ErasureError: Some name nobody, and may be the user's; or all are named otherwise than
                was guessed.
        """
        tag = self.tags.tag(user_id)
        found = nobodys = others = 0
        for entry in self.entries():
            found += self.may_be(entry, tag)
            nobodys += not entry.owners
            others += bool(entry.owners) and not all(map(is_keyed, entry.owners))
        if self._clears:
            return found
        if nobodys and self.refuses:
            raise ErasureError(NOBODYS)
        self._right = self._right or bool(others)
        if self._guessed and not found and not self._right and self._holds_anything():
            # As for vector stores: named by keyed ids, or not at all.
            return self.checked_guess(0)
        self._say(nobodys)
        return found

    def checked_guess(self, found: int) -> int:
        """See `StoreTarget.checked_guess`; found: what speaks for the guess.

        Raises:
            ErasureError: Always, unless something was found.
        """
        if found:
            return found
        raise ErasureError(
            "this store names its users by another key, by keyed ids or not at all; pass the "
            "target made with TenantTags"
        )

    def items(self, user_id: str) -> Iterator[StoredItem]:
        """Every entry that is deleted with the user; see `all_items`."""
        tag = self.tags.tag(user_id)
        return (self._labelled(entry) for entry in self.entries() if self.may_be(entry, tag))

    def all_items(self) -> Iterator[StoredItem]:
        """Every entry of everybody, with the tag of its only owner where its metadata name none."""
        return map(self._labelled, self.entries())

    def delete_items(self, ids: Sequence[str]) -> None:
        """Delete entries by the ids of what they hold."""
        wanted = set(ids)
        gone = [replace(e, item=_EMPTY) for e in self.entries() if e.item.id in wanted]
        for batch in batches(gone):
            self.remove(batch)

    def _labelled(self, entry: Entry) -> StoredItem:
        item = entry.item
        if len(entry.owners) != 1 or self.tags.key in item.metadata:
            return item
        [owner] = entry.owners
        return replace(item, metadata={**item.metadata, self.tags.key: owner})

    def delete(self, user_id: str) -> None:
        """Delete the entries of the user, in batches.

        Raises:
            ErasureError: Some name nobody, and may be the user's; nothing was deleted.
        """
        tag = self.tags.tag(user_id)
        if self.refuses and not self._clears and any(not e.owners for e in self.entries()):
            raise ErasureError(NOBODYS)
        # Listed in full first: some stores cannot be changed while they are read.
        gone = [replace(e, item=_EMPTY) for e in self.entries() if self.may_be(e, tag)]
        for batch in batches(gone):
            self.remove(batch)

    def traces(self, user_id: str) -> Traces:
        """See `StoreTarget.traces`; texts also as they stand in JSON."""
        return with_json(super().traces(user_id), self.items(user_id))

    def _still_used(self, suspects: set[bytes]) -> set[bytes]:
        return super()._still_used(suspects) | still_in_json(suspects, self.all_items())

    def _holds_anything(self) -> bool:
        return any(True for _ in islice(self.entries(), 1))

    def _say(self, nobodys: int) -> None:
        """Have the receipt say what stays because nobody can tell whose it is."""
        if self._told is None:
            self._told = self.capabilities.why_not
        said = f"{nobodys} {self.what} name no user and stay" if nobodys else ""
        note = "; ".join(part for part in (self._told, said) if part)
        self.capabilities = replace(self.capabilities, why_not=note)


def with_json(traces: Traces, items: Iterable[StoredItem]) -> Traces:
    """Traces, and with them pieces of the texts as JSON writes them: escaped."""
    for item in items:
        for text in _texts(item):
            for escaped in _escaped(text):
                if escaped != text:
                    traces.needles.setdefault("texts", []).extend(pieces(escaped))
    traces.needles = {kind: list(dict.fromkeys(found)) for kind, found in traces.needles.items()}
    return traces


def still_in_json(suspects: set[bytes], items: Iterable[StoredItem]) -> set[bytes]:
    """Pieces of JSON that items which are still there hold, too."""
    texts = (text for item in items for text in _texts(item))
    return held_in(
        suspects, ("\0".join(_escaped(text)).encode("utf-8", "replace") for text in texts)
    )


def _texts(item: StoredItem) -> list[str]:
    held = [item.text, *item.metadata.values()]
    return [text for text in held if isinstance(text, str) and text]


def _escaped(text: str) -> list[str]:
    return [json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]]


_EMPTY = StoredItem("", None)


def batches(items: Iterable[Any], size: int = _BATCH) -> Iterator[list[Any]]:
    """Lists of at most so many."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def is_keyed(tag: str) -> bool:
    """Whether a tag looks like a keyed hash of a user id."""
    return _KEYED.match(f"{tag}:") is not None
