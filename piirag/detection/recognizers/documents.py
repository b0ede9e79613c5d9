"""Passports, driving licences, national identity and tax numbers, named by a label.

A number that stands behind the name of a national number is one, even where its check digit is
wrong (a slip of the pen does not make it anybody else's); a right check digit makes it sure. What
the numbers of one country look like without a label is known to `countries`.
"""

from __future__ import annotations

from typing import ClassVar

from piirag.detection.recognizers import national_checks as national
from piirag.detection.recognizers.base import Check
from piirag.detection.recognizers.checksums import bare
from piirag.detection.recognizers.keyed import (
    GROUPS,
    IN_LINE,
    NUMBER,
    STRICT,
    KeyedRecognizer,
    Rule,
    holds,
    rule,
)


def _sure_if(valid: Check, digits: int, length: tuple[int, int]) -> Check:
    """True where a check digit is right, None where the value has the form at least."""
    form = holds(digits=digits, length=length)

    def check(value: str) -> bool | None:
        return True if valid(bare(value)) else form(value)

    return check


class PassportRecognizer(KeyedRecognizer):
    """Passport numbers of any country behind a word for passport."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule(
            "PASSPORT",
            """passport, passport book, travel document, reisepass, reisepassnummer, passnummer,
            pass nr, passeport, pasaporte, passaporto, paspoort, paspoortnummer, paszport,
            paszportu, passaporte, us passport, passport card""",
            GROUPS,
            check=holds(digits=3, length=(6, 12)),
            words=3,
        ),
        # Germany's have letters among the digits, at random, and no vowels.
        rule(
            "PASSPORT",
            "passport, reisepass, reisepassnummer, passnummer, passeport, pasaporte, passaporto",
            r"[CFGHJK][CFGHJKLMNPRTVWXYZ0-9]{8}\d?D?(?!\w)",
            check=holds(digits=1, length=(9, 11)),
            words=3,
        ),
        rule("PASSPORT", "ppt, pp~no", GROUPS, check=holds(5, length=(6, 12))),
    )


class DriverLicenseRecognizer(KeyedRecognizer):
    """Driving licence numbers of any country behind a word for the licence."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule(
            "DRIVER_LICENSE",
            """drivers license, driver's license, driver license, drivers licence,
            driver's licence, driver licence, driving license, driving licence, drivers lic,
            driver lic, fuhrerschein, fuhrerscheinnummer, fuehrerschein, permis de conduire,
            permiso de conducir, carnet de conducir, licencia de conducir, patente di guida,
            rijbewijs, rijbewijsnummer, prawo jazdy, prawa jazdy, driving permit, dvla""",
            rf"(?:[A-Z9]{{5}}[ ]\d{{6}}[ ][A-Z0-9]{{2}}\d?[A-Z]{{2}}(?!\w)|{GROUPS})",
            check=holds(digits=4, length=(5, 20)),
            words=2,
        ),
        rule(
            "DRIVER_LICENSE",
            "dl no, dl number, dl, dln, cdl, operator license",
            GROUPS,
            check=holds(digits=5, length=(6, 20)),
            link=STRICT,
        ),
    )


