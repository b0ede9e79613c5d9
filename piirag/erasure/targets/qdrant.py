"""A Qdrant collection as an erasure target, whichever framework wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from piirag.erasure.target import (
    Capabilities,
    ErasureTarget,
    StoredItem,
    Traces,
    register_resolver,
)
from piirag.erasure.targets.base import StoreTarget
from piirag.erasure.targets.qdrant_points import (
    ID_KEY,
    dense_of,
    item_id,
    node_text,
    point_id,
    with_text,
)
from piirag.errors import ErasureError
from piirag.tenancy.languages.qdrant import path
from piirag.tenancy.tags import TenantTags

_PAGE = 500
_KEEPS = (
    "Qdrant's file keeps the bytes of deleted points until they are overwritten; so do its "
    "backups and the file system"
)
_SERVER = (
    "Qdrant runs on a server, whose files are not within reach: its optimizer drops the bytes of "
    "deleted points when it rewrites a segment, its write-ahead log and snapshots keep them"
)
_MEMORY = "this Qdrant is in memory only and has no files"


class QdrantTarget(StoreTarget):
    """Deletes a user's points from a Qdrant collection by the tag they bear.

    LlamaIndex has metadata right in the payload, LangChain under a key of it; both are found. A
    tag that is a list with more than one member belongs to nobody.

    Local Qdrant deletes point by point. Where its SQLite is not built with `secure_delete`, the
    deleted bytes stay in `storage.sqlite`; `reclaim` removes them.

    Args:
        client: A `QdrantClient`.
        collection_name: The collection, or an alias of it.
        tags: How points name their user. See `StoreTarget`.
        metadata_key: Under which key of the payload LangChain keeps metadata.
        text_keys: Under which keys of the payload texts are, besides LlamaIndex's node.
        may_be_missing: Whether a collection that is not there counts as an empty one; it is an
            error otherwise.
    """

    kind = "qdrant"

    def __init__(
        self,
        client: Any,
        collection_name: str,
        tags: TenantTags | None = None,
        *,
        metadata_key: str = "metadata",
        text_keys: Sequence[str] = ("page_content", "text"),
        may_be_missing: bool = False,
    ) -> None:
        self._client = client
        self._name = collection_name
        self._metadata_key = metadata_key
        self._text_keys = tuple(text_keys)
        self._may_be_missing = may_be_missing
        self._local = _local(client)
        super().__init__(f"qdrant:{collection_name}", self._place(), tags)
        on_disk = self._local is not None and bool(self._local.persistent)
        self.capabilities = Capabilities(
            reclaim=on_disk,
            scan=on_disk,
            why_not=_SERVER if self._local is None else _KEEPS if on_disk else _MEMORY,
            delete_by="filter" if self._local is None else "ids",
            export=True,
        )

    def _place(self) -> tuple[str, ...]:
        """What another target for the same collection has in common with this one."""
        if self._local is not None:
            known = self._local.aliases.get(self._name, self._name)
            where = str(self._local.location) if self._local.persistent else str(id(self._local))
            return where, known, self._metadata_key
        url = getattr(self._client._client, "rest_uri", None) or str(id(self._client))
        return str(url), self._name, self._metadata_key

    def _filter(self, user_id: str) -> Any:
        from qdrant_client import models

        plain, nested = path(self.tags.key), path(self._metadata_key, self.tags.key)
        match = models.MatchValue(value=self.tags.tag(user_id))
        single = models.ValuesCount(lt=2)

        def tagged(key: str) -> list[Any]:
            return [
                models.FieldCondition(key=key, match=match),
                models.FieldCondition(key=key, values_count=single),
            ]

        # What a user of LlamaIndex calls "metadata" is no metadata of LangChain.
        bare = models.IsEmptyCondition(is_empty=models.PayloadField(key=plain))
        return models.Filter(
            should=[
                models.Filter(must=tagged(plain)),
                # Local Qdrant looks at conditions in turn: what most points fail stands first.
                models.Filter(must=[*tagged(nested), bare]),
            ]
        )

    def _is_there(self) -> bool:
        """Whether the collection exists.

        Raises:
            ErasureError: It does not, and has to.
        """
        if self._client.collection_exists(self._name):
            return True
        if self._may_be_missing:
            return False
        raise ErasureError("there is no such collection in this Qdrant")

    def count(self, user_id: str) -> int:
        """How many points of the user are there now; that there are none is Qdrant's own word."""
        where = self._filter(user_id)
        if not self._is_there():
            return 0
        if mine := self._in_memory(self.tags.tag(user_id)):
            return self.checked_guess(len(mine))
        found = self._client.count(self._name, count_filter=where, exact=True)
        return self.checked_guess(int(found.count))

    def items(self, user_id: str) -> Iterator[StoredItem]:
        """Every point of the user."""
        return map(self._item, self._points(self._filter(user_id)))

    def all_items(self) -> Iterator[StoredItem]:
        """Every point of the collection."""
        return map(self._item, self._points(None))

    def delete(self, user_id: str) -> None:
        """Delete every point of the user: one by one where Qdrant is local, else at once."""
        from qdrant_client import models

        if not self._is_there():
            return
        selector: Any = models.FilterSelector(filter=self._filter(user_id))
        if mine := self._in_memory(self.tags.tag(user_id)):
            selector = models.PointIdsList(points=mine)
        self._client.delete(self._name, points_selector=selector, wait=True)

    def _in_memory(self, tag: str) -> list[Any]:
        """The ids of a user's points, where Qdrant is local: it holds all payloads in memory.

        Its filters take some 50 microseconds a point. What would be missed here is found by the
        filter when the points are counted afterwards, and deleted by it.
        """
        if self._local is None:
            return []
        held = self._local._get_collection(self._name)
        key, nested = self.tags.key, self._metadata_key
        found = []
        for id, place in held.ids.items():
            payload = held.payload[place]
            if held.deleted[place] or not isinstance(payload, Mapping):
                continue
            own = payload.get(key)
            if own in (None, []):
                inner = payload.get(nested)
                own = inner.get(key) if isinstance(inner, Mapping) else None
            if own in (tag, [tag]):
                found.append(id)
        return found

    def delete_items(self, ids: Sequence[str]) -> None:
        """Delete items by id."""
        from qdrant_client import models

        for start in range(0, len(ids), _PAGE):
            points = [point.id for point in self._named(ids[start : start + _PAGE])]
            if points:
                selector = models.PointIdsList(points=points)
                self._client.delete(self._name, points_selector=selector, wait=True)

    def count_until(self, key: str, moment: float) -> int:
        """How many points have a number under a metadata key that is at most this."""
        if not self._is_there():
            return 0
        where = self._filter_until(key, moment)
        return int(self._client.count(self._name, count_filter=where, exact=True).count)

    def delete_until(self, key: str, moment: float) -> int:
        """Delete the points with a number under a metadata key that is at most this."""
        from qdrant_client import models

        found = self.count_until(key, moment)
        if found:
            selector = models.FilterSelector(filter=self._filter_until(key, moment))
            self._client.delete(self._name, points_selector=selector, wait=True)
        return found

    def _filter_until(self, key: str, moment: float) -> Any:
        from qdrant_client import models

        most = models.Range(lte=moment)
        plain, nested = path(key), path(self._metadata_key, key)
        # As for tags: what a user of LlamaIndex calls "metadata" is no metadata of LangChain.
        tag = models.PayloadField(key=path(self.tags.key))
        bare = models.IsEmptyCondition(is_empty=tag)
        # What names no user in either place is an application's own.
        inner = models.PayloadField(key=path(self._metadata_key, self.tags.key))
        nobodys = models.IsEmptyCondition(is_empty=inner)
        return models.Filter(
            should=[
                models.Filter(must=[models.FieldCondition(key=plain, range=most)], must_not=[bare]),
                models.Filter(
                    must=[models.FieldCondition(key=nested, range=most), bare], must_not=[nobodys]
                ),
            ]
        )

    def replace_items(
        self, items: Sequence[StoredItem], vectors: Sequence[Sequence[float]] | None = None
    ) -> None:
        """Put other text and metadata into items that are there.

        Sparse vectors are dropped: they would go on telling the words of the old text.
        """
        from qdrant_client import models

        new = {item.id: item for item in items}
        vector_of = {} if vectors is None else dict(zip(new, vectors, strict=True))
        for start in range(0, len(items), _PAGE):
            ids = [item.id for item in items[start : start + _PAGE]]
            points = []
            for point in self._named(ids, vectors=True):
                id = self._item(point).id
                points.append(
                    models.PointStruct(
                        id=point.id,
                        vector=dense_of(point.vector, vector_of.get(id)),
                        payload=self._payload(point.payload, new[id]),
                    )
                )
            if points:
                self._client.upsert(self._name, points=points, wait=True)

    def _named(self, ids: Sequence[str], *, vectors: bool = False) -> list[Any]:
        """The points of items with given ids."""
        from qdrant_client import models

        among = models.MatchAny(any=list(ids))
        keys = (path(ID_KEY), path(self._metadata_key, ID_KEY))
        where = models.Filter(
            should=[
                *(models.FieldCondition(key=key, match=among) for key in keys),
                models.HasIdCondition(has_id=[point_id(id) for id in ids]),
            ]
        )
        # Whose id it is depends on where metadata are.
        wanted = set(ids)
        found = self._points(where, vectors=vectors)
        return [point for point in found if self._item(point).id in wanted]

    def _payload(self, old: Mapping[str, Any], new: StoredItem) -> dict[str, Any]:
        nested = self._is_nested(old)
        before = old[self._metadata_key] if nested else old
        own = {ID_KEY: before[ID_KEY]} if ID_KEY in before else {}
        metadata = {**new.metadata, **own}
        text = new.text or ""
        if nested:
            key = next((key for key in self._text_keys if key in old), self._text_keys[0])
            return {key: text, self._metadata_key: metadata}
        if "_node_content" in metadata:
            return {**metadata, "_node_content": with_text(metadata["_node_content"], text)}
        key = next((key for key in self._text_keys if key in old), self._text_keys[0])
        return {**metadata, key: text}

    def _is_nested(self, payload: Mapping[str, Any]) -> bool:
        """Whether metadata are where LangChain has them."""
        inner = payload.get(self._metadata_key)
        return isinstance(inner, Mapping) and self.tags.key not in payload

    def traces(self, user_id: str) -> Traces:
        """What to look for on disk: also points' ids, and vectors in the form they are kept in."""
        traces = super().traces(user_id)
        file = self._file()
        if file is None:
            return traces
        from piirag.erasure.targets.qdrant_files import stored_vectors

        ids = {point.id for point in self._points(self._filter(user_id), payload=False)}
        traces.needles["ids"] += [id.encode() for id in ids if isinstance(id, str)]
        traces.needles["vectors"] = list(dict.fromkeys(stored_vectors(file, ids)))
        return traces

    def files(self) -> list[Path]:
        """The folder of the collection, where Qdrant is local and persistent."""
        file = self._file()
        return [] if file is None else [file.parent]

    def reclaim(self, user_id: str) -> None:
        """Remove the bytes of all deleted points of this collection from its file.

        Raises:
            ErasureError: The file is not within reach, or not as expected. Nothing was lost.
        """
        file = self._file()
        if file is None:
            raise ErasureError("this Qdrant has no files within reach")
        from piirag.erasure.targets.qdrant_files import reclaim

        reclaim(file)

    def _file(self) -> Path | None:
        """Where local Qdrant keeps the points of the collection."""
        if self._local is None or not self._local.persistent or not self._is_there():
            return None
        storage = self._local._get_collection(self._name).storage
        return Path(storage.location)

    def _points(self, where: Any, *, payload: bool = True, vectors: bool = False) -> Iterator[Any]:
        if not self._is_there():
            return
        offset: Any = None
        while True:
            points, offset = self._client.scroll(
                self._name,
                scroll_filter=where,
                limit=_PAGE,
                offset=offset,
                with_payload=payload,
                with_vectors=vectors,
            )
            yield from points
            if offset is None:
                return

    def _item(self, point: Any) -> StoredItem:
        payload = point.payload or {}
        metadata = dict(payload[self._metadata_key] if self._is_nested(payload) else payload)
        id = item_id(point.id, metadata)
        metadata.pop(ID_KEY, None)
        return StoredItem(id, self._text(payload), metadata)

    def _text(self, payload: Mapping[str, Any]) -> str | None:
        whole = node_text(payload)
        found = [whole, *(payload.get(key) for key in self._text_keys)]
        return next((text for text in found if isinstance(text, str)), None)


def _local(client: Any) -> Any:
    """What runs in this process; None where a server does."""
    inner = getattr(client, "_client", None)
    return inner if type(inner).__name__ == "QdrantLocal" else None


def _resolve(item: Any) -> Iterable[ErasureTarget] | None:
    name = getattr(item, "collection_name", None)
    client = getattr(item, "client", None) if isinstance(name, str) else None
    if not type(client).__module__.startswith("qdrant_client."):
        return None
    if hasattr(item, "metadata_payload_key"):
        return [
            QdrantTarget(
                client,
                str(name),
                metadata_key=item.metadata_payload_key,
                text_keys=(item.content_payload_key,),
            )
        ]
    # LlamaIndex makes the collection when it first writes.
    text = getattr(item, "text_key", None) or "text"
    return [QdrantTarget(client, str(name), text_keys=(text,), may_be_missing=True)]


register_resolver(_resolve)
