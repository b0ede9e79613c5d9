"""What the facts say, as paragraphs, points and tables of an assessment."""

from __future__ import annotations

from collections.abc import Mapping

from piirag.governance.assessment import redaction_places
from piirag.governance.assessment.document import Block, Bullets, Table, Text
from piirag.governance.assessment.document import Facts as Pairs
from piirag.governance.assessment.facts import Facts


def triggers(facts: Facts) -> tuple[str, ...]:
    """Reasons for an assessment that can be read."""
    told = ["new technology: a language model over documents about persons (Article 35(1))"]
    if facts.scan and facts.scan.special:
        kinds = ", ".join(facts.scan.special)
        told.append(f"special categories or criminal records in the corpus: {kinds}")
    if facts.scan and facts.scan.combinations:
        told.append("texts that combine quasi-identifiers, and may single persons out")
    if facts.config.decisions in ("assisted", "automated"):
        told.append("answers play a part in decisions about persons (Article 35(3)(a))")
    return tuple(told)


def scan_told(facts: Facts) -> str:
    """What was scanned."""
    scan = facts.scan
    if scan is None:
        return (
            "No scan of the corpus was passed, so that categories are not known: "
            "`piirag scan PATH --json > report.json`, then `piirag pia --scan report.json`."
        )
    left = f" {scan.skipped} were not read, or not whole." if scan.skipped else ""
    part = " It was a sample." if scan.sampled else ""
    return f"{scan.scanned:,} texts or rows were scanned.{left}{part}"


def counted(counts: Mapping[str, int]) -> tuple[tuple[str, str], ...]:
    """Rows of names and numbers."""
    return tuple((kind, f"{n:,}") for kind, n in counts.items())


def places_kept(facts: Facts) -> Table:
    """Where data are kept."""
    rows = tuple((p.name, p.kind, p.holds, p.told) for p in facts.places)
    return Table(("Place", "Kind", "Holds", "Protection"), rows, "No [vault] or [[stores]] table.")


def not_covered(facts: Facts) -> tuple[Block, ...]:
    """What an erasure does not reach."""
    if not facts.not_covered:
        return ()
    return (Text("Known not to be reached by an erasure:"), Bullets(facts.not_covered))


def redacted_where(facts: Facts) -> Table:
    """What is redacted where."""
    return Table(redaction_places.HEAD, redaction_places.rows(facts))


def processors_told(facts: Facts) -> tuple[Block, ...]:
    """Who gets data, and what the provider policy demands."""
    blocks: list[Block] = []
    if facts.providers is None:
        blocks.append(Text("There is no [providers] table: nothing is known of processors."))
    else:
        blocks += [Text("The provider policy demands:"), Pairs(tuple(facts.providers.items()))]
    rows = tuple(
        (
            p.model,
            p.name or "unknown",
            p.host or "cannot be seen",
            p.region or "cannot be seen",
            {True: "yes", False: "no", None: "not asked"}[p.allowed],
            "; ".join(p.reasons),
        )
        for p in facts.processors
    )
    head = ("Model", "Provider", "Host", "Region", "Allowed", "Why, or what to know")
    blocks.append(
        Table(
            head,
            rows,
            "No model of the application was looked at: name them as `models` in [providers].",
        )
    )
    return tuple(blocks)


def periods_kept(facts: Facts) -> Table:
    """How long data are kept."""
    rows = tuple((facts.retention or {}).items())
    empty = "There is no [retention] table: nothing deletes data because of their age."
    return Table(("Kind of data", "Kept for"), rows, empty)


def minimised(facts: Facts) -> tuple[str, ...]:
    """What is done to have less data."""
    policy = facts.effective
    kinds = (
        "all that the detector reports"
        if policy.entities is None
        else ", ".join(sorted(policy.entities))
    )
    return (
        f"acted on before anything is stored or embedded: {kinds}",
        "the model gets placeholders, and only chunks of the user who asks",
        f"values of the model's own in replies: {policy.replies}",
        f"deny list: {sum(map(len, policy.deny.values()))} values of "
        f"{len(policy.deny)} types; allow list: {len(policy.allow)} entries",
    )
