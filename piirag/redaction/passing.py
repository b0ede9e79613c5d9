"""Pseudonyms made in passing: for a question, or for what is not the user's own. No vault has them.

What was made here is no text to be searched. Nobody else can tell it from a name that somebody
wrote in the same form, so the scrubber that made it remembers it for a while.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable

_MOST = 32_768


class PassingTokens:
    """The latest tokens that a scrubber has made and not stored. It holds no values.

    Args:
        most: How many it remembers.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._tokens: OrderedDict[str, None] = OrderedDict()

    def note(self, tokens: Iterable[str]) -> None:
        """Remember tokens; the oldest go."""
        with self._lock:
            for token in tokens:
                self._tokens[token] = None
                self._tokens.move_to_end(token)
            while len(self._tokens) > self._most:
                self._tokens.popitem(last=False)

    def __contains__(self, token: object) -> bool:
        return token in self._tokens

    def __repr__(self) -> str:
        return f"PassingTokens({len(self._tokens)})"
