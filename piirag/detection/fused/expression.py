"""One of Presidio's patterns, bound to its matcher and its time budget."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import regex
from presidio_analyzer import Pattern, pattern_recognizer

from piirag.detection.fused.special import Match, TryAt
from piirag.errors import DetectionTimeoutError


class Expression:
    """A pattern and its matcher.

    Args:
        pattern: Presidio's pattern.
        flags: The flags of its recogniser.

    Attributes:
        source: The expression.
        flags: The flags it is compiled with.
        is_linear: Whether tries at all places of a text take time in proportion to its length,
            so that no clock is needed. Set by whoever has looked into the expression.
        is_linear_in_ascii: The same for texts of ASCII.

    Raises:
        ValueError: The pattern has a matcher of its own that cannot be told apart from `regex`.
    """

    def __init__(self, pattern: Pattern, flags: int) -> None:
        self.pattern = pattern
        self.source: str = pattern.regex
        self.flags = int(flags)
        self.is_linear = self.is_linear_in_ascii = False
        self._equivalent: str | None = None
        self._seconds = float(pattern_recognizer.REGEX_TIMEOUT_SECONDS)
        compiled: Any = pattern.compiled_regex
        if compiled is not None and pattern.compiled_with_flags == flags:
            # piirag's own matcher has these, and has not compiled anything yet.
            self._seconds = getattr(compiled, "_seconds", self._seconds)
            if getattr(compiled, "expression", None) == self.source:
                compiled = None
        else:
            compiled = regex.compile(pattern.regex, flags=flags)
        if compiled is not None and (
            not isinstance(compiled, regex.Pattern) or compiled.pattern != self.source
        ):
            raise ValueError("a matcher of its own")
        self._compiled = compiled

    def use(self, equivalent: str) -> None:
        """Match with another expression that is known to match the same."""
        if equivalent != self.source:
            self._equivalent, self._compiled = equivalent, None

    def _matcher(self) -> Any:
        """The compiled expression; compiled when it is first needed."""
        if self._compiled is None:
            self._compiled = regex.compile(self._equivalent or self.source, flags=self.flags)
        return self._compiled

    def bind(self, text: str) -> TryAt:
        """A function that tries the expression at an offset of a text.

        All tries of one binding share the time budget; a try that overruns it raises.
        """
        match = self._matcher().match
        if self.is_linear or (self.is_linear_in_ascii and text.isascii()):
            return lambda offset: match(text, offset)
        until = time.monotonic() + self._seconds

        def try_at(offset: int) -> Match | None:
            left = until - time.monotonic()
            if left > 0:
                try:
                    return match(text, offset, timeout=left)
                except TimeoutError:
                    pass
            raise DetectionTimeoutError("a pattern ran out of its time budget")

        return try_at

    def everywhere(self, text: str) -> Iterator[Match]:
        """All matches in a text.

        Raises:
            DetectionTimeoutError: The time budget was used up.
        """
        timed_out = False
        try:
            yield from self._matcher().finditer(text, timeout=self._seconds)
        except TimeoutError:
            timed_out = True
        if timed_out:
            raise DetectionTimeoutError("a pattern ran out of its time budget")
