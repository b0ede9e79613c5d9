"""What a Milvus collection consists of, and how to read all of it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from piirag.tenancy.languages.milvus import MilvusLanguage, among

PAGE = 500
STRONG = "Strong"
"""What erasures read with: a server may answer from before the last write otherwise."""

_LITE = "milvus_lite.server_manager"
_INTEGER = re.compile(r"-?[0-9]{1,19}")


@dataclass(frozen=True)
class Layout:
    """The fields of a collection.

    Args:
        name: Its name, not that of an alias.
        primary: The id.
        texts: Whether ids are strings.
        auto_id: Whether Milvus makes ids.
        vectors: Fields of vectors.
        made: Fields that functions fill, such as those of BM25.
        json: Fields that hold JSON.
        scalars: The other fields.
        dynamic: Whether there are keys besides the fields.
        partition_key: Whether Milvus chooses partitions by a field.
    """

    name: str
    primary: str
    texts: bool
    auto_id: bool
    vectors: tuple[str, ...]
    made: frozenset[str]
    json: tuple[str, ...]
    scalars: tuple[str, ...]
    dynamic: bool
    partition_key: bool

    def language(self, metadata_field: str | None, text_field: str) -> MilvusLanguage:
        """How filters on metadata are written.

        Args:
            metadata_field: The JSON field that metadata are in, if they are in one.
            text_field: The field of the text.
        """
        reserved = {self.primary, text_field, *self.vectors}
        if metadata_field is not None:
            return MilvusLanguage(metadata_field, reserved=())
        fields = [name for name in (*self.scalars, *self.json) if name not in reserved]
        return MilvusLanguage("$meta" if self.dynamic else None, fields, reserved)

    def among(self, ids: Sequence[str]) -> str:
        """An expression for items of given ids."""
        if self.texts:
            return among(self.primary, ids)
        numbers = [str(int(id)) for id in ids if _INTEGER.fullmatch(id)]
        return f"{self.primary} in [{', '.join(numbers)}]"

    def everything(self) -> str:
        """An expression that every item fits."""
        return f'{self.primary} != ""' if self.texts else f"{self.primary} >= {-(2**63) + 1}"


def layout(client: Any, name: str) -> Layout | None:
    """What a collection consists of; None where there is none of this name."""
    if not client.has_collection(name):
        return None
    found = client.describe_collection(name)
    kinds = {field["name"]: _kind(field) for field in found["fields"]}
    primary = next(field for field in found["fields"] if field.get("is_primary"))
    of_functions = {out for f in found.get("functions") or [] for out in f["output_field_names"]}
    marked = {field["name"] for field in found["fields"] if field.get("is_function_output")}
    vectors = tuple(name for name, kind in kinds.items() if "VECTOR" in kind)
    json = tuple(name for name, kind in kinds.items() if kind == "JSON")
    return Layout(
        name=str(found.get("collection_name") or name),
        primary=primary["name"],
        texts=_kind(primary) == "VARCHAR",
        auto_id=bool(found.get("auto_id") or primary.get("auto_id")),
        vectors=vectors,
        made=frozenset(of_functions | marked),
        json=json,
        scalars=tuple(n for n in kinds if n not in {*vectors, *json, primary["name"]}),
        dynamic=bool(found.get("enable_dynamic_field")),
        partition_key=any(field.get("is_partition_key") for field in found["fields"]),
    )


def _kind(field: Any) -> str:
    return str(getattr(field["type"], "name", field["type"])).upper()


def pages(
    client: Any, collection: str, where: str, fields: Sequence[str], **options: Any
) -> Iterator[list[Any]]:
    """Everything that fits an expression, page by page."""
    iterator = client.query_iterator(
        collection,
        batch_size=PAGE,
        filter=where,
        output_fields=list(fields),
        consistency_level=STRONG,
        **options,
    )
    try:
        while page := iterator.next():
            yield list(page)
    finally:
        iterator.close()


def lite(client: Any) -> Any:
    """The database of a Milvus Lite that runs in this process; None for a server's client."""
    manager = getattr(sys.modules.get(_LITE), "server_manager_instance", None)
    address = str(getattr(getattr(client, "_handler", None), "_address", ""))
    for _, database, port in list(getattr(manager, "_servers", {}).values()):
        if address in {f"127.0.0.1:{port}", f"localhost:{port}"}:
            return database
    return None
