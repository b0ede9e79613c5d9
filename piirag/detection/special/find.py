"""Finding special-category data: terms, and what the sentence around them is about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from piirag.detection.finding import Finding
from piirag.detection.quasi.assess import scanned
from piirag.detection.quasi.context import Reader
from piirag.detection.quasi.words import Phrases, Scan, longest_first, phrases
from piirag.detection.special import beliefs, body_and_law, health, kinds

RECOGNIZER = "SpecialCategories"
"""The recogniser's name in findings of special-category data."""

_SURE_SCORE = 0.8
_ABOUT_SOMEBODY_SCORE = 0.6

_VETO_REACH = 30


# How much a term says: as the name of a field, in a sentence about somebody, wherever it stands.
_FIELD, _ABOUT_SOMEBODY, _SURE = range(3)


@dataclass(frozen=True)
class _Term:
    kind: str
    level: int
    field: bool = False
    vetoes: frozenset[str] = frozenset()


# The values of records: `religion: none`.
_FIELDS = {
    kinds.HEALTH: """
        diagnosis, diagnoses, allergies, allergy, medication, medications, current medication,
        blood type, blood group, disability, disabilities, medical condition, medical conditions,
        medical history, pre existing conditions, symptoms, disease, illness, chronic conditions,
        health status, health issues, treatment, prescription, icd 10, icd10
    """,
    kinds.RELIGION: "religion, faith, denomination, religious affiliation, konfession",
    kinds.SEXUAL_ORIENTATION: "sexual orientation, gender identity, sexuality",
    kinds.POLITICAL_OPINION: """
        political party, party membership, political affiliation, political views, votes for
    """,
    kinds.TRADE_UNION: "union membership, union member, trade union, trade union membership",
    kinds.ETHNIC_ORIGIN: """
        ethnicity, race, ethnic origin, ethnic group, ethnic background, skin color
    """,
    kinds.GENETIC: "genotype, genetic test, genetic test result, karyotype",
    kinds.CRIMINAL_RECORD: """
        criminal record, criminal history, convictions, previous convictions, offence, offense,
        offences, offenses, felonies
    """,
}

_TERMS = (
    (kinds.HEALTH, health.SURE, health.ABOUT_SOMEBODY, health.VETOES),
    (kinds.RELIGION, beliefs.RELIGION_SURE, beliefs.RELIGION_ABOUT_SOMEBODY, beliefs.VETOES),
    (
        kinds.SEXUAL_ORIENTATION,
        beliefs.ORIENTATION_SURE,
        beliefs.ORIENTATION_ABOUT_SOMEBODY,
        beliefs.VETOES,
    ),
    (
        kinds.POLITICAL_OPINION,
        beliefs.POLITICS_SURE,
        beliefs.POLITICS_ABOUT_SOMEBODY,
        beliefs.VETOES,
    ),
    (kinds.TRADE_UNION, beliefs.UNION_SURE, beliefs.UNION_ABOUT_SOMEBODY, beliefs.VETOES),
    (kinds.ETHNIC_ORIGIN, beliefs.ORIGIN_SURE, beliefs.ORIGIN_ABOUT_SOMEBODY, beliefs.VETOES),
    (
        kinds.GENETIC,
        body_and_law.GENETIC_SURE,
        body_and_law.GENETIC_ABOUT_SOMEBODY,
        body_and_law.VETOES,
    ),
    (
        kinds.BIOMETRIC,
        body_and_law.BIOMETRIC_SURE,
        body_and_law.BIOMETRIC_ABOUT_SOMEBODY,
        body_and_law.VETOES,
    ),
    (
        kinds.CRIMINAL_RECORD,
        body_and_law.CRIMINAL_SURE,
        body_and_law.CRIMINAL_ABOUT_SOMEBODY,
        body_and_law.VETOES,
    ),
)


def _index() -> Phrases[_Term]:
    table = {
        phrase: _Term(kind, _FIELD, field=True)
        for kind, block in _FIELDS.items()
        for phrase in phrases(block)
    }
    for kind, sure, about_somebody, vetoes in _TERMS:
        for block, level in ((about_somebody, _ABOUT_SOMEBODY), (sure, _SURE)):
            for phrase in phrases(block):
                near = frozenset(vetoes.get(phrase, "").split())
                table[phrase] = _Term(kind, level, phrase in table and table[phrase].field, near)
    return Phrases(table)


TERMS = _index()
"""Words that announce special-category data, each with what is needed to believe them."""

