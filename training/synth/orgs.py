"""Organisations: well-known names and invented companies, agencies, schools, clubs, papers."""

from __future__ import annotations

import functools
import random

from .people import cultures, everyday
from .places import city, invented_city, place, read_lists, world


@functools.cache
def _lists() -> dict[str, tuple[str, ...]]:
    return read_lists("orgs.txt")


@functools.cache
def _faker_companies() -> tuple[str, ...]:
    """Company names from Faker's locales, Latin letters only."""
    from faker import Faker

    names: list[str] = []
    for locale in (
        "en_US en_US en_GB de_DE de_AT fr_FR es_ES es_MX it_IT nl_NL pl_PL sv_SE fi_FI no_NO "
        "cs_CZ hu_HU pt_BR tr_TR ro_RO en_IN id_ID hr_HR vi_VN fil_PH az_AZ"
    ).split():
        fake = Faker(locale)
        fake.seed_instance(11)
        names += [fake.company() for _ in range(250)]
    return tuple(n for n in names if len(n) < 48)


def surname(rng: random.Random) -> str:
    """A family name of any culture."""
    pool, cumulative = cultures()
    return rng.choice(rng.choices(pool, cum_weights=cumulative)[0].family)


def _coined(rng: random.Random) -> str:
    w = _lists()
    chance = rng.random()
    if chance < 0.45:
        return rng.choice(w["syl1"]) + rng.choice(w["syl2"])
    name = rng.choice(w["bright"]) + rng.choice((" ", "", "")) + rng.choice(w["loop"])
    return name if chance < 0.85 else rng.choice(w["bright"]) + rng.choice(w["loop"]).lower()


def _acronym(rng: random.Random) -> str:
    return "".join(rng.choices("ABCDEFGHIJKLMNOPRSTUVW", k=rng.randint(2, 5)))


def _company(rng: random.Random) -> str:
    w = _lists()
    core = rng.choice((surname, _coined, _coined, _acronym, place, invented_city))(rng)
    chance = rng.random()
    if chance < 0.4:
        core += " " + rng.choice(w["field"])
    elif chance < 0.5:
        core += f" {rng.choice(w['field'])} & {rng.choice(w['field'])}"
    if rng.random() < 0.55:
        core += rng.choice((" ", " ", ", ")) + rng.choice(w["legal"])
    return core


def _firm(rng: random.Random) -> str:
    a, b, c = surname(rng), surname(rng), surname(rng)
    return rng.choice(
        (f"{a} & Sons", f"{a} & {b}", f"{a}, {b} & {c}", f"{a} and Sons", f"{a} Brothers",
         f"{a}-{b}", f"{a} & Daughters", f"{a} & {b} LLP", f"{a} Group", f"{a} Family Trust",
         f"{a}, {b} and {c}", f"{a} {b} Associates", f"{a}'s Bakery", f"{a}'s Garage",
         f"{a} Foundation", f"Law Offices of {a} & {b}", f"{a} Bros.", f"{a} Hardware")
    )  # fmt: skip


def _public(rng: random.Random) -> str:
    w, lists = world(), _lists()
    town, state, name = city(rng), rng.choice(w.states), surname(rng)
    country, topic = rng.choice(w.countries), rng.choice(lists["topic"])
    choices = (
        f"Bank of {town}", f"First National Bank of {town}", f"{town} General Hospital",
        f"{town} Medical Center", f"St. {name}'s Hospital", f"{name} Memorial Hospital",
        f"University of {state}", f"University of {town}", f"{state} State University",
        f"{town} University", f"{name} University", f"{name} College", f"{town} High School",
        f"{name} Elementary School", f"{town} Police Department", f"{town} City Council",
        f"{town} Fire Department", f"{town} Public Library", f"{town} Chamber of Commerce",
        f"{state} Department of {topic}", f"{country} Embassy", f"{town} Credit Union",
        f"{town} Symphony Orchestra", f"{town} Technical University", f"{name} Institute",
        f"Technische Universität {town}", f"Université de {town}", f"Universidad de {town}",
        f"{town} School District", f"Port of {town}", f"{town} Museum of Art", f"{town} Airport",
        f"Diocese of {town}", f"{town} Food Bank", f"{town} Housing Association", f"{town} Clinic",
        f"Church of St. {name}", f"{name} Middle School", f"{state} Supreme Court",
        f"Hospital San {name}", f"{town} Zoo", f"{town} Borough Council", f"{town} NHS Trust",
        f"Ministry of {topic}", rng.choice(lists["agency"]).replace("P", topic, 1),
    )  # fmt: skip
    return rng.choice(choices)


