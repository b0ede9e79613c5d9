"""What stood in the prompt of one call, in the clear or behind a token."""

from __future__ import annotations

import re

from piirag.detection.text import WORD, fold, normal_form

_PERSON = "PERSON"


class Prompt:
    """Remembers the texts of a call, to tell what a model repeats from what it says by itself."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._joined: tuple[int, str] = (0, "")
        self._surfaces: list[tuple[str, str]] = []
        self._read = 0
        self._values: set[tuple[str, str]] = set()
        self._names: set[str] = set()

    def sent(self, text: str) -> None:
        """Note a text as it leaves for the model."""
        self._texts.append(text)

    def replaced(self, entity_type: str, surface: str, *, foreign: bool) -> None:
        """Note a value that a token stands for; one of another's documents does not count."""
        if not foreign:
            self._surfaces.append((entity_type, surface))

    def held(self, entity_type: str, surface: str) -> bool:
        """Whether the prompt held this, in the clear as a whole word, or behind a token.

        Case does not count. A name counts whose words are all words of names in the prompt.
        """
        return self._is_value(entity_type, surface) or self._is_in_clear(surface)

    def _is_value(self, entity_type: str, surface: str) -> bool:
        for kind, value in self._surfaces[self._read :]:
            self._values.add((kind, normal_form(kind, value)))
            if kind == _PERSON:
                self._names.update(fold(word) for word in WORD.findall(value))
        self._read = len(self._surfaces)
        if (entity_type, normal_form(entity_type, surface)) in self._values:
            return True
        words = [fold(word) for word in WORD.findall(surface)]
        return entity_type == _PERSON and bool(words) and self._names.issuperset(words)

    def _is_in_clear(self, surface: str) -> bool:
        if self._joined[0] != len(self._texts):
            self._joined = (len(self._texts), "\n".join(self._texts).casefold())
        wanted = surface.casefold().strip()
        text = self._joined[1]
        at = text.find(wanted) if wanted else -1
        while at >= 0:
            end = at + len(wanted)
            if not (_joined(text, at) or _joined(text, end)):
                return True
            at = text.find(wanted, at + 1)
        return False

    def __repr__(self) -> str:
        return f"Prompt({len(self._texts)} texts)"


_IN_WORD = re.compile(r"\w")


def _joined(text: str, at: int) -> bool:
    """Whether a word goes on across an offset."""
    return 0 < at < len(text) and bool(_IN_WORD.match(text[at - 1]) and _IN_WORD.match(text[at]))