_FIELD_VALUE = re.compile(
    r"""["']?\s?[:=]\s{0,3}["']?([^\W_][\w+'’/-]{0,30}(?:[ ][^\W_][\w+'’/-]{0,30}){0,5})"""
    r"""(?=["']|[.]?\s{0,3}(?:[,;|)}\n]|\Z)|[.]\s)"""
)
# What programs write in the place of values, and answers that say nothing.
_NO_VALUE = re.compile(
    r"(?:str|string|int|integer|text|varchar|none|null|nil|undefined|true|false|optional|required|"
    r"unknown|n/a|na|object|number|bool|boolean|field|list|dict|array|enum|float|portrait|"
    r"landscape|horizontal|vertical|left|right|top|bottom|start|end|detected|condition|control|"
    r"placebo|\d+)\b(?![ ]\w)|\w+_\w|None\b",
    re.IGNORECASE,
)
# Terms that say what comes next, and how much of that belongs to them.
_OPEN = frozenset(
    phrases(
        """
        diagnosed with, suffers from, suffering from, suffered from, allergic to, treated for,
        treatment for, addicted to, prescribed, convicted of, sentenced to, arrested for,
        indicted for, family history of, carrier for, campaigned for, blind in,
        came out as, coming out as
        """
    )
)
_WHAT = re.compile(
    r"(?:\s(?:an?|the|his|her|my|their|\d{1,3}|type|stage)){0,2}"
    r"(?:\s(?!and\b|or\b|but\b|in\b|on\b|at\b|by\b|since\b|for\b|with\b|last\b|when\b|who\b|after\b|"
    r"because\b|from\b|this\b)[^\W\d_][\w'’-]{1,30}){1,3}"
)

# Names of people too: a capital tells them from the word, within a sentence or before a surname.
_NAMES = frozenset({"gay", "jain", "imam", "islam", "gypsy"})
_CAPITALISED = re.compile(r"[ ][A-Z][a-z]")


def special_categories(
    text: str,
    findings: Iterable[Finding] = (),
    *,
    scans: Iterable[tuple[int, Scan]] | None = None,
) -> list[Finding]:
    """Find data of the special categories of GDPR Article 9, and of Article 10.

    English terms. Each is either clear by itself, or counts in a sentence about a person only.

    Args:
        text: The text.
        findings: What a detector found in it; a name makes a sentence one about a person.
        scans: The windows of the text with their words, where the caller has them already.

    Returns:
        Findings in order of position; they do not overlap.
    """
    people = sorted(f for f in findings if f.entity_type == "PERSON")
    found: set[Finding] = set()
    for offset, scan in scans if scans is not None else scanned(text):
        if not TERMS.words.isdisjoint(scan.words):
            end = offset + len(scan.text)
            near = [f for f in people if f.end > offset and f.start < end] if offset else people
            found.update(_find(scan, Reader(scan, near, offset), offset))
    return longest_findings(found)


def longest_findings(found: Iterable[Finding]) -> list[Finding]:
    """Of findings that overlap, as two windows may give them, the longest."""
    return [finding for _, _, finding in longest_first((f.start, f.end, f) for f in found)]


def _find(scan: Scan, reader: Reader, offset: int) -> Iterator[Finding]:
    hits = [
        (low, high, term)
        for start, end, term in TERMS.find(scan)
        for low, high in _believed(reader, start, end, term)
    ]
    for low, high, term in longest_first(hits):
        score = _SURE_SCORE if term.level == _SURE else _ABOUT_SOMEBODY_SCORE
        yield Finding(term.kind, offset + low, offset + high, score, RECOGNIZER)


def _believed(reader: Reader, start: int, end: int, term: _Term) -> Iterator[tuple[int, int]]:
    """Where the data stands that a term announces: the term, or what follows it; or nothing."""
    text = reader.text
    value = _FIELD_VALUE.match(text, end) if term.field else None
    if value is not None:
        if not _NO_VALUE.match(value[1]):
            yield value.span(1)
        return
    if term.level == _FIELD or "_" in text[max(0, start - 1) : end + 1]:
        return  # a name in a program
    if term.vetoes and not term.vetoes.isdisjoint(_around(reader, start, end)):
        return
    phrase = reader.scan.flat[start + 1 : end + 1]
    if phrase in _NAMES and text[start].isupper() and _is_name(text, start, end):
        return
    if reader.technical(start, end):
        return
    if term.level == _ABOUT_SOMEBODY and not reader.personal(start, end):
        return
    if phrase in _OPEN:
        what = _WHAT.match(text, end)
        end = what.end() if what is not None else end
    yield start, end


def _around(reader: Reader, start: int, end: int) -> list[str]:
    flat = reader.scan.flat
    before = flat[max(0, start - _VETO_REACH) : start + 1].split()
    return before + flat[end + 1 : end + 1 + _VETO_REACH].split()


def _is_name(text: str, start: int, end: int) -> bool:
    if text[start:end] == "Islam":
        return _CAPITALISED.match(text, end) is not None
    before = text[max(0, start - 3) : start].rstrip(" \"'(")
    return bool(before) and before[-1] not in ".!?:\n"
