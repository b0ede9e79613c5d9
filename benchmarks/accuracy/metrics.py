"""The figures: strict share hidden, span F1, over-redaction. Needs the standard library only."""

from __future__ import annotations

import bisect
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from benchmarks.accuracy.families import family
from benchmarks.accuracy.sample import DIRECT, Label, Sample

Found = tuple[int, int, str]
Find = Callable[[str], Sequence[Found]]


def is_letter(char: str) -> bool:
    """Whether a character is a letter, a digit, or a mark that belongs to one."""
    return char.isalnum() or unicodedata.category(char)[0] == "M"


class Mask:
    """The union of found spans over a text."""

    def __init__(self, text: str, spans: Iterable[tuple[int, int]]) -> None:
        self._text = text
        self.spans: list[tuple[int, int]] = []
        for start, end in sorted(spans):
            if self.spans and start <= self.spans[-1][1]:
                self.spans[-1] = (self.spans[-1][0], max(end, self.spans[-1][1]))
            else:
                self.spans.append((start, end))

    def covers(self, position: int) -> bool:
        """Whether one character is masked."""
        i = bisect.bisect_right(self.spans, (position, len(self._text) + 1)) - 1
        return i >= 0 and position < self.spans[i][1]

    def hides(self, start: int, end: int) -> bool:
        """Whether every letter and digit from start to end is masked."""
        return all(self.covers(i) for i in range(start, end) if is_letter(self._text[i]))

    def letters(self) -> Iterable[int]:
        """Positions of the masked letters and digits."""
        for start, end in self.spans:
            yield from (i for i in range(start, end) if is_letter(self._text[i]))


@dataclass
class SpanCounts:
    """True and false spans of one family, in the exact and the overlapping sense."""

    found: int = 0
    annotated: int = 0
    exact: int = 0
    found_overlapping: int = 0
    annotated_overlapping: int = 0

    def f1(self) -> dict[str, float]:
        """Precision, recall and F1; 0 where nothing is there to divide by."""
        exact = _f1(self.exact, self.found, self.exact, self.annotated)
        some = _f1(self.found_overlapping, self.found, self.annotated_overlapping, self.annotated)
        return {f"exact_{k}": v for k, v in exact.items()} | {
            f"overlap_{k}": v for k, v in some.items()
        }


def _f1(true_found: int, found: int, true_annotated: int, annotated: int) -> dict[str, float]:
    precision = true_found / found if found else 0.0
    recall = true_annotated / annotated if annotated else 0.0
    total = precision + recall
    return {
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / total if total else 0.0,
    }


