"""Values that a tool was given, to be found in what it returns: ``ok, the PIN is now 4711``.

What was found by its surroundings is bare in an answer, and may look like any word. A tool that
was given a value says it again often enough that its exact surface counts there, however common.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable

from piirag.detection.finding import Finding
from piirag.redaction import tokens
from piirag.redaction.adjacent import Cut
from piirag.redaction.mapping import RedactionMapping

RECOGNIZER = "GivenToTool"
"""The recogniser's name in findings of values that a tool was given."""

_WORD = re.compile(r"[^\W_]+")
# "a" or "12" stands in every answer, and tells nothing.
_FEWEST = 3
_MOST = 32_768


class Echoes:
    """Values by their first word, so that a text costs what its length is, not their number.

    Threads may share it.

    Args:
        values: Entity types and values.
        most: How many it remembers; the oldest go.
    """

    def __init__(self, values: Iterable[tuple[str, str]] = (), *, most: int = _MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._first: dict[str, str] = {}
        self._by_word: dict[str, dict[str, str]] = {}
        self._followed = 0
        for kind, value in values:
            self.add(kind, value)

    def add(self, entity_type: str, value: str) -> None:
        """Remember a value, unless it is shorter than three letters or digits."""
        value = value.strip()
        first = _WORD.search(value)
        if first is None or entity_type == tokens.LITERAL:
            return
        if sum(map(str.isalnum, value)) >= _FEWEST and not tokens.PSEUDONYM.fullmatch(value):
            with self._lock:
                self._first.setdefault(value, first[0])
                self._by_word.setdefault(first[0], {}).setdefault(value, entity_type)
                while len(self._first) > self._most:
                    oldest = next(iter(self._first))
                    word = self._first.pop(oldest)
                    del self._by_word[word][oldest]
                    if not self._by_word[word]:
                        del self._by_word[word]

    def follow(self, mapping: RedactionMapping) -> Echoes:
        """Remember what has come into a mapping since it was last followed.

        Returns:
            Itself.
        """
        values = mapping.values()
        for kind, value in values[self._followed :]:
            self.add(kind, value)
        self._followed = len(values)
        return self

    def find(self, text: str) -> Cut:
        """Where the values stand as whole words, in order; they do not overlap."""
        if not self._first:
            return ()
        with self._lock:
            found = self._hits(text)
        apart: list[Finding] = []
        for finding in sorted(found, key=lambda f: (f.start, -f.end)):
            if not apart or finding.start >= apart[-1].end:
                apart.append(finding)
        return tuple(apart)

    def _hits(self, text: str) -> list[Finding]:
        found: list[Finding] = []
        for word in _WORD.finditer(text):
            for value, kind in self._by_word.get(word[0], {}).items():
                start = word.start() - _WORD.search(value).start()  # type: ignore[union-attr]
                end = start + len(value)
                if start < 0 or not text.startswith(value, start):
                    continue
                if not (value[-1].isalnum() and text[end : end + 1].isalnum()):
                    found.append(Finding(kind, start, end, 1.0, RECOGNIZER))
        return found

    def __repr__(self) -> str:
        return f"Echoes({len(self._first)})"
