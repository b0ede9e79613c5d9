"""Clean text: code, comments, manuals and READMEs that the interpreter has at hand.

Windows with anything that looks like a person, a place, a well-known organisation, a mail address
or a date are left out, so that what remains may be labelled as free of personal data.
"""

from __future__ import annotations

import functools
import pathlib
import random
import re
import sysconfig

from .people import cultures
from .places import world

_DROP = re.compile(
    r"@|author|copyright|\bby [A-Z]|\(c\)|thank|contribut|courtesy|credit|maintain|et al|licen[cs]e"
    r"|\b[A-Z]\. ?[A-Z][a-z]|\b[A-Z][a-z]+, [A-Z]\.|\b(?:19|20)\d\d\b|\b\d{1,2}[/.]\d{1,2}[/.]\d{2}"
    r"|\b(?:Mr|Mrs|Ms|Dr|Prof|Sir)\b|\bSt\.|https?:|[^\x00-\x7f]{3}|\bet\. al",
    re.IGNORECASE,
)
_CAPITAL = re.compile(r"\b[A-Z][A-Za-z]+")
_PAIR = re.compile(r"\b([A-Z][a-z]+) (?=[A-Z][a-z])")
_FINE = frozenset(
    (
        "Python Unicode Boolean Long Max Min Page April May June August Will Mark Bill Ray "
        "Case Base Ari Array Eve Class Star Art Ruby Julia Ada Pascal Newton Gauss Val Dot "
        "Star Major Rank Tab Data Note Notes Set Any All Union Type Return Returns Name Line "
        "Field Fields Key Root Day Ball Power Image Normal Gamma Beta Alpha Delta Sigma Theta "
        "Omega Epsilon Lambda Sage Unit Iterable Basic Given Price Foot Head Back Small Short "
        "Black White Green Brown Gray Gold Cross Law Bond Bell Street Bridge Glass Post Speed "
        "Hash Dash Branch Leaf Forest Fast Quick Early Late Close True Or In An If Is It As "
        "At Do So No My We Be On To Of The And For But Not See Use Van Von Le La De "
    ).split()
)

_FIRMS = (
    "Google Microsoft Apple IBM Oracle Intel Sun Cygnus Nvidia Facebook Meta Amazon "
    "OpenAI Berkeley Knuth Peters Rossum Hettinger Lundh Dijkstra Lemburg Stanford MIT "
    "CNRI BeOpen Zope Huggingface Face Hugging Adobe Samsung Anaconda Quansight Inria "
    "HuggingFace EleutherAI DeepMind "
).split()
_CULTURES = "en_US en_GB en_IE de_DE fr_FR nl_NL slavic biblical".split()
_PACKAGES = "json asyncio email http logging unittest xml urllib sqlite3".split()


@functools.cache
def _blocked() -> frozenset[str]:
    """Words that make a window unsafe as clean text."""
    words: set[str] = set()
    for culture in cultures()[0]:
        if culture.name in _CULTURES:
            words.update(culture.male + culture.female)
    lists = world().lists
    for kind in ("city", "nrp", "plural", "belief", "region", "alias", "land"):
        for name in lists[kind]:
            words.update(name.split())
    for name in (*world().countries, *world().states):
        words.update(name.split())
    words.update(_FIRMS)
    words.difference_update(_FINE)
    return frozenset(w for w in words if len(w) > 1 and w[0].isupper())


@functools.cache
def _given() -> frozenset[str]:
    """Given names of all cultures: none may stand before a capitalised word."""
    names = {n for c in cultures()[0] for n in c.male + c.female}
    return frozenset(names - _FINE)


def is_clean(text: str) -> bool:
    """Whether nothing in a text looks like personal data by simple rules."""
    if _DROP.search(text):
        return False
    if any(w in _blocked() for w in _CAPITAL.findall(text)):
        return False
    return not any(pair in _given() for pair in _PAIR.findall(text))


def _files() -> list[pathlib.Path]:
    paths = sysconfig.get_paths()
    stdlib, site = pathlib.Path(paths["stdlib"]), pathlib.Path(paths["purelib"])
    found = sorted(p for p in stdlib.glob("*.py"))
    for folder in _PACKAGES:
        found += sorted((stdlib / folder).glob("**/*.py"))
    for folder, most in (
        ("numpy", 60), ("torch", 120), ("sklearn", 90), ("scipy", 90), ("sympy", 80),
        ("jinja2", 30), ("networkx", 40), ("transformers", 60), ("pydantic", 30), ("pip", 60),
        ("setuptools", 40),
    ):  # fmt: skip
        files = sorted((site / folder).glob("**/*.py"))
        random.Random(folder).shuffle(files)
        found += files[:most]
    found += sorted(site.glob("*.dist-info/METADATA"))
    return [p for p in found if "aker" not in p.parent.name]


_DOC = re.compile(r'"""(.{40,4000}?)"""', re.S)


@functools.cache
def _windows() -> tuple[str, ...]:
    """The clean windows of all files, in a fixed order."""
    rng, kept = random.Random(5), []
    for path in _files():
        try:
            text = path.read_text("utf8")[:150_000]
        except (OSError, UnicodeDecodeError):
            continue
        pieces: list[str] = []
        if path.suffix == ".py":
            for doc in _DOC.findall(text):
                pieces += [re.sub(r"\s*\n\s*", " ", p).strip() for p in doc.split("\n\n")]
        else:
            pieces += text.split("\n\n")[1:]
        lines = text.splitlines()
        for _ in range(min(40, len(lines) // 12)):
            start = rng.randrange(len(lines))
            pieces.append("\n".join(lines[start : start + rng.randint(1, 14)]))
        rng.shuffle(pieces)
        for piece in pieces[:70]:
            piece = piece.strip("\n")[:900]
            if len(piece) > 25 and is_clean(piece):
                kept.append(piece)
    rng.shuffle(kept)
    return tuple(kept)


def clean(rng: random.Random) -> str:
    """A clean text.

    Args:
        rng: The source of chance.

    Returns:
        A few lines of code, a docstring or a paragraph of a manual.
    """
    text = rng.choice(_windows())
    chance = rng.random()
    if chance < 0.05:
        return text.lower()
    if chance < 0.07:
        return text.upper()
    if chance < 0.2:
        return " ".join(text.split())
    return text