def _culture(rng: random.Random) -> str:
    lists, town = _lists(), city(rng)
    return rng.choice(
        (f"{town} {rng.choice(lists['paper'])}", f"The {town} {rng.choice(lists['paper'])}",
         f"{town} {rng.choice(lists['club'])}", f"{town} {rng.choice(lists['club'])}", f"FC {town}",
         f"The {rng.choice(lists['band'])} {rng.choice(lists['band2'])}",
         f"{rng.choice(lists['band'])} {rng.choice(lists['band2'])}", f"SV {town}",
         f"Radio {town}", f"{town} TV", f"Café {surname(rng)}", f"Hotel {town}",
         f"{rng.choice(everyday()[1])} {rng.choice(lists['field'])}", f"Restaurant {surname(rng)}")
    )  # fmt: skip


def organisation(rng: random.Random) -> str:
    """An organisation of any kind."""
    chance = rng.random()
    if chance < 0.22:
        return rng.choice(_lists()["real"])
    if chance < 0.4:
        return rng.choice(_faker_companies())
    if chance < 0.6:
        return _company(rng)
    if chance < 0.7:
        return _firm(rng)
    if chance < 0.88:
        return _public(rng)
    if chance < 0.93:
        return _coined(rng)
    return _acronym(rng) if chance < 0.945 else _culture(rng)


def company(rng: random.Random) -> str:
    """A company, such as an employer in a form."""
    return rng.choice((_company, _firm, lambda r: r.choice(_faker_companies())))(rng)


def known(rng: random.Random) -> str:
    """A well-known organisation."""
    return rng.choice(_lists()["real"])


def hospital(rng: random.Random) -> str:
    """A hospital or clinic."""
    town, name = city(rng), surname(rng)
    return rng.choice(
        (f"{town} General Hospital", f"{town} Medical Center", f"St. {name}'s Hospital",
         f"{name} Memorial Hospital", f"{town} Clinic", f"{name} Family Practice", "Mayo Clinic",
         f"Universitätsklinikum {town}", f"Hospital Universitario de {town}", f"CHU de {town}",
         f"{town} Children's Hospital", f"Royal {town} Infirmary", f"{town} Dental Care",
         f"{name} Health", f"Mercy {town}", f"Saint {name} Medical Centre", f"{town} Urgent Care")
    )  # fmt: skip


def school(rng: random.Random) -> str:
    """A school or university."""
    town, name, state = city(rng), surname(rng), rng.choice(world().states)
    return rng.choice(
        (f"University of {state}", f"University of {town}", f"{state} State University",
         f"{town} University", f"{name} University", f"{name} College", f"{town} High School",
         f"{name} Elementary School", f"Technische Universität {town}", f"Université de {town}",
         f"Universidad de {town}", f"{name} Academy", f"{town} Community College", "Harvard",
         f"{town} Business School", f"{town} Grammar School", f"St. {name}'s School", "Stanford",
         f"IIT {town}", f"{town} Institute of Technology", f"Gymnasium {town}", "MIT", "Oxford")
    )  # fmt: skip


def bank(rng: random.Random) -> str:
    """A bank or insurer."""
    town, name = city(rng), surname(rng)
    return rng.choice(
        (f"Bank of {town}", f"First National Bank of {town}", f"{town} Credit Union",
         f"{name} Bank",
         f"{town} Savings Bank", f"Sparkasse {town}", f"Banco de {town}", f"Crédit {town}", "HSBC",
         f"{name} & Partners Insurance", f"{town} Mutual", "Barclays", "Wells Fargo", "Allianz",
         "AXA", "Deutsche Bank", "Santander", f"{_coined(rng)} Insurance", f"{_coined(rng)} Pay")
    )  # fmt: skip


def club(rng: random.Random) -> str:
    """A sports team."""
    town = city(rng)
    clubs = _lists()["club"]
    return rng.choice(
        (f"{town} {rng.choice(clubs)}", f"{town} {rng.choice(clubs)}", f"FC {town}", f"SV {town}",
         town, f"{town} FC", f"Real {town}", f"Dynamo {town}", "Arsenal", "Chicago Bulls",
         "Juventus", "Red Sox", "Bayern Munich", f"Sporting {town}", f"{rng.choice(clubs)}")
    )  # fmt: skip
