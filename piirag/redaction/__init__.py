"""Replacing personal data in text, and putting it back."""

from piirag.redaction.mapping import RedactionMapping
from piirag.redaction.redactor import Redaction, RedactionSession, Redactor
from piirag.redaction.rehydrate import StreamRehydrator
from piirag.redaction.scrubber import Scrubber, ScrubResult

__all__ = [
    "Redaction",
    "RedactionMapping",
    "RedactionSession",
    "Redactor",
    "ScrubResult",
    "Scrubber",
    "StreamRehydrator",
]
