"""Redact and rehydrate around one model call."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from piirag.detection.finding import Finding
from piirag.detection.known import Known, KnownValues
from piirag.detection.protocol import Detector
from piirag.detection.spans import Span, find_spans
from piirag.detection.text import LONE_SURROGATE, normal_form, require_text
from piirag.errors import ConfigurationError
from piirag.policy import Policy
from piirag.redaction import tokens
from piirag.redaction.assembly import Assembly, Mark
from piirag.redaction.detectors import detector_for
from piirag.redaction.insight import Insight, look_deeper
from piirag.redaction.issued_values import IssuedValues
from piirag.redaction.mapping import RedactionMapping
from piirag.redaction.rehydrate import StreamRehydrator, rehydrate
from piirag.redaction.scrubber import Scrubber
from piirag.redaction.second_look import MOST_ROUNDS, SecondLook

# What is quoted: text shaped like a placeholder, and surrogates, which no wire can encode.
_LITERAL = re.compile(f"{tokens.PLACEHOLDER.pattern}|{LONE_SURROGATE.pattern}")


@dataclass(frozen=True, repr=False)
class Redaction:
    """A redacted text, and what is needed to undo it.

    Args:
        text: The text with a placeholder in place of every finding.
        findings: Where they stood, in the text that was passed in.
        mapping: Placeholder -> value, opaque.
        insight: Quasi-identifiers and special categories in the text that was passed in.
        second_look: Entity type -> values that only the second look found.
    """

    text: str
    findings: tuple[Finding, ...]
    mapping: RedactionMapping
    insight: Insight = field(default_factory=Insight)
    second_look: Mapping[str, int] = field(default_factory=dict, hash=False)

    @property
    def counts(self) -> dict[str, int]:
        """Entity type -> number of findings."""
        return dict(Counter(f.entity_type for f in self.findings))

    def __repr__(self) -> str:
        return f"Redaction({self.counts})"


class Redactor:
    """Sends placeholders out and puts the real values back.

    Args:
        policy: What to look for. Its operators play no part: what leaves for a model is always a
            placeholder, so that it can be restored.
        detector: Finds entities; the scrubber's, else `default_detector()`, if None.
        scrubber: Gives access to a vault, so that pseudonyms in retrieved chunks travel as short
            placeholders too and come back as values, and so that values known for a user are
            found. Takes effect in sessions with a `user_id`.
    """

    def __init__(
        self,
        policy: Policy | None = None,
        detector: Detector | None = None,
        *,
        scrubber: Scrubber | None = None,
    ) -> None:
        inherited = scrubber.policy if scrubber is not None else Policy()
        self.policy = policy if policy is not None else inherited
        self.scrubber = scrubber
        self._given = detector

    @property
    def detector(self) -> Detector:
        """The detector; the default one is built on first use."""
        if self._given is None and self.scrubber is not None:
            return self.scrubber.detector
        return detector_for(self.policy, self._given)

    def redact(self, text: str, *, known: Known | None = None) -> Redaction:
        """Redact one text.

        Args:
            text: Any string. Text that looks like a placeholder already is quoted, so that it
                can never be restored to a value.
            known: Values the application knows, found in every spelling.

        Returns:
            The redacted text with the mapping that undoes it.

        Raises:
            InvalidInputError: Not a string.
            DetectionError: The detector failed; nothing was let through.
        """
        return self.session(known=known).redact(text)

    def session(
        self, *, user_id: str | None = None, known: Known | None = None
    ) -> RedactionSession:
        """A session redacts the several texts of one model call under one mapping.

        Args:
            user_id: The tenant whose pseudonyms and known values count; needs a scrubber.
            known: Values the application knows.
        """
        return RedactionSession(self, user_id, known)

    def rehydrate(self, text: str, mapping: RedactionMapping) -> str:
        """Put the values back: exact, literal, in a single pass.

        Placeholders that are not in the mapping stay as they are.

        Raises:
            InvalidInputError: Not a string.
        """
        return rehydrate(require_text(text), mapping)

    def stream(self, mapping: RedactionMapping) -> StreamRehydrator:
        """Restore a reply that arrives in chunks."""
        return StreamRehydrator(mapping)

    def __repr__(self) -> str:
        return f"Redactor(scrubber={self.scrubber!r})"


class RedactionSession:
    """One model call: all its texts share the numbering and the mapping."""

    def __init__(self, redactor: Redactor, user_id: str | None, known: Known | None) -> None:
        if user_id is not None and redactor.scrubber is None:
            raise ConfigurationError("a session with a user_id needs a redactor with a scrubber")
        self._redactor = redactor
        self._user_id = user_id
        self._known = KnownValues(known)
        self.mapping = RedactionMapping()
        self._numbers: dict[tuple[str, str], int] = {}
        self._last: Counter[str] = Counter()
        self._tokens: dict[tuple[str, int, str], str] = {}
        self._spellings: Counter[tuple[str, int]] = Counter()
        self._done: dict[str, Redaction] = {}
        self._identities: dict[tuple[str, str], str] = {}
        self._values = IssuedValues()
        self.found: Counter[str] = Counter()
        """Entity type -> findings in the texts so far; tokens that stood there do not count."""

    def redact(self, text: str) -> Redaction:
        """Redact one text of the call.

        Raises:
            InvalidInputError: Not a string.
            DetectionError: The detector failed; nothing was let through.
            PIIBlockedError: The second look found something, and the policy blocks.
        """
        require_text(text)
        if text not in self._done:
            self._done[text] = self._redact(text)
        return self._done[text]

    def find(self, text: str) -> list[Finding]:
        """What would be redacted in a text, without issuing a placeholder for it."""
        spans = look_deeper(text, self._find(text, []), self._redactor.policy)[0]
        findings = [span.finding for span in spans]
        second = self._second_look().find(text, [(f.start, f.end) for f in findings], self._values)
        return sorted([*findings, *second]) if second else findings

    def _redact(self, text: str) -> Redaction:
        literals = [m.span() for m in _LITERAL.finditer(text)]
        issued = self._issued(text)
        protected = sorted([*literals, *(span for span, _ in issued)])
        spans = self._find(text, protected)
        spans, insight = look_deeper(text, spans, self._redactor.policy, protected=protected)
        marks: list[Mark] = []
        for start, end in literals:
            quoted = text[start:end]
            marks.append((start, end, self._token(tokens.LITERAL, quoted, quoted)))
        for (start, end), (kind, token, value) in issued:
            marks.append((start, end, self._token(kind, token, value)))
        marks += [self._mark(text, span) for span in spans]
        made, leaked = self._look_again(text, marks)
        findings = tuple(sorted([*(span.finding for span in spans), *leaked], key=_position))
        self.found.update(f.entity_type for f in findings)
        counts = dict(Counter(f.entity_type for f in leaked))
        return Redaction(made.text, findings, self.mapping, insight, counts)

    def _mark(self, text: str, span: Span) -> Mark:
        start, end = span.finding.start, span.finding.end
        token = self._token(span.finding.entity_type, self._identity(span), text[start:end])
        return start, end, token

    def _look_again(self, text: str, marks: list[Mark]) -> tuple[Assembly, list[Finding]]:
        """Put the text together, and look at it again until nothing is found in it."""
        look = self._second_look()
        leaked: list[Finding] = []
        made = Assembly(text, marks)
        for _ in range(MOST_ROUNDS):
            found = [
                made.in_original(finding)
                for finding in look.find(made.text, made.covered, self._values)
            ]
            look.report(found)
            if not found:
                break
            leaked += found
            marks += [self._mark(text, Span(f, text[f.start : f.end])) for f in found]
            made = Assembly(text, marks)
        return made, leaked

    def _second_look(self) -> SecondLook:
        return SecondLook(self._redactor.policy, self._redactor.detector)

    def _find(self, text: str, protected: Sequence[tuple[int, int]]) -> list[Span]:
        redactor = self._redactor
        indices = [self._known]
        if redactor.scrubber is not None and self._user_id is not None:
            indices.append(redactor.scrubber.known_values(self._user_id))
        return find_spans(
            text,
            detector=redactor.detector,
            policy=redactor.policy,
            known=indices,
            protected=protected,
        )

    def _issued(self, text: str) -> list[tuple[tuple[int, int], tuple[str, str, str]]]:
        """Pseudonyms of this user in the text: where, and their type, token and value."""
        scrubber = self._redactor.scrubber
        if scrubber is None or self._user_id is None or "[" not in text:
            return []
        values = scrubber.values_of(text, user_id=self._user_id)
        return [
            (m.span(), (m["type"], m.group(), values[m.group()]))
            for m in tokens.PSEUDONYM.finditer(text)
            if m.group() in values
        ]

    def _identity(self, span: Span) -> str:
        """What two mentions of one value have in common: the pseudonym, where there is a vault."""
        scrubber = self._redactor.scrubber
        if scrubber is None or self._user_id is None:
            return normal_form(*span.key)
        # Kept: for a user of whom nothing is stored yet, each look-up would give another token.
        if span.key not in self._identities:
            self._identities[span.key] = scrubber.token_of(span, user_id=self._user_id)
        return self._identities[span.key]

    def _token(self, entity_type: str, identity: str, value: str) -> str:
        kind = tokens.token_type(entity_type)
        number = self._numbers.get((kind, identity))
        if number is None:
            self._last[kind] += 1
            number = self._numbers[(kind, identity)] = self._last[kind]
        token = self._tokens.get((kind, number, value))
        if token is None:
            token = tokens.placeholder(kind, number, self._spellings[(kind, number)])
            self._spellings[(kind, number)] += 1
            self._tokens[(kind, number, value)] = token
            self.mapping.add(token, value, kind)
            self._values.add(value, entity_type)
        return token

    def __repr__(self) -> str:
        return f"RedactionSession({self.mapping!r})"


def _position(finding: Finding) -> tuple[int, int]:
    return finding.start, finding.end
