"""Check digits and rules of national numbers.

Each function takes a number in the bare form of `checksums.bare` and returns whether it is one
that could be issued. Sources are the issuing authorities' own descriptions, named where there is
one; the rest are described in OECD's collection of tax identification numbers.
"""

from __future__ import annotations

import re

from piirag.detection.recognizers.checksums import luhn, mod11_10, verhoeff, weighted

# His Majesty's Revenue and Customs, National Insurance Manual NIM39110.
_NINO = re.compile(r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]")
_SPANISH = re.compile(r"([XYZ]?)(\d{7,8})([A-Z])")
_ITALIAN = re.compile(r"[A-Z]{6}[\dLMNP-V]{2}[A-EHLMPRST][\dLMNP-V]{2}[A-Z][\dLMNP-V]{3}[A-Z]")
_ITALIAN_ODD = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (1, 0, 5, 7, 9, 13, 15, 17, 19, 21) * 2
        + (2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
        strict=True,
    )
)
_NIR = re.compile(r"[1-478](\d{2})(\d{2})(\d{2}|2[AB])(\d{3})(\d{3})(\d{2})")
_PESEL = re.compile(r"\d{2}(\d{2})(\d{2})\d{5}")
_PAN = re.compile(r"[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z]")
# Prefixes of the campuses that issue employer identification numbers (IRS, 2023).
_NO_EIN = frozenset("00 07 08 09 17 18 19 28 29 49 69 70 78 79 89 96 97".split())


def nino(number: str) -> bool:
    """British National Insurance number."""
    return _NINO.fullmatch(number) is not None


def nhs(number: str) -> bool:
    """British NHS number."""
    if len(number) != 10 or not number.isdigit():
        return False
    return (11 - weighted(number, range(10, 1, -1)) % 11) % 11 == int(number[-1])


def utr(number: str) -> bool:
    """British Unique Taxpayer Reference: ten digits, the first a check digit."""
    if len(number) != 10 or not number.isdigit():
        return False
    rest = weighted(number[1:], (6, 7, 8, 9, 10, 5, 4, 3, 2)) % 11
    return "21987654321"[rest] == number[0]


def german_document(number: str) -> bool:
    """German identity card or passport with the check digit of ICAO Doc 9303 at its end."""
    if re.fullmatch(r"[CFGHJKLMNPRTVWXYZ][CFGHJKLMNPRTVWXYZ0-9]{8}\d", number) is None:
        return False
    values = [int(c, 36) for c in number[:-1]]
    return sum(v * w for v, w in zip(values, (7, 3, 1) * 3, strict=True)) % 10 == int(number[-1])


def steuer_id(number: str) -> bool:
    """German tax identification number (section 139b AO): no digit more than three times."""
    if len(number) != 11 or not number.isdigit() or number[0] == "0":
        return False
    most = max(number[:10].count(d) for d in set(number[:10]))
    return 2 <= most <= 3 and mod11_10(number)


def nir(number: str) -> bool:
    """French social security number with its key; 2A and 2B stand for Corsica."""
    match = _NIR.fullmatch(number)
    if match is None:
        return False
    month = int(match[2])
    # 20 and more: birth certificates whose month is not known.
    if not (1 <= month <= 12 or 20 <= month <= 42 or month >= 50):
        return False
    digits = number[:13].replace("2A", "19").replace("2B", "18")
    return 97 - int(digits) % 97 == int(match[6])


def siren(number: str) -> bool:
    """French company number of nine digits (SIREN) or fourteen (SIRET)."""
    if len(number) not in {9, 14} or not number.isdigit() or int(number) == 0:
        return False
    # La Poste numbers its offices by digit sums (INSEE).
    if number.startswith("356000000") and len(number) == 14 and sum(map(int, number)) % 5 == 0:
        return True
    return luhn(number) and (len(number) == 9 or luhn(number[:9]))


def dni(number: str) -> bool:
    """Spanish DNI or NIE."""
    match = _SPANISH.fullmatch(number)
    if match is None or len(number) != 9:
        return False
    prefix = {"": "", "X": "0", "Y": "1", "Z": "2"}[match[1]]
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(prefix + match[2]) % 23] == match[3]


