"""What a detector returns."""

from __future__ import annotations

from dataclasses import dataclass

MODELS = frozenset(
    """
    BundledNerRecognizer SpacyRecognizer StanzaRecognizer TransformersRecognizer GLiNERRecognizer
    """.split()
)
"""Names of recognisers that are models: they read words in their surroundings."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Where an entity stands in a text. It never holds the matched text.

    Args:
        entity_type: Presidio entity type, such as ``"EMAIL_ADDRESS"``.
        start: Offset of the first character, in code points of the original text.
        end: Offset after the last character.
        score: Confidence between 0 and 1.
        recognizer: Name of the recogniser that found it.
    """

    entity_type: str
    start: int
    end: int
    score: float
    recognizer: str
