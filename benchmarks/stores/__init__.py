"""Stores of every kind that piirag knows and that can run here without more."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.stores import (
    chroma,
    faiss,
    in_memory,
    lancedb,
    milvus,
    pgvector,
    qdrant,
    sqlite_vec,
)
from benchmarks.stores.base import Kind, Opened

__all__ = ["KINDS", "Kind", "Opened", "each", "keys", "names", "wanted"]

KINDS: list[Kind] = [
    *chroma.KINDS,
    *qdrant.KINDS,
    *pgvector.KINDS,
    *lancedb.KINDS,
    *milvus.KINDS,
    *faiss.KINDS,
    *sqlite_vec.KINDS,
    *in_memory.KINDS,
]


def keys() -> list[str]:
    """What the command line calls the stores."""
    return list(dict.fromkeys(kind.key for kind in KINDS))


def names() -> list[str]:
    """What reports call the kinds, in the order of the tables."""
    return [kind.name for kind in KINDS]


def wanted(stores: Sequence[str] | None, frameworks: Sequence[str] | None) -> list[Kind]:
    """The kinds that were asked for: all of them, or those of some stores and frameworks."""
    return [
        kind
        for kind in KINDS
        if (not stores or kind.key in stores)
        and (not frameworks or kind.framework.lower() in frameworks)
    ]


def each(
    kinds: Sequence[Kind], measure: Callable[[Kind], dict[str, Any]]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Measure stores one after the other; what is missing or fails is left out, and named."""
    results: dict[str, Any] = {}
    skipped: dict[str, str] = {}
    for kind in kinds:
        if missing := kind.why_not():
            skipped[kind.name] = missing
            continue
        print(f"{kind.name} ...", file=sys.stderr)
        try:
            results[kind.name] = measure(kind)
        except Exception as error:  # noqa: BLE001 - the other stores go on
            traceback.print_exc()
            skipped[kind.name] = f"stopped by {type(error).__module__}.{type(error).__name__}"
    return results, skipped
