"""From findings to the spans that are replaced: checked, filtered, merged, attributed."""

from __future__ import annotations

import bisect
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from piirag.detection.disguise.detect import Readings
from piirag.detection.disguise.whole import whole
from piirag.detection.exact import NAMED, in_columns
from piirag.detection.finding import Finding
from piirag.detection.known import KnownMatch, KnownValues
from piirag.detection.protocol import Detector
from piirag.detection.stretches import outside
from piirag.detection.text import WORD, fold, normal_form
from piirag.errors import ConfigurationError, DetectionError
from piirag.policy import Policy

_T = TypeVar("_T")

# More values in a row that hide each other were never seen.
_MOST_ROUNDS = 8

KNOWN = "KnownValue"
"""The recogniser's name in findings of values that the application passed along."""

DENIED = "DenyList"
"""The recogniser's name in findings of values of a policy's deny list."""

SAME_DOCUMENT = "SameDocument"
"""The recogniser's name in findings of what the same document or call shows to be a value."""

# Where several name the same stretch, known values give the type, then the deny list, then the
# people of this document: each scores so much less.
_STEP = 1e-6


@dataclass(frozen=True, repr=False)
class Span:
    """A stretch of text to replace, and the value it stands for.

    Args:
        finding: Where it stands.
        value: The value: the text itself, or the full name that a part of a name belongs to.
    """

    finding: Finding
    value: str

    @property
    def key(self) -> tuple[str, str]:
        """What decides whether two spans mean the same value."""
        kind = self.finding.entity_type
        return kind, normal_form(kind, self.value)

    def __repr__(self) -> str:
        return f"Span({self.finding})"


def find_spans(
    text: str,
    *,
    detector: Detector,
    policy: Policy,
    known: Sequence[KnownValues] = (),
    protected: Sequence[tuple[int, int]] = (),
    context: int = 0,
    language: str | None = None,
    ahead: Sequence[Finding] | None = None,
) -> list[Span]:
    """Find what has to be replaced in a text.

    A value that touches another may show only once the other is gone:
    ``jane@example.com-Jane Roe`` is no e-mail address, ``jane@example.com-[PERSON_1]`` holds one.
    So where something is left that touches a replaced value, what is left is searched again.

    Args:
        text: The text.
        detector: Finds entities.
        policy: Which entity types and scores count.
        known: Values the application knows; earlier indices win.
        protected: Stretches that hold tokens already; they are not looked at.
        context: So many characters at the start are there to be understood by, such as the key
            of a value; nothing in them is replaced.
        language: ISO 639-1 code; the policy's first language if None.
        ahead: What `detect_ahead` has found in this text already.

    Returns:
        Spans in order of position; they do not overlap.

    Raises:
        DetectionError: The detector failed or returned nonsense. Nothing may be let through.
    """
    found: list[Span] = []
    taken = list(protected)
    for _ in range(_MOST_ROUNDS):
        code = language or policy.language
        new = _find_once(text, detector, policy, known, taken, context, code, ahead)
        ahead = None
        if not new:
            break
        found = sorted([*found, *new], key=lambda span: span.finding.start)
        taken += [(span.finding.start, span.finding.end) for span in new]
        if not any(_touches_something(text, span.finding) for span in new):
            break
    return found


_TOUCHING_LEFT = re.compile(r"[^\s<>()\[\]{}\"';|]*[^\W_][^\s<>()\[\]{}\"';|]*[ ]?\Z")
_TOUCHING_RIGHT = re.compile(r"[ ]?[^\s<>()\[\]{}\"';|]*[^\W_][^\s<>()\[\]{}\"';|]*")
_REACH = 80
_FEWEST_DIGITS = 4


def _touches_something(text: str, finding: Finding) -> bool:
    """Whether what stands right beside a finding may be part of another value."""
    left = _TOUCHING_LEFT.search(text[max(0, finding.start - _REACH) : finding.start])
    right = _TOUCHING_RIGHT.match(text[finding.end : finding.end + _REACH])
    return any(_suspicious(run.group()) for run in (left, right) if run is not None)


def _suspicious(run: str) -> bool:
    return "@" in run or sum(map(str.isdigit, run)) >= _FEWEST_DIGITS


