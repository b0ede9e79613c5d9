"""Finding values the application already knows, in every spelling.

An application that ingests a customer's record knows the customer's name. Given to piirag as
``known={"PERSON": ["Jane Mary Roe"]}``, it is found without any model: in any case, with or
without accents, in any order (``Roe, Jane``), with initials (``J. Roe``, ``J.M. Roe``, ``JMR``),
joined (``jane_roe.pdf``, ``janeroe``), in part (``Jane``, ``Roe``). Other values are found
whatever separates their parts (``AC-1234``, ``AC 1234``).

The index is made of dictionaries, so a text costs time in proportion to its length and not to the
number of values. Only values that words cannot express (scripts written without spaces, runs of
punctuation) are searched for one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from piirag.detection.literals import Literals, needs_literal
from piirag.detection.names import Token, initials_at, name_at, pairs_of, stands_alone, tokenize
from piirag.detection.text import WORD, fold, require_text, shown_type
from piirag.errors import InvalidInputError

Known = Mapping[str, Sequence[str]]

_TITLES = frozenset("mr mrs ms miss mx dr prof sir herr frau madame monsieur sr sra".split())

# Characters between two parts of a code; "\\u0020" has six.
_LONGEST_GAP = 6

# The type that quotes token-shaped text; nobody's values may hide behind it.
_RESERVED = "LITERAL"


@dataclass(frozen=True, repr=False)
class KnownValue:
    """One value, its words folded. Its repr shows the entity type only."""

    entity_type: str
    value: str
    words: tuple[str, ...] = field(default=())

    def __repr__(self) -> str:
        return f"KnownValue({shown_type(self.entity_type)})"


@dataclass(frozen=True, repr=False)
class KnownMatch:
    """Where a known value stands.

    Args:
        start: Offset of the first character.
        end: Offset after the last character.
        value: The value it belongs to.
        part: The folded text, where only a first or last name or initials stand; else empty.
        owners: How many known values this spelling could belong to.
    """

    start: int
    end: int
    value: KnownValue
    part: str = ""
    owners: int = 1

    def __repr__(self) -> str:
        return f"KnownMatch({shown_type(self.value.entity_type)}, {self.start}, {self.end})"


def check_known(known: Known | None) -> dict[str, list[str]]:
    """Check and copy what an application passes as ``known``; blank values are left out.

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
        what = f"known[{shown_type(entity_type)}]"
        if entity_type == _RESERVED:
            raise InvalidInputError(f"{what}: this type is reserved")
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise InvalidInputError(f"{what} must be a list of strings")
        kept = [require_text(v, f"a value in {what}") for v in values]
        checked[entity_type] = [v for v in kept if v.strip()]
    return checked


