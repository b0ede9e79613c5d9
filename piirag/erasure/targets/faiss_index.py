"""Reading and removing vectors of a FAISS index, whatever its kind, exactly.

FAISS filters after it has searched unless told otherwise, an HNSW index cannot delete at all, and
an IVF index does not move up the numbers of what comes behind a deleted vector, as a flat one does
and as LangChain's wrapper takes for granted (faiss-cpu 1.15.1). So vectors are addressed by place
here; distances of a user's few vectors are computed from the vectors themselves, and an index that
cannot delete is built anew from those that stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from piirag.errors import ErasureError, UnsupportedStoreError

_MAPS = frozenset({"IndexIDMap", "IndexIDMap2"})


def check_index(index: Any) -> None:
    """Look whether an index is of a kind whose vectors can be read back and compared.

    Raises:
        UnsupportedStoreError: It is not.
    """
    import faiss

    if not isinstance(index, faiss.Index):
        raise UnsupportedStoreError("this FAISS index is no float index of the CPU")
    if index.metric_type not in {faiss.METRIC_L2, faiss.METRIC_INNER_PRODUCT}:
        raise UnsupportedStoreError("of FAISS's metrics, L2 and the inner product are supported")
    if index.ntotal:
        try:
            vectors_at(index, [0])
        except RuntimeError:
            raise UnsupportedStoreError(
                "this kind of FAISS index does not give its vectors back"
            ) from None


def is_map(index: Any) -> bool:
    """Whether vectors have ids of their own: an `IndexIDMap` or `IndexIDMap2`."""
    return type(index).__name__ in _MAPS


def ids_of(index: Any) -> Any:
    """The ids of an `IndexIDMap`, an array in the order of places."""
    import faiss

    return faiss.vector_to_array(index.id_map)


def vectors_at(index: Any, places: Any) -> Any:
    """Vectors by their places, from 0 on, as an array of 32-bit floats."""
    import faiss
    import numpy as np

    if not len(places):
        return np.empty((0, index.d), dtype=np.float32)
    inner = faiss.downcast_index(index.index) if is_map(index) else index
    if hasattr(inner, "make_direct_map"):
        inner.make_direct_map()
    return inner.reconstruct_batch(np.asarray(places, dtype=np.int64))


def distances(index: Any, vectors: Any, asked: Any) -> Any:
    """Squared L2 distances, or inner products, as the index itself would give them."""
    import faiss

    if index.metric_type == faiss.METRIC_INNER_PRODUCT:
        return vectors @ asked
    return ((vectors - asked) ** 2).sum(axis=1)


def best(index: Any, vectors: Any, asked: Any, k: int) -> tuple[Any, Any]:
    """Which of some vectors are nearest, nearest first, and their distances."""
    import faiss
    import numpy as np

    found = distances(index, vectors, np.asarray(asked, dtype=np.float32))
    inner = index.metric_type == faiss.METRIC_INNER_PRODUCT
    order = np.argsort(-found if inner else found, kind="stable")[:k]
    return order, found[order]


def without(index: Any, places: Sequence[int]) -> Any:
    """The index without the vectors at some places; those behind them move up.

    Returns:
        The same index, or a new one where this kind cannot delete by itself.

    Raises:
        ErasureError: It holds another number of vectors afterwards than it should. A new index was
            not put into use then.
    """
    import faiss
    import numpy as np

    gone = np.unique(np.asarray(places, dtype=np.int64))
    expected = index.ntotal - len(gone)
    inner = faiss.downcast_index(index.index) if is_map(index) else index
    if isinstance(inner, faiss.IndexFlatCodes):
        index.remove_ids(ids_of(index)[gone] if is_map(index) else gone)
        changed = index
    else:
        stay = np.setdiff1d(np.arange(index.ntotal, dtype=np.int64), gone)
        vectors = vectors_at(index, stay)
        changed = faiss.clone_index(index)
        changed.reset()
        if is_map(index):
            changed.add_with_ids(vectors, ids_of(index)[stay])
        elif len(stay):
            changed.add(vectors)
    if changed.ntotal != expected:
        raise ErasureError("the FAISS index holds another number of vectors than it should")
    return changed
