"""What a report shows of texts and names: shapes in place of values, everyday words around them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from piirag.detection.finding import Finding
from piirag.detection.known import KnownMatch, KnownValues
from piirag.detection.ner.everyday import EVERYDAY
from piirag.detection.protocol import Detector
from piirag.detection.spans import detect_ahead, find_spans
from piirag.detection.text import replace_surrogates
from piirag.policy import Policy

LETTER, DIGIT = "•", "#"
"""What stands for a letter and a digit."""

_AROUND = 48
_LONGEST_VALUE = 24
_LONGEST_WORD = 8
_BATCH = 256
_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")
# The names of fields: words, whatever their case, that help to see what was found.
_FIELDS = frozenset(
    """
    account address age amount billing birth birthday born bsn city client code company contact
    country customer date diagnosis dob email employee employer fax first gender holder iban id
    insurance invoice ip job key last license login mail member mobile name names nationality
    number passport password patient phone postcode reference secret sex shipping ssn state street
    surname tax tel telephone title token user username zip
    """.split()
)
_KEPT_MARKS = frozenset(" .,:;@/+-_()[]{}<>=|&?!#%*'\"")
# In names of files these stand where a space would.
_JOINTS = re.compile(r"(?<=[^\W_])[_\-.+~]+(?=[^\W_])|_")
_SUFFIX = re.compile(
    r"\.(?:bin|csv|dat|db|docx?|eml|html?|ipynb|jsonl?|log|mbox|md|ndjson|pdf|png|jpe?g|py|rst|sqlite3?|tsv|"
    r"txt|xlsx?|xml|ya?ml|zip)\Z",
    re.IGNORECASE,
)

Segment = tuple[str, str | None]
"""A piece of an example: what is shown, and the entity type where it stands for a finding."""


@dataclass(frozen=True, repr=False)
class Example:
    """A finding in its surroundings.

    Args:
        entity_type: Its type.
        source: Where it was found, as the report names it.
        field: The field, column or key; empty where the text has none.
        segments: What is shown.
    """

    entity_type: str
    source: str
    field: str
    segments: tuple[Segment, ...]

    def __repr__(self) -> str:
        return f"Example({self.entity_type})"


def shape(value: str) -> str:
    """What a value looks like: ``••••.•••@•••••••.•••``. It holds no letter and no digit of it."""
    made = []
    for character in value[:_LONGEST_VALUE]:
        if character.isdigit():
            made.append(DIGIT)
        elif character in _KEPT_MARKS:
            made.append(character)
        else:
            made.append(" " if character.isspace() else LETTER)
    if not any(made_one in (LETTER, DIGIT) for made_one in made):
        made = [LETTER] * len(made)
    return "".join(made) + ("…" if len(value) > _LONGEST_VALUE else "")


def plain(text: str) -> str:
    """Text that nothing was found in, as a report shows it.

    A detector may have missed something. So what is shown are everyday words and the names of
    fields; of other words there are the lengths, as far as eight characters.
    """
    made = []
    for token in _TOKEN.findall(text):
        if token.isspace():
            made.append(" ")
        elif token in EVERYDAY or token == "I" or token.lower() in _FIELDS:
            made.append(token)
        elif token[0].isalnum() or token[0] == "_":
            made.append(shape(token[:_LONGEST_WORD].replace("_", LETTER)))
        else:
            made.append(token if token in _KEPT_MARKS else LETTER)
    return "".join(made)


def segments(
    text: str, focus: Finding, findings: Sequence[Finding], *, raw: bool = False
) -> tuple[Segment, ...]:
    """A finding in its surroundings.

    Args:
        text: The text.
        focus: The finding.
        findings: All findings in the text, in order; they may overlap.
        raw: Show values as they are.
    """
    low = max(0, focus.start - _AROUND)
    high = min(len(text), focus.end + _AROUND)
    # No part of a word: "and" is an everyday word, and a part of a name.
    while 0 < low < focus.start and text[low - 1].isalnum() and text[low].isalnum():
        low += 1
    while focus.end < high < len(text) and text[high - 1].isalnum() and text[high].isalnum():
        high -= 1
    made: list[Segment] = [("…", None)] if low > 0 else []
    at = low
    for start, end, kind in _apart(focus, findings):
        if end <= low or start >= high:
            continue
        if start > at:
            made.append((_shown(text[at:start], raw), None))
        value = text[max(start, low) : end]
        made.append((value[: 4 * _AROUND] if raw else shape(value), kind))
        at = end
    if at < high:
        made.append((_shown(text[at:high], raw), None))
    return tuple(made) if max(at, high) >= len(text) else (*made, ("…", None))


def _shown(text: str, raw: bool) -> str:
    return text if raw else plain(text)


def _apart(focus: Finding, findings: Iterable[Finding]) -> list[tuple[int, int, str]]:
    """Stretches that do not overlap and cover all findings; the focus is one of them, whole."""
    taken = [(focus.start, focus.end, focus.entity_type)]
    for finding in sorted(findings, key=lambda f: (f.start, -f.end)):
        start, end = finding.start, finding.end
        # At most two pieces are left beside the focus; the other stretches lie in order.
        for low, high in ((start, min(end, focus.start)), (max(start, focus.end), end)):
            behind = [e for s, e, _ in taken if s < high and low < e]
            low = max([low, *behind])
            if low < high:
                taken.append((low, high, finding.entity_type))
    return sorted(taken)


class Names:
    """Names of files, columns and keys, with what was found in them masked.

    Args:
        detector: Finds values in names.
        policy: What counts.
        values: Entity type -> values found in texts: they are looked for in names too.
        raw: Show names as they are.
    """

    def __init__(
        self,
        detector: Detector,
        policy: Policy,
        values: Mapping[str, Sequence[str]],
        *,
        raw: bool = False,
    ) -> None:
        self._detector = detector
        self._policy = policy
        self._values = KnownValues(values, bare_initials=False)
        self._raw = raw
        self._made: dict[str, str] = {}

    def learn(self, names: Iterable[str]) -> None:
        """Look at many names at once, which is faster than one after the other."""
        new = [name for name in dict.fromkeys(names) if name not in self._made]
        if self._raw:
            self._made.update((name, replace_surrogates(name)) for name in new)
            return
        for at in range(0, len(new), _BATCH):
            some = new[at : at + _BATCH]
            written = [_written(name) for name in some]
            ahead = iter(
                detect_ahead(
                    self._detector,
                    [(text, ()) for texts in written for text in texts],
                    self._policy.language,
                )
            )
            for name, texts in zip(some, written, strict=True):
                self._made[name] = self._masked(texts, ahead)

    def shown(self, name: str) -> str:
        """A name as a report shows it."""
        if name not in self._made:
            self.learn([name])
        return self._made[name]

    def _masked(self, texts: list[str], ahead: Iterator[list[Finding]]) -> str:
        name = texts[0]
        found: list[tuple[int, int, str]] = []
        for text in texts:
            spans = find_spans(
                text, detector=self._detector, policy=self._policy, ahead=next(ahead)
            )
            found += [(s.finding.start, s.finding.end, s.finding.entity_type) for s in spans]
            found += [
                (match.start, match.end, match.value.entity_type)
                for match in self._values.find(text)
                if not _is_word(match, text[match.start : match.end])
            ]
        made = []
        last = 0
        for start, end, kind in sorted(found, key=lambda f: (f[0], -f[1])):
            if end <= last:
                continue
            if start >= last:
                made += [name[last:start], f"[{kind}]"]
            last = end
        return "".join([*made, name[last:]])


def _written(name: str) -> list[str]:
    """A name as written, and as words: nobody is found in "invoice_jane_roe.pdf"."""
    name = replace_surrogates(name)
    suffix = _SUFFIX.search(name)
    end = suffix.start() if suffix is not None else len(name)
    spaced = _JOINTS.sub(lambda m: " " * len(m[0]), name[:end])
    return [*dict.fromkeys((name, spaced))]


def _is_word(match: KnownMatch, surface: str) -> bool:
    """Whether a part of somebody's name is an everyday word here."""
    return bool(match.part) and surface.lower() in EVERYDAY
