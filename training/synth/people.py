"""People: given and family names of many cultures and the ways in which they are written."""

from __future__ import annotations

import functools
import importlib
import pathlib
import pkgutil
import random
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

VALUES = pathlib.Path(__file__).parent / "values"

_LATIN = re.compile(r"^[A-Za-z\u00c0-\u024f\u1e00-\u1eff'’. -]{2,30}$")
_ENGLISH = {"en_US": 22.0, "en": 6.0, "en_GB": 8.0, "en_IE": 3.0, "en_NZ": 3.0, "en_IN": 4.0}
_SKIP = {"es", "de_LU", "de_LI", "lt_LT", "fr_QC", "is_IS"}

_CYRILLIC = dict(
    zip(
        "абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґѓќјљњћђџѕ",
        "a b v g d e zh z i y k l m n o p r s t u f kh ts ch sh shch _ y _ e yu ya e i yi ye g "
        "g k j lj nj c dj dz dz".split(),
        strict=True,
    )
)
_GREEK = dict(
    zip(
        "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐ",
        "a v g d e z i th i k l m n x o p r s s t y f ch ps o a e i i o y o i y i".split(),
        strict=True,
    )
)
_GEORGIAN = dict(
    zip(
        "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ",
        "a b g d e v z t i k l m n o p zh r s t u p k gh q sh ch ts dz ts ch kh j h".split(),
        strict=True,
    )
)
_ARMENIAN = dict(
    zip(
        "աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆև",
        "a b g d e z e y t zh i l kh ts k h dz gh ch m y n sh o ch p j r s v t r ts v p k o f "
        "ev".split(),
        strict=True,
    )
)
_TABLE = {**_CYRILLIC, **_GREEK, **_GEORGIAN, **_ARMENIAN}


def romanise(word: str) -> str:
    """A Cyrillic, Greek, Georgian or Armenian word in Latin letters (a plain letter table)."""
    out = "".join(_TABLE.get(c, c) for c in word.lower()).replace("_", "").replace("oy", "ou")
    return "-".join(p.capitalize() for p in out.split("-"))


def strip_marks(text: str) -> str:
    """The text without diacritics, with the letters that have no such form replaced."""
    text = text.translate(str.maketrans("ßøØłŁđĐıæ", "soOlLdDia"))
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


@dataclass(frozen=True)
class Culture:
    """Name lists of one culture.

    Attributes:
        name: Faker's locale or ours.
        male: Given names.
        female: Given names.
        family: Family names of men, or of all.
        family_f: Family names of women.
        double: Whether two family names are usual.
    """

    name: str
    male: tuple[str, ...]
    female: tuple[str, ...]
    family: tuple[str, ...]
    family_f: tuple[str, ...]
    double: bool = False


def _clean(values: object) -> tuple[str, ...]:
    out: list[str] = []
    for value in values if isinstance(values, (tuple, list, dict)) else ():
        text = str(value).strip()
        if not _LATIN.match(text):
            text = romanise(text)
        if _LATIN.match(text) and text[0].isupper():
            out.append(text)
    return tuple(dict.fromkeys(out))


def _faker_cultures() -> dict[str, tuple[Culture, float]]:
    import faker.providers.person as package

    found: dict[str, tuple[Culture, float]] = {}
    for module in sorted(m.name for m in pkgutil.iter_modules(package.__path__)):
        if module in _SKIP or ("_" not in module and module not in ("en", "sw")):
            continue
        provider = importlib.import_module(f"faker.providers.person.{module}").Provider
        both = _clean(getattr(provider, "first_names", ()))
        male = _clean(getattr(provider, "first_names_male", ())) or both
        female = _clean(getattr(provider, "first_names_female", ())) or both
        family = _clean(
            getattr(provider, "unisex_last_names", None)
            or getattr(provider, "last_names_male", None)
            or getattr(provider, "last_names", ())
        )
        family_f = _clean(getattr(provider, "last_names_female", ())) or family
        if len(male) >= 10 and len(female) >= 10 and len(family) >= 10:
            weight = _ENGLISH.get(module, 1.0)
            double = module.startswith("es_") or module.startswith("pt_")
            found[module] = (Culture(module, male, female, family, family_f, double), weight)
    return found


