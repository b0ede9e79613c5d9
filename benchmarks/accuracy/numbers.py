"""Numbers that name people or accounts, valid in form and, where there is one, in checksum."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable

_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"


def digits(rng: random.Random, count: int) -> str:
    """So many random digits, the first of them no zero."""
    return str(rng.randint(1, 9)) + "".join(rng.choices("0123456789", k=count - 1))


def letters(rng: random.Random, count: int) -> str:
    """So many random capitals, without those that look like digits."""
    return "".join(rng.choices(_LETTERS, k=count))


def luhn(body: str) -> str:
    """Append the check digit of ISO/IEC 7812."""
    doubled = [int(d) * (2 - i % 2) for i, d in enumerate(reversed(body))]
    return body + str(-sum(d - 9 * (d > 9) for d in doubled) % 10)


def card(rng: random.Random) -> str:
    """A card number of Visa, Mastercard (both series), American Express, Discover or Maestro."""
    prefix, length = rng.choice(
        (("4", 16), ("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("2720", 16), ("37", 15),
         ("34", 15), ("6011", 16), ("65", 16))
    )  # fmt: skip
    number = luhn(prefix + digits(rng, length - len(prefix) - 1))
    if rng.random() < 0.5:
        return number
    separator = rng.choice((" ", " ", "-"))
    cuts = (0, 4, 10, 15) if length == 15 else (0, 4, 8, 12, 16)
    return separator.join(number[a:b] for a, b in itertools.pairwise(cuts))


# After the ISO 13616 registry: how many digits (n), letters (a) or either (c) follow the country
# and the check digits.
_IBAN = dict(
    line.split()
    for line in """
    DE 18n|GB 4a14n|FR 10n11c2n|ES 20n|IT 1a10n12c|NL 4a10n|PL 24n|BE 12n|AT 16n|CH 5n12c|PT 21n
    SE 20n|DK 14n|NO 11n|FI 14n|IE 4a14n|CZ 20n|SK 20n|HU 24n|RO 4a16c|HR 17n|SI 15n|LT 16n
    LV 4a13c|EE 16n|IS 22n|TR 6n16c|AZ 4a20n|BR 23n1a1c
    """.replace("\n", "|").split("|")
    if line.strip()
)
_SYMBOLS = {
    "n": "0123456789",
    "a": "ABCDEFGHJKLMNPRSTUVWXYZ",
    "c": "0123456789" * 4 + "ABCDEFGHKLMNPRSTUVWX",
}


def iban(rng: random.Random, country: str) -> str:
    """An IBAN; of one of the large countries where this one has none."""
    if country not in _IBAN:
        country = rng.choice(("DE", "GB", "FR", "NL"))
    parts = re.findall(r"(\d+)([nac])", _IBAN[country])
    body = "".join("".join(rng.choices(_SYMBOLS[kind], k=int(n))) for n, kind in parts)
    spelled = "".join(str(int(c, 36)) for c in f"{body}{country}00")
    return f"{country}{98 - int(spelled) % 97:02}{body}"


def _nino(rng: random.Random) -> str:
    number = f"{rng.choice('ABCEHJKLMPRSTWXY')}{rng.choice('ABCEHJKLMPRSTWXYZ')}"
    groups = [number, *(f"{rng.randint(0, 99):02}" for _ in range(3)), rng.choice("ABCD")]
    return rng.choice((" ", "")).join(groups)


def _steuer_id(rng: random.Random) -> str:
    # One digit stands twice among the first ten; ISO 7064 mod 11, 10 makes the eleventh.
    body = rng.sample("0123456789", 9)
    while body[0] == "0":
        rng.shuffle(body)
    body.insert(rng.randint(2, 9), body[1])
    product = 10
    for digit in body:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    number = "".join(body) + str((11 - product) % 10)
    return number if rng.random() < 0.5 else " ".join(
        (number[:2], number[2:5], number[5:8], number[8:])
    )  # fmt: skip


def _nir(rng: random.Random) -> str:
    parts = (
        rng.choice("12"), f"{rng.randint(40, 99)}", f"{rng.randint(1, 12):02}",
        f"{rng.choice((13, 33, 35, 44, 59, 67, 69, 75))}", f"{rng.randint(1, 990):03}",
        f"{rng.randint(1, 999):03}",
    )  # fmt: skip
    key = f"{97 - int(''.join(parts)) % 97:02}"
    return rng.choice((" ", "")).join((*parts, key))


def _nif(rng: random.Random) -> str:
    number = rng.randint(10_000_000, 99_999_999)
    return f"{number}{rng.choice(('', '-'))}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}"


def _bsn(rng: random.Random) -> str:
    while True:
        body = digits(rng, 8)
        check = sum(int(d) * (9 - i) for i, d in enumerate(body)) % 11
        if check < 10:
            return f"{body}{check}"


def _pesel(rng: random.Random) -> str:
    body = f"{rng.randint(40, 99)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}{digits(rng, 4)}"
    return body + str(-sum(int(d) * w for d, w in zip(body, (1, 3, 7, 9) * 3, strict=False)) % 10)


def _tfn(rng: random.Random) -> str:
    while True:
        number = digits(rng, 9)
        weights = (1, 4, 3, 7, 5, 8, 6, 9, 10)
        if sum(int(d) * w for d, w in zip(number, weights, strict=True)) % 11 == 0:
            return f"{number[:3]} {number[3:6]} {number[6:]}"


def _aadhaar(rng: random.Random) -> str:
    body = str(rng.randint(2, 9)) + "".join(rng.choices("0123456789", k=10))
    number = body + _verhoeff(body)
    return f"{number[:4]} {number[4:8]} {number[8:]}" if rng.random() < 0.7 else number


def _verhoeff(body: str) -> str:
    """The check digit of Verhoeff's scheme (the dihedral group of order ten)."""

    def times(a: int, b: int) -> int:
        if a < 5:
            return (a + b) % 5 if b < 5 else 5 + (a + b - 5) % 5
        return 5 + (a - 5 - b) % 5 if b < 5 else (a - b) % 5

    first = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
    permutations = [tuple(range(10))]
    for _ in range(7):
        permutations.append(tuple(first[p] for p in permutations[-1]))
    check = 0
    for i, digit in enumerate(reversed(body), start=1):
        check = times(check, permutations[i % 8][int(digit)])
    return str(next(d for d in range(10) if times(check, d) == 0))


