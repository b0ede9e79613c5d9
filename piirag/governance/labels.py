"""How sensitive data is."""

from __future__ import annotations

from collections.abc import Iterable

from piirag.errors import InvalidInputError

LABELS = ("public", "internal", "confidential", "restricted")
"""Classes of data, the least sensitive first."""

_RANK = {label: rank for rank, label in enumerate(LABELS)}


def check_label(label: object) -> str:
    """Return a label.

    Raises:
        InvalidInputError: It is none.
    """
    if not isinstance(label, str) or label not in _RANK:
        raise InvalidInputError(f"a label is one of {', '.join(LABELS)}")
    return label


def highest(labels: Iterable[object]) -> str | None:
    """The most sensitive of some labels; what is none does not count. None where there is none."""
    ranks = [_RANK[label] for label in labels if isinstance(label, str) and label in _RANK]
    return LABELS[max(ranks)] if ranks else None


def above(label: str | None, ceiling: str) -> bool:
    """Whether a label is more sensitive than a ceiling allows."""
    return label is not None and _RANK[label] > _RANK[ceiling]
