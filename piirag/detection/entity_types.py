"""The entity types that recognisers of Presidio and of piirag report.

A detector of your own may report others, so an unknown type is no error by itself; one that is a
letter away from a known type is taken for a slip of the pen.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from piirag.detection.text import shown_type

# Types that need a model; without one they are found where the application passes them along.
NEED_A_MODEL = frozenset({"LOCATION", "NRP", "ORGANIZATION", "PERSON"})

# presidio-analyzer 2.2.366, the recognisers in its predefined_recognizers package.
PRESIDIO = NEED_A_MODEL | frozenset(
    """
    ABA_ROUTING_NUMBER AGE AU_ABN AU_ACN AU_MEDICARE AU_TFN CA_POSTAL_CODE CA_SIN CREDIT_CARD
    CRYPTO DATE_TIME DE_BSNR DE_FUEHRERSCHEIN DE_HANDELSREGISTER DE_HEALTH_INSURANCE DE_ID_CARD
    DE_KFZ DE_LANR DE_PASSPORT DE_PLZ DE_SOCIAL_SECURITY DE_TAX_ID DE_TAX_NUMBER DE_VAT_ID EMAIL
    EMAIL_ADDRESS ES_NIE ES_NIF ES_PASSPORT FI_PERSONAL_IDENTITY_CODE IBAN_CODE ID IN_AADHAAR
    IN_GSTIN IN_PAN IN_PASSPORT IN_VEHICLE_REGISTRATION IN_VOTER IP_ADDRESS IT_DRIVER_LICENSE
    IT_FISCAL_CODE IT_IDENTITY_CARD IT_PASSPORT IT_VAT_CODE KR_BRN KR_DRIVER_LICENSE KR_FRN
    KR_PASSPORT KR_RRN MAC_ADDRESS MEDICAL_LICENSE NG_NIN NG_VEHICLE_REGISTRATION PHONE_NUMBER
    PH_PASSPORT PH_TIN PH_UMID PL_PESEL SE_ORGANISATIONSNUMMER SE_PERSONNUMMER SG_NRIC_FIN SG_UEN
    TH_TNIN TR_LICENSE_PLATE TR_NATIONAL_ID UK_DRIVING_LICENCE UK_NHS UK_NINO UK_PASSPORT
    UK_POSTCODE UK_VEHICLE_REGISTRATION URL US_BANK_NUMBER US_CLAIM_NUMBER US_DRIVER_LICENSE
    US_HEALTH_INSURANCE_MEMBER_ID US_ITIN US_MBI US_NPI US_PASSPORT US_PRESCRIPTION_NUMBER
    US_PRIOR_AUTHORIZATION_NUMBER US_PROVIDER_TAX_ID US_REFERRAL_NUMBER US_SSN UUID
    ZA_COMPANY_REGISTRATION ZA_DRIVER_LICENSE ZA_ID_NUMBER ZA_INCOME_TAX_NUMBER ZA_LICENSE_PLATE
    ZA_MOBILE_NUMBER ZA_PASSPORT ZA_TELEPHONE_NUMBER ZA_TRAFFIC_REGISTER_NUMBER ZA_VAT_NUMBER
    """.split()
)

# Found in the text around a person; see `piirag.detection.quasi`.
QUASI = frozenset(
    """
    AGE DATE_OF_BIRTH EDUCATION EMPLOYER GENDER JOB_TITLE MARITAL_STATUS NATIONALITY POSTCODE
    RESIDENCE
    """.split()
)

# The recognisers of `piirag.detection.recognizers`.
OURS = frozenset(
    """
    API_KEY AUTH_TOKEN BANK_ACCOUNT BANK_ROUTING COORDINATES CVV DATE_OF_BIRTH DEVICE_ID
    DRIVER_LICENSE ES_NSS FR_CNI FR_NIR FR_SIREN HEALTH_INSURANCE_ID ID_NUMBER IMEI
    IN_DRIVER_LICENSE LICENSE_PLATE MEDICAL_RECORD_NUMBER NATIONAL_ID NL_BSN NL_VAT PASSPORT
    PASSWORD PL_ID_CARD PL_NIP PL_REGON POSTCODE PRIVATE_KEY SWIFT_CODE TAX_ID UK_UTR USERNAME
    US_EIN VIN
    """.split()
)

# GDPR Articles 9 and 10; see `piirag.detection.special`. No detector reports them.
SPECIAL = frozenset(
    """
    BIOMETRIC CRIMINAL_RECORD ETHNIC_ORIGIN GENETIC HEALTH POLITICAL_OPINION RELIGION
    SEXUAL_ORIENTATION TRADE_UNION
    """.split()
)

KNOWN_TYPES = PRESIDIO | OURS | QUASI | SPECIAL

_COUNTRY = re.compile(r"[A-Z]{2}_")
_CLOSE = 0.85


def slip_of(entity_type: str, others: Iterable[str] = ()) -> str | None:
    """The known type that a misspelt one probably means; None where it may be a type of its own.

    Args:
        entity_type: A type.
        others: Types that are known besides, such as those of custom recognisers.
    """
    known = KNOWN_TYPES | frozenset(others)
    if entity_type in known:
        return None
    capitals = entity_type[:64].upper().replace("-", "_").replace(" ", "_")
    if capitals in known:
        return capitals
    country = _country(capitals)
    # FR_PASSPORT is no misspelt ES_PASSPORT.
    alike = [kind for kind in known if _country(kind) == country or country is None]
    close = difflib.get_close_matches(capitals, alike, 1, _CLOSE)
    return close[0] if close else None


def is_type_name(entity_type: object) -> bool:
    """Whether this has the form of an entity type: capitals, digits and underscores."""
    return shown_type(entity_type) == entity_type


def _country(entity_type: str) -> str | None:
    match = _COUNTRY.match(entity_type)
    return match.group() if match else None
