"""Numbers of patients, of health insurance and of US health care."""

from __future__ import annotations

import re
from typing import ClassVar

from piirag.detection.recognizers.base import Form, Mixed, form
from piirag.detection.recognizers.checksums import bare, npi
from piirag.detection.recognizers.keyed import GROUPS, IN_LINE, KeyedRecognizer, Rule, holds, rule

_RECORD = holds(digits=4, length=(4, 20))
_LONG_RECORD = holds(digits=5, length=(6, 20))
_NEAR = 250
_MEDICINE = re.compile(
    r"(?i)(?<![a-z])(?:patients?|lab|clinic\w*|hospital|ward|diagnos\w*|blood|medical|medicine|nurse"
    r"|hba1c|surgery|prescri\w*|referr\w*|radiolog\w*|x-ray|mri|symptoms?|therapy|treatment|dose"
    r"|mg|vaccin\w*|allerg\w*|physician|discharged?|admitted|gp)(?![a-z])"
)
_MEMBER = holds(digits=4, length=(6, 20))


def _npi(value: str) -> bool | None:
    number = bare(value)
    return len(number) == 10 and number.isdigit() and npi(number)


class MedicalRecordRecognizer(KeyedRecognizer):
    """Numbers of patients and of their records, by a label."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule(
            "MEDICAL_RECORD_NUMBER",
            """mrn, medical record, medical record number, med rec, medrec, health record,
            patient id, patient number, patient no, patient identifier, patient mrn, patient code,
            patient ref, hospital number, hospital no, hospital id, chart number,
            chart no, chart id, chart #, patient chart, uhid, nhs number, chi number, hospital mrn,
            specimen id, patientennummer, patienten id, patient nr, fallnummer,
            numero de dossier, dossier medical, numero de patient, ipp, historia clinica,
            numero de historia, cartella clinica, patientnummer, patientnr, numer pacjenta""",
            GROUPS,
            check=_RECORD,
            words=1,
        ),
        rule(
            "MEDICAL_RECORD_NUMBER",
            "record no, record number, record nr, record id, file no, file number, case number",
            GROUPS,
            check=_LONG_RECORD,
        ),
    )

    def judge(self, of: Rule, text: str, start: int, end: int) -> tuple[int, int, float]:
        """A record is that of a patient where medicine is spoken of."""
        if of.check is _LONG_RECORD:
            around = text[max(0, start - _NEAR) : end + _NEAR]
            if not _MEDICINE.search(around):
                return start, end, 0.0
        return super().judge(of, text, start, end)


class HealthInsuranceRecognizer(KeyedRecognizer):
    """Member numbers of health plans, by a label."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule(
            "HEALTH_INSURANCE_ID",
            """health insurance, health insurance number, health plan, health plan id,
            health plan beneficiary, insurance id, insurance number, insurance no, insurance member,
            insurance member id, member id, member number, member no, subscriber id,
            subscriber number, subscriber no, beneficiary number, beneficiary id, medicaid id,
            medicaid, medicare number, medicare no, medicare id, medicare card, medicare,
            health card, health card number, ohip, insured id, policyholder id,
            krankenversicherungsnummer, versichertennummer, versicherten nr, kvnr,
            carte vitale, numero d assure, tarjeta sanitaria, tessera sanitaria,
            zorgverzekeringsnummer, polisnummer""",
            GROUPS,
            check=_MEMBER,
            words=1,
        ),
    )


_L = "[AC-HJKMNP-RT-Y]"
_LN = "[0-9AC-HJKMNP-RT-Y]"


class UsHealthNumberRecognizer(KeyedRecognizer):
    """US Medicare beneficiary identifiers, with or without a label; provider identifiers by one.

    The form of the Medicare beneficiary identifier is that of "Understanding the Medicare
    Beneficiary Identifier Format" (Centers for Medicare & Medicaid Services): eleven characters,
    letters without S, L, O, I, B and Z.
    """

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule(
            "US_NPI",
            "npi, national provider identifier, national provider id",
            r"[12]\d{3}[ -]?\d{3}[ -]?\d{3}(?![\w-])",
            check=_npi,
            link=IN_LINE,
        ),
    )
    FORMS: ClassVar[tuple[Form, ...]] = (
        form(
            "US_MBI",
            rf"(?<![\w-])[1-9]{_L}{_LN}\d(-?){_L}{_LN}\d\1{_L}{{2}}\d{{2}}(?![\w-])",
            Mixed(r"[A-Y][0-9A-Y]\d-?[A-Y][0-9A-Y]\d-?[A-Y]{2}\d{2}"),
            score=0.5,
        ),
    )
