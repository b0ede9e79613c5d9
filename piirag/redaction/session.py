"""The redaction of one model call: all its texts share the numbering and the mapping."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from piirag.detection.finding import Finding
from piirag.detection.known import Known
from piirag.detection.spans import Span
from piirag.detection.text import LONE_SURROGATE, require_text
from piirag.errors import InvalidInputError
from piirag.redaction import tokens
from piirag.redaction.adjacent import Cut
from piirag.redaction.assembly import Assembly, Mark
from piirag.redaction.done import Done
from piirag.redaction.heard import Heard
from piirag.redaction.insight import Insight, look_deeper, replaces_insight
from piirag.redaction.mapping import RedactionMapping
from piirag.redaction.prompt import Prompt
from piirag.redaction.rehydrate import rehydrate
from piirag.redaction.reply import Reply
from piirag.redaction.respelt import may_hold_tokens, token_shapes
from piirag.redaction.result import Redaction
from piirag.redaction.search import Search, position
from piirag.redaction.second_look import MOST_ROUNDS
from piirag.redaction.stand_ins import StandIns
from piirag.redaction.structure import Structure, json_of

if TYPE_CHECKING:
    from piirag.redaction.redactor import Redactor

# What is quoted: text shaped like a placeholder, and surrogates, which no wire can encode.
_LITERAL = re.compile(f"{tokens.PLACEHOLDER.pattern}|{LONE_SURROGATE.pattern}")


class RedactionSession(Search):
    """One model call; made by `Redactor.session`.

    It is a context manager: at the end of a ``with`` block the values are forgotten, and what is
    restored after that keeps its placeholders.
    """

    def __init__(
        self,
        redactor: Redactor,
        user_id: str | None,
        known: Known | None,
        viewer: str | None = None,
        seconds: float | None = None,
    ) -> None:
        super().__init__(redactor, user_id, known)
        self.viewer = viewer if viewer is not None else user_id
        """Who reads the reply."""
        self.mapping = RedactionMapping(seconds)
        self._lock = threading.RLock()
        self._foreign = False
        self._numbers: dict[tuple[str, str], int] = {}
        self._last: dict[str, int] = {}
        self._tokens: dict[tuple[str, int, str, bool], str] = {}
        self._spellings: dict[tuple[str, int], int] = {}
        self._reserved: set[str] = set()
        self._done: dict[tuple[str, str | None, Cut, str], Done] = {}
        self._mentions: dict[tuple[int, int], tuple[str, str]] = {}
        self._structure: Structure | None = None
        self._prompt = Prompt()
        self._over = False
        self.heard = Heard()
        """What was looked at of the model's replies."""
        self.found: Counter[str] = Counter()
        """Entity type -> findings in the texts so far; tokens that stood there do not count."""

    def redact(
        self, text: str, *, owner: str | None = None, cut: Cut = (), context: str = ""
    ) -> Redaction:
        """Redact one text of the call.

        What was found in the texts before is found in this one too. What this one shows to be a
        value may stand in those before: redact them again once `version` has changed, which costs
        little. See `piirag.redaction.walk.settled`.

        Args:
            text: The text.
            owner: Whose text it is, where it is a document's or a tool's; None for the viewer's
                own words. What stands in texts of others only is not restored to the viewer.
            cut: Parts of values that lie over its borders. See `piirag.redaction.adjacent`.
            context: What it is to be understood by: ``"passport: "`` before a number. It is not
                part of the result.

        Raises:
            InvalidInputError: Not a string, or the session is closed.
            DetectionError: The detector failed; nothing was let through.
            PIIBlockedError: The second look found something, and the policy blocks.
        """
        if type(text) is not str:
            require_text(text)
        self._end_if_over()
        key = (text, owner, cut, context)
        done = self._done.get(key)
        if done is not None and done.version == self._carried.version:
            return done.redaction
        self._require_open()
        before = None if done is None else done.redaction.text
        done = self._redact(*key) if done is None else self._renew(text, owner, done)
        self._done[key] = done
        if done.redaction.text != before:
            self._prompt.sent(done.redaction.text)
        return done.redaction

    def find(self, text: str, *, context: str = "") -> list[Finding]:
        """As in `Search`, while the session is open."""
        self._end_if_over()
        self._require_open()
        return super().find(text, context=context)

    @property
    def version(self) -> int:
        """Changes when a text shows something to be a value that may stand in the others too."""
        return self._carried.version

    def reply(self, mapping: RedactionMapping | None = None) -> Reply:
        """A reply of the model to this call; make one for each.

        Args:
            mapping: The mapping of the call, where you kept it beside the session.

        Raises:
            InvalidInputError: The mapping is another call's.
        """
        if mapping is not None and mapping is not self.mapping:
            raise InvalidInputError("this mapping belongs to another session")
        return Reply(self)

    def close(self) -> None:
        """Forget the values of this call. Placeholders in replies stay as they are from now on."""
        self.mapping.close()
        self._done.clear()
        self._structure = None
        self._forget()
        self._tokens.clear()
        self._numbers.clear()
        self._mentions.clear()
        self._prompt = Prompt()
        self.heard.clear()
        if self.__dict__.get("_stand_ins") is not None:
            self.__dict__["_stand_ins"] = StandIns(self.mapping, self.policy.language)
        self._over = True

    def _end_if_over(self) -> None:
        """Forget everything once the time of the mapping is over, too."""
        if not self._over and self.mapping.closed:
            self.close()

    def _require_open(self) -> None:
        if self.mapping.closed:
            raise InvalidInputError("this session is closed")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def unseen(self, text: str, protected: Sequence[tuple[int, int]]) -> list[Finding]:
        """Values in a text of the model that stood nowhere in this call's prompt.

        Args:
            text: What the model wrote.
            protected: Where tokens of this call stand in it.

        Raises:
            DetectionError: The detector failed.
        """
        self._end_if_over()
        spans = self._in_reply(text, protected)
        if spans:
            self.heard.holds_values = True
        wants = self.policy.wants_in_reply
        found = [span.finding for span in spans if wants(span.finding.entity_type)]
        return [f for f in found if not self._prompt.held(f.entity_type, text[f.start : f.end])]

    def in_clear(self, text: str, protected: Sequence[tuple[int, int]]) -> list[Finding]:
        """Values in a text of the model, whether they stood in the prompt or not. See `unseen`."""
        self._end_if_over()
        found = [span.finding for span in self._in_reply(text, protected)]
        return [*found, *self._again(text, protected)]

    def _in_reply(self, text: str, protected: Sequence[tuple[int, int]]) -> list[Span]:
        spans = self._find(text, list(protected), looked_up=True)
        policy = self.policy
        if replaces_insight(policy):
            spans = look_deeper(text, spans, policy, protected=protected)[0]
        return spans

    def _redact(self, text: str, owner: str | None, cut: Cut, context: str) -> Done:
        with self._lock:
            literals = self._quoted(text)
        issued = self._issued(text)
        protected = sorted([*literals, *(span for span, _ in issued)])
        spans, insight = self._spans(text, protected, context, cut)
        structure = json_of(text)
        if structure is not None:
            spans = structure.fit_numbers(spans)
        with self._lock:
            self._structure = structure
            marks = self._quote(text, literals)
            # The vault's values are those of its user, whoever reads.
            self._foreign = (owner if owner is not None else self._user_id) != self.viewer
            self._mentions = {span: issue[:2] for span, issue in issued}
            for (start, end), (kind, token, value) in issued:
                marks.append((start, end, self._placeholder(kind, token, value, value)))
                if value != token:
                    self._carried.add(kind, value, value)
            self._foreign = owner is not None and owner != self.viewer
            marks += [self._mark(text, span) for span in spans]
            findings = [span.finding for span in spans]
            return self._finish(text, marks, findings, insight)

    def _renew(self, text: str, owner: str | None, done: Done) -> Done:
        """A text redacted before, with what was found in others since."""
        with self._lock:
            if not self._carried.find(done.made.text, done.made.covered):
                return replace(done, version=self._carried.version)
            self._foreign = owner is not None and owner != self.viewer
            self._mentions = dict(done.mentions)
            self._structure = json_of(text)
            self.found.subtract([f.entity_type for f in done.redaction.findings])
            findings = list(done.redaction.findings)
            return self._finish(text, list(done.marks), findings, done.redaction.insight)

    def _finish(
        self, text: str, marks: list[Mark], findings: list[Finding], insight: Insight
    ) -> Done:
        made, again, leaked = self._look_again(text, marks)
        if self._stand_ins is not None:
            made = self._exact(text, marks, made)
        if again or leaked:
            findings = sorted([*findings, *again, *leaked], key=position)
        self.found.update([f.entity_type for f in findings])
        counts = dict(Counter([f.entity_type for f in leaked])) if leaked else {}
        redaction = Redaction(made.text, tuple(findings), self.mapping, insight, counts)
        return Done(redaction, made, marks, self._mentions, self._carried.version)

    # What looks like a token already

    def _quoted(self, text: str) -> list[tuple[int, int]]:
        """Where text stands that could be read as a token of this call when the reply comes.

        A token in another spelling than ours is as likely to be a reference, ``[Table 1]``. It is
        left as it is, and its number is given to no value of this call.
        """
        quoted: list[tuple[int, int]] = []
        if may_hold_tokens(text):
            quoted = [m.span() for m in _LITERAL.finditer(text)]
            keys = self.mapping.index()[0]
            for start, end, key in token_shapes(text):
                if tokens.PLACEHOLDER.fullmatch(text, start, end):
                    continue
                if key in keys:
                    quoted.append((start, end))
                else:
                    self._reserved.add(key)
        elif not text.isascii():
            quoted = [m.span() for m in LONE_SURROGATE.finditer(text)]
        if self._stand_ins is not None:
            self._stand_ins.note(text)
            quoted += [
                (low, high)
                for low, high in self._stand_ins.occurrences(text)
                if all(high <= start or end <= low for start, end in quoted)
            ]
        return quoted

    def _quote(self, text: str, literals: Sequence[tuple[int, int]]) -> list[Mark]:
        self._foreign = False
        marks: list[Mark] = []
        for start, end in literals:
            quoted = text[start:end]
            marks.append((start, end, self._token(tokens.LITERAL, quoted, quoted)))
        return marks

    # What is found

    def _mark(self, text: str, span: Span) -> Mark:
        finding = span.finding
        surface = text[finding.start : finding.end]
        identity = self._identity(span)
        if self._stand_ins is not None:
            self._mentions[(finding.start, finding.end)] = (finding.entity_type, identity)
        self._carried.add(finding.entity_type, surface, span.value)
        if self._structure is not None and self._structure.is_number(finding.start, finding.end):
            # A number in JSON: a string stands for it, whose quotes go with it.
            self._prompt.replaced(finding.entity_type, surface, foreign=self._foreign)
            token = self._token(finding.entity_type, identity, surface, bare=True)
            return finding.start, finding.end, f'"{token}"'
        token = self._placeholder(finding.entity_type, identity, surface, span.value)
        return finding.start, finding.end, token

    def _look_again(
        self, text: str, marks: list[Mark]
    ) -> tuple[Assembly, list[Finding], list[Finding]]:
        """Put the text together, and look at it again until nothing is found in it.

        Returns:
            The text, what was found before, here or elsewhere, and what only the second look saw.
        """
        again: list[Finding] = []
        leaked: list[Finding] = []
        made = Assembly(text, marks)
        look = self._second_look
        for _ in range(MOST_ROUNDS):
            spans = [
                Span(made.in_original(finding), value)
                for finding, value in self._carried.find(made.text, made.covered)
            ]
            if spans:
                again += [span.finding for span in spans]
            else:
                found = [made.in_original(f) for f in look.find(made.text, made.covered)]
                if not found:
                    break
                look.report(found)
                leaked += found
                spans = [Span(f, text[f.start : f.end]) for f in found]
            if self._structure is not None:
                spans = self._structure.fit_numbers(spans)
            marks += [self._mark(text, span) for span in spans]
            made = Assembly(text, marks)
        return made, again, leaked

    def _exact(self, text: str, marks: list[Mark], made: Assembly) -> Assembly:
        """Put placeholders where a surrogate would not come back: where it touches a letter."""
        table = self.mapping.stand_ins()
        if table is None or rehydrate(made.text, self.mapping) == text:
            return made
        read = {match.span() for match in table[0].finditer(made.text)}
        for kept in (read, set[tuple[int, int]]()):
            changed: list[Mark] = []
            for (start, end, put), covered in zip(sorted(marks), made.covered, strict=True):
                if put in table[1] and covered not in kept:
                    kind, identity = self._mentions[(start, end)]
                    self._foreign = self.mapping.is_foreign(put)
                    put = self._token(kind, identity, text[start:end])
                changed.append((start, end, put))
            made, marks = Assembly(text, changed), changed
            if rehydrate(made.text, self.mapping) == text:
                break
        return made

    @cached_property
    def _stand_ins(self) -> StandIns | None:
        """What makes surrogates, where the policy asks for them.

        A kind of session that keeps something else than values gets placeholders.
        """
        plain = type(self)._token is RedactionSession._token
        wanted = plain and self.policy.placeholders == "surrogate"
        return StandIns(self.mapping, self.policy.language) if wanted else None

    # Tokens

    def _placeholder(self, entity_type: str, identity: str, surface: str, full: str) -> str:
        """What stands on the wire for one mention of a value."""
        self._prompt.replaced(entity_type, surface, foreign=self._foreign)
        if self._stand_ins is not None:
            kind = tokens.token_type(entity_type)
            made = self._stand_ins.token(kind, identity, full, surface, foreign=self._foreign)
            if made is not None:
                return made
        return self._token(entity_type, identity, surface)

    def _token(self, entity_type: str, identity: str, value: str, *, bare: bool = False) -> str:
        """The placeholder of one spelling of a value; of one without quotes in JSON if `bare`."""
        kind = tokens.token_type(entity_type)
        value_key = (kind, identity)
        number = self._numbers.get(value_key)
        if number is None:
            number = self._last.get(kind, 0) + 1
            while self._reserved and f"{kind}_{number}".lower() in self._reserved:
                number += 1
            self._last[kind] = self._numbers[value_key] = number
        token_key = (kind, number, value, bare)
        token = self._tokens.get(token_key)
        if token is None:
            spelling = self._spellings.get((kind, number), 0)
            token = tokens.placeholder(kind, number, spelling)
            while self._reserved and token[1:-1].lower() in self._reserved:
                spelling += 1
                token = tokens.placeholder(kind, number, spelling)
            self._spellings[(kind, number)] = spelling + 1
            self._tokens[token_key] = token
            self.mapping.add(token, value, kind, foreign=self._foreign)
            if bare and type(self)._token is RedactionSession._token:
                self.mapping.add_stand_in(f'"{token}"', token, value)
        elif not self._foreign:
            self.mapping.own(token)
        return token

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.mapping!r})"
