"""Who a sentence is about: a person, a thing, or nobody that can be told.

"Works at scale", "lives in memory", "is 20 years old" are said of software as of people. What
stands before such words decides. Where people, things and the ends of sentences stand is gathered
once for a text; each question is then a look into short sorted lists.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Sequence
from functools import cached_property

from piirag.detection.finding import Finding
from piirag.detection.quasi.words import Scan

REACH = 120
"""Characters before and behind a word that may tell whom it is about."""

_PEOPLE = frozenset(
    """
    he she me my his her hers him himself herself myself who mr mrs ms miss mx herr frau madame
    patient patients customer employee colleague coworker applicant tenant claimant defendant
    victim woman man women men boy girl baby child lady gentleman guy wife husband spouse fiance
    fiancé fiancée girlfriend boyfriend son daughter mother father mum mom dad mummy daddy parents
    brother sister sibling grandmother grandfather grandma grandpa uncle aunt cousin nephew niece
    neighbour neighbor neighbours neighbors boss friend person resident pensioner widow widower
    twin nurse teacher engineer lawyer student suspect
    """.split()
)
_THINGS = frozenset(
    """
    it its this these those which everything nothing something algorithm algorithms api apis app
    apps application applications archive article articles asset assets backup backups binary book
    branch bridge browser bucket buckets bug bugs building buildings byte bytes cache caches car
    castle certificate church class classes client cluster code codebase command commands company
    companies component config configuration connection container cookie cookies copy cron daemon
    data database dataset datasets debt demo desktop device devices directory docker docs
    documentation driver element engine entry error errors event example factory feature features
    field fields file files firm firmware fix flag folder format formula framework function
    functions handler hardware header headers hook host house http image images implementation
    index industry install instance interface internet issue java job json kafka kernel key keys
    kubernetes laptop language layer layout library libraries license link linux lock logic log
    logs machine macos memory message messages metadata method methods metric middleware migration
    mode module modules network node nodes object objects option options organisation organization
    output package packages page pages paper parser patch pattern phone pipeline plugin pod pods
    policy port postgres printer process processes processor product products program programs
    project projects protocol proxy python queries query queue record records redis region release
    repo repository request requests resource resources response restaurant router routine rule
    rules runtime rust schema school script scripts sdk server servers service services session
    setting settings setup shell shop signal site snapshot software song source stack standard
    startup state storage store string suite syntax system systems table tables task tasks
    technique technology template templates test tests theorem thing things thread threads ticket
    token tokens tool tools tree trick type types unix update upgrade url utility value values
    variable variables version versions video volume web website whisky widget windows wine worker
    workers workflow wrapper
    """.split()
)
_TECHNICAL = frozenset(
    """
    algorithm algorithms api apis benchmark benchmarks bug bugs cache cached caches classifier
    cluster clusters codebase commit commits compiler compilers config cpu css database databases
    dataset datasets debug debugger debugging deploy deployed deployment docker docs documentation
    downtime exception exceptions firmware framework frameworks function functions git github gpu
    html http json kernel kubernetes latency libraries library linker linux malware module modules
    node nodes packet packets parser parsers pixel pixels plugin plugins pointer pointers
    processes python queries query repositories repository runtime script scripts semicolons server
    servers software sql struct svg syscall syscalls thread threads timeout timeouts tokens
    transistor transistors unicode url variable variables yaml
    """.split()
)

_I = re.compile(r"I\b|i(?=(?:'m|’m|'ve|’ve| am| was| have| had| live| work| got)\b)")
_AGE_PHRASES = ("year old", "years old", "yo")
_AGE_JOINED = re.compile(r"(?<!\w)\d{1,3}yo(?!\w)", re.IGNORECASE)
# Words in capitals; those of tokens that stand for something else than a person tell nothing.
_CAPITALISED = re.compile(r"\[(?!PERSON)[A-Z][A-Z0-9_]*(?: [A-Z][a-z]{5}){3}\]|(\b[A-Z]\w)")
# What a pattern can begin with is a set of characters, so that other text is passed over fast.
_CLAUSE = re.compile(r"[,;:()][\s]|\n|[-–—][ ]")
_CLAUSE_WORDS = frozenset({"and", "but", "while", "whose"})
_SENTENCE = re.compile(
    r"[.!?](?=\s)(?<!\bMr[.])(?<!\bMrs[.])(?<!\bMs[.])(?<!\bDr[.])(?<!\bSt[.])|\n\s{0,9}\n"
)


class Reader:
    """A text, its words, and what a detector has found in it.

    Args:
        scan: The text and its words.
        findings: What was found; people, places and organisations help to understand the rest.
        offset: Where the text begins in the one that the findings belong to.
    """

    def __init__(self, scan: Scan, findings: Iterable[Finding] = (), offset: int = 0) -> None:
        self.scan = scan
        self.text = scan.text
        self.people: list[tuple[int, int]] = []
        self.places: list[tuple[int, int]] = []
        self.organisations: list[tuple[int, int]] = []
        lists = {
            "PERSON": self.people,
            "LOCATION": self.places,
            "ORGANIZATION": self.organisations,
        }
        for finding in findings:
            kept = lists.get(finding.entity_type)
            start, end = finding.start - offset, finding.end - offset
            if kept is not None and end > 0 and start < len(self.text):
                kept.append((max(0, start), end))
        for kept in lists.values():
            kept.sort()

    @cached_property
    def _people_at(self) -> list[int]:
        places = [at for at, _ in self.people]
        places += self._places_of(_PEOPLE)
        places += [at for at in self.scan.positions("i") if _I.match(self.text, at)]
        for phrase in _AGE_PHRASES:
            for at in self.scan.positions(phrase):
                if at > 1 and self.text[at - 2 : at].strip(" -").isdigit():
                    places.append(at)
        if "yo" in self.text or "YO" in self.text:
            places += [match.start() for match in _AGE_JOINED.finditer(self.text)]
        return sorted(places)

    @cached_property
    def _things_at(self) -> list[int]:
        places = self._places_of(_THINGS)
        if self.text.isupper():
            return sorted(places)
        # A trade ("IT professional"), no pronoun.
        return sorted(at for at in places if not self.text.startswith("IT", at))

    @cached_property
    def _technical_at(self) -> list[int]:
        return sorted(self._places_of(_TECHNICAL))

    @cached_property
    def _sentence_ends(self) -> list[int]:
        return [match.end() for match in _SENTENCE.finditer(self.text)]

    @cached_property
    def _clause_starts(self) -> list[int]:
        starts = [match.end() for match in _CLAUSE.finditer(self.text)]
        for word in _CLAUSE_WORDS.intersection(self.scan.words):
            starts += [at + len(word) + 1 for at in self.scan.positions(word)]
        return sorted(starts)

    def _places_of(self, words: frozenset[str]) -> list[int]:
        here = words.intersection(self.scan.words)
        return [at for word in here for at in self.scan.positions(word)]

    def sentence(self, start: int, end: int) -> tuple[int, int]:
        """The sentence around a stretch, as far as `REACH` goes."""
        low = max(_last(self._sentence_ends, start + 1), start - REACH, 0)
        after = bisect.bisect_left(self._sentence_ends, end + 1)
        high = min(len(self.text), end + REACH)
        if after < len(self._sentence_ends):
            high = min(high, self._sentence_ends[after])
        return low, high

    def personal(self, start: int, end: int) -> bool:
        """Whether the sentence around a stretch speaks of a person."""
        low, high = self.sentence(start, end)
        return _any(self._people_at, low, start) or _any(self._people_at, end, high)

    def technical(self, start: int, end: int) -> bool:
        """Whether the sentence around a stretch speaks of software and the like."""
        low, high = self.sentence(start, end)
        return _any(self._technical_at, low, start) or _any(self._technical_at, end, high)

    def subject(self, at: int) -> str:
        """Whom the words before an offset are about: ``"person"``, ``"thing"`` or ``""``."""
        low, _ = self.sentence(at, at)
        clause = max(low, _last(self._clause_starts, at + 1))
        thing = _last(self._things_at, at)
        person = _last(self._people_at, at)
        if thing >= clause and thing > person:
            return "thing"
        if person >= low:
            return "person"
        named = any(m[1] for m in _CAPITALISED.finditer(self.text, clause, at))
        return "thing" if not named and thing >= low else ""

    def found_at(self, spans: Sequence[tuple[int, int]], at: int, reach: int) -> tuple[int, int]:
        """The finding that begins within so many characters behind an offset; (0, 0) if none."""
        first = bisect.bisect_left(spans, (at, 0))
        if first < len(spans) and spans[first][0] <= at + reach:
            return spans[first]
        return 0, 0

    def __repr__(self) -> str:
        return f"Reader({self.scan!r})"


def _last(places: Sequence[int], before: int) -> int:
    """The last of some places in order that lies before an offset; -1 if none."""
    index = bisect.bisect_left(places, before)
    return places[index - 1] if index else -1


def _any(places: Sequence[int], low: int, high: int) -> bool:
    """Whether one of some places in order lies within a stretch."""
    index = bisect.bisect_left(places, low)
    return index < len(places) and places[index] < high
