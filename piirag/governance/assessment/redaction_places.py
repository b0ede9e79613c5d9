"""What is redacted where, as a table."""

from __future__ import annotations

from piirag.governance.assessment.facts import Facts
from piirag.redaction.operators import split

HEAD = ("Place", "What happens to a finding", "Can it be turned back")


def rows(facts: Facts) -> tuple[tuple[str, str, str], ...]:
    """Place, what happens there, and whether it can be turned back."""
    policy = facts.effective
    stored = _operators(facts)
    replies = {
        "redact": "values the model says by itself become their type",
        "block": "a reply with values of the model's own is stopped",
        "allow": "values the model says by itself are let through",
    }[policy.replies]
    special = {
        "off": "not looked for",
        "flag": "told to the application, left in the text",
        "redact": "replaced",
    }[policy.special_categories]
    quasi = {
        "off": "not looked for",
        "warn": "told to the application, left in the text",
        "generalize": "made coarser where they combine",
        "redact": "replaced where they combine",
    }[policy.quasi_identifiers]
    second = {
        "off": "not made",
        "redact": "what it finds is replaced",
        "block": "what it finds stops the call",
    }[policy.second_look]
    sent = "placeholder" if policy.placeholders == "token" else "made-up value of the same kind"
    audit = facts.audit
    log = f"prompt: {audit['prompts']}, reply: {audit['replies']}" if audit else "no audit log"
    return (
        ("Chunks, before they are embedded", stored, "with the vault, in the same tenant"),
        ("Metadata and ids of chunks", "values replaced, ids hashed with a key", "no, for ids"),
        ("Questions, before they are embedded", stored, "with the vault, in the same tenant"),
        ("Retrieved chunks", "scrubbed once more", "with the vault, in the same tenant"),
        ("Prompt and messages to the model", sent, "in this call only"),
        ("Results of tools, on the way to the model", sent, "in this call only"),
        ("Reply of the model", replies, "placeholders: for their own reader only"),
        ("Special categories (Articles 9, 10)", special, "as their text is"),
        ("Quasi-identifiers", quasi, "no"),
        ("Second look at redacted text", second, "no"),
        ("Audit log", log, "no"),
    )


def _operators(facts: Facts) -> str:
    policy = facts.effective
    default = split(policy.operators.get("DEFAULT", "pseudonym"))[0]
    others = [
        f"{kind}: {split(spec)[0]}"
        for kind, spec in sorted(policy.operators.items())
        if kind != "DEFAULT"
    ]
    return "; ".join([default, *others])
