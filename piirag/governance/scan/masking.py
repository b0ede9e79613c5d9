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
from piirag.display import Segment, apart, pieces, plain
from piirag.policy import Policy
from piirag.redaction.insight import look_deeper

_AROUND = 48
_LONGEST = 200
_BATCH = 256
# The name of a field that has more words, or between dots more characters, is no name.
_MOST_WORDS = 4
_LONGEST_PART = 40
# In names of files these stand where a space would.
_JOINTS = re.compile(r"(?<=[^\W_])[_\-.+~]+(?=[^\W_])|_")
_SUFFIX = re.compile(
    r"\.(?:bin|csv|dat|db|docx?|eml|html?|ipynb|jsonl?|log|mbox|md|ndjson|pdf|"
    r"png|jpe?g|py|rst|sqlite3?|tsv|txt|xlsx?|xml|ya?ml|zip)\Z",
    re.IGNORECASE,
)


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


def segments(
    text: str, focus: Finding, findings: Sequence[Finding], *, raw: bool = False
) -> tuple[Segment, ...]:
    """A finding in its surroundings.

    Args:
        text: The text.
        focus: The finding.
        findings: All findings in the text; they may overlap.
        raw: Show everything as it is.
    """
    low = max(0, focus.start - _AROUND)
    high = min(len(text), focus.end + _AROUND)
    # Where a word begins, and where one ends.
    while 0 < low < focus.start and text[low - 1].isalnum() and text[low].isalnum():
        low += 1
    while focus.end < high < len(text) and text[high - 1].isalnum() and text[high].isalnum():
        high -= 1
    near = [(f.start, f.end, f.entity_type) for f in findings if f.end > low and f.start < high]
    spans = apart(near, (focus.start, focus.end, focus.entity_type))
    made = pieces(text, spans, low, high, raw=raw)
    return tuple((shown[:_LONGEST], kind) for shown, kind in made)


class Names:
    """Names of files, columns and keys, with what was found in them masked.

    Args:
        detector: Finds values in names.
        policy: What counts; quasi-identifiers and special categories are looked for as it says.
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
        self._found: dict[str, list[tuple[int, int, str]]] = {}

    def learn(self, names: Iterable[str]) -> None:
        """Look at many names at once, which is faster than one after the other."""
        new = [name for name in dict.fromkeys(names) if name not in self._found]
        if self._raw:
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
                self._found[name] = self._look(texts, ahead)

    def shown(self, name: str, *, field: bool = False) -> str:
        """A name as a report shows it.

        Args:
            name: The name.
            field: Whether it is that of a column or a key. One that is a sentence, or long, is
                masked as a text is, all but everyday words.
        """
        told = replace_surrogates(name)
        if self._raw:
            return told
        if name not in self._found:
            self.learn([name])
        made = []
        last = 0
        as_text = field and _is_long(name)
        for start, end, kind in [*self._found[name], (len(told), len(told), "")]:
            made.append(plain(told, last, start) if as_text else told[last:start])
            made += [f"[{kind}]"] if kind else []
            last = end
        return "".join(made)

    def _look(self, texts: list[str], ahead: Iterator[list[Finding]]) -> list[tuple[int, int, str]]:
        found: list[tuple[int, int, str]] = []
        for text in texts:
            spans = find_spans(
                text, detector=self._detector, policy=self._policy, ahead=next(ahead)
            )
            _, insight = look_deeper(text, spans, self._policy)
            every = [*(s.finding for s in spans), *insight.quasi.findings, *insight.special]
            found += [(f.start, f.end, f.entity_type) for f in every]
            found += [
                (match.start, match.end, match.value.entity_type)
                for match in self._values.find(text)
                if not _is_word(match, text[match.start : match.end])
            ]
        return _merged(found)


def _written(name: str) -> list[str]:
    """A name as words, as nobody is found in "invoice_jane_roe.pdf"; and as written."""
    name = replace_surrogates(name)
    suffix = _SUFFIX.search(name)
    end = suffix.start() if suffix is not None else len(name)
    spaced = _JOINTS.sub(lambda m: " " * len(m[0]), name[:end])
    # Addresses and numbers are told by their marks.
    marked = "@" in name or any(map(str.isdigit, name))
    return [*dict.fromkeys((spaced, name) if marked else (spaced,))]


def _is_long(name: str) -> bool:
    return len(name.split()) > _MOST_WORDS or any(
        len(part) > _LONGEST_PART for part in name.split(".")
    )


def _merged(found: Iterable[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Stretches apart from each other; of those that overlap, one, by the name of the first."""
    made: list[tuple[int, int, str]] = []
    for start, end, kind in sorted(found, key=lambda f: (f[0], -f[1])):
        if made and start < made[-1][1]:
            made[-1] = (made[-1][0], max(end, made[-1][1]), made[-1][2])
        else:
            made.append((start, end, kind))
    return made


def _is_word(match: KnownMatch, surface: str) -> bool:
    """Whether a part of somebody's name is an everyday word here."""
    return bool(match.part) and surface.lower() in EVERYDAY
