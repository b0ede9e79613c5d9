"""The scan itself: records in, counts out, in batches."""

from __future__ import annotations

import dataclasses
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from piirag.detection.bare_numbers import sure
from piirag.detection.finding import Finding
from piirag.detection.protocol import Detector
from piirag.detection.spans import detect_ahead, find_spans
from piirag.detection.stretches import outside
from piirag.detection.text import replace_surrogates
from piirag.errors import ConfigurationError, DetectionError
from piirag.governance.scan.masking import Example, Names
from piirag.governance.scan.record import Joined, Record, Skipped, Source, joined, of_text
from piirag.governance.scan.report import Sample, ScanReport, SourceReport, policy_facts
from piirag.governance.scan.tally import Seen, SourceTally, Tally
from piirag.policy import Policy
from piirag.redaction.detectors import detector_for
from piirag.redaction.insight import look_deeper
from piirag.redaction.second_look import SecondLook, tokens_in

_BATCH = 64
_BATCH_CHARACTERS = 1 << 17

Progress = Callable[[Source, int], None]
"""Told after each batch: what is read now, and how many texts were read so far."""


class Texts:
    """Texts from anywhere as something to scan.

    Args:
        texts: The texts.
        name: What the report calls them.
    """

    def __init__(self, texts: Iterable[str], *, name: str = "texts") -> None:
        self._texts = texts
        self._name = name
        self.total: int | None = len(texts) if isinstance(texts, list | tuple) else None
        self.done = 0

    def records(self) -> Iterator[Record | Skipped]:
        """Every text."""
        for text in self._texts:
            self.done += 1
            if isinstance(text, str):
                yield from of_text(self._name, "texts", text)
            else:
                yield Skipped(self._name, "no text", whole=False)


def scan(
    *sources: Source,
    policy: Policy | None = None,
    detector: Detector | None = None,
    sample: int | float | None = None,
    examples: int = 3,
    show_values: bool = False,
    progress: Progress | None = None,
) -> ScanReport:
    """Count the personal data in files, stores, tables and texts.

    Memory does not grow with what is read, apart from a sample of so many texts.

    Args:
        *sources: What to read: `Files`, `Stores`, `Tables`, `Texts`.
        policy: What to look for. Quasi-identifiers and special categories are looked for even
            where it says ``"off"``.
        detector: Finds entities; the policy's if None.
        sample: Read so many texts, or such a share of them (below 1), drawn evenly; the same ones
            each time. Everything if None. Texts that are not drawn are read from their files, but
            not looked at.
        examples: How many examples of an entity type to keep, masked.
        show_values: Keep examples and names as they are. The report then holds personal data.
        progress: Is told after each batch.

    Returns:
        The report.

    Raises:
        ConfigurationError: A policy that cannot be served, or a sample that is none.
    """
    policy = policy if policy is not None else Policy()
    _check(sample, examples)
    started = datetime.now(UTC)
    clock = time.perf_counter()
    reader = _Reader(policy, detector_for(policy, detector))
    tally = Tally(examples, show_values)
    drawn = Sample(sample, 0, 0) if sample is not None else None
    for source in sources:
        count = 0
        drawing = _Draw(sample)
        for batch in _batches(drawing.of(source.records(), tally.skip)):
            for seen in reader.read(batch, tally):
                tally.add(seen)
            count += len(batch)
            if progress is not None:
                progress(source, tally.texts)
        if drawn is not None:
            drawn = Sample(drawn.asked, drawn.seen + drawing.seen, drawn.read + count)
        if progress is not None:
            progress(source, tally.texts)
    names = Names(
        reader.detector, reader.deeper, {k: [*v] for k, v in tally.values.items()}, raw=show_values
    )
    names.learn(tally.names())
    return _report(
        tally,
        names,
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.perf_counter() - clock, 3),
        policy=policy_facts(policy),
        detector=type(reader.detector).__name__,
        sample=drawn,
    )


def _check(sample: int | float | None, examples: int) -> None:
    numbers = isinstance(sample, int | float) and not isinstance(sample, bool)
    if sample is not None and not (
        numbers and (0 < sample < 1 or (sample >= 1 and float(sample).is_integer()))
    ):
        raise ConfigurationError("a sample is a number of texts, or a share below 1")
    if type(examples) is not int or examples < 0:
        raise ConfigurationError("examples is a number from 0 on")


class _Draw:
    """Draws an even sample out of a stream.

    The numbers are the same in every run, so that two scans of the same texts agree.
    """

    def __init__(self, sample: int | float | None) -> None:
        self._sample = sample
        self._random = random.Random(0)
        self.seen = 0

    def of(
        self, records: Iterable[Record | Skipped], skip: Callable[[Skipped], None]
    ) -> Iterator[Record]:
        """The records that are drawn; what was skipped is told at once."""
        kept: list[tuple[int, Record]] = []
        size = int(self._sample) if self._sample is not None and self._sample >= 1 else 0
        for record in records:
            if isinstance(record, Skipped):
                skip(record)
                continue
            self.seen += 1
            if self._sample is None or (not size and self._random.random() < self._sample):
                yield record
            elif size and len(kept) < size:
                kept.append((self.seen, record))
            elif size and (at := self._random.randrange(self.seen)) < size:
                kept[at] = (self.seen, record)
        for _, record in sorted(kept, key=lambda item: item[0]):
            yield record


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    length = 0
    for record in records:
        batch.append(record)
        length += sum(len(value) for _, value in record.fields)
        if len(batch) >= _BATCH or length >= _BATCH_CHARACTERS:
            yield batch
            batch, length = [], 0
    if batch:
        yield batch


