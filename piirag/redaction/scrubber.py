"""Scrubbing: replacing findings in text that is stored or retrieved."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from piirag.detection.finding import Finding
from piirag.detection.known import Known, KnownValues
from piirag.detection.protocol import Detector
from piirag.detection.quasi import is_quasi
from piirag.detection.spans import Span, detect_ahead, find_spans
from piirag.detection.text import normal_form, replace_surrogates, require_text
from piirag.errors import InvalidInputError
from piirag.policy import OperatorSpec, Policy
from piirag.redaction import operators, tokens
from piirag.redaction.assembly import Assembly
from piirag.redaction.detectors import detector_for
from piirag.redaction.insight import Insight, look_deeper
from piirag.redaction.issued_values import IssuedValues
from piirag.redaction.issuer import Name, issue, passing_tokens
from piirag.redaction.known_mappings import distinct, per_text, pseudonyms_in, without_tokens
from piirag.redaction.result import ScrubResult
from piirag.redaction.second_look import MOST_ROUNDS, SecondLook
from piirag.redaction.structure import Structure, structure_of
from piirag.redaction.surrogates import has_surrogate
from piirag.redaction.user_state import UserState, UserStates
from piirag.vault.keys import derive
from piirag.vault.vault import MemoryVault, UserVault, Vault

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


class Scrubber:
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

    def __init__(
        self,
        policy: Policy | None = None,
        detector: Detector | None = None,
        vault: Vault | None = None,
    ) -> None:
        self.policy = policy if policy is not None else Policy()
        self.vault = vault if vault is not None else MemoryVault()
        self._given = detector
        self._states = UserStates()
        self.vault.on_forget(self._states.drop)
        self._random = self.policy.pseudonyms == "random"
        self._has_surrogates = any(
            operators.split(spec)[0] == operators.SURROGATE
            for spec in self.policy.operators.values()
        )

    @property
    def detector(self) -> Detector:
        """The detector; the default one is built on first use."""
        return detector_for(self.policy, self._given)

    def scrub(
        self, text: str, *, user_id: str, known: Known | None = None, remember: bool = True
    ) -> ScrubResult:
        """Scrub one text.

        Args:
            text: Any string. Lone surrogates, which no store can encode, become U+FFFD.
            user_id: The tenant.
            known: Values the application knows to stand in this text, found in every spelling:
                ``{"PERSON": [record["customer"]]}``. They are remembered for the user, so that
                later texts and questions are searched for them too.
            remember: Whether new values go into the vault. False for questions.

        Raises:
            InvalidInputError: Not a string, or no usable `user_id`.
            DetectionError: The detector failed; nothing was let through.
            PIIBlockedError: The second look found something, and the policy blocks.
            UserErasedError: The user was erased.
        """
        return self.scrub_batch([text], user_id=user_id, known=known, remember=remember)[0]

    def scrub_batch(
        self,
        texts: Sequence[str],
        *,
        user_id: str,
        known: Known | Sequence[Known | None] | None = None,
        remember: bool = True,
        contexts: Sequence[str] | None = None,
    ) -> list[ScrubResult]:
        """Scrub several texts of one user; one vault transaction for all of them.

        Args:
            texts: The texts.
            user_id: The tenant.
            known: As in `scrub`; one mapping for all texts, or one for each.
            remember: As in `scrub`.
            contexts: For each text, what it is to be understood by: ``"passport: "`` before a
                number. It is not part of the results.
        """
        if isinstance(texts, str):
            raise InvalidInputError("scrub_batch takes a list of strings")
        checked = [replace_surrogates(require_text(text)) for text in texts]
        before = [replace_surrogates(c) for c in contexts] if contexts else [""] * len(checked)
        checked = [c + text for c, text in zip(before, checked, strict=True)]
        knowns = per_text(known, len(checked))
        vault = self._open(user_id, remember)
        knowns = without_tokens(knowns, vault)
        if remember and self._remember_known(vault, knowns):
            vault = self._open(user_id, remember)
        state = self._state(vault)
        indices = {key: KnownValues(known) for key, known in distinct(knowns).items()}
        issued = [self._issued(text, vault) for text in checked]
        clean = [self._is_clean(t, k, state) for t, k in zip(checked, knowns, strict=True)]
        ahead = self._ahead(checked, issued, clean)
        work = [
            self._spans(t, len(c), indices[id(k)], state, vault, *rest)
            for t, c, k, *rest in zip(checked, before, knowns, issued, clean, ahead, strict=True)
        ]
        table = self._tokens(
            [span for found in work for span in found.spans], vault, state, remember
        )
        results = []
        for text, context, found in zip(checked, map(len, before), work, strict=True):
            replaced, leaked = self._finish(text, context, found, table, vault, state, remember)
            self._states.mark_clean(replaced, state)
            findings = tuple(
                replace(s.finding, start=s.finding.start - context, end=s.finding.end - context)
                for s in sorted([*found.spans, *leaked], key=lambda span: span.finding.start)
            )
            counts = dict(Counter(span.finding.entity_type for span in leaked))
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
        return passing_tokens(vault, wanted, random=self._random)

    def _finish(
        self,
        text: str,
        context: int,
        found: _Found,
        table: Mapping[Name, str],
        vault: UserVault,
        state: UserState,
        remember: bool,
    ) -> tuple[str, list[Span]]:
        """Replace what was found, and look at the result again until nothing is found in it."""
        made = self._replace(text, found.spans, table, vault, found.structure)
        leaked: list[Span] = []
        if found.clean:
            return made.text, leaked
        look = SecondLook(self.policy, self.detector)
        values = IssuedValues()
        for span in found.spans:
            if operators.split(self._operator(span.finding.entity_type))[0] != operators.KEEP:
                values.add(text[span.finding.start : span.finding.end], span.finding.entity_type)
        for _ in range(MOST_ROUNDS):
            hits = [
                made.in_original(hit)
                for hit in look.find(made.text, [(0, context), *made.covered], values)
            ]
            new = self._not_made(
                [Span(hit, text[hit.start : hit.end]) for hit in hits], text, vault
            )
            look.report(span.finding for span in new)
            if not new:
                break
            if found.structure is not None:
                new = found.structure.fit(new)
            leaked += new
            spans = sorted([*found.spans, *leaked], key=lambda span: span.finding.start)
            tokens_of = {**table, **self._tokens(new, vault, state, remember)}
            made = self._replace(text, spans, tokens_of, vault, found.structure)
            table = tokens_of
        return made.text, leaked

    def reveal(self, text: str, *, user_id: str) -> str:
        """Put the values behind a user's own pseudonyms and surrogates back.

        The spelling is the one first seen. Tokens that are not this user's stay as they are.

        Args:
            text: Text with tokens.
            user_id: The tenant whose vault is asked.

        Raises:
            InvalidInputError: Not a string, or no usable `user_id`.
        """
        require_text(text)
        vault = self._open(user_id, remember=False)
        values = {t: v["v"] for t, v in vault.get(pseudonyms_in(text)).items()}
        pattern = tokens.PSEUDONYM.pattern
        if self._has_surrogates:
            made = {t: v["v"] for t, v in vault.values() if v["o"] == operators.SURROGATE}
            if made:
                longest_first = sorted(made, key=len, reverse=True)
                pattern += "|" + "|".join(rf"(?<!\w){re.escape(t)}(?!\w)" for t in longest_first)
                values.update(made)
        return re.sub(pattern, lambda m: values.get(m.group(), m.group()), text)

    def known_values(self, user_id: str) -> KnownValues:
        """The values that the application has passed along for a user."""
        return self._state(self._open(user_id, remember=False)).known

    def token_of(self, span: Span, *, user_id: str) -> str:
        """The pseudonym that a value has, or would have; stores nothing."""
        vault = self._open(user_id, remember=False)
        name = (operators.PSEUDONYM, *span.key)
        return passing_tokens(vault, [name], random=self._random)[name]

    def values_of(self, text: str, *, user_id: str) -> dict[str, str]:
        """The user's own pseudonyms that stand in a text, with their values."""
        vault = self._open(user_id, remember=False)
        return {token: v["v"] for token, v in vault.get(pseudonyms_in(text)).items()}

    def secret(self, user_id: str, purpose: str) -> bytes:
        """A key of this user for one purpose; it dies with the user's data key."""
        return derive(self._open(user_id, remember=False).hash_key, purpose)

    def _open(self, user_id: str, remember: bool) -> UserVault:
        vault = self.vault.open(user_id) if remember else self.vault.opened(user_id)
        return vault if vault is not None else self.vault.passing()

    def _state(self, vault: UserVault) -> UserState:
        if vault.passing:
            return UserState(vault.hash_key, 0)
        return self._states.of(vault)

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
        """Where pseudonyms stand that this user's vault has issued."""
        matches = list(tokens.PSEUDONYM.finditer(text))
        there = vault.get([m.group() for m in matches])
        return [m.span() for m in matches if m.group() in there]

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
