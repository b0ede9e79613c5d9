"""What Presidio's recognisers of national numbers need beside their own patterns.

`MARKS`: what a value must show to be found with no word beside it. `WORDS`: such words in English,
where Presidio has those of the country only. `GATES`: patterns that match wherever theirs do.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from piirag.detection.recognizers.base import Gate
from piirag.detection.recognizers.checksums import bare

Marks = Callable[[str], bool]


def _never(value: str) -> bool:
    """A word has to stand beside it."""
    return False


def _capitals(value: str) -> bool:
    """Letters in capitals: hashes and identifiers have them small."""
    return value == value.upper()


def _grouped(value: str) -> bool:
    """Written in groups, as on the card."""
    return any(not c.isalnum() for c in value)


def _grouped_capitals(value: str) -> bool:
    return _capitals(value) and _grouped(value)


def _german_tax_number(value: str) -> bool:
    """With slashes; thirteen digits alone are mostly milliseconds."""
    return "/" in value


def _korean(value: str) -> bool:
    return "-" in value


def _aadhaar(value: str) -> bool:
    return value.count(" ") == 2 or value.count("-") == 2


def _swedish(value: str) -> bool:
    """Ten or twelve digits alone are mostly seconds or a point in time."""
    return "-" in value or "+" in value


def _turkish_plate(value: str) -> bool:
    # Three letters go with two or three digits: "15 JAN 2015" is a date.
    letters = sum(map(str.isalpha, value))
    digits = len(bare(value)) - letters - 2
    return _grouped_capitals(value) and len(bare(value)) >= 7 and letters + digits <= 6


def _south_african_phone(value: str) -> bool:
    """With the country's prefix, or ten digits in groups."""
    groups = value.startswith("+") or (value[0] == "0" and len(bare(value)) == 10)
    return groups and any(c in " -" for c in value) and "." not in value


MARKS: dict[str, Marks] = {
    "AbaRouting": _never,
    "AuAbn": _grouped,
    "AuAcn": _never,
    "AuMedicare": _grouped,
    "AuTfn": _never,
    "CaPostalCode": _capitals,
    "CaSin": _grouped,
    "DeBsnr": _never,
    "DeFuehrerschein": _never,
    "DeHandelsregister": _capitals,
    "DeHealthInsurance": _capitals,
    "DeIdCard": _never,
    "DeKfz": _capitals,
    "DeLanr": _never,
    "DePassport": _never,
    "DePlz": _never,
    "DeSocialSecurity": _capitals,
    "DeTaxNumber": _german_tax_number,
    "DeVatId": _capitals,
    "EsNie": _capitals,
    "EsNif": _capitals,
    "EsPassport": _never,
    "FiPersonalIdentityCode": _capitals,
    "InAadhaar": _aadhaar,
    "InGstin": _capitals,
    "InPan": _capitals,
    "InPassport": _never,
    "InVehicleRegistration": _capitals,
    "InVoter": _never,
    "ItDriverLicense": _never,
    "ItIdentityCard": _never,
    "ItPassport": _never,
    "ItVatCode": _never,
    "KrBrn": _korean,
    "KrDriverLicense": _korean,
    "KrFrn": _korean,
    "KrPassport": _never,
    "KrRrn": _korean,
    "NgNin": _never,
    "NgVehicleRegistration": _never,
    "PhPassport": _never,
    "PhTin": _never,
    "SeOrganisationsnummer": _never,
    "SePersonnummer": _swedish,
    "SgFin": _capitals,
    "SgUen": _never,
    "ThTnin": _never,
    "TrLicensePlate": _turkish_plate,
    "UkDrivingLicence": _capitals,
    "UkNino": _capitals,
    "UkPassport": _never,
    "UkPostcode": _never,
    "UkVehicleRegistration": _grouped_capitals,
    "UsBank": _never,
    "UsHealthInsuranceMemberId": _never,
    "UsLicense": _never,
    "UsMbi": _capitals,
    "UsNpi": _never,
    "UsPassport": _never,
    "ZaCompanyRegistration": _grouped,
    "ZaDriverLicense": _never,
    "ZaIncomeTaxNumber": _never,
    "ZaLicensePlate": _never,
    "ZaMobileNumber": _south_african_phone,
    "ZaPassport": _never,
    "ZaTelephoneNumber": _south_african_phone,
    "ZaTrafficRegisterNumber": _never,
    "ZaVatNumber": _never,
}

_VEHICLE = ("license plate", "licence plate", "number plate", "plate", "registration", "vehicle")
_DRIVING = (
    "driver's license", "drivers license", "driver license", "driving licence", "driving license",
    "driver's licence",
)  # fmt: skip
_IDENTITY = ("national id", "identity card", "id card", "id number", "personal id")
_TAX = ("tax id", "tax number", "tax no", "vat", "vat number", "tin")

