"""Putting the values behind a user's pseudonyms back into an answer, whole or streamed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable, Mapping

import regex

from piirag.redaction import ScrubResult
from piirag.redaction.operators import SURROGATE, split
from piirag.redaction.scrubber import Scrubber
from piirag.redaction.tokens import PSEUDONYM

_BEGUN = regex.compile(PSEUDONYM.pattern)


class Revealer:
    """Restores the pseudonyms of one user in the answer to one question.

    Args:
        scrubber: Knows the vault.
        user_id: The user.
        asked: Pseudonyms that the question brought along -> what it said. The vault need not know
            them: questions are not stored.
    """

    def __init__(self, scrubber: Scrubber, user_id: str, asked: Mapping[str, str]) -> None:
        self._scrubber = scrubber
        self._user_id = user_id
        self._asked = dict(asked)
        # A surrogate looks like any other text, so where it ends shows only in the whole answer.
        self._whole = any(split(o)[0] == SURROGATE for o in scrubber.policy.operators.values())

    def text(self, text: str) -> str:
        """Restore a whole text: exact, in a single pass."""
        if self._whole:
            return self._scrubber.reveal(text, user_id=self._user_id)
        values = {**self._asked, **self._scrubber.values_of(text, user_id=self._user_id)}
        return PSEUDONYM.sub(lambda match: values.get(match.group(), match.group()), text)

    def stream(self, chunks: Iterable[str]) -> Generator[str, None, None]:
        """Restore a text that comes in chunks; only what may begin a pseudonym is held back."""
        held = ""
        for chunk in chunks:
            ready, held = self._split(held + chunk)
            if ready:
                yield self.text(ready)
        if held:
            yield self.text(held)

    async def astream(self, chunks: AsyncIterable[str]) -> AsyncGenerator[str, None]:
        """Restore a text that comes in chunks. See `stream`."""
        held = ""
        async for chunk in chunks:
            ready, held = self._split(held + chunk)
            if ready:
                yield self.text(ready)
        if held:
            yield self.text(held)

    def _split(self, text: str) -> tuple[str, str]:
        if self._whole:
            return "", text
        start = text.rfind("[")
        if start >= 0 and "]" not in text[start:] and _BEGUN.fullmatch(text[start:], partial=True):
            return text[:start], text[start:]
        return text, ""

    def __repr__(self) -> str:
        return f"Revealer({len(self._asked)} asked)"


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
