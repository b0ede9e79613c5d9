"""Invented people: every value that a template can ask of one."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable
from datetime import date, timedelta
from functools import cache

from faker import Faker

from benchmarks.accuracy import numbers
from benchmarks.accuracy.addresses import address, place, street
from benchmarks.accuracy.locales import LATIN, OTHER_SCRIPTS, Home

_TITLES = re.compile(
    r"^(Dr|Ing|Mgr|Bc|Prof|Dott|Sig|Sig\.ra|Mr|Mrs|Ms|Miss|Cô|Bà|Ông|Anh|Chị|Quý ông|Quý cô)\.? ",
    re.I,
)
_ORGANISATIONS = (
    "{} & Sons|{} Consulting|{} Logistics|{} Group|{} Holdings|{} Bakery|{} Law LLP|{} GmbH|"
    "University of {city}|{city} General Hospital|{city} City Council|Bank of {city}|"
    "{city} Savings Bank|{} Pharma|{} Insurance|{city} Public Library|{} Motors Ltd|"
    "St. {first}'s School|{} Foundation|{} Airlines|FC {city}|{} Software"
).split("|")
_JOBS = (
    "nurse|accountant|software engineer|primary school teacher|electrician|sales manager|"
    "paralegal|bus driver|chemist|head of procurement|warehouse clerk|data analyst|chef|"
    "dental assistant|civil engineer|graphic designer|payroll officer|carpenter|pharmacist"
).split("|")
# First names that are words as well.
_EVERYDAY = (
    "Will|May|Mark|Grace|Faith|Rose|Hope|Bill|Art|Jack|June|April|Summer|Dawn|Ivy|Rob|Pat|Sandy|"
    "Drew|Grant|Chase|Miles|Victor|Joy|Rich|Frank|Christian|Paris|Chelsea|Austin|Sydney|Jordan"
).split("|")
_FREE_MAIL = "gmail.com|yahoo.com|outlook.com|hotmail.com|proton.me|icloud.com|web.de|orange.fr"


@cache
def _faker(locale: str) -> Faker:
    return Faker(locale, use_weighting=False)


def seeded(locale: str, seed: int) -> Faker:
    """The Faker of a locale, seeded; the same object for every call with this locale."""
    faker = _faker(locale)
    faker.seed_instance(seed)
    return faker


def ascii_of(text: str) -> str:
    """A name as it stands in a mail address; empty for other scripts."""
    table = str.maketrans(
        {"ł": "l", "Ł": "L", "ß": "ss", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "AE", "đ": "d",
         "Đ": "D", "ı": "i", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ə": "a", "Ə": "A"}
    )  # fmt: skip
    plain = unicodedata.normalize("NFKD", text.translate(table)).encode("ascii", "ignore")
    return re.sub(r"[^a-z]", "", plain.decode().lower())


class Person:
    """An invented person. Values are made when first asked for, and stay.

    Args:
        locale: Where the person lives.
        faker: A seeded Faker of that locale.
        rng: Decides everything that Faker does not.
    """

    def __init__(self, locale: str, faker: Faker, rng: random.Random) -> None:
        self.locale = locale
        self.home: Home = LATIN.get(locale) or OTHER_SCRIPTS[locale]
        self._faker = faker
        self._rng = rng
        self._made: dict[str, str] = {}
        self.female = rng.random() < 0.5
        gender = "female" if self.female else "male"
        self.first = self._name(f"first_name_{gender}", "first_name")
        self.last = self._name(f"last_name_{gender}", "last_name")
        if locale.startswith("es_") and rng.random() < 0.4:
            self.last += " " + self._name("last_name", "last_name")
        elif rng.random() < 0.04:
            self.last += "-" + self._name(f"last_name_{gender}", "last_name")
        if rng.random() < 0.05 and locale not in OTHER_SCRIPTS:
            self.first += " " + self._name(f"first_name_{gender}", "first_name")

    def _name(self, *methods: str) -> str:
        made: Callable[[], str] = next(
            getattr(self._faker, m) for m in methods if hasattr(self._faker, m)
        )
        return _TITLES.sub("", made()).strip()

    def value(self, name: str) -> tuple[str, str]:
        """A value of this person.

        Args:
            name: What is asked for, such as ``"email"``; a digit at its end asks for another
                of the same kind, as in ``"phone2"``.

        Returns:
            The value, and its entity type; the type is empty for what is not annotated.

        Raises:
            KeyError: There is no such value.
        """
        kind = name.rstrip("0123456789")
        maker, entity_type = _VALUES[kind]
        if name not in self._made:
            self._made[name] = maker(self)
        return self._made[name], entity_type

    @property
    def handle(self) -> str:
        """A name in letters a to z, for mail addresses and accounts."""
        first = ascii_of(self.first.split()[0]) or self._faker_word()
        last = ascii_of(self.last.split()[0]) or self._faker_word()
        forms = ("{f}.{l}", "{f}{l}", "{f[0]}{l}", "{f}_{l}", "{l}.{f}", "{f}{n}", "{f}.{l}{n}")
        return self._rng.choice(forms).format(f=first, l=last, n=self._rng.randint(1, 99))

    def _faker_word(self) -> str:
        return self._rng.choice("lotus pine river cobalt amber violet maple falcon".split())

    def full(self) -> str:
        """First and last name in the order of the country."""
        if self.locale in {"hu_HU", "vi_VN", "zh_CN", "zh_TW", "ja_JP", "ko_KR"}:
            gap = "" if self.locale in {"zh_CN", "zh_TW", "ko_KR"} else " "
            return f"{self.last}{gap}{self.first}"
        return f"{self.first} {self.last}"

    def middle(self) -> str:
        """Full name with a middle initial."""
        return f"{self.first} {self._rng.choice('ABCDEFGHJKLMNPRSTW')}. {self.last}"

    def title(self) -> str:
        """A form of address."""
        return self._rng.choice(
            ("Ms", "Mrs", "Ms.", "Mrs.", "Dr", "Dr.") if self.female else ("Mr", "Mr.", "Dr", "Dr.")
        )

    def organisation(self) -> str:
        """A company or institution."""
        if self._rng.random() < 0.5:
            return str(self._faker.company())
        form = self._rng.choice(_ORGANISATIONS)
        return form.format(self._name("last_name"), city=place(self), first=self.first.split()[0])

    def email(self) -> str:
        """A private address, mostly."""
        free = self._rng.choice(_FREE_MAIL.split("|"))
        own = f"{self._rng.choice(('mail', 'post', 'example', 'inbox'))}.{self.home.domain}"
        return f"{self.handle}@{free if self._rng.random() < 0.6 else own}"

    def work_email(self) -> str:
        """An address at a company."""
        return f"{self.handle}@{self.domain()}"

    def domain(self) -> str:
        """A host name."""
        word = ascii_of(self._name("last_name")) or self._faker_word()
        end = self._rng.choice((self.home.domain, self.home.domain, "com", "org", "net", "io"))
        return f"{word}{self._rng.choice(('', '-group', '-consulting', 'tech'))}.{end}"

    def link(self) -> str:
        """A URL."""
        path = self._rng.choice(("", "/about", "/login?next=home", "/en/contact", "/p/8841"))
        return f"{self._rng.choice(('https://www.', 'https://', 'http://'))}{self.domain()}{path}"

    def phone(self) -> str:
        """A phone number, of Faker or in the international form."""
        if self._rng.random() < 0.75:
            return str(self._faker.phone_number())
        number = numbers.digits(self._rng, 9)
        form = self._rng.choice(("+{} {} {} {}", "+{}{}{}{}", "00{} {} {} {}", "+{}-{}-{}-{}"))
        return form.format(self.home.calling, number[:2], number[2:5], number[5:])

    def national_id(self) -> str:
        """A number that the state gives to a person."""
        maker = numbers.NATIONAL.get(self.locale)
        return maker[1](self._rng) if maker else str(self._faker.ssn())

    def account(self) -> str:
        """A domestic bank account number."""
        return numbers.digits(self._rng, self._rng.choice((8, 9, 10, 12)))

    def iban(self) -> str:
        """An IBAN, in groups of four or in one piece."""
        iban = numbers.iban(self._rng, self.locale[-2:])
        return re.sub(r"(.{4})(?=.)", r"\1 ", iban) if self._rng.random() < 0.5 else iban

    def birthday(self) -> date:
        """A date of birth of somebody aged 18 to 90."""
        made = self._made.setdefault(
            "birthday",
            (date(2007, 1, 1) - timedelta(days=self._rng.randrange(26_000))).isoformat(),
        )
        return date.fromisoformat(made)

    def record_number(self) -> str:
        """A patient's number in a hospital."""
        number = numbers.digits(self._rng, self._rng.choice((7, 8)))
        return self._rng.choice((number, f"{number[:3]}-{number[3:]}", f"H{number}"))

    def plate(self) -> str:
        """A number plate."""
        if hasattr(self._faker, "license_plate"):
            return str(self._faker.license_plate())
        return f"{numbers.letters(self._rng, 3)} {numbers.digits(self._rng, 3)}"

    def day(self, moment: date | None = None) -> str:
        """A date, written in one of many ways."""
        when = moment or date(2018, 1, 1) + timedelta(days=self._rng.randrange(2900))
        forms = (
            "%Y-%m-%d",
            "%d/%m/%Y",
            "%m/%d/%Y",
            "%d.%m.%Y",
            "%B %d, %Y",
            "%d %B %Y",
            "%d %b %Y",
        )
        return when.strftime(self._rng.choice(forms))

    def address_lines(self) -> str:
        """A postal address of several lines."""
        return address(self)

    def address_line(self) -> str:
        """A postal address in one line."""
        parts = [p.strip(" ,") for p in address(self).splitlines()]
        return ", ".join(p for p in parts if p)

    @property
    def faker(self) -> Faker:
        """The Faker of this person's locale."""
        return self._faker

    @property
    def rng(self) -> random.Random:
        """What decides."""
        return self._rng


