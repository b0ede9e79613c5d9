"""From the model's scores to spans of text."""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from piirag.detection.ner.beside import widened
from piirag.detection.ner.labels import KINDS

Array = np.ndarray[Any, Any]


_PERSON = "PER"
_TIMES = frozenset({"DATE", "AGE"})
_NAMED = np.isin(KINDS, ["PER", "LOC", "ORG", "ADDR", "NRP"])


class Mention(NamedTuple):
    """A stretch of text and what the model takes it for.

    Args:
        start: Offset of the first character.
        end: Offset after the last character.
        kind: One of `KINDS`.
        probability: The model's, that these words belong to a mention of some kind.
    """

    start: int
    end: int
    kind: str
    probability: float


def softmax(logits: Array) -> Array:
    """Probabilities of the labels, one row a piece."""
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)  # type: ignore[no-any-return]


def mentions(
    text: str, probabilities: Array, offsets: Array, inside: Array, least: Mapping[str, float]
) -> list[Mention]:
    """The mentions in a text.

    Args:
        text: The text.
        probabilities: One row of labels a piece.
        offsets: Start and end of each piece; shape (n, 2).
        inside: Whether a piece continues the word of the piece before.
        least: Kind -> least probability of a word that counts.

    Returns:
        Mentions in order of position; they do not overlap.
    """
    if not len(offsets):
        return []
    first = np.flatnonzero(~inside | (np.arange(len(inside)) == 0))
    pieces = np.diff(np.append(first, len(offsets)))[:, None]
    words = np.add.reduceat(probabilities, first, axis=0) / pieces
    start = offsets[first, 0]
    end = offsets[np.append(first[1:], len(offsets)) - 1, 1]
    begins, continues = words[:, 1::2], words[:, 2::2]
    kinds = begins + continues
    best = kinds.argmax(1)
    # A name may be torn between person and place: it is one of them all the same.
    any_kind = np.where(_NAMED[best], kinds[:, _NAMED].sum(1), kinds.max(1))
    bounds = np.array([least[kind] for kind in KINDS])
    chosen = np.flatnonzero(any_kind >= bounds[best])
    found: list[Mention] = []
    run: list[int] = []
    for i in chosen.tolist():
        # A mention goes on over words of its kind, unless the model is sure that one begins.
        if run and (i != run[-1] + 1 or best[i] != best[run[0]] or begins[i, best[i]] > 0.6):
            found += _mention(text, run, start, end, best, any_kind)
            run = []
        run.append(i)
    if run:
        found += _mention(text, run, start, end, best, any_kind)
    return _with_first_names(text, found)


def _with_first_names(text: str, found: list[Mention]) -> list[Mention]:
    """Widen names of persons by first names that the model took for words or for dates."""
    named = [mention for mention in found if mention.kind not in _TIMES]
    for i, mention in enumerate(named):
        if mention.kind == _PERSON:
            least = named[i - 1].end if i else 0
            most = named[i + 1].start if i + 1 < len(named) else len(text)
            start, end = widened(text, mention.start, mention.end, least, most)
            named[i] = mention._replace(start=start, end=end)
    if len(named) == len(found):
        return named
    starts = [mention.start for mention in named]
    apart = []
    for time in found:
        if time.kind in _TIMES:
            i = bisect.bisect_right(starts, time.start)
            covered = i and named[i - 1].end > time.start
            if not covered and not (i < len(named) and starts[i] < time.end):
                apart.append(time)
    return sorted(named + apart)


_BOUNDARY = " \t\r\n,;:!?()[]{}<>|\"“”„«»‘’'`*_=/\\#@"


def _mention(
    text: str, run: list[int], start: Array, end: Array, best: Array, any_kind: Array
) -> list[Mention]:
    low, high = int(start[run[0]]), int(end[run[-1]])
    surface = text[low:high]
    low += len(surface) - len(surface.lstrip(_BOUNDARY + ".-&"))
    high -= len(surface) - len(surface.rstrip(_BOUNDARY + "-&"))
    if low >= high or not any(map(str.isalnum, text[low:high])):
        return []
    if text[high - 1] == "." and high - low > 2 and text[high - 3 : high - 1].isalpha():
        high -= 1  # the end of the sentence; "J." and "St. P." keep theirs
    return [Mention(low, high, KINDS[best[run[0]]], float(any_kind[run].mean()))]
