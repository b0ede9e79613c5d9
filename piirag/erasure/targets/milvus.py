"""A Milvus collection as an erasure target, whichever framework wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from piirag.erasure.residue import Hit
from piirag.erasure.target import (
    Capabilities,
    ErasureTarget,
    StoredItem,
    Traces,
    register_resolver,
)
from piirag.erasure.targets.base import StoreTarget
from piirag.erasure.targets.milvus_schema import PAGE, STRONG, Layout, layout, lite, pages
from piirag.errors import ErasureError
from piirag.tenancy.tags import TenantTags

_KEEPS = (
    "Milvus Lite keeps the bytes of deleted items in its files until the collection is copied; so "
    "do its snapshots, backups and the file system"
)
_SERVER = (
    "Milvus runs on a server, whose files are not within reach: compaction and garbage collection "
    "there drop the bytes of deleted items in their own time, backups and its log keep them"
)


class MilvusTarget(StoreTarget):
    """Deletes a user's items from a Milvus collection by the tag they bear.

    Args:
        client: A `MilvusClient`, of a server or of Milvus Lite.
        collection_name: The collection, or an alias of it.
        tags: How items name their user. See `StoreTarget`.
        metadata_field: The JSON field that metadata are in; None where they are fields of the
            schema or keys of the dynamic field.
        text_field: The field of the text.
        may_be_missing: Whether a collection that is not there counts as an empty one; it is an
            error otherwise. LangChain's wrapper makes it when it first writes.
    """

    kind = "milvus"

    def __init__(
        self,
        client: Any,
        collection_name: str,
        tags: TenantTags | None = None,
        *,
        metadata_field: str | None = None,
        text_field: str = "text",
        may_be_missing: bool = False,
    ) -> None:
        self._client = client
        self._name = collection_name
        self._metadata_field = metadata_field
        self._text_field = text_field
        self._may_be_missing = may_be_missing
        address = str(getattr(getattr(client, "_handler", None), "_address", id(client)))
        super().__init__(f"milvus:{collection_name}", (address, collection_name), tags)
        local = lite(client) is not None
        self.capabilities = Capabilities(
            reclaim=local, scan=local, why_not=_KEEPS if local else _SERVER, export=True
        )

    def _layout(self) -> Layout | None:
        """The fields of the collection; None where it is not there and need not be.

        Raises:
            ErasureError: It has to be there.
        """
        found = layout(self._client, self._name)
        if lite(self._client) is not None:
            from piirag.erasure.targets.milvus_files import load, original, recover

            # An exchange may have been interrupted, and an alias still lead to the old one.
            if recover(self._client, original(self._name if found is None else found.name)):
                found = layout(self._client, self._name)
            if found is not None:
                load(self._client, found.name)
        if found is None and not self._may_be_missing:
            raise ErasureError("there is no such collection in this Milvus")
        return found

    def _where(self, found: Layout, user_id: str) -> str:
        language = found.language(self._metadata_field, self._text_field)
        return language.translate({self.tags.key: {"$eq": self.tags.tag(user_id)}})

    def count(self, user_id: str) -> int:
        """How many items of the user are there now."""
        self.tags.tag(user_id)
        found = self._layout()
        if found is None:
            return 0
        [row] = self._client.query(
            self._name,
            filter=self._where(found, user_id),
            output_fields=["count(*)"],
            consistency_level=STRONG,
        )
        return self.checked_guess(int(row["count(*)"]))

    def items(self, user_id: str) -> Iterator[StoredItem]:
        """Every item of the user."""
        found = self._layout()
        if found is not None:
            yield from self._items(found, self._where(found, user_id))

    def all_items(self) -> Iterator[StoredItem]:
        """Every item of the collection."""
        found = self._layout()
        if found is not None:
            yield from self._items(found, found.everything())

    def delete(self, user_id: str) -> None:
        """Delete every item of the user, at once."""
        self.tags.tag(user_id)
        found = self._layout()
        if found is not None:
            self._client.delete(self._name, filter=self._where(found, user_id))

    def delete_items(self, ids: Sequence[str]) -> None:
        """Delete items by id."""
        found = self._layout()
        if found is None:
            return
        for start in range(0, len(ids), PAGE):
            self._client.delete(self._name, filter=found.among(ids[start : start + PAGE]))

    def replace_items(
        self, items: Sequence[StoredItem], vectors: Sequence[Sequence[float]] | None = None
    ) -> None:
        """Put other text and metadata into items that are there.

        Raises:
            ErasureError: Milvus makes the ids, or the collection has several dense vectors to an
                item, or sparse ones that would go on telling the words of the old text.
        """
        found = self._layout()
        if found is None or not items:
            return
        given = [name for name in found.vectors if name not in found.made]
        if found.auto_id or len(given) > 1:
            raise ErasureError("items of this Milvus collection cannot be replaced")
        new = {item.id: item for item in items}
        vector_of = {} if vectors is None else dict(zip(new, vectors, strict=True))
        for start in range(0, len(items), PAGE):
            where = found.among([item.id for item in items[start : start + PAGE]])
            rows = self._client.query(
                self._name, filter=where, output_fields=["*"], consistency_level=STRONG
            )
            changed = [self._changed(found, row, new, vector_of, given) for row in rows]
            if changed:
                self._client.upsert(self._name, changed)

    def _changed(
        self,
        found: Layout,
        row: Any,
        new: Mapping[str, StoredItem],
        vector_of: Mapping[str, Sequence[float]],
        given: Sequence[str],
    ) -> dict[str, Any]:
        id = str(row[found.primary])
        fixed = {found.primary, self._text_field, *found.vectors}
        metadata = dict(new[id].metadata)
        changed = {key: value for key, value in row.items() if key not in found.made}
        if self._metadata_field is None:
            # Milvus Lite keeps keys that are not named; None takes them away.
            changed.update(
                (key, None)
                for key in row
                if key not in {*fixed, *found.scalars, *found.json} and key not in metadata
            )
            changed.update((key, value) for key, value in metadata.items() if key not in fixed)
        else:
            changed[self._metadata_field] = metadata
        changed[self._text_field] = new[id].text or ""
        changed.update((name, list(vector_of[id])) for name in given if id in vector_of)
        return changed

    def vectors(self, user_id: str) -> Iterable[Sequence[float]]:
        """The dense vectors of the user's items."""
        found = self._layout()
        if found is None:
            return
        fields = [name for name in found.vectors if name not in found.made]
        for page in pages(self._client, self._name, self._where(found, user_id), fields):
            for row in page:
                yield from (row[name] for name in fields if isinstance(row.get(name), list))

    def files(self) -> list[Path]:
        """The folder of the collection, where Milvus is embedded."""
        database, found = lite(self._client), self._layout()
        if database is None or found is None:
            return []
        return [Path(database.get_collection(found.name).data_dir)]

    def hits(self, traces: Traces) -> list[Hit]:
        """Which traces stand in the files, in compressed ones too."""
        from piirag.erasure.targets.milvus_files import scan

        return [hit for folder in self.files() for hit in scan(folder, traces.needles)]

    def reclaim(self, user_id: str) -> None:
        """Copy what is left into a new collection, and put that in the old one's place.

        Nobody may write to the collection meanwhile; if somebody does, an error is raised and the
        old one stays. A run that was interrupted is completed by the next.

        Raises:
            ErasureError: Milvus is a server, the collection is of a kind that cannot be copied,
                or it changed meanwhile. Nothing was lost.
        """
        found = self._layout()
        if lite(self._client) is None or found is None:
            raise ErasureError("the files of this Milvus are not within reach")
        from piirag.erasure.targets.milvus_files import reclaim

        reclaim(self._client, found)

    def _items(self, found: Layout, where: str) -> Iterator[StoredItem]:
        besides = {found.primary, self._text_field, *found.vectors}
        for page in pages(self._client, self._name, where, ["*"]):
            for row in page:
                inner = row if self._metadata_field is None else row.get(self._metadata_field)
                metadata = {
                    key: value
                    for key, value in (inner or {}).items()
                    if value is not None and (inner is not row or key not in besides)
                }
                yield StoredItem(str(row[found.primary]), row.get(self._text_field), metadata)


def _resolve(item: Any) -> Iterable[ErasureTarget] | None:
    name = getattr(item, "collection_name", None)
    client = getattr(item, "client", None) if isinstance(name, str) else None
    if not type(client).__module__.startswith("pymilvus."):
        return None
    text = getattr(item, "_text_field", None) or getattr(item, "text_key", None) or "text"
    metadata = getattr(item, "_metadata_field", None)
    return [
        MilvusTarget(
            client, str(name), metadata_field=metadata, text_field=text, may_be_missing=True
        )
    ]


register_resolver(_resolve)
