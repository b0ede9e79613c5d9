"""A redaction session whose replies come back in pseudonyms."""

from __future__ import annotations

from piirag.detection.known import Known
from piirag.errors import ConfigurationError
from piirag.redaction import RedactionSession, Redactor
from piirag.redaction.operators import SURROGATE, split
from piirag.redaction.tokens import LITERAL


class SealedSession(RedactionSession):
    """One model call whose placeholders stand for pseudonyms in place of values.

    The model sees the same placeholders as ever. What comes back may be stored or traced, and is
    turned into values where a person reads it.

    Args:
        redactor: With a scrubber.
        user_id: The tenant.
        known: Values the application knows.
    """

    def __init__(self, redactor: Redactor, user_id: str | None, known: Known | None) -> None:
        if redactor.scrubber is None or user_id is None:
            raise ConfigurationError("a sealed session needs a scrubber and a user")
        super().__init__(redactor, user_id, known)
        self._scrubber = redactor.scrubber
        self._tenant = user_id
        operators = redactor.scrubber.policy.operators.values()
        self._surrogates = any(split(operator)[0] == SURROGATE for operator in operators)

    def _token(self, entity_type: str, identity: str, value: str, *, bare: bool = False) -> str:
        if entity_type != LITERAL:
            value = self._sealed(identity, value)
        return super()._token(entity_type, identity, value, bare=bare)

    def _sealed(self, identity: str, value: str) -> str:
        """What stands for a value in stored text: the identity, unless that is a surrogate."""
        if not self._surrogates:
            return identity
        return self._scrubber.scrub(value, user_id=self._tenant, remember=False).text
