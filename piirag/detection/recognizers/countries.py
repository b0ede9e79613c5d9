"""National numbers that Presidio has no recogniser for, found by their form and check digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from piirag.detection.recognizers import national_checks as national
from piirag.detection.recognizers.base import Form, Mixed, TextRecognizer, form
from piirag.detection.recognizers.checksums import bare
from piirag.detection.recognizers.keyed import IN_LINE, KeyedRecognizer, Rule, holds, rule


def _valid(check: Callable[[str], bool]) -> Callable[[str], bool | None]:
    return lambda value: check(bare(value))


_NINO = r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ -]?\d{2}[ -]?\d{2}[ -]?\d{2}[ -]?[A-D](?![\w-])"


class NinoRecognizer(TextRecognizer):
    """British National Insurance numbers in capitals; small letters need a label."""

    FORMS: ClassVar[tuple[Form, ...]] = (
        form(
            "UK_NINO",
            rf"(?<![\w-]){_NINO}",
            Mixed(r"\d{2}[ -]?\d{2}[ -]?\d{2}[ -]?[A-D]"),
            score=0.65,
            check=lambda value: None if national.nino(bare(value)) else False,
        ),
    )


class GbRecognizer(KeyedRecognizer):
    """Unique Taxpayer References, by a label."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule(
            "UK_UTR",
            "utr, unique taxpayer reference, taxpayer reference, self assessment",
            r"\d{5}[ ]?\d{5}K?(?![\w-])",
            check=_valid(lambda number: national.utr(number.rstrip("K"))),
            words=1,
        ),
    )


class UsRecognizer(KeyedRecognizer):
    """Employer identification numbers, by a label."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule(
            "US_EIN",
            """ein, fein, employer identification number, employer id, federal tax id, tax id,
            federal employer identification number""",
            r"\d{2}-?\d{7}(?![\w-])",
            check=lambda value: None if national.ein(bare(value)) else False,
            link=IN_LINE,
        ),
    )


_NIR = r"[1-478][ ]?\d{2}[ ]?\d{2}[ ]?(?:\d{2}|2[ABab])[ ]?\d{3}[ ]?\d{3}[ ]?\d{2}(?![\w-])"


class FrRecognizer(KeyedRecognizer):
    """French social security numbers, company numbers, identity cards and number plates."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule(
            "FR_SIREN",
            "siren, siret, rcs, tva, numero de tva, numero tva, vat, ape",
            r"(?:FR[ ]?\d{2}[ ]?)?\d{3}[ ]?\d{3}[ ]?\d{3}(?:[ ]?\d{5})?(?![\w-])",
            check=lambda value: national.siren(_without_vat(bare(value))),
            words=1,
        ),
        rule(
            "FR_CNI",
            "cni, carte nationale d identite, carte d identite, piece d identite",
            r"(?:\d{12}|[A-Z0-9]{9})(?![\w-])",
            check=holds(digits=4, length=(9, 12)),
            words=1,
        ),
    )
    FORMS: ClassVar[tuple[Form, ...]] = (
        form(
            "FR_NIR",
            rf"(?<![\w-]){_NIR}",
            r"\d[ ]?\d{2}[ ]?\d{2}[ ]?\d[\dABab][ ]?\d{3}[ ]?\d{3}[ ]?\d{2}",
            check=_valid(national.nir),
        ),
        form(
            "LICENSE_PLATE",
            r"(?<![\w-])(?!SS|WW)[A-HJ-NP-TV-Z]{2}-\d{3}-(?!SS)[A-HJ-NP-TV-Z]{2}(?![\w-])",
            Mixed(r"-\d{3}-[A-Z]{2}"),
            score=0.4,
        ),
    )


def _without_vat(number: str) -> str:
    return number[4:] if number.startswith("FR") else number


