"""The template language: slots in braces, alternatives in brackets.

`{PER}` is a new person written some way, `{PER.first}` a style, `{PER#1}` the sample's person
number one, so `{PER#1} ... {PER#1.first}` name the same one. `[a|b|]` picks one alternative, `\\n`
is a line break, and a backslash takes the meaning from the next character.
"""

from __future__ import annotations

import functools
import pathlib
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from . import other
from .address import Address, make_address
from .orgs import bank, club, company, hospital, known, organisation, school
from .people import Person, make_person
from .places import city, nationality, place, world

Segment = tuple[str, "str | None"]
_TOKEN = re.compile(r"\\(.)|\{([A-Z]+)(#\d)?(?:\.(\w+))?\}|([\[\]|])|([^\\{\[\]|]+|.)", re.S)
_WORD_KINDS = {
    "JOB": "job", "DISEASE": "disease", "DRUG": "drug", "PRODUCT": "product", "TECH": "tech",
    "ENV": "env", "ADJ": "adj", "LANG": "lang", "COURSE": "course", "DEPT": "dept",
    "STATUS": "status", "RELATION": "relation", "WORD": "noun", "GENDER": "gender",
    "ORDINAL": "ordinal",
}  # fmt: skip


@dataclass(frozen=True)
class Slot:
    """`{KIND#ref.how}`."""

    kind: str
    ref: str
    how: str


@dataclass(frozen=True)
class Choice:
    """`[a|b]`."""

    options: tuple[tuple[object, ...], ...]


def parse(template: str) -> tuple[object, ...]:
    """A template as a tree of texts, slots and choices.

    Args:
        template: One template line.

    Returns:
        The parts in order.

    Raises:
        ValueError: Where a bracket or a brace is not closed, or a slot is unknown.
    """
    stack: list[list[list[object]]] = [[[]]]
    for m in _TOKEN.finditer(template):
        escaped, kind, ref, how, mark, text = m.groups()
        here = stack[-1][-1]
        if escaped is not None:
            here.append({"n": "\n", "t": "\t"}.get(escaped, escaped))
        elif kind is not None:
            if kind not in KINDS:
                raise ValueError(f"unknown slot in template: {template}")
            here.append(Slot(kind, ref or "", how or "any"))
        elif mark == "[":
            stack.append([[]])
        elif mark == "|" and len(stack) > 1:
            stack[-1].append([])
        elif mark == "]" and len(stack) > 1:
            options = stack.pop()
            stack[-1][-1].append(Choice(tuple(tuple(o) for o in options)))
        elif mark in ("]", "[") or text == "{":
            raise ValueError(f"bracket or brace in template: {template}")
        else:
            here.append(mark or text)
    if len(stack) != 1:
        raise ValueError(f"bracket not closed in template: {template}")
    return tuple(stack[0][0])


@functools.cache
def read_templates(path: pathlib.Path) -> tuple[tuple[object, ...], ...]:
    """The parsed templates of a file, one a line; lines that start with "# " are comments."""
    lines = path.read_text("utf8").splitlines()
    return tuple(parse(ln) for ln in lines if ln and not ln.startswith("# "))


@dataclass
class Context:
    """What one sample has drawn so far.

    Attributes:
        rng: The source of chance.
        people: Persons by reference.
        places: Texts of places, organisations and other values by kind and reference.
        addresses: Addresses by reference.
    """

    rng: random.Random
    people: dict[str, Person] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, Address] = field(default_factory=dict)

    def person(self, ref: str) -> Person:
        """The person of a reference, new for an empty one."""
        if not ref:
            return make_person(self.rng)
        if ref not in self.people:
            self.people[ref] = make_person(self.rng)
        return self.people[ref]

    def address(self, ref: str) -> Address:
        """The address of a reference, new for an empty one."""
        if not ref:
            return make_address(self.rng)
        if ref not in self.addresses:
            self.addresses[ref] = make_address(self.rng)
        return self.addresses[ref]

    def value(self, kind: str, ref: str, how: str) -> str:
        """A text drawn once per kind and reference."""
        key = f"{kind}{ref}{how}"
        if ref and key in self.values:
            return self.values[key]
        rng = self.rng
        if kind == "ORG":
            text = _ORGS[how](rng)
        elif kind == "LOC":
            text = _PLACES[how](rng)
        elif kind == "NRP":
            text = nationality(rng, how)
        elif kind == "DATE":
            text = other.date(rng, how, 1990 if rng.random() < 0.7 and how != "year" else 1930)
        elif kind == "DOB":
            text = other.date(rng, "num" if rng.random() < 0.6 else "full", 1930, 2015)
        elif kind == "AGE":
            text = other.age(rng)
        elif kind in _WORD_KINDS:
            text = other.word(_WORD_KINDS[kind], rng)
        else:
            text = other.PLAIN[kind](rng)
        if ref:
            self.values[key] = text
        return text


