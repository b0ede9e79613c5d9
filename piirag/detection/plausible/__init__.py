"""Leaving out findings that their surroundings show to be something else. Threat D12.

Presidio's recognisers stay the definition of what is found; some of their patterns are as wide as
"eight to seventeen digits" or "four small numbers with dots between them". In code, logs, tables
and documentation these are points in time, versions, checksums and measurements. What stands
beside a finding tells: the key before it, the unit behind it, the longer token it is a piece of.

A finding is never left out where a word names it (phone, tel, call, ssn, ip address, ...), nor
where nothing speaks against it; recognisers of one's own are not judged at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from piirag.detection.finding import MODELS, Finding
from piirag.detection.plausible import names, networks, numbers

Judge = Callable[[str, int, int], bool]
"""Takes a text and the span of a finding; whether the finding may stand."""

# By the recogniser's name, so that types of one's own recognisers are left alone.
_JUDGES: dict[str, Judge] = {
    "CreditCardRecognizer": numbers.card,
    "IpRecognizer": networks.address,
    "MacAddressRecognizer": networks.hardware_address,
    "MedicalLicenseRecognizer": numbers.medical_license,
    "NhsRecognizer": numbers.health_number,
    "PhoneRecognizer": numbers.phone,
    "UsBankRecognizer": numbers.us_bank,
    "UsItinRecognizer": numbers.us_itin,
    "UsLicenseRecognizer": numbers.us_licence,
    "UsPassportRecognizer": numbers.us_passport,
    "UsSsnRecognizer": numbers.us_ssn,
}

# Presidio raised the score of these for a word that stood near, or within a word that stood near.
_RAISED = frozenset(
    """
    UsBankRecognizer UsItinRecognizer UsLicenseRecognizer UsPassportRecognizer UsSsnRecognizer
    """.split()
)
_RAISE = 0.35  # by so much: the default of `LemmaContextAwareEnhancer`
_LEAST = 0.01


def plausible(text: str, findings: Sequence[Finding]) -> list[Finding]:
    """Leave out findings that cannot be what they were taken for.

    Args:
        text: The text they were found in.
        findings: With offsets in that text, in any order.

    Returns:
        The others, in the same order; those that a mere piece of a word made likely ("us" in
        "status") are left with the little score they had without it. Time is linear in the number
        of findings: each looks a bounded way around itself.
    """
    kept = []
    mentions = []
    for finding in findings:
        judge = _JUDGES.get(finding.recognizer)
        if judge is not None and not judge(text, finding.start, finding.end):
            if finding.recognizer not in _RAISED:
                continue
            if finding.score >= _RAISE:
                score = max(_LEAST, round(finding.score - _RAISE, 4))
                finding = replace(finding, score=score)
        kept.append(finding)
        if finding.recognizer in MODELS:
            mentions.append(finding)
    if not mentions:
        return kept
    dropped = names.implausible(text, mentions)
    return [finding for finding in kept if finding not in dropped] if dropped else kept


__all__ = ["plausible"]
