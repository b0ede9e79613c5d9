"""The mapping of one model call: placeholder -> value. Opaque, and never written to disk."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping, Set
from typing import Any

from piirag.detection.text import normal_form

_LITERAL = "LITERAL"

StandInTable = tuple[re.Pattern[str], Mapping[str, tuple[str, str | None]], Set[str]]
"""A pattern, text -> token and value, and the beginnings of all texts."""


class RedactionMapping:
    """Placeholders and the values behind them, for one call.

    It is opaque on purpose: its repr shows counts, it does not iterate, and it refuses to be
    pickled, because a mapping that is saved is personal data in the clear. Once it is closed, or
    its time is over, the values are gone and every placeholder is refused.

    Args:
        seconds: How long the values are kept; None for as long as the mapping is open.
    """

    __slots__ = (
        "_ends",
        "_foreign",
        "_indexed",
        "_keys",
        "_kinds",
        "_own",
        "_pattern",
        "_prefixes",
        "_stand_ins",
        "_starts",
        "_values",
    )

    def __init__(self, seconds: float | None = None) -> None:
        self._values: dict[str, str] = {}
        self._kinds: dict[str, str] = {}
        self._foreign: set[str] = set()
        self._own: tuple[int, set[tuple[str, str]]] | None = None
        self._ends = None if seconds is None else time.monotonic() + seconds
        # The spellings that a reply is searched for; built when the first reply asks.
        self._indexed = 0
        self._keys: dict[str, str] = {}
        self._prefixes: set[str] = set()
        self._stand_ins: dict[str, tuple[str, str | None]] = {}
        self._starts: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def __len__(self) -> int:
        return len(self._values)

    @property
    def counts(self) -> dict[str, int]:
        """Entity type -> number of placeholders."""
        return dict(Counter(self._kinds.values()))

    def values(self) -> list[tuple[str, str]]:
        """Entity types and values, of all that placeholders stand for."""
        self._expire()
        # A tool in another thread may show values meanwhile: their types come last.
        return [] if self.closed else [(k, self._values[t]) for t, k in list(self._kinds.items())]

    @property
    def closed(self) -> bool:
        """Whether the values are gone."""
        self._expire()
        return self._ends == 0.0

    def _expire(self) -> None:
        if self._ends and time.monotonic() >= self._ends:
            self.close()

    def close(self) -> None:
        """Forget the values; placeholders of this call are recognised, and refused, from now on."""
        self._ends = 0.0
        self._values = dict.fromkeys(self._values, "")
        self._stand_ins = {text: (token, None) for text, (token, _) in self._stand_ins.items()}
        self._own = None

    def add(self, token: str, value: str, entity_type: str, *, foreign: bool = False) -> None:
        """Bind a placeholder to a value; used by `RedactionSession`.

        Args:
            token: The placeholder.
            value: The value.
            entity_type: Its type.
            foreign: Whether it came from a text that is not the viewer's own.
        """
        self._values[token] = value
        self._kinds[token] = entity_type
        if foreign:
            self._foreign.add(token)

    @property
    def has_stand_ins(self) -> bool:
        """Whether words stand for values, besides placeholders in brackets."""
        return bool(self._stand_ins)

    def add_stand_in(self, text: str, token: str, value: str) -> None:
        """Have a text in place of, or derived from, a placeholder restored too."""
        self._stand_ins[text] = (token, value)
        self._starts.update(text[:n] for n in range(1, len(text) + 1))
        # Whether the word goes on behind these shows only with the next character.
        self._starts.update({text + ".", text + "-"})
        self._pattern = None

    def own(self, token: str) -> None:
        """Note that a value stands in a text of the viewer's own as well."""
        self._foreign.discard(token)

    def lookup(self, token: str) -> str | None:
        """The value behind a placeholder of this call, in exactly this spelling, or None."""
        value = self._values.get(token)
        if value is None or (self._ends is not None and self.closed):
            return None
        return value

    def is_foreign(self, token: str) -> bool:
        """Whether the viewer has no right to a value: it stands in texts of others only."""
        if token not in self._foreign or self._kinds[token] == _LITERAL:
            return False
        if self._own is None or self._own[0] != len(self._values):
            own = {
                (kind, normal_form(kind, self._values[t]))
                for t, kind in self._kinds.items()
                if t not in self._foreign
            }
            self._own = (len(self._values), own)
        kind = self._kinds[token]
        return (kind, normal_form(kind, self._values[token])) not in self._own[1]

    def index(self) -> tuple[dict[str, str], set[str]]:
        """The keys of the placeholders (see `respelt`) with their placeholders, and all their
        beginnings."""
        if self._indexed < len(self._values):
            for token in list(self._values)[self._indexed :]:
                if not token.startswith("["):
                    continue
                key = token[1:-1].lower()
                self._keys[key] = token
                self._prefixes.update([key[:n] for n in range(1, len(key) + 1)])
            self._indexed = len(self._values)
        return self._keys, self._prefixes

    def stand_ins(self) -> StandInTable | None:
        """Where stand-ins stand as whole words, what they stand for, and all their beginnings."""
        if not self._stand_ins:
            return None
        if self._ends is not None:
            self._expire()
        if self._pattern is None:
            longest_first = sorted(self._stand_ins, key=len, reverse=True)
            choice = "|".join(map(re.escape, longest_first))
            self._pattern = re.compile(rf"(?<![\w@])(?<!\w[.-])(?:{choice})(?![\w@])(?![.-]\w)")
        return self._pattern, self._stand_ins, self._starts

    def __repr__(self) -> str:
        return f"RedactionMapping({self.counts})"

    def __reduce__(self) -> Any:
        raise TypeError("a RedactionMapping holds personal data and cannot be pickled")
