"""The second look at what is about to be written, which no policy turns off."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

from piirag.observe.text import WITHHELD
from piirag.redaction import tokens
from piirag.redaction.leak_forms import leaks
from piirag.redaction.second_look import MOST_ROUNDS, blanked, tokens_in


class SecondCheck:
    """Replaces what has the form of personal data, or is a value the application knows.

    It shares nothing with the detectors: a few searches for what can be told by form or by check
    digits. Names are not among them.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def counts(self) -> dict[str, int]:
        """Entity type -> how many were replaced so far. Any at all means a first look missed it."""
        with self._lock:
            return dict(self._counts)

    def text(self, text: str) -> str:
        """A text without what has the form of personal data; never raises."""
        try:
            return self._looked(text)
        except Exception:  # noqa: BLE001 - whatever failed, the text is not let through
            return self._withheld()

    def _looked(self, text: str) -> str:
        for _ in range(MOST_ROUNDS):
            found = sorted(leaks(blanked(text, tokens_in(text))), key=lambda h: (h[0], -h[1]))
            if not found:
                return text
            text = self._replaced(text, found)
        return self._withheld()

    def _withheld(self) -> str:
        self._count("WITHHELD")
        return WITHHELD

    def _replaced(self, text: str, found: list[tuple[int, int, str, float]]) -> str:
        pieces, last = [], 0
        for start, end, kind, _ in found:
            if end <= last:
                continue
            pieces += [text[last : max(start, last)], tokens.mark(kind)]
            last = end
            self._count(kind)
        return "".join([*pieces, text[last:]])

    def _count(self, kind: str) -> None:
        with self._lock:
            self._counts[kind] += 1

    def value(self, value: Any) -> Any:
        """Data, its keys too, without what has the form of personal data.

        What is no JSON is given back as the text it would be printed as: a renderer would print
        it, and an object may say other things each time it is asked.
        """
        if not isinstance(value, str) and self._is_clean(value):
            return value
        return self._value(value)

    def _is_clean(self, value: Any) -> bool:
        """Whether all of it, in one search, holds nothing: so it is nearly always."""
        try:
            whole = "\n".join(_leaves(value))
            return next(iter(leaks(blanked(whole, tokens_in(whole)))), None) is None
        except Exception:  # noqa: BLE001 - then each part is looked at, or withheld
            return False

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self._value(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._value(inner) for inner in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            shown = repr(value)
            clean = self.text(shown)
            return value if clean == shown else clean
        if value is None or isinstance(value, bool):
            return value
        return self._printed(value)

    def _printed(self, value: Any) -> str:
        try:
            if isinstance(value, bytes | bytearray | memoryview):
                return self.text(bytes(value).decode("utf-8", "replace"))
            return self.text(str(value))
        except Exception:  # noqa: BLE001 - what cannot be read is not let through
            return self._withheld()

    def __repr__(self) -> str:
        return f"SecondCheck({sum(self.counts.values())} replaced)"


def _leaves(value: Any) -> list[str]:
    """Every text, key and number in JSON data."""
    found: list[str] = []
    left = [value]
    while left:
        item = left.pop()
        kind = type(item)
        if kind is str:
            found.append(item)
        elif kind is dict:
            found += map(str, item)
            left += item.values()
        elif kind is list or kind is tuple:
            left += item
        elif kind is int or kind is float:
            found.append(repr(item))
        elif item is not None and kind is not bool:
            # No plain JSON: then each part is looked at by itself.
            raise TypeError
    return found
