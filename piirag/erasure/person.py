"""A person whom chunks talk about: which tokens stand for the person in a user's chunks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from piirag.detection.known import KnownValues
from piirag.detection.text import (
    LONE_SURROGATE,
    WORD,
    fold,
    normal_form,
    require_text,
    shown_type,
)
from piirag.errors import InvalidInputError
from piirag.redaction import operators, tokens
from piirag.redaction.issuer import Name, candidate
from piirag.vault.vault import UserVault

EXACT = "exact"
SPELLING = "spelling"

_LONGEST = 512
_MOST_VALUES = 100
_LOOKED_UP = 500

# Under which types a value may have been replaced that no vault remembers: by its form.
_MAIL = ("EMAIL_ADDRESS", "USERNAME")
_NUMBER = (
    "PHONE_NUMBER",
    "CREDIT_CARD",
    "IBAN_CODE",
    "US_SSN",
    "NATIONAL_ID",
    "ID_NUMBER",
    "PASSPORT",
    "BANK_ACCOUNT",
    "DATE_OF_BIRTH",
)
_NAME = ("PERSON", "USERNAME")


@dataclass(frozen=True, repr=False)
class Sign:
    """A token that stands for the person.

    Args:
        token: As it stands in stored text.
        how: ``"exact"``: it stands for the value in the scrubber's normal form; ``"spelling"``:
            for another spelling of it, which may be another person's.
        stored: Whether the vault holds the value behind it.
        made_up: Whether it is a surrogate, which may stand in a text by chance.
    """

    token: str
    how: str
    stored: bool
    made_up: bool = False

    def __repr__(self) -> str:
        return f"Sign({self.how})"


class Person:
    """A data subject, as the operator knows them. Its repr shows counts only.

    Args:
        values: What the person is known by: a mail address, a name, a number; one or several.
        entity_types: Look only for these types; None for all.
        spellings: Also look for other spellings, as the scrubber would find them if the value
            was passed as known: ``Roe, Jane``, ``J. Roe``, ``AC 1234``.

    Raises:
        InvalidInputError: No values, an empty one, or one of the wrong kind.
    """

    def __init__(
        self,
        values: str | Sequence[str],
        entity_types: Sequence[str] | None = None,
        *,
        spellings: bool = True,
    ) -> None:
        if isinstance(values, bytes) or not isinstance(values, str | Sequence):
            raise InvalidInputError("a person is given by a text, or a list of texts")
        given = [values] if isinstance(values, str) else list(values)
        self.values = list(dict.fromkeys(_checked(value) for value in given))
        if not self.values or len(self.values) > _MOST_VALUES:
            raise InvalidInputError(f"a person is given by 1 to {_MOST_VALUES} values")
        if isinstance(entity_types, str):
            raise InvalidInputError("entity_types is a list of types")
        self._types = None if entity_types is None else frozenset(entity_types)
        if self._types is not None and not self._types:
            raise InvalidInputError("entity_types is a list of types, or None for all")
        self._spellings = spellings
        self._normal: dict[str, frozenset[str]] = {}
        self._index: dict[str, KnownValues] = {}
        self._words = [_words(value) for value in self.values]
        self._squashed = {"".join(words) for words in self._words if words}

    @property
    def canonical(self) -> str:
        """What two ways of writing the same values have in common; to be hashed, not shown."""
        return "\n".join(sorted(normal_form("", value) for value in self.values))

    def signs(self, vault: UserVault) -> list[Sign]:
        """The tokens that stand for the person in one user's chunks.

        All values of the user are looked at. A value that the vault has lost is found still, by
        the pseudonym that its key gives.

        Args:
            vault: The user's part of the vault.
        """
        found: dict[str, Sign] = {}
        for token, value in vault.each():
            how = self._how(value)
            if how is not None:
                found[token] = Sign(token, how, True, value.get("o") == operators.SURROGATE)
        found.update((token, Sign(token, EXACT, False)) for token in self._computed(vault))
        return list(found.values())

    def _how(self, value: dict[str, Any]) -> str | None:
        kind, text = value.get("t"), value.get("v")
        if not isinstance(kind, str) or not isinstance(text, str):
            return None
        if self._types is not None and kind not in self._types:
            return None
        if normal_form(kind, text) in self._normal_of(kind):
            return EXACT
        return SPELLING if self._spellings and self._is_spelling(kind, text) else None

    def _normal_of(self, kind: str) -> frozenset[str]:
        if kind not in self._normal:
            self._normal[kind] = frozenset(normal_form(kind, value) for value in self.values)
        return self._normal[kind]

    def _is_spelling(self, kind: str, text: str) -> bool:
        words = _words(text)
        if not words:
            return False
        if "".join(words) in self._squashed:
            return True
        if kind != "PERSON":
            return False
        for value, own in zip(self.values, self._words, strict=True):
            # One word alone is nobody's name, and without a common word nothing is in common.
            if len(own) < 2 or len(words) < 2 or not set(own) & set(words):
                continue
            if self._covers(value, text) or _covers(KnownValues({kind: [text]}), value):
                return True
        return False

    def _covers(self, value: str, text: str) -> bool:
        if value not in self._index:
            self._index[value] = KnownValues({"PERSON": [value]}, bare_initials=False)
        return _covers(self._index[value], text)

    def _computed(self, vault: UserVault) -> Iterator[str]:
        """The pseudonyms that the values would have, where the vault holds none of them."""
        names: dict[str, Name] = {}
        for value in self.values:
            for kind in _likely(value) if self._types is None else sorted(self._types):
                name = (operators.PSEUDONYM, kind, normal_form(kind, value))
                names[candidate(vault, name)] = name
        every = list(names)
        for start in range(0, len(every), _LOOKED_UP):
            part = every[start : start + _LOOKED_UP]
            # One that is stored was judged by its value: it may have gone to another one.
            stored = vault.get(part)
            yield from (token for token in part if token not in stored)

    def __repr__(self) -> str:
        kinds = "" if self._types is None else f", {', '.join(map(shown_type, self._types))}"
        return f"Person({len(self.values)} values{kinds})"


def mark_of(token: str) -> str:
    """What is put in place of a token when a chunk is scrubbed again: the type alone."""
    match = tokens.PSEUDONYM.fullmatch(token)
    return tokens.mark(match.group("type") if match else "VALUE")


def _checked(value: Any) -> str:
    text = require_text(value, "what a person is known by")
    if not text.strip() or len(text) > _LONGEST or LONE_SURROGATE.search(text):
        raise InvalidInputError(
            f"what a person is known by has 1 to {_LONGEST} characters that can be encoded"
        )
    return text.strip()


def _words(text: str) -> list[str]:
    return [fold(word) for word in WORD.findall(text)]


def _covers(index: KnownValues, text: str) -> bool:
    """Whether a text is nothing but one full mention of the value of an index."""
    first, last = WORD.search(text), None
    for last in WORD.finditer(text):  # noqa: B007 - the last one is wanted
        pass
    if first is None or last is None:
        return False
    matches = (match for match in index.find(text) if not match.part)
    return any(m.start <= first.start() and m.end >= last.end() for m in matches)


def _likely(value: str) -> tuple[str, ...]:
    if "@" in value:
        return _MAIL
    alnum = [c for c in value if c.isalnum()]
    return _NUMBER if sum(map(str.isdigit, alnum)) * 2 > len(alnum) else _NAME
