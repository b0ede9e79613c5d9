"""Values that are not labelled (mail, phone, numbers, ids), and dates, ages and titles."""

from __future__ import annotations

import datetime
import random
import re
import uuid
from collections.abc import Callable

from .people import Person, make_person, strip_marks
from .places import read_lists

_WORDS = read_lists("words.txt")
Maker = Callable[[random.Random], str]

_DOMAINS = (
    "gmail.com yahoo.com hotmail.com outlook.com example.com example.org mail.ru gmx.de web.de "
    "aol.com icloud.com proton.me company.co.uk corp.local btinternet.com orange.fr libero.it"
).split()
_PHONES = (
    "(###) ###-####", "###-###-####", "+1 ### ### ####", "+1-###-###-####", "###.###.####",
    "07### ######", "+44 20 #### ####", "+44 (0)7### ######", "020 #### ####", "0## ########",
    "+49 ### #######", "+49 (0)## ######", "0### / ######", "+33 # ## ## ## ##", "0# ## ## ## ##",
    "+91 ##### #####", "+61 4## ### ###", "001-###-###-####x####", "(0##) ####-####", "##########",
    "+34 ### ### ###", "+39 0## #######", "+81-3-####-####", "+86 1## #### ####", "555-####",
)  # fmt: skip
_MONTHS = (
    "January February March April May June July August September October November December"
).split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()


def digits(pattern: str, rng: random.Random) -> str:
    """The pattern with a digit for each `#`, a capital for each `@`, a hex digit for each `%`."""
    return re.sub(
        "[#@%]",
        lambda m: rng.choice(
            {"#": "0123456789", "@": "ABCDEFGHJKLMNPQRSTUVWXYZ", "%": "0123456789abcdef"}[m[0]]
        ),
        pattern,
    )


def date(rng: random.Random, how: str = "any", low: int = 1930, high: int = 2026) -> str:
    """A calendar date as people, forms or programs write it."""
    day = datetime.date(rng.randint(low, high), rng.randint(1, 12), rng.randint(1, 28))
    month, short = _MONTHS[day.month - 1], _MONTHS[day.month - 1][:3]
    d, y = day.day, day.year
    suffix = "th" if 10 < d < 20 else {1: "st", 2: "nd", 3: "rd"}.get(d % 10, "th")
    if how == "year":
        return str(y)
    if how == "iso":
        return day.isoformat()
    if how == "month":
        return f"{month} {y}"
    num = (
        day.isoformat(), day.strftime("%d/%m/%Y"), day.strftime("%m/%d/%Y"), f"{day.month}/{d}/{y}",
        day.strftime("%d.%m.%Y"), day.strftime("%d-%m-%Y"), day.strftime("%m/%d/%y"),
        day.strftime("%Y/%m/%d"), day.strftime("%d.%m.%y"), f"{d}-{short}-{y}",
    )  # fmt: skip
    words = (
        f"{month} {d}, {y}", f"{d} {month} {y}", f"{short} {d}, {y}", f"{d} {short} {y}",
        f"{d}{suffix} {month} {y}", f"{month} {d}{suffix}, {y}", f"{month} {y}", f"{month} {d}",
        f"{d} {month}", f"{d}{suffix} of {month} {y}", f"{_DAYS[day.weekday()]}, {month} {d}, {y}",
        f"{month} {d}{suffix}", f"{short}. {d}, {y}", f"{d}. {month} {y}",
    )  # fmt: skip
    if how == "full":
        return rng.choice(
            [w for w in words if str(y) in w and (str(d) + suffix in w or str(d) in w)]
        )
    if how == "num":
        return rng.choice(num)
    if how == "words":
        return rng.choice(words)
    return rng.choice(num if rng.random() < 0.5 else words)


def _email(rng: random.Random, p: Person) -> str:
    first = re.sub("[^a-z]", "", strip_marks(p.first).lower()) or "info"
    last = re.sub("[^a-z]", "", strip_marks(p.last).lower()) or "mail"
    n = str(rng.randint(1, 99)) if rng.random() < 0.35 else ""
    local = rng.choice(
        (f"{first}.{last}{n}", f"{first}{last}{n}", f"{first[0]}{last}{n}", f"{first}{n}",
         f"{last}.{first}", f"{first}_{last}{n}", f"{first[0]}.{last}{n}")
    )  # fmt: skip
    name = rng.choice(_WORDS["noun"]) + rng.choice(_WORDS["noun"])
    domain = rng.choice(_DOMAINS) if rng.random() < 0.7 else name + rng.choice((".com", ".net"))
    return f"{local}@{domain}"


def _ip(rng: random.Random) -> str:
    return ".".join(str(rng.randint(1, 254)) for _ in range(4))


def _url(rng: random.Random) -> str:
    path = "/".join(rng.choices(_WORDS["noun"], k=rng.randint(0, 3)))
    host = rng.choice(("www.", "", "docs.", "api.")) + rng.choice(_WORDS["noun"]) + ".com"
    return f"{rng.choice(('https://', 'http://', 'www.'))}{host.replace('www.', '')}/{path}"


