"""Values found once, looked for wherever else they stand: in a document, a call, a conversation.

What shows by its surroundings (``password: hunter2``) is bare where it is spoken of again. It is
found by its surface, as whole words; a code also with other separators, or none, between its
parts; a person also by a part of the name, or as `jane_roe.pdf` spells it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence

from piirag.detection.finding import Finding
from piirag.detection.known import KnownMatch, KnownValues
from piirag.detection.names import EVERYDAY_NAMES
from piirag.detection.ner.everyday import EVERYDAY
from piirag.detection.quasi.kinds import DATE_OF_BIRTH, is_quasi
from piirag.detection.quasi.titles import EVERYDAY as EVERYDAY_TITLES
from piirag.detection.spans import SAME_DOCUMENT, is_misread
from piirag.detection.special.kinds import SPECIAL_TYPES
from piirag.policy import Policy
from piirag.redaction import tokens
from piirag.redaction.issued_values import FULL_DATE, IssuedValues
from piirag.redaction.name_pools import WORDS_THAT_ARE_NAMES
from piirag.redaction.second_look import blanked, tokens_in

_PERSON = "PERSON"
# Their values are words, or so common that other texts hold them by chance.
_NO_CODES = SPECIAL_TYPES | frozenset(
    {_PERSON, "LOCATION", "ORGANIZATION", "NRP", "DATE_TIME", "URL", "IP_ADDRESS", tokens.LITERAL}
)

# A code needs so many digits, and so many characters in all, of which digits alone more.
_FEWEST_DIGITS = 4
_FEWEST = 6
_FEWEST_DIGITS_ALONE = 7
_LONGEST_CODE = 64
# A part of a name in lower case needs so many letters, and is no word of the language.
_FEWEST_LETTERS = 6
_MOST = 4096
_DIGIT = re.compile(r"\d")
# So many digits at the end of a text are taken for the beginning of a number that is known.
_FEWEST_AT_THE_END = 8
_LAST_NUMBER = re.compile(r"(?<![\w.-])[0-9](?:[ -]?[0-9]){7,40}\Z")
_WORDS = EVERYDAY | EVERYDAY_NAMES | WORDS_THAT_ARE_NAMES | EVERYDAY_TITLES

Entry = tuple[str, str, str]
"""A type, how it stood in the text, and what it stands for."""
Again = tuple[Finding, str]
"""Where a value stands again, and the value."""


class Carried:
    """Values to look for again; of very many, those that came up last. Threads may share it.

    Args:
        policy: Its allow list is heeded.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._lock = threading.Lock()
        # In the order in which they came up last.
        self._seen: dict[Entry, None] = {}
        self._version = 0
        self._empty()

    def _empty(self) -> None:
        self._surfaces = IssuedValues()
        self._codes = KnownValues()
        self._people = KnownValues(bare_initials=False)
        self._names: set[str] = set()
        self._numbers: dict[str, str] = {}

    @property
    def version(self) -> int:
        """Grows when there is more to look for."""
        return self._version

    def _size(self) -> int:
        return len(self._surfaces) + len(self._codes) + len(self._people)

    def add(self, entity_type: str, surface: str, value: str) -> None:
        """Remember a value, where it is specific enough.

        Args:
            entity_type: Its type.
            surface: As it stood in the text.
            value: What it stands for: for a part of a name, the full name.
        """
        entry = (entity_type, surface, value)
        with self._lock:
            if entry in self._seen:
                self._seen[entry] = self._seen.pop(entry)
                return
            if len(self._seen) >= _MOST:
                self._drop_oldest()
            self._seen[entry] = None
            before = self._size()
            self._index(entry)
            self._version += self._size() > before

    def _drop_oldest(self) -> None:
        """Make room, for a quarter of what there is: the indices are made anew for that."""
        entries = list(self._seen)
        self._seen = dict.fromkeys(entries[max(1, _MOST // 4) :])
        self._empty()
        for entry in self._seen:
            self._index(entry)

    def _index(self, entry: Entry) -> None:
        entity_type, surface, value = entry
        self._surfaces.add(surface, entity_type)
        if entity_type == _PERSON:
            self._add_person(value)
        elif _is_code(entity_type, surface):
            self._codes.add(entity_type, surface)
            digits = "".join(filter(str.isdigit, surface))
            if len(digits) > _FEWEST_AT_THE_END and digits.isascii():
                self._numbers[digits] = entity_type

    def _add_person(self, value: str) -> None:
        words = [word for word in re.findall(r"[^\W\d_]+", value) if len(word) > 1]
        if words:
            self._people.add(_PERSON, value)
            self._names.update(word.casefold() for word in words)

    def find(self, text: str, covered: Sequence[tuple[int, int]] = ()) -> list[Again]:
        """Where values stand in what is left of a text; they do not overlap.

        Args:
            text: The text, replaced stretches included.
            covered: These stretches, in order.
        """
        if not self._version or not text:
            return []
        rest = blanked(text, covered)
        rest = blanked(rest, tokens_in(rest))
        with self._lock:
            hits = self._hits(text, rest)
        again: list[Again] = []
        for finding, value in sorted(hits, key=lambda h: (h[0].start, -h[0].end)):
            surface = text[finding.start : finding.end]
            if rest[finding.start : finding.end] != surface:
                # It reaches into what is replaced already.
                continue
            if again and finding.start < again[-1][0].end:
                continue
            if not self._policy.allows(finding.entity_type, surface):
                again.append((finding, value))
        return again

    def _hits(self, text: str, rest: str) -> list[Again]:
        hits = [
            (Finding(kind, start, end, 1.0, SAME_DOCUMENT), text[start:end])
            for start, end, kind in self._surfaces.find(rest)
        ]
        if len(self._codes) and _DIGIT.search(rest):
            hits += [
                self._found(match, text[match.start : match.end])
                for match in self._codes.find(rest)
                if sum(map(str.isdigit, rest[match.start : match.end])) >= _FEWEST_DIGITS
            ]
        if self._names and self._may_name(rest):
            hits += [
                self._found(match, text[match.start : match.end])
                for match in self._people.find(rest)
                if _is_meant(match, rest[match.start : match.end])
            ]
        return hits + self._cut_off(rest)

    def _cut_off(self, rest: str) -> list[Again]:
        """The beginning of a number at the end of a text, as in arguments that broke off."""
        last = _LAST_NUMBER.search(rest) if self._numbers and rest[-1:].isdigit() else None
        if last is None:
            return []
        digits = "".join(filter(str.isdigit, last[0]))
        kinds = (kind for number, kind in self._numbers.items() if number.startswith(digits))
        kind = next(kinds, None)
        if kind is None or len(digits) < _FEWEST_AT_THE_END:
            return []
        return [(Finding(kind, *last.span(), 1.0, SAME_DOCUMENT), last[0])]

    def _found(self, match: KnownMatch, surface: str) -> Again:
        value = surface if match.part and match.owners > 1 else match.value.value
        return Finding(match.value.entity_type, match.start, match.end, 1.0, SAME_DOCUMENT), value

    def _may_name(self, text: str) -> bool:
        """Whether a text may hold a name at all; quick, where there are few of them."""
        if len(self._names) > _FEW:
            return True
        folded = text.casefold()
        return not folded.isascii() or any(name in folded for name in self._names)

    def __repr__(self) -> str:
        return f"Carried({self.version})"


_FEW = 32


def _is_code(entity_type: str, surface: str) -> bool:
    digits = sum(map(str.isdigit, surface))
    if entity_type in _NO_CODES or (is_quasi(entity_type) and entity_type != DATE_OF_BIRTH):
        return False
    if entity_type == DATE_OF_BIRTH and digits < FULL_DATE:
        return False
    characters = sum(map(str.isalnum, surface))
    fewest = _FEWEST_DIGITS_ALONE if digits == characters else _FEWEST
    return digits >= _FEWEST_DIGITS and fewest <= characters <= len(surface) <= _LONGEST_CODE


def _is_meant(match: KnownMatch, surface: str) -> bool:
    """Whether a spelling of a name means the person where it stands."""
    if is_misread(match, surface):
        return False
    alone = match.part or len(match.value.words) < 2
    if not alone or surface[0].isupper():
        return True
    word = surface.casefold()
    # In lower case: of a full name, a word that is nothing else.
    return bool(match.part) and len(word) >= _FEWEST_LETTERS and word not in _WORDS