def _own_cultures() -> dict[str, tuple[Culture, float]]:
    lists: dict[str, dict[str, list[str]]] = {}
    for line in (VALUES / "names.txt").read_text("utf8").splitlines():
        if not line or line.startswith("#"):
            continue
        key, _, rest = line.partition(": ")
        culture, _, kind = key.partition(".")
        words = rest.split("|") if "|" in rest else rest.split()
        lists.setdefault(culture, {})[kind] = [w.strip().replace("~", " ") for w in words]
    found: dict[str, tuple[Culture, float]] = {}
    rng = random.Random(7)
    for name, kinds in lists.items():
        male, female = kinds.get("m", []), kinds.get("f", [])
        if "g1" in kinds:
            ones, twos = kinds["g1"], kinds["g2"]
            made: set[str] = set()
            while len(made) < 500:
                a, b = rng.choice(ones), rng.choice(twos)
                join = rng.random()
                made.add(
                    a + b if join < 0.5 else f"{a}-{b}" if join < 0.8 else f"{a} {b.capitalize()}"
                )
            male = female = sorted(made)
        family = tuple(kinds["s"])
        found[name] = (Culture(name, tuple(male), tuple(female), family, family), 1.2)
    return found


@functools.cache
def cultures() -> tuple[tuple[Culture, ...], tuple[float, ...]]:
    """All cultures with cumulative weights for `random.choices`."""
    both = {**_faker_cultures(), **_own_cultures()}
    total, cumulative = 0.0, []
    for _, weight in both.values():
        total += weight
        cumulative.append(total)
    return tuple(c for c, _ in both.values()), tuple(cumulative)


