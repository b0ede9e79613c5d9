"""What redacting or scrubbing one text gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from piirag.detection.finding import Finding
from piirag.redaction.insight import Insight
from piirag.redaction.mapping import RedactionMapping
from piirag.redaction.tokens import PLACEHOLDER, PSEUDONYM


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

    def _repr_html_(self) -> str:
        """In a notebook: tokens in the colours of their types, masked text around them."""
        from piirag.display import show_tokens

        return show_tokens(self.text, PLACEHOLDER, repr(self))

    def __repr__(self) -> str:
        return f"Redaction({self.counts})"


@dataclass(frozen=True, repr=False)
class ScrubResult:
    """A scrubbed text and what was found in it.

    Args:
        text: The text with every finding replaced.
        findings: Where they stood, in the text that was passed in.
        insight: Quasi-identifiers and special categories in the text that was passed in.
        second_look: Entity type -> values that only the second look found.
    """

    text: str
    findings: tuple[Finding, ...]
    insight: Insight = field(default_factory=Insight)
    second_look: Mapping[str, int] = field(default_factory=dict, hash=False)

    @property
    def counts(self) -> dict[str, int]:
        """Entity type -> number of findings."""
        return dict(Counter(f.entity_type for f in self.findings))

    def _repr_html_(self) -> str:
        """In a notebook: tokens in the colours of their types, masked text around them."""
        from piirag.display import show_tokens

        return show_tokens(self.text, PSEUDONYM, repr(self))

    def __repr__(self) -> str:
        return f"ScrubResult({self.counts})"
