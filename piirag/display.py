"""Findings for people to look at: highlighted, in the colours of their types, and masked.

Nothing is shown of a value but its shape. Around it stand everyday words; a detector may have
missed something, so of other words there is the shape as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from piirag.detection.finding import Finding
from piirag.detection.ner.everyday import EVERYDAY
from piirag.detection.text import replace_surrogates, require_text
from piirag.html_page import Html, esc, join, mark

LETTER, DIGIT = "•", "#"
"""What stands for a letter and a digit."""

_LONGEST_VALUE = 24
_LONGEST_WORD = 8
_LONGEST_TEXT = 5_000
_TYPE_OF_TOKEN = re.compile(r"[A-Z0-9_]+?(?= |_[0-9]+[a-z]*\])")
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

Segment = tuple[str, str | None]
"""A piece of a text: what is shown, and the entity type where it stands for a finding."""


class Shown:
    """A text with its findings highlighted, for notebooks, pages and terminals.

    Args:
        segments: Its pieces.
        note: What stands above it.
        labels: Whether the type stands beside what is highlighted.
    """

    def __init__(self, segments: Sequence[Segment], note: str = "", *, labels: bool = True) -> None:
        self.segments = tuple(segments)
        self._label = None if labels else ""
        self.note = note

    def _repr_html_(self) -> str:
        """The text in a notebook."""
        style = "white-space:pre-wrap;overflow-wrap:anywhere;font-family:inherit;margin:0"
        head = f"<p><strong>{esc(self.note)}</strong></p>" if self.note else ""
        return f'{head}<p style="{style}">{markup(self.segments, label=self._label)}</p>'

    def __str__(self) -> str:
        return "".join(text if kind is None else f"[{kind} {text}]" for text, kind in self.segments)

    def __repr__(self) -> str:
        return f"Shown({sum(kind is not None for _, kind in self.segments)} findings)"


def show(text: str, findings: Iterable[Finding], *, values: bool = False) -> Shown:
    """A text with its findings highlighted, in colours by type; as the last line of a cell, say.

    Args:
        text: The text that the findings were made in.
        findings: Where they stand.
        values: Show the text as it is. The output of the cell is personal data then.

    Returns:
        Something that notebooks show, and `str` gives as text. Of a long text it has the first
        five thousand characters.

    Raises:
        InvalidInputError: Not a string.
    """
    text = replace_surrogates(require_text(text))
    found = [f for f in findings if f.start < min(len(text), _LONGEST_TEXT)]
    spans = apart([(f.start, f.end, f.entity_type) for f in found])
    return Shown(pieces(text, spans, 0, min(len(text), _LONGEST_TEXT), raw=values))


def show_tokens(text: str, grammar: re.Pattern[str], note: str) -> str:
    """A text whose values were replaced, for a notebook: its tokens in the colours of their types.

    Args:
        text: The text.
        grammar: What its tokens look like: `tokens.PLACEHOLDER` or `tokens.PSEUDONYM`.
        note: What stands above it.
    """
    spans = [(*m.span(), _TYPE_OF_TOKEN.match(m.group(), 1)[0]) for m in grammar.finditer(text)]  # type: ignore[index]
    made = pieces(text, spans, 0, min(len(text), _LONGEST_TEXT), tokens=True)
    return Shown(made, note, labels=False)._repr_html_()


def markup(segments: Iterable[Segment], *, label: str | None = None) -> Html:
    """Pieces of a text as markup.

    Args:
        segments: The pieces.
        label: The only type whose name stands beside what is highlighted; None for every type, an
            empty text for none.
    """
    return join(
        esc(text) if kind is None else mark(kind, text, label=label in (None, kind))
        for text, kind in segments
    )


def pieces(
    text: str,
    spans: Iterable[tuple[int, int, str]],
    low: int,
    high: int,
    *,
    raw: bool = False,
    tokens: bool = False,
) -> list[Segment]:
    """A stretch of a text in pieces.

    Args:
        text: The text.
        spans: What is highlighted: start, end, type; in order, apart from each other.
        low: Where the stretch begins.
        high: Where it ends.
        raw: Show everything as it is.
        tokens: Show what is highlighted as it is.
    """
    made: list[Segment] = [("…", None)] if low > 0 else []
    at = low
    for start, end, kind in spans:
        if end <= low or start >= high:
            continue
        if start > at:
            made.append((text[at:start] if raw else plain(text, at, start), None))
        value = text[max(start, low) : end]
        made.append((value if raw or tokens else shape(value), kind))
        at = end
    if at < high:
        made.append((text[at:high] if raw else plain(text, at, high), None))
    if max(at, high) < len(text):
        made.append(("…", None))
    return made


def apart(
    spans: Iterable[tuple[int, int, str]], first: tuple[int, int, str] | None = None
) -> list[tuple[int, int, str]]:
    """Stretches that do not overlap and cover all of these.

    Args:
        spans: Start, end and type.
        first: One that stays whole; of the others, the one that begins first does.
    """
    taken = [] if first is None else [first]
    low, high = (0, 0) if first is None else first[:2]
    last = 0
    for start, end, kind in sorted(spans, key=lambda s: (s[0], -s[1])):
        start = max(start, last)
        last = max(last, end)
        sides = ((start, min(end, low)), (max(start, high), end)) if first else ((start, end),)
        taken += [(begin, stop, kind) for begin, stop in sides if begin < stop]
    return sorted(taken)


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


def plain(text: str, low: int = 0, high: int | None = None) -> str:
    """A stretch of text that nothing was found in, as it is shown.

    Everyday words and the names of fields stay; of other words there are the lengths, as far as
    eight characters. A word that goes on outside of the stretch is no everyday word.
    """
    high = len(text) if high is None else high
    made = []
    for match in _TOKEN.finditer(text, low, high):
        token = match.group()
        if token.isspace():
            made.append(token if "\n" not in token else "\n")
        elif token[0].isalnum() or token[0] == "_":
            everyday = token in EVERYDAY or token == "I" or token.lower() in _FIELDS
            cut = _goes_on(text, match.start()) or _goes_on(text, match.end())
            made.append(token if everyday and not cut else _word(token))
        else:
            made.append(token if token in _KEPT_MARKS else LETTER)
    return "".join(made)


def _goes_on(text: str, at: int) -> bool:
    """Whether a word goes on over an offset."""
    return 0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum()


def _word(token: str) -> str:
    return shape(token[:_LONGEST_WORD].replace("_", LETTER))