WORDS: dict[str, tuple[str, ...]] = {
    "DeFuehrerschein": _DRIVING,
    "DeHealthInsurance": ("health insurance", "insurance number", "kvnr"),
    "DeIdCard": (*_IDENTITY, "german id"),
    "DeKfz": _VEHICLE,
    "DePlz": ("zip", "zip code", "postcode", "postal code"),
    "DeSocialSecurity": ("social security", "pension insurance", "social insurance"),
    "DeTaxId": (*_TAX, "german tax"),
    "DeTaxNumber": _TAX,
    "EsNie": (*_IDENTITY, "foreigner id"),
    "EsNif": (*_IDENTITY, *_TAX),
    "InAadhaar": ("aadhar", "adhaar", "uid"),
    "InVehicleRegistration": _VEHICLE,
    "InVoter": ("voter id", "election card"),
    "ItDriverLicense": _DRIVING,
    "ItFiscalCode": ("fiscal code", "tax code", "tax id"),
    "ItIdentityCard": _IDENTITY,
    "ItPassport": ("passport",),
    "ItVatCode": _TAX,
    "KrRrn": _IDENTITY,
    "PlPesel": _IDENTITY,
    "SePersonnummer": _IDENTITY,
    "ThTnin": _IDENTITY,
    "TrLicensePlate": _VEHICLE,
    "TrNationalId": _IDENTITY,
    "UkDrivingLicence": _DRIVING,
}

ONLY_WORDS: dict[str, tuple[str, ...]] = {
    # Presidio's "id", "fin", "sin", "pan", "pass", "ort", "member" and "policy" are words of
    # everyday text.
    "CaSin": ("sin number", "social insurance", "social insurance number", "nas"),
    "DeIdCard": ("personalausweis", "ausweis", "personalausweisnummer", "ausweisnummer"),
    "DePassport": ("reisepass", "passnummer", "reisepassnummer", "passport"),
    "DePlz": ("plz", "postleitzahl", "wohnort", "wohnhaft", "anschrift", "postanschrift"),
    "InPan": ("permanent account number", "pan card", "pan number", "pan no"),
    "ItIdentityCard": ("carta d'identita", "carta di identita", "cie"),
    "ItPassport": ("passaporto",),
    "ItVatCode": ("piva", "p.iva", "partita iva"),
    "SgFin": ("nric", "fin number", "fin no"),
    "UkPostcode": ("postcode", "post code", "postal code"),
    "UkVehicleRegistration": (
        "number plate", "licence plate", "license plate", "registration", "reg", "vrn", "vrm",
        "plate",
    ),
    "UsHealthInsuranceMemberId": (
        "member id", "member number", "subscriber id", "subscriber", "health insurance",
        "insurance id", "insurance number",
    ),
    "UsNpi": ("npi", "national provider", "provider id", "provider identifier"),
    "UsPassport": ("passport", "travel document"),
    "UsBank": ("account", "acct", "bank", "checking", "savings", "debit"),
    "ZaDriverLicense": _DRIVING,
    "ZaIdNumber": ("identity number", "id number", "south african id", "rsa id", "sa id"),
    "ZaMobileNumber": ("cell", "cellphone", "mobile", "phone", "telephone", "tel"),
    "ZaTelephoneNumber": ("phone", "telephone", "tel", "landline", "fax"),
}  # fmt: skip
"""Context words in place of Presidio's."""

_NINE = re.compile(r"\d{9}")
_TEN = re.compile(r"\d{10}")
_ELEVEN = re.compile(r"\d{11}")
_THIRTEEN = re.compile(r"\d{13}")