class EsRecognizer(KeyedRecognizer):
    """Spanish social security numbers: by a label, or with separators."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule(
            "ES_NSS",
            """nss, numero de seguridad social, numero de la seguridad social, seguridad social,
            nuss, numero de afiliacion, social security, social security number""",
            r"\d{2}[ /-]?\d{8}[ /-]?\d{2}(?![\w-])",
            check=_valid(national.nss),
            words=1,
        ),
    )
    FORMS: ClassVar[tuple[Form, ...]] = (
        form(
            "ES_NSS",
            r"(?<![\w/-])\d{2}([ /-])\d{8}\1\d{2}(?![\w/-])",
            r"\d{2}[ /-]\d{8}[ /-]\d{2}",
            check=_valid(national.nss),
        ),
        form(
            "ES_NIF",
            r"(?<![\w-])(?:\d{1,2}\.\d{3}\.\d{3}|[XYZ][ -]\d{7}|\d{8}[ ])[ -]?[A-Z](?![\w-])",
            r"\d{3}\.\d{3}[ -]?[A-Z]|[XYZ][ -]\d{7}|\d{8}[ ][ -]?[A-Z]",
            check=_valid(national.dni),
        ),
    )


class ItRecognizer(KeyedRecognizer):
    """Italian tax codes with letters in place of digits and in groups; VAT numbers by a label."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule(
            "IT_VAT_CODE",
            "partita iva, p iva, piva, vat, vat number, vat no, p.i",
            r"(?:IT[ ]?)?\d{11}(?![\w-])",
            check=lambda value: national.partita_iva(bare(value).removeprefix("IT")),
        ),
    )
    FORMS: ClassVar[tuple[Form, ...]] = (
        form(
            "IT_FISCAL_CODE",
            r"(?i)(?<![\w-])[A-Z]{3}[ ]?[A-Z]{3}[ ]?[\dLMNP-V]{2}[A-EHLMPRST][\dLMNP-V]{2}[ ]?"
            r"[A-Z][\dLMNP-V]{3}[A-Z](?![\w-])",
            r"(?i)[\dl-v]{2}[a-z][\dl-v]{2}[ ]?[a-z][\dl-v]{3}[a-z]",
            check=_valid(national.codice_fiscale),
        ),
    )


class NlRecognizer(KeyedRecognizer):
    """Dutch citizen service numbers and documents, by a label."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule(
            "NL_BSN",
            """bsn, burgerservicenummer, sofinummer, sofi nummer, citizen service number,
            persoonsnummer, bsn nummer""",
            r"\d(?:[ .]?\d){7,8}(?![\w-])",
            check=_valid(national.bsn),
            words=1,
        ),
        rule(
            "PASSPORT",
            "paspoort, paspoortnummer, identiteitskaart, id kaart, documentnummer",
            r"[A-NP-Z]{2}[A-NP-Z0-9]{6}\d(?![\w-])",
            words=1,
        ),
        rule(
            "NL_VAT",
            "btw, btw nummer, btw id, vat, vat number, omzetbelastingnummer",
            r"(?:NL)?\d{9}B\d{2}(?![\w-])",
            words=1,
        ),
    )


class PlRecognizer(KeyedRecognizer):
    """Polish tax and statistical numbers and identity cards."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule(
            "PL_NIP",
            "nip, numer nip, vat, vat number, tax id",
            r"(?:PL[ ]?)?\d(?:[ -]?\d){9}(?![\w-])",
            check=lambda value: national.nip(bare(value).removeprefix("PL")),
            words=1,
        ),
        rule("PL_REGON", "regon", r"\d{9}(?:\d{5})?(?![\w-])", check=_valid(national.regon)),
        rule(
            "PL_ID_CARD",
            """dowod, dowod osobisty, dowodu osobistego, dowodu, seria i numer, numer dowodu,
            identity card, id card""",
            r"[A-Z]{3}[ ]?\d{6}(?![\w-])",
            check=_valid(national.dowod),
            words=2,
        ),
    )
    FORMS: ClassVar[tuple[Form, ...]] = (
        form(
            "PL_NIP",
            r"(?<![\w-])(?:\d{3}-\d{3}-\d{2}-\d{2}|\d{3}-\d{2}-\d{2}-\d{3})(?![\w-])",
            r"\d{3}-\d{2,3}-\d{2}-\d{2}",
            check=_valid(national.nip),
        ),
    )


