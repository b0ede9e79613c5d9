"""Finding values the application already knows, in every spelling.

An application that ingests a customer's record knows the customer's name. Given to piirag as
``known={"PERSON": ["Jane Mary Roe"]}``, it is found without any model: in any case, with or
without accents, in any order (``Roe, Jane``), with initials (``J. Roe``, ``J.M. Roe``, ``JMR``),
joined (``jane_roe.pdf``, ``janeroe``), in part (``Jane``, ``Roe``).

The index is a dictionary from folded words to values, so a text costs time in proportion to its
length and not to the number of values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from piirag.detection.names import Token, initials_at, name_at, stands_alone, tokenize
from piirag.detection.text import WORD, fold, require_text
from piirag.errors import InvalidInputError

Known = Mapping[str, Sequence[str]]

_TITLES = frozenset("mr mrs ms miss mx dr prof sir herr frau madame monsieur sr sra".split())


@dataclass(frozen=True, repr=False)
class KnownValue:
    """One value, its words folded. Its repr shows the entity type only."""

    entity_type: str
    value: str
    words: tuple[str, ...] = field(default=())

    def __repr__(self) -> str:
        return f"KnownValue({self.entity_type})"


@dataclass(frozen=True, repr=False)
class KnownMatch:
    """Where a known value stands.

    Args:
        start: Offset of the first character.
        end: Offset after the last character.
        value: The value it belongs to.
        part: The folded word, where only a first or last name stands; else empty.
        owners: How many known values this spelling could belong to.
    """

    start: int
    end: int
    value: KnownValue
    part: str = ""
    owners: int = 1

    def __repr__(self) -> str:
        return f"KnownMatch({self.value.entity_type}, {self.start}, {self.end})"


def check_known(known: Known | None) -> dict[str, list[str]]:
    """Check and copy what an application passes as ``known``.

    Raises:
        InvalidInputError: It is not a mapping from entity types to sequences of strings.
    """
    if known is None:
        return {}
    if not isinstance(known, Mapping):
        raise InvalidInputError("known must map entity types to lists of values")
    checked: dict[str, list[str]] = {}
    for entity_type, values in known.items():
        require_text(entity_type, "an entity type in known")
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise InvalidInputError(f"known[{entity_type!r}] must be a list of strings")
        kept = [require_text(v, f"a value in known[{entity_type!r}]") for v in values]
        checked[entity_type] = [v for v in kept if WORD.search(v)]
    return checked


class KnownValues:
    """An index over known values.

    Args:
        known: Entity type -> values.
        parts: Whether a first or last name alone counts as a mention.
    """

    def __init__(self, known: Known | None = None, *, parts: bool = True) -> None:
        self._parts = parts
        self._codes: dict[str, list[KnownValue]] = {}
        self._names: dict[str, list[KnownValue]] = {}
        self._joined: dict[str, list[KnownValue]] = {}
        self._initials: dict[str, list[KnownValue]] = {}
        self._seen: set[tuple[str, tuple[str, ...]]] = set()
        for entity_type, values in check_known(known).items():
            for value in values:
                self.add(entity_type, value)

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, entity_type: str, value: str) -> None:
        """Add one value; adding it again changes nothing."""
        words = tuple(fold(w) for w in WORD.findall(value))
        if entity_type == "PERSON":
            words = tuple(w for w in words if w not in _TITLES) or words
        if not words or (entity_type, words) in self._seen:
            return
        self._seen.add((entity_type, words))
        entry = KnownValue(entity_type, value, words)
        if entity_type == "PERSON":
            self._add_name(entry)
            return
        for prefix in {words[0], "".join(words)}:
            self._codes.setdefault(prefix, []).append(entry)

    def _add_name(self, entry: KnownValue) -> None:
        words = entry.words
        for word in set(words):
            self._names.setdefault(word, []).append(entry)
        if len(words) < 2:
            return
        first, last = words[0], words[-1]
        for joined in {"".join(words), first + last, last + first, first[0] + last}:
            if len(joined) >= 5:
                self._joined.setdefault(joined, []).append(entry)
        self._initials.setdefault("".join(w[0] for w in words), []).append(entry)

    def find(self, text: str) -> list[KnownMatch]:
        """Find every mention.

        Args:
            text: Any text.

        Returns:
            Matches in order of position; they do not overlap.
        """
        if not self._seen:
            return []
        tokens = tokenize(text)
        found: list[KnownMatch] = []
        i = 0
        while i < len(tokens):
            best: KnownMatch | None = None
            after = i + 1
            for match, j in self._matches_at(text, tokens, i):
                if best is None or _rank(match) > _rank(best):
                    best, after = match, j
            if best is not None:
                found.append(best)
            i = after
        return self._assign_parts(found)

    def _matches_at(
        self, text: str, tokens: list[Token], i: int
    ) -> Iterator[tuple[KnownMatch, int]]:
        start, end, word = tokens[i]
        for entry in self._codes.get(word, ()):
            j = _code_at(tokens, i, entry.words)
            if j > i:
                yield KnownMatch(start, tokens[j - 1][1], entry), j
        for entry in self._name_candidates(text, tokens, i):
            j = name_at(text, tokens, i, entry.words)
            if j > i:
                yield KnownMatch(start, tokens[j - 1][1], entry), j
        for entry in self._joined.get(word, ()):
            yield KnownMatch(start, end, entry, owners=len(self._joined[word])), i + 1
        letters, j = initials_at(text, tokens, i)
        for entry in self._initials.get(letters, ()):
            owners = len(self._initials[letters])
            yield KnownMatch(start, tokens[j - 1][1], entry, owners=owners), j
        if self._parts and word in self._names and stands_alone(text, tokens[i]):
            entries = self._names[word]
            yield KnownMatch(start, end, entries[0], part=word, owners=len(entries)), i + 1

    def _name_candidates(self, text: str, tokens: list[Token], i: int) -> Iterable[KnownValue]:
        """Names that this word, or the first longer word after initials here, is a part of."""
        j = i
        while len(tokens[j][2]) == 1 and j - i < 4 and j + 1 < len(tokens):
            j += 1
        direct = self._names.get(tokens[i][2], ())
        return direct if j == i else [*direct, *self._names.get(tokens[j][2], ())]

    def _assign_parts(self, found: list[KnownMatch]) -> list[KnownMatch]:
        """Give a first or last name alone to the one person named in full in this text."""
        in_full = {m.value.words: m.value for m in found if not m.part}
        assigned = []
        for match in found:
            if match.part and match.owners > 1:
                owners = [v for words, v in in_full.items() if match.part in words]
                if len(owners) == 1:
                    match = replace(match, value=owners[0], owners=1)
            assigned.append(match)
        return assigned


def _rank(match: KnownMatch) -> tuple[int, bool, int, str]:
    """The longest mention wins, then a full one, then the value with the fewest other words."""
    return match.end, not match.part, -len(match.value.words), match.value.value


def _code_at(tokens: list[Token], i: int, words: tuple[str, ...]) -> int:
    """Index after the tokens that spell these words, however they are separated; else `i`."""
    target = "".join(words)
    spelled = ""
    for j in range(i, len(tokens)):
        if j > i and tokens[j][0] - tokens[j - 1][1] > 3:
            return i
        spelled += tokens[j][2]
        if spelled == target:
            return j + 1
        if not target.startswith(spelled):
            return i
    return i
