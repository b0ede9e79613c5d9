"""Generated records: templates of our own, filled with invented people of many countries.

A template is plain text with slots. ``{{email}}`` is the e-mail address of the person it is about,
``{{b.email}}`` that of a second person; ``{{name:upper}}`` is in capitals. ``[[Hi|Hello]]`` is one
of the two. Templates are separated by lines of ``%%``; a first line such as ``@en_US,en_CA``
limits a template to these locales.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks.accuracy.locales import LATIN, OTHER_SCRIPTS
from benchmarks.accuracy.people import Person, seeded
from benchmarks.accuracy.sample import Label, Sample
from benchmarks.accuracy.split import FIRST_SEED

_FOLDER = Path(__file__).parent / "templates"
_CHOICE = re.compile(r"\[\[([^\[\]]*\|[^\[\]]*)\]\]")
_SLOT = re.compile(r"\{\{(?:([a-d])\.)?([a-z]+[0-9]?)(?::(upper|lower|json))?\}\}")
_LIMIT = re.compile(r"@([a-z]{2}_[A-Z]{2}(?:,[a-z]{2}_[A-Z]{2})*)\n")
_OTHER_LOCALE = 0.3  # how often a second person comes from another country


@dataclass(frozen=True)
class Template:
    """A text with slots.

    Args:
        name: File and number, such as ``"mail/3"``.
        text: The text.
        locales: Where the people of its samples may live; any if empty.
    """

    name: str
    text: str
    locales: tuple[str, ...] = ()

    def slots(self) -> list[str]:
        """What it asks of people, such as ``["name", "email"]``."""
        return [match[1] for match in _SLOT.findall(self.text)]


@cache
def templates() -> tuple[Template, ...]:
    """All templates, in order of file name and position."""
    found = []
    for path in sorted(_FOLDER.glob("*.txt")):
        pieces = re.split(r"^%%\n", path.read_text(encoding="utf-8"), flags=re.M)
        for number, piece in enumerate(pieces, start=1):
            locales: tuple[str, ...] = ()
            if limit := _LIMIT.match(piece):
                locales, piece = tuple(limit[1].split(",")), piece[limit.end() :]
            found.append(Template(f"{path.stem}/{number}", piece.removesuffix("\n"), locales))
    return tuple(found)


def fill(template: Template, locale: str, seed: int, pool: Sequence[str] = ()) -> Sample:
    """Fill a template.

    Args:
        template: The template.
        locale: Where the person it is about lives.
        seed: The same arguments give the same sample, for one version of Faker.
        pool: Locales that further persons may come from; that of the first person if empty.

    Returns:
        The text with the spans of its values.
    """
    rng = random.Random(seed)
    people: dict[str, Person] = {}

    def person(letter: str) -> Person:
        if letter not in people:
            home = (
                rng.choice(pool)
                if letter != "a" and pool and rng.random() < _OTHER_LOCALE
                else locale
            )
            people[letter] = Person(home, seeded(home, seed * 7 + ord(letter)), rng)
        return people[letter]

    text = template.text
    while _CHOICE.search(text):
        text = _CHOICE.sub(lambda m: rng.choice(m[1].split("|")), text)
    person("a")
    pieces: list[str] = []
    labels: list[Label] = []
    length = last = 0
    for match in _SLOT.finditer(text):
        value, kind = person(match[1] or "a").value(match[2])
        value = _in_form(value, match[3])
        pieces += [text[last : match.start()], value]
        start = length + match.start() - last
        length, last = start + len(value), match.end()
        if kind:
            labels.append(Label(start, length, kind))
    pieces.append(text[last:])
    return Sample("".join(pieces), tuple(labels), locale, template.name)


def _in_form(value: str, form: str | None) -> str:
    if form == "upper":
        return value.upper()
    if form == "lower":
        return value.lower()
    if form == "json":
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return value


def generate(
    each: int = 8, seed: int = FIRST_SEED, locales: Sequence[str] = tuple(LATIN)
) -> list[Sample]:
    """Fill every template several times.

    Args:
        each: Samples a template.
        seed: Picks the corpus; at least `split.FIRST_SEED`.
        locales: Where the people live, in turn; a template may be limited to a few.

    Returns:
        The samples, template by template.
    """
    rng = random.Random(seed)
    samples = []
    turn = list(locales)
    for number, template in enumerate(templates()):
        allowed = [name for name in template.locales or locales if name in locales]
        if not allowed:
            continue
        for again in range(each):
            if not template.locales and not turn:
                turn = list(locales)
            locale = rng.choice(allowed) if template.locales else turn.pop(rng.randrange(len(turn)))
            one = seed + number * 1000 + again
            samples.append(fill(template, locale, one, locales))
    return samples


def generate_other_scripts(each: int = 2, seed: int = FIRST_SEED + 500_000) -> list[Sample]:
    """The same templates with people whose names are not in Latin letters."""
    return generate(each, seed, tuple(OTHER_SCRIPTS))
