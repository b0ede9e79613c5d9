"""Realistic stand-ins, made by Faker, the same for the same value of a tenant.

They are drawn from ranges that no real person has where such ranges exist: mail addresses under
`example.org` (RFC 2606), telephone numbers under the unassigned country code 999, IP addresses
of 100.64.0.0/10 (RFC 6598), cards that begin with the unassigned 9. A made-up name may still be
somebody's; pseudonyms have no such doubt.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from faker import Faker

_lock = threading.Lock()

_MAKERS: dict[str, Callable[[Faker], str]] = {
    "PERSON": lambda f: f"{f.first_name()} {f.last_name()}",
    "EMAIL_ADDRESS": lambda f: (
        f"{f.first_name()}.{f.last_name()}{f.random_int(10, 99999)}@example.org".lower()
    ),
    "PHONE_NUMBER": lambda f: f.numerify("+999 ### ### ####"),
    "CREDIT_CARD": lambda f: f.numerify("9### #### #### ####"),
    "IP_ADDRESS": lambda f: (
        f"100.{f.random_int(64, 127)}.{f.random_int(0, 255)}.{f.random_int(1, 254)}"
    ),
    "LOCATION": lambda f: str(f.city()),
    "ORGANIZATION": lambda f: str(f.company()),
}


def has_surrogate(entity_type: str) -> bool:
    """Whether there is a surrogate for this type; others fall back to a pseudonym."""
    return entity_type in _MAKERS


def surrogate(entity_type: str, digest: bytes, locale: str = "en_US") -> str:
    """The surrogate that a digest gives.

    Args:
        entity_type: One for which `has_surrogate` holds.
        digest: At least 16 bytes: keyed, so that a value always gives the same one, or random.
        locale: Where names of places and companies are at home, as Faker calls it.
    """
    with _lock:
        faker = _faker(locale)
        faker.seed_instance(int.from_bytes(digest, "big"))
        return " ".join(_MAKERS[entity_type](faker).split())


@functools.cache
def _faker(locale: str) -> Faker:
    from faker import Faker

    return Faker(locale)
