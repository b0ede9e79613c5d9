"""How sensitive a text is, and which of the chunks read lately stand in a prompt."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable

from piirag.errors import InvalidInputError

LABELS = ("public", "internal", "confidential", "restricted")
"""Classes of data, the least sensitive first."""

_RANK = {label: rank for rank, label in enumerate(LABELS)}

_USERS = 256
_CHUNKS_PER_USER = 256
# Enough of a text to know it by, from either end: prompts cut and strip what they quote.
_EDGE = 64
_SHORTEST = 12


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


class SeenLabels:
    """The labels of chunks that were read lately, found again in prompts by their texts.

    A prompt is text: nothing in it tells which chunks it was put together from. A chunk counts as
    part of a prompt where its beginning or its end stands there, word for word. It is kept in
    memory only, as it was scrubbed, for the chunks read last (256 a user); a chunk that came from
    another process, or that was rewritten on its way, is not recognised.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users: OrderedDict[str, OrderedDict[tuple[str, str], str]] = OrderedDict()

    def note(self, tag: str, text: str, label: str) -> None:
        """Note a chunk that was read.

        Args:
            tag: The vault's tag of the user who read it.
            text: Its text, scrubbed.
            label: Its label.
        """
        bare = text.strip()
        if len(bare) < _SHORTEST:
            return
        edges = bare[:_EDGE], bare[-_EDGE:]
        with self._lock:
            seen = self._users.setdefault(tag, OrderedDict())
            seen[edges] = label
            seen.move_to_end(edges)
            self._users.move_to_end(tag)
            while len(seen) > _CHUNKS_PER_USER:
                seen.popitem(last=False)
            while len(self._users) > _USERS:
                self._users.popitem(last=False)

    def knows(self, tag: str) -> bool:
        """Whether any chunk was noted for a user."""
        return tag in self._users

    def highest_in(self, tag: str, texts: Iterable[str]) -> str | None:
        """The highest label of the user's chunks that stand in some texts; None where none does.

        Args:
            tag: The vault's tag of the user.
            texts: The texts of a prompt, as they were before placeholders were put in.
        """
        with self._lock:
            seen = list(self._users.get(tag, {}).items())
        if not seen:
            return None
        found: set[str] = set()
        for text in texts:
            for (head, tail), label in seen:
                if label not in found and (head in text or tail in text):
                    found.add(label)
        return highest(found)

    def drop(self, tag: str) -> None:
        """Forget a user who was erased."""
        with self._lock:
            self._users.pop(tag, None)

    def __repr__(self) -> str:
        return "SeenLabels(...)"
