"""Putting the values behind a user's pseudonyms back into an answer, whole or streamed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable, Mapping
from typing import Any

import regex

from piirag.redaction import ScrubResult, Sink
from piirag.redaction.operators import SURROGATE, split
from piirag.redaction.scrubber import Scrubber
from piirag.redaction.tokens import PSEUDONYM
from piirag.redaction.walk import like

_BEGUN = regex.compile(PSEUDONYM.pattern)


class Revealer:
    """Restores the pseudonyms of one user in the answer to one question.

    Args:
        scrubber: Knows the vault.
        user_id: The user.
        asked: Pseudonyms that the question brought along -> what it said. The vault need not know
            them: questions are not stored.
        viewer: Who reads the answer; the user if None. Anybody else gets back what they asked
            with, and nothing out of the user's vault.
    """

    def __init__(
        self,
        scrubber: Scrubber,
        user_id: str,
        asked: Mapping[str, str],
        viewer: str | None = None,
    ) -> None:
        self._scrubber = scrubber
        self._user_id = user_id
        self._asked = dict(asked)
        self._entitled = viewer is None or viewer == user_id
        # A surrogate looks like any other text, so where it ends shows only in the whole answer.
        self._whole = any(split(o)[0] == SURROGATE for o in scrubber.policy.operators.values())

    def text(self, text: str, sink: Sink = "display") -> str:
        """Restore a whole text: exact, in a single pass.

        Args:
            text: With pseudonyms.
            sink: As for `Reply.text`.
        """
        if sink == "none":
            return text
        if "[" not in text and not self._whole:
            return text
        if self._whole and self._entitled:
            return self._scrubber.reveal(text, user_id=self._user_id)
        values = dict(self._asked)
        if self._entitled:
            values.update(self._scrubber.values_of(text, user_id=self._user_id))
        return PSEUDONYM.sub(lambda match: values.get(match.group(), match.group()), text)

    def value(self, data: Any, sink: Sink = "display") -> Any:
        """Restore the string leaves of nested data; objects in there stay as they are."""
        if isinstance(data, Mapping):
            return {key: self.value(item, sink) for key, item in data.items()}
        if isinstance(data, list | tuple):
            return like(data, [self.value(item, sink) for item in data])
        return self.text(data, sink) if isinstance(data, str) else data

    def pushed(self) -> RevealStream:
        """Restores a text that is handed over chunk by chunk."""
        return RevealStream(self, self._whole)

    def stream(self, chunks: Iterable[str]) -> Generator[str, None, None]:
        """Restore a text that comes in chunks; only what may begin a pseudonym is held back."""
        stream = self.pushed()
        for chunk in chunks:
            if ready := stream.feed(chunk):
                yield ready
        if ready := stream.flush():
            yield ready

    async def astream(self, chunks: AsyncIterable[str]) -> AsyncGenerator[str, None]:
        """Restore a text that comes in chunks. See `stream`."""
        stream = self.pushed()
        async for chunk in chunks:
            if ready := stream.feed(chunk):
                yield ready
        if ready := stream.flush():
            yield ready

    def __repr__(self) -> str:
        return f"Revealer({len(self._asked)} asked)"


class RevealStream:
    """One text that comes in chunks; made by `Revealer.pushed`."""

    def __init__(self, revealer: Revealer, whole: bool) -> None:
        self._revealer = revealer
        self._whole = whole
        self._held = ""

    def feed(self, chunk: str) -> str:
        """Take the next chunk; return what can be shown now, possibly nothing."""
        ready, self._held = self._split(self._held + chunk)
        return self._revealer.text(ready) if ready else ""

    def flush(self) -> str:
        """The text is over: return what was held back."""
        held, self._held = self._held, ""
        return self._revealer.text(held) if held else ""

    def _split(self, text: str) -> tuple[str, str]:
        if self._whole:
            return "", text
        start = text.rfind("[")
        if start >= 0 and "]" not in text[start:] and _BEGUN.fullmatch(text[start:], partial=True):
            return text[:start], text[start:]
        return text, ""


def asked_values(question: str, result: ScrubResult) -> dict[str, str]:
    """Pseudonym -> what stood in its place in a question.

    Args:
        question: As it was asked.
        result: What scrubbing made of it.
    """
    values: dict[str, str] = {}
    before = after = 0
    for finding in sorted(result.findings, key=lambda f: f.start):
        after += finding.start - before
        match = PSEUDONYM.match(result.text, after)
        if match is None:
            # Another operator, whose output has no known length.
            break
        values[match.group()] = question[finding.start : finding.end]
        before, after = finding.end, match.end()
    return values
