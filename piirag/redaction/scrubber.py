"""Scrubbing: replacing findings in text that is stored or retrieved."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from piirag.detection.finding import Finding
from piirag.detection.known import Known, KnownValues, check_known
from piirag.detection.protocol import Detector
from piirag.detection.spans import Span, find_spans
from piirag.detection.text import normal_form, replace_surrogates, require_text
from piirag.errors import InvalidInputError
from piirag.policy import Policy
from piirag.redaction import operators, tokens
from piirag.redaction.detectors import detector_for
from piirag.redaction.issuer import Name, candidate, issue
from piirag.redaction.surrogates import has_surrogate
from piirag.redaction.user_state import UserState, UserStates
from piirag.vault.keys import derive
from piirag.vault.vault import MemoryVault, UserVault, Vault

# A known value of one or two characters counts in its own text only: remembered, it would be
# found in every other text of the user.
_SHORTEST_REMEMBERED = 3

_Mapping = TypeVar("_Mapping", bound=Mapping[str, Sequence[str]] | None)

_ISSUED = frozenset({operators.PSEUDONYM, operators.SURROGATE})


@dataclass(frozen=True, repr=False)
class ScrubResult:
    """A scrubbed text and what was found in it.

    Args:
        text: The text with every finding replaced.
        findings: Where they stood, in the text that was passed in.
    """

    text: str
    findings: tuple[Finding, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Entity type -> number of findings."""
        return dict(Counter(f.entity_type for f in self.findings))

    def __repr__(self) -> str:
        return f"ScrubResult({self.counts})"


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
        knowns = _per_text(known, len(checked))
        vault = self._open(user_id, remember)
        knowns = _without_tokens(knowns, vault)
        if remember and self._remember_known(vault, knowns):
            vault = self._open(user_id, remember)
        state = self._state(vault)
        indices = {key: KnownValues(known) for key, known in _distinct(knowns).items()}
        work = [
            self._spans(t, len(c), k, indices[id(k)], state, vault)
            for t, c, k in zip(checked, before, knowns, strict=True)
        ]
        wanted = {
            name: span.value
            for spans in work
            for span in spans
            if (name := self._name(span))[0] in _ISSUED
        }
        if remember:
            table = issue(vault, wanted, state.tokens, taken=state.remembered)
        else:
            table = {name: candidate(vault, name) for name in wanted}
        results = []
        for text, context, spans in zip(checked, map(len, before), work, strict=True):
            replaced = self._replace(text, spans, table, vault)
            self._states.mark_clean(replaced, state)
            findings = tuple(
                replace(s.finding, start=s.finding.start - context, end=s.finding.end - context)
                for s in spans
            )
            results.append(ScrubResult(replaced[context:], findings))
        return results

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
        values = {t: v["v"] for t, v in vault.get(_pseudonyms_in(text)).items()}
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
        return candidate(vault, (operators.PSEUDONYM, *span.key))

    def values_of(self, text: str, *, user_id: str) -> dict[str, str]:
        """The user's own pseudonyms that stand in a text, with their values."""
        vault = self._open(user_id, remember=False)
        return {token: v["v"] for token, v in vault.get(_pseudonyms_in(text)).items()}

    def secret(self, user_id: str, purpose: str) -> bytes:
        """A key of this user for one purpose; it dies with the user's data key."""
        return derive(self._open(user_id, remember=False).hash_key, purpose)

    def _open(self, user_id: str, remember: bool) -> UserVault:
        if remember:
            vault = self.vault.open(user_id)
        elif self.vault.is_erased(user_id):
            vault = None
        else:
            vault = self.vault.open(user_id, create=False)
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
            for known in _distinct(knowns).values()
            for kind, values in known.items()
            for value in values
            if (kind, normal := normal_form(kind, value)) not in state.remembered
            and sum(map(str.isalnum, value)) >= _SHORTEST_REMEMBERED
        }
        if new:
            issue(vault, new, state.tokens, known=True)
        return bool(new)

    def _spans(
        self,
        text: str,
        context: int,
        known: Mapping[str, Sequence[str]],
        index: KnownValues,
        state: UserState,
        vault: UserVault,
    ) -> list[Span]:
        remembered = all(
            (kind, normal_form(kind, value)) in state.remembered
            for kind, values in known.items()
            for value in values
        )
        if remembered and self._states.is_clean(text, state):
            return []
        return self._find(text, context, index, state, vault)

    def _find(
        self, text: str, context: int, known: KnownValues, state: UserState, vault: UserVault
    ) -> list[Span]:
        spans = find_spans(
            text,
            detector=self.detector,
            policy=self.policy,
            known=[index for index in (known, state.known) if len(index)],
            protected=self._issued(text, vault),
            context=context,
        )
        if self._has_surrogates and spans:
            surfaces = [text[s.finding.start : s.finding.end] for s in spans]
            made = {t for t, v in vault.get(surfaces).items() if v["o"] == operators.SURROGATE}
            spans = [s for s, surface in zip(spans, surfaces, strict=True) if surface not in made]
        return spans

    def _issued(self, text: str, vault: UserVault) -> list[tuple[int, int]]:
        """Where pseudonyms stand that this user's vault has issued."""
        matches = list(tokens.PSEUDONYM.finditer(text))
        there = vault.get([m.group() for m in matches])
        return [m.span() for m in matches if m.group() in there]

    def _name(self, span: Span) -> Name:
        entity_type, normal = span.key
        operator, _ = operators.split(self.policy.operator(entity_type))
        if operator == operators.SURROGATE and not has_surrogate(entity_type):
            operator = operators.PSEUDONYM
        return operator, entity_type, normal

    def _replace(
        self, text: str, spans: Sequence[Span], table: Mapping[Name, str], vault: UserVault
    ) -> str:
        pieces = []
        last = 0
        for span in spans:
            start, end, kind = span.finding.start, span.finding.end, span.finding.entity_type
            token = table.get(self._name(span))
            if token is None:
                spec = self.policy.operator(kind)
                token = operators.apply(spec, text[start:end], kind, salt=vault.salt)
            pieces += [text[last:start], token]
            last = end
        return "".join([*pieces, text[last:]])

    def __repr__(self) -> str:
        return f"Scrubber(vault={self.vault!r})"