def nss(number: str) -> bool:
    """Spanish social security number: province, serial number, remainder of 97."""
    if len(number) != 12 or not number.isdigit() or not 1 <= int(number[:2]) <= 66:
        return False
    serial = int(number[2:10])
    joined = int(number[:2]) * 10_000_000 + serial if serial < 10_000_000 else int(number[:10])
    return joined % 97 == int(number[10:])


def codice_fiscale(number: str) -> bool:
    """Italian tax code, also with letters in place of digits (omocodia)."""
    if _ITALIAN.fullmatch(number) is None:
        return False
    total = sum(
        int(c, 36) - 10 * c.isalpha() if i % 2 else _ITALIAN_ODD[c]
        for i, c in enumerate(number[:15])
    )
    return chr(65 + total % 26) == number[15]


def partita_iva(number: str) -> bool:
    """Italian VAT number."""
    return len(number) == 11 and number.isdigit() and int(number) > 0 and luhn(number)


def bsn(number: str) -> bool:
    """Dutch citizen service number: the eleven test."""
    number = number.zfill(9) if len(number) == 8 else number
    if len(number) != 9 or not number.isdigit() or int(number) == 0:
        return False
    return weighted(number, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def pesel(number: str) -> bool:
    """Polish PESEL: a date of birth, the century in the month, and a check digit."""
    match = _PESEL.fullmatch(number)
    if match is None or not 1 <= int(match[1]) % 20 <= 12 or not 1 <= int(match[2]) <= 31:
        return False
    return weighted(number, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def nip(number: str) -> bool:
    """Polish tax number."""
    if len(number) != 10 or not number.isdigit() or int(number[:3]) < 100:
        return False
    return weighted(number, (6, 5, 7, 2, 3, 4, 5, 6, 7)) % 11 == int(number[-1])


def regon(number: str) -> bool:
    """Polish statistical number of nine or fourteen digits."""
    if not number.isdigit() or int(number) == 0:
        return False
    if len(number) == 14:
        weights: tuple[int, ...] = (2, 4, 8, 5, 0, 9, 7, 3, 6, 1, 2, 4, 8)
        return regon(number[:9]) and weighted(number, weights) % 11 % 10 == int(number[-1])
    return len(number) == 9 and weighted(number, (8, 9, 2, 3, 4, 5, 6, 7)) % 11 % 10 == int(
        number[-1]
    )


def dowod(number: str) -> bool:
    """Polish identity card: three letters, a check digit, five digits."""
    if re.fullmatch(r"[A-Z]{3}\d{6}", number) is None:
        return False
    values = [int(c, 36) for c in number]
    weights = (7, 3, 1, 9, 7, 3, 1, 7, 3)
    return sum(v * w for v, w in zip(values, weights, strict=True)) % 10 == 0


def aadhaar(number: str) -> bool:
    """Indian Aadhaar number (UIDAI): twelve digits, not beginning with 0 or 1."""
    if len(number) != 12 or not number.isdigit() or number[0] in "01":
        return False
    return number != number[::-1] and verhoeff(number)


def pan(number: str) -> bool:
    """Indian Permanent Account Number: the fourth letter tells the kind of holder."""
    return _PAN.fullmatch(number) is not None


def tfn(number: str) -> bool:
    """Australian tax file number."""
    if len(number) != 9 or not number.isdigit() or int(number) == 0:
        return False
    return weighted(number, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def medicare(number: str) -> bool:
    """Australian Medicare card number, with or without the reference of the person."""
    if len(number) not in {10, 11} or not number.isdigit() or number[0] not in "23456":
        return False
    return weighted(number, (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == int(number[8])


def abn(number: str) -> bool:
    """Australian Business Number."""
    if len(number) != 11 or not number.isdigit() or number[0] == "0":
        return False
    first = str(int(number[0]) - 1)
    return weighted(first + number[1:], (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)) % 89 == 0


def acn(number: str) -> bool:
    """Australian Company Number."""
    if len(number) != 9 or not number.isdigit() or int(number) == 0:
        return False
    return (10 - weighted(number, range(8, 0, -1)) % 10) % 10 == int(number[-1])


def ein(number: str) -> bool:
    """US Employer Identification Number: no check digit, but a prefix that is in use."""
    return len(number) == 9 and number.isdigit() and number[:2] not in _NO_EIN