class InRecognizer(TextRecognizer):
    """Indian driving licences: state, office, year and serial number."""

    FORMS: ClassVar[tuple[Form, ...]] = (
        form(
            "IN_DRIVER_LICENSE",
            r"(?<![\w-])(?:A[NPRS]|BR|C[GH]|D[DLN]|G[AJ]|H[PR]|J[HK]|K[AL]|L[AD]|M[HLNPZ]|NL|O[DR]|"
            r"P[BY]|RJ|SK|T[NRS]|U[KP]|WB)[ -]?\d{2}[ -]?(?:19|20)\d{2}[ -]?\d{7}(?![\w-])",
            r"[A-Z]{2}[ -]?\d{2}[ -]?(?:19|20)\d{2}[ -]?\d{7}",
            score=0.5,
        ),
    )


def _german_document(value: str) -> bool | None:
    number = bare(value)
    return None if len(number) == 9 else national.german_document(number)


class DeRecognizer(KeyedRecognizer):
    """German tax identification and social security numbers in their printed groups, documents."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule(
            "DE_ID_CARD",
            """personalausweis, personalausweisnummer, ausweis, ausweisnummer, ausweis nr,
            identity card, id card""",
            r"[CFGHJKLMNPRTVWXYZ][CFGHJKLMNPRTVWXYZ0-9]{8}\d?(?:[ ]?<{0,2}D)?(?![\w-])",
            check=lambda value: _german_document(value.rstrip("D< ")),
            words=1,
        ),
    )
    FORMS: ClassVar[tuple[Form, ...]] = (
        form(
            "DE_TAX_ID",
            r"(?<![\w-])\d{2}[ ]\d{3}[ ]\d{3}[ ]\d{3}(?![\w-])(?![.,]\d)",
            r"\d{2}[ ]\d{3}[ ]\d{3}[ ]\d{3}",
            check=_valid(national.steuer_id),
        ),
        form(
            "DE_SOCIAL_SECURITY",
            r"(?<![\w-])\d{2}[ ]\d{6}[ ][A-Z][ ]\d{3}(?![\w-])",
            r"\d{2}[ ]\d{6}[ ][A-Z][ ]\d{3}",
            score=0.6,
        ),
    )


class AuRecognizer(KeyedRecognizer):
    """Australian tax file and Medicare numbers, by a label and in any grouping."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule("AU_TFN", "tfn, tax file number, tax file", r"\d{3}[ -]?\d{3}[ -]?\d{3}(?![\w-])",
             check=_valid(national.tfn), words=1),
        rule("AU_MEDICARE", "medicare, medicare number, medicare card, medicare no",
             r"\d{4}[ -]?\d{5}[ -]?\d(?:[ /-]?\d)?(?![\w-])", check=_valid(national.medicare),
             words=1),
        rule("AU_ABN", "abn, australian business number",
             r"\d{2}[ -]?\d{3}[ -]?\d{3}[ -]?\d{3}(?![\w-])", check=_valid(national.abn), words=1),
        rule("AU_ACN", "acn, australian company number", r"\d{3}[ -]?\d{3}[ -]?\d{3}(?![\w-])",
             check=_valid(national.acn), words=1),
    )  # fmt: skip


OURS: dict[str, tuple[type[TextRecognizer], ...]] = {
    "au": (AuRecognizer,),
    "de": (DeRecognizer,),
    "es": (EsRecognizer,),
    "fr": (FrRecognizer,),
    "gb": (GbRecognizer,),
    "in": (InRecognizer,),
    "it": (ItRecognizer,),
    "nl": (NlRecognizer,),
    "pl": (PlRecognizer,),
    "us": (UsRecognizer,),
}
