"""Which stretches of a text may hold a name at all.

A list of words that are part of no name lies beside the weights: those that the model takes for
one in no context, and those that a dictionary has in lower case only. `Will`, `rose` and `baker`
are not on it, and neither is any word that is on a list of names. With them go everyday words
that are nobody's name by themselves (`everyday.py`), what is made of plain words in lower case by
an ending, and a word of the list that begins a sentence. Where a run of lines is made of such
words and of bare numbers, the model is not asked.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from importlib import resources

from piirag.detection.ner.everyday import BESIDE_NAMES, EVERYDAY, MODAL, MODALS, NUMBERED

_WORD = re.compile(r"[^\W\d_]+")
_AUXILIARY = re.compile(MODAL)
_DIGIT = re.compile(r"\d")
# A word between the end of a sentence and one in lower case.
_AT_THE_START = re.compile(r"[.!?] [A-Z][a-z]+ [a-z]")

# Lines are looked at in runs of about this many characters, so that a line with a candidate
# keeps its neighbours as context.
_RUN = 350
# Plain words farther from a candidate than this are no context that counts.
_CONTEXT = 150

_ENDINGS = ("s", "es", "ed", "d", "ing", "ly", "ness", "less", "ful")
_SHORTEST = 5
_SHORTEST_STEM = 3


@functools.cache
def safe_words() -> frozenset[str]:
    """Words, in the spelling in which they count, that are part of no name."""
    listed = resources.files("piirag.detection.ner") / "weights" / "words.txt"
    return frozenset(listed.read_text("utf8").split("\n"))


@functools.cache
def plain_words() -> frozenset[str]:
    """Words, in the spelling in which they count, that do not make a text worth a look."""
    safe = safe_words()
    return frozenset(w for w in safe if w.lower() not in BESIDE_NAMES) | EVERYDAY


def is_inflected(word: str) -> bool:
    """Whether a word in lower case is a plain word with an ending, as "walked" is."""
    if len(word) < _SHORTEST or not word.islower():
        return False
    plain = plain_words()
    for ending in _ENDINGS:
        stem = word[: -len(ending)]
        if not word.endswith(ending) or len(stem) < _SHORTEST_STEM:
            continue
        if stem in plain:
            return True
        if ending in ("ed", "ing"):  # "hoping", "planned"
            doubled = stem[-1] == stem[-2] and stem[:-1] in plain
            if doubled or f"{stem}e" in plain:
                return True
    return word.endswith("ies") and f"{word[:-3]}y" in plain


def is_nameless(text: str, words: Iterable[str] | None = None) -> bool:
    """Whether a text is made of plain words, so that no name can be in it.

    Args:
        text: Any text.
        words: Its words, if they are known; those that are in `plain_words` may be left out.
    """
    found = _WORD.findall(text) if words is None else words
    plain = plain_words()
    if plain.issuperset(found):
        return True
    modal = False
    for word in found:
        if word in MODALS:
            modal = True
        elif not (word in plain or _is_plain_here(word, text)):
            return False
    return not modal or are_auxiliaries(text)


def _is_plain_here(word: str, text: str) -> bool:
    """Whether a word that is not on the list is plain by its form, or by what is around it."""
    if is_inflected(word) or (word in NUMBERED and not _DIGIT.search(text)):
        return True
    return _begins_sentences(text, word)


def _begins_sentences(text: str, word: str) -> bool:
    """Whether a capitalised word is of the list, and stands where a sentence begins only."""
    if not (word[0].isupper() and word[1:].islower() and word.lower() in safe_words()):
        return False
    at = text.find(word)
    while at >= 0:
        if not _AT_THE_START.match(text, max(0, at - 2), at + len(word) + 2):
            return False
        at = text.find(word, at + 1)
    return True


def are_auxiliaries(text: str) -> bool:
    """Whether all words of a text that may be auxiliary verbs are."""
    for word in MODALS:
        at = text.find(word)
        while at >= 0:
            end = at + len(word)
            is_word = not text[at - 1 : at].isalpha() and not text[end : end + 1].isalpha()
            if is_word and not _AUXILIARY.match(text, at):
                return False
            at = text.find(word, end)
    return True


def _is_safe(text: str) -> bool:
    return safe_words().issuperset(_WORD.findall(text))


def candidate_stretches(text: str, *, names_only: bool = True) -> list[tuple[int, int]]:
    """The stretches in which the model has to look.

    Args:
        text: Any text.
        names_only: False if dates and ages are asked for as well: everyday words tell them.

    Returns:
        Start and end of each, in order, cut at new lines or, in long lines, between words.
    """
    is_plain = is_nameless if names_only else _is_safe
    if len(text) <= _RUN:
        return [] if is_plain(text) else [(0, len(text))]
    found: list[tuple[int, int]] = []
    start = 0
    while start < len(text):
        end = text.find("\n", start + _RUN, start + 2 * _RUN) + 1
        end = end or text.find(" ", start + _RUN) + 1 or len(text)
        if not is_plain(text[start:end]):
            if found and found[-1][1] == start:
                found[-1] = (found[-1][0], end)
            else:
                found.append((start, end))
        start = end
    return [_around_candidates(text, *stretch) for stretch in found] if names_only else found


def _around_candidates(text: str, start: int, end: int) -> tuple[int, int]:
    """A stretch without what is far from the first and from the last word that is not plain."""
    plain, here = plain_words(), text[start:end]
    places = [
        m.span()
        for m in _WORD.finditer(here)
        if m[0] not in plain and not _is_plain_here(m[0], here)
    ]
    if not places:
        return start, end
    low = max(0, places[0][0] - _CONTEXT)
    high = min(len(here), places[-1][1] + _CONTEXT)
    low = here.find(" ", low, places[0][0]) + 1 if low else 0
    high = here.rfind(" ", places[-1][1], high) + 1 or len(here) if high < len(here) else high
    return start + low, start + high
