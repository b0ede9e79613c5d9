"""Postal addresses of some seventy countries, on one line or on several."""

from __future__ import annotations

import functools
import random
import re
from dataclasses import dataclass

from .people import VALUES, cultures
from .places import invented_city, read_lists, world

_LOCALE = {
    "us": "en_US", "gb": "en_GB", "ie": "en_IE", "au": "en_NZ", "nz": "en_NZ", "ca": "en_US",
    "de": "de_DE", "at": "de_AT", "ch": "de_CH", "fr": "fr_FR", "be": "nl_BE", "nl": "nl_NL",
    "es": "es_ES", "mx": "es_MX", "ar": "es_AR", "co": "es_CO", "it": "it_IT", "pt": "pt_PT",
    "br": "pt_BR", "in": "hindi", "pk": "pakistani", "jp": "japanese", "ph": "filipino",
    "za": "southafrican", "hr": "hr_HR",
}  # fmt: skip
_EXTRA = (
    "Apt N", "Apt. N", "Apt NB", "Suite N", "Ste N", "Ste. N", "Unit N", "Unit NB", "#N", "# N",
    "Floor N", "Nth Floor", "Room N", "Bldg N", "Building B", "Lot N", "Apartment N", "Box N",
    "Flat N", "Studio N", "Penthouse B", "Suite NB", "Rm. N", "Dept. N", "Trlr N",
)  # fmt: skip
_US_SUFFIX = (
    "Alley Avenue Branch Bridge Brook Burgs Bypass Camp Causeway Center Circle Cliff Club Common "
    "Corner Course Court Cove Creek Crescent Crossing Drive Estate Expressway Extension Falls "
    "Ferry Field Flat Ford Forest Forge Fork Fort Freeway Garden Gateway Glen Green Grove Harbor "
    "Haven Heights Highway Hill Hollow Inlet Island Isle Junction Key Knoll Lake Landing Lane "
    "Light Loop Mall Manor Meadow Mews Mill Mission Motorway Mount Mountain Oval Park Parkway "
    "Pass Path Pike Pine Place Plain Plaza Point Port Prairie Ramp Ranch Rapid Rest Ridge River "
    "Road Route Row Run Shoal Shore Skyway Spring Spur Square Station Stravenue Stream Street "
    "Summit Terrace Throughway Trace Track Trail Tunnel Turnpike Union Valley Via View Village "
    "Ville Vista Walk Wall Way Well"
).split()


@dataclass(frozen=True)
class Country:
    """How addresses look in one country (see `values/countries.txt`)."""

    code: str
    words: tuple[str, ...]
    patterns: tuple[str, ...]
    names: tuple[str, ...]
    postcodes: tuple[str, ...]
    layouts: tuple[str, ...]
    regions: tuple[str, ...]
    families: tuple[str, ...]
    cities: tuple[str, ...]


@functools.cache
def countries() -> tuple[Country, ...]:
    """All countries, read once."""
    streets, w = read_lists("streets.txt"), world()
    pools = {c.name: c for c in cultures()[0]}
    found = []
    for line in (VALUES / "countries.txt").read_text("utf8").splitlines():
        if not line or line.startswith("#"):
            continue
        code, street, names, post, layouts, regions = line.split("|")
        culture = pools[_LOCALE.get(street, "de_DE" if street == "de" else "en_GB")]
        found.append(
            Country(
                code,
                streets[street + ".w"],
                streets[street + ".p"],
                tuple(names.split(";")),
                tuple(post.split(";")) if post else ("",),
                tuple(layouts.split(";")),
                tuple(regions.split(";")) if regions else ("",),
                culture.family,
                w.by_country.get(code, w.cities),
            )
        )
    return tuple(found)


def _digits(pattern: str, rng: random.Random) -> str:
    out = []
    for i, c in enumerate(pattern):
        if c == "#":
            out.append(rng.choice("123456789" if i == 0 else "0123456789"))
        else:
            out.append(rng.choice("ABCDEFGHJKLMNPRSTVWXZ") if c == "@" else c)
    return "".join(out)


