"""Running a detector over a text and over all readings of it."""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Protocol, TypeVar

from piirag.detection.disguise.normalize import normalize
from piirag.detection.disguise.view import Batch, View
from piirag.detection.disguise.whole import blank_escapes, whole
from piirag.detection.finding import MODELS, Finding
from piirag.detection.windows import windows


class _Match(Protocol):
    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...


_M = TypeVar("_M", bound=_Match)
_Original = Callable[[int, int], tuple[int, int] | None]

# Views are searched several at a time, up to this many characters: a call of the detector costs
# as much as a thousand characters.
_BATCH = 8192


def detect_disguised(text: str, detect: Callable[[str], list[Finding]]) -> list[Finding]:
    """Find personal data in a text, disguised or not.

    The detector sees the normal form in place of the text. What dropping an invisible character
    could join that belongs apart is searched with a space in its place, as a view.

    Args:
        text: Any text.
        detect: Finds entities in one text; called once on this very text if nothing in it could
            be a disguise.

    Returns:
        Findings with offsets in ``text``, in order of position. Those in views that lie within
        another of the same type are left out.
    """
    normalized = normalize(text)
    if not normalized.changed and not normalized.views:
        return whole(text, detect(text))
    found = [
        _moved(finding, normalized.span(finding.start, finding.end))
        for finding in _read_well(normalized.text, detect(normalized.text), normalized.views)
    ]
    kept = set(found)
    covered = _Covered(found)
    for batch in _batches(normalized.views):
        for finding in detect(batch.text):
            labelled = finding.recognizer not in MODELS
            span = batch.original(finding.start, finding.end, labelled=labelled)
            if span is not None and not covered.covers(moved := _moved(finding, span)):
                kept.add(moved)
    return sorted(kept, key=lambda f: (f.start, f.end, f.entity_type))


class Readings:
    """The normal form and the other readings of a text, for a search that is no detector.

    Its repr shows no text.

    Args:
        text: Any text.
    """

    def __init__(self, text: str) -> None:
        self._parts: list[tuple[int, str, _Original]] = []
        for offset, window in windows(text):
            normalized = normalize(window)
            if normalized.changed:
                self._parts.append((offset, normalized.text, normalized.span))
            for batch in _batches(normalized.views):
                self._parts.append((offset, batch.text, batch.original))

    def find(self, search: Callable[[str], Iterable[_M]]) -> Iterator[tuple[int, int, _M]]:
        """What a search finds there, with its offsets in the text.

        Args:
            search: Gives matches, with `start` and `end`, for one text.
        """
        for offset, text, original in self._parts:
            for match in search(text):
                span = original(match.start, match.end)
                if span is not None:
                    yield offset + span[0], offset + span[1], match

    def __repr__(self) -> str:
        return f"Readings({len(self._parts)})"


def _read_well(text: str, found: list[Finding], views: Sequence[View]) -> list[Finding]:
    """Findings in a text with escapes, each at what it stands for.

    What a model made of a word with the letter of an escape in it (``Hi,\\npassword``) counts for
    nothing where a view reads the escape as what it is.
    """
    if "\\" not in text:
        return whole(text, found)
    kept = []
    for finding in found:
        if finding.recognizer in MODELS and views:
            blanks = blank_escapes(text, max(0, finding.start - 1), finding.end)
            if any(view.undoes(*blank) for blank in blanks for view in views):
                continue
        kept.append(finding)
    return whole(text, kept)


def _moved(finding: Finding, span: tuple[int, int]) -> Finding:
    if span == (finding.start, finding.end):
        return finding
    return Finding(finding.entity_type, *span, finding.score, finding.recognizer)


def _batches(views: Sequence[View]) -> Iterator[Batch]:
    batch: list[View] = []
    length = 0
    for view in views:
        if batch and length + len(view.text) > _BATCH:
            yield Batch(batch)
            batch, length = [], 0
        batch.append(view)
        length += len(view.text)
    if batch:
        yield Batch(batch)


class _Covered:
    """What was found already: for each type and score, how far findings up to a start reach."""

    def __init__(self, found: Iterable[Finding]) -> None:
        groups: dict[tuple[str, float], list[tuple[int, int]]] = defaultdict(list)
        for finding in found:
            groups[finding.entity_type, finding.score].append((finding.start, finding.end))
        self._reaches: dict[str, list[tuple[float, list[int], list[int]]]] = defaultdict(list)
        for (entity_type, score), spans in groups.items():
            spans.sort()
            ends = list(accumulate((end for _, end in spans), max))
            self._reaches[entity_type].append((score, [start for start, _ in spans], ends))

    def covers(self, finding: Finding) -> bool:
        """Whether it lies in another of its type with at least its score."""
        for score, starts, ends in self._reaches.get(finding.entity_type, ()):
            i = bisect.bisect_right(starts, finding.start) - 1
            if score >= finding.score and i >= 0 and ends[i] >= finding.end:
                return True
        return False
