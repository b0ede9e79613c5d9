"""Postcodes: by a label, and in the few forms that are told without one."""

from __future__ import annotations

from typing import ClassVar

from piirag.detection.recognizers.base import Contains, Digits, Form, Mixed, form
from piirag.detection.recognizers.keyed import STRICT, KeyedRecognizer, Rule, rule

# Postcode areas of the United Kingdom and its crown dependencies (Royal Mail).
_AREAS = (
    "AB AL B BA BB BD BH BL BN BR BS BT CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN DT DY "
    "E EC EH EN EX FK FY G GL GU GY HA HD HG HP HR HS HU HX IG IM IP IV JE KA KT KW KY L LA LD LE "
    "LL LN LS LU M ME MK ML N NE NG NN NP NR NW OL OX PA PE PH PL PO PR RG RH RM S SA SE SG SK SL "
    "SM SN SO SP SR SS ST SW SY TA TD TF TN TQ TR TS TW UB W WA WC WD WF WN WR WS WV YO ZE"
)
_BY_LENGTH = sorted(_AREAS.split(), key=lambda area: (-len(area), area))
_OUTWARD = rf"(?:{'|'.join(_BY_LENGTH)})\d[0-9A-HJKMNP-Y]?"
_INWARD = r"\d[ABD-HJLNP-UW-Z]{2}"
_CANADA = r"[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z]"
_CANADA_END = r"\d[ABCEGHJ-NPRSTV-Z]\d"

_STATES = (
    "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ "
    "NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY PR VI GU AS MP AA AE AP"
)

_ANY = (
    r"(?:(?i:[A-Z]{1,2}\d[A-Z\d]?[ ]?\d[A-Z]{2}|[A-Z]\d[A-Z][ -]?\d[A-Z]\d)"
    r"|[1-9]\d{3}[ ]?[A-Z]{2}|\d{5}-\d{3,4}|\d{2,3}-\d{2,4}|(?:[A-Z]{1,2}-)?\d{3}[ ]\d{2,3}"
    r"|(?:[A-Z]{1,2}-)?\d{4,7})(?![\w-])(?![.,]\d)"
)

# Of Czechia, Slovakia, Sweden and Greece; Poland; Portugal; Brazil; the Netherlands.
# "2024 EU" and "1000 AD" are years.
_GROUPED = (
    r"(?:\d{3}[ ]\d{2}|\d{2}-\d{3}|\d{4}-\d{3}|\d{5}-\d{3}"
    r"|[1-9]\d{3}[ ]?(?!AD|AM|BC|CE|ET|EU|PM|UK|US)[A-Z]{2})"
)
_TOWN = r"[A-ZÀ-ÞĀ-Ž][a-zß-ž]"


class PostcodeRecognizer(KeyedRecognizer):
    """Postcodes. They single nobody out by themselves: see `piirag.detection.quasi`.

    Without a label: British and Canadian ones, US ones behind a state, and those with the letter
    of a country before them (`D-10115 Berlin`). Five digits alone need a label.
    """

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule(
            "POSTCODE",
            """postcode, post code, postal code, postalcode, zip, zip code, zipcode, plz,
            postleitzahl, code postal, codigo postal, codice postale, postnummer,
            kod pocztowy, pincode, pin code, eircode, cep, postal/zip""",
            _ANY,
        ),
        rule("POSTCODE", "cap, c.p", r"\d{5}(?![\w-])(?![.,]\d)", link=STRICT, table=False),
    )
    FORMS: ClassVar[tuple[Form, ...]] = (
        form(
            "POSTCODE",
            # "M1 8GB" is a machine rather than a place in Manchester.
            rf"(?<![\w-]){_OUTWARD}[ ](?!\d(?:GB|TB|PB|HZ)\b){_INWARD}(?![\w-])",
            Mixed(r"\d[0-9A-Z]?[ ]\d[A-Z]{2}"),
            score=0.5,
        ),
        form(
            "POSTCODE",
            rf"(?<![\w-]){_CANADA}[ ]{_CANADA_END}(?![\w-])",
            Mixed(r"[A-Z]\d[A-Z][ ]\d[A-Z]\d"),
            score=0.5,
        ),
        form(
            "POSTCODE",
            rf"[A-Za-z.][,]?[ ](?<=[,.][ ]|[a-z][ ])(?:{'|'.join(_STATES.split())})[ ]{{1,2}}"
            r"(?P<value>\d{5}-\d{4}|(?<=[A-Za-z], [A-Z]{2} )\d{5})(?![\w-])(?![.,]\d)",
            Mixed(r"[A-Z]{2}[ ]{1,2}\d{5}"),
            score=0.5,
        ),
        form(
            "POSTCODE",
            r"(?<![\w-])(?P<value>(?:DK|NL|SE|FI|NO|CH|PL|LT|LV|EE|HU|CZ|SK|HR|SI|RO|[DAFIEBLNSP])"
            r"-(?:\d{2}-\d{3}|\d{3}[ ]\d{2}|\d{4,5}))[ ](?=[A-ZÀ-Þ][a-zß-ÿ])",
            Mixed(r"[A-Z]-\d{2}[\d -]"),
            score=0.5,
        ),
        form(  # "Teplická 47, 277 06 Kostelec", "Largo Simões, 32, 7962-224 Peso da Régua"
            "POSTCODE",
            rf"(?<=[\w.)/])(?:,[ ]?|\n)(?P<value>{_GROUPED})[ \n](?={_TOWN})",
            Digits(4, rf"[,\n][ ]?{_GROUPED}[ \n]"),
            score=0.5,
        ),
        form(  # "Mumbai 266993, INDIA"
            "POSTCODE",
            r"(?<=[a-z])[ ,-]{1,3}(?P<value>[1-9]\d{2}[ ]?\d{3})"
            r"(?=[,\s]{1,3}(?:India|INDIA)(?!\w))",
            Contains("India", "INDIA"),
            score=0.5,
        ),
        form(  # "Avenida Central, 5, Lleida, 09281, Spain"
            "POSTCODE",
            rf"(?<=[^\W\d_],[ ])(?P<value>\d{{5}})(?=,[ ](?:{_TOWN}))",
            Digits(5, r"[^\W\d_],[ ]\d{5},[ ]"),
            score=0.4,
        ),
    )
