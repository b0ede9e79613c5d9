"""What a session searches the texts of a call for, and how."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from piirag.detection.finding import Finding
from piirag.detection.known import Known, KnownValues
from piirag.detection.spans import Span, find_spans
from piirag.detection.text import normal_form
from piirag.errors import ConfigurationError
from piirag.redaction import tokens
from piirag.redaction.adjacent import Cut, shifted, with_cuts
from piirag.redaction.carried import Carried
from piirag.redaction.done import moved
from piirag.redaction.insight import Insight, look_deeper
from piirag.redaction.second_look import SecondLook
from piirag.redaction.strange_tokens import whole_tokens

if TYPE_CHECKING:
    from piirag.redaction.redactor import Redactor


class Search:
    """The searching part of a `RedactionSession`.

    Args:
        redactor: Has the detector and the policy.
        user_id: The tenant.
        known: Values the application knows.

    Raises:
        ConfigurationError: A `user_id` without a scrubber.
    """

    def __init__(self, redactor: Redactor, user_id: str | None, known: Known | None) -> None:
        if user_id is not None and redactor.scrubber is None:
            raise ConfigurationError("a session with a user_id needs a redactor with a scrubber")
        self._redactor = redactor
        self._user_id = user_id
        self.policy = redactor.policy
        self._known = KnownValues(known)
        self._known_of_user: KnownValues | None = None
        self._carried = Carried(self.policy)
        self._found: dict[tuple[str, str], list[Finding]] = {}
        self._identities: dict[tuple[str, str], str] = {}

    def _forget(self) -> None:
        self._known = KnownValues()
        self._known_of_user = None
        self._carried = Carried(self.policy)
        self._found.clear()
        self._identities.clear()

    def find(self, text: str, *, context: str = "") -> list[Finding]:
        """What would be redacted in a text, without issuing a placeholder for it.

        Args:
            text: The text.
            context: What it is to be understood by.
        """
        found = self._found.get((text, context))
        if found is None:
            found = [span.finding for span in self._spans(text, [], context)[0]]
            self._found[(text, context)] = found
        for look in (self._again, self._second_look.find):
            more = look(text, [(f.start, f.end) for f in found])
            found = sorted([*found, *more], key=position) if more else found
        return found

    def _again(self, text: str, covered: Sequence[tuple[int, int]]) -> list[Finding]:
        return [finding for finding, _ in self._carried.find(text, covered)]

    @cached_property
    def _second_look(self) -> SecondLook:
        return SecondLook(self.policy, self._redactor.detector)

    def _spans(
        self, text: str, protected: Sequence[tuple[int, int]], context: str, cut: Cut = ()
    ) -> tuple[list[Span], Insight]:
        """What is to be replaced in a text, understood by what stands before it."""
        by = len(context)
        kept = [(start + by, end + by) for start, end in protected] if by else protected
        whole = context + text
        spans = with_cuts(whole, self._find(whole, kept, context=by), shifted(cut, by), kept)
        spans, insight = look_deeper(whole, spans, self.policy, protected=kept, context=by)
        return moved(spans, -by), insight

    def _find(
        self,
        text: str,
        protected: Sequence[tuple[int, int]],
        *,
        looked_up: bool = False,
        context: int = 0,
    ) -> list[Span]:
        """What stands in a text.

        Args:
            text: The text.
            protected: Stretches that hold tokens already.
            looked_up: What was known of the user when the prompt was redacted will do: between
                the chunks of a reply is no time to ask a vault.
            context: So many characters at the start are there to be understood by.
        """
        redactor = self._redactor
        indices = [self._known]
        if redactor.scrubber is not None and self._user_id is not None:
            if self._known_of_user is None or not looked_up:
                self._known_of_user = redactor.scrubber.known_values(self._user_id)
            indices.append(self._known_of_user)
        spans = find_spans(
            text,
            detector=redactor.detector,
            policy=self.policy,
            known=indices,
            protected=protected,
            context=context,
        )
        return whole_tokens(text, spans, protected, self.policy)

    def _issued(self, text: str) -> list[tuple[tuple[int, int], tuple[str, str, str]]]:
        """Pseudonyms of this user in the text: where, and their type, token and value.

        One that was made in passing stands for itself.
        """
        scrubber = self._redactor.scrubber
        if scrubber is None or self._user_id is None or "[" not in text:
            return []
        values = scrubber.values_of(text, user_id=self._user_id)
        return [
            (m.span(), (m["type"], m.group(), values.get(m.group(), m.group())))
            for m in tokens.PSEUDONYM.finditer(text)
            if m.group() in values or m.group() in scrubber.passing
        ]

    def _identity(self, span: Span) -> str:
        """What two mentions of one value have in common: the pseudonym, where there is a vault."""
        scrubber = self._redactor.scrubber
        key = (span.finding.entity_type, span.value)
        identity = self._identities.get(key)
        if identity is None:
            if scrubber is None or self._user_id is None:
                identity = normal_form(*key)
            else:
                # Kept by normal form too: for a user of whom nothing is stored yet, each look-up
                # would give another token.
                normal = span.key
                identity = self._identities.get(normal)
                if identity is None:
                    identity = scrubber.token_of(span, user_id=self._user_id)
                    self._identities[normal] = identity
            self._identities[key] = identity
        return identity


def position(finding: Finding) -> tuple[int, int]:
    """Where a finding stands, for sorting."""
    return finding.start, finding.end