def _find_once(
    text: str,
    detector: Detector,
    policy: Policy,
    known: Sequence[KnownValues],
    taken: Sequence[tuple[int, int]],
    context: int,
    language: str,
    ahead: Sequence[Finding] | None,
) -> list[Span]:
    if ahead is None:
        ahead = run_detector(detector, _without(text, taken), language)
    found = [finding for finding in ahead if policy.wants(finding.entity_type, finding.score)]
    found = _without_allowed(text, whole(text, found), policy)
    candidates = [(finding, text[finding.start : finding.end]) for finding in found]
    denied = _denied(text, policy, 1.0 - len(known) * _STEP)
    local, again = map(_people, (candidates, denied))
    candidates += denied
    # A known value may be escaped, as it is in JSON; the detector has looked there by itself.
    readings = Readings(_without(text, taken)) if any(map(len, known)) else None
    for rank, index in enumerate((*known, local, again)):
        here = index is local or index is again
        name = SAME_DOCUMENT if here else KNOWN
        for start, end, match in _mentions(index, text, None if here else readings):
            surface = text[start:end]
            if here and (
                (match.part and not surface[0].isupper())
                or (index is again and is_misread(match, surface))
                or policy.allows(match.value.entity_type, surface)
            ):
                continue
            alone = match.part and match.owners > 1
            value = surface if alone else match.value.value
            score = 1.0 - (rank + here) * _STEP
            mention = Finding(match.value.entity_type, start, end, score, name)
            named = mention.entity_type in NAMED
            candidates += [
                (piece, value) for piece in (in_columns(text, mention) if named else (mention,))
            ]
    kept = sorted([(0, context), *taken] if context else taken)
    return _merge(text, [c for candidate in candidates for c in _cut(candidate, kept)])


def _mentions(
    index: KnownValues, text: str, readings: Readings | None
) -> Iterator[tuple[int, int, KnownMatch]]:
    """Where known values stand: start, end, match."""
    for match in index.find(text):
        yield match.start, match.end, match
    if readings is not None:
        yield from readings.find(index.find)


def _without_allowed(text: str, found: list[Finding], policy: Policy) -> list[Finding]:
    """Leave out the findings that are values of the allow list, and what lies within them.

    An allowed address is left whole, although the host in it may be a finding of its own. What
    reaches beyond an allowed value stays.
    """
    if not policy.allow:
        return found
    allowed = sorted(
        (f.start, f.end) for f in found if policy.allows(f.entity_type, text[f.start : f.end])
    )
    if not allowed:
        return found
    # The furthest end of all that begin at or before each start.
    ends = list(itertools.accumulate((end for _, end in allowed), max))
    kept = []
    for finding in found:
        before = bisect.bisect_right(allowed, finding.start, key=lambda stretch: stretch[0])
        if not before or ends[before - 1] < finding.end:
            kept.append(finding)
    return kept


def _people(candidates: list[tuple[Finding, str]]) -> KnownValues:
    """The people found so far, whose names alone count in the same document."""
    people = [value for finding, value in candidates if finding.entity_type == "PERSON"]
    return KnownValues({"PERSON": people}, bare_initials=False)


def _denied(text: str, policy: Policy, score: float) -> list[tuple[Finding, str]]:
    """The values of the deny list, names spelled out."""
    if not policy.deny:
        return []
    return [
        (
            Finding(match.value.entity_type, match.start, match.end, score, DENIED),
            match.value.value,
        )
        for match in policy.denied.find(text)
        if _spelled_out(match, text[match.start : match.end])
    ]


def _spelled_out(match: KnownMatch, surface: str) -> bool:
    """Whether a mention holds more than a part of a name or its initials.

    Among ten thousand names every other word is a part of one, and "U.S." Ursula Stone.
    """
    if match.value.entity_type != "PERSON" or len(match.value.words) < 2:
        return True
    words = [fold(word) for word in WORD.findall(surface)]
    if len(words) == 1:
        return match.part not in match.value.words and not is_misread(match, surface)
    whole = not match.part and any(len(word) > 1 for word in words)
    return whole and not is_misread(match, surface)


def is_misread(match: KnownMatch, surface: str) -> bool:
    """Whether everyday words were read as a short spelling of Adam Ward: "award", "a ward"."""
    words = match.value.words
    if len(words) < 2:
        return False
    written = WORD.findall(surface)
    if len(written) == 1:
        return match.part not in words and len(fold(surface)) < len(words[0] + words[-1])
    return len(written[0]) == 1 and written[0].islower() and surface[1] == " "