class NationalIdRecognizer(KeyedRecognizer):
    """Numbers of identity cards, population registers and social insurance, by their names."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule(
            "NATIONAL_ID",
            """national id, national identity, national identification, national identifier,
            identity card, identity number, identification number, id card, citizen id,
            citizenship number, government id, state id, personal identity number,
            personal identity code, personal id number, personalausweis, personalausweisnummer,
            ausweisnummer, ausweis nr, carte d identite, carte nationale d identite, cni,
            carta d identita, carta identita, documento de identidad, documento nacional,
            documento d identita, cedula, cedula de identidad, identiteitskaart, identiteitsbewijs,
            numer dowodu, dowod osobisty, dowodu osobistego, personnummer, personnr, fodselsnummer,
            cpr nummer, henkilotunnus, hetu, nric, fin number, mykad, emirates id, curp, cpf,
            resident id, resident registration number, residence permit, aufenthaltstitel,
            voter id, epic no, tc kimlik, egn, cnp, oib, jmbg, amka, emso, rodne cislo""",
            GROUPS,
            check=holds(digits=4, length=(6, 20)),
            words=2,
        ),
        rule(
            "NATIONAL_ID",
            """social security, social security number, ssn, soc sec, social insurance number,
            sozialversicherungsnummer, rentenversicherungsnummer, sv nummer, versicherungsnummer,
            numero de seguridad social, numero de la seguridad social, seguridad social, nuss,
            numero de securite sociale, securite sociale, nir, numero insee""",
            GROUPS,
            check=_sure_if(lambda n: national.nir(n) or national.nss(n), 6, (8, 16)),
            words=1,
        ),
        rule(
            "NATIONAL_ID",
            "national insurance, ni number, ni no, nino, nin",
            GROUPS,
            check=_sure_if(national.nino, 6, (8, 11)),
            words=1,
        ),
        rule("NATIONAL_ID", "dni, nie, nif", GROUPS, check=_sure_if(national.dni, 6, (8, 9))),
        rule(
            "NATIONAL_ID",
            "bsn, burgerservicenummer, sofinummer, sofi nummer",
            GROUPS,
            check=_sure_if(national.bsn, 8, (8, 9)),
            words=1,
        ),
        rule("NATIONAL_ID", "pesel", GROUPS, check=_sure_if(national.pesel, 9, (10, 12)), words=1),
        rule(
            "NATIONAL_ID",
            "aadhaar, aadhar, adhaar, adhar, uidai",
            NUMBER,
            check=_sure_if(national.aadhaar, 10, (11, 16)),
            words=1,
        ),
        rule(
            "NATIONAL_ID",
            "codice fiscale, cod fisc, c.f",
            GROUPS,
            check=_sure_if(national.codice_fiscale, 5, (16, 16)),
            link=IN_LINE,
        ),
    )


def _only(valid: Check) -> Check:
    """Sure where the check digit is right; dropped where it is not."""
    return lambda value: bool(valid(bare(value)))


_FAR = r"[^\d\n]{0,80}(?<![\w.,/-])"
"""A name of a number, some words without figures, and on the same line the number itself."""


class DistantNationalIdRecognizer(KeyedRecognizer):
    """National numbers with a right check digit that are named earlier in the sentence.

    "Could you check the BSN of our new colleague Ann? I have 111222333."
    """

    RULES: ClassVar[tuple[Rule, ...]] = tuple(
        rule("NATIONAL_ID", labels, value, check=_only(valid), digit=True, link=_FAR, table=False)
        for labels, value, valid in (
            ("bsn, burgerservicenummer, sofinummer", r"\d{9}(?![\w-])", national.bsn),
            ("pesel", r"\d{11}(?![\w-])", national.pesel),
            ("dni, nie, nif", r"[XYZ]?\d{7,8}[ -]?[A-Z](?![\w-])", national.dni),
            (
                "steuer id, steuer identifikationsnummer, steueridentifikationsnummer, idnr",
                r"\d{2}[ ]?\d{3}[ ]?\d{3}[ ]?\d{3}(?![\w-])",
                national.steuer_id,
            ),
            (
                "numero de securite sociale, securite sociale, nir",
                r"[12](?:[ ]?\d){4}[ ]?[\dAB]{2}(?:[ ]?\d){8}(?![\w-])",
                national.nir,
            ),
            ("tax file number, tfn", r"\d{3}[ ]?\d{3}[ ]?\d{3}(?![\w-])", national.tfn),
            ("aadhaar, aadhar", r"\d{4}[ -]?\d{4}[ -]?\d{4}(?![\w-])", national.aadhaar),
            ("national insurance, nino", r"[A-Z]{2}(?:[ ]?\d{2}){3}[ ]?[A-D](?!\w)", national.nino),
            ("codice fiscale", r"[A-Z]{6}\w{5}[A-Z]\w{3}[A-Z](?!\w)", national.codice_fiscale),
        )
    )


def _company_or_person(number: str) -> bool | None:
    valid = (
        national.siren, national.nip, national.regon, national.partita_iva, national.abn,
        national.acn, national.tfn, national.utr, national.steuer_id, national.bsn,
    )  # fmt: skip
    return any(check(number) for check in valid)


class TaxIdRecognizer(KeyedRecognizer):
    """Tax numbers of people and of the firms they run, by their names."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule(
            "TAX_ID",
            """tax id, tax identification, tax identification number, taxpayer id, tax payer id,
            taxpayer identification number, tax number, tax no, tax file, tax file number, tfn,
            tax reference, taxpayer reference, unique taxpayer reference, employer identification,
            employer identification number, fein, itin, vat number, vat no, vat id, vat reg,
            vat registration, vatin, steuer id, steuer identifikationsnummer, steuernummer,
            steuer nr, steueridentifikationsnummer, idnr, ust id, ust idnr, umsatzsteuer id,
            numero fiscal, numero fiscale, identifiant fiscal, numero spi, siren, siret, tva intra,
            tva intracommunautaire, partita iva, p iva, piva, btw nummer, btw id, regon, gstin,
            abn, acn, cif, rfc no, rut, ust idnr""",
            GROUPS,
            check=_sure_if(_company_or_person, 5, (8, 16)),
            words=1,
        ),
        rule(
            "TAX_ID",
            "ein, tin, utr, nip, pan, permanent account number, pan card",
            GROUPS,
            check=_sure_if(
                lambda n: national.pan(n) or national.nip(n) or national.utr(n), 4, (9, 10)
            ),
        ),
    )


__all__ = [
    "DistantNationalIdRecognizer",
    "DriverLicenseRecognizer",
    "NationalIdRecognizer",
    "PassportRecognizer",
    "TaxIdRecognizer",
]
