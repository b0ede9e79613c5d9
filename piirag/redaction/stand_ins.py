"""Surrogates on the wire: made-up values in place of placeholders, for one model call.

Some models write better about "Maria Keller" than about `[PERSON_1]`. A surrogate looks like any
other text, so it takes more to be exact:

- No word of it stands in any text of the call when it is chosen; where a later text holds it, that
  text is quoted, as token-shaped text is.
- Every spelling of a value has a surrogate of its own: what is spelled "roe, jane" goes out as
  "keller, maria" and comes back so. A spelling for which there is none gets a placeholder.
- First or last names alone, capitals and possessives of a model's own making are restored where
  they have one reading. Words are restored whole, never inside of others.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from piirag.detection.text import WORD, fold
from piirag.redaction.mapping import RedactionMapping
from piirag.redaction.name_pools import guess, locale_of, names
from piirag.redaction.surrogates import has_surrogate, surrogate

_PERSON = "PERSON"
_NAME = re.compile(r"[^\W\d_]+(?:['\u2019-](?!s\b)[^\W\d_]+)*")
# Said of anybody, and left as they are.
_NOT_NAMED = frozenset(
    """
    mr mrs ms miss mx dr prof sir madam herr frau sr sra jr de del della der den di da dos du la le
    van von ter ten bin al el y zu zur
    """.split()
)
_MOST_WORDS = 6
_ATTEMPTS = 20


class StandIns:
    """The surrogates of one call.

    Args:
        mapping: Where they are kept.
        language: The language of the texts, ISO 639-1.
    """

    def __init__(self, mapping: RedactionMapping, language: str) -> None:
        self._mapping = mapping
        self._language = language
        self._words: set[str] = set()
        self._texts: list[str] = []
        self._used: set[str] = set()
        self._names: dict[str, dict[str, str]] = {}
        self._made: dict[tuple[str, str, str], str | None] = {}
        self._values: dict[str, tuple[str, bool]] = {}

    def note(self, text: str) -> None:
        """Note a text of the call: none of its words becomes a surrogate."""
        self._texts.append(text.casefold())
        self._words.update(fold(word) for word in WORD.findall(text))

    def occurrences(self, text: str) -> Iterator[tuple[int, int]]:
        """Where surrogates of this call stand in a text of somebody else's making."""
        table = self._mapping.stand_ins()
        return (m.span() for m in table[0].finditer(text)) if table is not None else iter(())

    def token(
        self, kind: str, identity: str, full: str, surface: str, *, foreign: bool
    ) -> str | None:
        """The surrogate of one spelling of a value; None where there is none.

        Args:
            kind: The entity type.
            identity: What all spellings of the value have in common.
            full: The value: for a part of a name, the full name.
            surface: As it stands in the text.
            foreign: Whether that text is not the viewer's own.
        """
        key = (kind, identity, surface)
        if key not in self._made:
            self._made[key] = self._make(kind, identity, full, surface, foreign)
        made = self._made[key]
        if made is not None and not foreign:
            self._mapping.own(made)
        return made

    def _make(self, kind: str, identity: str, full: str, surface: str, foreign: bool) -> str | None:
        pairs: list[tuple[str, str]] = []
        if kind == _PERSON:
            made, pairs = self._person(identity, full, surface)
        else:
            made = self._other(kind, surface) if has_surrogate(kind) else None
        if made is None or made == surface or self._values.get(made, ("", False))[1]:
            return None
        self._values[made] = (surface, True)
        self._mapping.add(made, surface, kind, foreign=foreign)
        self._mapping.add_stand_in(made, made, surface)
        for text, value in (*_cases(made, surface), *pairs):
            if text not in self._values:
                self._values[text] = (value, False)
                self._mapping.add_stand_in(text, made, value)
        return made

    # Names

    def _person(
        self, identity: str, full: str, surface: str
    ) -> tuple[str | None, list[tuple[str, str]]]:
        """A name in the spelling of the surface, and what its parts alone stand for."""
        table = self._names.get(identity)
        if table is None:
            table = self._names[identity] = self._persona(full)
        pieces: list[str] = []
        parts: list[tuple[str, str]] = []
        last = 0
        for match in _NAME.finditer(surface):
            word = _in_case(match[0], table.get(fold(match[0]), ""))
            if not word and fold(match[0]) not in _NOT_NAMED:
                return None, []
            if word and len(match[0]) > 1:
                parts.append((word, match[0]))
            pieces += [surface[last : match.start()], word or match[0]]
            last = match.end()
        if not last or any(c.isdigit() or c == "_" for c in surface):
            return None, []
        made = "".join([*pieces, surface[last:]])
        alone = [p for p in parts if p[1][0].isupper()] if len(parts) > 1 else []
        if len(parts) > 2:
            ends = (parts[0], parts[-1])
            alone.append((" ".join(p[0] for p in ends), " ".join(p[1] for p in ends)))
        alone += [(text.upper(), value.upper()) for text, value in alone]
        return made, alone

    def _persona(self, full: str) -> dict[str, str]:
        """Word of a name, or its first letter -> what stands for it; empty where there is none."""
        words = [fold(w) for w in _NAME.findall(full)]
        words = [w for w in words if w not in _NOT_NAMED]
        if not words or len(words) > _MOST_WORDS or len(set(words)) < len(words):
            return {}
        locale, gender = guess(words, self._language)
        several = len(words) > 1
        firsts = len(words) - several
        taken = self._words | self._used
        found = names(locale, gender, firsts, several, taken)
        if found is None:
            found = names(locale_of("en"), gender, firsts, several, taken)
        if found is None:
            return {}
        self._used.update(map(fold, found))
        table = dict(zip(words, found, strict=True))
        for word, name in zip(words, found, strict=True):
            table.setdefault(word[0], name[0])
        return table

    # Other values

    def _other(self, kind: str, surface: str) -> str | None:
        locale = locale_of(self._language)
        for _ in range(_ATTEMPTS):
            made = surrogate(kind, os.urandom(16), locale)
            words = {fold(word) for word in WORD.findall(made)}
            wanted = made.casefold()
            free = made not in self._values and not any(wanted in text for text in self._texts)
            if free and not words & self._used:
                self._used.update(word for word in words if not word.isdigit())
                return made
        return None

    def __repr__(self) -> str:
        return f"StandIns({len(self._values)})"


def _in_case(like: str, word: str) -> str:
    if len(like) > 1 and like.isupper():
        return word.upper()
    return word.lower() if like.islower() else word


def _cases(made: str, value: str) -> list[tuple[str, str]]:
    """A surrogate in other cases, where several words or an address leave no doubt."""
    upper = (made.upper(), value.upper())
    if not any(c in made for c in " @"):
        return [upper]
    cases = [upper, (made.lower(), value.lower())]
    if made.isupper() or made.islower():
        cases.append((made.title(), value.title()))
    return cases
