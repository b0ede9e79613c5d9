"""Payment cards of every scheme, by issuer, length and check digit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from piirag.detection.recognizers.base import SURE, Digits, Hit, TextRecognizer
from piirag.detection.recognizers.checksums import bare, luhn
from piirag.detection.recognizers.signs import folded

# Scheme, first and last prefix, lengths. ISO/IEC 7812 leaves ranges to the schemes; these are the
# ones that the schemes' own pages give (Visa, Mastercard, American Express, Discover, Diners Club,
# JCB, UnionPay, Maestro, RuPay, Mir, Troy, Elo, Verve, UATP).
_RANGES: tuple[tuple[int, int, tuple[int, ...]], ...] = (
    (4, 4, (13, 16, 19)),
    (51, 55, (16,)),
    (2221, 2720, (16,)),
    (34, 34, (15,)),
    (37, 37, (15,)),
    (6011, 6011, (16, 17, 18, 19)),
    (644, 649, (16, 17, 18, 19)),
    (65, 65, (16, 17, 18, 19)),
    (300, 305, (14, 16)),
    (3095, 3095, (14, 16)),
    (36, 36, (14, 16)),
    (38, 39, (14, 16)),
    (3528, 3589, (16, 17, 18, 19)),
    (62, 62, (16, 17, 18, 19)),
    (81, 81, (16,)),
    (5018, 5018, (16,)),
    (5020, 5020, (16,)),
    (5038, 5038, (16,)),
    (5612, 5612, (16,)),
    (5893, 5893, (16,)),
    (6304, 6304, (16, 18, 19)),
    (6759, 6759, (16, 18, 19)),
    (6761, 6763, (16, 18, 19)),
    (2200, 2204, (16, 17, 18, 19)),
    (508, 508, (16,)),
    (60, 60, (16,)),
    (637, 639, (16,)),
    (9792, 9792, (16,)),
    (506099, 506198, (16, 18, 19)),
    (507865, 507964, (16, 18, 19)),
)
# Behind a word for a card, UATP and the older Maestro cards as well.
_OLD = ((1, 1), (50, 50), (56, 58), (6, 6))
_OLD_LENGTHS = range(12, 20)

# Groups of three digits or more: "4-6-5" and "4-4-4-4", not "0 5 3 2".
_CARD = re.compile(
    r"(?<![\w.+-])(?<!\d[ ,:])\d{3,8}(?:[ -]?\d{3,8}){1,5}(?![\w-])(?![.,:]\d)(?! ?\d)"
)
# Glued to a word for a card before it, or for its date or code behind it.
_GLUED = re.compile(
    r"(?i)(?:(?<![a-z])(?:credit|debit)?_?(?:cards?|cc|ccn|ccnum|pan|visa|master_?card|maestro|amex"
    r"|card_?n(?:o|r|um|umber))[:#=_]?|(?<![\w.+-]))(?P<number>\d{13,19})(?!\d)"
    r"(?P<behind>exp|cvv|cvc|valid)?"
)
_COMMAS = re.compile(r"(?<![\w.,+-])\d{4}(?:, ?\d{4}){3}(?![\w-])(?! ?, ?\d)(?!\.\d)")
_FEWEST, _MOST = 12, 19
_WORD = re.compile(
    r"(?<![a-z])(?:credit|debit|cards?|cc|ccn|pan|visa|master ?card|maestro|amex|american express|"
    r"discover|diners|jcb|unionpay|rupay|kreditkarte|karte|kartennummer|carte|tarjeta|carta|kaart|"
    r"karta|karty|payment|card_?number|card_?no|ccnum)(?![a-z])|card\s?n|cardn"
)
_REACH = 50
# Thirteen digits are more often an article number, seventeen and more a count of nanoseconds.
_USUAL = frozenset({14, 15, 16})


def scheme_fits(number: str) -> bool:
    """Whether prefix and length are those of a card scheme."""
    return any(
        len(number) in lengths and low <= int(number[: len(str(low))]) <= high
        for low, high, lengths in _RANGES
    )


class CardRecognizer(TextRecognizer):
    """Card numbers of twelve to nineteen digits that Presidio's pattern leaves out, and the rest.

    Without a word for a card near it, a number of an unusual length counts in groups only.
    """

    ENTITIES: ClassVar[tuple[str, ...]] = ("CREDIT_CARD",)
    gate = Digits(12, r"\d(?:(?:[ -]|, ?)?\d){11}")

    def find(self, text: str) -> Iterator[Hit]:
        """Numbers with a known prefix and a right check digit."""
        low = ""
        for match in _CARD.finditer(text):
            number = bare(match.group())
            if not _FEWEST <= len(number) <= _MOST or len(set(number)) < 2 or not luhn(number):
                continue
            fits = scheme_fits(number)
            if not (fits and (len(number) in _USUAL or not match.group().isdigit())):
                low = low or folded(text)
                before = low[max(0, match.start() - _REACH) : match.start()]
                if not (fits or _old(number)) or _WORD.search(before) is None:
                    continue
            yield Hit(*match.span(), SURE, "CREDIT_CARD", "scheme and check digit")
        for match in _GLUED.finditer(text):
            start, end = match.span("number")
            if (match.start() < start or match["behind"]) and _is_card(match["number"]):
                yield Hit(start, end, SURE, "CREDIT_CARD", "scheme and check digit")
        for match in _COMMAS.finditer(text) if "," in text else ():
            # Four numbers of four digits are a row of a table, but for a word of a card.
            low = low or folded(text)
            before = low[max(0, match.start() - _REACH) : match.start()]
            if _is_card(bare(match.group())) and (
                _WORD.search(before) or text.strip() == match.group()
            ):
                yield Hit(*match.span(), SURE, "CREDIT_CARD", "scheme and check digit")


def _is_card(number: str) -> bool:
    return len(set(number)) > 1 and luhn(number) and scheme_fits(number)


def _old(number: str) -> bool:
    return len(number) in _OLD_LENGTHS and any(
        low <= int(number[: len(str(low))]) <= high for low, high in _OLD
    )
