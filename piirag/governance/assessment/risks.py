"""Risks, proposed with a likelihood and a severity, and the measures against each.

The feared events are the three of the French authority's method: illegitimate access, unwanted
change, disappearance. What is proposed follows from the configuration; a person decides.
"""

from __future__ import annotations

from dataclasses import dataclass

from piirag.governance.assessment.facts import Facts

LEVELS = ("negligible", "limited", "significant", "maximum")
ACCESS, CHANGE, LOSS = "illegitimate access", "unwanted change", "disappearance"


@dataclass(frozen=True)
class Risk:
    """A risk as it is proposed.

    Args:
        event: The feared event.
        what: What may happen.
        likelihood: 1 to 4, as in `LEVELS`.
        severity: 1 to 4.
        measures: What is against it.
        why: What the proposal rests on.
    """

    event: str
    what: str
    likelihood: int
    severity: int
    measures: str
    why: str

    @property
    def level(self) -> str:
        """The product in a word."""
        product = self.likelihood * self.severity
        return "high" if product >= 9 else "medium" if product >= 4 else "low"


def proposed(facts: Facts) -> tuple[Risk, ...]:
    """The risks of a deployment, the most severe first within each feared event."""
    special = bool(facts.scan and facts.scan.special)
    base = 4 if special else 3
    combined = bool(facts.scan and facts.scan.combinations)
    quasi = facts.effective.quasi_identifiers in ("generalize", "redact")
    outside = [p for p in facts.processors if p.allowed is not True]
    return (
        Risk(
            ACCESS,
            "A value that detection missed is stored, or sent to the provider of the model",
            _of_recall(facts),
            base,
            "deny list and values the application knows; second look; `piirag scan` of the store",
            _recall_told(facts),
        ),
        Risk(
            ACCESS,
            "Text without names still singles a person out by what it combines",
            2 if quasi or not combined else 3,
            base,
            f"quasi_identifiers = {facts.effective.quasi_identifiers!r}",
            _combined_told(facts),
        ),
        Risk(
            ACCESS,
            "Vault and master key come into the same hands, and pseudonyms are turned back",
            2,
            base,
            "key apart from the data, files for their owner only (`piirag check`)",
            "pseudonymised data stay personal data for whoever can reach the vault",
        ),
        Risk(
            ACCESS,
            "A provider keeps, trains on, or moves what it is sent",
            2 if facts.processors and not outside else 3,
            2,
            "placeholders on the wire; provider policy, checked before the first byte leaves",
            _providers_told(facts),
        ),
        Risk(
            ACCESS,
            "A user gets another user's chunks or values",
            1,
            base,
            "the tenant's clause outermost in every read, and every item checked again",
            _isolation_told(facts),
        ),
        Risk(
            ACCESS,
            "Records, logs and traces keep what the store no longer has",
            2 if facts.audit and facts.retention else 3,
            base,
            "no values in the audit log; retention for each kind of data; log filters",
            "audit and retention are set"
            if facts.audit and facts.retention
            else "audit or retention is not set",
        ),
        Risk(
            CHANGE,
            "A text is changed by a wrong finding, and an answer about a person is wrong",
            2,
            2,
            "values are put back exactly; `allow` for what is no personal data",
            "the share of text that is masked for nothing is measured too",
        ),
        Risk(
            LOSS,
            "Vault or master key are lost, and pseudonyms cannot be turned back",
            2,
            2,
            "backup of vault and key, apart from each other; the documents themselves",
            "backups are not seen by piirag",
        ),
        Risk(
            LOSS,
            "Data of an erased person come back from a backup",
            2 if facts.places else 3,
            3,
            "suppression list, applied again after a restore (`piirag suppression reapply`)",
            "backups are not seen by piirag",
        ),
    )


def _of_recall(facts: Facts) -> int:
    """Likelihood that a value is missed, from the worst measured share among Latin scripts."""
    if facts.effective.model == "none":
        return 4
    return 3


def _recall_told(facts: Facts) -> str:
    shares = [(corpus.hidden, corpus.what) for corpus in facts.figures.corpora]
    low, high = min(shares), max(shares)
    return f"measured: {low[0]:.1%} ({low[1]}) to {high[0]:.1%} ({high[1]}) of values hidden whole"


def _combined_told(facts: Facts) -> str:
    if facts.scan is None:
        return "no scan was passed"
    return f"{sum(facts.scan.combinations.values())} texts in the scan combine several kinds"


def _providers_told(facts: Facts) -> str:
    if facts.providers is None:
        return "no [providers] table"
    bad = sum(p.allowed is not True for p in facts.processors)
    if not facts.processors:
        return "a provider policy is set, and no model was looked at"
    return f"{bad} of {len(facts.processors)} destinations are not allowed, or cannot be told"


def _isolation_told(facts: Facts) -> str:
    told = facts.figures.tenancy
    return (
        f"measured: {told['foreign']} foreign rows in {told['asked']:,} attempts on "
        f"{told['stores']} kinds of store"
    )
