"""A seeded CRM corpus full of invented personal data, with a list of what was planted where.

Every customer, number and event is made up. The values are valid in form (card numbers pass the
Luhn test, IBANs their checksum, phone numbers the numbering plan), so that detectors have something
to find; they come from ranges kept for tests where such a range exists.

Run as a script, it writes the corpus as JSON lines:

    python crm_corpus.py corpus.jsonl --documents 300

The same arguments give the same corpus, for one version of Faker.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import random
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

from crm_people import USERS, Book, Customer, ascii_of

# en_US first: half of the customers come from it.
_CUSTOMERS_PER_USER = 6
# Names that are also everyday words would make "every mention of the name" ambiguous.

_PRODUCTS = re.findall(
    r"[^|]+",
    "cordless drill|espresso machine|robot vacuum|rice cooker|air purifier|pressure washer|"
    "bread maker|garden shredder|ceiling fan|laser printer|electric bike|hair dryer|"
    "electric kettle|tower heater|label maker|cool box|hedge trimmer|juice extractor|"
    "bench grinder|induction hob|wall clock|baby monitor|rowing machine|desk lamp|"
    "massage chair|kitchen scale|leaf blower|sewing machine|heated blanket|soldering iron|"
    "table saw|video doorbell|water pump|weather station|wine cooler|paint sprayer|"
    "pocket radio|steam iron|standing desk|coffee grinder",
)


class _Topic(NamedTuple):
    """What a customer did, and why: the reason is the answer to the question."""

    verb: str
    past: str
    thing: str
    about: str
    clause: str


_TOPICS = {
    "refund": _Topic(
        "ask", "asked", "for a refund", "for", "the {p} stopped working after {n} days"
    ),
    "delay": _Topic("ask", "asked", "for a discount", "on", "the {p} arrived {n} days late"),
    "parts": _Topic(
        "ask", "asked", "for spare parts", "for", "the {p} came with {n} screws missing"
    ),
    "billing": _Topic(
        "dispute", "disputed", "the invoice", "for", "the {p} was {n} dollars dearer"
    ),
    "noise": _Topic(
        "request", "requested", "a repair", "of", "the {p} rattles at {n} percent speed"
    ),
    "return": _Topic("return", "returned", "the parcel", "with", "the {p} was {n} inches too wide"),
    "warranty": _Topic(
        "request", "requested", "more warranty", "on", "the {p} runs {n} hours a week"
    ),
    "bulk": _Topic("ask", "asked", "for a quote", "for", "{n} more units of the {p} are needed"),
    "battery": _Topic("file", "filed", "a complaint", "about", "the {p} runs only {n} minutes"),
    "update": _Topic("need", "needed", "technical help", "with", "the {p} now shows error {n}"),
}
_EXTRAS = {
    "IBAN_CODE": "Please send the money to IBAN {}.",
    "CREDIT_CARD": "The credit card {} was used for the payment.",
    "US_SSN": "The SSN on file is {}.",
    "IP_ADDRESS": "The last login came from IP {}.",
}


@dataclass(frozen=True)
class Record:
    """One document of the corpus.

    Attributes:
        user_id: The tenant, a sales account such as "agent-kim".
        doc_id: The document's id; about one in ten is a file name that holds the customer's name.
        kind: One of "mail", "ticket", "csv", "json" and "note".
        text: The document.
        metadata: Flat; holds kind, source, customer, created, product, topic, priority, and
            sometimes email and phone.
        planted: The (entity type, value) of every personal value in the text or the metadata,
            spelled as it stands there: a name may come as "Jane Roe", "Roe, Jane", "Jane", "jane
            roe" and "jane_roe".
        customers: The full names of the customers whom the document is about.
        answer: The clause of the text that answers `question_for` the record.
    """

    user_id: str
    doc_id: str
    kind: str
    text: str
    metadata: dict[str, str | int]
    planted: tuple[tuple[str, str], ...]
    customers: tuple[str, ...]
    answer: str

    @property
    def known(self) -> dict[str, list[str]]:
        """What a CRM knows beforehand: the names of the customers in this document."""
        return {"PERSON": list(self.customers)}


class _Fact(NamedTuple):
    topic: str
    product: str
    clause: str

    @property
    def sentence(self) -> str:
        topic = _TOPICS[self.topic]
        return f"{topic.past} {topic.thing} because {self.clause}."


@dataclass
class _Page:
    """A document in the making: what it is about, and what has been planted so far."""

    rng: random.Random
    customer: Customer
    fact: _Fact
    created: date
    colleagues: list[Customer]  # all customers of the same user
    new_fact: Callable[[Customer], _Fact]
    about: dict[str, None] = field(default_factory=dict)  # names, in order of appearance
    planted: dict[tuple[str, str], None] = field(default_factory=dict)

    def plant(self, entity: str, value: str) -> str:
        self.planted[entity, value] = None
        return value

    def value(self, entity: str, customer: Customer | None = None) -> str:
        return self.plant(entity, (customer or self.customer).values[entity])

    def name(self, form: str = "{first} {last}", customer: Customer | None = None) -> str:
        """Plant a name; a form in lower-case words ends in "|lower"."""
        who = customer or self.customer
        self.about[who.name] = None
        form, _, lower = form.partition("|")
        name = form.format(first=who.first, last=who.last)
        return self.plant("PERSON", name.lower() if lower else name)

    def extra(self, chance: float = 0.5) -> list[str]:
        """A sentence with one more personal value, now and then."""
        if self.rng.random() > chance:
            return []
        entity = self.rng.choice(sorted(_EXTRAS))
        return [_EXTRAS[entity].format(self.value(entity))]


def _mail(page: _Page) -> str:
    name, email = page.name(), page.value("EMAIL_ADDRESS")
    subject = f"{page.fact.topic.capitalize()} for the {page.fact.product}"
    first_mail = [
        f"From: {name} <{email}>",
        "To: Support team",
        f"Subject: {subject}",
        "",
        "Hello,",
        f"I {page.fact.sentence}",
        *page.extra(),
        "",
        "Kind regards,",
        name,
        page.value("PHONE_NUMBER"),
    ]
    reply = [
        "From: Support team",
        f"To: {name} <{email}>",
        f"Subject: Re: {subject}",
        "",
        f"Hello {page.name('{first}')},",
        f"thank you. We have noted that {page.fact.clause}, and we answer within two days.",
        "",
        "-- ",
        "Support team",
        "",
    ]
    thread = reply + [f"> {line}".rstrip() for line in first_mail]
    if page.rng.random() < 0.4:
        header = [f"From: {name} <{email}>", "To: Support team", f"Subject: Re: Re: {subject}", ""]
        thanks = ["Thanks for the quick reply.", page.name("{first}"), ""]
        thread = header + thanks + [f"> {line}".rstrip() for line in thread]
    return "\n".join(thread)


def _ticket(page: _Page) -> str:
    head = [f"Customer: {page.name()}", f"Product: {page.fact.product}", "Status: open"]
    if page.rng.random() < 0.6:
        head.append(f"E-mail: {page.value('EMAIL_ADDRESS')}")
    if page.rng.random() < 0.6:
        head.append(f"Phone: {page.value('PHONE_NUMBER')}")
    who = page.name("{first} {last}|lower" if page.rng.random() < 0.2 else "{first} {last}")
    body = [f"{who} {page.fact.sentence}", *page.extra()]
    body.append(f"Internal remark: {page.name('{first}')} prefers calls before noon.")
    return "\n".join([*head, "", *body])


def _note(page: _Page) -> str:
    opening = page.rng.choice(
        ("{last}, {first}", "{first} {last}", "{first} {last}", "{first} {last}|lower")
    )
    lines = [
        f"Call note, {page.created.isoformat()}",
        f"{page.name(opening)} called about the {page.fact.product}.",
        f"{page.name('{first}')} {page.fact.sentence}",
        *page.extra(),
    ]
    if page.rng.random() < 0.5:
        lines.append(
            f"Call back on {page.value('PHONE_NUMBER')} or mail to {page.value('EMAIL_ADDRESS')}."
        )
    lines.append(f"{page.name(page.rng.choice(('{first}', '{first}|lower')))} expects an answer.")
    return "\n".join(lines)


def _csv(page: _Page) -> str:
    whole_book = page.rng.random() < 0.5
    if whole_book:
        others = [who for who in page.colleagues if who is not page.customer]
    else:
        others = [page.customer] * page.rng.randint(1, 3)
    rows = [(page.customer, page.fact), *((who, page.new_fact(who)) for who in others)]
    form = page.rng.choice(("{first} {last}", "{last}, {first}"))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["customer", "email", "phone", "product", "event", "credit card"])
    for who, fact in rows:
        contact = [page.value(kind, who) for kind in ("EMAIL_ADDRESS", "PHONE_NUMBER")]
        card = page.value("CREDIT_CARD", who) if page.rng.random() < 0.3 else ""
        event = fact.sentence.removesuffix(".")
        writer.writerow([page.name(form, who), *contact, fact.product, event, card])
    return out.getvalue()


def _json(page: _Page) -> str:
    names = {"IBAN_CODE": "iban", "CREDIT_CARD": "credit_card", "US_SSN": "ssn", "IP_ADDRESS": "ip"}
    chosen = page.rng.sample(sorted(names), k=page.rng.randint(0, 2))
    contact = {"email": page.value("EMAIL_ADDRESS"), "phone": page.value("PHONE_NUMBER")}
    record = {
        "customer": {"name": page.name(), **contact},
        "product": page.fact.product,
        "event": page.fact.sentence.removesuffix("."),
        "remark": f"{page.name('{first}')} wants an answer by mail",
        "account": {names[entity]: page.value(entity) for entity in chosen},
        "open": page.rng.random() < 0.5,
    }
    return json.dumps(record, ensure_ascii=False, indent=page.rng.choice((None, 2)))


_WRITERS: dict[str, Callable[[_Page], str]] = {
    "note": _note,
    "ticket": _ticket,
    "mail": _mail,
    "csv": _csv,
    "json": _json,
}


def generate(seed: int = 7, users: int = 20, documents: int = 300) -> list[Record]:
    """Write a corpus.

    Args:
        seed: Picks the corpus.
        users: How many tenants; each has six customers of its own.
        documents: How many documents, dealt to the users in turn.

    Returns:
        The records, in order of their running number.

    Raises:
        ValueError: There is to be no user, or a negative number of documents.
    """
    if users < 1 or documents < 0:
        raise ValueError("a corpus needs at least one user, and not less than no documents")
    rng = random.Random(seed)
    book = Book(seed, rng)
    tenants: list[tuple[str, list[Customer]]] = []
    for number in range(users):
        again, word = divmod(number, len(USERS))
        user_id = f"agent-{USERS[word]}" + (f"-{again + 1}" if again else "")
        tenants.append((user_id, [book.customer() for _ in range(_CUSTOMERS_PER_USER)]))
    told: set[tuple[str, str]] = set()

    def new_fact(customer: Customer) -> _Fact:
        for _ in range(100):  # every customer tells of a product once, while products last
            topic, product = rng.choice(sorted(_TOPICS)), rng.choice(_PRODUCTS)
            if (customer.name, product) not in told:
                break
        told.add((customer.name, product))
        clause = _TOPICS[topic].clause.format(p=product, n=rng.randint(2, 95))
        return _Fact(topic, product, clause)

    records = []
    file_names: dict[str, int] = {}
    for number in range(documents):
        user_id, customers = tenants[number % users]
        customer = rng.choice(customers)
        created = date(2025, 1, 1) + timedelta(days=rng.randrange(400))
        page = _Page(rng, customer, new_fact(customer), created, customers, new_fact)
        kind = rng.choice(("mail", "ticket", "ticket", "csv", "json", "note", "note"))
        text = _WRITERS[kind](page)
        doc_id, source = f"{kind}-{number:05}", f"crm/{kind}"
        if rng.random() < 0.1:
            slug = page.plant("PERSON", f"{ascii_of(customer.first)}_{ascii_of(customer.last)}")
            stem = f"{slug}_{rng.choice(('contract', 'claim', 'offer'))}"
            file_names[stem] = file_names.get(stem, 0) + 1
            doc_id = source = f"{stem}_{file_names[stem]}.pdf".replace("_1.pdf", ".pdf")
        metadata: dict[str, str | int] = {
            "kind": kind,
            "source": source,
            "customer": page.name(),
            "created": created.isoformat(),
            "product": page.fact.product,
            "topic": page.fact.topic,
            "priority": rng.randint(1, 3),
        }
        if rng.random() < 0.3:
            metadata["email"] = page.value("EMAIL_ADDRESS")
        if rng.random() < 0.3:
            metadata["phone"] = page.value("PHONE_NUMBER")
        planted, about = tuple(page.planted), tuple(page.about)
        records.append(
            Record(user_id, doc_id, kind, text, metadata, planted, about, page.fact.clause)
        )
    return records


def question_for(record: Record) -> str:
    """A question that names the customer and the product, and that the record answers.

    Args:
        record: Any record; notes and tickets answer in one whole sentence.

    Returns:
        The question; the answer is `record.answer`.
    """
    topic, about = _TOPICS[str(record.metadata["topic"])], record.metadata
    deed = f"{topic.verb} {topic.thing} {topic.about} the {about['product']}"
    return f"Why did {about['customer']} {deed}?"


def main() -> None:
    """Write the corpus to a file, one JSON object a line."""
    parser = argparse.ArgumentParser(description="Write a CRM corpus with invented personal data.")
    parser.add_argument("path", help="the file to write")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--documents", type=int, default=300)
    options = parser.parse_args()
    with open(options.path, "w", encoding="utf-8") as file:
        for record in generate(options.seed, options.users, options.documents):
            file.write(json.dumps(asdict(record) | {"known": record.known}) + "\n")


if __name__ == "__main__":
    main()
