"""Chats, transcripts, lists of people and log lines with people in them."""

from __future__ import annotations

import random
import re

from . import other
from .fields import MAKERS, Row
from .grammar import Context, read_templates, render
from .orgs import organisation
from .people import VALUES, make_person
from .places import place, read_lists
from .style import Segment

_LAYOUTS = (
    "{n}: ", "{n}: ", "[{t}] {n}: ", "{t} {n}: ", "<{n}> ", "{n} ({t}): ", "{n} - ", "[{n}] ",
    "{t} - {n}: ", "{n}\n", "**{n}**: ", "{n}, {t}\n", "{n} > ", "{n} [{t}]\n",
)  # fmt: skip
_ROLES = (
    ("Agent", "Customer"), ("Q", "A"), ("Doctor", "Patient"), ("Speaker 1", "Speaker 2"),
    ("Host", "Guest"), ("user", "assistant"), ("Interviewer", "Candidate"), ("Me", "Them"),
)  # fmt: skip


def chat(rng: random.Random) -> list[Segment]:
    """A chat or call transcript of two, in one of many layouts.

    Args:
        rng: The source of chance.

    Returns:
        Segments with labels.
    """
    ctx = Context(rng)
    people = [ctx.person("#1"), ctx.person("#2")]
    roles = rng.choice(_ROLES) if rng.random() < 0.3 else None
    how = rng.choice(("first", "first", "first", "full", "lower", "fi", "last", "FL"))
    names = [p.first.lower() if how == "lower" else p.render(how, rng) for p in people]
    layout = rng.choice(_LAYOUTS)
    h, m = rng.randint(0, 23), rng.randint(0, 50)
    out: list[Segment] = []
    who = 0
    for _ in range(rng.randint(2, 7)):
        m += rng.randint(0, 2)
        before, _, after = layout.replace("{t}", f"{h:02}:{m:02}").partition("{n}")
        out.append((before, None))
        out.append((roles[who], None) if roles else (names[who], "PER"))
        out.append((after, None))
        out += render(rng.choice(read_templates(VALUES / "chat.txt")), ctx)
        out.append(("\n", None))
        who = 1 - who if rng.random() < 0.85 else who
    return out[:-1]


def listing(rng: random.Random) -> list[Segment]:
    """A list of people, places or organisations, with or without a heading.

    Args:
        rng: The source of chance.

    Returns:
        Segments with labels.
    """
    kind = rng.choices(("PER", "LOC", "ORG", "mixed"), (70, 10, 8, 12))[0]
    how = rng.choice(
        ("full", "full", "full", "first", "lf", "last", "il", "LcF", "upper", "fmi", "li")
    )
    heads = read_lists("heads.txt")
    count = rng.randint(2, 8)
    sep = rng.choice(
        ("\n", "\n- ", "\n* ", ", ", ", ", "; ", " / ", "\n• ", " & ", " - ", "\t", "num")
    )
    head = (
        rng.choice(heads[kind]) + rng.choice((": ", ":\n", " - ", " "))
        if rng.random() < 0.65
        else ""
    )
    out: list[Segment] = [(head, None)]
    for i in range(count):
        mark = f"{i + 1}. " if sep == "num" else ""
        lead = sep if sep != "num" else "\n"
        if how in ("lf", "LcF") and lead == ", ":
            lead = "; "
        if kind == "PER" and i == count - 1 and sep == ", " and rng.random() < 0.5:
            lead = rng.choice((" and ", ", and ", " & "))
        out.append(((lead if i else "") + mark, None))
        if kind == "LOC":
            out.append((place(rng), "LOC"))
        elif kind == "ORG":
            out.append((organisation(rng), "ORG"))
        else:
            out.append((make_person(rng).render(how, rng), "PER"))
            if kind == "mixed":
                tail = rng.choice(("org", "loc", "num", "job", "phone"))
                open_, close = rng.choice(
                    ((" (", ")"), (", ", ""), (" - ", ""), (" | ", ""), (": ", ""))
                )
                value: Segment = {
                    "org": (organisation(rng), "ORG"),
                    "loc": (place(rng), "LOC"),
                    "num": (str(rng.randint(1, 99)), None),
                    "job": (other.word("job", rng), None),
                    "phone": (other.PLAIN["PHONE"](rng), None),
                }[tail]
                out += [(open_, None), value, (close, None)]
    return out


def contacts(rng: random.Random) -> list[Segment]:
    """A person or a few, each with ways to reach them, and nothing around that tells who is who.

    Args:
        rng: The source of chance.

    Returns:
        Segments with labels.
    """
    sep, open_, close = rng.choice(
        ((", ", ", ", ""), (", ", ", ", ""), ("; ", "; ", ""), (" - ", " - ", ""), ("\n", "\n", ""),
         (", ", " <", ">"), (" ", " (", ")"), (" | ", " | ", ""), (" ", " ", ""), (": ", ": ", ""))
    )  # fmt: skip
    how = rng.choice(("full", "full", "full", "first", "fmi", "lf", "il"))
    kinds = rng.choices(
        ("email", "phone", "address", "city", "job", "org", "dob"), (8, 6, 5, 2, 2, 2, 1), k=2
    )[: rng.randint(1, 2)]
    out: list[Segment] = []
    for i in range(rng.choice((1, 1, 1, 2, 3))):
        row = Row.new(rng)
        out += [("\n" if i else "", None), (row.person.render(how, rng), "PER")]
        for n, kind in enumerate(kinds):
            text, label = MAKERS[kind](row)
            if sep != "\n":
                text = re.sub(r",?\n *", ", ", text)
            out += [(open_ if n == 0 else sep, None), (text, label), ("" if n else close, None)]
    return out


def log(rng: random.Random) -> list[Segment]:
    """A few log lines, some with a person, an address or a company.

    Args:
        rng: The source of chance.

    Returns:
        Segments with labels.
    """
    out: list[Segment] = []
    for _ in range(rng.randint(1, 4)):
        out += render(rng.choice(read_templates(VALUES / "logs.txt")), Context(rng))
        out.append(("\n", None))
    return out[:-1]
