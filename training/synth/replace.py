"""Real labelled sentences made into more: new names of the same shape, other case, punctuation."""

from __future__ import annotations

import functools
import random
import re

from .orgs import known, organisation
from .people import cultures, everyday, make_person
from .places import city, place, world
from .style import Segment, assemble, restyle

Span = tuple[int, int, str]


@functools.cache
def _names() -> tuple[frozenset[str], frozenset[str]]:
    given: set[str] = set()
    family: set[str] = set()
    for culture in cultures()[0]:
        given.update(n.lower() for n in culture.male + culture.female)
        family.update(n.lower() for n in culture.family)
    return frozenset(given), frozenset(family)


@functools.cache
def _places() -> tuple[frozenset[str], frozenset[str]]:
    countries = {c.lower() for c in world().countries} | {"usa", "uk", "us", "england", "america"}
    return frozenset(countries), frozenset(s.lower() for s in world().states)


@functools.cache
def names_and_places() -> frozenset[str]:
    """Every word, in lower case, of the names and places that the training data draws from."""
    given, family = _names()
    firsts, lasts = everyday()
    countries, states = _places()
    phrases = [*given, *family, *firsts, *lasts, *countries, *states, *world().cities]
    return frozenset(w for p in phrases for w in re.findall(r"[^\W\d_]+", p.lower()))


def everyday_names() -> frozenset[str]:
    """Given names, and names that are also everyday words, in lower case."""
    given, _ = _names()
    firsts, lasts = everyday()
    return given | {w.lower() for w in (*firsts, *lasts)}


def _like(new: str, old: str) -> str:
    """The new text in the case style of the old one."""
    if old.isupper() and len(old) > 1:
        return new.upper()
    if old.islower():
        return new.lower()
    return new


def _person(old: str, rng: random.Random) -> str:
    words = old.split()
    person = make_person(rng)
    if len(words) == 1:
        given, family = _names()
        word = words[0].strip(".").lower()
        if re.fullmatch(r"(?:[A-Z]\.)+", old):
            return old
        if word in given and (word not in family or rng.random() < 0.7):
            return person.render("first", rng)
        return person.render("last" if word in family or rng.random() < 0.6 else "first", rng)
    if "," in old:
        return person.render("lf", rng)
    if re.fullmatch(r"[A-Z]\.?", words[0]):
        return person.render("iil" if len(words) > 2 else "il", rng)
    if len(words) == 2:
        return person.render("full", rng)
    if re.fullmatch(r"[A-Z]\.?", words[1]):
        return person.render("fmi", rng)
    return person.render("fml" if rng.random() < 0.7 else "full", rng)


def _place(old: str, rng: random.Random) -> str:
    countries, states = _places()
    low = old.lower()
    if low in countries:
        return rng.choice(world().countries)
    if low in states:
        return rng.choice(world().states)
    if len(old) == 2 and old.isupper():
        return rng.choice(world().codes)
    for _ in range(4):
        new = city(rng) if rng.random() < 0.7 else place(rng)
        if (" " in new) == (" " in old):
            break
    return new


def _organisation(old: str, rng: random.Random) -> str:
    if old.isupper() and len(old) <= 6 and " " not in old:
        return "".join(rng.choices("ABCDEFGHIJKLMNOPRSTUVW", k=len(old)))
    for _ in range(5):
        new = known(rng) if rng.random() < 0.4 else organisation(rng)
        if (" " in new) == (" " in old):
            break
    return new


_NEW = {"PER": _person, "LOC": _place, "ORG": _organisation}


def augment(
    text: str, spans: list[Span], rng: random.Random, share: float = 0.8
) -> tuple[str, list[Span]]:
    """A variant of a labelled sentence.

    Args:
        text: The sentence.
        spans: Its spans `(start, end, label)`, not overlapping; labels other than PER, LOC and
            ORG are kept as they are.
        rng: The source of chance.
        share: How likely each mention is to get a new name; the same mention gets the same one.

    Returns:
        The new text and spans.
    """
    chosen: dict[tuple[str, str], str] = {}
    segments: list[Segment] = []
    at = 0
    for start, end, label in sorted(spans):
        old = text[start:end]
        segments.append((text[at:start], None))
        at = end
        handle = text[start - 1 : start] in ("@", "#") or re.search(r"[@#_\d/]", old)
        if label in _NEW and not handle:
            if (label, old) not in chosen:
                new = _NEW[label](old, rng) if rng.random() < share else old
                chosen[label, old] = _like(new, old)
            old = chosen[label, old]
        segments.append((old, label))
    segments.append((text[at:], None))
    return assemble(restyle([s for s in segments if s[0]], rng))
