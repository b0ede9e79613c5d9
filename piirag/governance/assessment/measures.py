"""Measures against each risk, as they are set, and what was measured of detection."""

from __future__ import annotations

from piirag.governance.assessment.document import Block, Table, Text
from piirag.governance.assessment.facts import Facts
from piirag.governance.assessment.risks import proposed
from piirag.policy import Policy


def measures(facts: Facts) -> tuple[tuple[str, str, str], ...]:
    """Risk, measure, and how this configuration has it."""
    return tuple((risk.what, risk.measures, risk.why) for risk in proposed(facts)) + tuple(
        ("all", measure, "declared in [assessment]") for measure in facts.config.security
    )


def recall(facts: Facts) -> tuple[Block, ...]:
    """Residual risk: how much of what was planted is hidden whole, by corpus and by type."""
    figures = facts.figures
    corpora = tuple(
        (c.what, f"{c.values:,}", f"{c.hidden:.1%}", f"{c.persons_hidden:.1%}")
        for c in figures.corpora
    )
    kinds = _kinds(facts)
    erased = figures.erasure
    return (
        Text(
            "A value counts as hidden only where every letter and digit of it is masked. Measured "
            f"on public and generated corpora with piirag's default (`{figures.command}`, "
            f"{figures.source}); your own documents may give other figures. {_other(facts)}"
        ),
        Table(("Corpus", "Values", "Hidden whole", "Names of persons"), corpora, numeric=(1, 2, 3)),
        Text(
            "By type, lowest first, over the generated records"
            + (", for types found in your corpus:" if facts.scan else ":")
        ),
        Table(("Type", "Values", "Hidden whole", "Missed of 1,000"), kinds, numeric=(1, 2, 3)),
        Text(
            f"Erasure: over {erased['stores']} kinds of store, {erased['after_delete']:,} planted "
            f"items were left in the bytes of files after a plain delete, and "
            f"{erased['after_physical']:,} after `--physical` "
            f"({', '.join(erased['left_in']) or 'nowhere'}; `{erased['command']}`)."
        ),
    )


def _other(facts: Facts) -> str:
    """In which fields that bear on recall the policy is not the one that was measured."""
    measured = Policy()
    names = ("entities", "thresholds", "languages", "countries", "model", "allow", "deny")
    changed = [n for n in names if getattr(facts.effective, n) != getattr(measured, n)]
    if not changed:
        return "The policy in force is the one that was measured in what it looks for."
    return f"The policy in force differs in: {', '.join(changed)}."


def _kinds(facts: Facts) -> tuple[tuple[str, str, str, str], ...]:
    """Types of the first corpus, which has most of them; only those found where there is a scan."""
    types = facts.figures.corpora[0].types
    if facts.scan:
        found = {*facts.scan.counts, *facts.scan.quasi}
        types = {kind: of for kind, of in types.items() if kind in found} or types
    worst = sorted(types.items(), key=lambda item: (item[1][1], item[0]))
    return tuple(
        (kind, f"{n:,}", f"{hidden:.1%}", f"{(1 - hidden) * 1000:.0f}")
        for kind, (n, hidden) in worst
    )
