"""Check digits. Each takes the bare characters of a number and says whether they agree."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

_VERHOEFF_D = (
    "0123456789 1234067895 2340178956 3401289567 4012395678 "
    "5987604321 6598710432 7659821043 8765932104 9876543210"
).split()
_VERHOEFF_P = (
    "0123456789 1576283094 5803796142 8916043527 9453126870 4286573901 2793806415 7046913258"
).split()

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
RIPPLE58 = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32_CONSTANTS = (1, 0x2BC830A3)


def bare(value: str) -> str:
    """Letters and digits only, in capitals. Digits other than ASCII's do not count."""
    return "".join(c for c in value.upper() if c.isascii() and c.isalnum())


def luhn(number: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    total = 0
    for i, char in enumerate(reversed(number)):
        digit = int(char)
        if i % 2:
            digit = digit * 2 - 9 if digit > 4 else digit * 2
        total += digit
    return total % 10 == 0


def weighted(number: str, weights: Sequence[int]) -> int:
    """Sum of digits times weights, as far as there are weights."""
    return sum(int(digit) * weight for digit, weight in zip(number, weights, strict=False))


def verhoeff(number: str) -> bool:
    """Verhoeff's check digit at the end (Aadhaar)."""
    check = 0
    for i, char in enumerate(reversed(number)):
        check = int(_VERHOEFF_D[check][int(_VERHOEFF_P[i % 8][int(char)])])
    return check == 0


def mod11_10(number: str) -> bool:
    """ISO 7064 MOD 11,10 (German tax identification numbers)."""
    product = 10
    for char in number[:-1]:
        product = ((int(char) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(number[-1])


def aba(number: str) -> bool:
    """Routing number of a US bank: first two digits by the ABA's ranges, and a check digit."""
    area = int(number[:2])
    known = area <= 12 or 21 <= area <= 32 or 61 <= area <= 72 or area == 80
    return known and weighted(number, (3, 7, 1) * 3) % 10 == 0 and int(number) != 0


def npi(number: str) -> bool:
    """US National Provider Identifier: Luhn with the prefix 80840 (45 CFR 162.406)."""
    return number[0] in "12" and luhn("80840" + number)


def vin(number: str) -> bool:
    """Check digit of a vehicle identification number (49 CFR 565.15)."""
    values = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", "12345678123457923456789", strict=True))
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    total = sum(int(values.get(c, c)) * w for c, w in zip(number, weights, strict=True))
    return number[8] == "0123456789X"[total % 11]


def base58check(text: str, alphabet: str = BASE58) -> bytes | None:
    """The payload of a base58check string; None if its four check bytes are wrong."""
    number = 0
    for char in text:
        value = alphabet.find(char)
        if value < 0:
            return None
        number = number * 58 + value
    zeros = len(text) - len(text.lstrip(alphabet[0]))
    raw = b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")
    payload, check = raw[:-4], raw[-4:]
    again = hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    return payload if len(raw) > 4 and check == again else None


def bech32(text: str) -> bool:
    """Checksum of a bech32 or bech32m string (BIP 173, BIP 350); Cardano's may be longer."""
    if text != text.lower() and text != text.upper():
        return False
    prefix, _, data = text.lower().rpartition("1")
    values = [_BECH32.find(c) for c in data]
    if not prefix or len(data) < 6 or min(values) < 0:
        return False
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    checksum = 1
    for value in expanded + values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for i, generator in enumerate(_BECH32_GENERATOR):
            if top >> i & 1:
                checksum ^= generator
    return checksum in _BECH32_CONSTANTS