@dataclass
class Score:
    """What was counted over a corpus.

    Args:
        judged: Families in which this corpus is annotated throughout; None for all. What a
            system finds of another family counts neither for nor against it in F1 and
            over-redaction: a corpus without phone numbers marked cannot tell.
    """

    judged: frozenset[str] | None = None
    values: Counter[str] = field(default_factory=Counter)
    hidden: Counter[str] = field(default_factory=Counter)
    by_locale: Counter[tuple[str, str]] = field(default_factory=Counter)
    hidden_by_locale: Counter[tuple[str, str]] = field(default_factory=Counter)
    spans: dict[str, SpanCounts] = field(default_factory=dict)
    masked_letters: int = 0
    masked_for_nothing: int = 0
    plain_letters: int = 0
    samples: int = 0
    missed: list[tuple[Sample, Label]] = field(default_factory=list)

    def add(self, sample: Sample, found: Sequence[Found], keep_missed: bool = False) -> None:
        """Count one sample.

        Args:
            sample: The annotated text.
            found: What a system found in it: start, end, type.
            keep_missed: Whether to remember the values that were not hidden.
        """
        self.samples += 1
        mask = Mask(sample.text, [(start, end) for start, end, _ in found])
        for label in sample.labels:
            start, end, kind = label
            if not any(map(is_letter, sample.text[start:end])):
                continue
            hidden = mask.hides(start, end)
            self.values[kind] += 1
            self.hidden[kind] += hidden
            self.by_locale[sample.locale, kind] += 1
            self.hidden_by_locale[sample.locale, kind] += hidden
            if keep_missed and not hidden:
                self.missed.append((sample, label))
        judged = [f for f in found if self.judged is None or family(f[2]) in self.judged]
        self._add_letters(sample, Mask(sample.text, [(s, e) for s, e, _ in judged]))
        self._add_spans(sample, judged)

    def _add_letters(self, sample: Sample, mask: Mask) -> None:
        annotated = Mask(sample.text, [(start, end) for start, end, _ in sample.labels])
        masked = list(mask.letters())
        self.masked_letters += len(masked)
        self.masked_for_nothing += sum(not annotated.covers(i) for i in masked)
        letters = sum(map(is_letter, sample.text))
        self.plain_letters += letters - sum(1 for _ in annotated.letters())

    def _add_spans(self, sample: Sample, found: Sequence[Found]) -> None:
        labels: dict[str, list[tuple[int, int]]] = {}
        spans: dict[str, list[tuple[int, int]]] = {}
        for start, end, kind in sample.labels:
            labels.setdefault(family(kind), []).append((start, end))
        for start, end, kind in found:
            spans.setdefault(family(kind), []).append((start, end))
        for kind in {*labels, *spans}:
            ours, theirs = set(spans.get(kind, ())), set(labels.get(kind, ()))
            counts = self.spans.setdefault(kind, SpanCounts())
            counts.found += len(ours)
            counts.annotated += len(theirs)
            counts.exact += len(ours & theirs)
            counts.found_overlapping += sum(_meets(span, theirs) for span in ours)
            counts.annotated_overlapping += sum(_meets(span, ours) for span in theirs)

    def share(self, types: Collection[str] = DIRECT) -> float | None:
        """Share of the values of these types that are hidden; None where there is no value."""
        total = sum(n for kind, n in self.values.items() if kind in types)
        return sum(n for k, n in self.hidden.items() if k in types) / total if total else None

    def share_by_locale(self, types: Collection[str]) -> dict[str, tuple[int, float]]:
        """Locale -> number of values of these types, and the share of them that is hidden."""
        total: Counter[str] = Counter()
        hidden: Counter[str] = Counter()
        for (locale, kind), number in self.by_locale.items():
            if kind in types:
                total[locale] += number
                hidden[locale] += self.hidden_by_locale[locale, kind]
        return {name: (n, hidden[name] / n) for name, n in sorted(total.items())}

    @property
    def over_redaction(self) -> float:
        """Of the letters and digits that were masked, the share that belongs to no value."""
        return self.masked_for_nothing / self.masked_letters if self.masked_letters else 0.0

    @property
    def plain_masked(self) -> float:
        """Of the letters and digits that belong to no value, the share that was masked."""
        return self.masked_for_nothing / self.plain_letters if self.plain_letters else 0.0


def _meets(span: tuple[int, int], others: Iterable[tuple[int, int]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in others)


def score(
    samples: Iterable[Sample],
    find: Find,
    *,
    judged: Collection[str] | None = None,
    keep_missed: bool = False,
) -> Score:
    """Run a system over a corpus and count.

    Args:
        samples: The corpus.
        find: Text -> start, end and type of what is found. Spans may overlap.
        judged: Types in which the corpus is annotated throughout; None for all.
        keep_missed: Whether to remember the values that were not hidden.

    Returns:
        The counts.
    """
    counted = Score(None if judged is None else frozenset(family(kind) for kind in judged))
    for sample in samples:
        counted.add(sample, find(sample.text), keep_missed)
    return counted


def evaluate_spans(
    samples: Iterable[Sample], find: Find, types: Collection[str] | None = None
) -> dict[str, float]:
    """The strict metric and its companions, for a bare tagging function.

    A value counts as hidden only where every letter and digit of it lies in a found span, of
    whatever type.

    Args:
        samples: The corpus.
        find: Text -> start, end and type of what is found.
        types: The annotated types that count, such as ``{"PERSON"}``; `DIRECT` if None. F1 and
            over-redaction look at found spans of these types' families only, if given.

    Returns:
        ``values`` and ``hidden`` (numbers), ``share``, ``over_redaction``, ``plain_masked``, and
        exact and overlapping precision, recall and F1 over all families that count.
    """
    counted = score(samples, find, judged=types)
    wanted = DIRECT if types is None else frozenset(types)
    families = {family(kind) for kind in wanted}
    total = SpanCounts()
    for kind, counts in counted.spans.items():
        if kind in families:
            for name in vars(total):
                setattr(total, name, getattr(total, name) + getattr(counts, name))
    return {
        "values": sum(n for kind, n in counted.values.items() if kind in wanted),
        "hidden": sum(n for kind, n in counted.hidden.items() if kind in wanted),
        "share": counted.share(wanted) or 0.0,
        "over_redaction": counted.over_redaction,
        "plain_masked": counted.plain_masked,
        **total.f1(),
    }
