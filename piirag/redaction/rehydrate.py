"""Putting values back: exact, single pass, and the same whether whole or streamed."""

from __future__ import annotations

from piirag.detection.text import require_text
from piirag.redaction.mapping import RedactionMapping
from piirag.redaction.tokens import MAX_PLACEHOLDER, PLACEHOLDER


class StreamRehydrator:
    """Restores a reply that arrives in chunks.

    What cannot be part of a placeholder of this call is emitted at once; what can is held back
    until it is whole. For every way of cutting a reply into chunks the output is the same.

    Args:
        mapping: The mapping of the call.
    """

    def __init__(self, mapping: RedactionMapping) -> None:
        self._mapping = mapping
        self._held = ""
        self._seen = ""
        self.restored = 0
        self.inert = 0

    def feed(self, chunk: str) -> str:
        """Take the next chunk; return what can be shown now, possibly nothing.

        Raises:
            InvalidInputError: Not a string.
        """
        return self._advance(self._held + require_text(chunk, "a chunk"), final=False)

    def flush(self) -> str:
        """The reply is over: return what was held back."""
        return self._advance(self._held, final=True)

    def _advance(self, text: str, final: bool) -> str:
        self._held = ""
        pieces = []
        last = 0
        for match in PLACEHOLDER.finditer(text):
            value = self._mapping.lookup(match.group())
            if value is not None:
                pieces += [self._plain(text[last : match.start()]), value]
                self._seen = ""
                self.restored += 1
                last = match.end()
        rest = text[last:]
        if not final:
            start = rest.rfind("[")
            if start >= 0 and self._mapping.may_begin(rest[start:]):
                self._held = rest[start:]
                rest = rest[:start]
        pieces.append(self._plain(rest))
        return "".join(pieces)

    def _plain(self, text: str) -> str:
        """Count tokens in text that is emitted as it is: they are none of this call's."""
        seen = self._seen + text
        last = 0
        for match in PLACEHOLDER.finditer(seen):
            self.inert += 1
            last = match.end()
        self._seen = seen[last:][-MAX_PLACEHOLDER:]
        return text

    def __repr__(self) -> str:
        return f"StreamRehydrator(restored={self.restored}, inert={self.inert})"


def rehydrate(text: str, mapping: RedactionMapping) -> str:
    """Put the values of a call back into a whole text. See `Redactor.rehydrate`."""
    stream = StreamRehydrator(mapping)
    return stream.feed(text) + stream.flush()