def _amount(rng: random.Random) -> str:
    value = rng.choice(
        (f"{rng.uniform(1, 9999):,.2f}", f"{rng.randint(1, 900)}", f"{rng.randint(1, 99)},000")
    )
    form = rng.choice(("$#", "€#", "£#", "# EUR", "USD #", "# €", "₹#", "# CHF", "# dollars"))
    return form.replace("#", value)


def _time(rng: random.Random) -> str:
    h, m = rng.randint(0, 23), rng.randint(0, 59)
    half = f"{(h % 12) or 12}", "ap"[h > 11] + "m"
    return rng.choice((f"{h:02}:{m:02}", f"{half[0]}:{m:02} {half[1]}", half[0] + half[1]))


_IDS = (
    "######", "########", "@@-#####", "@@####", "#####-##", "@##-####", "##########", "@@@######",
    "####/##", "@-#####", "####-####", "%%%%%%%%",
)  # fmt: skip


def _noun(rng: random.Random) -> str:
    return rng.choice(_WORDS["noun"])


def _handle(rng: random.Random) -> str:
    return f"@{_noun(rng)}{rng.choice(('', '_', 'x'))}{_noun(rng)}{rng.choice(('', '', '7', '88'))}"


def _number(rng: random.Random) -> str:
    return str(rng.choice((rng.randint(1, 20), rng.randint(1, 999), rng.randint(1, 99999))))


def _stamp(rng: random.Random) -> str:
    clock = f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}"
    tail = rng.choice(("", "Z", ".123", ",456", "+00:00"))
    return date(rng, "iso", 2015) + rng.choice("T ") + clock + tail


def _version(rng: random.Random) -> str:
    parts = [str(rng.randint(0, 20)) for _ in range(rng.choice((2, 3, 3)))]
    return rng.choice(("", "v")) + ".".join(parts)


def _percent(rng: random.Random) -> str:
    return f"{rng.randint(1, 99)}%" if rng.random() < 0.5 else f"{rng.uniform(0, 99):.1f}%"


def _pattern(*patterns: str) -> Maker:
    return lambda rng: digits(rng.choice(patterns), rng)


def _choice(*values: str) -> Maker:
    return lambda rng: rng.choice(values)


PLAIN: dict[str, Maker] = {
    "PHONE": _pattern(*_PHONES),
    "CARD": _pattern(
        "4### #### #### ####", "5###-####-####-####", "4###############", "37## ###### #####"
    ),
    "IBAN": _pattern(
        "DE## #### #### #### #### ##", "GB##@@@@##############",
        "FR## #### #### #### #### #### ###", "NL##@@@@##########",
    ),
    "SSN": _pattern("###-##-####", "### ## ####", "#########", "@@ ## ## ## @"),
    "NUM": _number,
    "N": lambda rng: str(rng.randint(2, 12)),
    "ID": _pattern(*_IDS),
    "PLATE": _pattern("@@@-####", "@@## @@@", "#@@@###", "@ @@ ####", "@@-###-@@"),
    "IP": _ip,
    "URL": _url,
    "AMOUNT": _amount,
    "TIME": _time,
    "UUID": lambda rng: str(uuid.UUID(int=rng.getrandbits(128), version=4)),
    "HASH": _pattern("%" * 7, "%" * 8, "%" * 32, "%" * 40),
    "VERSION": _version,
    "PASSWORD": _pattern("@%%#%@!%", "@%@%%##$%%", "%%%%%%##"),
    "TS": _stamp,
    "YEAR": lambda rng: str(rng.randint(1950, 2026)),
    "MONTH": _choice(*_MONTHS),
    "DAY": _choice(*_DAYS),
    "PCT": _percent,
    "FLOAT": lambda rng: f"{rng.uniform(0, 100):.{rng.randint(1, 4)}f}",
    "HANDLE": _handle,
    "REL": _choice(
        "yesterday", "today", "tomorrow", "last week", "next week", "last month", "this morning",
        "two days ago", "last night", "a few weeks ago", *(f"on {d}" for d in _DAYS[:5]),
    ),
}  # fmt: skip

TITLES_M = (
    "Mr. Mr Dr. Mr. Mr Prof. Sir Dr Herr Señor Monsieur Professor Doctor Rev. Capt. Hon. Sr. Lord"
).split()
TITLES_F = (
    "Mrs. Ms. Dr. Miss Mrs Ms Prof. Dr Frau Señora Madame Professor Doctor Mme Mx. Lady Dame Sra."
).split()


def title(rng: random.Random, female: bool) -> str:
    """A title such as "Mrs."; the first ones of a list come more often."""
    pool = TITLES_F if female else TITLES_M
    return pool[min(int(rng.expovariate(0.28)), len(pool) - 1)]


_AGE_WORDS = (
    "eighteen nineteen twenty twenty-one twenty-five thirty thirty-two thirty-seven forty "
    "forty-one forty-five fifty fifty-three sixty sixty-eight seventy seventy-two eighty ninety"
).split()


def age(rng: random.Random) -> str:
    """An age in years, mostly in digits."""
    return rng.choice(_AGE_WORDS) if rng.random() < 0.08 else str(rng.randint(1, 99))


def word(kind: str, rng: random.Random) -> str:
    """A word of one list of `values/words.txt`."""
    return rng.choice(_WORDS[kind])


def email(rng: random.Random, person: Person | None = None) -> str:
    """A mail address, of the person where one is given."""
    return _email(rng, person or make_person(rng))
