"""Counting what is found, source by source, in memory that does not grow with the texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from piirag.detection.finding import Finding
from piirag.display import Segment
from piirag.governance.scan.masking import segments
from piirag.governance.scan.record import Joined, Record, Skipped

MOST_SOURCES = 10_000
MOST_FIELDS = 200
MOST_SKIPPED = 1_000
"""How many sources, fields of one source, and names of what was skipped a report lists."""

OTHERS = "(others)"
"""What the rest are counted under."""

_MOST_NAMES = 5_000
_MOST_VALUES = 1_000
_SHORTEST_VALUE = 4


@dataclass(frozen=True, repr=False)
class Seen:
    """What was found in one record.

    Args:
        record: The record.
        joined: Its text.
        findings: What a scrub would replace.
        quasi: Quasi-identifiers.
        kinds: What those tell that stand together, where they are enough to single somebody out.
        special: Data of special categories.
        tokens: Pseudonyms and placeholders that stand in it.
    """

    record: Record
    joined: Joined
    findings: tuple[Finding, ...]
    quasi: tuple[Finding, ...]
    kinds: tuple[str, ...]
    special: tuple[Finding, ...]
    tokens: int


@dataclass(repr=False)
class SourceTally:
    """Counts of one source."""

    kind: str
    texts: int = 0
    hits: int = 0
    findings: Counter[str] = field(default_factory=Counter)
    special: Counter[str] = field(default_factory=Counter)
    combined: int = 0
    fields: dict[str, Counter[str]] = field(default_factory=dict)
    notes: set[str] = field(default_factory=set)


@dataclass(repr=False)
class Tally:
    """Counts of a scan, and the examples.

    Args:
        examples: How many examples of a type are kept.
        raw: Keep them as they are, not masked.
    """

    examples: int
    raw: bool
    texts: int = 0
    hits: int = 0
    in_names: int = 0
    characters: int = 0
    tokens: int = 0
    findings: Counter[str] = field(default_factory=Counter)
    texts_by_type: Counter[str] = field(default_factory=Counter)
    quasi: Counter[str] = field(default_factory=Counter)
    combinations: Counter[tuple[str, ...]] = field(default_factory=Counter)
    special: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    sources: dict[str, SourceTally] = field(default_factory=dict)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    shown: dict[str, list[tuple[str, str, tuple[Segment, ...]]]] = field(default_factory=dict)
    field_names: set[str] = field(default_factory=set)
    values: dict[str, dict[str, None]] = field(default_factory=dict)
    left_out: int = 0
    failures: int = 0

    def source(self, name: str, kind: str) -> SourceTally:
        """The counts of a source; of all others together where there are too many."""
        if name not in self.sources and len(self.sources) >= MOST_SOURCES:
            self.left_out += 1
            name, kind = OTHERS, ""
        return self.sources.setdefault(name, SourceTally(kind))

    def skip(self, skipped: Skipped) -> None:
        """Count what was not read."""
        self.failures += skipped.failed
        if not skipped.whole:
            self.source(skipped.source, "").notes.add(skipped.reason)
            return
        self.reasons[skipped.reason] += 1
        if len(self.skipped) < MOST_SKIPPED:
            self.skipped.append((skipped.source, skipped.reason))

    def failed(self, record: Record, reason: str) -> None:
        """Count a text that the detector could not read."""
        self.unread[reason] += 1
        self.failures += 1
        self.source(record.source, record.kind).notes.add(f"a text was not read: {reason}")

    def add(self, seen: Seen) -> None:
        """Count one record."""
        tally = self.source(seen.record.source, seen.record.kind)
        tally.kind = tally.kind or seen.record.kind
        text = not seen.record.names
        any_found = bool(seen.findings or seen.special)
        for both in (self, tally):
            both.texts += text
            both.hits += text and any_found
            both.findings.update(f.entity_type for f in seen.findings)
            both.special.update(f.entity_type for f in seen.special)
        if not text:
            every = (*seen.special, *seen.findings)
            self.in_names += len({(f.start, f.end, f.entity_type) for f in every})
        self.characters += len(seen.joined.text)
        self.tokens += seen.tokens
        self.texts_by_type.update({f.entity_type for f in (*seen.findings, *seen.special)})
        self.quasi.update(f.entity_type for f in seen.quasi)
        if seen.kinds:
            self.combinations[seen.kinds] += 1
            tally.combined += 1
        self._fields(seen, tally)
        self._examples(seen)
        self._values(seen)

    def names(self) -> Iterator[str]:
        """Every name that a report shows."""
        for name, tally in self.sources.items():
            yield name
            yield from tally.fields
        yield from (name for name, _ in self.skipped)

    def _fields(self, seen: Seen, tally: SourceTally) -> None:
        if len(seen.joined.places) == 1 and not seen.joined.places[0][0]:
            return
        for finding in {(f.start, f.end): f for f in (*seen.special, *seen.findings)}.values():
            name = seen.joined.field_of(finding.start, finding.end) or ""
            if name not in tally.fields and len(tally.fields) >= MOST_FIELDS:
                name = OTHERS
            if name not in self.field_names:
                # Keys of JSON may be data, another one in each file.
                name = name if len(self.field_names) < _MOST_NAMES else OTHERS
                self.field_names.add(name)
            tally.fields.setdefault(name, Counter())[finding.entity_type] += 1

    def _examples(self, seen: Seen) -> None:
        everything = (*seen.findings, *seen.special, *seen.quasi)
        for finding in everything:
            kept = self.shown.setdefault(finding.entity_type, [])
            if len(kept) >= self.examples:
                continue
            if self.examples > 1 and any(
                source == seen.record.source for source, _, _ in kept[:-1]
            ):
                continue  # of several sources, where there are several
            place = seen.joined.field_of(finding.start, finding.end) or ""
            made = segments(seen.joined.text, finding, everything, raw=self.raw)
            kept.append((seen.record.source, place, made))

    def _values(self, seen: Seen) -> None:
        """Values to look for in names of files; they stay in this process."""
        for finding in seen.findings:
            kept = self.values.setdefault(finding.entity_type, {})
            value = seen.joined.text[finding.start : finding.end]
            if len(kept) < _MOST_VALUES and _SHORTEST_VALUE <= len(value) <= 100:
                kept[value] = None
