"""The mapping of one model call: placeholder -> value. Opaque, and never written to disk."""

from __future__ import annotations

from collections import Counter
from typing import Any


class RedactionMapping:
    """Placeholders and the values behind them, for one call.

    It is opaque on purpose: its repr shows counts, it does not iterate, and it refuses to be
    pickled, because a mapping that is saved is personal data in the clear.
    """

    __slots__ = ("_types", "_values")

    def __init__(self) -> None:
        self._values: dict[str, str] = {}
        self._types: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._values)

    @property
    def counts(self) -> dict[str, int]:
        """Entity type -> number of placeholders."""
        return dict(self._types)

    def add(self, token: str, value: str, entity_type: str) -> None:
        """Bind a placeholder to a value; used by `Redactor`."""
        self._values[token] = value
        self._types[entity_type] += 1

    def lookup(self, token: str) -> str | None:
        """The value behind a placeholder of this call, or None."""
        return self._values.get(token)

    def may_begin(self, tail: str) -> bool:
        """Whether a placeholder of this call begins with `tail` and is longer than it."""
        return any(len(t) > len(tail) and t.startswith(tail) for t in self._values)

    def __repr__(self) -> str:
        return f"RedactionMapping({dict(self._types)})"

    def __reduce__(self) -> Any:
        raise TypeError("a RedactionMapping holds personal data and cannot be pickled")