def _without(text: str, taken: Sequence[tuple[int, int]]) -> str:
    """Blank out stretches, so that neither the words of a token nor its neighbours mislead."""
    pieces = []
    last = 0
    for start, end in sorted(taken):
        pieces += [text[last:start], "\n" * (end - start)]
        last = end
    return "".join([*pieces, text[last:]])


def run_detector(detector: Detector, text: str, language: str) -> list[Finding]:
    """Run a detector and check what it returns.

    Raises:
        DetectionError: It raised, or returned anything but findings that lie in the text.
    """
    if not text or text.isspace():
        return []
    return _checked(text, _run(lambda: list(detector.detect(text, language=language))))


def detect_ahead(
    detector: Detector,
    texts: Sequence[tuple[str, Sequence[tuple[int, int]]]],
    language: str,
) -> list[list[Finding]]:
    """Run a detector over several texts in one call, for `find_spans` to begin with.

    Args:
        detector: Finds entities.
        texts: Texts, each with its stretches that hold tokens already.
        language: ISO 639-1 code.

    Raises:
        DetectionError: As in `run_detector`.
    """
    bare = [_without(text, protected) for text, protected in texts]
    read = [text for text in bare if text and not text.isspace()]
    found = _run(lambda: [list(f) for f in detector.detect_batch(read, language=language)])
    if len(found) != len(read):
        raise DetectionError("the detector did not return findings for every text")
    rest = iter(found)
    return [_checked(t, next(rest)) if t and not t.isspace() else [] for t in bare]


def _run(call: Callable[[], list[_T]]) -> list[_T]:
    failed: str | None = None
    found: list[_T] = []
    try:
        found = call()
    except (DetectionError, ConfigurationError) as error:
        # Whatever another's detector was handling when it raised this, its message may hold text.
        error.__cause__ = error.__context__ = None
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, its message may hold the text
        failed = f"{type(error).__module__}.{type(error).__qualname__}"
    if failed is not None:
        raise DetectionError("the detector failed", error_type=failed)
    return found


def _checked(text: str, found: list[Finding]) -> list[Finding]:
    for finding in found:
        if not _sane(finding, len(text)):
            raise DetectionError("the detector returned a finding that does not fit the text")
    return found


def _sane(finding: object, length: int) -> bool:
    return (
        isinstance(finding, Finding)
        and isinstance(finding.entity_type, str)
        and bool(finding.entity_type)
        and type(finding.start) is int
        and type(finding.end) is int
        and 0 <= finding.start < finding.end <= length
        and isinstance(finding.score, int | float)
        and 0 <= finding.score <= 1
    )


def _cut(
    candidate: tuple[Finding, str], protected: Sequence[tuple[int, int]]
) -> Iterable[tuple[Finding, str]]:
    """Take the protected stretches, in order, out of a candidate; what is left stays covered."""
    finding = candidate[0]
    left = list(outside(finding.start, finding.end, protected))
    if left == [(finding.start, finding.end)]:
        return [candidate]
    return [(replace(finding, start=start, end=end), "") for start, end in left]


def _merge(text: str, candidates: list[tuple[Finding, str]]) -> list[Span]:
    """Join overlapping candidates; the union is covered, the longest gives type and value."""
    spans: list[Span] = []
    group: list[tuple[Finding, str]] = []
    end = -1
    for candidate in sorted(candidates, key=lambda c: (c[0].start, c[0].end)):
        if group and candidate[0].start >= end:
            spans.extend(_united(text, group))
            group = []
        group.append(candidate)
        end = max(end, candidate[0].end) if len(group) > 1 else candidate[0].end
    if group:
        spans.extend(_united(text, group))
    return spans


def _united(text: str, group: list[tuple[Finding, str]]) -> Iterable[Span]:
    start = min(f.start for f, _ in group)
    end = max(f.end for f, _ in group)
    best, value = max(group, key=lambda c: (c[0].end - c[0].start, c[0].score, c[0].entity_type))
    surface = text[start:end]
    if not value and not WORD.search(surface):
        return []
    if (best.start, best.end) != (start, end) or not value:
        value = surface
    return [Span(Finding(best.entity_type, start, end, best.score, best.recognizer), value)]
