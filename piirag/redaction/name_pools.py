"""Made-up names of a kind with a given one: the same gender, and from where it is at home.

First and last names come from Faker's lists. Names that are words of everyday language ("Mark",
"Rose", "Koch") are left out: they would be taken for the person where the word is meant.
"""

from __future__ import annotations

import functools
import importlib
import random
from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass

from piirag.detection.text import fold

_LOCALES = {
    "en": ("en_US", "en_GB", "en_IN"),
    "de": ("de_DE",),
    "fr": ("fr_FR",),
    "es": ("es_ES",),
    "it": ("it_IT",),
    "nl": ("nl_NL",),
    "pt": ("pt_PT",),
    "sv": ("sv_SE",),
    "da": ("da_DK",),
    "fi": ("fi_FI",),
    "tr": ("tr_TR",),
}
_DEFAULT = "en_US"
_SHORTEST, _LONGEST = 4, 11

# Names that are words too, folded.
WORDS_THAT_ARE_NAMES = frozenset(
    """
    adler albert amber angel april archer august autumn baker ball barber bauer beach bell berg
    best bill bishop black blum bond bowl brand braun brook brooks brown buck bush busch butler
    carol carter case cash chance charity chase christian church clay cliff cole collier constance
    cook cooper crystal cross daisy dale dawn dean destiny diamond dick dolly drew duke earl eden
    ember engel english faith farmer fields fine fischer fisher fleming flora ford forest foster
    fox france francis frank freitag french fuchs gail garden gardener gardner gene german ginger
    glass glen gloria gold good grace graf grant graves gray green grey hahn hall harmony harper
    hart hazel heath heather henna herbst hill holly home honey hood hope house hunt hunter iris
    ivory jade jasmine jean jewel jordan joseph joy judge june justice justin kaiser king kirk
    klein knight koch kraft kurz lake lance lang lane large law lily little lively liberty long
    lord love major marsh mark marsh marshall martin mason mast mercy meier melody miles mill
    miller mills mist monday moon moor moore moss myrtle neumann noble north olive page paige palm
    paris park parker patience pearl penny pepper peters petty piper place police pollard pope
    porter potter power powers price pride prince prudence queen rain randy ranger ray reader reed
    reich rice rich richter rider ridge ritter river rivers road robin rock rose roth rowe ruby
    rush russell sage sailor sally sandy sanders savannah schaefer scholz school schmidt schneider
    schreiber schulz schulze schwarz scott serenity sharp shepherd short sierra singer skinner sky
    small smith snow sommer sonny sonntag south sparks spears spring star steel stein stern stone
    storm street strong stuart summer sunday swift tailor tanner taylor temple terry thomas tide
    toll trail travis trinity tucker tyler unger valley vance violet vogel wagner wald walker wall
    ward warden warner waters weaver weber weiss well wells west wheeler white wild will willow
    winter wirth wise wolf wolff wood woods work young zeit zimmermann
    """.split()
)


@dataclass(frozen=True)
class _Pool:
    male: tuple[str, ...]
    female: tuple[str, ...]
    last: tuple[str, ...]


@functools.cache
def _pool(locale: str) -> _Pool:
    provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
    return _Pool(
        *(
            tuple(sorted(name for name in getattr(provider, names, ()) if _usable(name)))
            for names in ("first_names_male", "first_names_female", "last_names")
        )
    )


def _usable(name: object) -> bool:
    return (
        isinstance(name, str)
        and name.isalpha()
        and name.istitle()
        and _SHORTEST <= len(name) <= _LONGEST
        and fold(name) not in WORDS_THAT_ARE_NAMES
    )


@functools.cache
def _homes() -> tuple[dict[str, set[tuple[str, str]]], dict[str, set[str]]]:
    """First name -> locales and genders; last name -> locales; all folded."""
    firsts: dict[str, set[tuple[str, str]]] = {}
    lasts: dict[str, set[str]] = {}
    for locales in _LOCALES.values():
        for locale in locales:
            provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
            for gender in ("male", "female"):
                for name in getattr(provider, f"first_names_{gender}", ()):
                    firsts.setdefault(fold(name), set()).add((locale, gender))
            for name in getattr(provider, "last_names", ()):
                lasts.setdefault(fold(name), set()).add(locale)
    return firsts, lasts


def locale_of(language: str) -> str:
    """The locale that stands for a language."""
    return _LOCALES.get(language, (_DEFAULT,))[0]


def guess(words: Sequence[str], language: str) -> tuple[str, str | None]:
    """Where a name is at home, and its gender; None where its first name has none or both.

    Args:
        words: The words of the name, folded, the first name first.
        language: The language of the texts, ISO 639-1, which decides between several.
    """
    firsts, lasts = _homes()
    known = firsts.get(words[0], set()) if words else set()
    scores = Counter({locale_of(language): 1, _DEFAULT: 1})
    scores.update(dict.fromkeys({locale for locale, _ in known}, 2))
    if len(words) > 1:
        scores.update(dict.fromkeys(lasts.get(words[-1], set()), 2))
    locale = max(sorted(scores), key=lambda name: (scores[name], name == locale_of(language)))
    here = {gender for home, gender in known if home == locale}
    genders = here or {gender for _, gender in known}
    return locale, genders.pop() if len(genders) == 1 else None


def names(
    locale: str, gender: str | None, firsts: int, lasts: int, taken: Container[str]
) -> list[str] | None:
    """First names, then last names, at random, none of them taken.

    Args:
        locale: Where they are at home.
        gender: The gender of the first names; None for any.
        firsts: How many first names.
        lasts: How many last names.
        taken: Folded words that none may equal.

    Returns:
        The names, or None where too few are left.
    """
    draw = random.SystemRandom()
    pool = _pool(locale)
    some = {"male": pool.male, "female": pool.female}.get(gender or "", pool.male + pool.female)
    chosen: list[str] = []
    for candidates, count in ((some, firsts), (pool.last, lasts)):
        free = [n for n in candidates if fold(n) not in taken and n not in chosen]
        if len(free) < count:
            return None
        chosen += draw.sample(free, count)
    return chosen