def _ssn(rng: random.Random) -> str:
    area = rng.choice([*range(1, 666), *range(667, 773)])
    return f"{area:03}-{rng.randint(1, 99):02}-{rng.randint(1, 9999):04}"


NATIONAL: dict[str, tuple[str, Callable[[random.Random], str]]] = {
    "en_US": ("Social Security number", _ssn),
    "en_GB": ("National Insurance number", _nino),
    "de_DE": ("Steuer-ID", _steuer_id),
    "fr_FR": ("numéro de sécurité sociale", _nir),
    "es_ES": ("DNI", _nif),
    "nl_NL": ("BSN", _bsn),
    "pl_PL": ("PESEL", _pesel),
    "en_AU": ("tax file number", _tfn),
    "en_IN": ("Aadhaar number", _aadhaar),
}
"""Locale -> what its number is called, and how one is made. Italy's comes from Faker."""


def passport(rng: random.Random, locale: str) -> str:
    """A passport number in the form of the country."""
    if locale == "en_US":
        return rng.choice((digits(rng, 9), letters(rng, 1) + digits(rng, 8)))
    if locale in {"en_GB", "nl_BE", "fr_BE"}:
        return digits(rng, 9) if locale == "en_GB" else letters(rng, 2) + digits(rng, 6)
    if locale.startswith("fr"):
        return f"{rng.randint(10, 25)}{letters(rng, 2)}{digits(rng, 5)}"
    if locale.startswith("de"):
        return "C" + "".join(rng.choices("CFGHJKLMNPRTVWXYZ0123456789", k=8))
    if locale.startswith(("es", "it")):
        return letters(rng, rng.choice((2, 3))) + digits(rng, 6) + rng.choice(("", "4"))
    return letters(rng, rng.choice((1, 2))) + digits(rng, 7)


def licence(rng: random.Random, locale: str, last: str) -> str:
    """A driving licence number in the form of the country (US: one of several states)."""
    if locale == "en_GB":
        name = "".join(c for c in last.upper() if "A" <= c <= "Z").ljust(5, "9")[:5]
        return f"{name}{rng.randint(0, 9)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}" + (
            f"{rng.randint(0, 9)}{letters(rng, 1)}9{letters(rng, 2)}"
        )
    if locale == "en_US":
        forms = (
            letters(rng, 1) + digits(rng, 7),  # California
            digits(rng, 8),  # Texas
            letters(rng, 1) + digits(rng, 12),  # Florida, Michigan
            f"{letters(rng, 1)}{digits(rng, 3)}-{digits(rng, 4)}-{digits(rng, 4)}",  # Illinois
            digits(rng, 9),  # New York
        )
        return rng.choice(forms)
    if locale.startswith("de"):
        return f"{letters(rng, 1)}{digits(rng, 3)}{letters(rng, 3)}{digits(rng, 2)}{digits(rng, 2)}"
    return letters(rng, 2) + digits(rng, 7)


def routing(rng: random.Random) -> str:
    """A routing number of a bank in the United States, with its check digit."""
    body = f"{rng.randint(1, 12):02}" + "".join(rng.choices("0123456789", k=6))
    weighted = sum(int(d) * w for d, w in zip(body, (3, 7, 1) * 3, strict=False))
    return body + str(-weighted % 10)


def secret(rng: random.Random) -> str:
    """A key or token in the form of a well-known service."""
    upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    mixed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    kind = rng.randrange(4)
    if kind == 0:
        return "AKIA" + "".join(rng.choices(upper, k=16))
    prefix, length = (("", 0), ("ghp_", 36), ("sk_live_", 24), ("xoxb-", 0))[kind]
    if length:
        return prefix + "".join(rng.choices(mixed, k=length))
    return f"xoxb-{digits(rng, 12)}-{digits(rng, 12)}-{''.join(rng.choices(mixed, k=24))}"


def bitcoin(rng: random.Random) -> str:
    """A Bitcoin address in Base58Check."""
    import hashlib

    payload = b"\x00" + rng.randbytes(20)
    checked = payload + hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    number, text = int.from_bytes(checked), ""
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    while number:
        number, rest = divmod(number, 58)
        text = alphabet[rest] + text
    return "1" + text
