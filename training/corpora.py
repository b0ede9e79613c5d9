"""The annotated corpora as texts with spans.

Files (see the model card for names and licences): one token a line, its tag in the last column,
a blank line between sentences; `.iob2`: comments, then tab-separated columns, the tag in the
third. They are read from a folder that the caller names; none of them is part of the project.
"""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

Sample = tuple[str, list[tuple[int, int, str]]]

_KINDS = {
    "per": "PER",
    "person": "PER",
    "loc": "LOC",
    "location": "LOC",
    "org": "ORG",
    "corporation": "ORG",
    "group": "ORG",
}
_NO_SPACE_BEFORE = re.compile(r"^(?:[.,;:!?)\]}%]+|'s|'S|n't|'re|'ve|'ll|'d|'m)$")
_NO_SPACE_AFTER = re.compile(r"^[(\[{#@$]$")


def held_out(text: str, name: str) -> bool:
    """Whether a sentence is kept for measuring and never trained on."""
    crc = zlib.crc32(text.encode())
    if name.startswith("uner-ewt"):
        return crc % 5 == 0
    return name.startswith("wnut17-dev") and crc % 2 == 0


def sentences(path: Path) -> Iterator[tuple[list[str], list[str], str | None]]:
    """Tokens, tags and, where the file has it, the text of each sentence."""
    tokens: list[str] = []
    tags: list[str] = []
    text: str | None = None
    for line in [*path.read_text(encoding="utf8", errors="ignore").split("\n"), ""]:
        line = line.rstrip("\r")
        if not line.strip():
            if tokens:
                yield tokens, tags, text
            tokens, tags, text = [], [], None
        elif path.suffix == ".iob2" and line.startswith("#"):
            if line.startswith("# text = "):
                text = line[9:]
        else:
            columns = line.split("\t") if "\t" in line else line.split()
            if len(columns) < 2:
                continue
            iob = path.suffix == ".iob2"
            tokens.append(columns[1] if iob else columns[0])
            tags.append(columns[2] if iob else columns[-1])


def joined(tokens: list[str], rng: random.Random, natural: float = 0.85) -> list[tuple[int, int]]:
    """Where each token stands when they are joined, mostly with natural spacing."""
    places = []
    at = 0
    glue = True
    plain = rng.random() > natural
    for token in tokens:
        if not glue and (plain or not _NO_SPACE_BEFORE.match(token)):
            at += 1
        places.append((at, at + len(token)))
        at += len(token)
        glue = not plain and bool(_NO_SPACE_AFTER.match(token))
    return places


def to_sample(tokens: list[str], tags: list[str], text: str | None, rng: random.Random) -> Sample:
    """One sentence as a text with spans."""
    places: list[tuple[int, int]] = []
    if text is not None:
        at = 0
        for token in tokens:
            found = text.find(token, at)
            if found < 0:
                places = []
                break
            places.append((found, found + len(token)))
            at = found + len(token)
    if not places:
        places = joined(tokens, rng)
        chars = [" "] * places[-1][1]
        for token, (start, end) in zip(tokens, places, strict=True):
            chars[start:end] = token
        text = "".join(chars)
    assert text is not None
    spans: list[list[int | str]] = []
    last = ""
    for tag, (start, end) in zip(tags, places, strict=True):
        prefix, _, name = tag.partition("-")
        kind = _KINDS.get(name.lower(), "")
        if kind and (prefix == "B" or last != kind):
            spans.append([start, end, kind])
        elif kind:
            spans[-1][1] = end
        last = kind
    return text, [(int(s), int(e), str(k)) for s, e, k in spans]


def load(folder: Path, names: list[str], *, seed: int = 0, kept: bool = False) -> list[Sample]:
    """The sentences of some files, without those held out.

    Args:
        folder: Where the files lie.
        names: File names.
        seed: Decides on spacing.
        kept: Return the sentences held out instead.
    """
    rng = random.Random(seed)
    samples = []
    for name in names:
        for tokens, tags, text in sentences(folder / name):
            key = text if text is not None else " ".join(tokens)
            if held_out(key, name) == kept:
                samples.append(to_sample(tokens, tags, text, rng))
    return samples


WEB = ["uner-ewt-dev.iob2"]
SOCIAL = [
    "wnut17-train.conll",
    "wnut17-dev.conll",
    *(f"btc-{part}.conll" for part in "abefgh"),
]
WIKI = ["wikigold.conll"]
