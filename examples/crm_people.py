"""The people of the generated CRM corpus: names, mail addresses, numbers, cards."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

from faker import Faker

_LOCALES = ("en_US", "en_GB", "de_DE", "es_ES", "fr_FR", "pl_PL")
_IBAN_LOCALES = ("de_DE", "en_GB", "fr_FR")
USERS = str.split(
    "kim birch cedar delta ember fjord grove harbor kestrel lagoon maple nimbus "
    "opal prairie quartz ridge sable tundra umber zephyr"
)
_EVERYDAY = frozenset(
    str.split(
        "art bill bishop black bread brown case chance christian church day drew faith fields "
        "finch grace grant green gray grey hope house hunter joy king lane law long love major "
        "mark may miles moon page paris parks power price rich rose short snow stone summer "
        "tanner virginia walls waters white will wise woods young june april august order "
        "english french support"
    )
)


class Customer(NamedTuple):
    """A customer, with all that a CRM knows of them."""

    first: str
    last: str
    values: dict[str, str]  # entity type -> value

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}"


def ascii_of(text: str) -> str:
    """A name as it stands in a mail address."""
    plain = unicodedata.normalize("NFKD", text.translate(str.maketrans("łŁßøØæ", "lLsoOa")))
    return plain.encode("ascii", "ignore").decode().lower()


def luhn(prefix: str, length: int, rng: random.Random) -> str:
    body = prefix + "".join(rng.choices("0123456789", k=length - len(prefix) - 1))
    doubled = [int(d) * (2 - i % 2) for i, d in enumerate(reversed(body))]
    return body + str(-sum(d - 9 * (d > 9) for d in doubled) % 10)


def card(rng: random.Random) -> str:
    if rng.random() < 0.25:
        digits = luhn("378282", 15, rng)
        return rng.choice((digits, f"{digits[:4]} {digits[4:10]} {digits[10:]}"))
    digits = luhn(rng.choice(("411111", "424242", "400000")), 16, rng)
    groups = [digits[i : i + 4] for i in range(0, 16, 4)]
    return rng.choice(("", " ", "-")).join(groups)


def phone(rng: random.Random) -> str:
    # Exchange 555 is hardly given to subscribers; 555-01xx is left out, as kept for fiction.
    area = rng.choice(("206", "212", "303", "312", "404", "415", "503", "512", "617", "702"))
    form = rng.choice(("+1 {}-555-{}", "({}) 555-{}", "{}-555-{}", "+1 {} 555 {}"))
    return form.format(area, rng.randint(2000, 9899))


class Book:
    """Makes customers of whom no two share a name or a value."""

    def __init__(self, seed: int, rng: random.Random) -> None:
        self._rng = rng
        self._taken: set[str] = set(USERS) | _EVERYDAY
        self._fakers = {}
        for offset, locale in enumerate(_LOCALES):
            self._fakers[locale] = Faker(locale, use_weighting=False)
            self._fakers[locale].seed_instance(seed * 31 + offset)

    def _fresh(self, make: Callable[[], str]) -> str:
        # The pools are finite: a corpus of thousands of users repeats values in the end.
        for _ in range(500):
            value = make()
            if ascii_of(value) not in self._taken:
                break
        self._taken.add(ascii_of(value))
        return value

    def _word(self, make: Callable[[], str]) -> str:
        while not re.fullmatch(r"[^\W\d_]{3,}(-[^\W\d_]{3,})?", word := make()):
            pass
        return word

    def customer(self) -> Customer:
        rng = self._rng
        faker = self._fakers[rng.choice((*_LOCALES, *[_LOCALES[0]] * 4))]
        while True:
            first = self._fresh(lambda: self._word(faker.first_name))
            last = self._fresh(lambda: self._word(faker.last_name))
            if (name := ascii_of(f"{first} {last}")) not in self._taken:
                break
        self._taken.add(name)
        local = f"{ascii_of(first)}.{ascii_of(last)}"
        at = f"@example.{rng.choice(('com', 'org', 'net'))}"
        bank = self._fakers[rng.choice(_IBAN_LOCALES)]
        values = {
            "EMAIL_ADDRESS": self._fresh(lambda: local + at),
            "PHONE_NUMBER": self._fresh(lambda: phone(rng)),
            "CREDIT_CARD": self._fresh(lambda: card(rng)),
            "IBAN_CODE": self._fresh(
                lambda: (
                    re.sub(r"(.{4})(?=.)", r"\1 ", bank.iban())
                    if rng.random() < 0.5
                    else bank.iban()
                )
            ),
            # Areas 773 to 899 were not in use before 2011.
            "US_SSN": self._fresh(
                lambda: f"{rng.randint(773, 899)}-{rng.randint(1, 99):02}-{rng.randint(1, 9999):04}"
            ),
            # The two networks that RFC 5737 keeps for documentation.
            "IP_ADDRESS": self._fresh(
                lambda: f"{rng.choice(('203.0.113', '198.51.100'))}.{rng.randint(1, 254)}"
            ),
        }
        return Customer(first, last, values)
