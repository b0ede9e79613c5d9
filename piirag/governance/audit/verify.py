"""Checking a chain: which line was altered, removed, moved, or cut off."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass

from piirag.governance.audit.chain import Chain, Head, Removed, Spans, parsed

ALTERED = "altered"
REMOVED = "removed"
REORDERED = "reordered"
REPEATED = "repeated"
TRUNCATED = "truncated"
HEAD = "head"

HEAD_LOST = "head missing"
"""`error.type` of the log's own record that its head was gone."""


@dataclass(frozen=True)
class Problem:
    """Something in a log that is not as it was written.

    Args:
        kind: ``"altered"``, ``"removed"``, ``"reordered"``, ``"repeated"`` (or deleted
            and there again), ``"truncated"`` (at the end) or ``"head"`` (the note of the last
            record is missing or does not fit).
        place: Where, such as ``"audit.jsonl:7"``; empty for what is not there.
        first: The number of the first record it is about; None where that cannot be told.
        last: The number of the last.
    """

    kind: str
    place: str = ""
    first: int | None = None
    last: int | None = None

    def __str__(self) -> str:
        numbers = "" if self.first is None else f"record {self.first}"
        if self.first is not None and self.last not in (None, self.first):
            numbers = f"records {self.first} to {self.last}"
        return " ".join(part for part in (self.place, self.kind, numbers) if part)


@dataclass(frozen=True)
class Verification:
    """What checking a log gave.

    Args:
        records: How many there are.
        expired: How many were deleted because their time was over.
        keyed: The hashes are under a key. Where False, who can write the log can also make
            another one that fits.
        head: The last record, to be kept elsewhere and compared next time.
        problems: What is not as it was written.
        torn: The last line is half a record of a writer that was killed; no problem.
    """

    records: int
    expired: int
    keyed: bool
    head: Head
    problems: tuple[Problem, ...] = ()
    torn: bool = False

    @property
    def ok(self) -> bool:
        """Nothing was altered, removed, moved or cut off."""
        return not self.problems


Line = tuple[str, bytes]
"""Where a line stands, and the line."""


def verified(
    lines: Iterable[Line],
    chain: Chain,
    *,
    head: Head | None,
    removed: Sequence[Removed] = (),
    settled: Container[int] = (),
    expected: Head | None = None,
    problems: Sequence[Problem] = (),
    torn: bool = False,
) -> Verification:
    """Check a chain from its first line to its last.

    Args:
        lines: The lines in order.
        chain: How they were linked.
        head: The note of the last record; None where it is missing.
        removed: What was deleted because its time was over.
        settled: The numbers of those that cannot be there any more: no sweep that may
            have been interrupted was about to delete them.
        expected: A record that has to be there, from an earlier look.
        problems: What was seen before.
        torn: The log ends in half a line.
    """
    walk = _Walk(chain, removed, settled)
    marks = [mark for mark in (head, expected) if mark is not None and mark.seq > 0]
    for place, line in lines:
        walk.line(place, line, marks)
    found = list(dict.fromkeys([*problems, *walk.finish(head, expected)]))
    return Verification(
        walk.count,
        sum(r.last - r.first + 1 for r in removed),
        chain.keyed,
        walk.head,
        tuple(found),
        torn,
    )


class _Walk:
    """Goes along a chain.

    Args:
        chain: How records are linked.
        removed: What was deleted on purpose.
        settled: Numbers of it that cannot be there.
    """

    def __init__(self, chain: Chain, removed: Sequence[Removed], settled: Container[int]) -> None:
        self.count = 0
        self.head = Head()
        self.problems: list[Problem] = []
        self._chain = chain
        self._removed = {r.first: r for r in removed}
        self._gone = Spans(r.first_last for r in removed)
        self._settled = settled
        self._left = 0
        self._next = 1
        self._prev: str | None = self.head.hash
        # Lines that say nothing reliable, since the last one that did.
        self._altered: list[str] = []
        self._missing: list[range] = []
        self._hop()

    def line(self, place: str, line: bytes, marks: Sequence[Head]) -> None:
        """Take the next line."""
        self.count += 1
        record = parsed(line)
        if record is None or not self._chain.fits(record):
            self._altered.append(place)
            return
        seq = int(record["seq"])
        if record.get("event") == "audit" and record.get("error.type") == HEAD_LOST:
            self.problems.append(Problem(HEAD, place, seq, seq))
        for mark in marks:
            if seq == mark.seq and record["hash"] != mark.hash:
                self.problems.append(Problem(ALTERED, place, seq, seq))
        if seq in self._gone:
            # Noted as deleted, and the deletion was interrupted: the next one goes on. Else
            # somebody put it back.
            if seq in self._settled or seq <= self._left:
                self.problems.append(Problem(REPEATED, place, seq, seq))
            self._left = max(seq, self._left)
            return
        if seq < self._next:
            self._earlier(place, seq)
            return
        self._skip_to(seq)
        if self._prev is not None and record["prev"] != self._prev:
            # Both fit by themselves: the one before is another than was linked here.
            self.problems.append(Problem(ALTERED, place, seq - 1, seq))
        self.head = Head(seq, record["hash"])
        self._prev = self.head.hash
        self._next = seq + 1
        self._hop()

    def finish(self, head: Head | None, expected: Head | None) -> Iterator[Problem]:
        """What was found, and what is missing at the end."""
        if head is None:
            yield Problem(HEAD)
        last = max([mark.seq for mark in (head, expected) if mark is not None], default=0)
        for place in self._altered:
            # Behind the last record there are none that such a line could stand for.
            number = self._next if self._next <= last else None
            self.problems.append(Problem(ALTERED, place, number, number))
            if number is not None:
                self._next += 1
                self._hop()
        yield from self.problems
        for gap in self._missing:
            yield Problem(REMOVED, "", gap.start, gap.stop - 1)
        if self._next <= last:
            yield Problem(TRUNCATED, "", self._next, last)

    def _hop(self) -> None:
        """Step over what was deleted on purpose."""
        while self._next in self._removed:
            gone = self._removed[self._next]
            self._next, self._prev = gone.last + 1, gone.hash

    def _skip_to(self, seq: int) -> None:
        """Account for the numbers between the last good line and this one."""
        gap = seq - self._next
        for place in self._altered:
            number = self._next if gap > 0 else None
            self.problems.append(Problem(ALTERED, place, number, number))
            if gap > 0:
                gap -= 1
                self._next += 1
                self._prev = None
                before = self._next
                self._hop()
                gap -= self._next - before
        self._altered = []
        while self._next < seq:
            # Removed on purpose are some of them, perhaps.
            stop = min([first for first in self._removed if self._next < first < seq], default=seq)
            self._missing.append(range(self._next, stop))
            self._next, self._prev = stop, None
            self._hop()

    def _earlier(self, place: str, seq: int) -> None:
        for number, gap in enumerate(self._missing):
            if seq in gap:
                rest = [range(gap.start, seq), range(seq + 1, gap.stop)]
                self._missing[number : number + 1] = [part for part in rest if part]
                self.problems.append(Problem(REORDERED, place, seq, seq))
                return
        self.problems.append(Problem(REPEATED, place, seq, seq))
