"""Numbers of phones and SIM cards, by a label, and places on the globe."""

from __future__ import annotations

import re
from typing import ClassVar

from piirag.detection.recognizers.base import Digits, Form, form
from piirag.detection.recognizers.checksums import bare, luhn
from piirag.detection.recognizers.keyed import (
    IN_LINE,
    STRICT,
    KeyedRecognizer,
    Rule,
    holds,
    rule,
)

_UUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![\w-])"
_IMEI = r"\d{2}[ -]?\d{6}[ -]?\d{6}[ -]?\d{1,2}(?![\w-])"


def _imei(value: str) -> bool | None:
    number = bare(value)
    # Sixteen digits: with a software version in place of the check digit (3GPP TS 23.003).
    if len(number) == 16:
        return None
    return len(number) == 15 and len(set(number)) > 2 and luhn(number)


def _iccid(value: str) -> bool | None:
    number = bare(value)
    if not number.startswith("89") or not 18 <= len(number) <= 20:
        return False
    return True if luhn(number) else None


class DeviceRecognizer(KeyedRecognizer):
    """IMEI, SIM card and advertising identifiers, by a label."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule("IMEI", "imei, imeisv, imei1, imei2", _IMEI, check=_imei),
        rule("DEVICE_ID", "iccid, sim serial, sim", r"89\d{16,18}(?!\w)", check=_iccid),
        rule("DEVICE_ID", "imsi", r"\d{14,15}(?!\w)", check=holds(digits=14)),
        rule("DEVICE_ID", "idfa, idfv, gaid, aaid, advertising id, ad id", _UUID, link=IN_LINE),
        rule(
            "DEVICE_ID",
            """device serial, device serial number, pacemaker serial, implant serial,
            device identifier, meter number, medical device id""",
            r"[A-Za-z0-9](?:[A-Za-z0-9-]){4,24}(?![\w-])",
            check=holds(digits=4, length=(6, 24)),
            link=IN_LINE,
        ),
    )


_LATITUDE = r"[+-]?(?:[0-8]?\d|90)\.\d{3,15}"
_LONGITUDE = r"[+-]?(?:1[0-7]\d|180|0?\d?\d)\.\d{3,15}"
_BETWEEN = r"(?:,[ ]{0,2}|;[ ]{0,2}|[ ]{1,2}|/)"
_PAIR = rf"{_LATITUDE}°?[ ]?[NS]?{_BETWEEN}{_LONGITUDE}°?[ ]?[EWO]?(?![\w.])"
_ARC = (
    r"\d{1,3}[ ]?°[ ]?\d{1,2}(?:\.\d{1,6})?[ ]?['′’][ ]?(?:\d{1,2}(?:\.\d{1,4})?[ ]?(?:[\"″”]|''))?"
)
_FIVE = r"\.\d{5,15}"


def _on_land(value: str) -> bool | None:
    """Two figures near zero, or alike, are rather something else than a place."""
    numbers = [float(n) for n in re.findall(r"[+-]?\d{1,3}\.\d{1,15}", value)]
    if len(numbers) != 2 or numbers[0] == numbers[1]:
        return False
    return None if abs(numbers[0]) >= 10 and abs(numbers[1]) >= 1 else False


def _not_in_a_list(text: str, start: int, end: int) -> bool:
    """Whether the pair stands by itself, neither in a list of figures nor in a call."""
    before = text[max(0, start - 80) : start].rstrip()
    behind = text[end : end + 80].lstrip()
    if before[-1:] in {"(", "["}:
        inner = before[:-1].rstrip()
        if before[-2:-1].isalnum() or inner[-1:] in set(",=([{:") or behind[1:2] == ",":
            return False
        return behind[:1] in {")", "]"}
    return before[-1:] not in set(",;=+*/<>-([{") and behind[:1] not in set(",;:*/+-)]}")


class CoordinatesRecognizer(KeyedRecognizer):
    """Latitude and longitude: labelled, with N/S and E/W, in map links, or as a bare pair.

    Three decimals are about 100 m. A bare pair needs five decimals in both figures and must not
    be part of a longer list.
    """

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule(
            "COORDINATES",
            """coordinates, coords, gps, gps coordinates, geo, geolocation, lat/long, lat/lng,
            lat lon, latlng, latlong, location, position, lat long, koordinaten, coordonnees,
            coordenadas, coordinate""",
            _PAIR,
        ),
        rule("COORDINATES", "lat, latitude", rf"{_LATITUDE}(?![\w.])", link=STRICT),
        rule("COORDINATES", "lon, lng, long, longitude", rf"{_LONGITUDE}(?![\w.])", link=STRICT),
    )
    FORMS: ClassVar[tuple[Form, ...]] = (
        form(
            "COORDINATES",
            r"(?<![\w.])[+-]?\d{1,2}\.\d{3,15}[ ]?°?[ ]?[NS][,;/ ]{1,3}"
            r"[+-]?\d{1,3}\.\d{3,15}[ ]?°?[ ]?[EWO](?!\w)",
            Digits(6, r"\.\d{3,15}[ ]?°?[ ]?[NS][,;/ ]"),
        ),
        form(
            "COORDINATES",
            rf"(?<![\w.]){_ARC}[ ]?[NS][,;/ ]{{0,3}}{_ARC}[ ]?[EWO](?!\w)",
            Digits(4, r"°[ ]?\d{1,2}(?:\.\d{1,6})?[ ]?['′’]"),
        ),
        form(
            "COORDINATES",
            rf"(?:/@|[?&](?:q|ll|query|center|destination|daddr|saddr|sll|mlat)=(?:loc:)?|\bgeo:)"
            rf"(?P<value>{_LATITUDE}(?:,|%2C){_LONGITUDE})(?!\d)",
            Digits(8, r"\.\d{3,15}(?:,|%2C)[+-]?\d"),
        ),
        form(
            "COORDINATES",
            rf"(?<![\w.+-])(?P<value>[+-]?[1-8]\d{_FIVE},[ ]?[+-]?1?\d{{1,2}}{_FIVE})(?![\w.%])",
            Digits(13, rf"{_FIVE},[ ]?[+-]?\d"),
            score=0.4,
            check=_on_land,
            around=_not_in_a_list,
        ),
    )
