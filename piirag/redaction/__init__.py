"""Replacing personal data in text, and putting it back."""

from piirag.redaction.mapping import RedactionMapping
from piirag.redaction.redactor import Redactor
from piirag.redaction.rehydrate import StreamRehydrator
from piirag.redaction.reply import Reply, ReplyCounts, ReplyStream, Sink
from piirag.redaction.result import Redaction, ScrubResult
from piirag.redaction.scrubber import Scrubber
from piirag.redaction.session import RedactionSession

__all__ = [
    "Redaction",
    "RedactionMapping",
    "RedactionSession",
    "Redactor",
    "Reply",
    "ReplyCounts",
    "ReplyStream",
    "ScrubResult",
    "Scrubber",
    "Sink",
    "StreamRehydrator",
]