def _postcode(country: Country, rng: random.Random) -> str:
    kind = rng.choice(country.postcodes)
    if kind == "GB":
        area = rng.choice("@# @## @@# @@## @@# @@## @#@ @@#@".split())
        return _digits(f"{area} #@@", rng)
    if kind == "IE":
        return _digits("@## ", rng) + "".join(rng.choices("ACDEFHKNPRTVWXY0123456789", k=4))
    if kind == "CA":
        return _digits(rng.choice(["@#@ #@#", "@#@ #@#", "@#@#@#"]), rng)
    return _digits(kind.replace("AAA", "@@@"), rng)


def _number(rng: random.Random, small: bool = False) -> str:
    chance = rng.random()
    if small:
        return str(rng.randint(1, 20 if chance < 0.7 else 400))
    if chance < 0.6:
        return str(rng.randint(1, 199))
    if chance < 0.85:
        return str(rng.randint(100, 9999))
    return str(rng.randint(1, 30)) if chance < 0.95 else str(rng.randint(1000, 29999))


def _fill(pattern: str, country: Country, rng: random.Random) -> str:
    """Fills W, L, N and B of a street pattern; other capitals stay."""
    out, i = [], 0
    small = country.code not in ("US", "CA", "AU") and rng.random() < 0.6
    while i < len(pattern):
        c = pattern[i]
        before = pattern[i - 1] if i else " "
        after = pattern[i + 1 : i + 2]
        if pattern.startswith("Nth", i):
            n = rng.randint(1, 20)
            out.append(str(n) + ({1: "st", 2: "nd", 3: "rd"}.get(n, "th")))
            i += 3
            continue
        letter = before.isalpha() and before not in "NBWL"
        if c == "N" and not letter and pattern[i : i + 2] not in ("No", "NE", "NW", "Nº", "Ne"):
            out.append(_number(rng, small))
            small = True
        elif c == "N" and pattern[i : i + 2] == "NW" and pattern[i : i + 3] == "NW ":
            out.append("NW" if i else _number(rng) + " W")
            i += 1
        elif c == "N" and pattern[i : i + 2] == "Nº":
            out.append(str(rng.randint(1, 9)))
        elif c == "W" and not letter and not pattern.startswith(("West", "Way", "Walk"), i):
            out.append(rng.choice(country.words))
        elif (
            c == "L"
            and not letter
            and (not after.isalpha() or after.islower())
            and not (
                pattern.startswith(("La", "Lo", "Lu", "Li", "Le", "Lot", "Lt", "Lầu", "Lí"), i)
            )
        ):
            out.append(rng.choice(country.families))
        elif c == "B" and not letter and not after.isalpha():
            out.append(rng.choice("ABCDEFGH" if before != "N" else "ABCDabc"))
        else:
            out.append(c)
        i += 1
    return "".join(out)


@dataclass(frozen=True)
class Address:
    """One address in its parts.

    Attributes:
        lines: The lines of the block, without the country.
        street: The street and number.
        city: The town.
        region: State, county or province, or "".
        postcode: The postcode, or "".
        country: An English or a local country name.
        unit: Apartment or suite, or "".
    """

    lines: tuple[str, ...]
    street: str
    city: str
    region: str
    postcode: str
    country: str
    unit: str

    def render(self, how: str, rng: random.Random) -> str:
        """The address written one way.

        Args:
            how: "any", "line", "block", "full" (line or block), "street" or "short"
                (street and town).
            rng: The source of chance.

        Returns:
            The text; a block has line breaks.
        """
        if how == "any":
            how = rng.choices(("block", "line", "street", "short"), (38, 40, 16, 6))[0]
        elif how == "full":
            how = rng.choice(("block", "line"))
        if how == "street":
            return self.street
        if how == "short":
            return f"{self.street}, {self.city}"
        lines = list(self.lines)
        chance = rng.random()
        if chance < 0.28:
            lines.append(self.country.upper() if chance < 0.06 else self.country)
        if how == "block":
            chance = rng.random()
            if len(lines) < 4 and chance < 0.06 and ", " in lines[0]:
                lines = lines[0].split(", ") + lines[1:]
            sep = "\n" if chance < 0.8 else ",\n" if chance < 0.93 else "\n  "
            return sep.join(lines)
        chance = rng.random()
        return (", " if chance < 0.85 else " " if chance < 0.96 else " / ").join(lines)


