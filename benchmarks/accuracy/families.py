"""Which entity types of different systems mean the same thing."""

from __future__ import annotations

_MEMBERS = {
    "PLACE": "LOCATION GPE STREET_ADDRESS ADDRESS ZIP_CODE POSTCODE UK_POSTCODE DE_PLZ "
    "CA_POSTAL_CODE RESIDENCE",
    "ORGANIZATION": "ORG EMPLOYER",
    "PERSON": "PER",
    "NRP": "NORP NATIONALITY",
    "JOB": "JOB_TITLE",
    "URL": "DOMAIN_NAME",
    "DATE_TIME": "DATE_OF_BIRTH DATE",
    "BANK_ACCOUNT": "US_BANK_NUMBER",
    "BANK_ROUTING": "ABA_ROUTING_NUMBER",
    "SWIFT": "SWIFT_CODE",
    "MEDICAL_RECORD": "MEDICAL_RECORD_NUMBER UK_NHS US_MBI HEALTH_INSURANCE_ID "
    "DE_HEALTH_INSURANCE US_HEALTH_INSURANCE_MEMBER_ID AU_MEDICARE",
    "SECRET": "API_KEY AUTH_TOKEN PRIVATE_KEY PASSWORD",
    "NATIONAL_ID": "TAX_ID ID_NUMBER",
    "LICENSE_PLATE": "DE_KFZ",
    "DRIVER_LICENSE": "DE_FUEHRERSCHEIN",
}
_FAMILY = {kind: name for name, kinds in _MEMBERS.items() for kind in kinds.split()}
_ENDINGS = {
    "PASSPORT": "PASSPORT",
    "DRIVER_LICENSE": "DRIVER_LICENSE",
    "DRIVING_LICENCE": "DRIVER_LICENSE",
    "LICENSE_PLATE": "LICENSE_PLATE",
    "VEHICLE_REGISTRATION": "LICENSE_PLATE",
}
_NATIONS = frozenset("us uk gb de fr es it nl pl in au fi se kr sg th tr ng ca br pt ph za".split())


def family(entity_type: str) -> str:
    """The family of a type.

    ``US_PASSPORT`` and ``PASSPORT`` are one, and so are an address and a place; the numbers that
    states give to people are one family. Scores per span compare families.
    """
    if entity_type in _FAMILY:
        return _FAMILY[entity_type]
    for ending, name in _ENDINGS.items():
        if entity_type.endswith(ending):
            return name
    nation, _, rest = entity_type.partition("_")
    return "NATIONAL_ID" if rest and nation.lower() in _NATIONS else entity_type
