"""A second, independent look at redacted text: what should never be left in it.

It shares nothing with the detector but the policy: a few searches of its own, each linear in the
text, for what can be told by form or check digits alone. What the policy lets through on purpose
is no hit: types and scores it does not want, values of its allow list, types the detector was told
not to look for.

A hit is counted and logged by its type, at level WARNING by the logger `piirag.second_look`.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence

from piirag.detection.finding import Finding
from piirag.detection.protocol import Detector
from piirag.detection.stretches import outside
from piirag.errors import PIIBlockedError
from piirag.policy import Policy
from piirag.redaction import tokens
from piirag.redaction.leak_forms import Leak, leaks

log = logging.getLogger("piirag.second_look")

RECOGNIZER = "SecondLook"
"""The recogniser's name in findings of the second look."""

# After a hit is replaced, what stood beside it is looked at again.
MOST_ROUNDS = 8


class SecondLook:
    """The second look that a policy asks for.

    Args:
        policy: Says what a hit leads to, and what is let through on purpose.
        detector: The detector of the first look. Where it names the types it looks for
            (`entities`, as the default detector does), others are no hits.
    """

    def __init__(self, policy: Policy, detector: Detector) -> None:
        self._policy = policy
        types = getattr(detector, "entities", None)
        named = isinstance(types, list | tuple | set | frozenset)
        self._types = frozenset(types) if named and types is not None else None

    @property
    def on(self) -> bool:
        """Whether the policy asks for a second look."""
        return self._policy.second_look != "off"

    def find(self, text: str, covered: Sequence[tuple[int, int]]) -> list[Finding]:
        """What is left in a redacted text that should not be.

        Args:
            text: The redacted text.
            covered: Stretches that stand for something: tokens, what operators made, and values
                kept on purpose.

        Returns:
            Findings in order of position; they do not overlap. None where the policy asks for no
            second look.
        """
        if not self.on:
            return []
        found: list[Finding] = []
        # A key of many lines may reach over stretches.
        hits = [
            (low, high, kind, score)
            for start, end, kind, score in leaks(blanked(text, covered))
            for low, high in outside(start, end, covered)
        ]
        for start, end, kind, score in sorted(hits, key=lambda h: (h[0], -h[1])):
            if found and start < found[-1].end:
                continue
            if self._wanted(kind, score) and not self._policy.allows(kind, text[start:end]):
                found.append(Finding(kind, start, end, score, RECOGNIZER))
        return found

    def report(self, found: Iterable[Finding]) -> dict[str, int]:
        """Count hits and log them by type; stop the call where the policy says so.

        Returns:
            Entity type -> number of hits.

        Raises:
            PIIBlockedError: There are hits, and the policy blocks.
        """
        counts = dict(Counter(f.entity_type for f in found))
        for kind, count in sorted(counts.items()):
            log.warning("found in redacted text: %s x%d", kind, count)
        if counts and self._policy.second_look == "block":
            raise PIIBlockedError(
                "redacted text", counts, "The first look missed it; nothing was let through."
            )
        return counts

    def _wanted(self, kind: str, score: float) -> bool:
        known = self._types is None or kind in self._types
        return known and self._policy.wants(kind, score)

    def __repr__(self) -> str:
        return f"SecondLook({self._policy.second_look!r})"


def tokens_in(text: str) -> list[tuple[int, int]]:
    """Where placeholders and pseudonyms stand in a text."""
    if "[" not in text:
        return []
    found = [m.span() for m in tokens.PSEUDONYM.finditer(text)]
    return sorted(found + [m.span() for m in tokens.PLACEHOLDER.finditer(text)])


def blanked(text: str, covered: Sequence[tuple[int, int]]) -> str:
    """A text with ends of lines in place of stretches, which are in order."""
    if not covered:
        return text
    pieces = []
    last = 0
    for start, end in covered:
        if end > last:
            pieces += [text[last : max(start, last)], "\n" * (end - max(start, last))]
            last = end
    return "".join([*pieces, text[last:]])


__all__ = ["MOST_ROUNDS", "RECOGNIZER", "Leak", "SecondLook"]