def _us_like(rng: random.Random, country: Country) -> tuple[str, str]:
    """A street and a town as fake-data libraries make them: "616 Ellis Hollow", "Port Ann"."""
    name = rng.choice(country.families if rng.random() < 0.5 else cultures()[0][8].female)
    street = f"{_digits('#' * rng.randint(2, 5), rng)} {name} {rng.choice(_US_SUFFIX)}"
    if rng.random() < 0.3:
        street += rng.choice((" Suite ", " Apt. ", " Suite ", " Apt. ", " Unit ")) + _digits(
            "###", rng
        )
    return street, invented_city(rng)


def _military(rng: random.Random) -> Address:
    street = rng.choice(
        (
            f"PSC {rng.randint(1, 9999):04}, Box {rng.randint(1, 9999)}",
            f"Unit {rng.randint(1, 9999):04} Box {rng.randint(1, 9999):04}",
            f"USNV {rng.choice(countries()[0].families)}",
            f"USS {rng.choice(countries()[0].families)}",
            f"CMR {rng.randint(100, 999)} Box {rng.randint(1, 9999)}",
        )
    )
    town, state = rng.choice(("APO", "FPO", "DPO")), rng.choice(("AE", "AP", "AA"))
    code = str(rng.randint(10000, 99999))
    comma = rng.choice((" ", ", "))
    return Address((street, f"{town}{comma}{state} {code}"), street, town, state, code, "USA", "")


_RURAL = (
    "PO Box N", "P.O. Box N", "P. O. Box N", "PO BOX N", "Post Office Box N", "Box N", "RR 2 Box N",
    "RR N", "HC 61 Box N", "R.R. #N", "GPO Box N", "Private Bag N", "Postfach N", "Locked Bag N",
    "Rural Route N", "Star Route N", "B.P. N", "Apartado N", "Casilla N",
)  # fmt: skip


def make_address(rng: random.Random) -> Address:
    """A new address.

    Args:
        rng: The source of chance.

    Returns:
        The address.
    """
    pool = countries()
    chance = rng.random()
    if chance < 0.02:
        return _military(rng)
    if chance < 0.34:
        country = pool[0]
    elif chance < 0.46:
        country = pool[1]
    else:
        country = rng.choice(pool[2:])
    town = rng.choice(country.cities)
    region = rng.choice(country.regions)
    if country.code == "US":
        w = world()
        i = rng.randrange(len(w.states))
        if rng.random() < 0.7:
            town, code = rng.choice(w.us_cities)
            i = w.codes.index(code) if code in w.codes else i
        region = w.codes[i] if rng.random() < 0.85 else w.states[i]
    street = _fill(rng.choice(country.patterns), country, rng)
    kind = rng.random()
    if (country.code in ("US", "CA") and kind < 0.25) or kind < 0.03:
        street, town = _us_like(rng, pool[0])
    elif country.code == "GB" and kind < 0.15:
        street, town = _us_like(rng, country)
        street = rng.choice(("", "", "Flat 7\n", "Studio 3\n", "Flat 24a\n")) + street
    elif kind > 0.95:
        street = rng.choice(_RURAL).replace("N", _digits("#" * rng.randint(1, 5), rng))
    code = _postcode(country, rng)
    extra = rng.choice(_EXTRA)
    extra = (
        _fill(extra, country, rng)
        if "th" in extra
        else re.sub(
            r"\bB\b|(?<=\d)B",
            rng.choice("ABCD"),
            re.sub("N(?![a-z])", str(rng.randint(1, 900)), extra),
        )
    )
    layout = rng.choice(country.layouts)
    parts = {"S": street, "C": town, "U": town.upper(), "R": region, "P": code, "X": extra}
    lines = [
        "".join(parts.get(t, t) for t in re.split(r"\b([SCURPX])\b", _hash(line, rng)))
        for line in layout.split("/")
    ]
    lines = [piece for line in lines for piece in line.split("\n")]
    lines = [ln.strip(" ,-") for ln in lines if ln.strip(" ,-")]
    unit = extra if "X" in layout else ""
    name = rng.choice(country.names)
    street = street.replace("\n", ", ")
    return Address(tuple(lines), street, town, region, code, name, unit)


def _hash(line: str, rng: random.Random) -> str:
    return _digits(line, rng) if "#" in line else line