class _Reader:
    """Looks at texts as a `Scrubber` with this policy would, and replaces nothing."""

    def __init__(self, policy: Policy, detector: Detector) -> None:
        self.detector = detector
        self._policy = policy
        self._second = SecondLook(policy, detector)
        changes: dict[str, Any] = {}
        if policy.quasi_identifiers == "off":
            changes["quasi_identifiers"] = "warn"
        if policy.special_categories == "off":
            changes["special_categories"] = "flag"
        self.deeper = dataclasses.replace(policy, **changes) if changes else policy

    def read(self, batch: list[Record], tally: Tally) -> Iterator[Seen]:
        """What is found in each record; one that the detector fails on is counted as not read."""
        texts = [_whole(record) for record in batch]
        protected = [tokens_in(text.text) for text in texts]
        ahead: list[list[Finding]] | None = None
        try:
            ahead = detect_ahead(
                self.detector,
                [(t.text, tokens) for t, tokens in zip(texts, protected, strict=True)],
                self._policy.language,
            )
        except DetectionError:
            ahead = None  # one by one, so that one text is lost and not all of them
        for i, (record, text, tokens) in enumerate(zip(batch, texts, protected, strict=True)):
            reason = ""
            try:
                yield self._one(record, text, tokens, None if ahead is None else ahead[i])
            except DetectionError as error:
                reason = error.error_type or type(error).__name__
            if reason:
                tally.failed(record, reason)

    def _one(
        self,
        record: Record,
        text: Joined,
        tokens: list[tuple[int, int]],
        ahead: list[Finding] | None,
    ) -> Seen:
        spans = find_spans(
            text.text, detector=self.detector, policy=self._policy, protected=tokens, ahead=ahead
        )
        names, numbers = text.names, text.numbers
        spans, insight = look_deeper(
            text.text, spans, self.deeper, protected=sorted([*tokens, *names])
        )
        found = [span.finding for span in spans]
        covered = sorted([*tokens, *((f.start, f.end) for f in found)])
        found += self._second.find(text.text, covered)
        return Seen(
            record,
            text,
            tuple(sorted(_sure(_values(found, names), numbers), key=lambda f: f.start)),
            tuple(_values(insight.quasi.findings, names)),
            insight.quasi.warning.kinds if insight.quasi.warning is not None else (),
            tuple(_values(insight.special, names)),
            len(tokens),
        )


def _whole(record: Record) -> Joined:
    made = joined(record)
    return dataclasses.replace(made, text=replace_surrogates(made.text))


def _values(findings: Iterable[Finding], names: list[tuple[int, int]]) -> Iterator[Finding]:
    """The findings that do not lie in names of fields alone; names are read by themselves."""
    for finding in findings:
        if not names or any(True for _ in outside(finding.start, finding.end, names)):
            yield finding


def _sure(findings: Iterable[Finding], numbers: Sequence[tuple[int, int]]) -> Iterator[Finding]:
    """Without those in numbers that nothing but their length speaks for."""
    for finding in findings:
        bare = any(low <= finding.start and finding.end <= high for low, high in numbers)
        if not bare or sure([finding]):
            yield finding


def _report(tally: Tally, names: Names, **facts: Any) -> ScanReport:
    return ScanReport(
        texts=tally.texts,
        texts_with_findings=tally.hits,
        findings_in_names=tally.in_names,
        characters=tally.characters,
        pseudonyms=tally.tokens,
        findings=_ranked(tally.findings),
        texts_by_type=_ranked(tally.texts_by_type),
        quasi=_ranked(tally.quasi),
        combinations=_ranked(tally.combinations),
        special=_ranked(tally.special),
        sources=tuple(
            _source(name, source, names)
            for name, source in sorted(
                tally.sources.items(), key=lambda item: (-item[1].findings.total(), item[0])
            )
        ),
        sources_left_out=tally.left_out,
        skipped=tuple((names.shown(name), reason) for name, reason in tally.skipped),
        skipped_by_reason=_ranked(tally.reasons),
        unread=_ranked(tally.unread),
        failures=tally.failures,
        examples=tuple(
            Example(kind, names.shown(source), names.shown(field, field=True), made)
            for kind, kept in sorted(tally.shown.items())
            for source, field, made in kept
        ),
        shows_values=tally.raw,
        **facts,
    )


def _ranked(counts: Any) -> dict[Any, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _source(name: str, tally: SourceTally, names: Names) -> SourceReport:
    fields: dict[str, dict[str, int]] = {}
    for field, counts in tally.fields.items():
        # Two names may look the same once they are masked.
        into = fields.setdefault(names.shown(field, field=True), {})
        for kind, count in _ranked(counts).items():
            into[kind] = into.get(kind, 0) + count
    return SourceReport(
        names.shown(name),
        tally.kind,
        tally.texts,
        tally.hits,
        _ranked(tally.findings),
        _ranked(tally.special),
        tally.combined,
        fields,
        tuple(sorted(tally.notes)),
    )