_ORGS = {
    "any": organisation,
    "company": company,
    "hospital": hospital,
    "school": school,
    "real": known,
    "bank": bank,
    "club": club,
}
_PLACES: dict[str, Callable[[random.Random], str]] = {
    "any": place,
    "city": city,
    "country": lambda r: r.choice(world().countries),
    "state": lambda r: r.choice(world().states),
    "code": lambda r: r.choice(world().codes),
    "landmark": lambda r: r.choice(world().lists["landmark"]),
    "district": lambda r: r.choice(world().lists["district"]),
    "river": lambda r: r.choice(world().lists["river"] + world().lists["water"]),
    "land": lambda r: r.choice(world().lists["land"]),
    "region": lambda r: r.choice(world().lists["region"]),
}
_PRONOUNS = {"HE": ("he", "she"), "HIS": ("his", "her"), "HIM": ("him", "her")}
_TITLES = {
    "DR": ("Dr.", "Dr.", "Dr", "Doctor"),
    "PROF": ("Prof.", "Professor", "Prof"),
    "MR": ("Mr.", "Mr", "Mrs.", "Mrs", "Ms.", "Ms", "Miss"),
}
_LABELLED = {"LOC", "ORG", "NRP", "DATE", "AGE"}
KINDS = (
    {"PER", "ADDR", "TITLE", "DR", "PROF", "MR", "EMAIL", "DOB", "HE", "HIS", "HIM"}
    | _LABELLED
    | set(_WORD_KINDS)
    | set(other.PLAIN)
)


def _slot(slot: Slot, ctx: Context) -> list[Segment]:
    rng, kind, ref, how = ctx.rng, slot.kind, slot.ref, slot.how
    if kind == "PER":
        return [(ctx.person(ref).render(how, rng), "PER")]
    if kind in ("HE", "HIS", "HIM"):
        woman = ctx.person(ref or "#1").female
        return [(_PRONOUNS[kind][woman], None)]
    if kind == "TITLE":
        female = ctx.person(ref).female if ref else rng.random() < 0.5
        return [(other.title(rng, female), "TITLE")]
    if kind in _TITLES:
        return [(rng.choice(_TITLES[kind]), "TITLE")]
    if kind == "EMAIL":
        return [(other.email(rng, ctx.people.get(ref)), None)]
    if kind == "ADDR":
        address = ctx.address(ref)
        if how == "city":
            return [(address.city, "LOC")]
        if how == "region":
            return [(address.region or address.country, "LOC")]
        if how == "country":
            return [(address.country, "LOC")]
        if how == "zip":
            return [(address.postcode, "ADDR")]
        return [(address.render(how, rng), "ADDR")]
    text = ctx.value(kind, ref, how)
    label = kind if kind in _LABELLED else "DATE" if kind == "DOB" else None
    return [(text, label)]


def render(tree: tuple[object, ...], ctx: Context) -> list[Segment]:
    """The segments of one drawing of a template.

    Args:
        tree: From `parse`.
        ctx: The sample's values.

    Returns:
        Texts with their labels, None for plain text.
    """
    out: list[Segment] = []
    for part in tree:
        if isinstance(part, str):
            out.append((part, None))
        elif isinstance(part, Slot):
            made = _slot(part, ctx)
            if part.kind in _PRONOUNS and (not out or re.search(r"[.!?:]\s+$|\n$", out[-1][0])):
                made = [(made[0][0].capitalize(), None)]
            out.extend(made)
        elif isinstance(part, Choice):
            out.extend(render(ctx.rng.choice(part.options), ctx))
    return out
