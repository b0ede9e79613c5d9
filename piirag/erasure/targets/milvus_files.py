"""The files of Milvus Lite: looking for what was deleted, and writing a collection anew.

Milvus Lite has a compaction, but no call that makes it happen (3.2.2: `compact` reports success and
does nothing). So what is left is copied into a new collection, which then takes the old one's name:

1. `<name>__piirag_copy` is made, filled, and compared with the original;
2. the original becomes `<name>__piirag_old`, the copy gets its name, the old one is dropped.

Wherever this is interrupted, at least one of the two is whole, and their names say which.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from piirag.erasure.residue import Hit, Needles
from piirag.erasure.targets.milvus_schema import STRONG, Layout, lite, pages
from piirag.errors import ErasureError

_COPY, _OLD = "__piirag_copy", "__piirag_old"
_TABLES = {".parquet", ".arrow"}


def original(name: str) -> str:
    """The name that a collection has when no exchange was interrupted."""
    return name.removesuffix(_OLD)


def load(client: Any, name: str) -> None:
    """Make a collection readable, which one is not once it has been renamed or opened again."""
    if getattr(client.get_load_state(name)["state"], "name", "") != "Loaded":
        client.load_collection(name)


def recover(client: Any, name: str) -> bool:
    """Complete an exchange that was interrupted once the original had given up its name.

    Args:
        client: A `MilvusClient`.
        name: The name of the original.

    Returns:
        Whether there was one.
    """
    if not client.has_collection(name + _OLD):
        return False
    copy = name + _COPY
    if not client.has_collection(name):
        # The original gave up its name, so the copy was complete.
        client.rename_collection(copy if client.has_collection(copy) else name + _OLD, name)
    elif client.has_collection(copy):
        raise ErasureError(
            f"an earlier exchange was interrupted, and {name!r} was made anew since; its items are "
            f"in {copy!r}"
        )
    load(client, name)
    if client.has_collection(name + _OLD):
        _retire(client, name)
    return True


def reclaim(client: Any, found: Layout) -> None:
    """Copy a collection of Milvus Lite into a new one, and put that in its place.

    Raises:
        ErasureError: It is of a kind that cannot be copied, or it changed meanwhile. Nothing was
            lost.
    """
    if found.auto_id:
        raise ErasureError("Milvus makes the ids of this collection, so it cannot be copied")
    name = found.name
    copy = name + _COPY
    recover(client, name)
    if client.has_collection(copy):
        # Of a run that was interrupted: perhaps not all of it.
        client.drop_collection(copy)
    engine = lite(client).get_collection(name)
    before = _clock(engine)
    _make(client, found, copy, engine)
    try:
        written = _fill(client, found, copy)
        if written != _contents(client, found, copy) or written.count != _count(client, name):
            raise ErasureError("the copy of the collection is not the same as the collection")
        if _clock(engine) != before:
            raise ErasureError("the collection changed while it was copied")
    except BaseException:
        client.drop_collection(copy)
        raise
    client.rename_collection(name, name + _OLD)
    recover(client, name)


def _retire(client: Any, name: str) -> None:
    """Drop what was the original, its aliases moved to what has its name now."""
    for alias in list(client.list_aliases(name + _OLD).get("aliases") or []):
        client.alter_alias(name, alias)
    client.drop_collection(name + _OLD)


def _make(client: Any, found: Layout, copy: str, engine: Any) -> None:
    """Make an empty collection like the original: fields, functions, indices, partitions."""
    from pymilvus import CollectionSchema

    described = client.describe_collection(found.name)
    client.create_collection(
        copy,
        schema=CollectionSchema.construct_from_dict(described),
        properties=described.get("properties") or None,
    )
    new = lite(client).get_collection(copy)
    for field in client.list_indexes(found.name):
        # Described through the client, an index has no parameters (3.2.2).
        index = dict(engine.get_index_info(field) or {})
        new.create_index(field, {**index, "params": index.pop("build_params", {})})
    for partition in _partitions(client, found):
        if partition is not None and not client.has_partition(copy, partition):
            client.create_partition(copy, partition)
    client.load_collection(copy)


def _partitions(client: Any, found: Layout) -> list[str | None]:
    """The partitions; None alone where Milvus chooses them by a field."""
    return [None] if found.partition_key else list(client.list_partitions(found.name))


@dataclass
class _Contents:
    """How many items, and a fingerprint of all of them in any order."""

    count: int = 0
    print: int = 0

    def add(self, row: Mapping[str, Any]) -> None:
        whole = json.dumps(row, sort_keys=True, default=repr, ensure_ascii=True)
        self.count += 1
        self.print ^= int.from_bytes(hashlib.sha256(whole.encode()).digest(), "big")


def _rows(client: Any, found: Layout, name: str, partition: str | None) -> Iterator[Any]:
    options = {} if partition is None else {"partition_names": [partition]}
    for page in pages(client, name, found.everything(), ["*"], **options):
        for row in page:
            yield {key: value for key, value in row.items() if key not in found.made}


def _fill(client: Any, found: Layout, copy: str) -> _Contents:
    contents = _Contents()
    for partition in _partitions(client, found):
        options = {} if partition is None else {"partition_name": partition}
        batch: list[Any] = []
        for row in _rows(client, found, found.name, partition):
            contents.add({"partition": partition, **row})
            batch.append(row)
            if len(batch) == 500:
                client.insert(copy, batch, **options)
                batch = []
        if batch:
            client.insert(copy, batch, **options)
    client.flush(copy)
    return contents


def _contents(client: Any, found: Layout, copy: str) -> _Contents:
    contents = _Contents()
    for partition in _partitions(client, found):
        for row in _rows(client, found, copy, partition):
            contents.add({"partition": partition, **row})
    return contents


def _count(client: Any, name: str) -> int:
    [row] = client.query(name, filter="", output_fields=["count(*)"], consistency_level=STRONG)
    return int(row["count(*)"])


def _clock(engine: Any) -> Any:
    """What changes with every write; None where this version of Milvus Lite has no such thing."""
    return getattr(engine, "_next_seq", None)


# Looking


def scan(folder: Path, needles: Mapping[str, Sequence[bytes]]) -> list[Hit]:
    """Look for needles in every file below a folder, and in what tables among them hold.

    Tables are compressed, so that a search through their bytes would find nothing.
    """
    table = Needles(needles)
    hits = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        found = table.in_file(path)
        if path.suffix in _TABLES:
            for data in _columns(path):
                found |= table.in_bytes(data)
        hits += [Hit(kind, path.name, needle) for kind, needle in sorted(found)]
    return hits


def _columns(path: Path) -> Iterator[bytes]:
    """The bytes of the columns of a table."""
    import pyarrow
    from pyarrow import parquet

    try:
        if path.suffix == ".parquet":
            batches = list(parquet.ParquetFile(path).iter_batches())
        else:
            with pyarrow.ipc.open_stream(path) as stream:
                batches = list(stream)
    except (pyarrow.ArrowInvalid, OSError):
        # Being written, or of the other kind of Arrow file, which is not compressed.
        return
    for batch in batches:
        for column in batch.columns:
            yield from (bytes(part) for part in column.buffers() if part is not None)