GATES: dict[str, Gate] = {
    "AbaRouting": re.compile(r"\d{4}-\d{4}-\d|\d{9}"),
    "AuAbn": re.compile(r"\d{2}\s\d{3}\s\d{3}\s\d{3}|\d{11}"),
    "AuAcn": re.compile(r"\d{3}\s\d{3}\s\d{3}|\d{9}"),
    "AuMedicare": re.compile(r"\d{4}\s\d{5}\s\d|\d{10}"),
    "AuTfn": re.compile(r"\d{3}\s\d{3}\s\d{3}|\d{9}"),
    "CaPostalCode": re.compile(r"\d\w ?\d\w\d"),
    "CaSin": re.compile(r"\d{9}|\d{3}[- ]\d{3}[- ]\d{3}"),
    "DeBsnr": _NINE,
    "DeFuehrerschein": re.compile(r"\d{8}"),
    "DeHandelsregister": re.compile(r"(?i)hr[ab]\s*\d"),
    "DeHealthInsurance": _NINE,
    "DeIdCard": re.compile(r"\w{8}\d"),
    "DeKfz": re.compile(r"[ -]\w{1,2}[\s-]\d|\s\w{1,2}\s\d"),
    "DeLanr": _NINE,
    "DePassport": re.compile(r"\w{8}\d"),
    "DePlz": re.compile(r"\d{5}"),
    "DeSocialSecurity": re.compile(r"\d{8}\w\d{3}"),
    "DeTaxId": _ELEVEN,
    "DeTaxNumber": re.compile(r"\d{13}|\d{2}/\d{3}"),
    "DeVatId": re.compile(r"(?i)de[\s.-]?\d{3}"),
    "EsNie": re.compile(r"\d{7}-?\w"),
    "EsNif": re.compile(r"\d{7}-?\w"),
    "EsPassport": re.compile(r"\w{3}\d{6}"),
    "FiPersonalIdentityCode": re.compile(r"\d{6}[-+\w]\d{3}\w"),
    "InAadhaar": re.compile(r"\d{12}|\d{4}[- :]\d{4}[- :]\d{4}"),
    "InGstin": re.compile(r"\d{2}\w{11}[zZ]\w"),
    "InPan": re.compile(r"\d{4}"),
    "InPassport": re.compile(r"\d\s?\d{4}\d"),
    "InVehicleRegistration": re.compile(r"\d{4}|\d(?i:cd|cc|un)\d"),
    "InVoter": re.compile(r"\w{3}\d{7}"),
    "ItDriverLicense": re.compile(r"\d{7}|(?i:u1\w{8})"),
    "ItFiscalCode": re.compile(r"(?i)[a-z]{6}[\dl-v]{2}[a-z]"),
    "ItVatCode": re.compile(r"\d[ _]?\d[ _]?\d[ _]?\d[ _]?\d[ _]?\d[ _]?\d[ _]?\d[ _]?\d"),
    "ItIdentityCard": re.compile(r"\d{5}"),
    "ItPassport": re.compile(r"\d{7}"),
    "KrBrn": re.compile(r"\d{3}-\d{2}-\d{5}|\d{10}"),
    "KrDriverLicense": re.compile(r"\d{2}[- ]?\d{2}[- ]?\d{6}"),
    "KrFrn": re.compile(r"\d{6}-?\d{7}"),
    "KrPassport": re.compile(r"\d{3}\w\d{4}"),
    "KrRrn": re.compile(r"\d{6}-?\d{7}"),
    "NgNin": _ELEVEN,
    "NgVehicleRegistration": re.compile(r"\d{3}\w{2}"),
    "PhPassport": re.compile(r"\d{7}"),
    "PhTin": re.compile(r"\d{3}-\d{3}-\d{3}|\d{9}"),
    "PhUmid": re.compile(r"\d{4}-\d{7}-\d|\d{12}"),
    "PlPesel": _ELEVEN,
    "SeOrganisationsnummer": re.compile(r"\d{6}-?\d{4}"),
    "SePersonnummer": re.compile(r"\d{6}[-+]?\d{4}"),
    "SgFin": re.compile(r"\d{7}\w"),
    "SgUen": re.compile(r"\d{8}\w|\d{2}\w{2}\d{4}\w"),
    "ThTnin": _THIRTEEN,
    "TrLicensePlate": re.compile(r"\d{2}[\s-]?[^\W\d]{1,3}[\s-]?\d{2}"),
    "TrNationalId": _ELEVEN,
    "UkDrivingLicence": re.compile(r"\d{6}"),
    "UkNino": re.compile(r"\d{2} ?\d{2} ?\d{2} ?\w"),
    "UkPassport": re.compile(r"\d{7}"),
    "UkPostcode": re.compile(r"\d\s?\d\w{2}|\d\w\s?\d\w{2}|(?i:gir)"),
    "UkVehicleRegistration": re.compile(r"\d[- ]?\w{3}|\w{3}[- ]?\d{1,3}[- ]?\w"),
    "UsItin": re.compile(r"9\d{2}[- ]?\d{2}[- ]?\d{4}"),
    "UsBank": re.compile(r"\d{8}"),
    "UsPassport": re.compile(r"\d{8}"),
    "UsSsn": re.compile(r"\d{3}[- .]?\d{2}[- .]?\d{4}"),
    "UsHealthInsuranceMemberId": re.compile(r"(?i)[a-z]-?[a-z0-9]{5}"),
    "UsMbi": re.compile(r"\d\w{2}\d-?\w{2}\d-?\w{2}\d{2}"),
    "UsNpi": re.compile(r"[12]\d{3}[ -]?\d{3}[ -]?\d{3}"),
    "UsPrescriptionNumber": re.compile(r"\d{6}"),
    "UsPriorAuthorizationNumber": re.compile(r"\d{6}"),
    "UsClaimNumber": re.compile(r"\d{6}"),
    "UsReferralNumber": re.compile(r"\d{6}"),
    "UsProviderTaxId": re.compile(r"\d{2}-?\d{7}"),
    "ZaCompanyRegistration": re.compile(r"\d{4}/\d{6}"),
    "ZaDriverLicense": re.compile(r"\d{6}"),
    "ZaIdNumber": _THIRTEEN,
    "ZaIncomeTaxNumber": _TEN,
    "ZaLicensePlate": re.compile(r"(?i)\d\s?[a-z]{2}|\d\w{0,4}[a-z]{2}"),
    "ZaMobileNumber": re.compile(r"\d(?:[^\w\n]{0,3}\d){6}"),
    "ZaPassport": re.compile(r"\d{8}"),
    "ZaTelephoneNumber": re.compile(r"\d(?:[^\w\n]{0,3}\d){6}"),
    "ZaTrafficRegisterNumber": _THIRTEEN,
    "ZaVatNumber": _TEN,
}
