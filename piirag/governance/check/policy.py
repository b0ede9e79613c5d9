"""Whether the policy finds what it should."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from piirag.governance.check.lines import FAIL, PASS, UNKNOWN, Line
from piirag.policy import DEFAULT_THRESHOLD, Policy
from piirag.redaction.operators import split

# Least scores at which these are found where nothing stands beside them: see docs/configuration.md.
_FOUND_AT = {
    "PHONE_NUMBER": 0.4,
    "EMAIL_ADDRESS": 1.0,
    "CREDIT_CARD": 1.0,
    "IBAN_CODE": 1.0,
    "US_SSN": 0.5,
    "IP_ADDRESS": 0.6,
    # A model's score is a likelihood, and 1.0 is never one.
    "PERSON": 0.99,
}
_DIRECT = tuple(_FOUND_AT)


def policy_line(data: Mapping[str, Any], path: Path) -> Line:
    """The line about thresholds, operators and switches.

    Args:
        data: What the configuration holds.
        path: The configuration.
    """
    id, question = "policy", "does the policy act on what is found"
    if "policy" not in data:
        return Line(id, question, PASS, ("there is no [policy] table: the default is in force",))
    policy = Policy.from_file(path)
    bad, unsure = _problems(policy)
    if bad:
        return Line(id, question, FAIL, tuple(bad))
    if unsure:
        return Line(id, question, UNKNOWN, tuple(unsure))
    lowest = policy.thresholds.get("DEFAULT", DEFAULT_THRESHOLD)
    told = f"default threshold {lowest:g}, {len(policy.thresholds)} of their own"
    return Line(id, question, PASS, (told, f"second look: {policy.second_look}"))


def _problems(policy: Policy) -> tuple[list[str], list[str]]:
    bad, unsure = [], []
    for kind, score in sorted(_FOUND_AT.items()):
        if policy.entities is not None and kind not in policy.entities:
            continue
        if not policy.wants(kind, score):
            bad.append(f"threshold: {kind} is never found, its score is {score:g}")
    for kind in _DIRECT:
        if split(policy.operator(kind))[0] == "keep":
            bad.append(f"operator of {kind} is keep: values are stored as they are")
    for kind in sorted({*policy.thresholds, *policy.operators} - {*_DIRECT, "DEFAULT"}):
        # What these are is the application's to say; that nothing becomes of them is to be known.
        if policy.thresholds.get(kind, 0.0) >= 1.0:
            unsure.append(f"threshold: {kind} is found only where its score is 1")
        if kind in policy.operators and split(policy.operator(kind))[0] == "keep":
            unsure.append(f"operator of {kind} is keep")
    if policy.second_look == "off":
        bad.append("second_look is off")
    if policy.replies == "allow":
        unsure.append("replies are not searched for values of the model's own")
    if policy.model == "none":
        unsure.append("no model looks for names: they are found only where passed as known")
    if policy.entities is not None:
        left = [kind for kind in _DIRECT if kind not in policy.entities]
        if left:
            unsure.append(f"entities leave out: {', '.join(left)}")
    return bad, unsure
