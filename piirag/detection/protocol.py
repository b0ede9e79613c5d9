"""The protocol that detectors follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from piirag.detection.finding import Finding


@runtime_checkable
class Detector(Protocol):
    """Finds personal data in text.

    An implementation must be safe to call from several threads, must raise where it cannot
    finish (never return half of its findings), and must return offsets into the text it was given.
    """

    def detect(self, text: str, *, language: str = "en") -> list[Finding]:
        """Find personal data in one text.

        Args:
            text: Any string; it may hold NUL, newlines and unusual characters.
            language: ISO 639-1 code.

        Returns:
            Findings in any order; they may overlap.
        """
        ...

    def detect_batch(self, texts: Sequence[str], *, language: str = "en") -> list[list[Finding]]:
        """Find personal data in several texts; one list of findings per text, in order."""
        ...
