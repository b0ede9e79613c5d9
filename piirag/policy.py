"""What counts as personal data and what becomes of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from piirag.detection.text import shown_type
from piirag.errors import ConfigurationError

# Presidio gives a phone number 0.4 and a checksum-free bank or passport number 0.01 to 0.3; a
# context word beside it ("passport") lifts the latter to at least 0.4. One global threshold of
# 0.5 would drop every phone number.
DEFAULT_THRESHOLD = 0.35

OperatorSpec = str | tuple[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Policy:
    """What to look for and what to put in its place.

    Args:
        entities: Presidio entity types to act on; None for everything the detector reports.
            Types passed as ``known=`` are always acted on.
        thresholds: Least score per entity type; ``"DEFAULT"`` for the rest (0.35).
        operators: What a `Scrubber` puts in place of a finding, per entity type; ``"DEFAULT"``
            for the rest. One of ``"pseudonym"`` (the default), ``"surrogate"``, ``"replace"``,
            ``"mask"``, ``"hash"``, ``"encrypt"``, ``"redact"``, ``"keep"``, or a pair of such a
            name and its parameters: ``("mask", {"masking_char": "*", "chars_to_mask": 12,
            "from_end": False})``.
        languages: ISO 639-1 codes; the first is used where a call names none.
        on_error: ``"raise"``: a detector that fails stops the call. There is no other choice:
            text that was not looked at is never let through.

    Raises:
        ConfigurationError: A threshold outside 0..1, an unknown operator, no language.
    """

    entities: Sequence[str] | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    operators: Mapping[str, OperatorSpec] = field(default_factory=dict)
    languages: Sequence[str] = ("en",)
    on_error: str = "raise"

    def __post_init__(self) -> None:
        if isinstance(self.entities, str) or isinstance(self.languages, str):
            raise ConfigurationError("entities and languages must be lists of strings")
        if not self.languages:
            raise ConfigurationError("a policy needs at least one language")
        if self.on_error != "raise":
            raise ConfigurationError('on_error must be "raise": piirag fails closed')
        for entity_type, threshold in self.thresholds.items():
            number = isinstance(threshold, int | float) and not isinstance(threshold, bool)
            if not number or math.isnan(threshold) or not 0 <= threshold <= 1:
                raise ConfigurationError(
                    f"threshold of {shown_type(entity_type)} must be between 0 and 1"
                )
        from piirag.redaction.operators import check_operator

        for entity_type, spec in self.operators.items():
            check_operator(entity_type, spec)

    @property
    def language(self) -> str:
        """The language used where a call names none."""
        return self.languages[0]

    def wants(self, entity_type: str, score: float) -> bool:
        """Whether a finding of this type and score is acted on."""
        if self.entities is not None and entity_type not in self.entities:
            return False
        default = self.thresholds.get("DEFAULT", DEFAULT_THRESHOLD)
        return score >= self.thresholds.get(entity_type, default)

    def operator(self, entity_type: str) -> OperatorSpec:
        """The operator for an entity type."""
        return self.operators.get(entity_type, self.operators.get("DEFAULT", "pseudonym"))
