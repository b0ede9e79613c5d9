"""Bank accounts, sort codes, routing numbers and bank identifiers, named by a label."""

from __future__ import annotations

from typing import ClassVar

from piirag.detection.recognizers.checksums import aba, bare
from piirag.detection.recognizers.iso_countries import COUNTRIES
from piirag.detection.recognizers.keyed import (
    IN_LINE,
    NUMBER,
    KeyedRecognizer,
    Rule,
    holds,
    rule,
)

_IBAN = r"[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]{1,4}){3,8}(?![^\W_])"
_BIC = r"(?:[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?)(?![\w-])"


def _routing(value: str) -> bool | None:
    number = bare(value)
    return len(number) == 9 and number.isdigit() and aba(number)


def _bic(value: str) -> bool | None:
    return None if value[4:6] in COUNTRIES else False


def _iban(value: str) -> bool | None:
    number = bare(value)
    if not 15 <= len(number) <= 34 or number[:2] not in COUNTRIES:
        return False
    rest = int("".join(str(int(c, 36)) for c in number[4:] + number[:4])) % 97
    return True if rest == 1 else None


class BankAccountRecognizer(KeyedRecognizer):
    """Account numbers and IBANs, by a label."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule(
            "BANK_ACCOUNT",
            """account number, account no, acct number, acct no, a/c no, a/c number, acc no,
            acc number, bank account, bank account number, bank acct, checking account,
            savings account, current account, kontonummer, konto nr, kontonr, numero de compte,
            compte bancaire, numero de cuenta, cuenta bancaria, conto corrente, numero conto,
            rekeningnummer, bankrekening, nr konta, numer konta, numer rachunku, nr rachunku,
            beneficiary account, account #, acct""",
            NUMBER,
            check=holds(digits=6, length=(6, 26)),
            words=1,
        ),
        rule("BANK_ACCOUNT", "iban", _IBAN, check=_iban, words=1),
    )


class BankRoutingRecognizer(KeyedRecognizer):
    """Sort codes, routing numbers and other numbers of bank branches, by a label."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule(
            "BANK_ROUTING",
            """routing number, routing no, routing transit number, routing, aba, aba routing,
            aba number, rtn, fedwire, ach routing""",
            r"\d{4}-?\d{4}-?\d(?![\w-])",
            check=_routing,
        ),
        rule("BANK_ROUTING", "sort code, sortcode", r"\d{2}[- ]?\d{2}[- ]?\d{2}(?![\w-])"),
        rule("BANK_ROUTING", "bankleitzahl, blz", r"[1-8]\d{2}[ ]?\d{3}[ ]?\d{2}(?![\w-])"),
        rule("BANK_ROUTING", "bsb", r"\d{3}[- ]?\d{3}(?![\w-])"),
        rule("BANK_ROUTING", "ifsc", r"(?i:[A-Z]{4}0[A-Z0-9]{6})(?!\w)"),
        rule("BANK_ROUTING", "transit number", r"\d{5}(?:-\d{3})?(?![\w-])", link=IN_LINE),
    )


class SwiftCodeRecognizer(KeyedRecognizer):
    """Bank identifier codes (ISO 9362), by a label."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule("SWIFT_CODE", "bic, swift, swift code, bic/swift, swift/bic", _BIC, check=_bic),
    )