def _zip(person: Person) -> str:
    return str(person.faker.postcode()) if hasattr(person.faker, "postcode") else "1010"


_VALUES: dict[str, tuple[Callable[[Person], str], str]] = {
    "name": (Person.full, "PERSON"),
    "first": (lambda p: p.first, "PERSON"),
    "last": (lambda p: p.last, "PERSON"),
    "reversed": (lambda p: f"{p.last}, {p.first}", "PERSON"),
    "middle": (Person.middle, "PERSON"),
    "initial": (lambda p: f"{p.first[0]}. {p.last}", "PERSON"),
    "nick": (lambda p: p.first.split()[0], "PERSON"),
    "everyday": (lambda p: p.rng.choice(_EVERYDAY), "PERSON"),
    "title": (Person.title, "TITLE"),
    "address": (Person.address_lines, "STREET_ADDRESS"),
    "oneline": (Person.address_line, "STREET_ADDRESS"),
    "street": (street, "STREET_ADDRESS"),
    "city": (place, "LOCATION"),
    "country": (lambda p: p.home.country, "LOCATION"),
    "zip": (_zip, "ZIP_CODE"),
    "nationality": (lambda p: p.home.nationality, "NRP"),
    "org": (Person.organisation, "ORGANIZATION"),
    "job": (lambda p: p.rng.choice(_JOBS), "JOB"),
    "age": (lambda p: str(p.rng.randint(19, 92)), "AGE"),
    "dob": (lambda p: p.day(p.birthday()), "DATE_TIME"),
    "date": (Person.day, "DATE_TIME"),
    "time": (lambda p: f"{p.rng.randint(0, 23):02}:{p.rng.randint(0, 59):02}", "DATE_TIME"),
    "weekday": (lambda p: p.rng.choice(("Monday", "Tuesday", "Thursday", "Friday")), "DATE_TIME"),
    "year": (lambda p: str(p.rng.randint(1988, 2025)), "DATE_TIME"),
    "email": (Person.email, "EMAIL_ADDRESS"),
    "workmail": (Person.work_email, "EMAIL_ADDRESS"),
    "phone": (Person.phone, "PHONE_NUMBER"),
    "desk": (
        lambda p: f"{p.rng.choice(('claims', 'info', 'office'))}@{p.domain()}",
        "EMAIL_ADDRESS",
    ),
    "user": (lambda p: p.handle.replace(".", p.rng.choice(("", "_"))), "USERNAME"),
    "url": (Person.link, "URL"),
    "domain": (Person.domain, "URL"),
    "card": (lambda p: numbers.card(p.rng), "CREDIT_CARD"),
    "iban": (Person.iban, "IBAN_CODE"),
    "account": (Person.account, "BANK_ACCOUNT"),
    "routing": (lambda p: numbers.routing(p.rng), "BANK_ROUTING"),
    "childage": (lambda p: str(p.rng.randint(4, 16)), "AGE"),
    "swift": (lambda p: f"{numbers.letters(p.rng, 4)}{p.locale[-2:].upper()}2X", "SWIFT"),
    "ssn": (Person.national_id, "US_SSN"),
    "nid": (Person.national_id, "NATIONAL_ID"),
    "nidname": (lambda p: numbers.NATIONAL.get(p.locale, ("codice fiscale",))[0], ""),
    "passport": (lambda p: numbers.passport(p.rng, p.locale), "PASSPORT"),
    "licence": (lambda p: numbers.licence(p.rng, p.locale, p.last), "DRIVER_LICENSE"),
    "mrn": (Person.record_number, "MEDICAL_RECORD"),
    "plate": (Person.plate, "LICENSE_PLATE"),
    "ip": (lambda p: str(p.faker.ipv4_public()), "IP_ADDRESS"),
    "ipsix": (lambda p: str(p.faker.ipv6()), "IP_ADDRESS"),
    "secret": (lambda p: numbers.secret(p.rng), "SECRET"),
    "bitcoin": (lambda p: numbers.bitcoin(p.rng), "CRYPTO"),
    "ref": (lambda p: f"{numbers.letters(p.rng, 2)}-{numbers.digits(p.rng, 5)}", ""),
    "amount": (lambda p: f"{p.rng.randint(12, 4800)}.{p.rng.randint(0, 99):02}", ""),
    "few": (lambda p: str(p.rng.randint(2, 9)), ""),
    "number": (lambda p: str(p.rng.randint(10, 400)), ""),
    "product": (
        lambda p: p.rng.choice(
            "toaster|standing desk|road bike|tablet|winter jacket|coffee grinder|printer".split("|")
        ),
        "",
    ),
}
"""What a template can ask for: how it is made, and its entity type."""

SLOTS = frozenset(_VALUES)
