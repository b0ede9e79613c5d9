"""A store of conversations as an erasure target."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from piirag.erasure.target import Capabilities, Residue, StoredItem, Traces
from piirag.tenancy.tags import TenantTags
from piirag.vault.vault import Vault

_WHY_NOT = (
    "deleted rows may stay in the store's files until it reuses or compacts them; they hold "
    "pseudonyms whose key is destroyed with the vault's"
)


class ConversationTarget:
    """Counts and deletes by the owner's keyed tag, which needs no key of the user.

    Args:
        kind: Such as ``"chat history"``.
        name: What the receipt calls it.
        store: The store, by which two targets over one are told to be the same.
        vault: Gives the tag.
        count: How many items an owner has.
        delete: Deletes all of an owner's items.
        items: Lists all of a user's items, as they are stored, with their metadata as JSON knows
            them; None where that is not possible.
        all_items: Lists everybody's, with the owner's tag under the metadata key ``user_id``.
        delete_items: Deletes items by id; with `all_items` only.
    """

    def __init__(
        self,
        *,
        kind: str,
        name: str,
        store: Any,
        vault: Vault,
        count: Callable[[str], int],
        delete: Callable[[str], None],
        why_not: str = _WHY_NOT,
        items: Callable[[str], Iterator[StoredItem]] | None = None,
        all_items: Callable[[], Iterator[StoredItem]] | None = None,
        delete_items: Callable[[Sequence[str]], None] | None = None,
    ) -> None:
        self.kind = kind
        self.name = name
        self.identity = (kind, id(store))
        self.capabilities = Capabilities(why_not=why_not, export=items is not None)
        if items is not None:
            # Only then it is a `ListingTarget`.
            self.items = self._labelled(items)
        if all_items is not None:
            self.all_items = all_items
            if delete_items is not None:
                # Only then it is a `DeletableTarget`.
                self.delete_items = delete_items
        self.tags = TenantTags(vault=vault, keyed=True)
        self._count = count
        self._delete = delete

    def count(self, user_id: str) -> int:
        """How many items of the user there are, read from the store."""
        return self._count(self.tags.tag(user_id))

    def delete(self, user_id: str) -> None:
        """Delete every item of the user."""
        self._delete(self.tags.tag(user_id))

    def _labelled(
        self, items: Callable[[str], Iterator[StoredItem]]
    ) -> Callable[[str], Iterator[StoredItem]]:
        """The same, each with the tag of its owner."""

        def labelled(user_id: str) -> Iterator[StoredItem]:
            label = {self.tags.key: self.tags.tag(user_id)}
            for item in items(user_id):
                yield replace(item, metadata={**item.metadata, **label})

        return labelled

    def traces(self, user_id: str) -> Traces:
        """Nothing: the store's files are not searched."""
        return Traces()

    def residue(self, traces: Traces) -> Residue:
        """Nothing: the store's files are not searched."""
        return {}

    def reclaim(self, user_id: str) -> None:
        """Not possible here."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"ConversationTarget({self.kind!r})"