@functools.cache
def everyday() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Given and family names that are also everyday words."""
    lines = (VALUES / "everyday.txt").read_text("utf8").splitlines()
    words = {ln.split(": ")[0]: ln.split(": ")[1].split() for ln in lines if ": " in ln}
    return tuple(words["first"]), tuple(words["last"])


NICKNAMES = (
    "Bob Bobby Jim Jimmy Mike Mikey Nick Nicky Tom Tommy Kate Katie Liz Lizzie Beth Meg Maggie Peg "
    "Sam Sammy Alex Andy Tony Joe Joey Chris Dave Davey Steve Rick Ricky Ron Ronnie Don Donnie Ed "
    "Eddie Ted Teddy Jen Jenny Jess Abby Gabby Nat Tash Becky Debs Sal Mo Vee Dee Jo Lou Lulu Gigi "
    "Mimi Coco Fifi Didi Pepe Paco Nacho Chema Lalo Pancho Chuy Beto Memo Lupe Concha Nando Toto "
    "Zé Chico Dudu Gabi Rafa Vova Sasha Misha Kolya Dima Vanya Katya Masha Natasha Tanya Olya "
    "Hansi Uli Steffi Kalle Lasse Bosse Jussi Pekka Gosia Kasia Asia Basia Bartek Tomek Jurek"
).split()


@dataclass(frozen=True)
class Person:
    """One person.

    Attributes:
        first: Given name.
        middle: A second given name.
        last: Family name, two of them in some cultures.
        female: Whether the name is a woman's.
        culture: Where it is from.
    """

    first: str
    middle: str
    last: str
    female: bool
    culture: str

    def render(self, how: str, rng: random.Random) -> str:
        """The name written one way.

        Args:
            how: One of the styles of `STYLES`, or "any".
            rng: The source of chance.

        Returns:
            The written name, without title.
        """
        if how == "any":
            how = rng.choices(_ANY, cum_weights=_ANY_CUM)[0]
        return _STYLE[how](self, rng)


def _initials(p: Person, rng: random.Random) -> str:
    sep = rng.choice([". ", ".", " "])
    return f"{p.first[0]}{sep}{p.middle[0]}{sep.rstrip() if sep != ' ' else ''} {p.last}"


_STYLE: dict[str, Callable[[Person, random.Random], str]] = {
    "full": lambda p, r: f"{p.first} {p.last}",
    "first": lambda p, r: p.first,
    "last": lambda p, r: p.last,
    "middle": lambda p, r: p.middle,
    "fmi": lambda p, r: f"{p.first} {p.middle[0]}{r.choice(['. ', '. ', ' '])}{p.last}",
    "fml": lambda p, r: f"{p.first} {p.middle} {p.last}",
    "lf": lambda p, r: f"{p.last}, {p.first}",
    "lfm": lambda p, r: f"{p.last}, {p.first} {p.middle[0]}" + r.choice(["", "."]),
    "lfi": lambda p, r: f"{p.last}, {p.first[0]}.",
    "LF": lambda p, r: f"{p.last.upper()} {p.first}",
    "LcF": lambda p, r: f"{p.last.upper()}, {p.first}",
    "FL": lambda p, r: f"{p.first} {p.last.upper()}",
    "lastfirst": lambda p, r: f"{p.last} {p.first}",
    "il": lambda p, r: f"{p.first[0]}{r.choice(['. ', '. ', '.', ' '])}{p.last}",
    "li": lambda p, r: f"{p.last} {p.first[0]}{r.choice(['', '.'])}",
    "iil": _initials,
    "fi": lambda p, r: f"{p.first} {p.last[0]}" + r.choice(["", "."]),
    "initials": lambda p, r: f"{p.first[0]}.{p.middle[0]}.{p.last[0]}.",
    "nick": lambda p, r: (
        f"{p.first} {r.choice(['“%s”', chr(34) + '%s' + chr(34), '(%s)'])} {p.last}"
        % r.choice(NICKNAMES)
    ),
    "upper": lambda p, r: f"{p.first} {p.last}".upper(),
    "lower": lambda p, r: f"{p.first} {p.last}".lower(),
    "double": lambda p, r: f"{p.first} {p.last}-{r.choice(everyday()[1])}",
}
STYLES = tuple(_STYLE)
_ANY_WEIGHTS = {
    "full": 54,
    "first": 17,
    "last": 7,
    "fmi": 5,
    "fml": 4,
    "lf": 2,
    "il": 3,
    "iil": 1.5,
    "lastfirst": 1.5,
    "upper": 2,
    "fi": 1.5,
    "nick": 0.7,
    "LF": 0.7,
    "double": 0.8,
}
_ANY = list(_ANY_WEIGHTS)
_ANY_CUM = [sum(list(_ANY_WEIGHTS.values())[: i + 1]) for i in range(len(_ANY_WEIGHTS))]


def make_person(rng: random.Random, english: bool = False) -> Person:
    """A new person.

    Args:
        rng: The source of chance.
        english: Whether to draw from the United States' names only.

    Returns:
        The person.
    """
    pool, cumulative = cultures()
    culture = pool[0] if english else rng.choices(pool, cum_weights=cumulative)[0]
    if english:
        culture = next(c for c in pool if c.name == "en_US")
    female = rng.random() < 0.5
    given = culture.female if female else culture.male
    family = culture.family_f if female else culture.family
    first, middle, last = rng.choice(given), rng.choice(given), rng.choice(family)
    chance = rng.random()
    if culture.name.startswith("en") and chance < 0.14:
        firsts, lasts = everyday()
        if chance < 0.05:
            first = rng.choice(firsts)
        elif chance < 0.1:
            last = rng.choice(lasts)
        else:
            first, last = rng.choice(firsts), rng.choice(lasts)
    elif chance < 0.03:
        first = rng.choice(NICKNAMES)
    elif chance < 0.09:  # people whose parents come from two places
        other = rng.choices(pool, cum_weights=cumulative)[0]
        last = rng.choice(other.family)
    elif chance < 0.11 and not english:
        last = f"{last}-{rng.choice(family)}"
    elif culture.double and chance < 0.4:
        last = f"{last} {rng.choice(['', '', 'y ', 'de '])}{rng.choice(family)}"
    elif culture.name == "slavic" and chance < 0.4:
        middle = rng.choice(culture.male)
    if chance > 0.75 and not english:
        first, middle, last = strip_marks(first), strip_marks(middle), strip_marks(last)
    return Person(first, middle, last, female, culture.name)
