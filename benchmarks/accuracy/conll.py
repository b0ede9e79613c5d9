"""Annotated sentences from the files of others: CoNLL columns and Universal NER's IOB2."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.accuracy.sample import Label, Sample
from benchmarks.accuracy.split import every_of, held_out

# The tag names of the corpora; what is not listed is not annotated.
TYPES = {
    "PER": "PERSON",
    "PERSON": "PERSON",
    "LOC": "LOCATION",
    "LOCATION": "LOCATION",
    "GEO-LOC": "LOCATION",
    "ORG": "ORGANIZATION",
    "ORGANIZATION": "ORGANIZATION",
    "CORPORATION": "ORGANIZATION",
    "GROUP": "ORGANIZATION",
    "COMPANY": "ORGANIZATION",
    "MISC": "MISC",
    "PRODUCT": "MISC",
    "CREATIVE-WORK": "MISC",
}

Row = tuple[str, str]  # token, tag


def read_conll(lines: Iterable[str]) -> Iterator[list[Row]]:
    """Read sentences: a token and its tag a line, an empty line between sentences."""
    rows: list[Row] = []
    for line in lines:
        columns = line.split()
        if columns and not line.startswith("-DOCSTART-"):
            rows.append((columns[0], columns[-1]))
        elif rows:
            yield rows
            rows = []
    if rows:
        yield rows


def read_iob2(lines: Iterable[str]) -> Iterator[tuple[str, list[Row]]]:
    """Read the sentences of a Universal NER file, each with the text it was cut from."""
    text, rows = "", list[Row]()
    for line in lines:
        line = line.rstrip("\r\n")
        if line.startswith("# text = "):
            text = line.removeprefix("# text = ")
        elif line and not line.startswith("#"):
            columns = line.split("\t")
            rows.append((columns[1], columns[2]))
        elif not line and rows:
            yield text, rows
            text, rows = "", []
    if rows:
        yield text, rows


def sample_from(rows: list[Row], text: str | None = None, source: str = "") -> Sample:
    """Make a sample of tagged tokens.

    Args:
        rows: Tokens and tags, in the IOB1 or the IOB2 scheme.
        text: The text the tokens were cut from; joined with natural spacing if None.
        source: Name of the corpus.
    """
    places = joined(rows) if text is None else (text, aligned(text, rows))
    whole, offsets = places
    return Sample(whole, tuple(_with_signs(whole, list(_labels(rows, offsets)))), source=source)


def _with_signs(text: str, labels: list[Label]) -> Iterator[Label]:
    """Join a sign that is annotated by itself, as the @ of a handle, to what it belongs to."""
    for i, label in enumerate(labels):
        if any(map(str.isalnum, text[label.start : label.end])):
            before = labels[i - 1] if i else None
            joins = before is not None and before.end == label.start
            if before and joins and not any(map(str.isalnum, text[before.start : before.end])):
                label = label._replace(start=before.start)
            yield label


def _labels(rows: list[Row], offsets: list[tuple[int, int]]) -> Iterator[Label]:
    start, end, kind = 0, 0, ""
    for (_, tag), (first, last) in zip(rows, offsets, strict=True):
        prefix, _, name = tag.partition("-")
        new = TYPES.get(name.upper(), "") if prefix in {"B", "I"} else ""
        if kind and (new != kind or prefix == "B"):
            yield Label(start, end, kind)
            kind = ""
        if new and not kind:
            start, kind = first, new
        end = last
    if kind:
        yield Label(start, end, kind)


def aligned(text: str, rows: list[Row]) -> list[tuple[int, int]]:
    """Where each token stands in the text; white space inside a token does not count.

    Raises:
        ValueError: The tokens are not those of the text.
    """
    offsets: list[tuple[int, int]] = []
    position = 0
    for token, _ in rows:
        pattern = r"\s*".join(map(re.escape, token.replace(" ", "")))
        match = re.compile(rf"\s*({pattern})").match(text, position)
        if match is None:
            raise ValueError(f"token {len(offsets)} does not follow at offset {position}")
        offsets.append(match.span(1))
        position = match.end()
    return offsets


_CLOSING = re.compile(r"[.,!?;:%)\]}’”…]+$|^(n't|'(s|m|re|ve|ll|d))$", re.I)
_OPENING = frozenset("([{“‘$£€@#")
_BOTH = frozenset("/-–—_")
_APOSTROPHES = frozenset("'’´")
_ENDINGS = frozenset("s m re ve ll d t".split())


def joined(rows: list[Row]) -> tuple[str, list[tuple[int, int]]]:
    """Join tokens as people write: no blank before a full stop, none after a bracket opens."""
    text = ""
    offsets = []
    quotes = 0
    glue = True  # nothing stands before the first token
    for i, (token, _) in enumerate(rows):
        before = rows[i - 1][0] if i else ""
        after = rows[i + 1][0] if i + 1 < len(rows) else ""
        apostrophe = token in _APOSTROPHES and after.lower() in _ENDINGS
        tail = before in _APOSTROPHES and token.lower() in _ENDINGS
        closing = bool(_CLOSING.match(token)) or (token == '"' and quotes % 2 == 1)
        middle = token in _BOTH and token != "–" and i > 0
        negation = token.lower() == "n" and after in _APOSTROPHES
        mark = not any(unicodedata.category(c)[0] not in "MC" for c in token)
        if not (glue or closing or apostrophe or tail or middle or negation or mark):
            text += " "
        offsets.append((len(text), len(text) + len(token)))
        text += token
        opens = token == '"' and quotes % 2 == 0
        quotes += token == '"'
        glue = token in _OPENING or opens or middle or apostrophe
    return text, offsets


def load(path: Path, *, held_out_only: bool = True) -> list[Sample]:
    """Load a corpus file.

    Args:
        path: A ``.iob2`` file of Universal NER, or a CoNLL file with the tag in the last column.
        held_out_only: Only the sentences that `held_out` keeps from training.

    Returns:
        One sample a sentence.

    Raises:
        ValueError: No part of this file is held out.
    """
    every = every_of(path.name) if held_out_only else 1
    pairs: list[tuple[str, str | None, list[Row]]]
    with path.open(encoding="utf-8") as file:
        if path.suffix == ".iob2":
            pairs = [(text, text, rows) for text, rows in read_iob2(file)]
        else:
            pairs = [(" ".join(t for t, _ in rows), None, rows) for rows in read_conll(file)]
    return [sample_from(rows, text, path.stem) for key, text, rows in pairs if held_out(key, every)]
