"""Scrubbing: replacing findings in text that is stored or retrieved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from piirag.detection.finding import Finding
from piirag.detection.known import Known, KnownValues
from piirag.detection.quasi import is_quasi
from piirag.detection.spans import Span, detect_ahead, find_spans
from piirag.detection.text import normal_form, replace_surrogates, require_text
from piirag.errors import InvalidInputError
from piirag.policy import OperatorSpec
from piirag.redaction import operators, tokens
from piirag.redaction.adjacent import Cut, shifted, with_cuts
from piirag.redaction.assembly import Assembly
from piirag.redaction.carried import Carried
from piirag.redaction.insight import Insight, look_deeper, replaces_insight
from piirag.redaction.issuer import Name, issue, passing_tokens
from piirag.redaction.known_mappings import distinct, per_text, without_tokens
from piirag.redaction.result import ScrubResult
from piirag.redaction.scrubber_vault import ScrubberVault
from piirag.redaction.second_look import MOST_ROUNDS, RECOGNIZER, SecondLook
from piirag.redaction.strange_tokens import whole_tokens
from piirag.redaction.structure import Structure, structure_of
from piirag.redaction.surrogates import has_surrogate
from piirag.redaction.user_state import UserState
from piirag.vault.vault import UserVault

# A known value of one or two characters counts in its own text only: remembered, it would be
# found in every other text of the user.
_SHORTEST_REMEMBERED = 3

_Stretches = Sequence[tuple[int, int]]

_ISSUED = frozenset({operators.PSEUDONYM, operators.SURROGATE})


@dataclass(frozen=True, repr=False)
class _Found:
    """What is to be replaced in one text, and whether it came out of a scrub already."""

    spans: list[Span]
    insight: Insight
    clean: bool
    structure: Structure | None = None


class Scrubber(ScrubberVault):
    """Replaces personal data in text that is stored, embedded or retrieved.

    The same value of the same user always gives the same token, so that questions, chunks and
    metadata still meet. One scrubber may be shared by threads and users.

    Args:
        policy: What to look for and what to put in its place.
        detector: Finds entities; `default_detector()` if None.
        vault: Keeps values and the keys of pseudonyms. If None they live in memory, and
            pseudonyms change when the process restarts: pass a `SQLiteVault` to store anything.

    Raises:
        ConfigurationError: A policy that the detector cannot serve.
    """

    def scrub(
        self,
        text: str,
        *,
        user_id: str,
        known: Known | None = None,
        remember: bool = True,
        cut: Cut = (),
    ) -> ScrubResult:
        """Scrub one text.

        Args:
            text: Any string. Lone surrogates, which no store can encode, become U+FFFD.
            user_id: The tenant.
            known: Values the application knows to stand in this text, found in every spelling:
                ``{"PERSON": [record["customer"]]}``. They are remembered for the user, so that
                later texts and questions are searched for them too.
            remember: Whether new values go into the vault. False for questions.
            cut: Parts of values that lie over its borders. See `piirag.redaction.adjacent`.

        Raises:
            InvalidInputError: Not a string, or no usable `user_id`.
            DetectionError: The detector failed; nothing was let through.
            PIIBlockedError: The second look found something, and the policy blocks.
            UserErasedError: The user was erased.
        """
        return self.scrub_batch(
            [text], user_id=user_id, known=known, remember=remember, cuts=[cut]
        )[0]

    def scrub_batch(
        self,
        texts: Sequence[str],
        *,
        user_id: str,
        known: Known | Sequence[Known | None] | None = None,
        remember: bool = True,
        contexts: Sequence[str] | None = None,
        cuts: Sequence[Cut] | None = None,
        together: Sequence[int] | None = None,
        spoken: bool = False,
    ) -> list[ScrubResult]:
        """Scrub several texts of one user; one vault transaction for all of them.

        Args:
            texts: The texts.
            user_id: The tenant.
            known: As in `scrub`; one mapping for all texts, or one for each.
            remember: As in `scrub`.
            contexts: For each text, what it is to be understood by: ``"passport: "`` before a
                number. It is not part of the results.
            cuts: For each text, the parts of values that lie over its borders.
            together: For each text, the number of the document that it is a part of. What is
                found in one part is looked for in all of them. If None, each text is by itself.
            spoken: Whether the texts belong to conversations. Then what is found in one of them
                is looked for in all, and in what is spoken of later in this process.
        """
        if isinstance(texts, str):
            raise InvalidInputError("scrub_batch takes a list of strings")
        checked = [replace_surrogates(require_text(text)) for text in texts]
        before = [replace_surrogates(c) for c in contexts] if contexts else [""] * len(checked)
        checked = [c + text for c, text in zip(before, checked, strict=True)]
        parts = [
            shifted(cut, len(c)) for c, cut in zip(before, cuts or [()] * len(checked), strict=True)
        ]
        knowns = per_text(known, len(checked))
        vault = self._open(user_id, remember)
        knowns = without_tokens(knowns, vault)
        if remember and self._remember_known(vault, knowns):
            vault = self._open(user_id, remember)
        state = self._state(vault)
        indices = {key: KnownValues(known) for key, known in distinct(knowns).items()}
        issued = [self._issued(text, vault) for text in checked]
        clean = [
            not cut and self._is_clean(t, k, state)
            for t, k, cut in zip(checked, knowns, parts, strict=True)
        ]
        ahead = self._ahead(checked, issued, clean)
        work = [
            self._spans(t, len(c), indices[id(k)], state, vault, *rest)
            for t, c, k, *rest in zip(
                checked, before, knowns, issued, clean, ahead, parts, strict=True
            )
        ]
        table = self._tokens(
            [span for found in work for span in found.spans], vault, state, remember
        )
        carried = self._carried(checked, work, state, together, spoken)
        results = []
        for text, context, found, more in zip(
            checked, map(len, before), work, carried, strict=True
        ):
            replaced, leaked = self._finish(
                text, context, found, more, table, vault, state, remember
            )
            self._states.mark_clean(replaced, state)
            findings = tuple(
                replace(s.finding, start=s.finding.start - context, end=s.finding.end - context)
                for s in sorted([*found.spans, *leaked], key=lambda span: span.finding.start)
            )
            counts = dict(
                Counter(s.finding.entity_type for s in leaked if s.finding.recognizer == RECOGNIZER)
            )
            results.append(ScrubResult(replaced[context:], findings, found.insight, counts))
        return results

    def _tokens(
        self, spans: Sequence[Span], vault: UserVault, state: UserState, remember: bool
    ) -> dict[Name, str]:
        """The pseudonyms and surrogates of values."""
        wanted = {name: span.value for span in spans if (name := self._name(span))[0] in _ISSUED}
        if remember:
            taken = state.remembered
            return issue(vault, wanted, state.tokens, taken=taken, random=self._random)
        made = passing_tokens(vault, wanted, random=self._random)
        self.passing.note(made.values())
        return made

    def _finish(
        self,
        text: str,
        context: int,
        found: _Found,
        carried: Carried,
        table: Mapping[Name, str],
        vault: UserVault,
        state: UserState,
        remember: bool,
    ) -> tuple[str, list[Span]]:
        """Replace what was found, and look at the result again until nothing is found in it."""
        spans, new = found.spans, list[Span]()
        structure = found.structure
        made = self._replace(text, spans, table, vault, structure)
        leaked: list[Span] = []
        look = SecondLook(self.policy, self.detector)
        for _ in range(MOST_ROUNDS):
            covered = [(0, context), *made.covered] if context else made.covered
            new = self._not_made(
                [Span(made.in_original(f), v) for f, v in carried.find(made.text, covered)],
                text,
                vault,
            )
            if not new and not found.clean:
                hits = [made.in_original(hit) for hit in look.find(made.text, covered)]
                new = self._not_made([Span(h, text[h.start : h.end]) for h in hits], text, vault)
                look.report(span.finding for span in new)
            if not new and not found.clean and made.covered:
                new = self._deeper_again(made, text, context, vault)
            if new and structure is None and not context:
                # It was not asked for where the first look found nothing.
                structure = structure_of(text)
            if new and structure is not None:
                new = structure.fit(new)
            if not new:
                break
            leaked += new
            spans = sorted([*found.spans, *leaked], key=lambda span: span.finding.start)
            table = {**table, **self._tokens(new, vault, state, remember)}
            made = self._replace(text, spans, table, vault, structure)
        return made.text, leaked

    def _deeper_again(
        self, made: Assembly, text: str, context: int, vault: UserVault
    ) -> list[Span]:
        """What would be replaced of the result, were it scrubbed once more.

        What stands in place of a value is longer, or tells less, than the value did, so that the
        rest of a sentence may be understood in another way.
        """
        if not replaces_insight(self.policy):
            return []
        issued = self._issued(made.text, vault)
        spans, _ = look_deeper(made.text, [], self.policy, protected=issued, context=context)
        free = [
            span.finding
            for span in spans
            if all(
                end <= span.finding.start or span.finding.end <= start
                for start, end in made.covered
            )
        ]
        moved = [made.in_original(finding) for finding in free]
        return self._not_made([Span(f, text[f.start : f.end]) for f in moved], text, vault)

    def _carried(
        self,
        texts: Sequence[str],
        work: Sequence[_Found],
        state: UserState,
        together: Sequence[int] | None,
        spoken: bool,
    ) -> list[Carried]:
        """For each text, what was found in it, and in those that it belongs to."""
        groups: dict[int, Carried] = {}
        numbers = [0] * len(texts) if spoken else together or range(len(texts))
        if spoken:
            groups[0] = self._spoken(state)
        for number, text, found in zip(numbers, texts, work, strict=True):
            carried = groups.setdefault(number, Carried(self.policy))
            for span in found.spans:
                f = span.finding
                if operators.split(self._operator(f.entity_type))[0] != operators.KEEP:
                    carried.add(f.entity_type, text[f.start : f.end], span.value)
        return [groups[number] for number in numbers]

    def _remember_known(
        self, vault: UserVault, knowns: Sequence[Mapping[str, Sequence[str]]]
    ) -> bool:
        """Put new known values into the vault, so that later questions find them."""
        state = self._state(vault)
        new = {
            (operators.PSEUDONYM, kind, normal): value
            for known in distinct(knowns).values()
            for kind, values in known.items()
            for value in values
            if (kind, normal := normal_form(kind, value)) not in state.remembered
            and sum(map(str.isalnum, value)) >= _SHORTEST_REMEMBERED
        }
        if new:
            issue(vault, new, state.tokens, known=True, random=self._random)
        return bool(new)

    def _is_clean(self, text: str, known: Mapping[str, Sequence[str]], state: UserState) -> bool:
        """Whether a text came out of a scrub that knew the same values."""
        return self._states.is_clean(text, state) and all(
            (kind, normal_form(kind, value)) in state.remembered
            for kind, values in known.items()
            for value in values
        )

    def _ahead(
        self, texts: Sequence[str], issued: Sequence[_Stretches], clean: Sequence[bool]
    ) -> list[list[Finding] | None]:
        """What the detector finds in several texts, looked at side by side."""
        ahead: list[list[Finding] | None] = [None] * len(texts)
        unread = [i for i, done in enumerate(clean) if not done]
        if len(unread) > 1:
            stretches = [(texts[i], issued[i]) for i in unread]
            found = detect_ahead(self.detector, stretches, self.policy.language)
            for i, of_one in zip(unread, found, strict=True):
                ahead[i] = of_one
        return ahead

    def _spans(
        self,
        text: str,
        context: int,
        known: KnownValues,
        state: UserState,
        vault: UserVault,
        issued: _Stretches,
        clean: bool,
        ahead: list[Finding] | None,
        cut: Cut,
    ) -> _Found:
        spans: list[Span] = []
        if not clean:
            spans = find_spans(
                text,
                detector=self.detector,
                policy=self.policy,
                known=[index for index in (known, state.known) if len(index)],
                protected=issued,
                context=context,
                ahead=ahead,
            )
            spans = with_cuts(text, whole_tokens(text, spans, issued, self.policy), cut, issued)
        more, insight = look_deeper(text, spans, self.policy, protected=issued, context=context)
        if clean or not more:
            return _Found([], insight, clean)
        more = self._not_made(more, text, vault)
        structure = None if context else structure_of(text)
        if structure is not None:
            more = structure.fit(more)
        return _Found(more, insight, clean, structure)

    def _not_made(self, spans: list[Span], text: str, vault: UserVault) -> list[Span]:
        """Leave out what is a surrogate of this user's, made by an earlier call."""
        if not self._has_surrogates or not spans:
            return spans
        surfaces = [text[s.finding.start : s.finding.end] for s in spans]
        made = {t for t, v in vault.get(surfaces).items() if v["o"] == operators.SURROGATE}
        return [s for s, surface in zip(spans, surfaces, strict=True) if surface not in made]

    def _issued(self, text: str, vault: UserVault) -> _Stretches:
        """Where pseudonyms stand that this user's vault has issued, or that were made here."""
        matches = list(tokens.PSEUDONYM.finditer(text))
        there = vault.get([m.group() for m in matches])
        return [m.span() for m in matches if m.group() in there or m.group() in self.passing]

    def _name(self, span: Span) -> Name:
        entity_type, normal = span.key
        operator, _ = operators.split(self._operator(entity_type))
        if operator == operators.SURROGATE and not has_surrogate(entity_type):
            operator = operators.PSEUDONYM
        return operator, entity_type, normal

    def _operator(self, entity_type: str) -> OperatorSpec:
        policy = self.policy
        if policy.quasi_identifiers == "generalize" and is_quasi(entity_type):
            return policy.operators.get(entity_type, operators.GENERALIZE)
        return policy.operator(entity_type)

    def _replace(
        self,
        text: str,
        spans: Sequence[Span],
        table: Mapping[Name, str],
        vault: UserVault,
        structure: Structure | None,
    ) -> Assembly:
        marks = []
        for span in spans:
            start, end, kind = span.finding.start, span.finding.end, span.finding.entity_type
            token = table.get(self._name(span))
            if token is None:
                spec = self._operator(kind)
                token = operators.apply(spec, text[start:end], kind, salt=vault.salt)
            if structure is not None:
                token = structure.put(start, end, token)
            marks.append((start, end, token))
        return Assembly(text, marks)

    def __repr__(self) -> str:
        return f"Scrubber(vault={self.vault!r})"
