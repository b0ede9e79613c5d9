"""Values that lie over the border of two texts which are read as one: the blocks of a message.

Clients of some providers join the text blocks of a message, and a model reads them in a row in
any case. So what stands around each border is searched once more, as one text. What is found
across a border is replaced in every text it touches, each part by itself, so that each text comes
back as it was.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

from piirag.detection.finding import Finding
from piirag.detection.spans import Span
from piirag.detection.stretches import outside
from piirag.detection.text import WORD

Cut = tuple[Finding, ...]
"""Parts of values in one text that go on in the next one, or began in the one before."""

# So many characters on either side of a border are looked at; values are hardly longer.
_REACH = 96


def cuts(texts: Sequence[str], find: Callable[[str], Iterable[Finding]]) -> list[Cut]:
    """The parts of values that lie over borders.

    Args:
        texts: Texts that are read one after the other.
        find: What stands in a text, without replacing it.

    Returns:
        For each text, its parts in order of position; they do not overlap.

    Raises:
        DetectionError: The detector failed.
    """
    full = [i for i, text in enumerate(texts) if text]
    found: list[list[Finding]] = [[] for _ in texts]
    if len(full) > 1:
        joined = [texts[i] for i in full]
        # Some clients put white space between them.
        gaps = [int(_touch(a, b)) for a, b in pairwise(joined)]
        apart = _found(joined, find, gaps) if any(gaps) else []
        glued = _found(joined, find, [0] * len(gaps))
        ends = {parts[0][0] for parts in apart if len(parts) == 1}
        for parts in [*apart, *glued]:
            if len(parts) > 1 and not _begins_anew(joined, parts, ends):
                for n, part in parts:
                    found[full[n]].append(part)
    return [tuple(_united(parts)) for parts in found]


def with_cuts(
    text: str, spans: Sequence[Span], cut: Cut, protected: Sequence[tuple[int, int]]
) -> list[Span]:
    """Spans that cover the parts of values over the borders as well.

    Args:
        text: The text.
        spans: In order of position; they do not overlap.
        cut: See `cuts`.
        protected: Stretches that hold tokens already, in order.

    Returns:
        Spans in order of position; they do not overlap.
    """
    if not cut:
        return list(spans)
    covered = _united([*cut, *(span.finding for span in spans)])
    as_before = {(s.finding.start, s.finding.end): s for s in spans}
    result: list[Span] = []
    for finding in covered:
        before = as_before.get((finding.start, finding.end))
        if before is not None:
            result.append(before)
            continue
        for start, end in outside(finding.start, finding.end, protected):
            if WORD.search(text, start, end):
                result.append(Span(replace(finding, start=start, end=end), text[start:end]))
    return result


def together(*cuts: Cut) -> Cut:
    """The parts that several searches found in one text."""
    return tuple(_united(part for cut in cuts for part in cut))


def shifted(cut: Cut, by: int) -> Cut:
    """The same parts in a text with so many characters put before it."""
    if not by:
        return cut
    return tuple(replace(part, start=part.start + by, end=part.end + by) for part in cut)


_Parts = list[tuple[int, Finding]]
"""One value: the numbers of the texts that it lies in, and where."""


def _touch(first: str, second: str) -> bool:
    return not first[-1].isspace() and not second[0].isspace()


def _begins_anew(texts: Sequence[str], parts: _Parts, ends: set[int]) -> bool:
    """Whether a value ended with the first text, and another sentence begins in the second."""
    (first, _), (second, part) = parts[0], parts[-1]
    word = texts[second][: part.end]
    return second == first + 1 and first in ends and word.istitle() and word.isalpha()


def _found(
    texts: Sequence[str], find: Callable[[str], Iterable[Finding]], gaps: Sequence[int]
) -> list[_Parts]:
    """What lies over borders, in parts, and what ends at one, as a single part."""
    ends = [*gaps, 0]
    whole = "".join(text + " " * gap for text, gap in zip(texts, ends, strict=True))
    starts = [0, *accumulate(len(t) + gap for t, gap in zip(texts, ends, strict=True))][:-1]
    values: list[_Parts] = []
    for low, high in _windows(starts[1:], len(whole)):
        for finding in find(whole[low:high]):
            start, end = finding.start + low, finding.end + low
            first = bisect.bisect_right(starts, start) - 1
            last = bisect.bisect_left(starts, end) - 1
            if first == last and end < starts[first] + len(texts[first]):
                continue
            parts = []
            for n in range(first, last + 1):
                begin, stop = max(start - starts[n], 0), min(end - starts[n], len(texts[n]))
                # White space at a border is nobody's, and a vault does not tell it apart.
                part = texts[n][begin:stop]
                begin += len(part) - len(part.lstrip())
                stop -= len(part) - len(part.rstrip())
                if begin < stop:
                    parts.append((n, replace(finding, start=begin, end=stop)))
            values.append(parts)
    return [parts for parts in values if parts]


def _windows(borders: Sequence[int], length: int) -> Iterator[tuple[int, int]]:
    """The stretches around borders; those that meet are one."""
    low = high = 0
    for border in borders:
        start, end = max(border - _REACH, 0), min(border + _REACH, length)
        if start >= high and high:
            yield low, high
            low = start
        elif not high:
            low = start
        high = end
    if high:
        yield low, high


def _united(findings: Iterable[Finding]) -> list[Finding]:
    united: list[Finding] = []
    for finding in sorted(findings, key=lambda f: (f.start, -f.end)):
        if united and finding.start < united[-1].end:
            longer = max(united[-1], finding, key=lambda f: f.end - f.start)
            start, end = united[-1].start, max(united[-1].end, finding.end)
            united[-1] = replace(longer, start=start, end=end)
        else:
            united.append(finding)
    return united
