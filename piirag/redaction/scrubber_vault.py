"""What a scrubber keeps of its users: values, tokens, and what is known of them."""

from __future__ import annotations

import re

from piirag.detection.known import KnownValues
from piirag.detection.protocol import Detector
from piirag.detection.spans import Span
from piirag.detection.text import require_text
from piirag.governance.seen import SeenTexts
from piirag.policy import Policy
from piirag.redaction import operators, tokens
from piirag.redaction.carried import Carried
from piirag.redaction.detectors import detector_for
from piirag.redaction.issuer import passing_tokens
from piirag.redaction.known_mappings import pseudonyms_in
from piirag.redaction.passing import PassingTokens
from piirag.redaction.user_state import UserState, UserStates
from piirag.vault.keys import derive
from piirag.vault.vault import MemoryVault, UserVault, Vault


class ScrubberVault:
    """The part of a `Scrubber` that asks its vault."""

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
        self.passing = PassingTokens()
        """Tokens made for questions, which no vault holds."""
        self.labels: SeenTexts[str] = SeenTexts()
        """The labels of chunks that were read lately, by the vault's tag of the user."""
        self.vault.on_forget(self._states.drop)
        self.vault.on_forget(self.labels.drop)
        self._random = self.policy.pseudonyms == "random"
        self._has_surrogates = any(
            operators.split(spec)[0] == operators.SURROGATE
            for spec in self.policy.operators.values()
        )

    @property
    def detector(self) -> Detector:
        """The detector; the default one is built on first use."""
        return detector_for(self.policy, self._given)

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

    def spoken(self, user_id: str) -> Carried:
        """What was found in this user's conversations, in this process."""
        return self._spoken(self._state(self._open(user_id, remember=False)))

    def _spoken(self, state: UserState) -> Carried:
        return self._states.spoken(state, self.policy)

    def token_of(self, span: Span, *, user_id: str) -> str:
        """The pseudonym that a value has, or would have; stores nothing."""
        vault = self._open(user_id, remember=False)
        name = (operators.PSEUDONYM, *span.key)
        token = passing_tokens(vault, [name], random=self._random)[name]
        self.passing.note([token])
        return token

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
