"""What a model's reply repeats of the call's values in the clear, for whoever records the reply.

A value that stood in the prompt may stand in the reply: the user knows it, and it is shown. In a
record it has no place. Most replies hold tokens only, and `Reply` has looked at them already: then
nothing is searched twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from piirag.detection.finding import Finding
from piirag.detection.ner.everyday import EVERYDAY
from piirag.detection.text import WORD, fold
from piirag.redaction import tokens
from piirag.redaction.second_look import MOST_ROUNDS, tokens_in

if TYPE_CHECKING:
    from piirag.redaction.session import RedactionSession

_SHORTEST = 2
# What a record puts around the parts of a reply.
_AROUND = re.compile(r"^(?:ai|assistant): ", re.MULTILINE)
_SAYS = re.compile(r"[^\W_]")


class Heard:
    """The texts of the model that were looked at in one call, and whether they held values."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self.holds_values = False
        """Whether anything was found in them, in the prompt or not."""

    def note(self, text: str) -> None:
        """Note a text that is looked at."""
        self._texts.append(text)

    def is_all_of(self, text: str) -> bool:
        """Whether a text is nothing but texts that were looked at."""
        for part in sorted({t for t in self._texts if t}, key=len, reverse=True):
            text = text.replace(part, "\n")
        return not _SAYS.search(_AROUND.sub("", text))

    def clear(self) -> None:
        """Forget the texts."""
        self._texts.clear()

    def __repr__(self) -> str:
        return f"Heard({len(self._texts)} texts)"


def without_values(session: RedactionSession, text: str) -> str | None:
    """A text of the model with marks for what stands in it in the clear, ``[PERSON]``.

    Args:
        session: The session of the call; open.
        text: What the model said, tokens and all.

    Returns:
        None where that is not known: the session is over, or marks bring up ever more.

    Raises:
        DetectionError: The detector failed.
    """
    if session.mapping.closed:
        return None
    for _ in range(MOST_ROUNDS):
        around = [match.span() for match in _AROUND.finditer(text)]
        protected = _merged([*session.reply().tokens_in(text), *tokens_in(text), *around])
        found = list(_repeated(session, text, protected))
        looked = not session.heard.holds_values and session.heard.is_all_of(text)
        if not looked or found:
            found += session.in_clear(text, protected)
        if not found:
            return text
        text = _marked(text, found)
    return None


def _repeated(
    session: RedactionSession, text: str, protected: Sequence[tuple[int, int]]
) -> Iterator[Finding]:
    """Where values of the call's own stand, however they are spelt; quick."""
    folded = text.casefold()
    if len(folded) != len(text):
        folded = text.lower() if len(text.lower()) == len(text) else text
    names: set[str] = set()
    for kind, value in session.mapping.values():
        if kind == "PERSON":
            names.update(fold(word) for word in WORD.findall(value))
        parts = [value, value.split("@")[0]] if kind == "EMAIL_ADDRESS" else [value]
        for part in parts:
            wanted = part.casefold().strip()
            at = folded.find(wanted) if len(wanted) >= _SHORTEST else -1
            while at >= 0:
                end = at + len(wanted)
                if _is_free(at, end, protected) and _is_whole(folded, at, end):
                    yield Finding(kind, at, end, 1.0, "Heard")
                at = folded.find(wanted, end)
    for match in WORD.finditer(text) if names else ():
        word = fold(match.group())
        named = word in names and len(word) >= _SHORTEST
        meant = named and (match.group()[0].isupper() or word not in EVERYDAY)
        if meant and _is_free(match.start(), match.end(), protected):
            yield Finding("PERSON", match.start(), match.end(), 1.0, "Heard")


def _is_whole(text: str, start: int, end: int) -> bool:
    before = start > 0 and text[start - 1].isalnum() and text[start].isalnum()
    return not before and not (end < len(text) and text[end - 1].isalnum() and text[end].isalnum())


def _is_free(start: int, end: int, protected: Sequence[tuple[int, int]]) -> bool:
    return all(end <= low or high <= start for low, high in protected)


def _marked(text: str, found: Sequence[Finding]) -> str:
    shown: list[str] = []
    last = 0
    for finding in sorted(found, key=lambda f: (f.start, -f.end)):
        if finding.end > last:
            shown += [text[last : max(finding.start, last)], tokens.mark(finding.entity_type)]
            if finding.start < last:
                shown.pop()
            last = finding.end
    return "".join([*shown, text[last:]])


def _merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