def _without_tokens(
    knowns: Sequence[dict[str, list[str]]], vault: UserVault
) -> list[dict[str, list[str]]]:
    """Leave out known values that are tokens: a scrubbed record names its customer by one.

    Remembered as a value, a token would get a token of its own, and "person" would be a name.
    """
    distinct = _distinct(knowns).values()
    values = {v for known in distinct for kept in known.values() for v in kept}
    tokens_of = {v: [v, *_pseudonyms_in(v)] for v in values}
    issued = vault.get(list({t for found in tokens_of.values() for t in found}))
    if not issued:
        return list(knowns)
    # One mapping may serve many texts; its index is built once.
    changed = {
        id(known): {
            kind: [v for v in kept if not any(t in issued for t in tokens_of[v])]
            for kind, kept in known.items()
        }
        for known in distinct
    }
    return [changed[id(known)] for known in knowns]


def _distinct(knowns: Sequence[_Mapping]) -> dict[int, _Mapping]:
    """Each mapping once, by its identity: many texts may share one."""
    return {id(known): known for known in knowns}


def _pseudonyms_in(text: str) -> list[str]:
    return list(dict.fromkeys(m.group() for m in tokens.PSEUDONYM.finditer(text)))


def _per_text(
    known: Known | Sequence[Known | None] | None, count: int
) -> list[dict[str, list[str]]]:
    if known is None or isinstance(known, Mapping):
        return [check_known(known)] * count
    if len(known) != count:
        raise InvalidInputError("known must be one mapping, or one for each text")
    checked = {key: check_known(k) for key, k in _distinct(known).items()}
    return [checked[id(k)] for k in known]
