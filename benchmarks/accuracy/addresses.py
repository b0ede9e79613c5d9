"""Postal addresses of many countries, in many layouts."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from benchmarks.accuracy.locales import Home

if TYPE_CHECKING:
    from benchmarks.accuracy.people import Person

# Where a state or province stands between town and code.
_STATES = {
    "en_US": ("NY", "TX", "OR", "FL", "OH"),
    "en_CA": ("ON", "BC", "AB", "NS"),
    "fr_CA": ("QC", "Québec", "NB"),
    "en_AU": ("QLD", "VIC", "NSW", "WA"),
}
_SPARE = "Harbour Road|Mill Lane|Station Street|Church Hill|Park Avenue|Bridge Street"


def address(person: Person) -> str:
    """A postal address of several lines, with or without the country."""
    rng, home = person.rng, person.home
    if home.address:
        lines = _own(person)
    elif person.locale in _STATES and rng.random() < 0.12:
        lines = _box(person)
    elif rng.random() < 0.8:
        lines = "\n".join(line.strip() for line in str(person.faker.address()).splitlines())
    else:
        lines = f"{street(person)}\n{_town(person)}"
    if rng.random() < 0.25:
        country = home.country.upper() if rng.random() < 0.3 else home.country
        lines += f"\n{country}"
    return lines


def street(person: Person) -> str:
    """The first line of an address: a street and a number."""
    if person.home.address:
        return _first_line(person)
    return " ".join(str(person.faker.street_address()).split())


def place(person: Person) -> str:
    """A town."""
    if person.home.cities:
        return person.rng.choice(person.home.cities.split("|")).split("/")[0]
    return str(person.faker.city())


def _box(person: Person) -> str:
    faker, rng = person.faker, person.rng
    box = rng.choice(("PO Box {}", "P.O. Box {}")).format(rng.randint(11, 9999))
    if person.locale == "en_US":
        return f"{box}\n{faker.city()}, {faker.state_abbr()} {faker.postcode()}"
    return f"{box}\n{faker.city()} {faker.postcode()}"


def _town(person: Person) -> str:
    faker, rng = person.faker, person.rng
    town, code = place(person), str(faker.postcode())
    if person.locale in _STATES:
        return f"{town}, {rng.choice(_STATES[person.locale])} {code}"
    if person.locale in {"en_GB", "en_IE", "en_IN", "en_NZ", "zu_ZA"}:
        return f"{town}\n{code}" if rng.random() < 0.6 else f"{town} {code}"
    return f"{code} {town.upper() if rng.random() < 0.15 else town}"


def _fields(home: Home, rng: random.Random) -> dict[str, object]:
    def number(count: int) -> str:
        return str(rng.randint(10 ** (count - 1), 10**count - 1))

    return {
        "no": rng.randint(1, 180),
        "flat": rng.randint(1, 60),
        "box": rng.randint(100, 9999),
        "street": rng.choice((home.streets or _SPARE).split("|")),
        "city": rng.choice(home.cities.split("|")),
        **{f"zip{count}": number(count) for count in (3, 4, 5, 6)},
    }


def _own(person: Person) -> str:
    return person.home.address.format(**_fields(person.home, person.rng))


def _first_line(person: Person) -> str:
    lines = [line.strip(" ,") for line in _own(person).splitlines()]
    words = [line for line in lines if any(map(str.isdigit, line)) and "Box" not in line]
    return words[0] if words else lines[0]
