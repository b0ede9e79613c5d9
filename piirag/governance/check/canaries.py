"""Planted values that stand nowhere else, and looking for them in whatever form they may take."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

from piirag.policy import Policy

_SYLLABLES = "ba be bo da de do fa fe ga go ka ke ko la le lo ma me mo na ne no ra re ro".split()


@dataclass(frozen=True, repr=False)
class Canaries:
    """Values of one run.

    Args:
        values: Entity type -> the value that was planted.
        left_out: Types that the policy does not act on.
    """

    values: Mapping[str, str]
    left_out: tuple[str, ...] = field(default=())

    @classmethod
    def plant(cls, policy: Policy) -> Canaries:
        """New values of the types that a policy acts on.

        Numbers have right check digits and belong to nobody: a telephone number of the range
        that Ofcom keeps for drama, and an address under example.com.
        """
        made = {
            "PERSON": f"{_word()} {_word()}",
            "EMAIL_ADDRESS": f"{_word().lower()}.{secrets.token_hex(4)}@example.com",
            "PHONE_NUMBER": f"+44 20 7946 0{secrets.randbelow(1000):03}",
            "CREDIT_CARD": _card(),
            "IBAN_CODE": _iban(),
        }
        scores = {"PHONE_NUMBER": 0.4}
        wanted = {k: v for k, v in made.items() if policy.wants(k, scores.get(k, 1.0))}
        return cls(wanted, tuple(kind for kind in made if kind not in wanted))

    @property
    def known(self) -> dict[str, list[str]]:
        """What the application is said to know: the person's name, which no pattern has."""
        return {k: [v] for k, v in self.values.items() if k == "PERSON"}

    @property
    def text(self) -> str:
        """A document with all of them."""
        lines = {
            "PERSON": "The customer {} asked for a callback.",
            "EMAIL_ADDRESS": "Mail: {}.",
            "PHONE_NUMBER": "Phone: {}.",
            "CREDIT_CARD": "The card {} was declined.",
            "IBAN_CODE": "Refund to IBAN {}.",
        }
        return "Case note. " + " ".join(lines[k].format(v) for k, v in self.values.items())

    def found(self, data: bytes | str) -> list[str]:
        """Types of the values that stand in data, in any form."""
        raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
        lower = raw.lower()
        return [
            kind
            for kind, value in self.values.items()
            if any(form in raw or form.lower() in lower for form in forms(value))
        ]

    def in_files(self, folder: Path) -> list[str]:
        """Types of the values that stand in the files of a folder."""
        found: set[str] = set()
        for file in _files(folder):
            found.update(self.found(file.read_bytes()))
        return sorted(found)

    def __repr__(self) -> str:
        return f"Canaries({', '.join(self.values)})"


def forms(value: str) -> Iterator[bytes]:
    """A value as it is, without its spaces, in UTF-16, escaped, and in base64."""
    for text in dict.fromkeys((value, value.replace(" ", ""), value.lower(), value.upper())):
        data = text.encode()
        yield data
        yield text.encode("utf-16-le")
        yield text.encode("utf-16-be")
        yield quote(text, safe="").encode()
        yield quote_plus(text).encode()
        yield "".join(f"%{byte:02X}" for byte in data).encode()
        yield (
            json.dumps("".join(f"\\u{ord(c):04x}" for c in text))[1:-1]
            .replace("\\\\", "\\")
            .encode()
        )
        for offset in range(3):
            coded = base64.b64encode(bytes(offset) + data)
            core = coded[-(-offset * 8 // 6) : (offset + len(data)) * 8 // 6]
            yield core
            yield core.translate(bytes.maketrans(b"+/", b"-_"))


def _files(folder: Path) -> Iterable[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _word() -> str:
    return "".join(secrets.choice(_SYLLABLES) for _ in range(4)).capitalize()


def _card() -> str:
    body = "400000" + "".join(str(secrets.randbelow(10)) for _ in range(9))
    total = 0
    for at, digit in enumerate(reversed(body)):
        number = int(digit) * (1 if at % 2 else 2)
        total += number - 9 if number > 9 else number
    return body + str(-total % 10)


def _iban() -> str:
    account = "WEST" + "".join(str(secrets.randbelow(10)) for _ in range(14))
    number = int("".join(str(int(c, 36)) for c in account + "GB00"))
    return f"GB{98 - number % 97:02}{account}"
