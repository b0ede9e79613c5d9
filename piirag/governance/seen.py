"""Chunks that were read lately, found again in prompts by their texts."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Generic, TypeVar

T = TypeVar("T")

_USERS = 256
_CHUNKS_PER_USER = 256
# Enough of a text to know it by, from either end: prompts cut and strip what they quote.
_EDGE = 64
_SHORTEST = 12


class SeenTexts(Generic[T]):
    """What is known of texts that were read lately, found again where they stand in others.

    A prompt is text: nothing in it tells which chunks it was put together from. A chunk counts as
    part of a prompt where its beginning or its end (64 characters) stands there, word for word.
    The edges are kept in memory only, as they were scrubbed, for the chunks read last (256 a
    user, of 256 users). A chunk that was read by another process, or was rewritten on its way,
    is not recognised.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users: OrderedDict[str, OrderedDict[tuple[str, str], T]] = OrderedDict()

    def note(self, user: str, text: str, known: T) -> None:
        """Note a text that was read.

        Args:
            user: Who read it, under whatever name.
            text: The text, scrubbed.
            known: What is known of it.
        """
        bare = text.strip()
        if len(bare) < _SHORTEST:
            return
        edges = bare[:_EDGE], bare[-_EDGE:]
        with self._lock:
            seen = self._users.setdefault(user, OrderedDict())
            seen[edges] = known
            seen.move_to_end(edges)
            self._users.move_to_end(user)
            while len(seen) > _CHUNKS_PER_USER:
                seen.popitem(last=False)
            while len(self._users) > _USERS:
                self._users.popitem(last=False)

    def found_in(self, user: str, texts: Iterable[str]) -> list[T]:
        """What is known of the user's chunks that stand in some texts, in the order of reading.

        Args:
            user: As in `note`.
            texts: The texts of a prompt, as they were before placeholders were put in.
        """
        with self._lock:
            seen = list(self._users.get(user, {}).items())
        whole = list(texts) if seen else []
        return [known for (head, tail), known in seen if any(head in t or tail in t for t in whole)]

    def knows(self, user: str) -> bool:
        """Whether anything was noted for a user."""
        return user in self._users

    def drop(self, user: str) -> None:
        """Forget a user."""
        with self._lock:
            self._users.pop(user, None)

    def __repr__(self) -> str:
        return "SeenTexts(...)"
