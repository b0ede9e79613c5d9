"""Presidio's recognisers of national numbers, switched on by country and made more careful.

Presidio has many of them switched off, and some for texts in the country's language only. Two
habits of theirs cost precision:

- a context word is looked for inside other words, so "ort" lifts the five digits behind "port" to
  a German postcode; here a word has to be a word, and may stand a little further away;
- a check digit alone makes any number of the right length sure, one figure in ten; here what has
  no other mark (a date within, groups, letters) needs a word beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

from presidio_analyzer import EntityRecognizer, Pattern
from presidio_analyzer import predefined_recognizers as predefined
from presidio_analyzer.predefined_recognizers.country_specific import us as predefined_us

from piirag.detection.recognizers.base import Gate
from piirag.detection.recognizers.presidio_marks import GATES, MARKS, ONLY_WORDS, WORDS
from piirag.detection.recognizers.signs import folded

# What a context word adds to a score, and how much it is at least, as in Presidio's own rules.
_ADDED, _LEAST = 0.35, 0.4
_REACH_BEFORE, _REACH_BEHIND = 60, 20
_DIGIT_OR_LETTER = re.compile(r"[^\W_]")

BY_COUNTRY: dict[str, tuple[str, ...]] = {
    "au": ("AuAbn", "AuAcn", "AuMedicare", "AuTfn"),
    "ca": ("CaPostalCode", "CaSin"),
    "de": (
        "DeBsnr", "DeFuehrerschein", "DeHandelsregister", "DeHealthInsurance", "DeIdCard",
        "DeKfz", "DeLanr", "DePassport", "DePlz", "DeSocialSecurity", "DeTaxId", "DeTaxNumber",
        "DeVatId",
    ),
    "es": ("EsNie", "EsNif", "EsPassport"),
    "fi": ("FiPersonalIdentityCode",),
    "gb": (
        "Nhs", "UkDrivingLicence", "UkNino", "UkPassport", "UkPostcode", "UkVehicleRegistration",
    ),
    "in": (
        "InAadhaar", "InGstin", "InPan", "InPassport", "InVehicleRegistration", "InVoter",
    ),
    "it": ("ItDriverLicense", "ItFiscalCode", "ItIdentityCard", "ItPassport", "ItVatCode"),
    "kr": ("KrBrn", "KrDriverLicense", "KrFrn", "KrPassport", "KrRrn"),
    "ng": ("NgNin", "NgVehicleRegistration"),
    "ph": ("PhPassport", "PhTin", "PhUmid"),
    "pl": ("PlPesel",),
    "se": ("SeOrganisationsnummer", "SePersonnummer"),
    "sg": ("SgFin", "SgUen"),
    "th": ("ThTnin",),
    "tr": ("TrLicensePlate", "TrNationalId"),
    "us": (
        "AbaRouting", "MedicalLicense", "UsBank", "UsClaimNumber", "UsHealthInsuranceMemberId",
        "UsItin", "UsLicense", "UsMbi", "UsNpi", "UsPassport", "UsPrescriptionNumber",
        "UsPriorAuthorizationNumber", "UsProviderTaxId", "UsReferralNumber", "UsSsn",
    ),
    "za": (
        "ZaCompanyRegistration", "ZaDriverLicense", "ZaIdNumber", "ZaIncomeTaxNumber",
        "ZaLicensePlate", "ZaMobileNumber", "ZaPassport", "ZaTelephoneNumber",
        "ZaTrafficRegisterNumber", "ZaVatNumber",
    ),
}  # fmt: skip
"""Country -> names of Presidio's recognisers, without "Recognizer" (presidio-analyzer 2.2.366)."""

LOADED_BY_PRESIDIO: dict[str, frozenset[str]] = {
    "en": frozenset(
        {"MedicalLicense", "Nhs", "UsBank", "UsItin", "UsLicense", "UsPassport", "UsSsn"}
    ),
    "es": frozenset({"EsNie", "EsNif", "MedicalLicense"}),
    "it": frozenset(
        {"ItDriverLicense", "ItFiscalCode", "ItIdentityCard", "ItPassport", "ItVatCode",
         "MedicalLicense"}
    ),
    "pl": frozenset({"MedicalLicense", "PlPesel"}),
}  # fmt: skip
"""Language -> those that Presidio's default registry has for it in any case."""


