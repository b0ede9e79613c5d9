"""Licence plates, by a label, and vehicle identification numbers."""

from __future__ import annotations

from typing import ClassVar

from piirag.detection.recognizers.base import Contains, Form, Mixed, form
from piirag.detection.recognizers.checksums import vin
from piirag.detection.recognizers.keyed import (
    IN_LINE,
    STRICT,
    KeyedRecognizer,
    Rule,
    rule,
)

# Two to four groups of capitals and digits: "AB12 CDE", "B-MW 1234", "AB-123-CD", "1234 BCD".
_PLATE = r"[A-ZÄÖÜ0-9]{1,8}(?:[ ·•-]{1,3}[A-ZÄÖÜ0-9]{1,5}){0,3}(?![\w-])"
_PLATE_ANY_CASE = r"[A-Za-z0-9]{1,8}(?:[-][A-Za-z0-9]{1,5}){0,3}(?![\w-])"
_FEWEST, _MOST = 4, 8
_VEHICLES = "car Car vehicle Vehicle van Van lorry truck motorcycle motorbike taxi Auto".split()

_VIN = r"[A-HJ-NPR-Z0-9]{17}"


def _plate(value: str) -> bool | None:
    characters = [c for c in value if c.isalnum()]
    digits = sum(map(str.isdigit, characters))
    mixed = 0 < digits < len(characters)
    return None if mixed and _FEWEST <= len(characters) <= _MOST else False


def _labelled_vin(value: str) -> bool | None:
    number = value.upper()
    if sum(map(str.isdigit, number)) < 4 or number.isdigit():
        return False
    return True if vin(number) else None  # Europe's need no check digit


def _bare_vin(value: str) -> bool | None:
    # The last four are digits everywhere (ISO 3779); a right check digit alone is chance, 1 in 11.
    mixed = sum(map(str.isalpha, value)) >= 3 and len(set(value)) >= 8
    return mixed and value[13:].isdigit() and vin(value)


class LicensePlateRecognizer(KeyedRecognizer):
    """Number plates of any country behind a word for them.

    No form is distinct enough to do without a label: AB12 CDE is a part number as well.
    """

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule(
            "LICENSE_PLATE",
            """license plate, licence plate, number plate, numberplate, plate number, plate no,
            plate, plates, vehicle registration, vehicle reg, car registration, car reg,
            registration mark, registration plate, reg no, reg number, reg plate, vrm, vrn,
            kennzeichen, kfz kennzeichen, autokennzeichen, nummernschild, amtliches kennzeichen,
            immatriculation, plaque d immatriculation, plaque, immatricule, immatriculee, matricula,
            placa, targa, targata, targato, kenteken, numer rejestracyjny, nr rejestracyjny,
            nr rej, rejestracja, registration number, veicolo targato, license tag, tag number""",
            _PLATE,
            check=_plate,
            link=IN_LINE,
            words=1,
        ),
        rule(
            "LICENSE_PLATE",
            """license plate, licence plate, number plate, plate number, vehicle registration,
            kennzeichen, immatriculation, matricula, targa, kenteken, vehicle reg, reg no""",
            _PLATE_ANY_CASE,
            check=_plate,
            link=STRICT,
        ),
        rule(  # plates of figures alone, as in Latvia of old or by a number chosen in the US
            "LICENSE_PLATE",
            "license plate, licence plate, number plate, plate number, plate no, plate",
            r"\d{3}[ -]?\d{3,4}(?![\w-])(?![.,]\d)",
            link=IN_LINE,
            table=False,
        ),
    )
    FORMS: ClassVar[tuple[Form, ...]] = (
        form(
            "LICENSE_PLATE",
            rf"(?<![^\W_])(?:{'|'.join(_VEHICLES)})[ ][(\[](?P<value>{_PLATE})(?=[)\]])",
            Contains(*(f"{word} {mark}" for word in _VEHICLES for mark in "([")),
            check=_plate,
        ),
    )


class VinRecognizer(KeyedRecognizer):
    """Vehicle identification numbers: by a label, or by their check digit."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule(
            "VIN",
            """vin, vehicle identification number, vehicle id number, vehicle identification,
            chassis, chassis number, chassis no, fahrgestellnummer, fin, fahrzeug ident nr,
            fahrzeugidentifikationsnummer, numero de chassis, bastidor, numero di telaio, telaio,
            chassisnummer, nr vin, numer vin""",
            rf"(?i:{_VIN})(?![\w-])",
            check=_labelled_vin,
        ),
    )
    FORMS: ClassVar[tuple[Form, ...]] = (
        form(
            "VIN",
            rf"(?<![\w/+=-]){_VIN}(?![\w/+=-])",
            Mixed(r"[A-HJ-NPR-Z0-9]{13}\d{4}"),
            check=_bare_vin,
        ),
    )
