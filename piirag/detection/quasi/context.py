"""Who a sentence is about: a person, a thing, or nobody that can be told.

"Works at scale", "lives in memory", "is 20 years old" are said of software as of people. What
stands before such words decides; how far back is looked is bounded, so the cost is too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from piirag.detection.finding import Finding
from piirag.detection.quasi.words import Scan

REACH = 120
"""Characters before and behind a word that may tell whom it is about."""

_PEOPLE = re.compile(
    r"""\b(?:I|i(?=(?:'m|’m|'ve|\ am|\ was|\ have|\ had|\ live|\ work|\ got)\b)|(?i:
    he|she|me|my|his|hers?|him|himself|herself|myself|who|mr|mrs|ms|miss|mx|herr|frau|madame|
    patients?|customer|employee|colleague|coworker|applicant|tenant|claimant|defendant|victim|
    woman|man|women|men|boy|girl|baby|child|lady|gentleman|guy|
    wife|husband|spouse|fianc[eé]e?|girlfriend|boyfriend|son|daughter|mother|father|mum|mom|dad|
    mummy|daddy|parents|brother|sister|sibling|grandmother|grandfather|grandma|grandpa|uncle|aunt|
    cousin|nephew|niece|neighbou?r|boss|friend|person|resident|pensioner|widow|widower|twin|
    nurse|teacher|engineer|lawyer|student
    )\b|(?<=\d[ -])years?[ -]old\b|(?<=\d)\s?yo\b)""",
    re.VERBOSE,
)
_THINGS = re.compile(
    r"""\b(?:it|its|this|these|those|which|everything|nothing|something|
    algorithms?|apis?|app|apps|applications?|archive|articles?|assets?|backups?|binary|book|branch|
    bridge|browser|buckets?|bugs?|buildings?|bytes?|cache|caches|car|castle|certificate|church|
    class|classes|client|cluster|code|codebase|commands?|company|companies|component|config|
    configuration|connection|container|cookies?|copy|cron|daemon|data|database|datasets?|debt|
    demo|desktop|device|devices|directory|docker|docs|documentation|driver|element|engine|entry|
    errors?|event|example|factory|features?|field|fields|files?|firm|firmware|fix|flag|folder|
    format|formula|framework|functions?|handler|hardware|headers?|hook|host|house|http|image|
    images|implementation|index|industry|install|instance|interface|internet|issue|java|job|json|
    kafka|kernel|key|keys|kubernetes|laptop|language|layer|layout|library|libraries|license|link|
    linux|lock|logic|logs?|macos|machine|memory|message|messages|metadata|method|methods|metric|
    middleware|migration|mode|modules?|network|node|nodes|object|objects|option|options|organi[sz]ation|
    output|packages?|page|pages|paper|parser|patch|pattern|phone|pipeline|plugin|policy|pods?|
    port|postgres|printer|processe?s?|processor|product|products|program|programs|project|projects|
    protocol|proxy|python|query|queries|queue|record|records|redis|region|release|repo|repository|
    request|requests|resource|resources|response|restaurant|router|routine|rules?|runtime|rust|
    schema|school|script|scripts|sdk|server|servers|service|services|session|setting|settings|
    setup|shell|shop|signal|site|snapshot|software|song|source|stack|standard|startup|state|
    storage|store|string|suite|syntax|system|systems|table|tables|task|tasks|technique|technology|
    templates?|test|tests|theorem|thing|things|threads?|ticket|token|tokens|tool|tools|trick|tree|
    type|types|unix|update|upgrade|url|utility|value|values|variables?|version|versions|video|
    volume|web|website|widget|windows|wine|whisky|workflow|wrapper|worker|workers
    )\b""",
    re.VERBOSE | re.IGNORECASE,
)
_TECHNICAL = re.compile(
    r"""\b(?:algorithms?|apis?|benchmarks?|bugs?|cache[ds]?|classifier|clusters?|codebase|commits?|
    compilers?|config|cpu|css|databases?|datasets?|debug\w*|deploy\w*|docker|
    docs|documentation|latency|librar(?:y|ies)|downtime|timeouts?|exceptions?|firmware|
    frameworks?|functions?|git|github|gpu|html|http|json|kernel|kubernetes|linux|linker|malware|
    modules?|nodes?|packets?|parsers?|pixels?|plugins?|pointers?|processes|python|quer(?:y|ies)|
    repositor(?:y|ies)|runtime|scripts?|servers?|software|sql|struct|svg|syscalls?|threads?|
    tokens|transistors?|unicode|url|variables?|virus\sscan\w*|yaml)\b""",
    re.VERBOSE | re.IGNORECASE,
)
_CAPITALISED = re.compile(r"\b[A-Z]\w")
_CLAUSE = re.compile(r"[,;:()]\s|\n|\s[-–—]\s|\s(?:and|but|while|whose)\s")
_SENTENCE = re.compile(r"(?<!\bMr)(?<!\bMrs)(?<!\bMs)(?<!\bDr)(?<!\bSt)[.!?](?=\s)|\n\s{0,9}\n")


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
                kept.append((start, end))

    def sentence(self, start: int, end: int) -> tuple[int, int]:
        """The sentence around a stretch, as far as `REACH` goes."""
        low = max(0, start - REACH)
        for stop in _SENTENCE.finditer(self.text, low, start):
            low = stop.end()
        stop_after = _SENTENCE.search(self.text, end, min(len(self.text), end + REACH))
        return low, stop_after.start() if stop_after else min(len(self.text), end + REACH)

    def personal(self, start: int, end: int) -> bool:
        """Whether the sentence around a stretch speaks of a person."""
        low, high = self.sentence(start, end)
        if _PEOPLE.search(self.text, low, start) or _PEOPLE.search(self.text, end, high):
            return True
        return any(low < e and s < high for s, e in self.people)

    def technical(self, start: int, end: int) -> bool:
        """Whether the sentence around a stretch speaks of software and the like."""
        low, high = self.sentence(start, end)
        before = _TECHNICAL.search(self.text, low, start)
        return bool(before or _TECHNICAL.search(self.text, end, high))

    def subject(self, at: int) -> str:
        """Whom the words before an offset are about: ``"person"``, ``"thing"`` or ``""``."""
        low, _ = self.sentence(at, at)
        clause = low
        for cut in _CLAUSE.finditer(self.text, low, at):
            clause = cut.end()
        thing = person = -1
        for match in _THINGS.finditer(self.text, clause, at):
            thing = match.start()
        for match in _PEOPLE.finditer(self.text, clause, at):
            person = match.start()
        person = max([person, *(s for s, e in self.people if clause < e <= at)])
        if thing > person:
            return "thing"
        if person >= 0 or _PEOPLE.search(self.text, low, at):
            return "person"
        if any(low < e <= at for _, e in self.people):
            return "person"
        named = _CAPITALISED.search(self.text, clause, at)
        return "thing" if not named and _THINGS.search(self.text, low, clause) else ""

    def found_at(self, spans: list[tuple[int, int]], at: int, reach: int = 6) -> tuple[int, int]:
        """The finding that begins within so many characters behind an offset; (0, 0) if none."""
        near = [span for span in spans if at <= span[0] <= at + reach]
        return min(near) if near else (0, 0)

    def __repr__(self) -> str:
        return f"Reader({self.scan!r})"