def presidio_recognizers(countries: Sequence[str], language: str) -> list[EntityRecognizer]:
    """Presidio's recognisers of some countries that its default registry has not loaded.

    Args:
        countries: Keys of `BY_COUNTRY`; others have none.
        language: ISO 639-1 code of the texts, whatever the country speaks.
    """
    loaded = LOADED_BY_PRESIDIO.get(language, frozenset({"MedicalLicense"}))
    names = dict.fromkeys(n for country in countries for n in BY_COUNTRY.get(country, ()))
    made = []
    for name in names:
        # A release of Presidio may lack what a later one has.
        kind = getattr(predefined, f"{name}Recognizer", None) or getattr(
            predefined_us, f"{name}Recognizer", None
        )
        if kind is not None and name not in loaded:
            made.append(_careful(kind, name)(supported_language=language))
    return made


@cache
def _careful(kind: Any, name: str) -> Any:
    """A subclass with whole-word context, and with the marks that a value needs without it."""
    own = ONLY_WORDS.get(name) or getattr(kind, "CONTEXT", None) or ()
    nearby = _words([*own, *WORDS.get(name, ())])
    has_marks: Callable[[str], bool] | None = MARKS.get(name)

    def __init__(self: Any, **options: Any) -> None:
        kind.__init__(self, **{"name": f"{name}Recognizer", **options})
        self.context = []  # Presidio's own context rules have nothing to do
        if hasattr(self, "patterns"):
            self.patterns = list(_linear(self.patterns))

    def analyze(
        self: Any,
        text: str,
        entities: Any = None,
        nlp_artifacts: Any = None,
        regex_flags: Any = None,
    ) -> list[Any]:
        results = kind.analyze(self, text, entities or self.supported_entities, nlp_artifacts)
        low = folded(text)
        kept = []
        for result in results:
            named = nearby is not None and _named(nearby, low, result.start, result.end)
            value = text[result.start : result.end]
            marked = has_marks is None or has_marks(value)
            if not (named or marked) or not _whole(text, result.start, result.end):
                continue
            if named:
                result.score = min(1.0, max(result.score + _ADDED, _LEAST))
            kept.append(result)
        return kept

    def validate_result(self: Any, pattern_text: str) -> Any:
        try:
            return kind.validate_result(self, pattern_text)
        except (ArithmeticError, LookupError, TypeError, ValueError):
            return False  # digits of other scripts, which some of the checks do not expect

    gate: Gate | None = GATES.get(name)
    members: dict[str, Any] = {"__init__": __init__, "analyze": analyze, "__doc__": kind.__doc__}
    if hasattr(kind, "validate_result"):
        members["validate_result"] = validate_result
    if gate is not None:
        members["gate"] = gate
    # Presidio's registry looks classes up by name among all subclasses: this one must not be taken
    # for the original.
    return type(f"Careful{name}Recognizer", (kind,), members)


def _linear(patterns: Sequence[Pattern]) -> Iterator[Pattern]:
    """The patterns without those that take the square of the time."""
    for pattern in patterns:
        if "(?=.*" in pattern.regex:
            continue  # looks ahead through the whole text at each word, for a score of 0.01
        if "(?=[A-Z0-9-]*" in pattern.regex:
            bounded = pattern.regex.replace("[A-Z0-9-]*", "[A-Z0-9-]{0,19}")
            pattern = Pattern(pattern.name, bounded, pattern.score)
        yield pattern


def _words(words: Sequence[str]) -> re.Pattern[str] | None:
    spelled = sorted({folded(w) for w in words if len(w) > 1}, key=lambda w: (-len(w), w))
    if not spelled:
        return None
    return re.compile(
        rf"(?<![^\W\d_])(?:{'|'.join(map(re.escape, spelled))})(?:s|es|n|en)?(?![^\W\d_])"
    )


def _named(nearby: re.Pattern[str], low: str, start: int, end: int) -> bool:
    if nearby.search(low, max(0, start - _REACH_BEFORE), start):
        return True
    return nearby.search(low, end, end + _REACH_BEHIND) is not None


def _whole(text: str, start: int, end: int) -> bool:
    """Some patterns find their digits inside longer numbers."""
    before, behind = text[start - 1 : start], text[end : end + 1]
    return not _DIGIT_OR_LETTER.match(before) and not _DIGIT_OR_LETTER.match(behind)
