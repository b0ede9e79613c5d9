"""Records of processing activities (Article 30) as CSV, a row for each purpose."""

from __future__ import annotations

import csv
import io
import re
import unicodedata

from piirag.governance.assessment.facts import Facts

HEAD = (
    "processing activity",
    "controller",
    "contact",
    "representative",
    "data protection officer",
    "purpose",
    "categories of data subjects",
    "categories of personal data",
    "special categories",
    "recipients",
    "transfers to third countries",
    "time limits for erasure",
    "security measures",
    "date",
)
OPEN = "TO BE FILLED IN"
# What spreadsheet programs take for the beginning of a formula, also after white space.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")


# Controls and marks without a width: a program may drop them and read what follows.
_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs"})
_BEGINS = re.compile(rf"(^|;\s*)(?=[{re.escape(''.join(_FORMULA))}])")


def records_csv(facts: Facts, *, date: str) -> str:
    """The records as CSV, with a header.

    No cell begins a formula in a spreadsheet program: such a cell gets an apostrophe in front.

    Args:
        facts: What is known.
        date: When the records were made.
    """
    config, scan = facts.config, facts.scan
    processors = [
        " ".join(part for part in (p.name, f"({p.region})" if p.region else "") if part)
        for p in facts.processors
    ]
    kinds = [*scan.counts, *scan.quasi] if scan else []
    periods = [f"{kind}: {period}" for kind, period in (facts.retention or {}).items()]
    rest = (
        _listed(config.data_subjects),
        _listed(kinds),
        _listed(list(scan.special)) if scan and scan.special else "none found" if scan else OPEN,
        _listed([*processors, *config.recipients]),
        _listed(config.transfers),
        _listed(periods),
        _listed([*_security(facts), *config.security]),
        date,
    )
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(HEAD)
    for purpose in config.purposes or (OPEN,):
        who = (config.controller, config.contact, config.representative, config.dpo)
        first = (config.system or "retrieval-augmented generation", *(w or OPEN for w in who))
        writer.writerow([safe_cell(cell) for cell in (*first, purpose, *rest)])
    return out.getvalue()


def safe_cell(text: str) -> str:
    """A cell that no spreadsheet program takes for a formula, on one line."""
    seen = "".join(c for c in text if c.isspace() or unicodedata.category(c) not in _UNSEEN)
    flat = " ".join(seen.split())
    # Some programs take a semicolon for the border of a cell, whatever the quotes say.
    return _BEGINS.sub(r"\1'", flat)


def _listed(items: object) -> str:
    return "; ".join(map(str, items)) or OPEN  # type: ignore[call-overload]


def _security(facts: Facts) -> list[str]:
    told = ["pseudonymisation before storage", "placeholders on the wire to models"]
    if facts.places:
        told += ["vault encrypted under a key for each user", "erasure with receipts"]
    if facts.audit:
        told.append(f"audit log, {facts.audit['keyed']}")
    if facts.providers:
        told.append("provider policy checked before each call")
    return told
