"""The fields of made-up records: what they are called and what is in them."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from dataclasses import dataclass

from . import other
from .address import Address, make_address
from .orgs import company, organisation
from .people import VALUES, Person, make_person
from .places import city, nationality, place, read_lists, world
from .style import Segment

Maker = Callable[["Row"], Segment]


@dataclass
class Row:
    """One record: the person and the address that its fields share."""

    rng: random.Random
    person: Person
    address: Address

    @classmethod
    def new(cls, rng: random.Random) -> Row:
        """A row about a new person."""
        return cls(rng, make_person(rng), make_address(rng))


def _plain(kind: str) -> Maker:
    return lambda row: (other.PLAIN[kind](row.rng), None)


def _word(kind: str) -> Maker:
    return lambda row: (other.word(kind, row.rng), None)


def _person(how: str) -> Maker:
    return lambda row: (row.person.render(how, row.rng), "PER")


_NAME_STYLES = {
    "full": 60, "fmi": 7, "fml": 5, "lf": 10, "lfm": 3, "LcF": 3, "upper": 5, "iil": 2,
    "lastfirst": 2,
}  # fmt: skip


def _other_person(row: Row) -> Segment:
    how = row.rng.choice(("full", "full", "full", "il", "lf"))
    return make_person(row.rng).render(how, row.rng), "PER"


def _whole_name(row: Row) -> Segment:
    how = row.rng.choices(tuple(_NAME_STYLES), tuple(_NAME_STYLES.values()))[0]
    return row.person.render(how, row.rng), "PER"


def _user(row: Row) -> Segment:
    return other.email(row.rng, row.person).split("@")[0], None


def _street(row: Row) -> Segment:
    return row.address.street, "ADDR"


def _unit(row: Row) -> Segment:
    return row.address.unit or row.rng.choice(("", "Apt 4B", "Suite 210", "2nd floor")), "ADDR"


MAKERS: dict[str, Maker] = {
    "id": _plain("ID"), "name": _whole_name, "first": _person("first"),
    "middle": _person("middle"), "last": _person("last"), "manager": _other_person,
    "title": lambda r: (other.title(r.rng, r.person.female), "TITLE"),
    "dob": lambda r: (other.date(r.rng, "num", 1930, 2012), "DATE"),
    "date": lambda r: (other.date(r.rng, "num", 1995), "DATE"),
    "age": lambda r: (str(r.rng.randint(1, 98)), "AGE"), "gender": _word("gender"),
    "nationality": lambda r: (nationality(r.rng, r.rng.choice(("nrp", "nrp", "belief"))), "NRP"),
    "email": lambda r: (other.email(r.rng, r.person), None), "phone": _plain("PHONE"),
    "address": lambda r: (r.address.render("full", r.rng), "ADDR"), "street": _street,
    "unit": _unit, "city": lambda r: (r.address.city, "LOC"),
    "state": lambda r: (r.address.region or r.rng.choice(world().states), "LOC"),
    "zip": lambda r: (r.address.postcode or other.digits("#####", r.rng), "ADDR"),
    "country": lambda r: (r.address.country, "LOC"),
    "birthplace": lambda r: (r.rng.choice((city, place))(r.rng), "LOC"),
    "employer": lambda r: (company(r.rng), "ORG"), "org": lambda r: (organisation(r.rng), "ORG"),
    "job": _word("job"), "dept": _word("dept"), "diagnosis": _word("disease"),
    "drug": _word("drug"), "product": _word("product"), "amount": _plain("AMOUNT"),
    "status": _word("status"), "card": _plain("CARD"), "iban": _plain("IBAN"),
    "ssn": _plain("SSN"), "plate": _plain("PLATE"), "ip": _plain("IP"), "uuid": _plain("UUID"),
    "user": _user, "password": _plain("PASSWORD"), "url": _plain("URL"), "ts": _plain("TS"),
    "count": _plain("N"), "lang": _word("lang"), "note": lambda r: ("", None),
    "flag": lambda r: (r.rng.choice(("true", "false", "yes", "no", "1", "0")), None),
}  # fmt: skip


@functools.cache
def keys() -> dict[str, tuple[str, ...]]:
    """What the columns are called, by kind of value."""
    return read_lists("fields.txt")


@functools.cache
def shapes() -> tuple[tuple[str, ...], ...]:
    """The usual combinations of columns."""
    lines = (VALUES / "shapes.txt").read_text("utf8").splitlines()
    return tuple(tuple(ln.split()) for ln in lines if not ln.startswith("#"))