class KnownValues:
    """An index over known values.

    Args:
        known: Entity type -> values.
        bare_initials: Whether ``JMR`` counts as a mention of Jane Mary Roe. Right for the texts
            of her own record; among all texts of a user, ``PDF`` and ``API`` would be people.
    """

    def __init__(self, known: Known | None = None, *, bare_initials: bool = True) -> None:
        self._bare_initials = bare_initials
        self._codes: dict[str, KnownValue] = {}
        self._prefixes: set[str] = set()
        self._single: dict[str, KnownValue] = {}
        self._pairs: dict[tuple[str, str], list[KnownValue]] = {}
        self._parts: dict[str, list[KnownValue]] = {}
        self._joined: dict[str, list[KnownValue]] = {}
        self._initials: dict[str, list[KnownValue]] = {}
        self._literals: Literals[KnownValue] = Literals()
        self._seen: set[tuple[str, str]] = set()
        for entity_type, values in check_known(known).items():
            for value in values:
                self.add(entity_type, value)

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, entity_type: str, value: str) -> None:
        """Add one value; adding it again changes nothing."""
        if (entity_type, value) in self._seen:
            return
        self._seen.add((entity_type, value))
        words = tuple(fold(w) for w in WORD.findall(value))
        if entity_type == "PERSON":
            words = tuple(w for w in words if w not in _TITLES) or words
        entry = KnownValue(entity_type, value, words)
        if entity_type == "PERSON" and words:
            self._add_name(entry)
        elif words:
            self._add_code(entry)
        if needs_literal(value) or not self._finds(value):
            self._literals.add(value, entry)

    def _finds(self, value: str) -> bool:
        """Whether the words of this value are enough to find it as it was passed."""
        spans = [(m.start, m.end) for m in self._matches(value)]
        first, last = WORD.search(value), None
        for last in WORD.finditer(value):  # noqa: B007 - the last one is wanted
            pass
        if first is None or last is None:
            return False
        return any(s <= first.start() and e >= last.end() for s, e in spans)

    def _add_name(self, entry: KnownValue) -> None:
        words = entry.words
        if len(words) == 1:
            self._single.setdefault(words[0], entry)
            return
        for pair in pairs_of(words):
            self._pairs.setdefault(pair, []).append(entry)
        for word in set(words):
            self._parts.setdefault(word, []).append(entry)
        first, last = words[0], words[-1]
        for joined in {"".join(words), first + last, last + first, first[0] + last}:
            if len(joined) >= 5:
                self._joined.setdefault(joined, []).append(entry)
        self._initials.setdefault("".join(w[0] for w in words), []).append(entry)

    def _add_code(self, entry: KnownValue) -> None:
        squashed = "".join(entry.words)
        self._codes.setdefault(squashed, entry)
        self._prefixes.update(squashed[:n] for n in range(1, len(squashed)))

    def find(self, text: str) -> list[KnownMatch]:
        """Find every mention.

        Args:
            text: Any text.

        Returns:
            Matches in order of position. They may overlap where two values do.
        """
        if not self._seen:
            return []
        found = [*self._matches(text)]
        found += [KnownMatch(s, e, entry) for s, e, entry in self._literals.find(text)]
        return _assign_parts(text, sorted(found, key=lambda m: (m.start, m.end)))

    def _matches(self, text: str) -> Iterator[KnownMatch]:
        tokens = tokenize(text)
        covered = -1
        until: dict[KnownValue, int] = {}
        for i, (start, _, _) in enumerate(tokens):
            # Mentions of two values may overlap; within one mention the same name does not begin
            # again, and parts of names say nothing more.
            here = [
                match
                for match in self._matches_at(text, tokens, i)
                if start >= until.get(match.value, 0) and not (match.part and match.end <= covered)
            ]
            if here:
                best = max(here, key=_rank)
                until[best.value] = best.end
                covered = max(covered, best.end)
                yield best

    def _matches_at(self, text: str, tokens: list[Token], i: int) -> Iterator[KnownMatch]:
        start, end, word = tokens[i]
        if word in self._prefixes or word in self._codes:
            yield from self._codes_at(tokens, i)
        for entry in self._pairs.get(_pair_at(tokens, i), ()):
            j = name_at(text, tokens, i, entry.words)
            if j > i:
                yield KnownMatch(start, tokens[j - 1][1], entry)
        alone = stands_alone(text, tokens[i])
        if alone and word in self._single:
            yield KnownMatch(start, end, self._single[word])
        if word in self._joined:
            yield _shared(start, end, self._joined[word], word)
        letters, j = initials_at(text, tokens, i)
        if letters in self._initials and (j > i + 1 or self._bare_initials):
            yield _shared(start, tokens[j - 1][1], self._initials[letters], letters)
        if alone and word in self._parts:
            entries = self._parts[word]
            yield KnownMatch(start, end, entries[0], part=word, owners=len(entries))

    def _codes_at(self, tokens: list[Token], i: int) -> Iterator[KnownMatch]:
        """Codes spelled by the tokens from here on, however they are separated."""
        spelled = ""
        for j in range(i, len(tokens)):
            if j > i and tokens[j][0] - tokens[j - 1][1] > _LONGEST_GAP:
                return
            spelled += tokens[j][2]
            if spelled in self._codes:
                yield KnownMatch(tokens[i][0], tokens[j][1], self._codes[spelled])
            if spelled not in self._prefixes:
                return


def _pair_at(tokens: list[Token], i: int) -> tuple[str, str]:
    """The two words, or the word and the initial, by which a name at this token is looked up."""
    word = tokens[i][2]
    j = i + 1
    if len(word) == 1:
        while j < len(tokens) and j - i < 4 and len(tokens[j][2]) == 1:
            j += 1
    if j >= len(tokens):
        return "", ""
    other = tokens[j][2]
    return (word, other) if len(word) >= len(other) else (other, word)


def _shared(start: int, end: int, entries: list[KnownValue], spelled: str) -> KnownMatch:
    """A spelling that several names may share."""
    part = spelled if len(entries) > 1 else ""
    return KnownMatch(start, end, entries[0], part=part, owners=len(entries))


def _rank(match: KnownMatch) -> tuple[int, bool, int, str]:
    """The longest mention wins, then a full one, then the value with the fewest other words."""
    return match.end, not match.part, -len(match.value.words), match.value.value


def _assign_parts(text: str, found: list[KnownMatch]) -> list[KnownMatch]:
    """Give a first or last name alone to the one person named in full in this text.

    Two parts side by side that belong to different people are a third person: with Jane Roe and
    Peter Fuchs known, "Peter Roe" is neither.
    """
    in_full = {m.value.words: m.value for m in found if not m.part}
    assigned: list[KnownMatch] = []
    for match in found:
        if match.part and match.owners > 1:
            owners = [v for words, v in in_full.items() if match.part in words]
            if len(owners) == 1:
                match = replace(match, value=owners[0], owners=1)
        before = assigned[-1] if assigned else None
        if (
            before is not None
            and before.part
            and match.part
            and before.value != match.value
            and text[before.end : match.start] == " "
        ):
            assigned[-1] = replace(
                before, end=match.end, part=f"{before.part} {match.part}", owners=2
            )
        else:
            assigned.append(match)
    return assigned
